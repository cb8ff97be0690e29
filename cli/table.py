"""The progress table: how the learner and the baselines did since the line before.

    mean absolute error        of the rows since the line before
           rows      so far     learner  last value  season ago       truth    forecast
              8    3,101.25    2,215.31    1,750.50           -       8,127    9,011.12

For labels it is the log loss, beside that of the labels' frequencies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtrl_lstm.score.prequential import Prequential

WIDTH = 12
NOTHING = "-"
_NO_COUNTS = {"rows": 0, "learned": 0, "unlabelled": 0, "pending": 0}
_NUMBERS = ("mean absolute error", ("learner", "last value", "season ago"))
_LABELS = ("log loss", ("learner", "frequency"))


class Table:
    """Lines about a score as it grows.

    Args:
        score: what is reported on.
    """

    def __init__(self, score: Prequential) -> None:
        self._score = score
        self._has_header = False
        self._before = self._sums()

    def lines(self) -> list[str]:
        """The next line, with the header before the first one; none before a forecast is scored."""
        latest = self._score.latest
        if latest is None:
            return []
        title, sources = _LABELS if isinstance(latest[0], dict) else _NUMBERS
        now = self._sums()
        since = [_mean(now, self._before, source) for source in sources]
        self._before = now
        cells = [f"{self._score.rows:,}", _mean(now, {}, "learner"), *since, *_pair(latest)]
        line = "".join(cell.rjust(WIDTH) for cell in cells)
        if self._has_header:
            return [line]
        self._has_header = True
        names = ("rows", "so far", *sources, "truth", "forecast")
        over = title.rjust(2 * WIDTH) + "  of the rows since the line before"
        return [over, "".join(name.rjust(WIDTH) for name in names), line]

    def _sums(self) -> dict[str, tuple[float, int]]:
        """By column: the sum of losses and how many were scored."""
        score = self._score
        summary = score.summary(_NO_COUNTS)
        found: dict[str, tuple[float, int]] = {}
        for name, metrics in {"learner": summary["metrics"], **summary["baselines"]}.items():
            loss = metrics.get("mae", metrics.get("log_loss"))
            if loss is not None:
                # A season that was found later takes the place of one found before.
                found[_column(name)] = (loss * score.scored, score.scored)
        return found


def _column(name: str) -> str:
    if name.startswith("same_time"):
        return "season ago"
    return "frequency" if name == "class_frequency" else name.replace("_", " ")


def _mean(
    now: dict[str, tuple[float, int]], before: dict[str, tuple[float, int]], source: str
) -> str:
    """The mean loss of a column over the rows between two moments."""
    total, count = now.get(source, (0.0, 0))
    total_before, count_before = before.get(source, (0.0, 0))
    return number((total - total_before) / (count - count_before)) if count > count_before else "-"


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
