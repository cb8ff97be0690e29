"""Source -> model -> score -> sinks: a chunk of rows at a time, as they arrive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from rtrl_lstm.cli.blocks import MOST, Block
from rtrl_lstm.cli.dialect import advice_on, advice_on_encoding
from rtrl_lstm.cli.errors import SourceError, Stop
from rtrl_lstm.cli.few import FewValues
from rtrl_lstm.cli.interrupt import Interrupt, Interrupted
from rtrl_lstm.cli.models import misfit
from rtrl_lstm.table.schema import BadRow, Forecast, Numbers, Reading, Row, Schema, SchemaError

if TYPE_CHECKING:
    from rtrl_lstm.cli.bad_rows import BadRows
    from rtrl_lstm.cli.checkpoints import Checkpoints
    from rtrl_lstm.cli.predictions import Predictions
    from rtrl_lstm.cli.progress import Progress
    from rtrl_lstm.cli.records import Record
    from rtrl_lstm.cli.replay import Replay
    from rtrl_lstm.cli.sources import Source
    from rtrl_lstm.score.history import History
    from rtrl_lstm.score.prequential import Prequential

CHUNK = 1024  # rows at most: between two chunks Ctrl-C is heard and progress shown


class Follower(Protocol):
    """What rows are driven through: a Model, or its graph in onnxruntime."""

    @property
    def schema(self) -> Schema:
        """The columns of its rows."""

    def follow(self, rows: Iterable[Row]) -> tuple[list[Forecast | BadRow], list[Reading | None]]:
        """Forecasts and readings of some rows."""


@runtime_checkable
class AtOnce(Protocol):
    """What can also take many rows of numbers at once: a Model."""

    @property
    def number_columns(self) -> tuple[str, ...]:
        """The columns it takes; none while it cannot."""

    def follow_numbers(self, values: Any) -> Numbers:
        """Take the first ones of some rows."""


class BadRowStop(Stop):
    """A row cannot be read, and the user wants to stop before it."""


Ended = Interrupted | BadRowStop | SourceError | BrokenPipeError | None
"""What ended a run before its source did."""


class Drive:
    """Takes rows from a source and leaves everything written and scored, chunk by chunk.

    Where there is a history, rows reach the score through it. Those that a replay passes over are
    as if they had not come.

    Between two chunks all is whole: model, score and sinks have seen the same rows.

    Attributes:
        last: the last row taken since it was last set to None.
        targets: those so far, while they are few.
    """

    def __init__(
        self,
        source: Source,
        follower: Follower,
        score: Prequential,
        predictions: Predictions | None,
        bad_rows: BadRows,
        progress: Progress,
        stops_at_bad_row: bool,
        history: History | None = None,
        replay: Replay | None = None,
    ) -> None:
        self.last: Record | None = None
        self.targets = FewValues()
        self._source = source
        self._follower = follower
        self._score = score
        self._history = history
        self._replay = replay
        self._stepped_back = getattr(follower, "interventions", 0)
        self._predictions = predictions
        self._bad_rows = bad_rows
        self._progress = progress
        self._stops_at_bad_row = stops_at_bad_row
        can = isinstance(follower, AtOnce) and not stops_at_bad_row
        self._at_once = cast(AtOnce, follower) if can else None

    def to_end(self, checkpoints: Checkpoints) -> Ended:
        """Take all rows. Returns what ended that early, where everything is whole nevertheless.

        Raises:
            Stop: the table is not what was asked for.
            WriteError: forecasts or bad rows cannot be written.
        """
        try:
            with Interrupt() as interrupt:
                while True:
                    came = interrupt.broken_off(self._source.wait, checkpoints.seconds_left())
                    # A signal does not break this off: what is read from a pipe is learned.
                    taken = self._take_some(checkpoints.rows_left()) if came else 0
                    if not taken and self._source.ended:
                        self._take_held()
                        return None
                    checkpoints.passed(taken)
                    if self._bad_rows.too_many:
                        raise BadRowStop(f"{self._source.name}: {self._bad_rows.too_many}")
        except (BadRowStop, SourceError, BrokenPipeError) as end:
            return end
        except Interrupted as end:
            return self._last_words() or end

    def _last_words(self) -> BrokenPipeError | None:
        """Take what was read from a pipe already: nobody can read it again."""
        try:
            while self._source.live and (records := self._source.left(self._most())):
                self._take(self._new_ones(records))
            self._take_held()
        except BrokenPipeError as end:
            return end
        return None

    def _new_ones(self, records: list[Record]) -> list[Record]:
        """The records that are not passed over."""
        return records if self._replay is None else self._replay.new_ones(records)

    def _take_held(self) -> None:
        """Take what a replay held back: no more rows will come."""
        if self._replay is not None:
            self._take(self._replay.rest())

    def refuse_nothing(self, ended: Ended) -> None:
        """Stop where the source held no row that could be used.

        Raises:
            Stop: there was none, or none that could be used.
        """
        name, score = self._source.name, self._score
        if ended is None and score.rows == 0:
            advice = advice_on(self._source.columns or ())
            raise Stop(f"{name} has a header and no rows{advice}")
        if ended is None and score.rows == score.bad_rows:
            first = self._bad_rows.first
            advice = advice_on_encoding(first) or advice_on(self._source.columns or ())
            raise Stop(f"no row of {name} can be used; {first}{advice}")

    def _most(self) -> int:
        """How many rows may be taken at once."""
        return 1 if self._stops_at_bad_row else min(CHUNK, self._progress.rows_to_line())

    def _take_some(self, most: int) -> int:
        """Take the next rows, at most so many. Returns how many there were."""
        few = min(most, self._most())
        rows = self._source.read_numbers(few, lambda: self._wanted(most))
        if isinstance(rows, Block):
            return self._take_numbers(rows)
        if not rows:
            return 0
        try:
            self._take(self._new_ones(rows))
        except BadRowStop:
            self._source.give_back(rows)
            raise
        return len(rows)

    def _wanted(self, most: int) -> tuple[int, tuple[str, ...]]:
        """How many rows may be read as numbers alone, and the columns; none where they may not."""
        names = () if self._at_once is None else self._at_once.number_columns
        if not names:
            return 0, ()
        many = min(most, self._progress.rows_to_line(), MOST)
        return (self._history or self._score).takes(many), names

    def _take_numbers(self, block: Block) -> int:
        assert self._at_once is not None
        numbers = self._at_once.follow_numbers(block.values)
        count = len(numbers.labels)
        self._source.took(block, count)
        if not count:
            return 0
        try:
            if self._predictions is not None:
                self._predictions.write_numbers(numbers.forecasts)
        finally:
            self._score_numbers(numbers)
            self.last = block.record(count - 1)
        self.targets.take_numbers(numbers.labels)
        self._progress.show(count, self._source.fraction())
        self._tell_of_intervention()
        return count

    def _score_numbers(self, numbers: Numbers) -> None:
        if self._history is not None:
            self._history.extend_numbers(numbers)
        else:
            for _ in self._score.extend_numbers(numbers):
                pass

    def _take(self, records: list[Record]) -> None:
        if not records:
            return
        good = [record.values for record in records if record.values is not None]
        try:
            followed, read = self._follower.follow(good)
        except SchemaError as error:
            raise misfit(self._source, error) from error
        forecasts, readings = _in_place(records, followed), _in_place(records, read)
        self._set_aside(records, forecasts)
        try:  # somebody waits for the forecasts, nobody for the figures
            if self._predictions is not None:
                task = self._follower.schema.task
                self._predictions.write(forecasts, None if task is None else task != "regression")
        finally:
            (self._history or self._score).extend(forecasts, readings)
            self.last = records[-1]
        self.targets.take(one.truth for one in readings if one is not None)
        self._progress.show(len(records), self._source.fraction())
        self._tell_of_intervention()

    def _tell_of_intervention(self) -> None:
        """Say it the first time the learner is stepped back; the figures say how often it was."""
        times = getattr(self._follower, "interventions", 0)
        if times and not self._stepped_back:
            self._progress.say(
                f"the learner had gone astray and was stepped back at row {self._score.rows:,} or "
                "shortly before, with a lower learning rate"
            )
        self._stepped_back = times

    def _set_aside(self, records: list[Record], forecasts: list[Any]) -> None:
        """Take bad rows out of the forecasts and note them."""
        self._bad_rows.file = self._source.name if self._source.several else None
        for k, record in enumerate(records):
            bad = forecasts[k]
            if record.values is None:
                self._note(k, record, record.why)
            elif isinstance(bad, BadRow):
                forecasts[k] = None
                self._note(k, record, str(bad))
        self._bad_rows.flush()

    def _note(self, place: int, record: Record, why: str) -> None:
        row = self._score.rows + place + 1
        if self._stops_at_bad_row:
            raise BadRowStop(
                f"{self._source.name}, row {row} (line {record.line}): {why}; stopped before it "
                "(--on-bad-row skip goes on past such rows)"
            )
        self._bad_rows.add(row, record.line, why, record.raw)
        if self._history is not None:
            self._history.note_bad_row(row, why)


def _in_place(records: list[Record], of_good: list[Any]) -> list[Any]:
    """One entry per record: the next of the good rows' entries, None where it cannot be read."""
    if len(of_good) == len(records):
        return of_good
    entries = iter(of_good)
    return [None if record.values is None else next(entries) for record in records]
