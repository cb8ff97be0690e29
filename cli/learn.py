"""`rtrl-lstm learn`: row by row, as the rows arrive."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import click

from rtrl_lstm.cli.options import names, row_options, source_argument, source_options

CELLS = ("lstm", "gru", "rnn", "elstm")
OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw", "obgd")


def _interval(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, float] | None:
    """ "5000" is so many rows, "30s" so many seconds: (rows, 0.0) or (0, seconds)."""
    if value is None:
        return None
    if found := re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?)s", value):
        rows, seconds = int(found[1] or 0), float(found[2] or 0.0)
        if rows or seconds:
            return rows, seconds
    raise click.BadParameter(f"{value!r} is neither a number of rows (5000) nor of seconds (30s)")


def _address(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    """ "9100" is a port of this machine, "0.0.0.0:9100" one that others can reach."""
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not re.fullmatch(r"\d{1,5}", port) or not int(port) < 65536:
        raise click.BadParameter(f"{value!r} is no port: give a number such as 9100, or HOST:9100")
    return host.strip("[]") or "127.0.0.1", int(port)


def _missing(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Texts and numbers, each once and in order."""
    for one in value:
        if re.fullmatch(r"\s*[+-]?\d+(,\s*[+-]?\d+)+\s*", one):
            each = " ".join(f"--missing {part.strip()}" for part in one.split(","))
            raise click.BadParameter(f"{one!r} is no number: say {each}, or put a decimal point")
    from rtrl_lstm.table.missing import Missing

    return Missing(value).said


def _least(ctx: click.Context, param: click.Parameter, value: str) -> float | str | None:
    """A number, "auto" or "none"."""
    if value in ("auto", "none"):
        return "auto" if value == "auto" else None
    with contextlib.suppress(ValueError):
        if abs(found := float(value)) < float("inf"):
            return found
    raise click.BadParameter(f"{value!r} is neither a number nor auto nor none")


def _ahead(ctx: click.Context, param: click.Parameter, value: str) -> int | str:
    """ "24" is the 24th row ahead, "1-24" all up to it."""
    if found := re.fullmatch(r"(1-)?(\d{1,9})", value):
        rows = int(found[2])
        if not found[1] or rows == 1:
            return rows
        if rows:
            return f"1-{rows}"
    raise click.BadParameter(f"{value!r} is neither a number of rows (24) nor all up to one (1-24)")


def _rate(ctx: click.Context, param: click.Parameter, value: str | None) -> float | str | None:
    """A learning rate, "auto" or "falling"."""
    if value in (None, "auto", "falling"):
        return value
    try:
        rate = float(value)
    except ValueError:
        rate = 0.0
    if not 0.0 < rate < float("inf"):
        raise click.BadParameter(f"{value!r} is neither a number above 0 nor auto nor falling")
    return rate


@click.command(
    "learn",
    epilog="Example: rtrl-lstm learn demand.csv --target demand --time timestamp --horizon 5 "
    "--model m.rtrl --predictions forecasts.csv",
)
@source_argument
@click.option(
    "--target",
    metavar="COL",
    callback=names,
    help="Column to forecast; several, with commas between them, where all are numbers.",
)
@click.option(
    "--features",
    metavar="A,B",
    callback=names,
    help="Columns to forecast it from. [default: all others]",
)
@click.option(
    "--time",
    metavar="COL",
    help="Column of time stamps: it becomes time of day and day of the week. none: there is none. "
    "[default: of a file, the column that begins with a date, of several the first that grows; or "
    "else the one called time or the like that begins with a Unix time or 20200131, or called date "
    "or the like with a spreadsheet's day]",
)
@click.option(
    "--time-of-day",
    metavar="COL",
    help="Column of times of day, where the stamps are dates alone. [default: of a file, the one "
    "column that begins with a time of day, beside a column of dates that was found]",
)
@click.option(
    "--dates",
    type=click.Choice(["auto", "day-first", "month-first"]),
    default="auto",
    show_default=True,
    help="What comes first in time stamps such as 1/2/2020. auto: of a file, what its first 20,000 "
    "rows show; of a pipe, the day, until a row shows that it is the month.",
)
@click.option(
    "--task",
    type=click.Choice(["auto", "regression", "binary", "multiclass"]),
    default="auto",
    show_default=True,
    help="auto: regression where the first value of the target is a number, binary where it is "
    "true or false, multiclass where it is other text.",
)
@click.option(
    "--horizon",
    metavar="H|1-H",
    callback=_ahead,
    default="0",
    show_default=True,
    help="Rows ahead. 0: forecast a row's target from its other columns and the past. From 1 on "
    "the row's own target is an input as well, and the forecast is for H rows later; 1-24: for "
    "each of the next 24 rows.",
)
@click.option(
    "--reset-on", metavar="COL", help="Column that names the sequence; a new value begins anew."
)
@click.option(
    "--weight",
    metavar="COL",
    help="Column of weights: what learning from a row counts for, a number from 0 on. It is no "
    "input.",
)
@click.option(
    "--missing",
    metavar="TEXT",
    multiple=True,
    callback=_missing,
    help="A text or number that means no value in targets, features and weights, beside the usual "
    "ones (empty, NA, null, ...), such as --missing -999; may be given again. -999 is also -999.0.",
)
@click.option(
    "--gaps",
    type=click.Choice(["skip", "reset", "fill"]),
    default="skip",
    show_default=True,
    help="What to do where --time stamps of a regular stream skip. skip: the next row follows the "
    "last one; reset: a new sequence begins; fill: rows of missing values are put in.",
)
@click.option(
    "--max-gap",
    metavar="N",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="With --gaps fill: where more rows are missing, a new sequence begins.",
)
@click.option(
    "--key",
    metavar="COL",
    help="Column that tells series apart: each has a learner of its own, which begins with its "
    "first row. --horizon counts rows of the same series.",
)
@click.option(
    "--max-keys",
    metavar="N",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="With --key: the most series; rows of further ones are bad rows.",
)
@click.option(
    "--id",
    metavar="COL",
    help="Column that names the row. A later record of the same id brings the row's label, where "
    "its target was empty; forecasts are written at once, and learned from when the label comes.",
)
@click.option(
    "--max-delay",
    metavar="N",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="With --id: how many rows a label may be late. Then its row is learned without one.",
)
@click.option("--hidden", metavar="N", type=click.IntRange(1), help="Hidden units. [default: 16]")
@click.option("--cell", type=click.Choice(CELLS), help="Recurrent cell. [default: lstm]")
@click.option(
    "--optimizer",
    type=click.Choice(OPTIMIZERS),
    help="How a gradient becomes a step. [default: adam]",
)
@click.option(
    "--learning-rate",
    metavar="RATE",
    callback=_rate,
    help="Size of the steps. falling: from .01 to .001 in the first 4,000 labels, from less with "
    "more than 32 columns; auto: three networks learn at .001, .003 and .01, and the one that does "
    "best of late is heard most. [default: falling; 0.001 with another optimizer]",
)
@click.option(
    "--seed", metavar="S", type=click.IntRange(0), help="Of the initial weights. [default: 0]"
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    help="Of the learner's numbers. float64 is slower, and for targets of many digits, as of a "
    "meter that has counted for years. [default: float32]",
)
@click.option(
    "--members",
    metavar="K",
    type=click.IntRange(1),
    help="Learn with K networks and forecast a mean of theirs: better, and K times as slow. With "
    "--learning-rate auto: K for each rate. [default: 1]",
)
@click.option(
    "--model", metavar="FILE", help="Save what was learned here; nothing is saved without it."
)
@click.option(
    "--from",
    "start",
    metavar="NET.onnx",
    help="Begin with the network in an ONNX file, of one LSTM, GRU or RNN or a stack: its inputs "
    "are the features in their order; from horizon 1 on the target comes first.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the model in the --model file: behind the rows of SOURCE that it has seen, "
    "or with all that come where SOURCE is standard input. Without the file, begin afresh.",
)
@click.option("--overwrite", is_flag=True, help="Begin afresh and replace the --model file.")
@click.option(
    "--checkpoint-every",
    metavar="ROWS|SECONDSs",
    callback=_interval,
    help="Save the model on the way, too: every 5000 rows, or every 30s.",
)
@click.option(
    "--on-write-error",
    type=click.Choice(["stop", "continue"]),
    default="stop",
    show_default=True,
    help="What to do where a checkpoint, a forecast or a bad row cannot be written, as on a full "
    "disk. continue: go on learning, and write again as soon as that is possible.",
)
@source_options
@click.option(
    "--passes",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Read the files so often, one time after the other.",
)
@click.option(
    "--interval",
    metavar="SHARE",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Give forecasts of a number an interval that the truth lies in with this share of the "
    "rows, such as 0.9; it is written beside them.",
)
@click.option(
    "--at-least",
    metavar="NUMBER",
    callback=_least,
    default="auto",
    show_default=True,
    help="What no forecast of a number, nor its interval, is below. auto: 0 for counts: where 30 "
    "targets and all that follow are whole numbers from 0 on; none: it may be anything.",
)
@click.option(
    "--metrics-port",
    metavar="[HOST:]PORT",
    callback=_address,
    help="Serve metrics for Prometheus there: rows, rate, loss, bad rows, lag, age of the "
    "checkpoint. Without a host, for this machine only.",
)
@click.option(
    "--report",
    metavar="FILE.html",
    help="Write a page to look at: forecast and truth, error over time, worth of the columns.",
)
@row_options(predictions_default=None)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Learn from the rows of SOURCE, one by one, and forecast each before it is learned from.

    SOURCE is one or more files (.csv, .tsv, .jsonl, .parquet; also .gz and .zst; also patterns in
    quotes) or -, the default, for standard input, where a row is answered as soon as it arrives.
    """
    if options["resume"] and options["overwrite"]:
        raise click.UsageError("--resume goes on and --overwrite begins afresh: give one of them")
    given = {
        name
        for name in options
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    for name, is_for, there in (
        ("max_gap", "--gaps fill", options["gaps"] == "fill"),
        ("max_delay", "--id COL", options["id"] is not None),
        ("max_keys", "--key COL", options["key"] is not None),
    ):
        if name in given and not there and not options["resume"]:
            raise click.UsageError(f"--{name.replace('_', '-')} is for {is_for}")
    if options["id"] is not None and options["passes"] > 1:
        raise click.UsageError("--passes would bring the same ids again: leave it out, or --id")
    for name in ("resume", "overwrite", "checkpoint_every"):
        if options[name] and not options["model"]:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --model FILE")
    from rtrl_lstm.cli.learning import learn

    learn(options, given)
