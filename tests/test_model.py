"""Model: no look into the future, the same bits in any chunks, and honest counts."""

import copy
import dataclasses
import json
import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rtrl_lstm as rl
from rtrl_lstm.modelfile import from_bytes, to_bytes
from rtrl_lstm.models.model import Model
from rtrl_lstm.models.wanted import DEFAULTS
from rtrl_lstm.score import Prequential
from rtrl_lstm.table.schema import BadRow, SchemaError
from rtrl_lstm.table.season import LOOK_AT
from rtrl_lstm.table.timestamps import CALENDAR, calendar_inputs

SMALL_NET = {"hidden_size": 4}
SMALL = {"hidden_size": 4, "max_categories": 3}
some = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def insides(model):
    """Everything a model consists of, comparable."""
    learner = copy.copy(model.learner)
    if learner is not None:
        learner.finish()
    block = None if learner is None else (learner.spec, learner.block.tobytes())
    return json.dumps(model.to_json(), sort_keys=True), block


def shown(forecasts):
    """Forecasts and bad rows, comparable to the last bit."""
    return [repr(forecast) for forecast in forecasts]


TARGETS = {
    "regression": st.sampled_from(["1.5", "-2", "30", "", "4e3"]),
    "binary": st.sampled_from(["yes", "no", "", "maybe"]),
    "multiclass": st.sampled_from(["a", "b", "c", "d", "e", None]),
}


@st.composite
def streams(draw, least=1):
    """A task and rows of it: gaps, bad rows, new categories and classes, sequences."""
    task = draw(st.sampled_from(sorted(TARGETS)))
    row = {
        "y": TARGETS[task],
        "n": st.sampled_from(["0.5", "-3", "", "8", "bad"]),
        "colour": st.sampled_from(["red", "green", "blue", "grey", ""]),
        "id": st.sampled_from(["p", "p", "p", "q"]),
    }
    rows = draw(st.lists(st.fixed_dictionaries(row), min_size=least, max_size=25))
    first = {"y": draw(TARGETS[task]), "n": "1", "colour": "red", "id": "p"}
    return task, [first, *rows]


def model_of(task, horizon, **options):
    return Model("y", task=task, horizon=horizon, reset_on="id", **{**SMALL, **options})


@given(streams(), st.integers(0, 3), st.lists(st.integers(0, 25), max_size=4))
@some
def test_step_and_run_in_any_chunks_give_the_same_bits(stream, horizon, cuts):
    task, rows = stream
    whole, parts, steps = (model_of(task, horizon) for _ in range(3))
    expected = shown(whole.run(rows))
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    found = []
    for start, end in pairwise(edges):
        found += shown(parts.run(rows[start:end]))
        parts = copy.deepcopy(parts)
    assert found == expected
    found = []
    for row in rows:
        try:
            found.append(repr(steps.step(row)))
        except BadRow as bad:
            found.append(repr(bad))
        steps = pickle.loads(pickle.dumps(steps))
    assert found == expected
    assert insides(parts) == insides(steps) == insides(whole)


@given(streams(least=2), st.integers(0, 3), st.integers(0, 25), st.data())
@some
def test_a_forecast_depends_on_no_later_row(stream, horizon, place, data):
    task, rows = stream
    t = 1 + place % (len(rows) - 1)
    changed = list(rows)
    for k in range(t, len(rows)):
        changed[k] = {**rows[k], "n": "77", "y": data.draw(TARGETS[task])}
    if horizon == 0:
        changed[t] = {**rows[t], "y": changed[t]["y"]}
    one, other = model_of(task, horizon).run(rows), model_of(task, horizon).run(changed)
    assert shown(one[:t]) == shown(other[:t])
    bad = isinstance(one[t], BadRow) or isinstance(other[t], BadRow)
    if horizon == 0 and not bad:  # nor on the row's own target
        assert repr(one[t]) == repr(other[t])


@given(streams(), st.integers(0, 3))
@some
def test_a_bad_row_changes_nothing(stream, horizon):
    task, rows = stream
    model = model_of(task, horizon)
    for row in rows:
        before = insides(model)
        said = model.run([row])[0]
        if isinstance(said, BadRow):
            assert str(said).startswith(f"column {said.column!r}: ")
            assert insides(model) == before
            with pytest.raises(BadRow):
                model.step(row)
            assert insides(model) == before


@given(streams(), st.integers(0, 3))
@some
def test_every_row_is_counted_once(stream, horizon):
    task, rows = stream
    model, score = model_of(task, horizon), Prequential(horizon)
    score.extend(*model.follow(rows))
    found = score.summary(model.counts)
    parts = [found[name] for name in ("learned", "unlabelled", "pending", "bad_rows")]
    assert found["rows"] == score.rows == len(rows) == sum(parts)
    assert min(parts) >= 0
    assert found["pending"] == min(horizon, len(rows) - found["bad_rows"])
    assert found["learned"] == (0 if model.learner is None else model.learner.labels)


@given(streams(), st.integers(0, 3))
@some
def test_a_frozen_model_changes_no_weight_and_the_original_nothing(stream, horizon):
    task, rows = stream
    model = model_of(task, horizon)
    model.run(rows)
    before, frozen = insides(model), model.frozen()
    names = frozen.schema.input_names
    said = shown(frozen.run(rows))
    assert insides(model) == before
    assert frozen.schema.input_names == names
    assert frozen.counts["learned"] == 0
    if model.learner is not None:
        weights = model.learner.state_dict()
        for name, values in frozen.learner.state_dict().items():
            np.testing.assert_array_equal(values, weights[name])
        assert frozen.learner.scaling()["input_mean"].tolist() == (
            model.learner.scaling()["input_mean"].tolist()
        )
    stepped = model.frozen()
    again = [repr(stepped.run([row])[0]) for row in rows]
    assert again == said


@given(streams(), st.integers(0, 3))
@some
def test_what_is_saved_goes_on_in_the_same_bits(stream, horizon):
    task, rows = stream
    model = model_of(task, horizon)
    half = len(rows) // 2
    model.run(rows[:half])
    document = json.loads(json.dumps(model.to_json()))
    other = Model.from_json(document, copy.copy(model.learner))
    assert shown(other.run(rows[half:])) == shown(model.run(rows[half:]))
    assert insides(other) == insides(model)


def test_a_file_gives_the_model_back(tmp_path):
    rows = [{"t": 1800 * k, "y": math.sin(k), "c": "ab"[k % 2]} for k in range(60)]
    for name, count in (("fresh", 0), ("grown", 40)):
        model = Model("y", time="t", horizon=2, **SMALL)
        model.stream["rows"] = count
        model.run(rows[:count])
        model.save(tmp_path / name)
        other = rl.load(tmp_path / name)
        assert insides(other) == insides(model)
        assert shown(other.run(rows[count:])) == shown(model.run(rows[count:]))


def test_the_engine_gets_what_the_schema_reads():
    """A Model is its schema and a Learner, nothing more: drive both by hand."""
    rows = [{"a": math.cos(k), "y": math.sin(k)} for k in range(LOOK_AT[0] - 1)]  # no season yet
    model = Model("y", seed=3, **SMALL)
    said = model.run(rows)
    options = {**DEFAULTS, "hidden_size": 4, "seed": 3, "scale_target": True}
    net = rl.Learner(input_size=1, scale_inputs=(True,), **options)
    assert said[0] == net.step([rows[0]["a"]], rows[0]["y"])[0]
    net.grow(model.spec)
    for t in range(1, len(rows)):
        assert said[t] == net.step([rows[t]["a"], rows[t - 1]["y"]], rows[t]["y"])[0]


def test_a_forecaster_sees_the_calendar_of_the_row_it_forecasts():
    rows = [{"t": 1800.0 * k, "y": math.sin(k / 8)} for k in range(80)]
    model = Model("y", time="t", horizon=5, **SMALL)
    said = model.run(rows)
    net = rl.Forecaster(
        horizon=5, input_size=12, hidden_size=4, scale_inputs=(*[False] * len(CALENDAR), True),
        scale_target=True, combine_with=(11,),
        **{k: v for k, v in DEFAULTS.items() if k != "hidden_size"},
    )  # fmt: skip
    for k, row in enumerate(rows):
        x = [*calendar_inputs(row["t"] + 5 * 1800.0 * (k > 0)), row["y"]]
        if k == 43:
            whole = model.spec
            net.grow(dataclasses.replace(
                whole, input_size=13, scale_inputs=whole.scale_inputs[:13],
                combine_with=(11, 12), combine_only=(12,),
            ))  # fmt: skip
        if k >= 43:  # the last day of the row that is forecast
            x.append(rows[k + 5 - 48]["y"])
        if k == 48:
            net.grow(model.spec)
        if k >= 48:  # its change
            x.append(row["y"] + rows[k + 5 - 48]["y"] - rows[k - 48]["y"])
        assert said[k] == net.step(x, row["y"])[0]
    assert net.spec.combine_with == (11, 12, 13)


def test_it_learns():
    rng = np.random.default_rng(0)
    rows = [{"a": a, "y": 3 * a + 50} for a in rng.normal(size=3000)]
    model, score = Model("y", **SMALL), Prequential(0, score_from=2000)
    score.extend(*model.follow(rows))
    assert score.summary(model.counts)["metrics"]["nrmse"] < 0.2


@pytest.mark.parametrize(("task", "labels"), [("binary", "01"), ("multiclass", "abc")])
def test_it_learns_labels(task, labels):
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, len(labels), 4000)
    rows = [{"a": f"is {k}", "y": labels[k]} for k in numbers]
    model, score = Model("y", task=task, **SMALL), Prequential(0, score_from=2000)
    score.extend(*model.follow(rows))
    found = score.summary(model.counts)
    assert found["metrics"]["accuracy"] > 0.99
    assert found["metrics"]["log_loss"] < found["baselines"]["class_frequency"]["log_loss"] / 4


def test_probabilities_are_of_the_labels_known_before_and_sum_to_one():
    model = Model("y", **SMALL)
    said = model.run([{"a": 1, "y": y} for y in "aabcbdez"])
    assert said[0] is None
    assert [list(forecast) for forecast in said[1:]] == [
        ["a"],
        ["a"],
        ["a", "b"],
        ["a", "b", "c"],
        ["a", "b", "c"],
        ["a", "b", "c", "(other)"],
        ["a", "b", "c", "(other)"],
    ]
    assert all(sum(forecast.values()) == pytest.approx(1, abs=1e-6) for forecast in said[1:])


def test_until_the_task_is_known_there_is_no_forecast():
    model = Model("y", **SMALL)
    said = model.run([{"a": 1, "y": ""}, {"a": 1, "y": None}, {"a": 1, "y": 7}, {"a": 1, "y": ""}])
    assert [forecast is None for forecast in said] == [True, True, False, False]
    assert model.counts == {"rows": 4, "learned": 1, "unlabelled": 3, "pending": 0}


def test_a_table_with_nothing_but_its_target_begins_at_the_second_row():
    model = Model("y", **SMALL)
    assert model.run([{"y": 1}])[0] is None
    assert model.schema.input_size == 0
    assert isinstance(model.run([{"y": 2}])[0], float)


def test_a_table_with_nothing_but_labels_names_none_that_was_not_seen():
    model = Model("y")
    said = model.run([{"y": label} for label in "abca"])
    assert [sorted(one or {}) for one in said] == [[], ["a"], ["a", "b"], ["a", "b", "c"]]
    assert sum(said[-1].values()) == pytest.approx(1.0)


def test_labels_that_come_from_another_sequence_are_not_learned():
    model = Model("y", horizon=2, reset_on="id", **SMALL)
    model.run([{"id": k, "y": 1.0} for k in "aaaaabbb"])
    # Rows 1 to 3 of a and 1 of b are answered in their own sequence, 2 wait, 2 never will be.
    assert model.counts == {"rows": 8, "learned": 4, "unlabelled": 2, "pending": 2}


def test_text_as_the_target_of_a_regression_is_one_clear_line():
    model = Model("y", task="regression", **SMALL)
    with pytest.raises(SchemaError, match=r"column 'y' .* regression .* 'red'"):
        model.step({"a": 1, "y": "red"})


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "huber"},
        {"units": 3},
        {"input_size": 2},
        {"scale_target": False},
        {"output_activation": "identity"},
        {"sparse_inputs": True},
    ],
)
def test_options_it_does_not_have_are_named(options):
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        Model("y", **options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"hidden_size": 0}, "hidden_size"),
        ({"horizon": True}, "horizon"),
        ({"horizon": 2.0}, "horizon"),
        ({"members": 0}, "members"),
        ({"max_gap": 0}, "max_gap"),
        ({"max_categories": 1}, "max_categories"),
        ({"interval": "0.9"}, "interval"),
        ({"interval": 90}, "interval"),
        ({"huber_delta": 2.0}, "huber_delta"),
        ({"start": 3}, "start must be a Learner"),
        ({"update": "sequence"}, "update 'sequence' .* needs reset_on"),
        ({"target": None}, "target"),
        ({"time": ["day"]}, "time must be the name of one column"),
        ({"weight": {"w"}}, "weight must be the name of one column"),
    ],
    ids=str,
)
def test_options_out_of_range_are_refused_before_the_first_row(options, named):
    with pytest.raises(ValueError, match=named):
        Model(**({"target": "y"} | options))


def test_whole_numbers_of_numpy_are_whole_numbers(tmp_path):
    two = np.int64(2)
    model = Model("y", horizon=two, members=two, max_categories=two, max_gap=two, **SMALL_NET)
    rows = [{"y": float(k % 5)} for k in range(20)]
    model.run(rows)
    model.save(tmp_path / "m.rtrl")
    mine = Model("y", horizon=2, members=2, max_categories=2, max_gap=2, **SMALL_NET)
    mine.run(rows)
    assert (tmp_path / "m.rtrl").read_bytes() == to_bytes(mine)
    assert rl.Panel("y", key="k", max_keys=two).max_keys == 2
    assert rl.Delayed("y", id="i", max_delay=two).max_delay == 2


def test_sums_over_sequences_are_learned_where_they_end():
    model = Model("y", reset_on="s", update="sequence", **SMALL_NET)
    model.run([{"x": k % 3, "s": k // 10, "y": float(k % 5)} for k in range(40)])
    fresh = rl.Learner(**{f.name: getattr(model.spec, f.name) for f in dataclasses.fields(rl.Spec)})
    assert not np.array_equal(
        model.learner.state_dict()["readout.weight"], fresh.state_dict()["readout.weight"]
    )


class Series(dict):
    """A row as a DataFrame gives it: to list it gives the values."""

    def __iter__(self):
        return iter(self.values())


def test_rows_of_a_dataframe():
    rows = [{"x": k % 3, "y": float(k % 5)} for k in range(20)]
    expected = Model("y", **SMALL_NET).run(rows)
    assert [*map(Model("y", **SMALL_NET).step, map(Series, rows))] == expected
    panel, late = rl.Panel("y", key="x", **SMALL_NET), rl.Delayed("y", id="x", **SMALL_NET)
    for model in (Model("y"), panel, late):
        for no_row in ("y", None, [1.0, 2.0]):
            with pytest.raises(TypeError, match=r"a row is a dict .* df.to_dict\('records'\)"):
                model.run([no_row])
    model = Model("y", **SMALL_NET)
    model.run(rows)
    with pytest.raises(TypeError, match="a row is a dict"):
        model.step([1.0, 2.0])


def test_names_of_further_targets_are_a_list():
    with pytest.raises(ValueError, match="also must be a list"):
        Model("y", also="load")


def test_it_shows_what_was_asked_for():
    model = Model("y", time="t", horizon=3, interval=0.9, learning_rate="auto", cell="gru")
    assert repr(model) == (
        "Model(target='y', time='t', horizon=3, interval=0.9, cell='gru', learning_rate='auto', "
        "schedule=None)"
    )
    several = Model("y", also=["z"], task="regression", bias=False)
    for model in (Model("y", members=2, optimizer="sgd"), several):
        assert repr(eval(repr(model), {"Model": Model, "SGD": rl.SGD})) == repr(model)
    assert repr(from_bytes(to_bytes(model))) == repr(model)
    assert repr(rl.Panel("y", key="k")) == "Panel(target='y', key='k')"
    assert repr(rl.Delayed("y", id="i", dtype="float64")) == (
        "Delayed(target='y', id='i', dtype='float64')"
    )


def test_rows_before_a_broken_one_are_learned_from():
    model = Model("y", task="regression", **SMALL)
    with pytest.raises(SchemaError):
        model.run([{"a": 1, "y": None}, {"a": 2, "y": None}, {"a": 3, "y": "red"}])
    assert model.counts["rows"] == 2
    assert model.learner.steps == 2


@pytest.mark.parametrize(("columns", "rate"), [(1, 1e-2), (32, 1e-2), (128, 5e-3)])
def test_the_default_rate_is_less_with_many_columns(columns, rate):
    row = {"y": 1.0, **{f"x{k}": 0.5 for k in range(columns)}}
    for members in (1, 2):
        model = Model("y", members=members)
        model.step(row)
        assert [one.spec.learning_rate for one in model.learners] == [rate] * members
        assert from_bytes(to_bytes(model)).learners[-1].learning_rate == pytest.approx(rate)
    given = Model("y", learning_rate=1e-2)
    given.step(row)
    assert given.spec.learning_rate == 1e-2


def test_many_columns_do_not_drown_the_few_that_count():
    X = np.random.default_rng(0).normal(size=(1500, 300))
    y = X[:, :3].sum(axis=1)
    rows = [{"y": t, **{f"x{k}": v for k, v in enumerate(x)}} for t, x in zip(y, X, strict=True)]
    said = np.array(Model("y").run(rows))
    late = slice(1000, None)
    assert np.std(said[late] - y[late]) < 0.5 * y.std()
