"""Model files in, with a clear line where they are not what is needed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rtrl_lstm.cli.dialect import advice_on
from rtrl_lstm.cli.errors import Stop, about
from rtrl_lstm.cli.mistaken import line_of_header
from rtrl_lstm.wording import counted

if TYPE_CHECKING:
    from rtrl_lstm.cli.progress import Progress
    from rtrl_lstm.cli.sources import Source
    from rtrl_lstm.modelfile import Saved
    from rtrl_lstm.models.delayed import Delayed
    from rtrl_lstm.models.model import Model
    from rtrl_lstm.models.panel import Panel
    from rtrl_lstm.table.schema import Schema, SchemaError


def load_series(path: str) -> Model | Panel | Delayed:
    """The model, the panel of models, or the model whose labels come late, in a file.

    Raises:
        Stop: there is no such file, it is damaged, or holds something else.
    """
    from rtrl_lstm.models.delayed import Delayed
    from rtrl_lstm.models.panel import Panel

    found = load_any(path)
    return found if isinstance(found, Panel | Delayed) else _model(found, path)


def load(path: str) -> Model:
    """The model in a file; one whose labels come late stands behind its last row.

    Raises:
        Stop: there is no such file, it is damaged, or holds something else than a Model.
    """
    from rtrl_lstm.models.delayed import Delayed
    from rtrl_lstm.models.panel import Panel

    found = load_any(path)
    if isinstance(found, Delayed):
        return found.leading()
    if isinstance(found, Panel):
        raise Stop(
            f"{path} holds {counted(len(found.models), 'model')}, one for each {found.key!r}: only "
            "learn, predict and inspect take it"
        )
    return _model(found, path)


def _model(found: Saved, path: str) -> Model:
    from rtrl_lstm.models.model import Model

    if not isinstance(found, Model):
        kind = type(found).__name__
        raise Stop(f"{path} holds a {kind}, which knows no columns: it takes a Model to read rows")
    return found


def load_any(path: str) -> Saved:
    """Whatever a model file holds.

    Raises:
        Stop: there is no such file, or it is damaged.
    """
    from rtrl_lstm.modelfile import ModelFileError, load

    try:
        return load(path)
    except (OSError, ModelFileError) as error:
        other = "; a graph is for infer and inspect" if path.endswith(".onnx") else ""
        raise Stop(f"cannot load {about(path, error)}{other}") from error


_ROLES = ("target", "time", "time_of_day", "reset_on", "weight", "key", "id")


def columns_of(schema: Schema) -> set[str]:
    """The columns that a schema reads, as far as it knows them."""
    asked = schema.arguments
    known = {column["name"] for column in schema.to_json()["columns"] or ()}
    special = {asked[name] for name in _ROLES} - {None}
    return known | special | {*(asked["features"] or ()), *asked["also"]}


def check_columns(schema: Schema, source: Source, path: str, target: bool) -> None:
    """Whether the source has what a model's schema reads.

    A row of JSON lines may lack keys; that none of them is there is still a mistake.

    Args:
        path: of the model, for the message.
        target: whether the target is needed, too.

    Raises:
        Stop: it has not; the message names what there is.
    """
    from rtrl_lstm.table.schema import SchemaError

    if source.columns is None:
        return
    try:
        schema.check_columns(source.columns, target=target)
    except SchemaError as error:
        known = {name for name in columns_of(schema) if name in source.columns}
        if not (source.may_lack_columns and known):
            raise Stop(f"{source.name} does not fit {path}: {error}") from error


def check_header(schema: Schema, source: Source) -> None:
    """Whether a table has the columns that were asked for: the first row would show it too, but
    only once kernels were compiled for it.

    Raises:
        Stop: it has not.
    """
    from rtrl_lstm.table.schema import SchemaError

    if source.columns is None or source.may_lack_columns:
        return
    try:
        schema.check_columns(source.columns, target=True)
    except SchemaError as error:
        first = source.beginning()
        if line := line_of_header(first, schema.target_names):
            cure = _from_line(line, source.name, first)
            raise Stop(f"{source.name}: {error}; line {line} is its header{cure}") from error
        raise misfit(source, error) from error


def _from_line(line: int, name: str, first: bytes) -> str:
    """How to have a file that begins with its header; "" where its bytes are not its text."""
    table = Path(name).with_name("table.csv")
    with open(name, "rb") as file:
        is_plain = file.read(len(first)) == first
    if not is_plain or table.exists():
        return ""
    return f": tail -n +{line} {shlex.quote(name)} > {shlex.quote(str(table))}"


def misfit(source: Source, error: SchemaError) -> Stop:
    """What to say where a table is not what was asked for."""
    return Stop(f"{source.name}: {error}{advice_on(source.columns or ())}")


def compile_kernels(model: Model | Panel | Delayed, progress: Progress) -> None:
    """Compile what the model's cell needs, and its members, if no run did before, and say so: it
    takes a while."""
    from rtrl_lstm.kernels import entries, mixture
    from rtrl_lstm.kernels.jit import is_compiled
    from rtrl_lstm.layout import family_of
    from rtrl_lstm.models.model import Model
    from rtrl_lstm.spec import Spec

    decide = ("cell", "rule", "hidden_size", "block_size", "proj_size", "dtype")
    kind = {name: model.options[name] for name in decide if name in model.options}
    spec = Spec(1, **kind)
    several = model.members * len(model.rates) > 1
    needed = [entries.entry_of(spec.cell, family_of(spec)), *([mixture.mix] if several else [])]
    if not all(map(is_compiled, needed)):
        progress.say("compiling the kernels (once per machine) ...")
        Model(target="y", members=1 + several, **kind).run([{"x": 0.0, "y": 0.0}])
