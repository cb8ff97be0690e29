"""`state_dict()` means what PyTorch means: onnxruntime's own LSTM gives the same outputs."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import rtrl_lstm as rl


def lstm_session(parameters, hidden_size):
    """onnxruntime's LSTM and a linear readout with these parameters: X (T, 1, I) -> Y (T, O)."""

    def onnx_order(rows):
        """Gates i, f, g, o as ONNX has them: i, o, f, g."""
        i, f, g, o = np.split(rows, 4)
        return np.concatenate([i, o, f, g])

    bias = [onnx_order(parameters[name]) for name in ("bias_ih_l0", "bias_hh_l0")]
    constants = {
        "W": onnx_order(parameters["weight_ih_l0"])[np.newaxis],
        "R": onnx_order(parameters["weight_hh_l0"])[np.newaxis],
        "B": np.concatenate(bias)[np.newaxis],
        "V": parameters["readout.weight"].T,
        "b": parameters["readout.bias"],
        "rows": np.array([-1, hidden_size]),
    }
    inputs, outputs = parameters["weight_ih_l0"].shape[1], parameters["readout.bias"].size
    graph = helper.make_graph(
        [
            helper.make_node("LSTM", ["X", "W", "R", "B"], ["H"], hidden_size=hidden_size),
            helper.make_node("Reshape", ["H", "rows"], ["h"]),
            helper.make_node("Gemm", ["h", "V", "b"], ["Y"]),
        ],
        "lstm",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", 1, inputs])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["T", outputs])],
        [numpy_helper.from_array(np.ascontiguousarray(a), n) for n, a in constants.items()],
    )
    model = onnx.helper.make_model_gen_version(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


@pytest.mark.parametrize("hidden_size", [1, 5, 16, 33])
def test_state_dict_in_onnxruntimes_lstm(hidden_size):
    rng = np.random.default_rng(hidden_size)
    net = rl.Learner(3, hidden_size, 2, learning_rate=3e-2)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    net.run(X, X[:, :2] * X[:, 1:])  # weights that have learned something
    net.reset()
    session = lstm_session(net.state_dict(), hidden_size)
    (expected,) = session.run(None, {"X": X[:, np.newaxis]})
    got = net.run(X)
    assert np.ptp(got) > 0.1
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6)


def test_loaded_state_dict_speaks_the_same():
    """Another learner that loads the parameters is the same function of a sequence."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 3)).astype(np.float32)
    net = rl.Learner(3, 9, 2, seed=1)
    net.run(X, X[:, :2])
    net.reset()
    other = rl.Learner(3, 9, 2, seed=2)
    parameters = net.state_dict()
    # PyTorch keeps two biases of which only the sum matters.
    parameters["bias_hh_l0"] = rng.normal(size=36).astype(np.float32)
    parameters["bias_ih_l0"] = parameters["bias_ih_l0"] - parameters["bias_hh_l0"]
    other.load_state_dict(parameters)
    np.testing.assert_allclose(other.run(X), net.run(X), rtol=0, atol=2e-6)
