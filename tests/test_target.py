"""The target column: tasks from first values, labels, forecasts."""

import math

import pytest

from rtrl_lstm.table.target import Target
from rtrl_lstm.table.values import OTHER, BadRow, SchemaError


def target(task="auto", most=64):
    return Target("y", task, most)


def take(target, raw):
    return target.commit(target.parse(raw))


@pytest.mark.parametrize(
    ("raw", "task"),
    [
        ("12.5", "regression"), (3, "regression"), ("0", "regression"), ("1", "regression"),
        ("true", "binary"), ("FALSE", "binary"), (True, "binary"), (False, "binary"),
        ("yes", "multiclass"), ("red", "multiclass"),
    ],
)  # fmt: skip
def test_the_first_value_decides_the_task(raw, task):
    decided = target()
    assert math.isnan(take(decided, None))
    assert decided.task is None
    assert decided.output_size == 0
    take(decided, raw)
    assert decided.task == task
    assert decided.output_size == 1


def test_text_at_first_is_no_target_of_a_regression():
    with pytest.raises(SchemaError, match=r"'y' .* regression .*'red'"):
        target("regression").parse("red")


@pytest.mark.parametrize("raw", ["inf", "1e31", -1e31])
def test_numbers_too_large_are_bad_rows(raw):
    with pytest.raises(BadRow, match="too large"):
        target("regression").parse(raw)


def test_text_later_is_a_bad_row():
    numbers = target("regression")
    assert take(numbers, "1.5") == 1.5
    with pytest.raises(BadRow, match="'red' is not a number"):
        numbers.parse("red")


@pytest.mark.parametrize("pair", [("0", "1"), ("no", "YES"), ("False", "True"), (0, 1), (0.0, 1.0)])
@pytest.mark.parametrize("positive_first", [False, True])
def test_known_positives_are_class_one_whichever_comes_first(pair, positive_first):
    binary = target("binary")
    order = (1, 0) if positive_first else (0, 1)
    assert [take(binary, pair[k]) for k in order] == [float(k) for k in order]
    assert binary.classes == tuple(str(label).lower().removesuffix(".0") for label in pair)


def test_other_labels_are_classes_in_the_order_they_are_seen():
    binary = target("binary")
    assert take(binary, "malign") == 0.0
    assert binary.forecast([0.25], binary.classes) == {"malign": 0.75, OTHER: 0.25}
    assert take(binary, "benign") == 1.0
    assert binary.forecast([0.25], binary.classes) == {"malign": 0.75, "benign": 0.25}


def test_a_known_positive_may_have_an_unknown_partner():
    binary = target("binary")
    assert take(binary, "1") == 1.0
    assert take(binary, "2") == 0.0
    assert binary.classes == ("2", "1")


@pytest.mark.parametrize("labels", [("a", "b", "c"), ("0", "1", "2"), ("1", "2", "0")])
def test_a_third_label_is_a_bad_row_for_good(labels):
    binary = target("binary")
    take(binary, labels[0])
    take(binary, labels[1])
    before = binary.to_json()
    with pytest.raises(BadRow, match="neither"):
        binary.parse(labels[2])
    assert binary.to_json() == before


def test_classes_grow_up_to_a_bound_and_share_the_rest():
    classes = target("multiclass", most=3)
    assert [take(classes, raw) for raw in "abacdeb"] == [0, 1, 0, 2, 3, 3, 1]
    assert classes.classes == ("a", "b", "c", OTHER)
    assert classes.known_as(classes.parse("zebra")) == OTHER


def test_a_fixed_target_takes_no_new_label():
    classes = target("multiclass")
    take(classes, "a")
    classes.fixed = True
    assert classes.known_as(classes.parse("b")) == OTHER
    assert math.isnan(take(classes, "b"))
    assert classes.classes == ("a",)
    assert take(classes, "a") == 0.0


def test_forecasts_take_their_form_from_the_task():
    assert target("regression").forecast([2.5], ()) == 2.5
    assert target("binary").forecast([0.5], ()) is None
    assert target("multiclass").forecast([0.25, 0.75], ("a", "b")) == {"a": 0.25, "b": 0.75}


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="task must be"):
        target("ranking")
