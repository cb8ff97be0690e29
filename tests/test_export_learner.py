"""The learner graph does what the learner does, and is refused if it does not."""

import dataclasses

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from exactness import ALL as GRID
from exactness import LIMIT, LOSSES, RATE, around_learning, difference, spec_of
from pair import engine
from streams import SPECS, beginnings, rows
from variants import CELLS, WIRINGS

from rtrl_lstm import export
from rtrl_lstm.export import carry, credit, descent, learning, partials, plan, statistics, verify
from rtrl_lstm.export.graph import Graph
from rtrl_lstm.optimizers import ClipCredit, ClipNorm, Cosine, InverseTime
from rtrl_lstm.spec import Spec

SCALED = {"scale_inputs": True, "scale_target": True}
HARD = {
    "forecaster": Spec(3, 5, 2, horizon=4, num_layers=2),
    "one row ahead": Spec(3, 5, horizon=1, combine_with=(1,), shortcuts=True, **SCALED),
    "sums ahead": Spec(3, 5, 2, horizon=3, update="sequence", optimizer="adamw", peephole=True),
    "combined": Spec(
        3,
        5,
        combine_with=(2, 0),
        combine_only=(0,),
        combine_inner=(0,),
        clip=ClipCredit(1.0),
        **SCALED,
    ),
    "combined ahead": Spec(3, 5, horizon=3, combine_with=(1, 2), cell="gru", **SCALED),
    "each combined": Spec(
        3, 5, 2, horizon=2, combine_with=((0, 1), (2, 1)), combine_inner=(2,), **SCALED
    ),
    "every step combined": Spec(
        3,
        5,
        3,
        horizon=3,
        every_step=True,
        combine_with=((0, 1), (0, 2), (1, 2)),
        combine_only=(1,),
        clip=ClipCredit(1.0),
        **SCALED,
    ),
    "every step": Spec(3, 5, 3, horizon=3, every_step=True, loss="huber", **SCALED),
}
WIRED = {
    "all see gates": Spec(3, 4, 2, num_layers=2, **WIRINGS["all see gates"]),
    "1997 blocks": Spec(3, 4, 2, horizon=2, clip=ClipNorm(0.3), **WIRINGS["1997 blocks"]),
    "projected blocks": Spec(3, 4, 2, num_layers=2, **WIRINGS["projected blocks"]),
    "biased cells": Spec(3, 4, update="sequence", shortcuts=True, **WIRINGS["biased cells"]),
    "not recurrent": Spec(3, 4, optimizer="obgd", **WIRINGS["not recurrent"]),
    "schedule": Spec(3, 4, horizon=2, schedule=Cosine(steps=40, warmup=5, restart=True)),
    "inverse time": Spec(3, 4, schedule=InverseTime(tau=9.0, power=0.5), update="sequence"),
}
HARD |= WIRED
ALL = {
    name: dataclasses.replace(spec, dtype="float64")
    for name, spec in (SPECS | HARD).items()
    if name not in ("plain", "float64", "no gates")  # in which nothing is that is not in others
}


def trained(spec, count=60):
    net = engine(spec)
    net.run(*rows(spec, count))
    return net


def assert_same_numbers(found, expected, tolerance):
    expected = carry.numbers_of(expected)
    for name, value in carry.numbers_of(found).items():
        bound = tolerance * max(1.0, np.nanmax(np.abs(expected[name]), initial=0.0))
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize("name", ALL)
def test_it_learns_what_the_engine_learns_and_goes_back(tmp_path, name):
    net = trained(ALL[name])
    differences = export.to_onnx(net, tmp_path / "m.onnx", "learner", "float64")
    assert list(differences) == ["y_hat", *(f"{name}_out" for name in plan.numbers(net.spec))]
    assert max(differences.values()) <= 1e-12

    (X, Y), begins = rows(net.spec, 60, seed=1), beginnings(60)
    session = export.Session(tmp_path / "m.onnx", "cpu")
    np.testing.assert_allclose(
        session.run(X, Y, 1.5, begins), net.run(X, Y, np.full(60, 1.5), begins), atol=1e-11
    )
    session.reset()
    net.reset()
    back = session.to_learner()
    assert type(back) is type(net)
    assert_same_numbers(back, net, 1e-11)
    np.testing.assert_allclose(back.run(X, Y), net.run(X, Y), atol=1e-11)
    assert (back.steps, back.labels) == (net.steps, net.labels)


SMALL = {
    "peephole coupled": (CELLS["peephole coupled"], "quantile", 2),
    "gru": (CELLS["gru"], "cross_entropy", 2),
    "elstm": (CELLS["elstm"], "huber", 2),
    "no gates": (CELLS["no gates"], "absolute_error", 1),
}


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("cell", SMALL)
def test_left_running_over_a_thousand_rows(tmp_path, cell, dtype):
    options, loss, layers = SMALL[cell]
    around = {"loss": loss, "num_layers": layers, "learning_rate": RATE, **LOSSES[loss]}
    spec = Spec(3, 7, dtype=dtype, **around, **options)
    assert difference(spec, "learner", tmp_path) <= LIMIT[dtype]


@pytest.mark.proof
@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("graph", ["step", "sequence", "learner"])
@pytest.mark.parametrize("cell", GRID)
def test_every_cell_layer_and_loss_left_running(tmp_path, cell, graph, dtype):
    from exactness import of_cell

    assert of_cell(GRID[cell], graph, dtype, tmp_path) <= LIMIT[dtype]


@pytest.mark.proof
@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("name", dict(around_learning()))
def test_everything_around_learning_left_running(tmp_path, name, cell, dtype):
    spec = spec_of(cell, dtype, dict(around_learning())[name])
    assert difference(spec, "learner", tmp_path) <= LIMIT[dtype]


def shapes(values):
    return {
        value.name: tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in values
    }


def test_names_shapes_and_defaults_are_as_promised(tmp_path):
    net = trained(Spec(3, 7, 2, scale_inputs=True, learning_rate=0.01))
    export.to_onnx(net, tmp_path / "m.onnx", "learner")
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    weights = {
        f"{group}.{kind}": ("batch", *shape)
        for group, shape in {"layer0.ifg": (11, 21), "layer0.o": (11, 7), "readout": (8, 2)}.items()
        for kind in ("weight", "trace", "moment1", "moment2")
        if (group, kind) not in (("layer0.o", "trace"), ("readout", "trace"))
    }
    scalars = ["steps", "labels", "updates", "power1", "power2", "reset_next"]
    carried = {
        "h_0": ("batch", 7),
        "c_0": ("batch", 7),
        **weights,
        **{f"input.{part}": ("batch", 3) for part in ("count", "mean", "m2")},
        **dict.fromkeys(scalars, ("batch", 1)),
    }
    settings = dict.fromkeys(("learning_rate", "sample_weight", "reset"), ("batch", 1))
    free = {
        name: (f"batch_of_{name}", *shape[1:]) for name, shape in {**settings, **carried}.items()
    }
    assert shapes(model.graph.input) == {"x": ("batch", 3), "y": ("batch", 2), **free}
    said = {f"{name}_out": shape for name, shape in carried.items()}
    assert shapes(model.graph.output) == {"y_hat": ("batch", 2), **said}
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for name, value in carry.numbers_of(net).items():
        np.testing.assert_array_equal(stored[name], value[None].astype(stored[name].dtype))
    for name, value in {"learning_rate": 0.01, "sample_weight": 1, "reset": 0}.items():
        np.testing.assert_array_equal(stored[name], np.array([[value]], np.float32))
    described = export.describe(tmp_path / "m.onnx")
    assert described["inputs"]["layer0.ifg.weight"] == ["batch", 11, 21]
    assert list(described["outputs"]) == ["y_hat", *said]


def test_groups_are_told_by_what_their_gates_see():
    def names(**options):
        return [group.name for group in plan.groups(Spec(2, 3, **options))]

    assert names(peephole=True) == [
        "layer0.ifg", "layer0.o", "layer0.if.own", "layer0.o.own", "readout",
    ]  # fmt: skip
    assert names(cell="gru") == ["layer0.rz", "layer0.n_x", "layer0.n_h", "readout"]
    assert names(cell="elstm") == ["layer0.fz", "layer0.o", "layer0.fz.own", "readout"]
    assert names(cell="rnn", num_layers=2) == ["layer0.h", "layer1.h", "readout"]
    blocks = plan.groups(Spec(2, 6, block_size=3, gate_recurrence="gates", proj_size=4))
    assert [(group.name, group.shape, group.shape_of("trace")[1]) for group in blocks] == [
        ("layer0.if", (13, 4), 12),
        ("layer0.g", (7, 6), 6),
        ("layer0.o", (13, 2), 6),
        ("layer0.proj", (6, 4), 4),
        ("readout", (5, 1), 1),
    ]


def bare(path):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def test_a_bare_onnxruntime_learns(tmp_path):
    net = trained(ALL["scaled"])
    export.to_onnx(net, tmp_path / "m.onnx", "learner", "float64")
    runtime = bare(tmp_path / "m.onnx")
    outputs = [output.name for output in runtime.get_outputs()]
    carried = {}
    X, Y = rows(net.spec, 20, seed=1)
    for x, y in zip(X, Y, strict=True):
        y_hat, *after = runtime.run(outputs, {"x": x[None], "y": y[None], **carried})
        carried = {name.removesuffix("_out"): a for name, a in zip(outputs[1:], after, strict=True)}
        np.testing.assert_allclose(y_hat[0], net.step(x, y), rtol=1e-11)
    right = carry.numbers_of(net)
    for name, value in carried.items():
        np.testing.assert_allclose(value[0], right[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_batch_is_as_many_learners_each_with_its_own_rate_and_sequences(tmp_path):
    spec = ALL["combined ahead"]
    export.to_onnx(trained(spec), tmp_path / "m.onnx", "learner", "float64")
    nets = [trained(spec) for _ in range(3)]
    runtime, count = bare(tmp_path / "m.onnx"), 25
    outputs = [output.name for output in runtime.get_outputs()]
    streams = [rows(spec, count, seed) for seed in range(3)]
    begins = np.array([beginnings(count, seed, every=6) for seed in range(3)])
    rates = np.array([[1e-3], [1e-2], [1e-4]])
    for net, rate in zip(nets, rates, strict=True):
        net.learning_rate = rate[0]
    carried = {"learning_rate": rates}
    for t in range(count):
        x, y = (np.stack([stream[k][t].reshape(-1) for stream in streams]) for k in range(2))
        fed = {"x": x, "y": y, "reset": begins[:, t : t + 1].astype(float)}
        y_hat, *after = runtime.run(outputs, fed | carried)
        carried |= {
            name.removesuffix("_out"): a for name, a in zip(outputs[1:], after, strict=True)
        }
        for k, net in enumerate(nets):
            if begins[k, t]:
                net.reset()
            np.testing.assert_allclose(y_hat[k], net.step(x[k], y[k]), rtol=1e-10)
    for k, net in enumerate(nets):
        for name, value in carry.numbers_of(net).items():
            np.testing.assert_allclose(carried[name][k], value, rtol=1e-8, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("optimizer", "clip"),
    [
        ("sgd", None), ("sgd", 0.5), ("momentum", None), ("rmsprop", None), ("adagrad", 0.5),
        ("adam", None), ("adamw", None), ("obgd", None),
    ],
)  # fmt: skip
def test_without_a_label_nothing_learned_moves_by_a_bit(tmp_path, optimizer, clip):
    net = trained(Spec(3, 5, 2, optimizer=optimizer, clip=clip))
    export.to_onnx(net, tmp_path / "m.onnx", "learner")
    session = export.Session(tmp_path / "m.onnx", "cpu")
    before = session.state
    session.step([1.0, 2.0, 3.0])
    after = session.state
    moved = {name for name, value in before.items() if not np.array_equal(after[name], value)}
    assert moved == {"h_0", "c_0", "layer0.ifg.trace", "steps"}


def test_an_export_leaves_the_learner_as_it_was_and_its_bytes_depend_on_it_alone(tmp_path):
    net = trained(SPECS["scaled"])
    before = net.block.copy()
    for name in ("a", "b"):
        export.to_onnx(net, tmp_path / name, "learner")
    np.testing.assert_array_equal(net.block, before)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def no_forgetting(*arguments, cell=partials.lstm):
    return cell(*arguments)._replace(decay="")


def loud_cell(*arguments, cell=partials.lstm):
    found = cell(*arguments)
    return found._replace(dh_ds=found.h)


def any_label(g, y):
    value = g.op("Where", g.op("IsNaN", y), g.constant(0.0), y)
    return credit.Label(value, g.op("Not", g.op("IsNaN", value)))


def wrong_average(g, moment, share, value, numbers, average=descent._average):
    return average(g, moment, share / 2, value, numbers)


def no_spread(g, found, spread=statistics.spread):
    return g.op("Sqrt", found.count), spread(g, found)[1]


def no_credit(g, weights, layer, credit, through_state):
    return credit


def no_bound(g, spec, gradients):
    return gradients


WRONG = {
    "decay": (partials, "lstm", no_forgetting, {}, "layer0.ifg.trace_out"),
    "credit": (partials, "lstm", loud_cell, {}, "layer0.ifg.weight_out"),
    "mask": (credit, "read_label", any_label, {}, "labels_out"),
    "moments": (descent, "_average", wrong_average, {}, "layer0.o.moment2_out"),
    "spread": (statistics, "spread", no_spread, SCALED, "y_hat"),
    "stack": (learning, "_credit_below", no_credit, {"num_layers": 2}, "layer0.o.weight_out"),
    "clip": (descent, "bounded", no_bound, {"clip": 0.01}, "readout.moment1_out"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_graph_is_refused_with_the_numbers(tmp_path, monkeypatch, what):
    home, part, wrong, options, named = WRONG[what]
    net = trained(Spec(3, 5, 2, **options))
    path = tmp_path / "m.onnx"
    path.write_bytes(b"as it was")
    monkeypatch.setattr(home, part, wrong)
    with pytest.raises(export.ExportError, match=r"differs from the learner.*nothing was") as said:
        export.to_onnx(net, path, "learner")
    assert named in str(said.value)
    assert path.read_bytes() == b"as it was"


def test_wrong_numbers_at_export_are_refused(tmp_path, monkeypatch):
    def off(g, name, shape, default=None, wide=False, add=Graph.input):
        default = default if default is None or name != "layer0.o.moment1" else default + 0.01
        return add(g, name, shape, default, wide)

    monkeypatch.setattr(Graph, "input", off)
    with pytest.raises(export.ExportError, match=r"layer0\.o\.moment1_out by"):
        export.to_onnx(trained(Spec(3, 5)), tmp_path / "m.onnx", "learner")


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_a_coarse_precision_does_not_learn(tmp_path, precision):
    with pytest.raises(export.ExportError, match=f"small steps would be lost in {precision}"):
        export.to_onnx(trained(Spec(2, 3)), tmp_path / "m.onnx", "learner", precision)


@pytest.mark.parametrize(
    "options",
    [
        {"rule": "snap1"},
        {"rule": "full", "dtype": "float64"},  # its kernel is there for other tests
        {"dropout": 0.5, "num_layers": 2},
    ],
)
def test_what_a_graph_cannot_say_is_refused_by_name(tmp_path, options):
    name, value = next(iter(options.items()))
    with pytest.raises(export.ExportError, match=f"a learner graph has no {name}={value!r}"):
        export.to_onnx(trained(Spec(2, 4, **options)), tmp_path / "m.onnx", "learner")


def test_an_option_that_comes_later_is_named(monkeypatch):
    monkeypatch.setattr(plan, "KNOWN", plan.KNOWN - {"peephole"})
    with pytest.raises(export.ExportError, match="a learner graph has no peephole=True"):
        plan.check_known(Spec(2, 3, peephole=True))
    monkeypatch.setattr(plan, "KNOWN_VALUES", {"cell": ("lstm",)})
    with pytest.raises(export.ExportError, match="a learner graph has no cell 'gru'"):
        plan.check_known(Spec(2, 3, cell="gru"))
    monkeypatch.setattr(plan, "GROUPS", plan.GROUPS - {"h"})
    with pytest.raises(export.ExportError, match="a learner graph has no rows that see h"):
        plan.check_known(Spec(2, 3))


def test_a_learner_that_diverges_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "WILD", 0.0)
    with pytest.raises(export.ExportError, match="diverges at once"):
        export.to_onnx(trained(Spec(2, 4)), tmp_path / "m.onnx", "learner")
