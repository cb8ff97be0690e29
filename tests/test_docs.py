"""What README and docs tell the reader to type is typed here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import folder_on_path

from rtrl_lstm.kernels.slots import LOSSES, RULES
from rtrl_lstm.optimizers import CLIPS, OPTIMIZERS, SCHEDULES
from rtrl_lstm.spec import CELL_OPTIONS, CELLS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Typed before the package is there, or run by other means (.ci/run runs make test).
ELSEWHERE = ("make", "pip", "git", "cd")


def _scripts(page: Path) -> list[list[str]]:
    """The page's commands in order, as argument lists: `$ ` lines and Python blocks."""
    scripts = []
    for kind, body in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            scripts.append([sys.executable, "-W", "error", "-c", body])
            continue
        for typed in re.findall(r"^\$ ((?:.*\\\n)*.*)$", body, re.MULTILINE):
            if typed.split()[0] not in ELSEWHERE:
                scripts.append(["bash", "-euo", "pipefail", "-c", typed])
    return scripts


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_work(
    page: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignored)
    ours = [str(folder_on_path(tmp_path_factory.mktemp("bin"))), str(Path(sys.executable).parent)]
    path = os.pathsep.join([*ours, os.environ["PATH"]])
    for script in _scripts(page):
        done = subprocess.run(
            script,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{script[-1]}\n{done.stderr}"


def test_the_pages_hold_commands() -> None:
    assert sum(len(_scripts(page)) for page in PAGES) >= 5


def test_all_choices_are_told_of() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    kinds = [kind.__name__ for kind in (*CLIPS.values(), *SCHEDULES.values())]
    for name in (*LOSSES, *CELLS, *RULES, *OPTIMIZERS, *CELL_OPTIONS, *kinds):
        assert re.search(rf"`[^`\n]*\b{name}\b|rl\.{name}\b", text), name


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Every page is in the contents, every link and heading that is linked to is there."""
    site = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(site, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Where to go" in page
    assert not re.findall(r'(?:src|href)="https?://[^"]*\.(?:js|css|woff2?)"', page)


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in [*PAGES, ROOT / "CONTRIBUTING.md"]
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []
