"""Rows of a table as inputs and labels: columns, growth, missing values, sequences."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtrl_lstm.table.schema import BadRow, Schema, SchemaError
from rtrl_lstm.table.timestamps import CALENDAR, calendar_inputs
from rtrl_lstm.table.values import OTHER


def named(schema, reading):
    """Inputs by name; those a row did not have yet are left out."""
    return dict(zip(schema.input_names, reading.inputs, strict=False))


def saved(schema):
    return json.dumps(schema.to_json(), sort_keys=True)


def test_every_column_of_the_first_row_is_a_feature():
    schema = Schema("y", time="t", reset_on="id", horizon=1)
    schema.read({"t": "2014-07-01", "id": 7, "a": "1", "y": "2", "colour": "red"})
    assert schema.input_names == (*(f"t: {name}" for name in CALENDAR), "y", "a", "colour=red")
    assert schema.scaled_inputs == (*[False] * len(CALENDAR), True, True, False)
    schema.read({"t": "2014-07-02", "id": 7, "a": "1", "y": "2", "late": "9"})
    assert schema.input_size == len(CALENDAR) + 3


def test_features_may_be_chosen():
    schema = Schema("y", features=["b"])
    reading = schema.read({"a": 1, "b": 2, "y": 3})
    assert named(schema, reading) == {"b": 2.0}
    assert reading.label == reading.truth == 3.0


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [("close", "Close/Last"), ("total", "order.total"), ("volme", "Volume"), ("OPEN", "Open"),
     ("order", None), ("st", None), ("zebra", None)],
)  # fmt: skip
def test_the_column_that_was_probably_meant(wanted, meant):
    names = ("Date", "Close/Last", "Volume", "Open", "order.total", "order.id")
    said = rf" \(did you mean '{meant}'\?\);" if meant else ";"
    with pytest.raises(SchemaError, match=f"no column '{wanted}'{said} there are: Date"):
        Schema(wanted).read(dict.fromkeys(names, 1.0))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"target": "z"}, "z"),
        ({"target": "y", "time": "when"}, "when"),
        ({"target": "y", "reset_on": "id"}, "id"),
        ({"target": "y", "features": ["a", "c"]}, "c"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(arguments, name):
    schema = Schema(**arguments)
    with pytest.raises(SchemaError, match=f"no column '{name}'; there are: a, y"):
        schema.read({"a": 1, "y": 2})


@pytest.mark.parametrize(
    "arguments",
    [
        {"features": "a"},
        {"features": ["a", "y"]},
        {"time": "y"},
        {"reset_on": "y"},
        {"horizon": -1},
        {"horizon": 1.5},
        {"max_categories": 1},
        {"task": "ranking"},
    ],
)
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=r"\w"):
        Schema("y", **arguments)


def test_what_was_meant_is_said_and_no_list_is_endless():
    with pytest.raises(ValueError, match=r"one column, not \['a', 'b'\]: also names more"):
        Schema(["a", "b"])
    with pytest.raises(SchemaError, match=r"no column 'Y' \(did you mean 'y'\?\); there are: y"):
        Schema("Y").read({"y": 1})
    with pytest.raises(SchemaError, match=r"30, 31, \.\.\. \(500 in all\)$"):
        Schema("y").read(dict.fromkeys(map(str, range(500)), 1))


def test_columns_can_be_checked_ahead():
    schema = Schema("y", time="t")
    schema.read({"t": "2014-07-01", "a": 1, "y": 2})
    schema.check_columns(["t", "a", "more"], target=False)
    with pytest.raises(SchemaError, match="no column 'y'"):
        schema.check_columns(["t", "a"], target=True)
    with pytest.raises(SchemaError, match="no column 'a'"):
        schema.check_columns(["t", "y"], target=True)


def test_the_target_of_the_row_before_is_an_input_at_horizon_0():
    schema = Schema("y")
    labels = [3.0, None, 5.0, 6.0]
    seen = [named(schema, schema.read({"a": 0, "y": y})) for y in labels]
    assert seen[0] == {"a": 0.0}
    assert seen[1] == {"a": 0.0, "y[t-1]": 3.0}
    assert seen[2] == {"a": 0.0, "y[t-1]": 3.0, "y[t-1] is missing": 1.0}
    assert seen[3] == {"a": 0.0, "y[t-1]": 5.0, "y[t-1] is missing": 0.0}


def test_the_own_target_is_an_input_from_horizon_1_on():
    schema = Schema("y", horizon=2)
    labels = [3.0, None, 5.0]
    seen = [named(schema, schema.read({"a": 0, "y": y})) for y in labels]
    assert seen[0] == {"y": 3.0, "a": 0.0}
    assert seen[1] == {"y": 3.0, "a": 0.0, "y is missing": 1.0}
    assert seen[2] == {"y": 5.0, "a": 0.0, "y is missing": 0.0}


def test_labels_of_classes_are_inputs_slot_by_slot():
    schema = Schema("y", horizon=1)
    seen = [named(schema, schema.read({"y": y})) for y in ("up", "down", None, "up")]
    assert seen[1] == {"y=up": 0.0, "y=down": 1.0}
    assert seen[2] == {"y=up": 0.0, "y=down": 0.0}
    assert seen[3] == {"y=up": 1.0, "y=down": 0.0}


def test_a_missing_number_is_the_running_mean_and_a_flag():
    schema = Schema("y")
    raws = ["2", "4", "", "NA", None, "9", float("nan")]
    rows = [named(schema, schema.read({"a": raw, "y": None})) for raw in raws]
    assert [row["a"] for row in rows] == [2.0, 4.0, 3.0, 3.0, 3.0, 9.0, 5.0]
    assert [row.get("a is missing") for row in rows] == [None, None, 1.0, 1.0, 1.0, 0.0, 1.0]


def test_the_first_value_decides_what_a_column_is():
    schema = Schema("y")
    row = {"a": None, "b": "", "y": 0}
    assert schema.read(row).inputs == []
    schema.read({**row, "a": "red"})
    schema.read({**row, "b": "7"})
    assert schema.input_names == ("y[t-1]", "a=red", "b")
    assert named(schema, schema.read({**row, "a": 3}))["a=3"] == 1.0
    with pytest.raises(BadRow, match="column 'b': 'seven' is not a number"):
        schema.read({**row, "b": "seven"})


def test_text_is_no_number_for_pythons_underscores():
    schema = Schema("y")
    schema.read({"a": "2023_07", "b": "2023", "y": 0})
    assert "a=2023_07" in schema.input_names
    with pytest.raises(BadRow, match="'2_023' is not a number"):
        schema.read({"a": "x", "b": "2_023", "y": 0})


def test_labels_are_the_same_from_csv_and_json():
    schema = Schema("y")
    for raw in ("red", True, "true", 3.0, "3", " red "):
        schema.read({"a": raw, "y": None})
    assert schema.input_names == ("a=red", "a=true", "a=3")


def test_categories_beyond_the_bound_share_one_slot():
    schema = Schema("y", max_categories=2)
    seen = [named(schema, schema.read({"a": raw, "y": None})) for raw in "xyzwx"]
    assert schema.input_names == ("a=x", "a=y", f"a={OTHER}")
    assert seen[2] == seen[3] == {"a=x": 0.0, "a=y": 0.0, f"a={OTHER}": 1.0}
    assert seen[4] == {"a=x": 1.0, "a=y": 0.0, f"a={OTHER}": 0.0}


@pytest.mark.parametrize("horizon", [0, 1, 5])
def test_calendar_inputs_are_those_of_the_row_that_is_forecast(horizon):
    schema = Schema("y", time="t", horizon=horizon)
    start = 1404172800.0
    for k in range(20):
        reading = schema.read({"t": start + 1800 * k, "y": k})
        ahead = horizon * 1800 * (k > 0)
        assert reading.inputs[: len(CALENDAR)] == calendar_inputs(start + 1800 * k + ahead)
        assert reading.seconds == start + 1800 * k


def test_a_sequence_begins_where_the_column_changes_and_does_not_know_the_last_target():
    schema = Schema("y", reset_on="id")
    ids = ["a", "a", "b", "", None, "b"]
    rows = [schema.read({"id": k, "y": 4.0}) for k in ids]
    assert [row.reset for row in rows] == [False, False, True, True, False, True]
    assert named(schema, rows[2]) == {"y[t-1]": 4.0, "y[t-1] is missing": 1.0}


@pytest.mark.parametrize("horizon", [0, 1])
def test_a_target_that_is_missing_or_of_another_sequence_is_the_last_one_known(horizon):
    schema = Schema("y", reset_on="id", horizon=horizon)
    rows = [("a", 2), ("a", 4), ("a", None), ("a", None), ("b", 9), ("b", 5), ("c", None)]
    own = "y" if horizon else "y[t-1]"
    seen = [named(schema, schema.read({"id": k, "y": y})) for k, y in rows]
    seen.append(named(schema, schema.read({"id": "c", "y": None})))
    assert [row.get(own) for row in seen[1 - horizon :]] == (
        [2, 4, 4, 4, 9, 5, 5, 5] if horizon else [2, 4, 4, 4, 9, 5, 5]
    )
    flags = [row.get(f"{own} is missing") for row in seen[1 - horizon :]]
    assert flags[-7:] == ([None, 1, 1, 0, 0, 1, 1] if horizon else [None, None, 1, 1, 0, 1, 1])


def test_the_forecast_of_a_row_knows_the_classes_before_it():
    schema = Schema("y")
    assert [schema.read({"y": y}).classes for y in "aab"] == [(), ("a",), ("a",)]
    ahead = Schema("y", horizon=1)
    assert [ahead.read({"y": y}).classes for y in "aab"] == [("a",), ("a",), ("a", "b")]


BAD = st.sampled_from(
    [
        {"t": "noon"},
        {"t": None},
        {"n": "text"},
        {"n": "inf"},
        {"n": "1e40"},
        {"n": [1]},
        {"y": "text"},
        {"y": "-1e40"},
        {"colour": ["red"]},
        {"id": {}},
    ]
)


@given(BAD, st.integers(0, 2))
def test_a_bad_row_changes_nothing(change, horizon):
    schema = Schema("y", time="t", reset_on="id", horizon=horizon)
    row = {"t": "2014-07-01", "id": 1, "n": "1", "colour": "red", "y": "3"}
    schema.read(row)
    before = saved(schema)
    new = {"t": "2014-07-02", "id": 2, "n": None, "colour": "green", "y": None, **change}
    with pytest.raises(BadRow) as caught:
        schema.read(new)
    assert [caught.value.column] == list(change)
    assert str(caught.value).count("\n") == 0
    assert saved(schema) == before


def test_a_first_row_that_cannot_be_read_leaves_no_trace():
    schema = Schema("y", time="t")
    before = saved(schema)
    with pytest.raises(BadRow):
        schema.read({"t": None, "a": 1, "y": 2})
    assert saved(schema) == before


ROWS = st.lists(
    st.fixed_dictionaries(
        {"y": st.none() | st.floats(-9, 9), "id": st.sampled_from("ab")},
        optional={
            "n": st.none() | st.integers(-3, 3) | st.sampled_from(["", "2.5"]),
            "colour": st.none() | st.sampled_from(["red", "green", "blue", "grey"]),
            "t": st.none() | st.integers(0, 10**9),
        },
    ),
    min_size=1,
    max_size=20,
)


@given(ROWS, st.integers(0, 2))
def test_what_is_saved_goes_on_as_if_nothing_had_happened(rows, horizon):
    asked = {"time": "t", "reset_on": "id", "horizon": horizon, "max_categories": 2}
    schema = Schema("y", features=["n", "colour"], **asked)
    other = Schema("y", features=["n", "colour"], **asked)
    schema.read({"y": 1, "id": "a", "n": 1, "colour": None, "t": 5})
    other.read({"y": 1, "id": "a", "n": 1, "colour": None, "t": 5})
    for row in rows:
        other = Schema.from_json(json.loads(saved(other)))
        try:
            expected = schema.read(row)
        except BadRow:
            with pytest.raises(BadRow):
                other.read(row)
            continue
        assert repr(other.read(row)) == repr(expected)  # NaN is not equal to itself
        assert len(expected.inputs) == schema.input_size == len(schema.input_names)
        assert all(math.isfinite(value) for value in expected.inputs)
    assert saved(other) == saved(schema)


@given(ROWS)
def test_a_frozen_schema_never_grows_and_time_goes_on(rows):
    schema = Schema("y", features=["n", "colour"], reset_on="id", max_categories=2)
    schema.read({"y": 1, "id": "a", "n": 1, "colour": "red"})
    schema.read({"y": 3, "id": "a", "n": 2, "colour": "green"})
    before, names = saved(schema), schema.input_names
    frozen = schema.frozen()
    for row in rows:
        reading = named(frozen, frozen.read(row))
        assert tuple(reading) == names
        assert reading["n"] == (1.5 if row.get("n") in (None, "") else float(row["n"]))
        assert reading["colour=red"] == float(row.get("colour") == "red")
    assert frozen.input_names == names
    assert saved(schema) == before
    known = [3, *(row["y"] for row in rows if row["y"] is not None)]
    assert named(frozen, frozen.read({"id": rows[-1]["id"]}))["y[t-1]"] == known[-1]


def test_a_frozen_schema_uses_the_shared_slot_where_there_is_one():
    schema = Schema("y", max_categories=2)
    for raw in "xyz":
        schema.read({"a": raw, "y": None})
    frozen = schema.frozen()
    assert named(frozen, frozen.read({"a": "new", "y": None}))[f"a={OTHER}"] == 1.0
