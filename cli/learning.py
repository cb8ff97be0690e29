"""A run of `rtrl-lstm learn`: everything between its options and its figures."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import shlex
import sys
import time
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Any

import click

from rtrl_lstm.cli.bad_rows import BadRows
from rtrl_lstm.cli.checkpoints import AS_IT_WAS, Aside, Checkpoints, Keep
from rtrl_lstm.cli.drive import Drive
from rtrl_lstm.cli.errors import Stop, WriteError
from rtrl_lstm.cli.figures import conclude, figures
from rtrl_lstm.cli.guess import NO_TIME, Found, look_ahead, target_wanted
from rtrl_lstm.cli.metrics import Metrics
from rtrl_lstm.cli.models import check_header, compile_kernels
from rtrl_lstm.cli.notes import notes_on
from rtrl_lstm.cli.options import dialect_of
from rtrl_lstm.cli.outputs import refuse_to_overwrite, refuse_unwritable
from rtrl_lstm.cli.page import write_page
from rtrl_lstm.cli.predictions import Predictions
from rtrl_lstm.cli.progress import Progress, progress_for
from rtrl_lstm.cli.resume import Stand, begin, find_again, go_to, replay_of
from rtrl_lstm.cli.sources import Source, found_files, tell_terminal
from rtrl_lstm.models.model import Model
from rtrl_lstm.wording import counted

_NO_NUMBER = re.compile(r": '([^'\\]+)' is not a number$")
_UNITS = "it holds units, or other text, where the rows below hold values"


def learn(options: dict[str, Any], given: set[str]) -> None:
    """Learn from a source as the options say; `given` are those that the user typed.

    Raises:
        Stop: something is wrong that the user can put right.
        SystemExit: interrupted, after the model was saved.
    """
    sources, path = found_files(options["source"]), options["model"]
    outputs = (path, options["predictions"], options["bad_rows"], options["report"])
    refuse_to_overwrite(sources, *outputs)
    if options["report"] is not None:
        refuse_unwritable(options["report"])
    with ExitStack() as entered:
        keep = None if path is None else entered.enter_context(Keep(path))
        stand = None
        if keep is not None and os.path.exists(keep.path) and not options["overwrite"]:
            stand = _found_stand(keep.path, options, given)
            keep.is_ours = not stand.damaged
        found = Found({}, 0, [])
        if stand is None:
            if options["target"] is None:
                raise click.UsageError(target_wanted(options))
            found = look_ahead(options)
            stand = begin({**_without_none(options), **found.options})
        if options["report"] is not None and stand.history is None:
            raise Stop(
                "--report shows one series, whose labels come with their rows: leave it out, or "
                "the others"
            )
        run = _Run(stand, keep, options, entered)
        run.notes += found.notes
        run.pass_over_units(found.units)
        run.to_end(options)


def _found_stand(path: str, options: dict[str, Any], given: set[str]) -> Stand:
    if not options["resume"]:
        raise Stop(f"{path} exists: --resume goes on with it, --overwrite begins afresh")
    return find_again(path, _without_none(options), given)


def _without_none(options: dict[str, Any]) -> dict[str, Any]:
    """The options, where --time none has said that there is no such column."""
    return {**options, "time": None} if options["time"] == NO_TIME else options


class _Run:
    """What a run holds open, and how it saves."""

    def __init__(
        self, stand: Stand, keep: Keep | None, options: dict[str, Any], entered: ExitStack
    ) -> None:
        self._stand = stand
        self._keep = keep
        self._goes_on = options["on_write_error"] == "continue"
        self.notes: list[str] = []  # what the user may want to know
        self._failed = ""  # why the last checkpoint could not be written
        tell_terminal(options["source"], options["quiet"])
        self._source = entered.enter_context(
            Source(
                options["source"],
                form=options["form"],
                dialect=dialect_of(options),
                passes=options["passes"],
                follow=options["follow"],
                places=keep is not None,
                header=stand.header,
            )
        )
        notes: list[str] = []
        if stand.rows:
            notes = go_to(stand, self._source)
        else:
            check_header(stand.model.schema, self._source)
        self._replay = replay_of(stand, self._source)
        self._predictions = _predictions(options, stand, self._goes_on)
        if self._predictions is not None:
            entered.enter_context(closing(self._predictions))
        self._bad_rows = BadRows(
            options["bad_rows"],
            stand.rows,
            goes_on=self._goes_on,
            unbounded=options["on_bad_row"] == "skip-all",
        )
        entered.enter_context(closing(self._bad_rows))
        self._progress: Progress = progress_for(options["progress"], options["quiet"], stand.score)
        entered.enter_context(closing(self._progress))
        for note in notes:
            self._progress.say(note)
        compile_kernels(stand.model, self._progress)
        self._drive = Drive(
            self._source,
            stand.model,
            stand.score,
            self._predictions,
            self._bad_rows,
            self._progress,
            stops_at_bad_row=options["on_bad_row"] == "stop",
            history=stand.history,
            replay=self._replay,
        )
        self._aside = entered.enter_context(closing(Aside()))
        self._is_saved = True  # unless rows were taken since
        gc.freeze()  # to look through all that was loaded takes longer than a hundred rows

    def pass_over_units(self, count: int) -> None:
        """The first so many rows hold units and no values: they are bad rows."""
        if count:
            units = [row._replace(values=None, why=_UNITS) for row in self._source.read(count)]
            self._source.give_back(units)

    def to_end(self, options: dict[str, Any]) -> None:
        """Take all rows, save, and show the figures.

        Raises:
            Stop, SystemExit: see `learn`.
        """
        stand = self._stand
        began, rows_before = time.perf_counter(), stand.score.rows
        checkpoints = Checkpoints(options["checkpoint_every"], self._checkpoint, self._look)
        try:
            with self._metrics(options["metrics_port"], checkpoints):
                ended = self._drive.to_end(checkpoints)
            self._drive.refuse_nothing(ended)
            if ended is None and self._predictions is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._predictions.finish()
            self._save(at_end=ended is None)
        except WriteError as error:
            raise WriteError(error.message + self._advice(error.message)) from error
        if self._keep is not None:
            self._keep.end()
        seconds = time.perf_counter() - began
        rows = stand.score.rows - rows_before
        counts, incidents = stand.model.counts, stand.model.incidents
        found = figures(stand.score, counts, seconds, rows, options["model"], incidents)
        notes = self._notes(options["model"], found)
        if options["report"] is not None and isinstance(stand.model, Model):
            assert stand.history is not None
            typed = shlex.join(["rtrl-lstm", *sys.argv[1:]])
            write_page(options["report"], stand.model, stand.history, found, typed)
            notes.append(f"report in {options['report']}")
        self._progress.close()  # its last line belongs before the figures
        conclude(found, notes, ended, options)

    def _metrics(
        self, address: tuple[str, int] | None, checkpoints: Checkpoints
    ) -> AbstractContextManager[Any]:
        if address is None:
            return contextlib.nullcontext()
        saved = None if self._keep is None else checkpoints
        return closing(Metrics(address, self._stand, self._source, saved))

    def _checkpoint(self) -> None:
        """Save on the way. What is to be saved is told now and written while rows go on."""
        self._finish_checkpoint()
        content = self._content(at_end=False)
        if content is not None:
            self._aside.begin(lambda: self._write(content))

    def _look(self) -> None:
        """See what became of the last checkpoint, if it is over."""
        if self._aside.is_over:
            self._finish_checkpoint()

    def _finish_checkpoint(self) -> None:
        """Wait for the last checkpoint; where it failed, say so once, and go on if the user asked
        for that."""
        try:
            if self._aside.finish():
                self._failed = ""
        except WriteError as error:
            self._is_saved = False
            if not self._goes_on:
                raise
            if error.message != self._failed:
                self._progress.say(f"{error.message}; learning goes on")
            self._failed = error.message

    def _save(self, at_end: bool) -> None:
        """Save all that was learned since the last time: the run is over.

        Raises:
            WriteError: it could not be saved.
        """
        with contextlib.suppress(WriteError):  # it is tried again
            self._finish_checkpoint()
        content = self._content(at_end)
        if content is not None:
            self._write(content)

    def _content(self, at_end: bool) -> bytes | None:
        """What a model file is to hold now; None where the last one holds it already."""
        drive, stand = self._drive, self._stand
        known = drive.last is None and self._is_saved
        if self._keep is None or (known and not (at_end and stand.place is not None)):
            return None
        place = None if at_end else self._source.place()
        content = stand.content(drive.last, place, self._source.header)
        drive.last, self._is_saved = None, True
        return content

    def _write(self, content: bytes) -> None:
        """Write a model file, and before it the lines of the rows that the model has seen: they
        must be there whenever it is."""
        assert self._keep is not None
        if self._predictions is not None:
            self._predictions.sync()
        self._bad_rows.sync()
        self._keep.save(content)

    def _advice(self, said: str) -> str:
        """What the user can do once there is room again."""
        if self._keep is None or not os.path.exists(self._keep.path):
            return ""
        whole = "" if said.endswith(AS_IT_WAS) else f"{self._keep.path} is whole: "
        return f"; {whole}--resume goes on from it once that is put right"

    def _notes(self, path: str | None, found: dict[str, Any]) -> list[str]:
        """What the user may want to know, or do otherwise next time."""
        notes = self.notes + self._bad_rows.notes()
        if odd := _NO_NUMBER.search(self._bad_rows.first):
            missing = f"--missing {shlex.quote(odd[1])}"
            notes.append(
                f"where {odd[1]!r} means no value, {missing} says so: its row is then used"
            )
        for what, lost in (
            ("forecast", self._predictions.lost if self._predictions is not None else 0),
            ("bad row", self._bad_rows.lost),
        ):
            if lost:
                notes.append(f"{counted(lost, what)} could not be written")
        if self._replay is not None and self._replay.passed:
            passed = counted(self._replay.passed, "row")
            notes.append(f"{passed} had been learned before: passed over")
        model, score = self._stand.model, self._stand.score
        if found["learned"] and not found["scored"] and score.score_from > found["rows"]:
            notes.append(f"nothing was scored: --score-from {score.score_from:,} is a later row")
        if times := model.interventions:
            notes.append(
                f"the learner had gone astray and was stepped back {counted(times, 'time')}, each "
                "time with a lower learning rate at first"
            )
        dtype = model.options.get("dtype", "float32")
        notes += notes_on(model.schema, found, self._drive.targets, dtype)
        if path is None:
            notes.append("nothing was saved: --model FILE keeps what was learned")
        else:
            notes.append(f"saved in {path}")
        return notes


def _predictions(options: dict[str, Any], stand: Stand, goes_on: bool) -> Predictions | None:
    path, form = options["predictions"], options["predictions_format"]
    if path is None:
        return None
    ranged = stand.model.interval is not None
    names = stand.model.schema.forecast_names
    return Predictions(path, stand.rows, form, goes_on, ranged, names)
