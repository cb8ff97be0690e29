"""The page of examples/browser, driven in headless Chromium: it learns what the engine learns."""

from __future__ import annotations

import contextlib
import csv
import http.client
import importlib.util
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtrl_lstm import export
from rtrl_lstm.table.timestamps import calendar_inputs, read_seconds

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MODULES = EXAMPLES / "browser" / "node_modules"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
driven = pytest.mark.skipif(
    CHROMIUM is None or not MODULES.exists(),
    reason="needs Chromium (Debian's package chromium) and npm install in examples/browser",
)

spec = importlib.util.spec_from_file_location("make", EXAMPLES / "browser" / "make.py")
assert spec is not None
assert spec.loader is not None
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)

# What every driver begins with; it says what it has seen with `post`.
TOOLS = """
import { now } from "./main.js";
const post = (path, body) => fetch(`BACK/${path}`, { method: "POST", mode: "no-cors", body });
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const until = async (true_) => { while (!true_()) await wait(10); };
const $ = (id) => document.getElementById(id);
const tiles = () => Object.fromEntries([...document.querySelectorAll("dd")].map(
  (tile) => [tile.id, tile.textContent]));
addEventListener("error", (event) => post("trouble", event.message));
addEventListener("unhandledrejection", (event) => post("trouble", String(event.reason)));
"""

TAXI = """
let saved;
URL.createObjectURL = (blob) => ((saved = blob), "data:,");
await until(() => now.run && now.run.length > 5);
$("pause").click();
await wait(100);
const paused = [now.run.length, $("pause").textContent];
await wait(300);
paused.push(now.run.length);
$("again").click();
await until(() => now.run && now.run.length > 0 && now.run.length < 5);
$("speed").value = 4;
await until(() => now.stream && now.stream.ended && now.run.length === now.stream.rows.length);
await wait(300);
HTMLAnchorElement.prototype.click = function () { saved.name = this.download; };
$("download").click();
const drawn = (id) => new Set($(id).getContext("2d").getImageData(
  0, 0, $(id).width, $(id).height).data).size;
await post("file", saved);
await post("seen", JSON.stringify({
  paused, forecasts: now.run.forecasts, tiles: tiles(), file: saved.name,
  drawn: [drawn("stretch"), drawn("errors")], trouble: $("trouble").textContent,
  fits: document.documentElement.scrollWidth <= innerWidth,
}));
"""

POINTER = """
await until(() => now.run);
$("pointer").click();
$("taxi").click();
$("pointer").click(); // the last one counts, whichever is loaded first
await until(() => now.name === "pointer" && now.run);
const move = async (seconds) => {
  const field = $("stretch"), box = field.getBoundingClientRect();
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const t = performance.now() / 1000;
    const x = box.left + box.width * (0.5 + 0.3 * Math.sin(3 * t));
    const y = box.top + box.height * (0.5 + 0.3 * Math.cos(3 * t));
    field.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y }));
    await wait(8);
  }
};
const taken = [], take = now.run.take.bind(now.run);
now.run.take = (row) => { taken.push({ reset: row.reset, truth: row.truth }); return take(row); };
await move(2);
await wait(700);
const rested = now.run.length;
await wait(300);
const still = now.run.length;
await move(1);
$("pause").click();
await wait(200);
await post("seen", JSON.stringify({
  taken, rested, still, forecasts: now.run.forecasts, tiles: tiles(),
  trouble: $("trouble").textContent,
}));
"""


class Listener(BaseHTTPRequestHandler):
    """Puts what a driver posts into its server's queue."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.put((self.path.strip("/"), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def drive(folder: Path, driver: str, width: int = 1200, seconds: float = 60) -> dict[str, bytes]:
    """Serve a copy of the page, with a driver in it, to a browser; what the driver has posted."""
    with contextlib.ExitStack() as closing:
        listener = closing.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Listener))
        listener.posted = queue.Queue()
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        closing.callback(listener.shutdown)
        back = f"http://127.0.0.1:{listener.server_port}"
        (folder / "driver.js").write_text((TOOLS + driver).replace("BACK", back))
        page = (EXAMPLES / "browser" / "index.html").read_text()
        script = '<script type="module" src="driver.js"></script></body>'
        page = page.replace("default-src 'self'", f"default-src 'self'; connect-src 'self' {back}")
        (folder / "driven.html").write_text(page.replace("</body>", script))
        address = closing.enter_context(served(folder))
        browser = subprocess.Popen(
            [
                *(str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--disable-quic", "--no-first-run", "--disable-background-networking"),
                *("--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
                *(f"--window-size={width},1200", f"--user-data-dir={folder / 'profile'}"),
                *("--remote-debugging-port=0", f"{address}/driven.html"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        closing.callback(browser.communicate)
        closing.callback(browser.terminate)
        found: dict[str, bytes] = {}
        while "seen" not in found:
            name, body = listener.posted.get(timeout=seconds)
            assert name != "trouble", body
            found[name] = body
        return found


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The page's own server; its address."""
    server = subprocess.Popen(
        ["node", "serve.js"],
        cwd=folder,
        env={**os.environ, "PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the examples; that of the page."""
    ignored = shutil.ignore_patterns("node_modules", "__pycache__")
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=ignored)
    (tmp_path / "examples" / "browser" / "node_modules").symlink_to(MODULES)
    return tmp_path / "examples" / "browser"


def taxi(count: int | None) -> tuple[np.ndarray, np.ndarray]:
    """What the page makes of the file: inputs and labels."""
    with (EXAMPLES / "nyc_taxi.csv").open(newline="") as lines:
        rows = list(islice(csv.DictReader(lines), count))
    y = np.array([float(row["value"]) for row in rows])
    stamps = [read_seconds(row["timestamp"]) for row in rows]
    X = [[v, *calendar_inputs(s + 5 * 1800)] for v, s in zip(y, stamps, strict=True)]
    return np.array(X), y


def off(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Largest difference, and root of the mean square."""
    difference = one - other
    return float(np.abs(difference).max()), float(np.sqrt((difference**2).mean()))


def learn_taxi(folder: Path, count: int | None, precision: str) -> dict[str, Any]:
    """Let the page learn so many rows of the file, all of which is checked but the forecasts."""
    if count is not None:
        path = folder.parent / "nyc_taxi.csv"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[: count + 1]))
    net = make.taxi(dtype=precision)
    if precision == "float32":
        export.to_onnx(net, folder / "taxi.onnx", graph="learner")
    posted = drive(folder, TAXI, width=500, seconds=240)
    seen: dict[str, Any] = json.loads(posted["seen"])
    assert seen["trouble"] == ""
    before, button, after = seen["paused"]
    assert (before, button) == (after, "Go on")
    assert seen["fits"]
    assert min(seen["drawn"]) > 20  # shades
    X, y = taxi(count)
    said = np.array(seen["forecasts"])[:, 0]
    assert len(said) == len(y)
    errors = np.abs(said[:-5] - y[5:]), np.abs(y[:-5] - y[5:])
    week = [f"{each[-336:].mean():,.0f}" for each in errors]
    assert [seen["tiles"]["error"], seen["tiles"]["naive"]] == week
    assert seen["tiles"]["rows"] == f"{len(y):,}"
    # What was downloaded goes on in the engine.
    assert seen["file"] == "taxi-learned.onnx"
    (folder / seen["file"]).write_bytes(posted["file"])
    learned = export.Session(folder / seen["file"], "cpu").to_learner()
    net.run(X, y)
    assert learned.steps == net.steps == len(y)
    X, y = X[:50] + 7.0, y[:50] + 7.0
    expected = net.run(X, y)
    tolerance = 1e-9 if precision == "float64" else 1e-3
    assert np.abs(learned.run(X, y) - expected).max() <= tolerance * np.abs(expected).max()
    return {"said": said}


def engine(precision: str, count: int | None) -> np.ndarray:
    X, y = taxi(count)
    found: np.ndarray = make.taxi(dtype=precision).run(X, y)[:, 0].astype(np.float64)
    return found


@driven
def test_it_learns_as_the_engine_does(folder: Path) -> None:
    said = learn_taxi(folder, 400, "float64")["said"]
    single, double = engine("float32", 400), engine("float64", 400)
    assert off(said, double)[0] < 1e-9 * np.abs(double).max()
    for found, limit in zip(off(said, single), off(single, double), strict=True):
        assert found <= limit * (1 + 1e-6)


@driven
@pytest.mark.proof
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_it_learns_the_whole_file(folder: Path, precision: str) -> None:
    """In float64 it is as far from the engine's float32 as the engine's float64 is, and no further.

    In float32 it rounds elsewhere than the engine does. Both are as far from float64, and of two
    independent errors of one size the difference is √2 of it.
    """
    said = learn_taxi(folder, None, precision)["said"]
    single, double = engine("float32", None), engine("float64", None)
    ours, theirs = off(said, single), off(single, double)
    print(f"\n{precision}: {ours} from float32, {off(said, double)} from float64; {theirs}")
    factor = 1 + 1e-6 if precision == "float64" else 2.0
    assert ours[1] <= factor * theirs[1]
    if precision == "float64":
        assert ours[0] <= factor * theirs[0]
        assert off(said, double)[0] < 1e-9 * np.abs(double).max()


@driven
def test_it_learns_a_pointers_movement(folder: Path) -> None:
    seen = json.loads(drive(folder, POINTER)["seen"])
    assert seen["trouble"] == ""
    assert seen["rested"] == seen["still"]  # a pointer that rests gives no rows
    resets = [row["reset"] for row in seen["taken"]]
    assert resets[0]
    assert sum(resets) == 2
    X, Y, path = [], [], []
    for row in seen["taken"]:
        path = [np.array(row["truth"]), *([] if row["reset"] else path)]
        far = path[0] - path[min(8, len(path) - 1)]
        X.append([*(path[0] - path[min(1, len(path) - 1)]), *far, *path[0]])
        Y.append(far if len(path) > 8 else [np.nan, np.nan])
    expected = make.pointer().run(np.array(X), np.array(Y), reset=np.array(resets))
    expected = expected + np.array([row["truth"] for row in seen["taken"]])
    assert len(expected) == len(seen["forecasts"]) >= 30
    assert np.abs(np.array(seen["forecasts"]) - expected).max() < 0.05  # pixels
    assert seen["tiles"]["rows"] == str(len(expected))


@driven
def test_its_server_hands_out_nothing_else(folder: Path) -> None:
    with served(folder) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        for path, status in {
            "/": 200,
            "/taxi.onnx": 200,
            "/nyc_taxi.csv": 200,
            "/../README.md": 404,
            "/..%2f..%2fREADME.md": 404,
            "/%ff": 400,
            "/node_modules": 404,
        }.items():
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            assert (path, response.status) == (path, status)
        connection.close()


@pytest.mark.parametrize("name", ["taxi", "pointer"])
def test_its_graphs_are_what_make_py_makes(tmp_path: Path, name: str) -> None:
    make.main(tmp_path)
    file = f"{name}.onnx"
    found, made = (export.Session(f / file, "cpu") for f in (EXAMPLES / "browser", tmp_path))
    assert found.provenance.spec == made.provenance.spec
    assert found.state.keys() == made.state.keys()
    for key, value in made.state.items():
        np.testing.assert_array_equal(found.state[key], value)
