"""The project's own promises: what is packaged, what is written where."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import rtrl_lstm

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"cli": "rtrl_lstm.cli", "export": "rtrl_lstm.export"}
# Which rooms of the package a room may import; "engine" is what lies at the package's top.
MAY_IMPORT = {
    "kernels": {"kernels"},  # what they are compiled with must lie beside them: see `jit`
    "engine": {"kernels", "engine"},
    "table": {"kernels", "table"},
    "models": {"kernels", "engine", "table", "models"},
    "score": {"kernels", "engine", "table", "models", "score"},
    "river": {"kernels", "engine", "table", "models", "river"},
}
FREE = {"oslock", "wording"}  # these know nothing, and are free to all
KNOWN = (*MAY_IMPORT, *ROOMS, *FREE)
FRONT = ("__init__.py", "modelfile.py", "notebook.py")  # know all rooms
WRITTEN = ("*.md", "*.py", "*.toml", "*.txt", "Makefile", "run")


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _written_files() -> list[Path]:
    """Every text file of the project, each once, without what is built."""
    found = []
    for pattern in WRITTEN:
        for path in ROOT.rglob(pattern):
            inside = path.relative_to(ROOT).parts
            hidden = inside[0].startswith(".") and inside[0] != ".ci"
            linked = any(parent.is_symlink() for parent in path.parents if parent != ROOT)
            built = inside[0] in ("build", "dist") or any(
                part.endswith((".egg-info", "node_modules")) for part in inside
            )
            if not (hidden or linked or built):
                found.append(path)
    return found


def test_packages_are_the_folders_with_an_init() -> None:
    found = set()
    for top in ("rtrl_lstm", *ROOMS):
        for init in (ROOT / top).rglob("__init__.py"):
            inside = init.parent.relative_to(ROOT)
            if inside.parts[:2] not in [("rtrl_lstm", room) for room in ROOMS]:
                name = ".".join(inside.parts)
                found.add(ROOMS[top] + name.removeprefix(top) if top in ROOMS else name)
    assert set(_project()["tool"]["setuptools"]["packages"]) == found


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_linked_into_the_package(room: str) -> None:
    link = ROOT / "rtrl_lstm" / room
    assert link.is_symlink()
    assert link.readlink() == Path("..") / room


def _imported_rooms(path: Path) -> set[str]:
    """The rooms that a file imports when it is imported itself."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rtrl_lstm"):
            names = [f"{node.module}.{name.name}" for name in node.names]
            rooms = {name.split(".")[1] for name in names}
            found |= {room if room in KNOWN else "engine" for room in rooms}
    return found - FREE


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_data_runs_one_way(room: str) -> None:
    package = ROOT / "rtrl_lstm"
    files = list((package if room == "engine" else package / room).glob("*.py"))
    assert len(files) > 1
    for path in files:
        if room != "engine" or path.name not in FRONT:
            assert _imported_rooms(path) <= MAY_IMPORT[room], path


def test_the_version_stands_in_one_place() -> None:
    assert version("rtrl-lstm") == rtrl_lstm.__version__
    assert "version" in _project()["project"]["dynamic"]
    stated = re.compile(rf"\b{re.escape(rtrl_lstm.__version__)}\b")
    places = {
        path.relative_to(ROOT).as_posix()
        for path in _written_files()
        if stated.search(path.read_text(encoding="utf-8")) and path.name != "CHANGELOG.md"
    }
    assert places == {"rtrl_lstm/__init__.py"}


def test_the_changelog_knows_this_version() -> None:
    assert f"## {rtrl_lstm.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_nothing_names_a_path_of_one_machine() -> None:
    tops = "|".join(("work", "tmp", "root", "home", "Users"))
    own_path = re.compile(rf"(?<![\w.])/(?:{tops})/|\.\./shared")
    named = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in _written_files()
        for found in own_path.finditer(path.read_text(encoding="utf-8"))
    ]
    assert named == []


def test_files_can_be_read_in_one_sitting() -> None:
    long = [
        str(path.relative_to(ROOT))
        for path in _written_files()
        if path.suffix == ".py" and len(path.read_text(encoding="utf-8").splitlines()) > 500
    ]
    assert long == []


def test_marked_as_typed() -> None:
    assert (Path(rtrl_lstm.__file__).parent / "py.typed").exists()
