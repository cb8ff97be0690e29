"""A model and the place in the stream where it stands: begun, found again, saved.

What is saved beside the model depends on the rows alone: how many there were, a check of the last
one, and the state of the score. No clock and no path. Only a run that is not at the end of its
files also says where in them it stands; the place in the output files is the row's.
"""

from __future__ import annotations

import os
import shlex
import zlib
from typing import TYPE_CHECKING, Any

from rtrl_lstm.cli.checkpoints import previous_of
from rtrl_lstm.cli.errors import Stop
from rtrl_lstm.cli.models import check_columns, columns_of, load_series
from rtrl_lstm.cli.replay import Replay
from rtrl_lstm.cli.sources import Place
from rtrl_lstm.cli.starting import network_of
from rtrl_lstm.cli.text import Header
from rtrl_lstm.modelfile import to_bytes
from rtrl_lstm.models.delayed import Delayed
from rtrl_lstm.models.model import Model
from rtrl_lstm.models.panel import Panel
from rtrl_lstm.models.wanted import DEFAULTS
from rtrl_lstm.score.delayed import DelayedScore
from rtrl_lstm.score.history import History
from rtrl_lstm.score.panel import PanelScore
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.score.several import SeveralScore
from rtrl_lstm.score.steps import StepsScore
from rtrl_lstm.spec import Spec
from rtrl_lstm.table.schema import Schema
from rtrl_lstm.wording import counted

if TYPE_CHECKING:
    from rtrl_lstm.cli.drive import Follower
    from rtrl_lstm.cli.records import Record
    from rtrl_lstm.cli.sources import Source

# Options of the command line -> what they are called in a Model.
SCHEMA_OPTIONS = (
    "target",
    "features",
    "time",
    "time_of_day",
    "dates",
    "task",
    "horizon",
    "reset_on",
    "weight",
    "gaps",
    "max_gap",
    "key",
    "id",
    "missing",
    "at_least",
)
LEARNER_OPTIONS = {
    "hidden": "hidden_size",
    "cell": "cell",
    "optimizer": "optimizer",
    "learning_rate": "learning_rate",
    "seed": "seed",
    "dtype": "dtype",
}


class Stand:
    """A model, its score, and how many rows of its stream both have seen.

    Attributes:
        model, score: as they stand.
        history: what a report needs besides; None where there are several series, or late labels.
        path: of the file they were found in; "" where they are fresh.
        rows: rows of the stream so far.
        last_row: check of the last of them.
        place: where they stood in a file, where the run was not at its end.
        header: of that file, where it was followed.
        damaged: whether `path` is the checkpoint before the last, which cannot be read.
    """

    def __init__(
        self,
        model: Model | Panel | Delayed,
        score: Prequential,
        history: History | None = None,
        path: str = "",
        last_row: int = 0,
    ) -> None:
        self.model = model
        self.score = score
        if history is None and isinstance(model, Model):
            history = History(score)
        self.history = history
        self.path = path
        self.last_row = last_row
        self.rows = score.rows
        self.place: Place | None = None
        self.header: Header | None = None
        self.damaged = False

    def content(
        self, last: Record | None, place: Place | None, header: Header | None = None
    ) -> bytes:
        """What a model file is to hold.

        Args:
            last: the last row that was learned; None for the one that was saved last.
            place: where the next row begins in the source's files; None at their end, so that a
                file depends on nothing but options and rows.
            header: of that file, where it is followed: its successor may have none.
        """
        self.rows, self.place = self.score.rows, place
        if last is not None:
            self.last_row = _check(last, self.model.schema)
        self.model.stream = {
            "last_row": self.last_row,
            "score": self.score.to_json(),
        }
        if self.history is not None:
            self.model.stream["history"] = self.history.to_json()
        if place is not None:
            self.model.stream["place"] = list(place)
        if place is not None and header is not None:
            self.model.stream["header"] = list(header)
        return to_bytes(self.model)


def begin(options: dict[str, Any]) -> Stand:
    """A fresh model as the options say.

    Raises:
        UsageError: there is no target.
        Stop: they contradict each other.
    """
    arguments = {name: options[name] for name in SCHEMA_OPTIONS}
    arguments["target"], *arguments["also"] = options["target"]
    arguments["units"] = options.get("units")
    first, _, last = str(options["horizon"]).rpartition("-")
    arguments |= {"horizon": int(last), "every_step": bool(first)}
    for name, field in LEARNER_OPTIONS.items():
        if options[name] is not None:
            arguments[field] = options[name]
    if options["learning_rate"] == "falling":
        arguments |= {name: DEFAULTS[name] for name in ("learning_rate", "schedule")}
    arguments["interval"], arguments["members"] = options["interval"], options["members"] or 1
    if options["start"] is not None:
        arguments["start"] = network_of(options["start"], options)
    try:
        if options["key"] is not None and arguments["also"]:
            raise Stop("--key is for a single --target")
        if options["id"] is not None:
            delayed = Delayed(**arguments, max_delay=options["max_delay"])
            return Stand(delayed, score_of(delayed, options["score_from"]))
        if options["key"] is not None:
            panel = Panel(**arguments, max_keys=options["max_keys"])
            return Stand(panel, score_of(panel, options["score_from"]))
        model = Model(**arguments)
    except ValueError as error:
        raise Stop(str(error)) from error
    return Stand(model, score_of(model, options["score_from"]))


def score_of(model: Model | Panel | Delayed | Follower, score_from: int) -> Prequential:
    """A fresh score for what a model forecasts."""
    schema = model.schema
    if isinstance(model, Panel):
        return PanelScore(schema.horizon, score_from)
    if isinstance(model, Delayed):
        return DelayedScore(schema.horizon, score_from)
    if schema.arguments["also"]:
        return SeveralScore(schema.horizon, score_from, schema.target_names)
    if len(schema.forecast_names) > 1:
        return StepsScore(schema.horizon, score_from)
    return Prequential(schema.horizon, score_from)


def find_again(path: str, options: dict[str, Any], given: set[str]) -> Stand:
    """The model in a file, and where it stood in its stream.

    Args:
        given: names of the options that the user typed; they must agree with the model's.

    Raises:
        Stop: the file is damaged or holds something else, or an option says otherwise.
    """
    stand = _last_good(path, options)
    for name, value in _made_with(stand).items():
        if name in given and options[name] != value:
            option = f"--{name.replace('_', '-')}"
            raise Stop(
                f"{path} was made with {option} {_said(value)}, not {_said(options[name])}: leave "
                f"{option} out to go on with it, or begin afresh with --overwrite"
            )
    return stand


def go_to(stand: Stand, source: Source) -> list[str]:
    """Pass over the rows of a file that the model has seen; on a pipe every row is new.

    Returns what the user has to know about it.

    Raises:
        Stop: the source has not the model's columns, or is not the one that the model began with.
    """
    check_columns(stand.model.schema, source, stand.path, target=True)
    notes = []
    if stand.damaged:
        notes.append(f"the last checkpoint is damaged: going on from {stand.path}")
    if source.live:
        new = "every row from now on is a new one"
        if isinstance(stand.model, Delayed):
            new = "rows whose ids it knows are passed over"
        notes.append(
            f"{stand.path} has seen {counted(stand.rows, 'row')}; a pipe has no place to go back "
            f"to: {new}"
        )
    elif stand.place is not None:
        if not source.go_to(stand.place):
            raise Stop(_not_the_same(stand, source.name))
    else:
        _pass_over(stand, source)
    return notes


def _pass_over(stand: Stand, source: Source) -> None:
    """Read the rows that the model has seen."""
    passed, last = 0, None
    while passed < stand.rows and (records := source.read(stand.rows - passed)):
        passed, last = passed + len(records), records[-1]
    if passed < stand.rows:
        seen = f"{stand.path} has seen {stand.rows:,}"
        raise Stop(
            f"{source.name} has {counted(passed, 'row')} and {seen}; {_otherwise(source.name)}"
        )
    if last is not None and _check(last, stand.model.schema) != stand.last_row:
        raise Stop(
            f"row {passed:,} of {source.name} is not what {stand.path} learned from; "
            f"{_otherwise(source.name)}"
        )


def _not_the_same(stand: Stand, name: str) -> str:
    assert stand.place is not None
    return (
        f"{name} is not what {stand.path} learned from: up to row {stand.rows:,} (line "
        f"{stand.place.line:,} of its file) something was changed, removed or put between; "
        f"{_otherwise(name)}"
    )


def _otherwise(name: str) -> str:
    return f"to learn from other rows, pipe them in: --resume - < {name}"


def _last_good(path: str, options: dict[str, Any]) -> Stand:
    """The model in a file, or in the checkpoint before it.

    Raises:
        Stop: neither can be read.
    """
    try:
        return _found(path, options)
    except Stop:
        previous = previous_of(path)
        if not os.path.exists(previous):
            raise
        stand = _found(previous, options)
        stand.damaged = True
        return stand


def _found(path: str, options: dict[str, Any]) -> Stand:
    model = load_series(path)
    if not model.stream:  # saved by an application: every row is new
        return Stand(model, score_of(model, options["score_from"]), path=path)
    try:
        score = type(score_of(model, 1)).from_json(model.stream["score"])
        history = None
        if "history" in model.stream:
            history = History.from_json(model.stream["history"], score)
        stand = Stand(model, score, history, path, int(model.stream["last_row"]))
        if "place" in model.stream:
            stand.place = Place(*map(int, model.stream["place"]))
        if "header" in model.stream:
            delimiter, columns = model.stream["header"]
            stand.header = Header(str(delimiter), list(map(str, columns)))
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise Stop(f"cannot load {path}: its place in the stream is damaged") from error
    return stand


def replay_of(stand: Stand, source: Source) -> Replay | None:
    """What passes over rows that come again, where they do."""
    model, last = stand.model, stand.last_row
    if not (stand.rows and source.live and isinstance(model, Delayed)):
        return None
    return Replay(model, stand.rows, lambda record: _check(record, model.schema) == last)


def command_of(stand: Stand) -> str:
    """What to type to make such a model, without the options that are as they would be anyway."""
    usual = _made_with(Stand(Model(target=""), Prequential(0)))
    words = ["rtrl-lstm", "learn", "SOURCE"]
    for name, value in _made_with(stand).items():
        if value != usual[name] and name != "task":
            for one in value if name == "missing" else [_said(value)]:
                words += [f"--{name.replace('_', '-')}", one]
    return shlex.join(words)


def _made_with(stand: Stand) -> dict[str, Any]:
    """The options that would make this model, by their names on the command line."""
    schema, spec = stand.model.schema, Spec(input_size=1, **stand.model.options)
    options = {name: schema.arguments[name] for name in SCHEMA_OPTIONS}
    options["target"] = list(schema.target_names)
    if schema.arguments["every_step"]:
        options["horizon"] = f"1-{schema.horizon}"
    for name, field in LEARNER_OPTIONS.items():
        value = getattr(spec, field)
        options[name] = getattr(value, "name", value)
    return {
        **options,
        "learning_rate": _rate(stand, spec),
        "task": schema.task,
        "interval": stand.model.interval,
        "max_keys": stand.model.max_keys if isinstance(stand.model, Panel) else 1000,
        "max_delay": stand.model.max_delay if isinstance(stand.model, Delayed) else 1000,
        "members": stand.model.members,
        "score_from": stand.score.score_from,
    }


def _rate(stand: Stand, spec: Spec) -> float | str:
    """What is to be said with --learning-rate."""
    if len(stand.model.rates) > 1:
        return "auto"
    return spec.learning_rate if spec.schedule is None else "falling"


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) or "nothing"
    return "none" if value is None else str(value)


def _check(record: Record, schema: Schema) -> int:
    """A number that tells rows apart, of the values that the model reads."""
    if record.values is None:
        return zlib.crc32(record.raw.encode(errors="replace"))
    plain = [f"{name}={_plain(record.values.get(name))}" for name in sorted(columns_of(schema))]
    return zlib.crc32("\n".join(plain).encode(errors="replace"))


def _plain(value: Any) -> str:
    """A field's value in words that do not depend on the format it came in."""
    try:
        return repr(float(value))
    except (TypeError, ValueError, OverflowError):
        return "" if value is None else str(value).strip()
