"""`rtrl-lstm export`: a model as an ONNX graph."""

from __future__ import annotations

import click

from rtrl_lstm.cli.errors import Stop, reason

GRAPHS = ("step", "sequence", "learner")
PRECISIONS = ("float32", "float64", "float16", "int8")
ROUNDED = ("float16", "int8")


@click.command(
    "export",
    epilog="Example: rtrl-lstm export m.rtrl m.onnx --graph learner",
)
@click.argument("model", type=click.Path())
@click.argument("out", type=click.Path(), metavar="OUT.onnx")
@click.option(
    "--graph",
    type=click.Choice(GRAPHS),
    default="step",
    show_default=True,
    help="step: a row and the state in, the forecast and the new state out. sequence: many rows. "
    "learner: a row and its label in, and the graph itself goes on learning.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help="Of the numbers in the graph. float16 and int8 store the weights only, for a smaller "
    "file; what that costs is said.",
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
    if graph == "learner" and learned.schema.arguments["id"] is not None:
        raise Stop(
            f"cannot export {model} as a learner graph: a graph cannot wait for labels that come "
            "late; --graph step and sequence forecast"
        )
    try:
        differences = to_onnx(learned, out, graph=graph, precision=precision)
    except (ExportError, OSError) as error:
        raise Stop(f"cannot export {model} to {out}: {reason(error)}") from error
    if quiet:
        return
    largest = f"largest difference {max(differences.values()):.1g}"
    if precision in ROUNDED:
        cost = next(iter(differences.values()))
        largest = f"{precision} weights cost the forecast up to {cost:.1g} of its size"
    click.echo(f"{out}: checked in onnxruntime, {largest}", err=True)
    if learned.spec is not None and learned.spec.contexts:
        click.echo(
            f"{out}: the graph is the network alone; what followed the last labels before lies "
            "beside it, for rtrl-lstm infer",
            err=True,
        )
