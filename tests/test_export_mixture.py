"""Several networks in one graph: each with its state, and their forecasts mixed as at export."""

import numpy as np
import onnx
import pytest
from command_line import run

import rtrl_lstm as rl
from rtrl_lstm.export import (
    ExportError,
    GraphFileError,
    ModelSession,
    Session,
    describe,
    from_onnx,
    to_onnx,
)

X = np.random.default_rng(0).normal(size=(150, 3))
Y = np.stack([X[:, 0] - X[:, 1], np.cumsum(X[:, 2]) / 9.0], axis=1)


def ensemble(horizon, **options):
    spec = rl.Spec(3, 4, 2, horizon=horizon, dtype="float64", scale_target=True, **options)
    net = rl.Ensemble(spec)
    net.run(X, Y)
    return net


@pytest.mark.parametrize("options", [{"scale_inputs": True}, {"combine_with": ((0, 1), (2, 0))}])
@pytest.mark.parametrize("graph", ["step", "sequence"])
@pytest.mark.parametrize("horizon", [0, 2])
def test_it_says_what_the_frozen_ensemble_says(horizon, graph, options, tmp_path):
    net, path = ensemble(horizon, **options), tmp_path / "m.onnx"
    assert max(to_onnx(net, path, graph, "float64").values()) < 1e-12
    session, frozen = Session(path), net.frozen()
    begins = np.arange(60) == 31
    np.testing.assert_allclose(
        session.run(X[:60], reset=begins), frozen.run(X[:60], reset=begins), rtol=1e-10
    )
    assert [*session.state] == [f"net{i}.{name}_0" for i in range(3) for name in "hc"]
    shares = net.mixture.shares(net.spec)
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)
    each = np.stack([member.frozen().run(X[:1])[0] for member in net.members])
    np.testing.assert_allclose((shares * each).sum(axis=0), net.frozen().run(X[:1])[0])
    assert describe(path)["networks"] == 3


def test_of_probabilities_and_in_few_bits(tmp_path):
    net = rl.Ensemble(rl.Spec(3, 4, 3, loss="cross_entropy"), 2)
    net.run(X, np.argmax(X, axis=1))
    for precision, tolerance in (("float32", 1e-6), ("float16", 1e-2), ("int8", 0.1)):
        to_onnx(net, tmp_path / "m.onnx", precision=precision)
        said = Session(tmp_path / "m.onnx").run(X)
        np.testing.assert_allclose(said, net.frozen().run(X), atol=tolerance)
        np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=1e-5)


def test_a_model_of_counts_from_the_command_line(tmp_path):
    lines = ["day,sold", *(f"{t},{(t % 7 > 3) * (t % 5)}" for t in range(120))]
    (tmp_path / "shop.csv").write_text("\n".join(lines) + "\n")
    asked = ["--target", "sold", "--horizon", 2, "--learning-rate", "auto", "--hidden", 8]
    run("learn", *asked, "--model", "m.rtrl", "--quiet", "shop.csv", cwd=tmp_path)
    run("export", "m.rtrl", "m.onnx", "--graph", "sequence", cwd=tmp_path)
    rows = [dict(zip(("day", "sold"), line.split(","), strict=True)) for line in lines[1:]]
    said, expected = ModelSession(tmp_path / "m.onnx").run(rows), rl.load(tmp_path / "m.rtrl")
    assert said == pytest.approx(expected.frozen().run(rows), abs=1e-5)
    assert min(said) == 0.0
    inferred = run("infer", "m.onnx", "shop.csv", cwd=tmp_path).stdout.split()[1:]
    assert [float(one) for one in inferred] == pytest.approx(said, abs=1e-5)
    begun = run("learn", *asked[:4], "--from", "m.onnx", "shop.csv", cwd=tmp_path, code=1)
    assert "holds 3 networks" in begun.stderr


def test_what_is_refused(tmp_path):
    net, path = ensemble(0), tmp_path / "m.onnx"
    with pytest.raises(ExportError, match="a learner graph holds one network, and these are 3"):
        to_onnx(net, path, "learner")
    readout = net.members[1].array("readout.weight")
    net.members[1].set_array("readout.weight", np.full_like(readout, np.nan))
    with pytest.raises(ExportError, match="diverged"):
        to_onnx(net, path)
    assert not path.exists()
    to_onnx(ensemble(0), path)
    with pytest.raises(GraphFileError, match="it holds 3 networks"):
        from_onnx(path)


@pytest.mark.parametrize(
    ("members", "said"),
    [("2", "altered"), ("1", "altered"), ("0", "damaged"), ("true", "damaged"),
     ("1000000000000", "altered")],
)  # fmt: skip
def test_another_number_of_networks_is_refused(members, said, tmp_path):
    path = tmp_path / "m.onnx"
    to_onnx(ensemble(0), path)
    model = onnx.load(path)
    entry = model.metadata_props[0]
    entry.value = entry.value.replace('"members": 3', f'"members": {members}')
    path.write_bytes(model.SerializeToString())
    with pytest.raises(GraphFileError, match=said):
        Session(path)
