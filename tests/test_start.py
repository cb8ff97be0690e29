"""A Model that starts with a network that has learned elsewhere, and `learn --from`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import run, waves, write_csv

import rtrl_lstm as rl
from rtrl_lstm import export

ROWS = [{"a": np.cos(t / 5), "b": np.sin(t / 9), "y": np.sin(t / 5)} for t in range(300)]
X = np.array([[row["a"], row["b"]] for row in ROWS])
Y = np.array([row["y"] for row in ROWS])


def trained(**options):
    """A network that knows ROWS."""
    net = rl.Learner(2, 8, learning_rate=0.01, **options)
    for _ in range(5):
        net.run(X, Y)
    return net


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale_inputs": True, "scale_target": True, "shortcuts": True},
        {"cell": "gru", "num_layers": 2, "scale_inputs": (False, True)},
        {"dtype": "float64", "cell": "lstm1997"},
    ],
)
def test_it_says_what_the_network_says(options):
    net = trained(**options)
    model = rl.Model("y", start=net, learning_rate=1e-30)
    found, expected = model.run(ROWS[:50]), net.frozen().run(X[:50])[:, 0]
    moved = 1e-5 if "scale_inputs" not in options else 0.1  # running statistics go on
    assert np.abs(np.array(found) - expected).max() < moved
    assert model.schema.input_names[:2] == ("a", "b")
    assert model.learner.spec.input_size == 3  # the target of the row before


def test_it_goes_on_learning_and_is_saved_and_loaded(tmp_path):
    model = rl.Model("y", start=trained(), learning_rate=0.003)
    with pytest.raises(ValueError, match="has seen no row yet"):
        model.save(tmp_path / "m.rtrl")
    flipped = [{**row, "y": -row["y"]} for row in ROWS]
    forecasts = np.array(model.run(flipped * 3))
    errors = np.abs(forecasts + np.tile(Y, 3))
    assert errors[-100:].mean() < 0.3 * errors[:50].mean()
    model.save(tmp_path / "m.rtrl")
    assert rl.load(tmp_path / "m.rtrl").run(ROWS) == model.run(ROWS)


def test_columns_that_come_later_do_not_disturb_it():
    net = trained()
    model = rl.Model("y", start=net, features=["b", "a", "when"][1::-1], learning_rate=1e-30)
    rows = [{**row, "b": row["b"] if t % 3 else ""} for t, row in enumerate(ROWS[:50], 1)]
    model.run(rows)  # a missing flag for b
    assert model.learner.spec.input_size == 4
    new = model.learner.state_dict()["weight_ih_l0"][:, 2:]
    assert not np.abs(new).max() > 1e-20


def test_from_horizon_1_on_the_target_comes_first():
    net = rl.Forecaster(2, input_size=2, hidden_size=6)
    model = rl.Model("y", start=net, horizon=2, features=["a"])
    model.step(ROWS[0])
    assert model.schema.input_names[:2] == ("y", "a")
    alone = rl.Model("y", start=net, horizon=2, features=["a", "b"])
    alone.step(ROWS[0])
    places = [alone.schema.place_of_number(name) for name in ("a", "b")]
    weights = alone.learner.state_dict()["weight_ih_l0"]
    assert np.abs(weights[:, places] - net.state_dict()["weight_ih_l0"]).max() < 0.01


def test_what_does_not_fit():
    net = trained()
    with pytest.raises(rl.SchemaError, match=r"takes 2 inputs .* in this order, a;"):
        rl.Model("y", start=net, features=["a"]).step(ROWS[0])
    with pytest.raises(rl.SchemaError, match="'b' has no number in the first row"):
        rl.Model("y", start=net).step({**ROWS[0], "b": "red"})
    for options, said in (
        ({"hidden_size": 3}, "hidden_size: that is settled"),
        ({"horizon": 2}, "0 rows ahead, not 2"),
        ({"task": "binary"}, "for task regression, not binary"),
    ):
        with pytest.raises(ValueError, match=said):
            rl.Model("y", start=net, **options)
    with pytest.raises(ValueError, match="2 and loss 'squared_error'"):
        rl.Model("y", start=rl.Learner(2, 4, 2))


# --- the command line --------------------------------------------------------------------------


def exported(tmp_path: Path, **options: object) -> Path:
    """A file of ours, as if it came from elsewhere."""
    net = rl.Learner(1, 6, learning_rate=0.01, scale_inputs=True, scale_target=True, **options)
    x, y = np.array(waves(200)).T
    for _ in range(4):
        net.run(x[:, None], y)
    export.to_onnx(net, tmp_path / "net.onnx", graph="sequence")
    return tmp_path / "net.onnx"


def test_learn_from_a_file_begins_where_the_network_is(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 200)
    exported(tmp_path)
    learn = ["learn", "a.csv", "--target", "y", "--quiet", "--predictions", "p.csv"]
    run(*learn, "--from", "net.onnx", "--model", "m.rtrl", cwd=tmp_path)
    first = [float(line) for line in (tmp_path / "p.csv").read_text().split()[1:21]]
    truth = [y for _, y in waves(20)]
    assert np.abs(np.array(first) - truth)[4:].mean() < 0.8  # of a spread of 2.1
    model = rl.load(tmp_path / "m.rtrl")
    assert (model.learner.spec.hidden_size, model.learner.spec.combine_with) == (6, ())
    run(*learn, "--model", "m.rtrl", "--resume", cwd=tmp_path)


def test_learn_from_a_file_that_does_not_fit(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 20)
    path = exported(tmp_path)

    def said(*options: object) -> str:
        done = run("learn", "a.csv", "--target", "y", "--from", *options, cwd=tmp_path, code=1)
        lines = [line for line in done.stderr.splitlines() if line.startswith("Error")]
        assert len(lines) == 1
        return lines[0]

    assert "none.onnx" in said("none.onnx")
    assert "not an ONNX file" in said("a.csv")
    assert "--hidden is settled by net.onnx" in said("net.onnx", "--hidden", 9)
    assert "horizon is 0" in said("net.onnx", "--horizon", 3)
    assert "loss is 'squared_error'" in said("net.onnx", "--task", "binary")
    (tmp_path / "a.csv").write_text("x,z,y\n1,2,3\n2,3,4\n")
    assert "takes 1 input " in said("net.onnx")
    assert "in this order, x, z" in said("net.onnx")
    path.write_bytes(path.read_bytes()[:500])
    assert "cannot start with net.onnx" in said("net.onnx")
