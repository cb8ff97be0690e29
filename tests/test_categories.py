"""Categories: places go to values that come often."""

import json

import numpy as np
import pytest

from rtrl_lstm.models.model import Model
from rtrl_lstm.table.categories import Categories
from rtrl_lstm.table.values import OTHER


def taken(most, values):
    kept = Categories(most)
    return [kept.take(value) for value in values]


def test_the_first_values_have_a_place_each_and_others_wait():
    assert taken(2, "abca") == [("a", None), ("b", None), (OTHER, None), ("a", None)]


def test_a_value_seen_more_than_twice_as_often_takes_the_place_of_the_one_seen_least():
    assert taken(2, "aabccc")[-2:] == [(OTHER, None), ("c", "b")]
    assert taken(2, "aabbcccc")[-1] == (OTHER, None)
    assert taken(2, "aabbccccc")[-1] == ("c", "a")


def test_who_lost_its_place_waits_like_others():
    found = taken(1, "abbba")
    assert found[3:] == [("b", "a"), (OTHER, None)]


def test_what_other_values_are_called_is_no_value():
    assert taken(1, [OTHER, "a", OTHER]) == [(OTHER, None), ("a", None), (OTHER, None)]


def test_one_offs_cost_no_memory_and_do_not_hide_who_comes_often():
    kept, rng, names = Categories(8), np.random.default_rng(0), []
    for k in range(8):
        kept.take(f"first {k}")
    for t in range(5000):
        names.append(kept.take("often" if rng.random() < 0.3 else f"noise {t}")[0])
    assert "often" in names[:40]
    assert not any(name.startswith("noise") for name in names)
    assert len(json.dumps(kept.to_json())) < 1000


def test_a_saved_one_goes_on():
    kept, other = Categories(3), Categories(3)
    values = list("aabcdddeeeebbc")
    for value in values[:8]:
        kept.take(value)
    other.restore(json.loads(json.dumps(kept.to_json())))
    assert [kept.take(v) for v in values[8:]] == [other.take(v) for v in values[8:]]


@pytest.mark.parametrize("horizon", [0, 1])
def test_a_model_learns_labels_that_come_often_behind_noise_at_first(horizon):
    """The classes are full of noise when what recurs begins; it takes their places."""
    rows = [{"word": f"noise {t}"} for t in range(8)]
    rows += [{"word": "abcd"[t % 4]} for t in range(400)]
    model, halves = (Model("word", horizon=horizon, max_categories=8) for _ in range(2))
    said = model.run(rows)
    assert {"a", "b", "c", "d"} <= set(model.schema.target.classes)
    assert model.spec.output_size == 9
    assert {"word=a", "word[t-1]=a"} & set(model.schema.input_names)
    last = said[300 : 408 - horizon]
    truths = [row["word"] for row in rows[300 + horizon :]]
    hits = [max(p, key=p.get) == truth for p, truth in zip(last, truths, strict=True)]
    assert np.mean(hits) > 0.9
    pieces = (halves.run(rows[cut]) for cut in (slice(20), slice(20, 21), slice(21, None)))
    assert [one for piece in pieces for one in piece] == said
