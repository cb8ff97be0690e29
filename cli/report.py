"""`rtrl-lstm report`: a page about what a model has learned."""

from __future__ import annotations

from pathlib import Path

import click

from rtrl_lstm.cli.errors import Stop


@click.command("report", epilog="Example: rtrl-lstm report m.rtrl report.html")
@click.argument("model", type=click.Path())
@click.argument("out", type=click.Path(), required=False, metavar="[OUT.html]")
def command(model: str, out: str | None) -> None:
    """Write a page to look at about MODEL: forecast and truth, error over time, what the columns
    are worth, bad rows, settings.

    OUT is MODEL with the ending .html unless it is given. The page is one file that needs no
    network. `learn --report` writes the same at the end of a run.
    """
    from rtrl_lstm.cli.figures import figures
    from rtrl_lstm.cli.models import load
    from rtrl_lstm.cli.outputs import refuse_unwritable
    from rtrl_lstm.cli.page import write_page
    from rtrl_lstm.cli.resume import command_of, find_again
    from rtrl_lstm.models.model import Model

    path = out or str(Path(model).with_suffix(".html"))
    if Path(path).exists() and Path(path).samefile(model):
        raise Stop(f"{path} is the model itself: name another output")
    refuse_unwritable(path)
    load(model)  # says it where it holds many series
    stand = find_again(model, {"score_from": 1}, given=set())
    if not stand.rows:
        raise Stop(f"{model} holds no figures: an application saved it, not learn --model")
    found = figures(stand.score, stand.model.counts, 0.0, 0, model, stand.model.incidents)
    if stand.history is None or not isinstance(stand.model, Model):
        raise Stop(f"{model} has late labels, and a report shows none of them")
    write_page(path, stand.model, stand.history, found, command_of(stand))
    click.echo(f"wrote {path}", err=True)
