"""Models of several members."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from command_line import run

import rtrl_lstm as rl
from reference.mixture import Mixture
from rtrl_lstm.cli.models import compile_kernels
from rtrl_lstm.cli.progress import Progress
from rtrl_lstm.ensemble import RATES, new_learner
from rtrl_lstm.export import ExportError, to_onnx
from rtrl_lstm.forecaster import kind_of
from rtrl_lstm.kernels import jit, mixture
from rtrl_lstm.spec import Spec

TASKS = {
    "numbers": {"horizon": 2},
    "numbers now": {},
    "classes": {"task": "multiclass"},
}


def rows_of(count=120, classes=False):
    """Noise around a wave; a category, and with classes a class, that comes up late."""
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(count) / 3.0) + 0.1 * rng.normal(size=count)
    late = ["a" if t < 50 or t % 3 else "b" for t in range(count)]
    names = [("low", "high")[int(v > 0)] if t < 70 else "new" for t, v in enumerate(wave)]
    target = names if classes else wave.tolist()
    part = [t // 40 for t in range(count)]
    return [
        {"part": p, "kind": k, "x": float(v), "y": y}
        for p, k, v, y in zip(part, late, wave, target, strict=True)
    ]


def model_of(options, members=3, **more):
    return rl.Model("y", reset_on="part", hidden_size=4, members=members, **options, **more)


@pytest.mark.parametrize("rate", [1e-3, "auto"])
@pytest.mark.parametrize("name", TASKS)
def test_it_mixes_what_its_members_say_alone_by_their_recent_losses(name, rate):
    rows, options = rows_of(classes=name == "classes"), TASKS[name]
    many = 3 if rate == 1e-3 else 1
    model = model_of(options, many, seed=5, learning_rate=rate)
    rates = RATES if rate == "auto" else [rate] * 3
    alone = [
        model_of(options, 1, seed=5 + i, learning_rate=one).run(rows) for i, one in enumerate(rates)
    ]
    assert alone[0] != alone[1]
    twin = Mixture(3, options.get("horizon", 0))
    for row, *each in zip(rows, *alone, strict=True):
        (said,), (reading,) = model.follow([row])
        if reading.reset:
            twin.reset()
        mixed = twin.take(each, reading.truth)
        if isinstance(said, dict) and reading.truth not in said:
            # What the members give a class that is new is known to nobody but them.
            twin.losses = model.learner.mixture.losses[:, 0].copy()
        if isinstance(said, dict):
            assert said.keys() == each[0].keys()
            for label, share in said.items():
                assert share == pytest.approx(mixed[label], rel=1e-5)
        else:
            assert said == (None if mixed is None else pytest.approx(mixed, rel=1e-5))


def test_a_row_without_weight_tells_nothing_of_who_does_well():
    plain, weighted = model_of({}), model_of({}, weight="w")
    rows = [{**row, "w": float(t != 60)} for t, row in enumerate(rows_of())]
    plain.run([{**row, "w": 1.0} for row in rows[:60]])
    weighted.run(rows[:60])
    before = weighted.learner.mixture.losses.copy()
    weighted.run(rows[60:61])
    assert np.array_equal(weighted.learner.mixture.losses, before)
    weighted.run(rows[61:62])
    assert not np.array_equal(weighted.learner.mixture.losses, before)


def test_who_learns_best_is_heard_and_none_at_a_rate_of_its_own_does_harm():
    """Two members learn nothing, so to speak: it is nearly as good as the third."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 2))
    y = np.sign(x[:, 0]) * x[:, 1]
    spec = Spec(2, 8, scale_target=True, learning_rate=1e-2)
    ensemble = new_learner(spec, 1, (1e-2, 1e-7, 1e-7))
    said = ensemble.run(x, y)[:, 0]
    alone = rl.Learner(2, 8, scale_target=True, learning_rate=1e-2).run(x, y)[:, 0]
    late = slice(2000, None)
    found, best = (np.abs(one - y)[late].mean() for one in (said, alone))
    assert best < 0.5 * np.abs(y)[late].mean()
    assert found < 1.15 * best


def test_stepped_back_it_has_the_rates_that_it_had_in_proportion():
    ensemble = new_learner(Spec(2, 4), 1, RATES)
    other = copy.copy(ensemble)
    ensemble.learning_rate = 1e-4
    found = [member.learning_rate for member in ensemble.members]
    assert found == pytest.approx([1e-4, 3e-4, 1e-3])
    assert [member.learning_rate for member in other.members] == pytest.approx(RATES)


@pytest.mark.parametrize("name", TASKS)
def test_chunks_steps_and_files_make_no_difference(name, tmp_path):
    rows = rows_of(classes=name == "classes")
    whole, parts, path = model_of(TASKS[name]), model_of(TASKS[name]), tmp_path / "m.rtrl"
    expected = whole.run(rows)
    said = parts.run(rows[:33])
    for row in rows[33:60]:
        said.append(parts.step(row))
    parts.save(path)
    parts = rl.load(path)
    said += parts.run(rows[60:])
    assert said == expected
    whole.save(tmp_path / "whole.rtrl")
    parts.save(tmp_path / "parts.rtrl")
    assert (tmp_path / "whole.rtrl").read_bytes() == (tmp_path / "parts.rtrl").read_bytes()


def test_frozen_ones_learn_nothing_and_copies_go_their_own_way():
    rows = rows_of()
    model = model_of({"horizon": 1})
    model.run(rows[:80])
    before = model.learner.block
    frozen, other = model.frozen(), copy.deepcopy(model)
    said = frozen.run(rows[80:])
    other.run(rows[80:])
    assert np.array_equal(model.learner.block, before)
    assert said == model.frozen().run(rows[80:])
    assert not np.array_equal(other.learner.block, before)
    assert model.run(rows[80:]) != said


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(ValueError, match="members must be an integer of at least 1, not 0"):
        rl.Model("y", members=0)
    for options in ({"members": 2}, {"learning_rate": "auto"}):
        with pytest.raises(ValueError, match="start is one network"):
            rl.Model("y", start=rl.Learner(1), **options)
    with pytest.raises(ValueError, match="learning_rate must be"):
        rl.Model("y", learning_rate="fast")
    model = model_of({"task": "multiclass"})
    model.run(rows_of(5, classes=True))
    with pytest.raises(ExportError, match="each of the model's 3 networks goes by the labels"):
        to_onnx(model, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="another number of members"):
        rl.Model.from_json(model.to_json(), model.learners[0])


@pytest.mark.parametrize("horizon", [0, 2])
def test_by_itself_it_mixes_what_its_members_say_alone(horizon, tmp_path):
    """Row by row, in a run, with labels that come late, through a file: as the twin has it."""
    spec = Spec(2, 4, horizon=horizon, scale_target=True, seed=3)
    X = np.random.default_rng(0).normal(size=(90, 2))
    y = np.where(np.arange(90) % 7 == 3, np.nan, X[:, 0] - X[:, 1])
    specs = [replace(spec, seed=3 + i, learning_rate=RATES[i % 3]) for i in range(6)]
    each = np.stack([kind_of(spec).new(one).run(X, y)[:, 0] for one in specs], axis=1)
    twin = Mixture(6, horizon)
    expected = [
        twin.take(said, None if truth != truth else truth)
        for said, truth in zip(each.astype(float), y, strict=True)
    ]
    net, late = rl.Ensemble(spec, 2), rl.Ensemble(spec, 2)
    assert net.run(X, y)[:, 0] == pytest.approx(expected)
    for t, (x, label) in enumerate(zip(X, y, strict=True)):
        known = (label,) if horizon else ()
        peek = late.predict(x, *known)
        said = late.step(x, *known)
        if not horizon and label == label:
            late.learn(label)
        assert said == peek == pytest.approx(expected[t])
        if t == 40:
            late.save(tmp_path / "m.rtrl")
            late = rl.load(tmp_path / "m.rtrl")
    assert (late.steps, late.labels) == (net.steps, net.labels) == (90, net.members[0].labels)
    net.save(tmp_path / "whole.rtrl")
    late.save(tmp_path / "m.rtrl")
    assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "whole.rtrl").read_bytes()
    assert net.step(X[0], 0.5) == pickle.loads(pickle.dumps(late)).step(X[0], 0.5)


def test_who_diverges_is_not_heard():
    X = np.random.default_rng(0).normal(size=(3000, 2))
    y = X[:, 0] - X[:, 1]
    spec = Spec(2, 8, optimizer="sgd", cell="rnn", input_activation="relu")
    alone = rl.Learner.new(replace(spec, learning_rate=30.0)).run(X, y)
    assert not np.isfinite(alone[-500:]).any()
    said = rl.Ensemble(spec, rates=(0.01, 30.0)).run(X, y)[-500:, 0]
    assert np.abs(said - y[-500:]).mean() < 0.5 * np.abs(y).mean()


def test_no_ensemble_of_what_cannot_be():
    spec = Spec(2, 4)
    for rates in ((), "fast", 0.1, (0.1, -1.0), None):
        with pytest.raises(ValueError, match="rates must be"):
            rl.Ensemble(spec, rates=rates)
    with pytest.raises(ValueError, match="members must be an integer"):
        rl.Ensemble(spec, 0)
    with pytest.raises(TypeError, match="spec must be a Spec"):
        rl.Ensemble(3)
    with pytest.raises(ValueError, match="an Ensemble learns at several rates"):
        rl.Learner(2, learning_rate="auto")
    net = rl.Ensemble(spec)
    with pytest.raises(RuntimeError, match="no step waits"):
        net.learn(0.5)
    with pytest.raises(RuntimeError, match="come with its rows"):
        rl.Ensemble(replace(spec, horizon=1)).learn(0.5)
    before = net.block
    with pytest.raises(ValueError, match="y has shape"):
        net.step([0.0, 0.0], [1.0, 2.0])
    assert np.array_equal(net.block, before)
    assert np.isnan(net.mixture.losses).all()


def test_from_the_command_line(tmp_path):
    lines = ["x,y", *(f"{t % 7},{t % 5}" for t in range(60))]
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "half.csv").write_text("\n".join(lines[:30]) + "\n")
    asked = ["learn", "--target", "y", "--members", 2, "--quiet", "--model"]
    run(*asked, "whole.rtrl", "d.csv", cwd=tmp_path)
    run(*asked, "m.rtrl", "half.csv", "--report", "r.html", cwd=tmp_path)
    assert "<th>members</th><td>2" in (tmp_path / "r.html").read_text()
    resume = ["learn", "d.csv", "--quiet", "--model", "m.rtrl", "--resume"]
    other = run(*resume, "--members", 3, cwd=tmp_path, code=1)
    assert "was made with --members 2, not 3" in other.stderr
    run(*resume, cwd=tmp_path)
    resumed, whole = (rl.load(tmp_path / f"{name}.rtrl") for name in ("m", "whole"))
    assert np.array_equal(resumed.learner.block, whole.learner.block)
    assert "members" in resumed._repr_html_()


def test_the_rate_auto_from_the_command_line(tmp_path):
    lines = ["x,y,k", *(f"{t % 7},{t % 5},{'ab'[t % 2]}" for t in range(120))]
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "half.csv").write_text("\n".join(lines[:77]) + "\n")
    learn = ["learn", "--target", "y", "--horizon", 2, "--learning-rate", "auto", "--quiet"]
    for key in ((), ("--key", "k")):
        run(*learn, *key, "--model", "whole.rtrl", "--overwrite", "d.csv", cwd=tmp_path)
        run(*learn, *key, "--model", "m.rtrl", "--overwrite", "half.csv", cwd=tmp_path)
        resume = ["learn", "d.csv", "--quiet", "--model", "m.rtrl", "--resume"]
        other = run(*resume, "--learning-rate", "0.01", cwd=tmp_path, code=1)
        assert "was made with --learning-rate auto, not 0.01" in other.stderr
        run(*resume, "--learning-rate", "auto", cwd=tmp_path)
        assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "whole.rtrl").read_bytes()
    wrong = run(*learn[:5], "--learning-rate", "fast", "d.csv", cwd=tmp_path, code=2)
    assert "neither a number above 0 nor auto" in wrong.stderr


@pytest.mark.parametrize(("members", "said"), [(1, []), (2, ["compiling the kernels"])])
def test_that_members_are_compiled_is_said(monkeypatch, members, said):
    monkeypatch.setattr(jit, "is_compiled", lambda kernel: kernel is not mixture.mix)
    heard = []
    progress = Progress()
    progress.say = heard.append
    compile_kernels(rl.Model("y", members=members), progress)
    assert [line[:21] for line in heard] == said
