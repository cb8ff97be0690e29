"""What no learner can be is refused by its name, and a hostile file gets one clear line."""

import os
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from foreign import H, I, O, T, graph_of, head, random, recurrent
from onnx import TensorProto, helper, numpy_helper

from rtrl_lstm import export

FILES = Path(__file__).parent / "onnx"


def plain(layer=None, between=(), **options):
    """Nodes from x to y, with some in front of the head."""
    nodes = [
        layer or recurrent("LSTM", "x", **options),
        helper.make_node("Squeeze", ["Y", "one"], ["h"]),
        *between,
    ]
    return [*nodes, *head(nodes[-1].output[0], "y")]


def refusal(tmp_path, model, error=export.UnsupportedError, **options):
    """The one line that a file gets."""
    path = tmp_path / "m.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    with pytest.raises(error) as caught:
        export.from_onnx(path, **options)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


ROWS, ANSWERS = [None, None, I], [None, None, O]
TANHS = ["Sigmoid", "Tanh"]
ATTRIBUTES = {
    "clip=3": ("LSTM", {"clip": 3.0}),
    "direction=reverse": ("LSTM", {"direction": "reverse"}),
    "direction=bidirectional": ("GRU", {"direction": "bidirectional"}),
    "linear_before_reset=0": ("GRU", {"linear_before_reset": 0}),
    "activations=HardSigmoid": ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}),
    "activations=Tanh,Tanh,Tanh": ("LSTM", {"activations": ["Tanh", "Tanh", "Tanh"]}),
    "activations=Affine(alpha=2, beta=0)": (
        "LSTM",
        {
            "activations": [*TANHS, "Affine"],
            "activation_alpha": [2.0],
            "activation_beta": [0.0],
        },
    ),
    "activations=Sigmoid": ("RNN", {"activations": ["Sigmoid"]}),
    "LSTM with output_sequence": ("LSTM", {"output_sequence": 1}),
}


@pytest.mark.parametrize("said", ATTRIBUTES)
def test_an_attribute_is_named(tmp_path, said):
    operator, attributes = ATTRIBUTES[said]
    model = graph_of(plain(recurrent(operator, "x", **attributes)), ROWS, ANSWERS, operator)
    assert said in refusal(tmp_path, model)


BETWEEN = {
    "the operator Relu behind": [helper.make_node("Relu", ["h"], ["b"])],
    "Tanh": [helper.make_node("Tanh", ["h"], ["b"])],
    "LayerNormalization": [helper.make_node("LayerNormalization", ["h", "scale"], ["b"])],
    "MatMul behind sigmoid": [helper.make_node("Sigmoid", ["h"], ["b"])],
    "Mul of two things": [helper.make_node("Mul", ["h", "h"], ["b"])],
    "Loop": [helper.make_node("Loop", ["one", "", "h"], ["b"])],
}


@pytest.mark.parametrize("said", BETWEEN)
def test_an_operator_is_named(tmp_path, said):
    model = graph_of(plain(between=BETWEEN[said]), ROWS, ANSWERS, numbers={"scale": random(0, H)})
    assert said in refusal(tmp_path, model)


def test_other_graphs_that_are_no_learner(tmp_path):
    lengths = plain(recurrent("LSTM", "x", lengths="lengths"))
    numbers = {"lengths": np.full(3, 4, np.int32)}
    model = graph_of(lengths, [T, 3, I], [T, 3, O], numbers=numbers)
    assert "sequence_lens" in refusal(tmp_path, model)

    model = graph_of(plain(recurrent("LSTM", "x", states=True)), [T, 2, I], [T, 2, O],
                     numbers={"h0": random(0, 1, 2, H), "c0": random(1, 1, 2, H)})  # fmt: skip
    assert "another initial_h for each stream" in refusal(tmp_path, model)

    extra = helper.make_tensor_value_info("z", TensorProto.FLOAT, [None, None, H])
    added = [helper.make_node("Add", ["h", "z"], ["b"])]
    model = graph_of(plain(between=added), ROWS, ANSWERS, inputs=[extra])
    assert "Add of the input 'z'" in refusal(tmp_path, model)

    none = [helper.make_node("Identity", ["x"], ["y"])]
    assert "without an LSTM, GRU or RNN" in refusal(tmp_path, graph_of(none, ROWS, ROWS))

    two = [
        *plain()[:2],
        helper.make_node("GRU", ["h", "W2", "R2"], ["Y2"], hidden_size=H, linear_before_reset=1),
        helper.make_node("Squeeze", ["Y2", "one"], ["y"]),
    ]
    numbers = {"W2": random(0, 1, 3 * H, H), "R2": random(1, 1, 3 * H, H)}
    model = graph_of(two, ROWS, [None, None, H], numbers=numbers)
    assert "layers of different" in refusal(tmp_path, model) or "differ in cell"

    first = [
        *plain()[:2],
        helper.make_node("Slice", ["h", "zero", "one", "zero"], ["b"]),
        *head("b", "y"),
    ]
    assert "Slice of anything but the last row" in refusal(tmp_path, graph_of(first, ROWS, ANSWERS))


def test_a_loss_that_contradicts_the_graph(tmp_path):
    nodes = [*plain()[:-1], helper.make_node("Add", ["y.product", "v"], ["a"])]
    model = graph_of([*nodes, helper.make_node("Sigmoid", ["a"], ["y"])], ROWS, ANSWERS)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="loss 'poisson' goes with exp"):
        export.from_onnx(tmp_path / "m.onnx", loss="poisson")
    assert export.from_onnx(tmp_path / "m.onnx", loss="huber").spec.activation == "sigmoid"


# --- hostile files -----------------------------------------------------------------------------


@pytest.fixture
def memory():
    """Nothing that a refused file asks for is allocated."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64e6


def changed(name="lstm.onnx"):
    return onnx.load(FILES / name, load_external_data=False)


def test_a_file_cut_anywhere(tmp_path, memory):
    whole = (FILES / "lstm.onnx").read_bytes()
    for length in range(0, len(whole), 97):
        refusal(tmp_path, whole[:length], ValueError)


def test_any_byte_turned(tmp_path, memory):
    """Numbers may change unseen; whatever else happens is one clear line."""
    whole = (FILES / "lstm.onnx").read_bytes()
    path = tmp_path / "m.onnx"
    random = np.random.default_rng(0)
    for place in random.integers(0, len(whole), 150):
        turned = bytearray(whole)
        turned[place] ^= 1 << int(random.integers(8))
        path.write_bytes(turned)
        said = [f"{path}: "]
        try:
            export.from_onnx(path).step(np.ones(3))
        except (export.GraphFileError, export.UnsupportedError) as error:
            said.append(str(error))
        assert said[-1].startswith(said[0])
        assert "\n" not in said[-1]


def elsewhere(location, **said):
    """The weights are in another file."""
    model = changed("beside.onnx")
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
            entry.value = said.get(entry.key, entry.value)
    return model


@pytest.mark.parametrize(
    "location",
    ["../secret.bin", "/etc/passwd", "a/b.bin", "..", ".", "", "C:\\secret.bin", "a\0b", "~/x/y"],
)
def test_external_data_elsewhere_is_not_opened(tmp_path, location, memory, monkeypatch):
    (tmp_path.parent / "secret.bin").write_bytes(bytes(4096))
    opened = []
    original = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *a, **k: opened.append(path) or original(path, *a, **k)
    )
    line = refusal(tmp_path, elsewhere(location), export.GraphFileError)
    assert "only a file beside the model is opened" in line
    assert not [path for path in opened if "m.onnx" not in str(path)]


def test_external_data_beside_it(tmp_path, memory):
    def said(model, error=export.GraphFileError):
        return refusal(tmp_path, model, error)

    assert "No such file" in said(elsewhere("none.data"))
    shutil.copy(FILES / "beside.onnx.data", tmp_path / "cut.data")
    os.truncate(tmp_path / "cut.data", 100)
    assert "is cut short" in said(elsewhere("cut.data"))
    assert "offset '-5'" in said(elsewhere("cut.data", offset="-5"))
    assert "is cut short" in said(elsewhere("cut.data", offset=str(10**17)))
    assert "shape promises" in said(elsewhere("cut.data", length=str(10**15)))
    (tmp_path / "link.data").symlink_to(FILES / "beside.onnx.data")
    assert "'link.data'" in said(elsewhere("link.data"))
    os.mkfifo(tmp_path / "pipe.data")
    assert "is cut short" in said(elsewhere("pipe.data"))
    (tmp_path / "folder.data").mkdir()
    assert "folder.data" in said(elsewhere("folder.data"))


def tensor_of(name, *dims):
    return TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims)


def huge_shape():
    model = changed()
    weight = next(t for t in model.graph.initializer if len(t.dims) == 3)
    weight.dims[:] = [1, 1 << 31, 1 << 31]
    return model


def huge_input():
    model = changed()
    for axis in model.graph.input[0].type.tensor_type.shape.dim:
        axis.dim_value = 1 << 20
    return model


def huge_constant(kind):
    model = changed()
    size = numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "sizes")
    model.graph.initializer.append(size)
    if kind == "Expand":
        model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 1), "f"), "zero"))
    inputs = ["zero", "sizes"] if kind == "Expand" else ["sizes"]
    place = next(k for k, n in enumerate(model.graph.node) if n.op_type == "Add")
    added = model.graph.node[place]
    model.graph.node.insert(place, helper.make_node(kind, inputs, ["large"]))
    model.graph.node[place + 1].input[0] = "large"
    assert added.op_type == "Add"
    return model


def huge_unused():
    """A node that the answer does not need, which a runtime might work out beforehand."""
    model = changed()
    model.graph.initializer.append(numpy_helper.from_array(np.array([1 << 30]), "sizes"))
    model.graph.node.append(helper.make_node("ConstantOfShape", ["sizes"], ["large"]))
    return model


def foreign_domain():
    model = changed()
    next(n for n in model.graph.node if n.op_type == "LSTM").domain = "com.example"
    return model


def not_finite():
    model = changed()
    weight = next(t for t in model.graph.initializer if len(t.dims) == 3)
    values = numpy_helper.to_array(weight).copy()
    values.flat[3] = np.nan
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    return model


HOSTILE = {
    "shape": (huge_shape, "does not hold what its shape promises"),
    "input": (huge_input, "larger than"),
    "ConstantOfShape": (lambda: huge_constant("ConstantOfShape"), "larger than the file's own"),
    "Expand": (lambda: huge_constant("Expand"), "larger than the file's own"),
    "domain": (foreign_domain, "LSTM"),
    "numbers": (not_finite, "numbers that are not finite"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_file_promises_is_not_allocated(tmp_path, name, memory):
    alter, message = HOSTILE[name]
    assert message in refusal(tmp_path, alter(), ValueError)


def test_what_the_answer_does_not_need_is_not_run(tmp_path, memory):
    (tmp_path / "m.onnx").write_bytes(huge_unused().SerializeToString())
    assert export.from_onnx(tmp_path / "m.onnx").spec.hidden_size == H


def test_what_is_no_onnx_file(tmp_path):
    for content in (b"", b"\x00" * 100, b"a,b\n1,2\n", b"\xff\xfe" * 50):
        assert "not an ONNX file" in refusal(tmp_path, content, export.GraphFileError)
    with pytest.raises(FileNotFoundError):
        export.from_onnx(tmp_path / "none.onnx")


def test_an_altered_graph_of_ours_is_refused(tmp_path):
    import rtrl_lstm as rl

    path = tmp_path / "m.onnx"
    export.to_onnx(rl.Learner(2, 3), path)
    model = onnx.load(path)
    del model.graph.initializer[-1]
    assert refusal(tmp_path, model, ValueError)
