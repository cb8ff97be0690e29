"""The comparison on real data: its split, what is scored, and that nobody looks ahead."""

import numpy as np
import pytest

from benchmarks.realdata import ablation, generated, memory, swap
from benchmarks.realdata.figures import beside_simple, draw
from benchmarks.realdata.methods import method_of
from benchmarks.realdata.run import _numbers, _pairs
from benchmarks.realdata.streams import REPORT, STREAMS
from benchmarks.realdata.table import table, verdict


def test_the_split_is_the_one_that_was_fixed():
    assert REPORT == ["brent_crude_oil", "seattle_temps", "sf_temps", "trump_approval"]
    assert all(
        STREAMS[name].half == "choose" for name in STREAMS if name.startswith(("gen", "nyc"))
    )
    assert len(STREAMS) == 28


@pytest.mark.parametrize("name", ["gen_random_walk:+1", "gen_season_shifts:+12"])
def test_the_last_value_is_scored_as_by_hand(name):
    stream, rows = STREAMS[name], STREAMS[name].read()[:300]
    y = np.array([row["y"] for row in rows])
    said = list(method_of("last value")(stream, rows, 0))
    found = _numbers(_pairs(stream, said, y.tolist()))
    off = np.abs(y[stream.horizon :] - y[: -stream.horizon])
    assert found["scored"] == len(off)
    assert found["mae"] == pytest.approx(off.mean())


@pytest.mark.parametrize("method", ["ours hidden_size=4", "seasonal"])
def test_nobody_looks_ahead(method):
    stream, rows = STREAMS["gen_season_shifts:+12"], generated.season_shifts()[:120]
    changed = rows[:100] + [{"y": 1e6} for _ in rows[100:]]
    one, other = (list(method_of(method)(stream, each, 0)) for each in (rows, changed))
    assert one[:100] == other[:100]
    assert one[100:] != other[100:]


@pytest.mark.parametrize("what", [name for name, how in ablation.WITHOUT.items() if not how[0]])
def test_what_is_taken_away_is_missing_and_comes_back(what):
    calendar = what in ("the calendar", "scaling of inputs")
    stream = STREAMS["nyc_taxi:+5" if calendar else "gen_season_shifts:+12"]
    rows = stream.read()[:150]
    whole, lacking, again = (
        list(method_of(name)(stream, rows, 0)) for name in ("ours", f"ours without {what}", "ours")
    )
    assert whole == again
    assert whole != lacking


def test_what_a_default_is_worth_is_the_error_without_it_over_the_error_with():
    streams = [STREAMS["gen_random_walk:+1"], STREAMS["gen_sea_drift:"]]

    class Measured:
        def of(self, stream, method, seed):
            error = 2.0 if method == "ours" else {"gen_sea_drift:": 2.0}.get(stream.name, 8.0)
            error *= 0.5 if method.endswith(".003 throughout") else 1.0
            return {"mae": error, "error": error}

    errors = ablation.Errors(Measured(), 2)
    assert ablation.worth(streams, "the calendar", errors) == pytest.approx(1.0)
    assert ablation.behind_best(streams, "", errors) == [0.5, 2.0]
    assert ablation.behind_best(streams, ".01 throughout", errors) == [2.0, 2.0]


def test_a_table_names_the_best_and_who_diverges():
    stream = STREAMS["gen_random_walk:+1"]
    figures = {"ours": 1.0, "last value": 0.9, "linear": 1e6}
    found = {method: [{"rows": 5, "mae": mae}] for method, mae in figures.items()}
    said = table({stream: found}, list(figures))
    assert said.splitlines()[-1].endswith("| 1 | **0.9** | diverges |")
    assert "on 0 of 1 streams" in verdict({stream: found}, "ours")
    assert "gen_random_walk:+1 (+11.1%)" in verdict({stream: found}, "ours")


def test_the_endings_change_places_half_way():
    rows, lasts = swap.stream(0)
    endings = {}
    for last, before in zip(lasts, [-2, *lasts], strict=False):
        whole = [row["symbol"] for row in rows[before + 2 : last + 1]]
        endings.setdefault((before + 2 >= swap.CHANGE, *whole[:-1]), set()).add(whole[-1])
    assert len(endings) == 16
    assert all(len(one) == 1 for one in endings.values())
    early = [key for key in endings if not key[0]]
    assert all(endings[key] != endings[(True, *key[1:])] for key in early)


def test_a_picture_shows_errors_beside_the_simple_forecast(tmp_path):
    stream = STREAMS["gen_random_walk:+1"]
    figures = {"ours": 1.0, "last value": 2.0, "linear": 4.0, "tree": 1e6}
    found = {method: [{"rows": 5, "mae": mae}] for method, mae in figures.items()}
    assert beside_simple(stream, found) == {"ours": 0.5, "linear": 2.0, "tree": 5e5}
    draw({stream: found}, tmp_path / "new" / "errors.svg")
    drawn = (tmp_path / "new" / "errors.svg").read_text()
    assert all(word in drawn for word in ("gen_random_walk:+1", "ours", "linear", "≥ 10"))


def test_memory_is_told_of_a_process_of_its_own():
    begin, most = memory.measure("gen_random_walk:+1", "last value")
    assert 10 < begin <= most < begin + 50
