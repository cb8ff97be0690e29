"""Graphs with a recurrent operator, drawn as other exporters draw them."""

import numpy as np
from onnx import helper, numpy_helper

T, B, I, H, O = 9, 3, 3, 6, 2  # noqa: E741, as the ONNX standard names its axes
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def random(seed, *shape):
    """Weights."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def recurrent(operator, x, outputs=("Y", "Y_h"), states=False, lengths="", **attributes):
    """The operator with its weights W, R and B."""
    if operator == "GRU":
        attributes = {"linear_before_reset": 1, **attributes}
    inputs = [x, "W", "R", "B", *([lengths] if lengths or states else [])]
    inputs += ["h0", "c0"][: 2 if operator == "LSTM" else 1] if states else []
    return helper.make_node(operator, inputs, list(outputs), hidden_size=H, **attributes)


def head(h, y):
    """A linear layer behind."""
    return [
        helper.make_node("MatMul", [h, "V"], [f"{y}.product"]),
        helper.make_node("Add", [f"{y}.product", "v"], [y]),
    ]


def graph_of(nodes, rows, answers, operator="LSTM", numbers=(), dtype=np.float32, inputs=()):
    """A model of such nodes from x to y; `rows` and `answers` are their shapes."""
    gates = GATES[operator]
    known = {
        "W": random(10, 1, gates * H, I),
        "R": random(11, 1, gates * H, H),
        "B": random(12, 1, 2 * gates * H),
        "V": random(13, H, O),
        "v": random(14, O),
        **{name: np.array([k]) for k, name in enumerate(("zero", "one", "two"))},
        **dict(numbers),
    }
    used = {name for node in nodes for name in node.input}
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    tensors = [
        numpy_helper.from_array(v.astype(dtype) if v.dtype == np.float32 else v, n)
        for n, v in known.items()
        if n in used
    ]
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("x", element, rows), *inputs],
        [helper.make_tensor_value_info("y", element, answers)],
        tensors,
    )
    return helper.make_model_gen_version(graph, opset_imports=[helper.make_opsetid("", 17)])
