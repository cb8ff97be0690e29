"""`rtrl-lstm export`: a model as an ONNX graph."""

from __future__ import annotations

import click

from rtrl_lstm.cli.errors import Stop, reason

GRAPHS = ("step", "sequence")
PRECISIONS = ("float32", "float64")


@click.command("export", epilog="Example: rtrl-lstm export m.rtrl m.onnx")
@click.argument("model", type=click.Path())
@click.argument("out", type=click.Path(), metavar="OUT.onnx")
@click.option(
    "--graph",
    type=click.Choice(GRAPHS),
    default="step",
    show_default=True,
    help="step: a row and the state in, the forecast and the new state out. sequence: many rows.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help="Of the numbers in the graph.",
)
@click.option("--quiet", is_flag=True, help="Say nothing.")
def command(model: str, out: str, graph: str, precision: str, quiet: bool) -> None:
    """Write MODEL as an ONNX graph that onnxruntime runs anywhere.

    Before the file is written the graph is run in onnxruntime against the model, and refused if it
    differs.
    """
    from rtrl_lstm.cli.models import load
    from rtrl_lstm.export import ExportError, to_onnx

    learned = load(model)
    try:
        differences = to_onnx(learned, out, graph=graph, precision=precision)
    except (ExportError, OSError) as error:
        raise Stop(f"cannot export {model} to {out}: {reason(error)}") from error
    if not quiet:
        largest = max(differences.values())
        click.echo(f"{out}: checked in onnxruntime, largest difference {largest:.1g}", err=True)
