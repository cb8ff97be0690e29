"""What a learner is: sizes, cell, rule, loss, optimiser. Frozen, and checks itself."""

from __future__ import annotations

import dataclasses
import math
import operator
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar

CELLS = ("lstm", "gru", "rnn", "elstm")
RULES = ("truncated",)
LOSSES = (
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "log_loss",
    "cross_entropy",
    "poisson",
)
# For a cell's input and output. 4 sigmoid - 2 and 2 sigmoid - 1 are those of the 1997 paper.
CELL_ACTIVATIONS = ("tanh", "sigmoid", "identity", "relu", "4sigmoid-2", "2sigmoid-1")
ACTIVATIONS = ("identity", "sigmoid", "softmax", "exp")
CELL_OPTIONS = frozenset(
    {
        "input_gate",
        "forget_gate",
        "output_gate",
        "coupled_gates",
        "peephole",
        "input_activation",
        "cell_activation",
        "forget_bias",
    }
)
UPDATES = ("step", "sequence")
DTYPES = ("float32", "float64")

# What a loss makes of the readout. None in `Spec.output_activation` stands for this.
IMPLIED_ACTIVATION = {"log_loss": "sigmoid", "cross_entropy": "softmax", "poisson": "exp"}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _require_positive(owner: object, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        _require(
            isinstance(value, Real) and 0 < float(value) < math.inf,
            f"{name} must be a finite number above 0, not {value!r}",
        )
        object.__setattr__(owner, name, float(value))  # NumPy's numbers, too


def _require_fraction(owner: object, *names: str) -> None:
    for name in names:
        value = getattr(owner, name)
        _require(
            isinstance(value, Real) and 0 <= float(value) < 1,
            f"{name} must be at least 0 and below 1, not {value!r}",
        )
        object.__setattr__(owner, name, float(value))


@dataclass(frozen=True)
class SGD:
    """w -= rate * g."""

    name: ClassVar[str] = "sgd"
    moments: ClassVar[int] = 0


@dataclass(frozen=True)
class Momentum:
    """v = momentum * v + g; w -= rate * v (PyTorch's SGD with momentum)."""

    momentum: float = 0.9
    name: ClassVar[str] = "momentum"
    moments: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _require_fraction(self, "momentum")


@dataclass(frozen=True)
class RMSprop:
    """v = alpha * v + (1 - alpha) * g^2; w -= rate * g / (sqrt(v) + eps)."""

    alpha: float = 0.99
    eps: float = 1e-8
    name: ClassVar[str] = "rmsprop"
    moments: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _require_fraction(self, "alpha")
        _require_positive(self, "eps")


@dataclass(frozen=True)
class AdaGrad:
    """v += g^2; w -= rate * g / (sqrt(v) + eps)."""

    eps: float = 1e-10
    name: ClassVar[str] = "adagrad"
    moments: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _require_positive(self, "eps")


@dataclass(frozen=True)
class Adam:
    """Kingma & Ba 2015, as PyTorch writes it: eps is added to the corrected sqrt(v)."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    name: ClassVar[str] = "adam"
    moments: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _require_fraction(self, "beta1", "beta2")
        _require_positive(self, "eps")


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): w -= rate * decay * w first."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01
    name: ClassVar[str] = "adamw"
    moments: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _require_fraction(self, "beta1", "beta2", "weight_decay")
        _require_positive(self, "eps")


Optimizer = SGD | Momentum | RMSprop | AdaGrad | Adam | AdamW
OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind for kind in (SGD, Momentum, RMSprop, AdaGrad, Adam, AdamW)
}


@dataclass(frozen=True)
class Clip:
    """A bound on the gradient; `limit` is positive."""

    limit: float
    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        _require_positive(self, "limit")


@dataclass(frozen=True)
class ClipNorm(Clip):
    """All gradients together are scaled down to a norm of `limit`; costs a sweep of the weights."""

    name: ClassVar[str] = "norm"


@dataclass(frozen=True)
class ClipValue(Clip):
    """Every number of the gradient is cut to [-limit, limit]; costs a sweep of the weights."""

    name: ClassVar[str] = "value"


@dataclass(frozen=True)
class ClipCredit(Clip):
    """dL/dy of each output is cut to [-limit, limit]. Costs nothing.

    With `scale_target` the unit is the target's running standard deviation.
    """

    name: ClassVar[str] = "credit"


CLIPS: dict[str, type[Clip]] = {kind.name: kind for kind in (ClipNorm, ClipValue, ClipCredit)}


@dataclass(frozen=True)
class Spec:
    """Everything that says what a learner is; its numbers lie in a block.

    Args:
        input_size: numbers in a row of input, I.
        hidden_size: units in the recurrent layer, n.
        output_size: outputs, O. With `cross_entropy` the number of classes.
        horizon: 0 for a Learner; H >= 1 for a Forecaster, H rows ahead.
        cell: the recurrent cell.
        bias: whether gates and readout have a bias.
        shortcuts: whether the readout sees the inputs as well as the hidden units.
        rule: the learning rule; "truncated" is the 1997 paper's truncated RTRL.
        loss: one of `LOSSES`. squared_error is 1/2 sum (y_hat - y)^2; losses sum over outputs.
        output_activation: None for what the loss implies, or "identity" or "sigmoid".
        optimizer: an optimizer or its name.
        learning_rate: the step size; a learner's own `learning_rate` may be changed later.
        update: "step": weights change at each label. "sequence": gradients are summed, and
            applied at `reset()`.
        clip: None, `ClipNorm`, `ClipValue`, `ClipCredit`, or a number, which means ClipNorm.
        scale_inputs: whether inputs are standardised by running statistics: for all or for each.
        scale_target: whether the target is, too (not for classes and counts).
        combine_with: inputs that are themselves forecasts of the target, such as its last value
            or that of a season ago. The forecast is then a running least-squares combination of
            them and of what the network says (see `kernels/combination.py`). For one output with
            squared error and a scaled target.
        combine_only: those of `combine_with` that the network does not see.
        num_layers: layers of a stack, all of hidden_size. Each layer's gradient is exact by
            itself; to the layer below goes the credit of the present row only.
        input_gate, forget_gate, output_gate: lstm: whether the gate is there; without it, it
            counts as 1. elstm: output_gate only; without it the state is the output.
        coupled_gates: lstm: the forget gate is 1 - the input gate.
        peephole: lstm: gates see their unit's state (Gers 2002), and no error flows back there.
        input_activation: lstm: of the cell's input, g; rnn: of the unit, "tanh" or "relu".
        cell_activation: lstm: of the state on its way to the output.
        forget_bias: lstm: added to the forget gate's initial bias.
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
    bias: bool = True
    shortcuts: bool = False
    rule: str = "truncated"
    loss: str = "squared_error"
    output_activation: str | None = None
    optimizer: Optimizer | str = field(default_factory=Adam)
    learning_rate: float = 1e-3
    update: str = "step"
    clip: Clip | float | None = None
    scale_inputs: bool | tuple[bool, ...] = False
    scale_target: bool = False
    combine_with: tuple[int, ...] = ()
    combine_only: tuple[int, ...] = ()
    num_layers: int = 1
    input_gate: bool = True
    forget_gate: bool = True
    output_gate: bool = True
    coupled_gates: bool = False
    peephole: bool = False
    input_activation: str = "tanh"
    cell_activation: str = "tanh"
    forget_bias: float = 1.0
    quantiles: tuple[float, ...] = ()
    huber_delta: float = 1.0
    dtype: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        self._resolve()
        for name in ("input_size", "hidden_size", "output_size", "num_layers"):
            self._check_integer(name, 1)
        self._check_integer("horizon", 0)
        self._check_integer("seed", 0)
        for name, choices in (
            ("cell", CELLS),
            ("rule", RULES),
            ("loss", LOSSES),
            ("update", UPDATES),
            ("dtype", DTYPES),
            ("input_activation", CELL_ACTIVATIONS),
            ("cell_activation", CELL_ACTIVATIONS),
        ):
            value = getattr(self, name)
            _require(value in choices, f"{name} must be one of {', '.join(choices)}, not {value!r}")
        for name in ("bias", "shortcuts", "scale_target"):
            value = getattr(self, name)
            _require(isinstance(value, bool), f"{name} must be True or False, not {value!r}")
        _require(
            isinstance(self.scale_inputs, bool | tuple),
            f"scale_inputs must be True, False or one of them an input, not {self.scale_inputs!r}",
        )
        _require_positive(self, "learning_rate", "huber_delta")
        _require(math.isfinite(self.forget_bias), "forget_bias must be finite")
        self._check_output()
        self._check_combination()
        self._check_cell()

    def _resolve(self) -> None:
        """Put objects where names and short forms were given."""
        if isinstance(self.optimizer, str):
            kind = OPTIMIZERS.get(self.optimizer)
            names = ", ".join(OPTIMIZERS)
            _require(kind is not None, f"optimizer must be one of {names}, not {self.optimizer!r}")
            assert kind is not None
            object.__setattr__(self, "optimizer", kind())
        _require(
            isinstance(self.optimizer, Optimizer),
            f"optimizer must be a name or an optimizer, not {self.optimizer!r}",
        )
        if isinstance(self.clip, Real):
            object.__setattr__(self, "clip", ClipNorm(self.clip))
        _require(
            self.clip is None or isinstance(self.clip, Clip),
            f"clip must be None, a number, ClipNorm, ClipValue or ClipCredit, not {self.clip!r}",
        )
        if not isinstance(self.scale_inputs, bool | str):
            object.__setattr__(self, "scale_inputs", tuple(bool(k) for k in self.scale_inputs))
            assert isinstance(self.scale_inputs, tuple)
            _require(
                len(self.scale_inputs) == self.input_size,
                f"scale_inputs has {len(self.scale_inputs)} entries for {self.input_size} inputs",
            )
        object.__setattr__(self, "quantiles", tuple(float(q) for q in self.quantiles))
        for name in ("combine_with", "combine_only"):
            object.__setattr__(self, name, tuple(map(operator.index, getattr(self, name))))

    def _check_integer(self, name: str, least: int) -> None:
        value = getattr(self, name)
        message = f"{name} must be an integer of at least {least}, not {value!r}"
        _require(hasattr(value, "__index__") and not isinstance(value, bool), message)
        object.__setattr__(self, name, operator.index(value))  # NumPy's integers, too
        _require(getattr(self, name) >= least, message)

    def _check_output(self) -> None:
        if self.loss == "quantile":
            _require(
                len(self.quantiles) == self.output_size and all(0 < q < 1 for q in self.quantiles),
                "loss 'quantile' needs `quantiles` between 0 and 1, as many as output_size",
            )
        else:
            _require(not self.quantiles, "quantiles are for loss 'quantile' only")
        if self.loss in IMPLIED_ACTIVATION:
            implied = IMPLIED_ACTIVATION[self.loss]
            _require(
                self.output_activation in (None, implied),
                f"loss {self.loss!r} goes with output_activation {implied!r} only",
            )
            _require(not self.scale_target, f"loss {self.loss!r} does not go with scale_target")
        else:
            _require(
                self.output_activation in (None, "identity", "sigmoid"),
                "output_activation must be None, 'identity' or 'sigmoid', "
                f"not {self.output_activation!r}",
            )
            _require(
                not (self.output_activation == "sigmoid" and self.scale_target),
                "output_activation 'sigmoid' does not go with scale_target",
            )

    def _check_cell(self) -> None:
        """Refuse an option that the cell does not have."""
        allowed = {
            "lstm": set(CELL_OPTIONS),
            "gru": set(),
            "rnn": {"input_activation"},
            "elstm": {"output_gate"},
        }[self.cell]
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        for name in CELL_OPTIONS - allowed:
            _require(
                getattr(self, name) == defaults[name], f"cell {self.cell!r} has no option {name}"
            )
        _require(
            self.cell != "rnn" or self.input_activation in ("tanh", "relu"),
            f"cell 'rnn' has input_activation 'tanh' or 'relu', not {self.input_activation!r}",
        )
        _require(
            not self.coupled_gates or (self.input_gate and self.forget_gate),
            "coupled_gates goes with both the input and the forget gate",
        )

    def _check_combination(self) -> None:
        inputs = self.combine_with
        _require(
            all(0 <= k < self.input_size for k in inputs) and len(set(inputs)) == len(inputs),
            f"combine_with must name different inputs from 0 to {self.input_size - 1}",
        )
        _require(
            set(self.combine_only) <= set(inputs), "combine_only must name some of combine_with"
        )
        _require(
            not inputs
            or (self.loss == "squared_error" and self.output_size == 1 and self.scale_target),
            "combine_with is for one output with loss 'squared_error' and scale_target",
        )

    @property
    def activation(self) -> str:
        """The output activation, with None resolved."""
        return self.output_activation or IMPLIED_ACTIVATION.get(self.loss, "identity")

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
    def sums_gradients(self) -> bool:
        """Whether gradients are gathered before they are applied: it takes a sum per weight."""
        return self.update == "sequence" or isinstance(self.clip, ClipNorm | ClipValue)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, which `from_json` takes back."""
        document = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        optimizer, clip = self.optimizer, self.clip
        assert not isinstance(optimizer, str)
        assert not isinstance(clip, float)
        document["optimizer"] = {"name": optimizer.name, **dataclasses.asdict(optimizer)}
        document["clip"] = clip and {"name": clip.name, "limit": clip.limit}
        document["quantiles"] = list(self.quantiles)
        document["combine_with"] = list(self.combine_with)
        document["combine_only"] = list(self.combine_only)
        if isinstance(self.scale_inputs, tuple):
            document["scale_inputs"] = list(self.scale_inputs)
        return document

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
            clip = values["clip"]
            values["clip"] = clip and CLIPS[clip["name"]](clip["limit"])
            return cls(**values)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a description of a learner: {error}") from error
