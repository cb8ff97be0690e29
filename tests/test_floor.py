"""What no forecast is below: 0 for counts, or what the user says."""

import json
import math

import numpy as np
import onnxruntime
import pytest
from command_line import figures, run

from rtrl_lstm import Model, load
from rtrl_lstm.export import ModelSession, to_onnx
from rtrl_lstm.models.panel import Panel
from rtrl_lstm.table.floor import NONE, SURE, Floor
from rtrl_lstm.table.schema import SchemaError

SMALL = {"hidden_size": 4}


def sales(rows: int = 400, seed: int = 0) -> list[dict[str, float]]:
    """Counts that fall to 0 and stay there, which a forecast of numbers would often be below."""
    draw = np.random.default_rng(seed)
    waves = 12 * np.sin(np.arange(rows) / 3.7) + 4 * draw.standard_normal(rows)
    return [{"x": float(draw.standard_normal()), "sold": max(0.0, float(round(one)))}
            for one in waves]  # fmt: skip


def said(forecasts: list) -> np.ndarray:
    return np.array([math.nan if one is None else one for one in forecasts], float)


def floors_one_by_one(values: list[float], ahead: bool) -> list[float]:
    """What `take_many` returns, by `take`."""
    floor, found = Floor("auto"), []
    for value in values:
        before = floor.now
        if value == value:
            floor.take(value)
        found.append(floor.now if ahead else before)
    return found


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("odd", [None, 2.5, -1.0])
@pytest.mark.parametrize("chunk", [1, 7, 29, 30, 31, 100])
def test_many_targets_at_once_leave_the_same_floor(ahead, odd, chunk):
    values = [math.nan if k % 9 == 4 else float(k % 5) for k in range(90)]
    if odd is not None:
        values[61] = odd
    floor, found = Floor("auto"), []
    for begin in range(0, len(values), chunk):
        part = np.array(values[begin : begin + chunk])
        floors = floor.take_many(part, ahead)
        found += [NONE] * len(part) if floors is None else floors.tolist()
    assert found == floors_one_by_one(values, ahead)
    assert {0.0} < set(found)
    assert floor.now == (0.0 if odd is None else NONE)


@pytest.mark.parametrize("least", ["auto", None, 2, -1.5])
def test_it_goes_on_from_what_was_saved(least):
    floor, other = Floor(least), Floor("auto")
    for _ in range(SURE - 1):
        floor.take(3.0)
    other.restore(json.loads(json.dumps(floor.to_json())))
    for one in (floor, other):
        one.take(1.0)
    assert other.now == floor.now == {"auto": 0.0, None: NONE}.get(least, least)
    for one in (floor, other):
        one.take(-7.0)
    assert other.now == floor.now == (least if isinstance(least, float | int) else NONE)


@pytest.mark.parametrize("horizon", [0, 1, 3])
def test_forecasts_of_counts_are_not_below_0_and_nothing_else_changes(horizon):
    rows = sales()
    free = Model("sold", horizon=horizon, at_least=None, **SMALL)
    counts = Model("sold", horizon=horizon, **SMALL)
    raw, found = said(free.run(rows)), said(counts.run(rows))
    assert (raw[SURE:] < 0).sum() > 5
    late = np.arange(len(rows)) >= SURE - (horizon > 0)
    assert np.array_equal(found, np.where(late & (raw <= 0), 0.0, raw), equal_nan=True)
    assert str(counts.learner.state_dict()) == str(free.learner.state_dict())


@pytest.mark.parametrize("options", [{}, {"interval": 0.8}, {"members": 2}, {"horizon": 2}])
def test_all_ways_to_take_rows_say_the_same(options):
    rows = sales()
    rows[250]["sold"] = -1.0
    one, other, numbers = (Model("sold", **SMALL, **options) for _ in range(3))
    steps = said([one.step(row) for row in rows])
    assert (steps == 0.0).any()
    assert (steps[251:] < 0.0).any()
    assert np.array_equal(steps, said(other.run(rows)), equal_nan=True)
    found = numbers.run(rows[:20])
    while numbers.number_columns and len(found) < len(rows):
        rest = rows[len(found) :]
        values = np.array([[row[name] for name in numbers.number_columns] for row in rest])
        found += numbers.follow_numbers(values).forecasts.tolist() or numbers.run(rest[:1])
    found += numbers.run(rows[len(found) :])
    assert np.array_equal(steps, said(found), equal_nan=True)


def test_intervals_end_there_and_cover_as_many():
    rows = sales(3000)
    model = Model("sold", horizon=1, interval=0.8, **SMALL)
    found = model.run(rows)
    pairs = [(one, row["sold"]) for one, row in zip(found, rows[1:], strict=False)][100:]
    assert min(one.lower for one, _ in pairs) == 0.0
    assert all(one.lower <= one.upper for one, _ in pairs)
    assert np.mean([one.lower <= truth <= one.upper for one, truth in pairs]) > 0.75


def test_each_of_several_targets_has_its_own():
    rows = [{**row, "sun": math.sin(k)} for k, row in enumerate(sales())]
    model = Model("sold", also=["sun"], horizon=1, interval=0.9, **SMALL)
    found = [one for one in model.run(rows)[SURE:] if one is not None]
    assert min(one[0] for one in found) == 0.0 == min(one[0].lower for one in found[100:])
    assert min(one[1] for one in found) < -0.5
    both = Model("sold", also=["sun"], horizon=1, at_least=0.25, **SMALL)
    assert {min(one[k] for one in both.run(rows) if one) for k in (0, 1)} == {0.25}


def test_all_rows_ahead_have_it():
    model = Model("sold", horizon=3, every_step=True, interval=0.9, **SMALL)
    found = [one for one in model.run(sales())[SURE:] if one is not None]
    assert [min(one[k] for one in found) for k in range(3)] == [0.0] * 3


def test_each_series_has_its_own():
    rows = [{**row, "shop": "a"} for row in sales()]
    rows += [{"shop": "b", "x": 0.0, "sold": -row["sold"]} for row in rows]
    panel = Panel("sold", key="shop", horizon=1, **SMALL)
    found = said(panel.run(rows))
    assert np.nanmin(found[SURE : len(rows) // 2]) == 0.0
    assert np.nanmin(found[len(rows) // 2 :]) < 0.0


@pytest.mark.parametrize("horizon", [0, 1])
@pytest.mark.parametrize("graph", ["step", "sequence", "learner"])
def test_graphs_have_it_too(tmp_path, horizon, graph):
    rows = sales()
    model = Model("sold", horizon=horizon, **SMALL)
    model.run(rows)
    model.save(tmp_path / "m.rtrl")
    to_onnx(model, tmp_path / "m.onnx", graph)
    again = sales(seed=1)
    expected = said(load(tmp_path / "m.rtrl").frozen().run(again))
    assert (expected == 0.0).any()
    np.testing.assert_allclose(said(ModelSession(tmp_path / "m.onnx").run(again)), expected,
                               atol=1e-5)  # fmt: skip
    if graph == "step":  # one by one, as a bare session of onnxruntime would
        bare = onnxruntime.InferenceSession(tmp_path / "m.onnx")
        draws = np.random.default_rng(0).normal(size=(200, model.spec.input_size)) * 3
        y = bare.run(["y"], {"x": draws.astype(np.float32)})[0]
        assert y.min() == 0.0 < y.max()


@pytest.mark.parametrize("wrong", ["zero", float("nan"), float("inf"), True, [0]])
def test_what_it_cannot_be_is_said(wrong):
    with pytest.raises(ValueError, match="at_least must be"):
        Model("y", at_least=wrong)


@pytest.mark.parametrize("least", [np.int64(2), np.float32(2), 2, 2.0])
def test_numbers_of_any_kind_are_the_same(least):
    model = Model("sold", horizon=1, at_least=least, **SMALL)
    assert min(said(model.run(sales())[1:])) == 2.0
    assert repr(model) == repr(Model("sold", horizon=1, at_least=2, **SMALL))
    json.dumps(model.to_json())


def test_labels_have_none():
    with pytest.raises(ValueError, match="at_least is for task regression"):
        Model("y", task="binary", at_least=0)
    with pytest.raises(SchemaError, match=r"at_least .* 'y' has labels"):
        Model("y", at_least=0).run([{"x": 1, "y": "red"}, {"x": 1, "y": "blue"}])


def test_the_command_line_has_it(tmp_path):
    rows = "".join(f"{row['x']},{row['sold']:g}\n" for row in sales())
    source = tmp_path / "sales.csv"
    source.write_text("x,sold\n" + rows)
    said = {}
    for least in ("auto", "none", "0.5"):
        done = run("learn", source, "--target", "sold", "--horizon", 1, "--interval", 0.9,
                   "--at-least", least, "--predictions", f"{least}.csv", "--model",
                   f"{least}.rtrl", "--json", cwd=tmp_path)  # fmt: skip
        lines = (tmp_path / f"{least}.csv").read_text().splitlines()[150:]
        said[least] = np.array([line.split(",") for line in lines], float)
        assert figures(done)["metrics"]["mae"] > 0
    assert said["auto"][:, :2].min() == 0.0 > said["none"][:, :2].min()
    assert (said["0.5"].min(0)[:2] == 0.5).all()
    for name, least in (("auto", 0.0), ("none", -9.0)):
        done = run("predict", f"{name}.rtrl", source, "--predictions", "-", cwd=tmp_path)
        lowest = min(float(line.split(",")[0]) for line in done.stdout.splitlines()[1:])
        assert (lowest == 0.0) == (least == 0.0)
    resumed = ("learn", source, "--model", "none.rtrl", "--resume", "--at-least", "auto")
    assert "--at-least none, not auto" in run(*resumed, cwd=tmp_path, code=1).stderr
    wrong = run("learn", source, "--target", "sold", "--at-least", "x", cwd=tmp_path, code=2)
    assert "neither a number nor auto nor none" in wrong.stderr
