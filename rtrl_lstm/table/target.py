"""The target column: the task, the labels, and a network's outputs as a forecast."""

from __future__ import annotations

from typing import Any, Literal

from rtrl_lstm.table.categories import Categories
from rtrl_lstm.table.columns import Value
from rtrl_lstm.table.floor import Floor
from rtrl_lstm.table.values import (
    OTHER,
    BadRow,
    SchemaError,
    is_missing,
    is_number,
    label,
    number,
    shown,
)

Task = Literal["auto", "regression", "binary", "multiclass"]
Forecast = float | dict[str, float] | tuple[float, ...] | None
"""A number, a probability per label, a number per target where there are several, or None where
there is nothing to say yet."""

LOSSES = {"regression": "squared_error", "binary": "log_loss", "multiclass": "cross_entropy"}
PAIRS = (("0", "1"), ("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"))
NAN = float("nan")


class Target:
    """The target column of a stream.

    With `task="auto"` its first value decides: a number means regression, true or false
    binary, any other text multiclass.

    Of binary labels, 1, true, yes, y, t are the positive class and 0, false, no, n, f the
    negative one, in any case of letters. Another label that is seen first is class 0. The
    second label is the other class, a third is a bad row. A multiclass target takes new classes
    as they are seen, up to `max_categories`; all further labels are one class, `"(other)"`, until
    they take the place of one that came once or so, see `Categories`.

    Attributes:
        task: "regression", "binary" or "multiclass"; None while "auto" waits for a first value.
        classes: the labels known so far, in the order of the network's outputs. For a binary target
            none or two; the second may be a guess until it is seen.
        fixed: whether new labels leave all this alone. They are then read as `"(other)"`.
        floor: of a number, what no forecast is below.

    Args:
        at_least: see `Floor`.
    """

    def __init__(
        self, column: str, task: str, max_categories: int, at_least: str | float | None = None
    ) -> None:
        if task not in ("auto", *LOSSES):
            raise ValueError(f"task must be auto, {', '.join(LOSSES)}: not {task!r}")
        self.column = column
        self.task: str | None = None if task == "auto" else task
        self.classes: tuple[str, ...] = ()
        self.fixed = False
        self.floor = Floor(at_least)
        self._seen = False
        self._guess = -1  # the place of a binary class that was not seen yet
        self._categories = Categories(max_categories)

    @property
    def output_size(self) -> int:
        """Outputs of the network; 0 while they cannot be known."""
        if self.task == "multiclass":
            return len(self.classes)
        return 0 if self.task is None else 1

    def parse(self, raw: Any) -> Value:
        """Read a field and change nothing; of several classes, whether there is a place or not.

        Raises BadRow; SchemaError where the very first value is text and regression is asked for.
        """
        if self.task == "regression":
            return self._number(raw)
        if self.task is None and is_missing(raw):
            return None
        if self.task is None and is_number(raw):
            return number(raw, self.column)
        text = label(raw, self.column)
        if text is None or text in self.classes:
            return text
        if self.task == "binary" or (self.task is None and text.lower() in PAIRS[1]):
            return self._one_of_two(_plain(text))
        return text

    def commit(self, value: Value) -> float:
        """Take in a label as `parse` gave it. Returns it as the learner sees it.

        That is a number, 0 or 1, or the index of a class; NaN where there is none.
        """
        if value is None:
            return NAN
        if self.task is None and not self.fixed:
            self.task = _implied_task(value)
        self._seen = True
        if isinstance(value, float):
            self.floor.take(value)
            return value
        if not self.fixed:
            self._take_label(value)
        known = self.known_as(value)
        return float(self.classes.index(known)) if known in self.classes else NAN

    def fix(self) -> None:
        """Learn nothing any more."""
        self.fixed = self.floor.fixed = True

    def known_as(self, value: Value) -> Value:
        """A target that was read, as scores compare it with a forecast: perhaps "(other)"."""
        known = self.task != "multiclass" or value is None or value in self.classes
        return value if known else OTHER

    def forecast(self, outputs: list[float], classes: tuple[str, ...]) -> Forecast:
        """A network's outputs as a forecast, given the classes known when it was made."""
        if self.task == "regression":
            return outputs[0]
        if not classes:
            return None
        if self.task == "binary":
            return {classes[0]: 1.0 - outputs[0], classes[1]: outputs[0]}
        return dict(zip(classes, outputs, strict=True))

    def _number(self, raw: Any) -> float | None:
        try:
            value = number(raw, self.column)
        except BadRow:
            if self._seen or is_number(raw):
                raise
            raise SchemaError(
                f"column {self.column!r} is the target of a regression and holds text: {shown(raw)}"
            ) from None
        return value if value == value else None

    def _one_of_two(self, text: str) -> str:
        """A label of a binary target."""
        if text in self.classes:
            return text
        if self.classes and self._guess < 0 and not self.fixed:
            classes = " nor ".join(self.classes)
            raise BadRow(self.column, f"{shown(text)} is neither {classes}")
        return OTHER if self.fixed else text

    def _take_label(self, text: str) -> None:
        if self.task == "multiclass":
            text, left = self._categories.take(text)
            if left is not None:
                self.classes = tuple(text if name == left else name for name in self.classes)
            elif text not in self.classes:
                self.classes += (text,)
        elif not self.classes:
            self.classes = next((pair for pair in PAIRS if text in pair), (text, OTHER))
            self._guess = 1 - self.classes.index(text)
        elif self._guess >= 0 and text != (known := self.classes[1 - self._guess]):
            self.classes = (known, text) if self._guess == 1 else (text, known)
            self._guess = -1

    def to_json(self) -> dict[str, Any]:
        """What the stream has decided, as plain JSON."""
        return {
            "task": self.task,
            "classes": list(self.classes),
            "fixed": self.fixed,
            "seen": self._seen,
            "guess": self._guess,
            "floor": self.floor.to_json(),
            "categories": self._categories.to_json(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to what `to_json` gave."""
        self.task = saved["task"]
        self.classes = tuple(saved["classes"])
        self.fixed = saved["fixed"]
        self._seen = saved["seen"]
        self._guess = saved["guess"]
        self.floor.restore(saved["floor"])
        self._categories.restore(saved["categories"])


def _implied_task(value: float | str) -> str:
    if isinstance(value, float):
        return "regression"
    return "binary" if value in PAIRS[1] else "multiclass"


def _plain(text: str) -> str:
    """1.0 as 1, TRUE as true; other labels as they are."""
    plain = text.removesuffix(".0").lower()
    return plain if any(plain in pair for pair in PAIRS) else text
