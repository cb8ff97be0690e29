"""The page of a report: what is in it, that it needs nothing else, and that a browser draws it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command_line import EXAMPLE, figures, run, write_csv

import rtrl_lstm as rl
from rtrl_lstm.score.packing import unpack_column

NODE = shutil.which("node")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
TAXI = ("--target", "value", "--time", "timestamp", "--horizon", 5)


class Page(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[tuple[str, str]] = []
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.said.append((self.open[-1] if self.open else "", data))

    def of(self, tag: str) -> list[str]:
        return [text for where, text in self.said if where == tag]

    @property
    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.of("script")[0])
        return found


@pytest.fixture(scope="module")
def taxi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taxi")
    rows = EXAMPLE.read_text().splitlines()[:3001]
    rows[2500] = "2014-08-22 01:30:00,</script><b>oops"
    (folder / "taxi.csv").write_text("\n".join(rows))
    done = run(
        *("learn", "taxi.csv", *TAXI, "--model", "m.rtrl", "--report", "r.html", "--json"),
        cwd=folder,
    )
    (folder / "figures.json").write_text(json.dumps(figures(done)))
    return folder


def test_it_says_what_the_figures_say(taxi: Path) -> None:
    page, said = Page(taxi / "r.html"), json.loads((taxi / "figures.json").read_text())
    assert page.open == []
    assert page.of("h1") == ["value, 5 rows ahead"]
    assert page.of("h2") == [
        "Forecast and truth",
        "Error over time",
        "Scores",
        "What the columns are worth",
        "Bad rows and changes",
        "Settings",
    ]
    assert f"{said['metrics']['mae']:,.2f}" in page.of("dd")
    assert "2,999" not in page.of("dd")
    assert "3,000" in page.of("dd")
    assert page.of("pre")[0].startswith("rtrl-lstm learn taxi.csv --target value")
    assert {"value", "timestamp: calendar", "value (last week)"} <= set(page.of("span"))


def test_numbers_of_its_charts(taxi: Path) -> None:
    drawn = Page(taxi / "r.html").figures
    stretch, errors = drawn["stretch"], drawn["errors"]
    model = rl.load(taxi / "m.rtrl")
    truths = [float(line.split(",")[1]) for line in EXAMPLE.read_text().splitlines()[2901:3001]]
    assert stretch["truth"][-105:-5] == truths
    assert stretch["truth"][-5:] == [None] * 5
    assert stretch["rows"][-1] == 3005
    assert stretch["times"][-1] - stretch["times"][-6] == 5 * 1800
    said = [unpack_column(column) for column in model.stream["history"]["last"]][3]
    assert stretch["forecast"][-5:] == pytest.approx(said[-5:], rel=1e-5)
    assert len(stretch["forecast"]) == len(stretch["truth"]) == len(stretch["rows"]) == 2005
    assert set(errors["series"]) >= {"learner", "last_value", "same_time_last_week"}
    assert 40 <= len(errors["rows"]) <= 81
    assert sum(errors["bad"]) == 1


def test_it_needs_no_network_and_is_small(taxi: Path) -> None:
    page = Page(taxi / "r.html")
    links = [value for name, value in page.attributes if name in ("src", "href", "srcset")]
    assert links == []
    outside = set(re.findall(r"(?:https?:)?//[\w.]+", page.text)) - {"http://www.w3.org"}
    assert not [address for address in outside if "." in address]
    assert "default-src 'none'" in page.text
    assert len(page.text) < 300_000


def test_what_a_row_says_is_never_markup(taxi: Path) -> None:
    page = Page(taxi / "r.html")
    assert page.text.count("</script>") == 2
    assert "<b>oops" not in page.text
    assert any("</script><b>oops" in text for _, text in page.said)


def test_a_model_file_gives_the_same_page(taxi: Path) -> None:
    run("report", "m.rtrl", "again.html", cwd=taxi)
    own, again = Page(taxi / "r.html"), Page(taxi / "again.html")
    assert own.figures == again.figures
    assert own.of("b") == again.of("b")  # what the columns are worth
    assert again.of("pre") == ["rtrl-lstm learn SOURCE --target value --time timestamp --horizon 5"]
    run("report", "m.rtrl", cwd=taxi)
    assert (taxi / "m.html").read_bytes() == (taxi / "again.html").read_bytes()


def test_a_stop_makes_no_difference(taxi: Path, tmp_path: Path) -> None:
    lines = (taxi / "taxi.csv").read_text().splitlines(keepends=True)
    (tmp_path / "taxi.csv").write_text("".join(lines[:1200]))
    run("learn", "taxi.csv", *TAXI, "--model", "m.rtrl", cwd=tmp_path)
    (tmp_path / "taxi.csv").write_text("".join(lines))
    run("learn", "taxi.csv", "--model", "m.rtrl", "--resume", cwd=tmp_path)
    assert (tmp_path / "m.rtrl").read_bytes() == (taxi / "m.rtrl").read_bytes()


@pytest.mark.parametrize("labels", ["ab", "abc", ["<i>&", "b"]])
def test_labels(labels: Any, tmp_path: Path) -> None:
    rows = [f"{k % 7},{labels[k * 7 // 3 % len(labels)]}" for k in range(300)]
    (tmp_path / "s.csv").write_text("x,y\n" + "\n".join(rows))
    run("learn", "s.csv", "--target", "y", "--report", "r.html", cwd=tmp_path)
    page = Page(tmp_path / "r.html")
    assert "Calibration" in page.of("h2")
    assert sorted(page.figures["stretch"]["names"]) == sorted(set(labels))
    assert sum(count for _, _, count in page.figures["calibration"]) > 290


def test_a_stream_of_two_rows_has_a_page_too(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("x,y\n1,2\n2,3\n")
    run("learn", "s.csv", "--target", "y", "--horizon", 3, "--report", "r.html", cwd=tmp_path)
    assert "No forecast has been scored yet." in (tmp_path / "r.html").read_text()


def test_what_is_wrong_is_said_before_anything_is_learned(tmp_path: Path) -> None:
    write_csv(tmp_path / "s.csv")
    learn = ("learn", "s.csv", "--target", "y", "--model", "m.rtrl")
    done = run(*learn, "--report", "none/r.html", cwd=tmp_path, code=1)
    assert "cannot write none/r.html: there is no folder" in done.stderr
    done = run(*learn, "--report", "s.csv", cwd=tmp_path, code=1)
    assert "s.csv would be read and written at once" in done.stderr
    assert not (tmp_path / "m.rtrl").exists()
    rl.Model(target="y").save(tmp_path / "bare.rtrl")
    done = run("report", "bare.rtrl", cwd=tmp_path, code=1)
    assert "bare.rtrl holds no figures" in done.stderr
    done = run("report", "bare.rtrl", "bare.rtrl", cwd=tmp_path, code=1)
    assert "is the model itself" in done.stderr


# Clicks "last 100" in a chart, then turns the wheel over it, and notes what is to be seen.
DRIVER = """<script>addEventListener("load", () => setTimeout(() => {
  const chart = document.getElementById("stretch"), svg = chart.querySelector("svg");
  const points = () => chart.querySelector("path.first").getAttribute("d").split(/[ML]/).length - 1;
  const seen = { charts: document.querySelectorAll("svg path").length, first: points() };
  const button = (text) =>
    [...chart.querySelectorAll("button")].find((one) => one.textContent === text);
  button("last 100").click();
  seen.clicked = points();
  button("−").click();
  seen.out = points();
  button("+").click();
  seen.back = points();
  const middle = svg.getBoundingClientRect().left + svg.clientWidth / 2;
  svg.dispatchEvent(new WheelEvent("wheel", { deltaY: -300, clientX: middle, ctrlKey: true }));
  seen.zoomed = points();
  svg.dispatchEvent(new WheelEvent("wheel", { deltaY: -300, clientX: middle }));
  seen.scrolled = points();
  svg.dispatchEvent(new PointerEvent("pointermove", { clientX: middle, pointerId: 1 }));
  seen.told = chart.querySelector(".head").textContent;
  seen.wide = document.documentElement.scrollWidth <= innerWidth;
  document.body.textContent = "seen" + JSON.stringify(seen) + "seen";
}, 300))</script>"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of every step ahead, and of several targets."""
    folder = tmp_path_factory.mktemp("several")
    rows = EXAMPLE.read_text().splitlines()[:1501]
    lines = (f"{line},{len(line) if k else 'b'}" for k, line in enumerate(rows))
    (folder / "a.csv").write_text("\n".join(lines))
    for name, options in {
        "steps": ("--target", "value", "--horizon", "1-6", "--interval", "0.9"),
        "targets": ("--target", "value,b", "--horizon", "2"),
    }.items():
        learn = ("learn", "a.csv", "--time", "timestamp", *options, "--quiet")
        run(*learn, "--model", f"{name}.rtrl", "--report", f"{name}.html", cwd=folder)
    return {name: folder / f"{name}.html" for name in ("steps", "targets")}


def test_a_page_of_every_step_ends_with_what_the_last_row_says(drawn: dict[str, Path]) -> None:
    page, model = Page(drawn["steps"]), rl.load(drawn["steps"].with_suffix(".rtrl"))
    assert page.of("h1") == ["value, 1 to 6 rows ahead"]
    assert "Error by rows ahead" in page.of("h2")
    assert "6 new inputs: value (last day), 1 to 6 ahead" in page.of("td")
    stretch, steps = page.figures["stretch"], page.figures["by-step"]
    path = model.stream["history"]["path"]
    for name, column in zip(("forecast", "lower", "upper"), zip(*path, strict=True), strict=True):
        assert stretch[name][-6:] == pytest.approx(column, rel=1e-5)
    assert stretch["truth"][-7] is not None
    assert stretch["truth"][-6:] == [None] * 6
    assert steps["rows"] == [1, 2, 3, 4, 5, 6]
    assert steps["series"]["learner"][0] < steps["series"]["learner"][5]
    assert set(steps["series"]) >= {"learner", "last_value", "same_time_last_week"}
    parts = model.stream["score"]["parts"]
    assert [name for name, _ in parts] == list("123456")
    mean = sum(steps["series"]["learner"]) / 6
    assert f"{mean:,.2f}"[:-1] in "".join(page.of("dd"))


def test_a_page_of_targets_shows_the_first_one_and_a_line_for_each(drawn: dict[str, Path]) -> None:
    page, model = Page(drawn["targets"]), rl.load(drawn["targets"].with_suffix(".rtrl"))
    assert page.of("h1") == ["value, b, 2 rows ahead"]
    assert {"Each target", "What the columns are worth"} <= set(page.of("h2"))
    truths = [float(line.split(",")[1]) for line in EXAMPLE.read_text().splitlines()[1:1501]]
    assert page.figures["stretch"]["truth"][-1502:-2] == truths
    assert page.figures["by-step"] is None
    assert {"value", "b"} <= set(page.of("th"))
    assert model.schema.forecast_names == ("value", "b")


@pytest.mark.parametrize("name", ["steps", "targets"])
def test_a_page_of_several_is_the_same_from_the_model_file(
    drawn: dict[str, Path], name: str, tmp_path: Path
) -> None:
    run("report", drawn[name].with_suffix(".rtrl"), tmp_path / "again.html", cwd=tmp_path)
    again = Page(tmp_path / "again.html")
    assert again.figures == Page(drawn[name]).figures
    assert again.of("h2") == Page(drawn[name]).of("h2")


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_the_script_of_the_pages_draws_all_charts(taxi: Path, drawn: dict[str, Path]) -> None:
    for page in (taxi / "r.html", *drawn.values()):
        stand_in = Path(__file__).parent / "page" / "stand_in.js"
        done = subprocess.run([str(NODE), stand_in, page], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        charts = {name for name, numbers in Page(page).figures.items() if numbers}
        found = json.loads(done.stdout)
        assert found.keys() == charts
        assert min(found.values()) > 10


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)")
@pytest.mark.parametrize("width", [500, 1200])
def test_a_browser_draws_it_and_zooms(taxi: Path, tmp_path: Path, width: int) -> None:
    driven = tmp_path / "driven.html"
    driven.write_text((taxi / "r.html").read_text().replace("</body>", DRIVER + "</body>"))
    done = subprocess.run(
        [
            *(str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *(f"--window-size={width},900", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--virtual-time-budget=3000", "--enable-logging=stderr", driven.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    seen = json.loads(done.stdout.split("seen")[1])
    assert seen["charts"] >= 6  # two curves of the stretch, four of the errors
    assert seen["first"] >= 300
    assert 99 <= seen["clicked"] <= 103
    assert 150 < seen["out"] < 205
    assert 95 < seen["back"] < 105
    assert 10 <= seen["zoomed"] < 80
    assert seen["scrolled"] == seen["zoomed"]  # without Ctrl the wheel is the page's
    assert re.search(r"truth [\d,]+.*row [\d,]+, 2014-", seen["told"])
    assert seen["wide"]  # nothing to scroll sideways for
