"""Whatever a file holds, there is a session or one clear line."""

import shutil
from contextlib import suppress

import numpy as np
import onnx
import pytest
from google.protobuf.message import Message
from onnx import TensorProto, helper, numpy_helper

import rtrl_lstm as rl
from rtrl_lstm import export


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "m.onnx"
    export.to_onnx(rl.Learner(input_size=2, hidden_size=3), path)
    return path


def refusal(path):
    """The line that all who open the file say."""
    said = []
    for opened in (export.Session, export.ModelSession, export.describe):
        with pytest.raises(export.GraphFileError) as caught:
            opened(path)
        said.append(str(caught.value))
    assert len(set(said)) == 1
    assert said[0].startswith(f"{path}: ")
    assert "\n" not in said[0]
    return said[0]


def test_a_file_cut_anywhere(path, tmp_path):
    whole, cut = path.read_bytes(), tmp_path / "cut.onnx"
    for length in (*range(0, len(whole), 41), len(whole) - 1):
        cut.write_bytes(whole[:length])
        refusal(cut)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 100, b"timestamp,value\n2014-07-01 00:00:00,10844\n", b"\xff\xfe" * 50],
)
def test_what_is_no_onnx_file(tmp_path, content):
    other = tmp_path / "other.onnx"
    other.write_bytes(content)
    assert "not an ONNX file" in refusal(other)


def test_a_file_that_is_not_there(tmp_path):
    for opened in (export.Session, export.ModelSession, export.describe):
        with pytest.raises(FileNotFoundError):
            opened(tmp_path / "none.onnx")


def test_a_foreign_graph(tmp_path):
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "foreign", [x], [y])
    other = tmp_path / "other.onnx"
    other.write_bytes(helper.make_model(graph).SerializeToString())
    assert "not one that rtrl-lstm wrote" in refusal(other)


def test_a_learners_graph_reads_no_table(path):
    with pytest.raises(export.GraphFileError, match="exported from a learner, not a model"):
        export.ModelSession(path)


def elsewhere(model):
    """The numbers are in another file."""
    tensor = model.graph.initializer[2]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")


def huge(model):
    """A shape of 8 TB, and no numbers."""
    tensor = model.graph.initializer[2]
    del tensor.dims[:]
    tensor.dims.extend([1 << 20, 1 << 21])


def negative(model):
    model.graph.initializer[2].dims[0] *= -1
    model.graph.initializer[2].dims[1] *= -1


def from_nothing(model):
    """A tensor of a size that the file does not hold."""
    shape = numpy_helper.from_array(np.array([1 << 40]), "shape")
    model.graph.initializer.append(shape)
    model.graph.node.append(helper.make_node("ConstantOfShape", ["shape"], ["large"]))


def foreign_domain(model):
    model.graph.node[0].domain = "com.example"


def another_width(model):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5


def another_output(model):
    model.graph.output[0].name = "z"
    for node in model.graph.node:
        node.output[:] = ["z" if name == "y" else name for name in node.output]


def no_state(model):
    del model.graph.initializer[0]


def unconnected(model):
    model.graph.node[3].input[0] = "nowhere"


def no_metadata(model):
    del model.metadata_props[:]


def metadata_text(old, new):
    def change(model):
        entry = model.metadata_props[0]
        assert old in entry.value
        entry.value = entry.value.replace(old, new)

    return change


ALTERATIONS = {
    "external data": (elsewhere, "does not hold what its shape promises"),
    "huge shape": (huge, "does not hold what its shape promises"),
    "negative shape": (negative, "does not hold what its shape promises"),
    "foreign operator": (from_nothing, "ConstantOfShape"),
    "foreign domain": (foreign_domain, "holds what no graph of rtrl-lstm holds"),
    "width": (another_width, "sizes are not those"),
    "output": (another_output, "not those of a step graph"),
    "state": (no_state, "not those of a step graph"),
    "edge": (unconnected, "not a valid ONNX graph"),
    "no metadata": (no_metadata, "not one that rtrl-lstm wrote"),
    "metadata cut": (metadata_text('"version"', '"'), "metadata is damaged"),
    "later format": (metadata_text('"format": 1', '"format": 2'), "reads format 1"),
    "other spec": (metadata_text('"hidden_size": 3', '"hidden_size": -3'), "metadata is damaged"),
    "size in spec": (
        metadata_text('"hidden_size": 3', '"hidden_size": 999999999'),
        "sizes are not",
    ),
    "precision": (metadata_text('"float32"', '"complex"'), "metadata is damaged"),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_graph(path, tmp_path, name):
    alter, message = ALTERATIONS[name]
    model = onnx.load(path)
    alter(model)
    (tmp_path / "altered.onnx").write_bytes(model.SerializeToString())
    assert message in refusal(tmp_path / "altered.onnx")


def test_a_graph_that_loads_and_does_not_run(path, tmp_path):
    model = onnx.load(path)
    weight = next(t for t in model.graph.initializer if t.name == "readout.weight")
    weight.dims[:] = [3, 1]
    (tmp_path / "altered.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(export.GraphFileError, match="onnxruntime does not"):
        export.Session(tmp_path / "altered.onnx")


def test_any_byte_turned(path, tmp_path):
    """Numbers may change unseen; nothing else may go wrong."""
    whole, turned = path.read_bytes(), tmp_path / "turned.onnx"
    rng = np.random.default_rng(0)
    opened = 0
    for place in rng.integers(0, len(whole), 150):
        data = bytearray(whole)
        data[place] ^= 1 << rng.integers(8)
        turned.write_bytes(data)
        with suppress(export.GraphFileError):
            assert export.Session(turned, "cpu").step([0.0, 0.0]).shape == (1,)
            opened += 1
    assert 0 < opened < 150


def texts_of(message):
    """All texts in a message, each with the name of its field."""
    for field, value in message.ListFields():
        if field.type in (field.TYPE_MESSAGE, field.TYPE_STRING):
            for each in [value] if isinstance(value, (str, Message)) else value:
                if isinstance(each, Message):
                    yield from texts_of(each)
                else:
                    yield field.name, each


@pytest.mark.parametrize("graph", ["step", "sequence", "learner"])
def test_text_that_is_not_text(tmp_path, graph):
    """Every kind of name in a file, damaged so that it is not UTF-8."""
    damaged, net = tmp_path / "m.onnx", rl.Learner(input_size=2, hidden_size=3, output_gate=False)
    export.to_onnx(net, damaged, graph=graph)
    whole = damaged.read_bytes()
    fields = {}
    for name, text in texts_of(onnx.ModelProto.FromString(whole)):
        if text:
            fields.setdefault(name, text)
    assert {"dim_param", "op_type", "input", "name", "key", "value", "doc_string"} <= fields.keys()
    for name, text in fields.items():
        entry = bytes([len(text.encode())]) + text.encode() if len(text) < 128 else text.encode()
        assert entry in whole, name
        damaged.write_bytes(whole.replace(entry, entry[:-1] + b"\xff"))
        assert "not an ONNX file" in (said := refusal(damaged)) or "is not text" in said
        with pytest.raises(export.GraphFileError):
            export.from_onnx(damaged)


def test_the_file_does_not_depend_on_its_name(path, tmp_path):
    moved = shutil.copy(path, tmp_path / "renamed.bin")
    assert export.describe(moved) == export.describe(path)


def test_describe(path):
    found = export.describe(path)
    assert found["graph"] == "step"
    assert found["precision"] == "float32"
    assert found["version"] == rl.__version__
    assert found["spec"]["hidden_size"] == 3
    assert found["schema"] is None
    assert found["inputs"] == {"x": ["batch", 2], "h_0": ["batch", 3], "c_0": ["batch", 3]}
    assert list(found["outputs"]) == ["y", "h_0_out", "c_0_out"]
    # Four gates of 3 units that see 2 inputs, 3 units and a bias; a readout; the state.
    assert found["numbers"] == 4 * 3 * (2 + 3 + 1) + 3 + 1 + 6


# What only a sequence graph has: a loop, sizes that are computed, words.


@pytest.fixture(scope="module", params=["GRU", "Scan"])
def sequence(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "m.onnx"
    options = {"cell": "gru"} if request.param == "GRU" else {"output_gate": False}
    net = rl.Learner(input_size=2, hidden_size=3, **options)
    export.to_onnx(net, path, graph="sequence")
    return path


def node_of(model, *kinds):
    return next(node for node in model.graph.node if node.op_type in kinds)


def recurrent(model):
    return node_of(model, "GRU", "Scan")


def in_a_step_graph(model):
    entry = model.metadata_props[0]
    entry.value = entry.value.replace('"graph": "sequence"', '"graph": "step"')


def sizes_from_the_file(model):
    sizes = next(t for t in model.graph.initializer if t.data_type == TensorProto.INT64)
    sizes.raw_data = np.array([1 << 40]).tobytes()


def sizes_of_weights(model):
    node_of(model, "Shape").input[0] = next(t.name for t in model.graph.initializer)


def words(model):
    recurrent(model).attribute.append(helper.make_attribute("direction", "reverse"))


def a_loop_elsewhere(model):
    body = helper.make_graph([helper.make_node("Loop", ["a"], ["b"])], "body", [], [])
    node_of(model, "Expand").attribute.append(helper.make_attribute("body", body))


def loops_elsewhere(model):
    body = helper.make_graph([helper.make_node("Loop", ["a"], ["b"])], "body", [], [])
    node_of(model, "Expand").attribute.append(helper.make_attribute("bodies", [body]))


def numbers_in_a_loop(model):
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "inner")
    node = helper.make_node("Identity", ["inner"], ["copy"])
    body = helper.make_graph([node], "body", [], [], [tensor])
    node_of(model, "Expand").attribute.append(helper.make_attribute("body", body))


def a_tensor_in_an_attribute(model):
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "inner")
    node_of(model, "Expand").attribute.append(helper.make_attribute("value", tensor))


def layers_without_end(model):
    entry = model.metadata_props[0]
    entry.value = entry.value.replace('"num_layers": 1', '"num_layers": 1000000000000')


def gathers(model):
    """Takes the first state's number 0 many times, along one axis after the other."""
    many = numpy_helper.from_array(np.zeros(1000, np.int64), "many")
    model.graph.initializer.append(many)
    name = model.graph.input[1].name
    for axis in range(2):
        model.graph.node.append(
            helper.make_node("Gather", [name, "many"], [f"taken{axis}"], axis=axis)
        )
        name = f"taken{axis}"


SEQUENCE_ALTERATIONS = {
    "step": (in_a_step_graph, "holds what no graph of rtrl-lstm holds"),
    "sizes": (sizes_from_the_file, "holds sizes that no graph of ours has"),
    "gathers": (gathers, "Gather of what is not fed"),
    "shape": (sizes_of_weights, "(Shape)"),
    "words": (words, "reverse"),
    "loop": (a_loop_elsewhere, "Loop"),
    "loops": (loops_elsewhere, "Loop"),
    "numbers in a loop": (numbers_in_a_loop, "within a loop"),
    "tensor": (a_tensor_in_an_attribute, "not a valid ONNX graph"),
    "layers": (layers_without_end, "not those of a sequence graph"),
}


@pytest.mark.parametrize("name", SEQUENCE_ALTERATIONS)
def test_an_altered_sequence_graph(sequence, tmp_path, name):
    alter, message = SEQUENCE_ALTERATIONS[name]
    model = onnx.load(sequence)
    alter(model)
    (tmp_path / "altered.onnx").write_bytes(model.SerializeToString())
    assert message in refusal(tmp_path / "altered.onnx")


def test_a_sequence_graph_that_gives_other_shapes(sequence, tmp_path):
    model = onnx.load(sequence)
    node_of(model, "Reshape").input[1] = node_of(model, "Shape").output[0]
    (tmp_path / "altered.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(export.GraphFileError):
        export.Session(tmp_path / "altered.onnx", "cpu")


def test_any_byte_of_a_sequence_graph_turned(sequence, tmp_path):
    test_any_byte_turned(sequence, tmp_path)


def growth_in_a_loop(model):
    """A tensor that doubles with each node, in what happens at a row."""
    scan = node_of(model, "Scan")
    body = next(attribute.g for attribute in scan.attribute if attribute.name == "body")
    name = body.node[0].output[0]
    for k in range(12):
        body.node.append(helper.make_node("Concat", [name, name], [f"double{k}"], axis=-1))
        name = f"double{k}"


def test_a_loop_that_grows(tmp_path):
    net = rl.Learner(input_size=2, hidden_size=3, output_gate=False)
    export.to_onnx(net, tmp_path / "m.onnx", graph="sequence")
    model = onnx.load(tmp_path / "m.onnx")
    growth_in_a_loop(model)
    (tmp_path / "altered.onnx").write_bytes(model.SerializeToString())
    assert "would be larger than any graph of ours needs" in refusal(tmp_path / "altered.onnx")
