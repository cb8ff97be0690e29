"""How learners and models show themselves in a notebook."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import rtrl_lstm as rl


class Card(HTMLParser):
    """The facts of a card, and how often an element occurs in it."""

    def __init__(self, shown: Any) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.texts: list[str] = []
        self.feed(shown._repr_html_())
        assert self.open == []
        words = self.texts[self.texts.index("target" if "target" in self.texts else "cell") - 1 :]
        self.title, self.facts = words[0], dict(zip(words[1::2], words[2::2], strict=True))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize(
    "net",
    [
        rl.Learner(5, 20, 2),
        rl.Forecaster(5, input_size=1, hidden_size=4, num_layers=2, cell="gru", optimizer="sgd"),
    ],
)
def test_a_learner(net: Any) -> None:
    spec = net.spec
    net.run(np.ones((30, spec.input_size)), np.ones((30, spec.output_size)))
    before = net.block.copy()
    card = Card(net)
    assert np.array_equal(net.block, before)
    assert card.title == type(net).__name__
    assert card.facts["rows"] == "30"
    assert card.facts["labels learned"] == str(30 - spec.horizon)
    assert card.facts["inputs, outputs"] == f"{spec.input_size}, {spec.output_size}"
    assert card.facts["cell"].endswith(f"{spec.cell}, {spec.hidden_size} units")
    assert ("horizon" in card.facts) == bool(spec.horizon)
    weights = sum(np.count_nonzero(values) for values in net.state_dict().values())
    assert card.facts["size"].startswith(f"{weights:,} weights")
    layers = [spec.input_size, *[spec.hidden_size] * spec.num_layers, spec.output_size]
    dots = [min(size, 8) for size in layers]
    assert card.counts["circle"] == sum(dots)
    assert card.counts["line"] == sum(a * b for a, b in itertools.pairwise(dots))


def test_a_model() -> None:
    model = rl.Model(target="y", horizon=3)
    assert Card(model).facts == {"target": "y, 3 rows ahead", "task": "not known yet", "rows": "0"}
    for t in range(30):
        model.step({"<b>": t, "kind": "ab"[t % 2], "y": t})
    before = model.learner.block.copy()
    card = Card(model)
    assert np.array_equal(model.learner.block, before)
    assert card.facts["columns"] == "y, <b>, kind"
    assert (card.facts["rows"], card.facts["labels learned"]) == ("30", "27")
    assert "<b>" not in model._repr_html_()


def test_a_model_of_labels() -> None:
    model = rl.Model(target="y")
    for t in range(40):
        model.step({"x": t, "y": f"label {t % 9}"})
    facts = Card(model).facts
    assert facts["labels"].endswith("label 5 and 3 more")
    assert facts["task"] == "multiclass"
