"""The 1997 paper's experiments: tasks as the text says, criteria, and a runner that goes on."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rtrl_lstm as rl
from benchmarks.paper1997 import figures, nets
from benchmarks.paper1997.__main__ import main
from benchmarks.paper1997.criteria import Held, Run, Window, legal_are_highest
from benchmarks.paper1997.learning import (
    answers,
    errors,
    first,
    run,
    weights_of,
)
from benchmarks.paper1997.plain import Plain, PlainNet
from benchmarks.paper1997.report import interval, markdown, write
from benchmarks.paper1997.results import Results
from benchmarks.paper1997.rows import FARTHER, Row
from benchmarks.paper1997.tables import ROWS
from benchmarks.paper1997.tables.numbers import ORDER_NAME
from benchmarks.paper1997.tasks import (
    REBER,
    Batch,
    DelayedXor,
    Distractors,
    EmbeddedReber,
    NoiseFree,
    TemporalOrder,
    TwoMarked,
    TwoSequences,
)
from benchmarks.paper1997.trial import trial

TASKS = {row.key: row.task for row in ROWS}


def rng(seed=0):
    return np.random.default_rng(seed)


def text(batch, letters):
    return [
        "".join(letters[k] for k in batch.symbols[a : b + 1])
        for a, b in zip(batch.starts, batch.ends, strict=True)
    ]


@pytest.mark.parametrize("row", [r for r in ROWS if r.table != FARTHER], ids=lambda row: row.key)
def test_number_of_weights(row: Row):
    net = row.settings[0].net
    if not isinstance(net, Plain) and row.table != 2:
        net = net | {"recurrent": True} | nets.F  # the wiring that the paper's counts say
    assert weights_of(net, row.task) == row.weights


def test_published_numbers_of_weights():
    counted = {row.name: row.weights for row in ROWS}
    assert [counted[name] for name in ("4x1, rate 0.1", "3x2, rate 0.5", "6a", "6b")] == [
        *(264, 276, 156, 308)
    ]
    by_table = {row.table: row.weights for row in ROWS if "RTRL" not in row.name}
    assert {by_table[table] for table in (4, 5, 6)} == {102}
    assert {by_table[table] for table in (7, 8)} == {93}
    assert counted["50/50"] == 6 * 50 + 64
    assert counted["p = 100"] == counted["2b, p = 100"] == 10_504
    assert weights_of(nets.GERS, ROWS[0].task) == 424


@pytest.mark.parametrize("key", TASKS)
def test_equal_seeds_give_equal_sequences(key):
    one, same, other = (TASKS[key].batch(rng(seed), 5) for seed in (1, 1, 2))
    assert np.array_equal(one.Y, same.Y, equal_nan=True)
    assert len(one.starts) == 5
    assert np.all(one.ends >= one.starts)
    inputs = "X" if one.X is not None else "symbols"
    assert np.array_equal(getattr(one, inputs), getattr(same, inputs))
    assert not np.array_equal(getattr(one, inputs), getattr(other, inputs))
    assert one.rows == len(getattr(one, inputs))
    assert len(one.Y) == (5 if one.late else one.rows)


def test_reber_strings():
    task = EmbeddedReber(256)
    strings = [string for string, _ in task.all_strings()]
    others = [string for string, _ in EmbeddedReber(256, other=True).all_strings()]
    assert len(strings) == len(others) == 256
    assert len(set(strings)) < 128  # as often as they are drawn
    assert not set(strings) & set(others)
    assert min(map(len, strings)) == 9
    for string in strings:
        assert string[0] == "B"
        assert string[1] == string[-2]
        assert string[1] in "TP"
        assert string[2] == "B"
        assert string[-3:] in ("ETE", "EPE")
    batch = task.batch(rng(), 100)
    assert {s[:-1] for s in strings} >= set(text(batch, REBER))
    assert np.all(batch.legal[batch.Y == 1.0])  # what comes may come
    assert set(batch.legal.sum(axis=1)) == {1, 2}
    assert legal_are_highest(batch, batch.legal.astype(float)).all()
    assert not legal_are_highest(batch, batch.Y).all()


def test_noise_free_sequences():
    task = NoiseFree(10)
    batch = task.batch(rng(), 50)
    lines = text(batch, "abcdefghixy")
    assert set(lines) == {"xabcdefghi", "yabcdefghi"}
    last = "".join("abcdefghixy"[k] for k in batch.Y[batch.ends].argmax(axis=1))
    assert last == "".join(line[0] for line in lines)
    middles = {
        line[1:] for line in text(NoiseFree(10, local=False).batch(rng(), 50), "abcdefghixy")
    }
    assert len(middles) == 50
    assert not set("xy") & set("".join(middles))
    whole, late = (NoiseFree(10, False, end).batch(rng(), 50) for end in (False, True))
    assert np.array_equal(late.Y, whole.Y[whole.ends])


def test_distractors():
    batch = Distractors(50, 20).batch(rng(), 2000)
    lengths = batch.ends - batch.starts + 1
    assert lengths.min() == 53
    assert abs(np.mean(lengths - 53) - 9.0) < 0.5  # of a geometric distribution
    assert np.all(batch.symbols[batch.starts] == 20)
    assert np.all(batch.symbols[batch.ends] == 21)
    which = batch.symbols[batch.starts + 1] - 22
    assert np.array_equal(batch.Y.argmax(axis=1), which)
    assert abs(which.mean() - 0.5) < 0.05


@pytest.mark.parametrize("kind", ["a", "b", "c"])
def test_two_sequences(kind):
    task = TwoSequences(100, 3, noisy=kind == "b", noisy_targets=kind == "c")
    batch = task.batch(rng(), 4000)
    lengths = batch.ends - batch.starts + 1
    assert (lengths.min(), lengths.max()) == (100, 110)
    head = batch.X[batch.starts, 0]
    late = batch.X[batch.starts + 50, 0]
    assert abs(late.var() - 0.2) < 0.02
    if kind != "b":
        assert set(np.abs(head)) == {1.0}
    else:
        assert abs(np.mean(np.abs(head)) - 1.0) < 0.05
    target = batch.Y[:, 0]
    if kind == "c":
        assert set(batch.clean) == {0.2, 0.8}
        assert abs(np.var(target - batch.clean) - 0.1) < 0.01
    else:
        assert np.array_equal(target, batch.clean)
        assert np.mean((head > 0) == (target == 1.0)) > 0.95


@pytest.mark.parametrize("product", [False, True])
def test_two_marked(product):
    batch = TwoMarked(100, product).batch(rng(), 3000)
    for k, (begin, end) in enumerate(zip(batch.starts[:500], batch.ends[:500], strict=True)):
        u, marker = batch.X[begin : end + 1].T.astype(float)
        assert marker[0] == marker[-1] == -1.0
        marked = np.flatnonzero(marker == 1.0)
        assert 1 <= len(marked) <= 2
        assert marked[-1] < 50
        assert marked[0] < 10 or len(marked) == 1
        values = list(u[marked]) + [float(product)] * (2 - len(marked))
        wanted = np.prod(values) if product else 0.5 + sum(values) / 4
        assert np.isclose(batch.Y[k, 0], wanted, atol=1e-6)
    u = batch.X[:, 0]
    assert u.min() >= (0.0 if product else -1.0)
    assert u.max() <= 1.0


@pytest.mark.parametrize("places", [2, 3])
def test_temporal_order(places):
    batch = TemporalOrder(places).batch(rng(), 400)
    stretches = ((10, 20), (50, 60)) if places == 2 else ((10, 20), (33, 43), (66, 76))
    for line, label in zip(text(batch, "abcdXYEB"), batch.Y.argmax(1), strict=True):
        assert 100 <= len(line) <= 110
        assert line[0] == "E"
        assert line[-1] == "B"
        found = [k for k, symbol in enumerate(line) if symbol in "XY"]
        assert [low <= k <= high for k, (low, high) in zip(found, stretches, strict=True)] == (
            [True] * places
        )
        assert label == int("".join("XY".index(line[k]) * "1" or "0" for k in found), 2)
    assert len(set(batch.Y.argmax(1))) == 2**places


def test_delayed_xor():
    batch = DelayedXor(50).batch(rng(), 2000)
    marked = batch.X[:, 1] == 1.0
    bits = batch.X[marked, 0].reshape(2000, 2)
    assert np.array_equal(batch.Y[:, 0] == 1.0, bits[:, 0] != bits[:, 1])
    for column in range(2):  # neither alone says anything
        assert abs(np.mean((bits[:, column] > 0) == (batch.Y[:, 0] == 1.0)) - 0.5) < 0.05


def _batch(said):
    """One row to a sequence, whose target is 0."""
    count, said = len(said), np.array(said, float)[:, np.newaxis]
    return Batch(np.arange(count), np.zeros((count, 1)), np.zeros((count, 1), np.float32)), said


def test_a_run_of_good_sequences():
    watch = Run(0.2, length=5).watch(TwoMarked(10), rng())
    assert watch.met(*_batch([0.0, 0.1, 0.3, 0.1, 0.1]), None, 0) is None
    assert watch.met(*_batch([np.nan, 0.0, 0.0]), None, 5) is None
    assert watch.met(*_batch([0.1, 0.1, 0.1, 0.9]), None, 8) == 3  # 7 to 11 were good
    assert watch.sequences == {"sequences": 6}


def test_a_window_of_sequences():
    watch = Window(0.2, average=0.1, length=4).watch(TwoMarked(10), rng())
    assert watch.met(*_batch([0.15, 0.15, 0.15]), None, 0) is None
    assert watch.met(*_batch([0.15, 0.15]), None, 3) is None  # their average is too high
    assert watch.met(*_batch([0.0, 0.0, 0.0]), None, 5) == 2
    assert watch.sequences == {"sequences": 7}
    few = Window(0.2, wrong=2, length=3).watch(TwoMarked(10), rng())
    assert few.met(*_batch([9.0, 9.0, 0.0, 0.0]), None, 0) == 4


def test_a_held_out_set_is_looked_at_once_the_last_sequences_are_good():
    task = TwoSequences(10, 1)
    net = rl.Learner(1, 1, 1)
    net.load_state_dict({name: 0.0 * values for name, values in net.state_dict().items()})
    lax = Held(2.0, 2.0, size=4)  # which any net passes
    batch = task.batch(rng(), 3)
    said = np.full(batch.Y.shape, 9.0)
    assert lax.watch(task, rng()).met(batch, said, net, 0) == 3
    strict = dataclasses.replace(lax, recent=Window(0.2, length=3))
    assert strict.watch(task, rng()).met(batch, said, net, 0) is None
    assert strict.watch(task, rng()).met(batch, batch.Y, net, 0) == 3


def test_of_some_looks_at_a_held_out_set_the_last_finds_the_fewest_wrong():
    class Wrong:
        """A net that gets the first sequences wrong."""

        def __init__(self, count):
            self.count = count

        def answers(self, batch):
            off = np.arange(len(batch.starts)) < self.count
            return batch.Y + off[:, np.newaxis]

    task = TwoSequences(10, 1)
    batch = task.batch(rng(), 100)
    watch = Held(0.2, 1.0, wrong=10, looks=3).watch(task, rng())
    # 12 are too many, which is no look that passes; the third that does is not as good as another.
    met = [
        watch.met(batch, batch.Y, Wrong(count), 100 * k)
        for k, count in enumerate((5, 12, 4, 5, 6, 5))
    ]
    assert met == [None] * 5 + [100]
    assert watch.sequences == {"sequences": 600, "ST1": 600, "ST2": 600}


def test_errors_of_sequences():
    Y, said = np.array([[0.0], [1.0], [0.0], [0.0]]), np.array([[5.0], [0.5], [0.25], [np.nan]])
    batch = Batch(np.array([0, 2]), Y, Y.astype(np.float32))
    assert errors(batch, said, last=False).tolist() == [5.0, np.inf]
    assert errors(batch, said, last=True).tolist() == [0.5, np.inf]
    part = first(batch, 1)
    assert part.starts.tolist() == [0]
    assert part.rows == len(part.Y) == 2


@pytest.mark.parametrize("last", [False, True])
def test_errors_of_sequences_with_a_target_at_their_end(last):
    clean, noisy = np.array([0.2, 0.8]), np.array([[0.3], [0.6]])
    X = np.zeros((5, 1), np.float32)
    batch = Batch(np.array([0, 2]), noisy, X, clean=clean, late=True)
    said = np.array([[0.2], [0.5]])
    assert np.allclose(errors(batch, said, last), [0.0, 0.3] if last else [0.1, 0.1])
    assert batch.begins.tolist() == [True, False, True, False, False]
    part = first(batch, 1)
    assert part.late
    assert (part.rows, len(part.Y)) == (2, 1)


def test_answers_learn_nothing():
    task = TemporalOrder(2)
    learner = rl.Learner(8, 4, 4, optimizer="sgd", update="sequence")
    batch = task.batch(rng(), 10)
    run(learner, batch)
    before = learner.block.copy()
    assert answers(learner, batch).shape == batch.Y.shape
    assert np.array_equal(learner.block[: 8 * 26], before[: 8 * 26])


@pytest.mark.parametrize(
    ("table", "name", "cap"),
    [(3, "50/50", 11_000), (4, "T = 100, N = 3", 8_000), (9, "6a", 8_000)],
)
def test_rows_that_are_learned_in_seconds(table, name, cap):
    row = next(row for row in ROWS if (row.table, row.name) == (table, name))
    best = next(setting for setting in row.settings if setting.part == "best")
    found = trial(row, best, 0, cap)
    assert found["success"]
    assert found["sequences"] < row.published / 4
    assert found == trial(row, best, 0, cap) | {"seconds": found["seconds"]}


def naive(W, inputs, batch, outputs, rate):
    """A sequence's update by finite differences of 1/2 sum (y - target)^2; (R, O) said before."""
    said = np.empty((len(batch.Y), outputs))

    def loss(weights, a, b, keep=False):
        recurrent = weights.shape[1] - inputs
        y, total = np.zeros(len(weights)), 0.0
        for t in range(a, b):
            seen = np.concatenate([np.eye(inputs)[batch.symbols[t]], y[len(y) - recurrent :]])
            y = 1.0 / (1.0 + np.exp(-weights @ seen))
            total += 0.5 * np.sum((y[:outputs] - batch.Y[t]) ** 2)
            if keep:
                said[t] = y[:outputs]
        return total

    W = W.copy()
    for a, b in zip(batch.starts, batch.ends + 1, strict=True):
        loss(W, a, b, keep=True)
        gradient = np.zeros_like(W)
        for k in np.ndindex(W.shape):
            up, down = W.copy(), W.copy()
            up[k], down[k] = W[k] + 1e-5, W[k] - 1e-5
            gradient[k] = (loss(up, a, b) - loss(down, a, b)) / 2e-5
        W -= rate * gradient
    return W, said


@pytest.mark.parametrize("rule", ["rtrl", "bptt"])
@pytest.mark.parametrize(("units", "recurrent"), [(6, 6), (6, 1)])
def test_competitors_follow_the_gradient(rule, units, recurrent):
    batch = NoiseFree(4).batch(rng(), 3)
    net = PlainNet(Plain(5, units, recurrent, 5, rule, 0.5), seed=1)
    weights, said = naive(net.weights, 5, batch, 5, 0.5)
    asked = net.answers(first(batch, 1))
    assert np.allclose(asked, said[:4])
    assert np.allclose(net.run(batch), said, atol=1e-7)
    assert np.allclose(net.weights, weights, atol=1e-7)


def test_the_runner_goes_on_where_it_was(tmp_path, capsys):
    file = tmp_path / "found.json"
    arguments = ["9", "--part", "best", "--row", "6a", "--jobs", "1", "--json", str(file)]
    assert main([*arguments, "--trials", "1"]) == 0
    told = capsys.readouterr()
    assert f"| 9 | 6a | {ORDER_NAME} | 244 | 31,390, 100% |" in told.out
    assert told.err.startswith(f"1/1 table 9, 6a, best: {ORDER_NAME}, trial 100: ")
    (entry,) = json.loads(file.read_text())
    assert entry["success"] == 1.0
    assert entry["weights"] == 244
    assert len(entry["sequences"]) == entry["trials"] == 1
    assert main([*arguments, "--trials", "1"]) == 0
    again = capsys.readouterr()
    assert not again.err
    assert again.out == told.out


def test_trials_run_in_processes_of_their_own(tmp_path):
    """As a command: a new process imports no `__main__` of a package."""
    file = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks.paper1997", "3", "--row", "50/50", "--quick"]
    root = Path(__file__).parents[1]
    options = ["--part", "literal", "--jobs", "2", "--json", str(file)]
    done = subprocess.run(
        [*command, *options], cwd=root, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert [entry["trials"] for entry in json.loads(file.read_text())] == [1, 1, 1]
    assert sorted(line[:4] for line in done.stderr.splitlines()) == ["1/3 ", "2/3 ", "3/3 "]


def test_a_table_that_the_paper_has_not(capsys):
    assert main(["12"]) == 2
    assert capsys.readouterr().err == "no table 12: the paper's are 1 to 9, and 10 goes farther\n"


def test_what_fails_is_told_as_it_is():
    row = next(row for row in ROWS if row.key == "7 T = 100")
    results, setting = Results(), row.settings[0]
    results.add(row, setting, 500, 0, {"success": False, "seen": 500, "seconds": 1.0})
    assert "| not within 500 |  | 0/1 |" in markdown(results.of({7}), ROWS)
    for number, sequences in ((2, 30), (1, 10)):
        found = {"success": True, "sequences": sequences, "wrong": number, "seconds": 1.0}
        results.add(row, setting, 500, number, found)
    (entry,) = results.of({7})
    assert entry["numbers"] == [1, 2]
    assert entry["sequences"] == [10, 30]
    assert entry["failed"] == [0]
    assert "| 20 (0.00027 ×) | 10 - 30 | 2/3 | 1.5 (1) |" in markdown([entry], ROWS)
    low, high = interval([1.0, 2.0, 3.0, 4.0])
    assert 1.0 <= low < 2.5 < high <= 4.0


def test_figures(tmp_path):
    pytest.importorskip("matplotlib")
    row = next(row for row in ROWS if row.key == "9 6a")
    results, setting = Results(), row.settings[0]
    for number, sequences in enumerate((20_000, 30_000)):
        found = {"success": True, "sequences": sequences, "wrong": 0, "seconds": 1.0}
        curve = [(500, 0.4), (1000, 0.3 - number / 10)]
        results.add(row, setting, setting.cap, number, {**found, "curve": curve})
    (entry,) = results.of({9})
    assert entry["curve"] == [(500, 0.4), (1000, 0.3)]  # of the first trial
    figures.draw([entry], tmp_path)
    assert "multiple of the published mean" in (tmp_path / "overview.svg").read_text()
    assert "Table 9" in (tmp_path / "table9.svg").read_text()
    far = {**entry, "sequences": [90_000, 90_000]}
    assert figures.nearest([far, entry]) is entry
    assert figures.nearest([{**far, "success": 0.4}]) is None


def test_what_ten_trials_would_take():
    row = next(row for row in ROWS if row.key == "9 6a")
    results = Results()
    for number in range(2):
        results.add(row, row.settings[0], 500, number, {"success": False, "seconds": 60.0})
    told = markdown(results.of({9}), ROWS)
    assert "2 trials, 0.0 hours of one core. 10 trials of each literal setting" in told
    assert ": 5 minutes on two cores. The dearest" in told
    assert "Table 9, 6a, F, f': 10." in told


def test_the_common_setting_is_compared_with_the_best():
    row = next(row for row in ROWS if row.key == "9 6a")
    results = Results()
    for setting in row.settings:
        if setting.part in ("best", "common"):
            count = 1_000 if setting.part == "best" else 3_140
            found = {"success": True, "sequences": count, "wrong": 0, "seconds": 1.0}
            results.add(row, setting, setting.cap, 100, found)
    assert "| 3,140 (0.1 ×, 3.1 × best) |" in markdown(results.of({9}), ROWS)


def test_the_report_goes_between_its_marks(tmp_path):
    file = tmp_path / "a.md"
    file.write_text("a\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nb\n")
    write(file, "new")
    kept = "a\n<!-- measured: begin -->\n\nnew\n\n<!-- measured: end -->\nb\n"
    assert file.read_text() == kept
    file.write_text("nothing")
    with pytest.raises(ValueError, match="has no <!-- measured: begin -->"):
        write(file, "new")


def test_the_document_is_the_report_of_what_was_measured():
    root = Path(__file__).parents[1]
    measured = Results(root / "benchmarks" / "paper1997" / "measured.json")
    entries = list(measured.entries.values())
    assert f"\n\n{markdown(entries, ROWS)}\n\n" in (root / "docs" / "paper1997.md").read_text()
    known = {(row.table, row.name, s.part, s.name, s.cap) for row in ROWS for s in row.settings}
    assert known.issuperset(measured.entries)


def test_settings_have_names_of_their_own_and_nets():
    for row in ROWS:
        assert all(weights_of(setting.net, setting.task or row.task) for setting in row.settings)
        names = [(setting.part, setting.name) for setting in row.settings]
        assert len(set(names)) == len(names)
