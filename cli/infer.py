"""`rtrl-lstm infer`: forecasts from an ONNX graph."""

from __future__ import annotations

from typing import Any

import click

from rtrl_lstm.cli.errors import Stop, about
from rtrl_lstm.cli.options import row_options, source_argument, source_options


@click.command(
    "infer",
    epilog="Example: rtrl-lstm infer m.onnx today.csv --predictions forecasts.csv",
)
@click.argument("model", type=click.Path(), metavar="MODEL.onnx")
@source_argument
@source_options
@row_options(predictions_default="-")
@click.option(
    "--provider",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where onnxruntime runs it; auto takes CUDA where there is one.",
)
def command(model: str, provider: str, **options: Any) -> None:
    """Forecast the rows of SOURCE with an exported graph, in onnxruntime.

    It begins at the state that the model had at export and gives what `predict` gives.
    SOURCE is one or more files (.csv, .tsv, .jsonl, .parquet; also .gz and .zst) or -, the default,
    for standard input.
    """
    from rtrl_lstm.cli.forecasting import forecast
    from rtrl_lstm.export import GraphFileError, ModelSession, ProviderError

    try:
        session = ModelSession(model, provider)
    except (GraphFileError, ProviderError, OSError) as error:
        other = "; a model file is for predict" if model.endswith(".rtrl") else ""
        raise Stop(f"cannot run {about(model, error)}{other}") from error
    forecast(session, model, options)
