"""`state_dict()` means what PyTorch means: onnxruntime's own LSTM, GRU and RNN say the same.

Only the eLSTM has no such operator: it is written out here.
"""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from variants import CELLS, LSTMS

import rtrl_lstm as rl

ONNX_GATES = {"lstm": "iofg", "gru": "zrn", "rnn": "h"}
OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
# name -> what ONNX calls it, alpha and beta where it takes them
ACTIVATIONS = {
    "tanh": ("Tanh",),
    "sigmoid": ("Sigmoid",),
    "relu": ("Relu",),
    "identity": ("Affine", 1.0, 0.0),
    "4sigmoid-2": ("ScaledTanh", 2.0, 0.5),
    "2sigmoid-1": ("ScaledTanh", 1.0, 0.5),
}
OPEN = 40.0  # of which the sigmoid is 1: the bias of a gate that is not there


def gates_of(spec):
    """A learner's gates in the order of `state_dict`."""
    if spec.cell != "lstm":
        return {"gru": "rzn", "rnn": "h"}[spec.cell]
    missing = "f" if spec.coupled_gates else ""
    for gate, there in (("i", spec.input_gate), ("f", spec.forget_gate), ("o", spec.output_gate)):
        missing += gate * (not there)
    return [gate for gate in "ifgo" if gate not in missing]


def constants_of(spec, parameters, number):
    """ONNX's W, R, B and P of one layer: gates in its order, those that are not there held open."""
    n, suffix = spec.hidden_size, f"_l{number}"

    def in_onnx_order(name, missing=0.0):
        values, gates = parameters[name + suffix], gates_of(spec)
        named = dict(zip(gates, np.split(values, len(gates)), strict=True))
        absent = np.full((n, *values.shape[1:]), missing, np.float32)
        return np.concatenate([named.get(gate, absent) for gate in ONNX_GATES[spec.cell]])

    parameters = dict(parameters)
    for name in ("bias_ih", "bias_hh"):
        parameters.setdefault(name + suffix, np.zeros(len(gates_of(spec)) * n, np.float32))
    biases = in_onnx_order("bias_ih", OPEN), in_onnx_order("bias_hh")
    found = {
        "W": in_onnx_order("weight_ih")[np.newaxis],
        "R": in_onnx_order("weight_hh")[np.newaxis],
        "B": np.concatenate(biases)[np.newaxis],
    }
    if spec.peephole:
        seeing = [gate for gate in gates_of(spec) if gate != "g"]
        own = np.split(parameters["weight_own" + suffix], len(seeing))
        named = dict(zip(seeing, own, strict=True))
        zeros = np.zeros(n, np.float32)
        found["P"] = np.concatenate([named.get(gate, zeros) for gate in "iof"])[np.newaxis]
    return {f"{name}{number}": values for name, values in found.items()}


def attributes_of(spec):
    if spec.cell == "gru":
        return {"linear_before_reset": 1}
    inner = [ACTIVATIONS[spec.input_activation]]
    if spec.cell == "lstm":
        inner = [("Sigmoid",), *inner, ACTIVATIONS[spec.cell_activation]]
    found = {"activations": [name for name, *_ in inner]}
    if any(len(activation) > 1 for activation in inner):
        found["activation_alpha"] = [a[1] for a in inner if len(a) > 1]
        found["activation_beta"] = [a[2] for a in inner if len(a) > 1]
    if spec.coupled_gates:
        found["input_forget"] = 1
    return found


def session_of(spec, parameters):
    """onnxruntime's operators and a linear readout with these parameters: X (T, 1, I) -> (T, O)."""
    constants = {
        "V": parameters["readout.weight"].T,
        "b": parameters.get("readout.bias", np.zeros(spec.output_size, np.float32)),
        "sequence": np.array([-1, 1, spec.hidden_size]),
        "rows": np.array([-1, spec.hidden_size]),
    }
    nodes, below = [], "X"
    for k in range(spec.num_layers):
        constants |= constants_of(spec, parameters, k)
        inputs = [below, f"W{k}", f"R{k}", f"B{k}"]
        if spec.peephole:
            inputs += ["", "", "", f"P{k}"]
        options = attributes_of(spec) | {"hidden_size": spec.hidden_size}
        nodes.append(helper.make_node(OPERATORS[spec.cell], inputs, [f"H{k}"], **options))
        below = f"h{k}"
        nodes.append(helper.make_node("Reshape", [f"H{k}", "sequence"], [below]))
    nodes.append(helper.make_node("Reshape", [below, "rows"], ["h"]))
    nodes.append(helper.make_node("Gemm", ["h", "V", "b"], ["Y"]))
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", 1, spec.input_size])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["T", spec.output_size])],
        [numpy_helper.from_array(np.ascontiguousarray(a), n) for n, a in constants.items()],
    )
    model = onnx.helper.make_model_gen_version(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def rows(count, seed):
    """Inputs whose numbers are float32's, in an array of the dtype that kernels take them in."""
    return np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32).astype(float)


def drawn(hidden_size, seed=1, **options):
    """A learner, and the parameters that it has taken, all drawn: both biases of PyTorch, too."""
    net, rng = rl.Learner(3, hidden_size, 2, **options), np.random.default_rng(seed)
    parameters = {
        name: (rng.normal(size=values.shape) * hidden_size**-0.5).astype(values.dtype)
        for name, values in net.state_dict().items()
    }
    net.load_state_dict(parameters)
    return net, parameters


def assert_speaks_as(expected, got):
    assert np.ptp(got) > 0.01
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("name", [*LSTMS, "gru", "rnn", "rnn relu"])
def test_parameters_in_onnxruntimes_operators(name, num_layers, bias):
    X = rows(60, 1)
    net, parameters = drawn(7, num_layers=num_layers, bias=bias, **CELLS[name])
    session = session_of(net.spec, parameters)
    (expected,) = session.run(None, {"X": X[:, np.newaxis].astype(np.float32)})
    assert_speaks_as(expected, net.run(X))


@pytest.mark.parametrize("hidden_size", [1, 16, 33])
@pytest.mark.parametrize("name", ["lstm", "peephole coupled", "gru", "rnn"])
def test_what_was_learned_in_onnxruntimes_operators(name, hidden_size):
    """`state_dict` after learning, at sizes around a vector of lanes."""
    X = rows(60, hidden_size)
    net, _ = drawn(hidden_size, num_layers=2, learning_rate=1e-2, **CELLS[name])
    net.run(X, X[:, :2] * X[:, 1:])
    net.reset()
    session = session_of(net.spec, net.state_dict())
    (expected,) = session.run(None, {"X": X[:, np.newaxis].astype(np.float32)})
    assert_speaks_as(expected, net.run(X))


@pytest.mark.parametrize("output_gate", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_parameters_of_an_elstm(num_layers, output_gate):
    def sigmoid(z):
        return 1.0 / (1.0 + np.exp(-z))

    X = rows(60, 1)
    options = {"num_layers": num_layers, "output_gate": output_gate, "dtype": "float64"}
    net, p = drawn(7, cell="elstm", **options)
    h = X
    for k in range(num_layers):
        w_f, w_z = np.split(p[f"weight_own_l{k}"], 2)
        c, outputs = np.zeros(7), []
        for row in h:
            sums = np.split(p[f"weight_ih_l{k}"] @ row + p[f"bias_ih_l{k}"], 2 + output_gate)
            f = sigmoid(sums[0] + w_f * c)
            c = f * c + (1.0 - f) * np.tanh(sums[1] + w_z * c)
            outputs.append(sigmoid(sums[2]) * c if output_gate else c)
        h = np.array(outputs)
    expected = h @ p["readout.weight"].T + p["readout.bias"]
    np.testing.assert_allclose(net.run(X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["lstm", "peephole", "gru", "rnn", "elstm"])
def test_what_is_given_is_what_was_taken(name):
    """Where there is one bias, it is the sum of the two; everything else comes back as it went."""
    net, given = drawn(9, num_layers=2, **CELLS[name])
    for key, values in net.state_dict().items():
        expected = given[key]
        if key.startswith("bias_") and name not in ("gru", "elstm"):
            other = given[key.replace("_ih", "_hh")]
            expected = expected + other if "_ih" in key else np.zeros_like(values)
        np.testing.assert_array_equal(values, expected, err_msg=key)
