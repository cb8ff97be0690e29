"""Options that several commands share."""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from rtrl_lstm.cli.dialect import Dialect

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
    columns = click.option(
        "--columns",
        metavar="A,B",
        callback=names,
        help="The file has no header: these are its columns.",
    )
    delimiter = click.option(
        "--delimiter",
        metavar="CHAR",
        callback=_character,
        help="Between the fields of a line; tab for a tab. [default: as the first line shows: a "
        "comma, tab, semicolon or bar]",
    )
    decimal = click.option(
        "--decimal",
        type=click.Choice([".", ","]),
        help="Decimal mark of the numbers. [default: as the first number with one shows it; . "
        "where commas are between the fields]",
    )
    encoding = click.option(
        "--encoding",
        metavar="NAME",
        callback=_encoding,
        help="Of the text, such as cp1252. [default: UTF-8; UTF-16 where it begins with its mark]",
    )
    for option in (encoding, decimal, delimiter, columns, form, follow):
        command = option(command)
    return command


def dialect_of(options: dict[str, Any]) -> Dialect:
    """What `source_options` say about how the text is written."""
    columns = options["columns"]
    return Dialect(
        options["encoding"],
        options["delimiter"],
        options["decimal"],
        None if columns is None else tuple(columns),
    )


def names(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """a,b,c as a list; "a,b",c for names that have commas in them."""
    if value is None:
        return None
    found = [name.strip() for name in next(csv.reader([value], skipinitialspace=True), [])]
    if not found or not all(found):
        raise click.BadParameter("give column names, with commas between them")
    return found


def _character(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    value = "\t" if value in ("tab", "\\t") else value
    if value is not None and (len(value) != 1 or value in '"\r\n'):
        raise click.BadParameter(f"{value!r} is not one character that can stand between fields")
    return value


def _encoding(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            b"a".decode(value)
        except (LookupError, ValueError):
            line = f"there is no encoding {value!r} of text; utf-8, utf-16 and cp1252 are some"
            raise click.BadParameter(line) from None
    return value


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
