"""What a learner is: sizes, cell, rule, loss, optimiser. Frozen, and checks itself."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from rtrl_lstm.checks import (
    is_real,
    require,
    require_count,
    require_fraction,
    require_positive,
    require_tuple,
)
from rtrl_lstm.kernels.slots import CELL_ACTIVATIONS, LOSSES, RULES
from rtrl_lstm.optimizers import (
    CLIPS,
    OPTIMIZERS,
    SCHEDULES,
    Adam,
    Clip,
    ClipNorm,
    ClipValue,
    ObGD,
    Optimizer,
    Schedule,
)
from rtrl_lstm.together import check_together
from rtrl_lstm.wording import counted

CELLS = ("lstm", "gru", "rnn", "elstm")
CELL_OPTIONS = frozenset(
    {
        "input_gate",
        "forget_gate",
        "output_gate",
        "coupled_gates",
        "peephole",
        "input_activation",
        "cell_activation",
        "gate_recurrence",
        "recurrent",
        "block_size",
        "proj_size",
        "input_gate_bias",
        "forget_bias",
        "output_gate_bias",
    }
)
FLAGS = ("shortcuts", "scale_target", "every_step", "sparse_inputs", "input_gate", "forget_gate",
         "output_gate", "coupled_gates", "peephole", "recurrent", "contexts")  # fmt: skip
GATE_RECURRENCES = ("none", "gates", "all")
BIASED = ("gates", "cells", "readout")  # the parts that may have a bias
# A cell's name that stands for an lstm with these options where they were left at their default.
PRESETS: dict[str, dict[str, Any]] = {
    "lstm1997": {
        "forget_gate": False,
        "gate_recurrence": "all",
        "input_activation": "4sigmoid-2",
        "cell_activation": "2sigmoid-1",
    }
}
UPDATES = ("step", "sequence")
DTYPES = ("float32", "float64")

# What a loss makes of the readout. None in `Spec.output_activation` stands for this.
IMPLIED_ACTIVATION = {"log_loss": "sigmoid", "cross_entropy": "softmax", "poisson": "exp"}


@dataclass(frozen=True)
class Spec:
    """Everything that says what a learner is; its numbers lie in a block.

    Args:
        input_size: numbers in a row of input, I.
        hidden_size: units in the recurrent layer, n; with blocks, the number of cells.
        output_size: outputs, O. With `cross_entropy` the number of classes.
        horizon: 0 for a Learner; H >= 1 for a Forecaster, H rows ahead.
        cell: the recurrent cell. "lstm1997" stands for the net of Hochreiter & Schmidhuber 1997:
            an lstm without forget gate, with gate_recurrence "all", input_activation "4sigmoid-2"
            and cell_activation "2sigmoid-1", each where it is not said otherwise.
        bias: whether there are biases; lstm: or which parts have them, of "gates", "cells" (their
            inputs) and "readout".
        shortcuts: whether the readout sees the inputs as well as the hidden units.
        rule: the learning rule. "truncated": the 1997 paper's truncated RTRL. "snap1": SnAp-1
            (Menick et al. 2021), each unit's own way through its gates kept; not for elstm, whose
            truncated gradient is exact. "full": real-time recurrent learning of the whole net,
            O(n^4) time a step and O(n^3) memory: for small nets.
        loss: one of `LOSSES`. squared_error is 1/2 sum (y_hat - y)^2; losses sum over outputs.
        output_activation: None for what the loss implies, or "identity" or "sigmoid".
        optimizer: an optimizer or its name.
        learning_rate: the step size; a learner's own `learning_rate` may be changed later.
        schedule: None, or how the rate changes with the optimiser's steps: see `Schedule`.
        update: "step": weights change at each label. "sequence": gradients are summed, and
            applied at `reset()`.
        clip: None, `ClipNorm`, `ClipValue`, `ClipCredit`, or a number, which means ClipNorm.
        scale_inputs: whether inputs are standardised by running statistics: for all or for each.
        scale_target: whether the target is, too (not for classes and counts).
        sparse_inputs: whether most inputs are zero at most steps, as in one-hot codes: a step then
            takes time for those that are not, or were not long ago; no bit differs. For rule
            "truncated", and "sgd" or update "sequence"; without blocks, horizon, scaled inputs.
        every_step: whether the outputs are of the rows 1, 2 ... up to `horizon` ahead, one each.
            A label is then the targets of the last `horizon` rows, that of the present row last,
            and all are scaled by what the target has been up to it.
        combine_with: inputs that are themselves forecasts of the target, such as its last value
            or that of a season ago. The forecast is then a running least-squares combination of
            them and of what the network says (see `kernels/combination.py`), beside the first of
            them and the target's mean until it has proved better (`kernels/advantage.py`). With
            several outputs a tuple of them for each, all of one length. For squared error and a
            scaled target.
        combine_only: those of `combine_with` that the network does not see: it has no weights for
            them (in `state_dict` their columns are 0), and must be left another input.
        combine_inner: those of `combine_with` that only least squares weighs, and that are not
            averaged with it by themselves.
        contexts: whether what the network says is mixed with how often labels come, and with which
            followed which so far (see `kernels/calibration.py` and `contexts.py`). For loss
            "cross_entropy", or "log_loss" with one output.
        context_inputs: with `contexts`: inputs that may be symbols, such as flags, one-hot codes
            and small whole numbers: which label followed which of them is remembered, too.
        num_layers: layers of a stack, all of hidden_size. Each layer's gradient is exact by
            itself; to the layer below goes the credit of the present row only.
        dropout: the share of the numbers between two layers of a stack that each row drops while it
            is learned from: PyTorch's. `predict` and frozen learners drop nothing. Not for rule
            "full".
        input_gate, forget_gate, output_gate: lstm: whether the gate is there; without it, it
            counts as 1. elstm: output_gate only; without it the state is the output.
        coupled_gates: lstm: the forget gate is 1 - the input gate.
        peephole: lstm: gates see their unit's state (Gers 2002), and no error flows back there.
        gate_recurrence: lstm: whether gates see all gates of the row before, as in the Odyssey's
            full gate recurrence ("gates"), and cell inputs, too ("all", the 1997 net's).
        recurrent: lstm: whether gates and cell inputs see the outputs of the row before.
        block_size: lstm: cells that share their gates, S. Of n/S blocks, number b has the cells
            b, b + n/S, b + 2n/S ...
        proj_size: lstm: numbers to which the cells' outputs are projected (PyTorch's); 0: none.
        input_activation: lstm: of the cell's input, g; rnn: of the unit, "tanh" or "relu".
        cell_activation: lstm: of the state on its way to the output.
        input_gate_bias, forget_bias, output_gate_bias: lstm: added to the gates' initial biases;
            a number, or one for each block.
        init_range: weights and biases start uniform in [-init_range, init_range]; None:
            in +-1/sqrt(n), and shortcuts at zero.
        quantiles: for loss "quantile": the levels; output_size is their number.
        huber_delta: for loss "huber": where it turns from square to linear.
        dtype: "float32" or "float64".
        seed: seed of the initial weights.

    Raises:
        ValueError: an argument is out of range; the message names it.
    """

    input_size: int
    hidden_size: int = 32
    output_size: int = 1
    horizon: int = 0
    cell: str = "lstm"
    bias: bool | tuple[str, ...] = True
    shortcuts: bool = False
    rule: str = "truncated"
    loss: str = "squared_error"
    output_activation: str | None = None
    optimizer: Optimizer | str = field(default_factory=Adam)
    learning_rate: float = 1e-3
    schedule: Schedule | None = None
    update: str = "step"
    clip: Clip | float | None = None
    scale_inputs: bool | tuple[bool, ...] = False
    scale_target: bool = False
    sparse_inputs: bool = False
    every_step: bool = False
    combine_with: tuple[int, ...] | tuple[tuple[int, ...], ...] = ()
    combine_only: tuple[int, ...] = ()
    combine_inner: tuple[int, ...] = ()
    contexts: bool = False
    context_inputs: tuple[int, ...] = ()
    num_layers: int = 1
    dropout: float = 0.0
    input_gate: bool = True
    forget_gate: bool = True
    output_gate: bool = True
    coupled_gates: bool = False
    peephole: bool = False
    gate_recurrence: str = "none"
    recurrent: bool = True
    block_size: int = 1
    proj_size: int = 0
    input_activation: str = "tanh"
    cell_activation: str = "tanh"
    input_gate_bias: float | tuple[float, ...] = 0.0
    forget_bias: float | tuple[float, ...] = 1.0
    output_gate_bias: float | tuple[float, ...] = 0.0
    init_range: float | None = None
    quantiles: tuple[float, ...] = ()
    huber_delta: float = 1.0
    dtype: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        self._resolve()
        for name in ("input_size", "hidden_size", "output_size", "num_layers", "block_size"):
            require_count(self, name, 1)
        for name in ("horizon", "seed", "proj_size"):
            require_count(self, name, 0)
        for name, choices in (
            ("cell", CELLS),
            ("rule", RULES),
            ("loss", LOSSES),
            ("update", UPDATES),
            ("dtype", DTYPES),
            ("input_activation", CELL_ACTIVATIONS),
            ("cell_activation", CELL_ACTIVATIONS),
            ("gate_recurrence", GATE_RECURRENCES),
        ):
            value = getattr(self, name)
            require(value in choices, f"{name} must be one of {', '.join(choices)}, not {value!r}")
        for name in FLAGS:
            value = getattr(self, name)
            require(isinstance(value, bool), f"{name} must be True or False, not {value!r}")
        several = isinstance(self.learning_rate, str) and self.learning_rate == "auto"
        require(not several, "learning_rate is 'auto': an Ensemble learns at several rates")
        require_positive(self, "learning_rate", "huber_delta")
        require_fraction(self, "dropout")
        if self.init_range is not None:
            require_positive(self, "init_range")
        self._check_output()
        self._check_cell()
        check_together(self)
        self._check_biases()

    def _resolve(self) -> None:
        """Put objects where names and short forms were given."""
        for name in (*FLAGS, "bias", "scale_inputs"):
            if isinstance(getattr(self, name), np.bool):
                object.__setattr__(self, name, bool(getattr(self, name)))
        if isinstance(self.cell, str) and self.cell in PRESETS:
            defaults = {f.name: f.default for f in dataclasses.fields(self)}
            for name, value in PRESETS[self.cell].items():
                if getattr(self, name) == defaults[name]:
                    object.__setattr__(self, name, value)
            object.__setattr__(self, "cell", "lstm")
        if isinstance(self.optimizer, str):
            kind = OPTIMIZERS.get(self.optimizer)
            names = ", ".join(OPTIMIZERS)
            require(kind is not None, f"optimizer must be one of {names}, not {self.optimizer!r}")
            assert kind is not None
            object.__setattr__(self, "optimizer", kind())
        require(
            isinstance(self.optimizer, Optimizer),
            f"optimizer must be a name or an optimizer, not {self.optimizer!r}",
        )
        if is_real(self.clip):
            object.__setattr__(self, "clip", ClipNorm(self.clip))
        require(
            self.schedule is None or isinstance(self.schedule, Schedule),
            f"schedule must be None or a Schedule, not {self.schedule!r}",
        )
        require(
            self.clip is None or isinstance(self.clip, Clip),
            f"clip must be None, a number, ClipNorm, ClipValue or ClipCredit, not {self.clip!r}",
        )
        if not isinstance(self.scale_inputs, bool):
            require_tuple(self, "scale_inputs", bool, "True, False or one of them for each input")
            assert isinstance(self.scale_inputs, tuple)
            require(
                len(self.scale_inputs) == self.input_size,
                f"scale_inputs has {counted(len(self.scale_inputs), 'flag')} for "
                f"{counted(self.input_size, 'input')}",
            )
        require_tuple(self, "quantiles", float, "a list of numbers")
        for name in ("combine_only", "combine_inner", "context_inputs"):
            require_tuple(self, name, operator.index, "a list of inputs' numbers")
        wanted = "a list of inputs' numbers, or one of them for each output"
        require_tuple(self, "combine_with", _number_or_numbers, wanted)
        if len(self.combine_with) == 1 and isinstance(self.combine_with[0], tuple):
            object.__setattr__(self, "combine_with", self.combine_with[0])

    def _check_output(self) -> None:
        if self.loss == "quantile":
            require(
                len(self.quantiles) == self.output_size and all(0 < q < 1 for q in self.quantiles),
                "loss 'quantile' needs `quantiles` between 0 and 1, as many as output_size: "
                f"quantiles={self.quantiles}, output_size={self.output_size}",
            )
        else:
            require(not self.quantiles, "quantiles are for loss 'quantile' only")
        require(
            self.loss == "huber" or self.huber_delta == 1.0, "huber_delta is for loss 'huber' only"
        )
        if self.loss in IMPLIED_ACTIVATION:
            implied = IMPLIED_ACTIVATION[self.loss]
            require(
                self.output_activation in (None, implied),
                f"loss {self.loss!r} goes with output_activation {implied!r} only",
            )
            require(not self.scale_target, f"loss {self.loss!r} does not go with scale_target")
        else:
            require(
                self.output_activation in (None, "identity", "sigmoid"),
                "output_activation must be None, 'identity' or 'sigmoid', "
                f"not {self.output_activation!r}",
            )
            require(
                not (self.output_activation == "sigmoid" and self.scale_target),
                "output_activation 'sigmoid' does not go with scale_target",
            )

    def _check_cell(self) -> None:
        """Refuse an option that the cell does not have."""
        allowed: set[str] = {
            "lstm": set(CELL_OPTIONS),
            "gru": set(),
            "rnn": {"input_activation"},
            "elstm": {"output_gate"},
        }[self.cell]
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        for name in CELL_OPTIONS - allowed:
            require(
                getattr(self, name) == defaults[name], f"cell {self.cell!r} has no option {name}"
            )
        require(
            self.cell != "rnn" or self.input_activation in ("tanh", "relu"),
            f"cell 'rnn' has input_activation 'tanh' or 'relu', not {self.input_activation!r}",
        )
        require(
            not self.coupled_gates or (self.input_gate and self.forget_gate),
            "coupled_gates goes with both the input and the forget gate",
        )

    def _check_biases(self) -> None:
        if not isinstance(self.bias, bool):
            parts = tuple(self.bias) if isinstance(self.bias, tuple | list) else ("",)
            known = all(part in BIASED for part in parts)
            names = ", ".join(map(repr, BIASED))
            require(
                known and len(set(parts)) == len(parts),
                f"bias must be True, False or a tuple of some of {names}, not {self.bias!r}",
            )
            require(self.cell == "lstm", f"cell {self.cell!r} has bias True or False only")
            parts = tuple(part for part in BIASED if part in parts)
            object.__setattr__(self, "bias", {BIASED: True, (): False}.get(parts, parts))
        gates = {
            "input_gate_bias": self.input_gate or self.coupled_gates,
            "forget_bias": self.forget_gate and not self.coupled_gates,
            "output_gate_bias": self.output_gate,
        }
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        for name, there in gates.items():
            value = self._check_numbers(name)
            require(
                (there and self.is_biased("gates")) or value == defaults[name],
                f"{name} is for an lstm with that gate and a bias for its gates",
            )

    def _check_numbers(self, name: str) -> float | tuple[float, ...]:
        """A number, or one for each block; the value, brought to that form."""
        value = getattr(self, name)
        one = isinstance(value, Real) or not isinstance(value, Iterable)
        numbers = (value,) if one else tuple(value)
        require(
            all(is_real(v) and math.isfinite(v) for v in numbers),
            f"{name} must be a finite number, or one for each block, not {value!r}",
        )
        found = tuple(float(v) for v in numbers)
        if one:
            object.__setattr__(self, name, found[0])
            return found[0]
        require(
            len(found) == self.blocks,
            f"{name} has {counted(len(found), 'number')} for {counted(self.blocks, 'block')}",
        )
        object.__setattr__(self, name, found)
        return found

    @property
    def activation(self) -> str:
        """The output activation, with None resolved."""
        return self.output_activation or IMPLIED_ACTIVATION.get(self.loss, "identity")

    @property
    def combined(self) -> tuple[tuple[int, ...], ...]:
        """For each output the inputs that are combined with it; empty without a combination."""
        flat = tuple(one for one in self.combine_with if isinstance(one, int))
        return (flat,) if flat else tuple(o for o in self.combine_with if isinstance(o, tuple))

    @property
    def target_size(self) -> int:
        """Numbers in a label: 1 for a class index or a quantile's target, else output_size."""
        return 1 if self.loss in ("cross_entropy", "quantile") else self.output_size

    @property
    def scaled_inputs(self) -> tuple[bool, ...]:
        """For each input, whether it is standardised."""
        if isinstance(self.scale_inputs, tuple):
            return self.scale_inputs
        return (self.scale_inputs,) * self.input_size

    @property
    def seen_inputs(self) -> tuple[int, ...]:
        """The inputs that the network sees: all but those of `combine_only`."""
        unseen = set(self.combine_only)
        return tuple(k for k in range(self.input_size) if k not in unseen)

    @property
    def seen_size(self) -> int:
        """How many these are."""
        return self.input_size - len(set(self.combine_only))

    @property
    def sums_gradients(self) -> bool:
        """Whether gradients are gathered before they are applied: it takes a sum per weight."""
        return (
            self.update == "sequence"
            or self.rule == "full"
            or isinstance(self.clip, ClipNorm | ClipValue)
            or isinstance(self.optimizer, ObGD)
        )

    @property
    def blocks(self) -> int:
        """Blocks of cells that share their gates."""
        return self.hidden_size // self.block_size

    @property
    def has_gates(self) -> bool:
        return self.input_gate or self.output_gate or self.forget_gate

    @property
    def state_size(self) -> int:
        """Numbers in a layer's output: its units, or what they are projected to."""
        return self.proj_size or self.hidden_size

    def is_biased(self, part: str) -> bool:
        """Whether "gates", "cells" or "readout" have a bias."""
        return self.bias if isinstance(self.bias, bool) else part in self.bias

    @property
    def has_bias(self) -> bool:
        return self.bias is not False

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, which `from_json` takes back."""
        document = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        optimizer, clip = self.optimizer, self.clip
        assert not isinstance(optimizer, str)
        assert not isinstance(clip, float)
        document["optimizer"] = {"name": optimizer.name, **dataclasses.asdict(optimizer)}
        document["clip"] = clip and {"name": clip.name, "limit": clip.limit}
        document["schedule"] = self.schedule and {
            "name": self.schedule.name,
            **dataclasses.asdict(self.schedule),
        }
        return {k: list(v) if isinstance(v, tuple) else v for k, v in document.items()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Spec:
        """The Spec that `to_json` described.

        Raises:
            ValueError: a field is unknown, of the wrong type or out of range.
        """
        try:
            values = dict(document)
            optimizer = dict(values["optimizer"])
            values["optimizer"] = OPTIMIZERS[optimizer.pop("name")](**optimizer)
            if clip := values["clip"]:
                values["clip"] = CLIPS[clip["name"]](clip["limit"])
            if schedule := dict(values.get("schedule") or {}):
                values["schedule"] = SCHEDULES[schedule.pop("name")](**schedule)
            for name, value in values.items():
                values[name] = tuple(value) if isinstance(value, list) else value
            return cls(**values)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a description of a learner: {error}") from error


def _number_or_numbers(value: Any) -> int | tuple[int, ...]:
    """An input's number, or several of them."""
    several = isinstance(value, tuple | list)
    return tuple(map(operator.index, value)) if several else operator.index(value)
