"""`rtrl-lstm predict`: forecasts from a model that no longer learns."""

from __future__ import annotations

from typing import Any

import click

from rtrl_lstm.cli.options import row_options, source_argument, source_options


@click.command(
    "predict",
    epilog="Example: rtrl-lstm predict m.rtrl today.csv --predictions forecasts.csv",
)
@click.argument("model", type=click.Path())
@source_argument
@source_options
@row_options(predictions_default="-")
def command(model: str, **options: Any) -> None:
    """Forecast the rows of SOURCE with MODEL, without learning.

    It begins where MODEL stood when it was saved; its state moves on with each row, and the file
    stays as it is. SOURCE is one or more files (.csv, .tsv, .jsonl, .parquet; also .gz and .zst)
    or -, the default, for standard input.
    """
    from rtrl_lstm.cli.forecasting import forecast
    from rtrl_lstm.cli.models import load_series

    learned = load_series(model)
    forecast(learned.frozen(), model, options)
