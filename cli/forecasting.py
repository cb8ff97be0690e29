"""A run of `rtrl-lstm predict` or `infer`: forecasts without learning."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from rtrl_lstm.cli.bad_rows import BadRows
from rtrl_lstm.cli.checkpoints import Checkpoints
from rtrl_lstm.cli.drive import Drive, Follower
from rtrl_lstm.cli.figures import conclude, figures
from rtrl_lstm.cli.models import check_columns, compile_kernels
from rtrl_lstm.cli.options import dialect_of
from rtrl_lstm.cli.outputs import refuse_to_overwrite
from rtrl_lstm.cli.predictions import Predictions
from rtrl_lstm.cli.progress import progress_for
from rtrl_lstm.cli.resume import score_of
from rtrl_lstm.cli.sources import Source, found_files, tell_terminal
from rtrl_lstm.models.delayed import Delayed
from rtrl_lstm.models.model import Model
from rtrl_lstm.models.panel import Panel
from rtrl_lstm.table.schema import Schema


def forecast(follower: Follower, path: str, options: dict[str, Any]) -> None:
    """Drive the rows of a source through what no longer learns.

    Args:
        follower: a frozen Model or its graph.
        path: the file it came from.
        options: those of `row_options`, and the source.

    Raises:
        Stop: something is wrong that the user can put right.
        SystemExit: interrupted.
    """
    schema, learned = follower.schema, _latest(follower.schema)
    score = score_of(follower, options["score_from"])
    read = [*found_files(options["source"]), path]
    refuse_to_overwrite(read, options["predictions"], options["bad_rows"])
    tell_terminal(options["source"], options["quiet"])
    with contextlib.ExitStack() as closing:
        source = closing.enter_context(
            Source(
                options["source"],
                form=options["form"],
                dialect=dialect_of(options),
                follow=options["follow"],
                places=False,
            )
        )
        check_columns(schema, source, path, target=schema.horizon > 0)
        ranged = isinstance(follower, Model | Panel | Delayed) and follower.interval is not None
        predictions = Predictions(
            options["predictions"],
            form=options["predictions_format"],
            ranged=ranged,
            names=schema.forecast_names,
        )
        closing.enter_context(contextlib.closing(predictions))
        bad_rows = BadRows(options["bad_rows"], unbounded=options["on_bad_row"] == "skip-all")
        closing.enter_context(contextlib.closing(bad_rows))
        progress = progress_for(options["progress"], options["quiet"], score)
        closing.enter_context(contextlib.closing(progress))
        if isinstance(follower, Model | Panel | Delayed):
            compile_kernels(follower, progress)
        stops = options["on_bad_row"] == "stop"
        drive = Drive(source, follower, score, predictions, bad_rows, progress, stops)
        began = time.perf_counter()
        ended = drive.to_end(Checkpoints(None))
        drive.refuse_nothing(ended)
        if ended is None:
            with contextlib.suppress(BrokenPipeError):
                predictions.finish()
        seconds = time.perf_counter() - began
    found = figures(score, None, seconds, score.rows, path)
    notes = bad_rows.notes()
    if learned is not None and _latest(follower.schema) == learned:
        notes.append(
            f"no row is later than the last one that {path} has learned from: these are forecasts "
            "of what it has seen before"
        )
    conclude(found, notes, ended, options)


def _latest(schema: Schema) -> float | None:
    """The latest time stamp so far; None where there is none, or one for each of several series."""
    clock = schema.clock
    if clock is None or clock.last is None or schema.arguments["key"]:
        return None
    return clock.latest
