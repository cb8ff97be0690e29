"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

source_argument = click.argument("source", nargs=-1, type=click.Path(), metavar="[SOURCE]...")


def source_options(command: Command) -> Command:
    """How the source is read."""
    follow = click.option(
        "--follow",
        is_flag=True,
        help="Wait for what is appended to the file, and for the file that takes its name when it "
        "is rotated, like tail -F.",
    )
    form = click.option(
        "--format",
        "form",
        type=click.Choice(["auto", "csv", "tsv", "jsonl", "parquet"]),
        default="auto",
        show_default=True,
        help="Format of the rows; auto: by the file's name, or else by its first bytes.",
    )
    return form(follow(command))


def row_options(predictions_default: str | None) -> Callable[[Command], Command]:
    """What every command that takes rows offers: predictions, bad rows, score, progress."""
    shown = "standard output" if predictions_default == "-" else "none"
    options = [
        click.option(
            "--predictions",
            metavar="FILE|-",
            default=predictions_default,
            help="Write a line with the forecast for each row, as soon as it is made; - is "
            f"standard output. [default: {shown}]",
        ),
        click.option(
            "--predictions-format",
            type=click.Choice(["auto", "csv", "jsonl"]),
            default="auto",
            show_default=True,
            help="auto: JSON lines where the file is called .jsonl, CSV otherwise.",
        ),
        click.option(
            "--bad-rows",
            metavar="FILE",
            help="Write the rows that cannot be read here: number, line, reason and text, as "
            "JSON lines.",
        ),
        click.option(
            "--on-bad-row",
            type=click.Choice(["skip", "stop", "skip-all"]),
            default="skip",
            show_default=True,
            help="What to do with a row that cannot be read. skip stops, too, once more than 500 "
            "of 1,000 rows were bad; skip-all never does.",
        ),
        click.option(
            "--score-from",
            metavar="ROW",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="Score the forecasts made at this row and later; rows count from 1.",
        ),
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="Print the figures as one line of JSON, last on standard output.",
        ),
        click.option("--quiet", is_flag=True, help="No progress, notes or table on stderr."),
        click.option(
            "--progress",
            type=click.Choice(["auto", "rich", "plain"]),
            default="auto",
            show_default=True,
            help="Progress on stderr: a bar, or plain lines at rows 1, 2, 4, 8 ... "
            "auto: a bar on a terminal.",
        ),
    ]

    def decorate(command: Command) -> Command:
        return functools.reduce(lambda made, option: option(made), reversed(options), command)

    return decorate
