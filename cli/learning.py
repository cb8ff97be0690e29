"""A run of `rtrl-lstm learn`: everything between its options and its figures."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from typing import Any

from rtrl_lstm.cli.checkpoints import Checkpoints
from rtrl_lstm.cli.drive import Drive
from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.cli.figures import conclude, figures
from rtrl_lstm.cli.models import compile_kernels
from rtrl_lstm.cli.page import write_page
from rtrl_lstm.cli.progress import progress_for
from rtrl_lstm.cli.resume import Stand, begin, find_again, go_to
from rtrl_lstm.cli.sinks import BadRows, Predictions, refuse_to_overwrite, refuse_unwritable
from rtrl_lstm.cli.sources import Source, tell_terminal


def learn(options: dict[str, Any], given: set[str]) -> None:
    """Learn from a source as the options say; `given` are those that the user typed.

    Raises:
        Stop: something is wrong that the user can put right.
        SystemExit: interrupted, after the model was saved.
    """
    path: str | None = options["model"]
    outputs = (path, options["predictions"], options["bad_rows"], options["report"])
    refuse_to_overwrite(options["source"], *outputs)
    if options["report"] is not None:
        refuse_unwritable(options["report"])
    stand = _stand(path, options, given)
    tell_terminal(options["source"], options["quiet"])
    with contextlib.ExitStack() as closing:
        source = closing.enter_context(Source(options["source"]))
        if stand.rows:
            go_to(stand, source)
        predictions = None
        if options["predictions"] is not None:
            predictions = Predictions(
                options["predictions"], stand.rows, ranged=stand.model.interval is not None
            )
            closing.enter_context(contextlib.closing(predictions))
        bad_rows = BadRows(options["bad_rows"], stand.rows)
        closing.enter_context(contextlib.closing(bad_rows))
        progress = progress_for(options["progress"], options["quiet"], stand.score)
        closing.enter_context(contextlib.closing(progress))
        compile_kernels(stand.model, progress)
        drive = Drive(
            source,
            stand.model,
            stand.score,
            predictions,
            bad_rows,
            progress,
            stops_at_bad_row=options["on_bad_row"] == "stop",
            history=stand.history,
        )

        def save() -> None:
            if path is not None and drive.last is not None:
                if predictions is not None:
                    predictions.sync()
                stand.save(path, drive.last)
                drive.last = None

        began, rows_before = time.perf_counter(), stand.score.rows
        ended = drive.to_end(Checkpoints(options["checkpoint_every"], save))
        drive.refuse_nothing(ended)
        save()
        seconds = time.perf_counter() - began
    found = figures(stand.score, stand.model.counts, seconds, stand.score.rows - rows_before, path)
    notes = [*bad_rows.notes(), *_notes(stand, drive.only_0_and_1, path)]
    if options["report"] is not None:
        typed = shlex.join(["rtrl-lstm", *sys.argv[1:]])
        write_page(options["report"], stand.model, stand.history, found, typed)
        notes.append(f"report in {options['report']}")
    conclude(found, notes, ended, options)


def _stand(path: str | None, options: dict[str, Any], given: set[str]) -> Stand:
    """A fresh model, or the one that --resume finds.

    Raises:
        Stop: the model cannot be loaded, or may not be written, or an option contradicts it.
    """
    if path is None:
        return begin(options)
    refuse_unwritable(path)
    if os.path.exists(path) and not options["overwrite"]:
        if not options["resume"]:
            raise Stop(f"{path} exists: --resume goes on with it, --overwrite begins afresh")
        return find_again(path, options, given)
    return begin(options)


def _notes(stand: Stand, only_0_and_1: bool, path: str | None) -> list[str]:
    """What the user may want to know, or do otherwise next time."""
    notes = []
    schema, counts = stand.model.schema, stand.model.counts
    target = schema.arguments["target"]
    if only_0_and_1 and counts["learned"]:
        notes.append(f"column {target!r} holds 0 and 1 only: --task binary forecasts probabilities")
    if not counts["learned"]:
        notes.append(f"nothing was learned: no value in column {target!r} to learn from")
    if path is None:
        notes.append("nothing was saved: --model FILE keeps what was learned")
    else:
        notes.append(f"saved in {path}")
    return notes
