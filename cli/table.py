"""The progress table: how the learner and the baselines did since the line before.

    mean absolute error        of the rows since the line before
           rows      so far     learner  last value  season ago       truth    forecast
              8    3,101.25    2,215.31    1,750.50           -       8,127    9,011.12

For labels it is the log loss, beside that of the labels' frequencies. Targets may be of different
units: of several it is the mean of each one's error over that of the last value so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtrl_lstm.score.prequential import Prequential

Sums = dict[str, tuple[float, int]]

WIDTH = 12
NOTHING = "-"
_FREQUENCY = "class_frequency"
_OF_LABELS = ("learner", _FREQUENCY)  # sources of probabilities
_NO_COUNTS = {"rows": 0, "learned": 0, "unlabelled": 0, "pending": 0}
_NUMBERS = ("mean absolute error", ("learner", "last value", "season ago"))
_TARGETS = "mean of each target's absolute error over the last value's"
_LABELS = ("log loss", ("learner", "frequency"))


class Table:
    """Lines about a score as it grows.

    Args:
        score: what is reported on.
    """

    def __init__(self, score: Prequential) -> None:
        self._score = score
        self._has_header = False
        self._before = self._sums(self._metrics())
        self._is_relative = len(self._before) > 1

    def lines(self) -> list[str]:
        """The next line, with the header before the first one; none before a forecast is scored."""
        latest = self._score.latest
        if latest is None:
            return []
        title, columns = _LABELS if isinstance(latest[0], dict) else _NUMBERS
        title = _TARGETS if self._is_relative else title
        metrics = self._metrics()
        now = self._sums(metrics)
        so_far = number(metrics["learner"].get("mae", metrics["learner"].get("log_loss")))
        if self._is_relative:
            so_far = self._mean(now, [{} for _ in now], "learner")
        since = [self._mean(now, self._before, column) for column in columns]
        self._before = now
        cells = [f"{self._score.rows:,}", so_far, *since, *_pair(latest)]
        line = "".join(cell.rjust(WIDTH) for cell in cells)
        if self._has_header:
            return [line]
        self._has_header = True
        names = ("rows", "so far", *columns, "truth", "forecast")
        over = title.rjust(2 * WIDTH) + "  of the rows since the line before"
        return [over, "".join(name.rjust(WIDTH) for name in names), line]

    def _metrics(self) -> dict[str, Any]:
        """By source."""
        summary = self._score.summary(_NO_COUNTS)
        return {"learner": summary["metrics"], **summary["baselines"]}

    def _sums(self, metrics: dict[str, Any]) -> list[Sums]:
        """By source, of each target: the sum of losses, and of how many forecasts."""
        scored = self._score.scored
        if _FREQUENCY not in metrics:
            return self._score.compared_each()
        return [{name: (metrics[name]["log_loss"] * scored, scored) for name in _OF_LABELS}]

    def _mean(self, now: list[Sums], before: list[Sums], column: str) -> str:
        """The mean loss of a source over the rows between two moments."""
        means = []
        for part, part_before in zip(now, before, strict=True):
            mean = _between(part, part_before, _source(column, part))
            of_last = _between(part, {}, "last_value") if self._is_relative else 1.0
            if mean is not None and of_last:
                means.append(mean / of_last)
        return number(sum(means) / len(means)) if means else NOTHING


def _source(column: str, now: dict[str, Any]) -> str:
    """Whose losses a column shows; of several seasons, those of the one that came last."""
    if column == "frequency":
        return _FREQUENCY
    seasons = [name for name in now if name.startswith("same_time")]
    return seasons[-1] if column == "season ago" and seasons else column.replace(" ", "_")


def _between(now: Sums, before: Sums, source: str) -> float | None:
    """The mean loss of a source over the rows between two moments; None where there is none."""
    total, count = now.get(source, (0.0, 0))
    # What a season says that has just been found is what the last value said before.
    total_before, count_before = before.get(source, before.get("last_value", (0.0, 0)))
    return (total - total_before) / (count - count_before) if count > count_before else None


def _pair(latest: tuple[Any, Any]) -> list[str]:
    """Truth and forecast of the last row that was scored."""
    forecast, truth = latest
    if not isinstance(forecast, dict):
        return [number(truth), number(forecast)]
    best = max(forecast, key=forecast.__getitem__)
    return [str(label).replace("\n", " ")[: WIDTH - 2] for label in (truth, best)]


def number(value: float | None) -> str:
    """A number as people read it: about five digits, thousands apart."""
    if value is None:
        return NOTHING
    size = abs(value)
    decimals = 0 if size >= 1e5 else 1 if size >= 1e4 else 2 if size >= 100 else 4
    text = f"{value:,.{decimals}f}"
    fits = len(text) < WIDTH and not 0 < size < 1e-4
    return text if fits else f"{value:.3e}"
