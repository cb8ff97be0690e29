"""Models of several members."""

import copy

import numpy as np
import pytest
from command_line import run

import rtrl_lstm as rl
from rtrl_lstm.export import ExportError, to_onnx

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


@pytest.mark.parametrize("name", TASKS)
def test_it_says_the_mean_of_what_its_members_say_alone(name):
    rows = rows_of(classes=name == "classes")
    found = model_of(TASKS[name], seed=5).run(rows)
    alone = [model_of(TASKS[name], 1, seed=seed).run(rows) for seed in (5, 6, 7)]
    assert alone[0] != alone[1]
    for said, *each in zip(found, *alone, strict=True):
        if isinstance(said, dict):
            assert said.keys() == each[0].keys()
            for label, share in said.items():
                assert share == pytest.approx(np.mean([one[label] for one in each]), rel=1e-6)
        else:
            assert said == (None if each[0] is None else pytest.approx(np.mean(each), rel=1e-6))


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
    with pytest.raises(ValueError, match="members must be a whole number from 1 on, not 0"):
        rl.Model("y", members=0)
    with pytest.raises(ValueError, match="start is one network"):
        rl.Model("y", start=rl.Learner(1), members=2)
    model = model_of({})
    model.run(rows_of(5))
    with pytest.raises(ExportError, match="the mean of 3 networks"):
        to_onnx(model, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="another number of members"):
        rl.Model.from_json(model.to_json(), model.learners[0])


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
