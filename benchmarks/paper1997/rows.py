"""What a row of a table is, and a setting that it is run with.

A setting is *literal* if all its constants are the paper's; where the text leaves a choice there
are several, called by what they choose. *best* settings keep task and criterion, or a stricter one,
and may take anything else that the engine has. *common* is one for all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rtrl_lstm import Adam
from rtrl_lstm.optimizers import InverseTime

from .criteria import Criterion
from .nets import Options
from .plain import Plain
from .tasks import Task

PARTS = ("literal", "best", "common", "variants", "farther")
FARTHER = 10
# Number of the first trial: settings that were chosen were chosen by trials with smaller numbers,
# which are their seeds.
FIRST = {"best": 100, "common": 100, "variants": 100}


@dataclass(frozen=True)
class Setting:
    """How a row is run.

    Attributes:
        part: one of PARTS.
        name: what it chooses.
        net: the options of a Learner, or a competitor.
        cap: sequences after which a trial is given up.
        batch: sequences at a time; a criterion that looks at a held-out set looks so often.
        criterion: None for the row's own.
        task: None for the row's own.
        loop: whether the net runs in the loop of `loop.py`; else in the engine.
        at_first: what else the options are until the error of a batch is not below that of the
            batch before; sequences are counted from then on.
    """

    part: str
    name: str
    net: Options | Plain
    cap: int
    batch: int = 500
    criterion: Criterion | None = None
    task: Task | None = None
    loop: bool = False
    at_first: Options | None = None


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        table: the paper's; FARTHER for what it has not.
        published: sequences until success, mean over the successful trials; 0: it is not there.
        rate: the published share of trials that succeeded, or None where it says "some".
        weights: the published number of weights; 0: there is none.
        tolerance: for the test on 2,560 further sequences; None: there is none in the paper.
        wrong: how many of them were wrong in the paper.
        ST1: published sequences until the first of two criteria; 0: there is but one.
    """

    table: int
    name: str
    task: Task
    criterion: Criterion
    settings: tuple[Setting, ...]
    published: int
    weights: int
    rate: float | None = 1.0
    tolerance: float | None = None
    wrong: float | None = None
    ST1: int = 0

    @property
    def key(self) -> str:
        return f"{self.table} {self.name}"


def sgd(rate: float) -> Options:
    return {"optimizer": "sgd", "learning_rate": rate}


def adam(rate: float) -> Options:
    return {"optimizer": Adam(), "learning_rate": rate}


def falling(rate: float, power: float = 0.5) -> Options:
    """Adam whose rate falls with the root of the updates, or another power of them: large to begin
    with, small for noise."""
    return {**adam(rate), "schedule": InverseTime(tau=1000.0, power=power)}


def merged(*parts: Options) -> dict[str, Any]:
    """The later ones over the earlier ones."""
    return {name: value for part in parts for name, value in part.items()}


FORGETTING: Options = {"forget_gate": True, "forget_bias": 5.0}
SPARSE: Options = {"sparse_inputs": True}  # a matter of time alone: not a bit differs


def literal(name: str, cap: int, *parts: Options, **more: Any) -> Setting:
    return Setting("literal", name, merged(*parts), cap, **more)


def best(name: str, cap: int, *parts: Options, **more: Any) -> Setting:
    return Setting("best", name, merged(*parts), cap, **more)
