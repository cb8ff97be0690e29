"""`from_torch`: PyTorch's LSTM, GRU or RNN, with a Linear behind it, becomes a learner.

PyTorch is not imported here: a module is asked for what it has, and run by itself.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from rtrl_lstm.fields import Array

from ..errors import UnsupportedError
from .network import Net, Network, Scaling
from .recurrent import Layer

GATES = {4: "lstm", 3: "gru", 1: "rnn"}
RECURRENT = ("LSTM", "GRU", "RNN")
PASSING = ("Dropout", "Identity", "Flatten")
"""Modules that change nothing where a network only forecasts."""
ACTIVATIONS = {"Sigmoid": "sigmoid", "Softmax": "softmax"}
STEPS, SPREAD = 256, 5.0
"""Rows that a module is run on: enough, and far enough from 0, that a relu at its end is seen."""
LIMIT = 1e-4


class Parts(NamedTuple):
    """What was found in a module or a state_dict."""

    weights: dict[str, Array]  # weight_ih_l0 …
    linear: tuple[Array, Array | None] | None
    nonlinearity: str  # of an RNN
    double: bool


def from_torch(
    module: Any,
    *,
    nonlinearity: str = "tanh",
    input_scaling: Scaling | None = None,
    target_scaling: Scaling | None = None,
    **options: Any,
) -> Net:
    """A network of PyTorch's as a learner, which says the same and goes on learning.

    Args:
        module: nn.LSTM, nn.GRU, nn.RNN, a module that holds one of them, or a state_dict. Beside it
            there may be one nn.Linear behind it, and an activation at the end. A module is run
            beside the learner before that is handed out, and what its forward does at the end
            (sigmoid, softmax, exp or nothing) is found out so. A state_dict is taken at its word:
            its linear layer is behind the recurrent ones. Without a linear layer the outputs are h,
            through a readout that begins as the identity; with ``output_size=K`` through a fresh
            one.
        nonlinearity: "tanh" or "relu" of an RNN in a state_dict, which does not say.
        input_scaling, target_scaling: how rows and labels were standardised outside of the network.
        **options: fields of `Spec` that say how to learn, as for `from_onnx`; for a state_dict
            ``output_activation`` or `loss` say what is at its end.

    Returns:
        A Learner, or a Forecaster where there is a horizon.

    Raises:
        UnsupportedError: the network holds something that the engine has not; the message names it.
        ValueError: an option contradicts the network.
        TypeError: it is no module and no state_dict, or there is no such option.

    >>> net = from_torch(torch.nn.LSTM(3, 16), output_size=1)    # doctest: +SKIP
    """
    if isinstance(module, Mapping):
        parts = _of_state_dict(module, nonlinearity)
    elif hasattr(module, "state_dict") and hasattr(module, "named_modules"):
        parts = _of_module(module)
    else:
        raise TypeError(f"a module or a state_dict of PyTorch's, not {type(module).__name__}")
    if isinstance(module, Mapping) or (parts.linear is None and "output_size" in options):
        activation = "identity"
    else:
        activation = _find_activation(module, parts)
    network = _network(parts, activation)
    return network.to_learner(options, input_scaling, target_scaling)


def _of_module(module: Any) -> Parts:
    """The one recurrent layer of a module, and the linear one."""
    recurrent, linear = [], []
    for name, part in module.named_modules():
        kind = _kind(part)
        if kind in RECURRENT:
            recurrent.append((name, part))
        elif kind == "Linear":
            linear.append(part)
        elif kind not in PASSING and any(True for _ in part.parameters(recurse=False)):
            raise UnsupportedError(f"the module {name or type(part).__name__!r}, a {kind}")
    if len(recurrent) != 1:
        raise UnsupportedError(
            f"{len(recurrent)} modules of {', '.join(RECURRENT)}: there must be one"
        )
    if len(linear) > 1:
        raise UnsupportedError(f"{len(linear)} modules of Linear: there may be one")
    name, part = recurrent[0]
    if getattr(part, "bidirectional", False):
        raise UnsupportedError("bidirectional=True: rows come one after another")
    weights = {n: _array(p) for n, p in part.named_parameters(recurse=False)}
    found = None
    if linear:
        bias = linear[0].bias
        found = (_array(linear[0].weight), None if bias is None else _array(bias))
    nonlinearity = getattr(part, "nonlinearity", "tanh")
    return Parts(weights, found, nonlinearity, _is_double(part.weight_ih_l0))


def _kind(part: Any) -> str:
    """The name of the class of PyTorch's that a module is."""
    names = [kind.__name__ for kind in type(part).__mro__ if kind.__module__.startswith("torch.nn")]
    return names[0] if names else type(part).__name__


def _of_state_dict(given: Mapping[str, Any], nonlinearity: str) -> Parts:
    """The same from the names of a state_dict."""
    first = [name for name in given if name.endswith("weight_ih_l0")]
    if len(first) != 1:
        raise UnsupportedError(f"{len(first)} tensors named weight_ih_l0: there must be one")
    prefix = first[0].removesuffix("weight_ih_l0")
    weights, rest = {}, {}
    for name, value in given.items():
        inner = name.removeprefix(prefix)
        if name.startswith(prefix) and re.fullmatch(r"(weight|bias)_(ih|hh|hr)_l\d+", inner):
            weights[inner] = _array(value)
        elif name.startswith(prefix) and inner.endswith("_reverse"):
            raise UnsupportedError(f"{name}: rows come one after another, not backwards")
        else:
            rest[name] = value
    matrices = [n for n, v in rest.items() if n.endswith("weight") and len(v.shape) == 2]
    linear = None
    if len(matrices) == 1:
        weight = rest.pop(matrices[0])
        bias = rest.pop(f"{matrices[0].removesuffix('weight')}bias", None)
        linear = (_array(weight), None if bias is None else _array(bias))
    if rest:
        raise UnsupportedError(f"{', '.join(sorted(rest))}: one linear layer may be there")
    return Parts(weights, linear, nonlinearity, _is_double(given[first[0]]))


def _network(parts: Parts, activation: str) -> Network:
    """The parts in the engine's terms."""
    weights = parts.weights
    hidden = weights["weight_hr_l0"].shape[1] if "weight_hr_l0" in weights else (
        weights["weight_hh_l0"].shape[1]
    )  # fmt: skip
    cell = GATES.get(len(weights["weight_ih_l0"]) // max(hidden, 1))
    if cell is None or len(weights["weight_ih_l0"]) % hidden:
        raise UnsupportedError("weight_ih_l0 of a shape that no LSTM, GRU or RNN has")
    options: dict[str, Any] = {"cell": cell}
    if cell == "rnn":
        options["input_activation"] = parts.nonlinearity
    layers = [_layer(weights, k, options) for k in range(_count(weights))]
    if (
        parts.linear is not None
        and parts.linear[0].shape[1] != layers[0].parameters["weight_hh"].shape[1]
    ):
        raise UnsupportedError(
            f"a linear layer of shape {parts.linear[0].shape} that is not behind it"
        )
    return Network(tuple(layers), parts.linear, activation, None, parts.double)


def _count(weights: Mapping[str, Array]) -> int:
    numbers = {int(name.rpartition("_l")[2]) for name in weights}
    if numbers != set(range(len(numbers))):
        raise UnsupportedError(f"layers numbered {sorted(numbers)}")
    return len(numbers)


def _layer(weights: Mapping[str, Array], k: int, options: dict[str, Any]) -> Layer:
    found = {n.removesuffix(f"_l{k}"): v for n, v in weights.items() if n.endswith(f"_l{k}")}
    missing = {"weight_ih", "weight_hh"} - found.keys()
    if missing or ("bias_ih" in found) != ("bias_hh" in found):
        raise UnsupportedError(f"layer {k} lacks some of its weights")
    return Layer(dict(options), found, {})


def _find_activation(module: Any, parts: Parts) -> str:
    """What the module does at the end, by running it beside the learner.

    Raises:
        UnsupportedError: it does something else than the learner.
    """
    said = {name: _kind(part) for name, part in module.named_modules()}
    named = [ACTIVATIONS[kind] for kind in said.values() if kind in ACTIVATIONS]
    candidates = ["identity", "sigmoid", "softmax", "exp"]
    rows = SPREAD * np.random.default_rng(0).standard_normal(
        (1, STEPS, parts.weights["weight_ih_l0"].shape[1])
    )
    given = list(_outputs(module, rows))
    for activation in [*named, *(name for name in candidates if name not in named)]:
        net = _network(parts, activation).to_learner({})
        expected = np.asarray(copy.copy(net).frozen().run(rows[0]), np.float64)
        if any(_is_same(found, expected) for found in given):
            return activation
    raise UnsupportedError(
        "something in its forward that is not known: what it says is not what its recurrent layer "
        "and its linear layer say"
    )


def _is_same(found: Array, expected: Array) -> bool:
    """Whether a module says what a learner does, for all rows or for the last one."""
    for part in (expected, expected[-1:]):
        if found.size == part.size:
            off = np.abs(found.reshape(part.shape) - part).max()
            if off <= LIMIT * max(np.abs(part).max(), 1e-30):
                return True
    return False


def _outputs(module: Any, rows: Array) -> Iterator[Array]:
    """What a module says of rows (1, T, I), with the batch in front and with time in front."""
    parameter = next(module.parameters())
    was = [(part, part.training) for part in module.modules()]
    module.eval()
    failure: Exception | None = None
    ran = False
    try:
        for shaped in (rows, rows.swapaxes(0, 1)):
            x = parameter.new_tensor(np.ascontiguousarray(shaped).tolist())
            try:
                said = module(x)
            except Exception as error:  # whatever its forward does not take
                failure = error
                continue
            ran = True
            while isinstance(said, tuple | list):
                said = said[0]
            yield _array(said)
    finally:
        for part, training in was:
            part.training = training
    if not ran:
        raise UnsupportedError(
            f"a forward that does not take rows (batch, time, inputs): {failure}"
        )


def _array(tensor: Any) -> Array:
    """A tensor's numbers as float64."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu().double().numpy()
    return np.array(tensor, np.float64)


def _is_double(tensor: Any) -> bool:
    return str(tensor.dtype).endswith("float64")
