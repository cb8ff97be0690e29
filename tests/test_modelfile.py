"""Model files: exact, equal for equal content, whole or not at all, and refused when damaged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pair import engine
from safetensors.numpy import load, save
from streams import rows

import rtrl_lstm as rl
from rtrl_lstm import modelfile
from rtrl_lstm.optimizers import ClipNorm
from rtrl_lstm.spec import Spec

SPECS = {
    "learner": Spec(3, 9, 2, scale_inputs=True, scale_target=True),
    "sequence": Spec(2, 5, 1, update="sequence", clip=ClipNorm(0.5), dtype="float64"),
    "forecaster": Spec(2, 6, 1, horizon=3, shortcuts=True),
    "gru": Spec(2, 6, 1, cell="gru", num_layers=2),
    "peephole": Spec(2, 6, 1, horizon=3, peephole=True, cell_activation="identity"),
}


@pytest.fixture(params=SPECS, name="net")
def trained(request):
    spec = SPECS[request.param]
    net = engine(spec)
    net.run(*rows(spec, 40))
    return net


@pytest.fixture(name="content")
def of_a_learner():
    net = rl.Learner(2, 3)
    net.run(np.ones((5, 2)), np.ones(5))
    return modelfile.to_bytes(net)


def test_a_file_gives_back_what_was_saved(net, tmp_path):
    net.save(tmp_path / "m.rtrl")
    other = rl.load(tmp_path / "m.rtrl")
    assert type(other) is type(net)
    assert other.spec == net.spec
    assert other.block.tobytes() == net.block.tobytes()
    other.save(str(tmp_path / "again.rtrl"))
    assert (tmp_path / "again.rtrl").read_bytes() == (tmp_path / "m.rtrl").read_bytes()


def test_restarts_leave_no_mark_in_a_file(net, tmp_path):
    """The bytes depend on spec, seed and rows: not on how often the learner was saved and read."""
    X, Y = rows(net.spec, 50, seed=1)
    restarted = engine(net.spec)
    restarted.run(*rows(net.spec, 40))
    for start in range(0, 50, 10):
        restarted.save(tmp_path / "m.rtrl")
        restarted = rl.load(tmp_path / "m.rtrl")
        restarted.run(X[start : start + 10], Y[start : start + 10])
    net.run(X, Y)
    assert modelfile.to_bytes(restarted) == modelfile.to_bytes(net)


def test_another_process_writes_the_same_bytes(tmp_path):
    program = """
import sys, numpy as np, rtrl_lstm as rl
net = rl.Learner(2, 5, 1, optimizer="rmsprop", clip=0.5)
net.run(np.linspace(-1, 1, 40).reshape(20, 2), np.linspace(0, 1, 20))
net.save(sys.argv[1])
"""
    contents = []
    for number in range(2):
        path = tmp_path / f"{number}.rtrl"
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)],
            cwd=Path(rl.__file__).parent.parent,
            env=os.environ | {"PYTHONHASHSEED": str(number)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_a_file_is_safetensors_and_json(content):
    """Anyone can open it without this package, and nothing in it is code."""
    assert load(content)["block"].dtype == np.uint8
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    document = json.loads(header["__metadata__"]["rtrl_lstm"])
    assert document["kind"] == "learner"
    assert document["spec"]["hidden_size"] == 3


def test_every_damaged_byte_is_noticed(content):
    """Either the file is refused, or it is read as what it was."""
    whole = modelfile.from_bytes(content)
    refused = 0
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        try:
            found = modelfile.from_bytes(bytes(damaged))
        except rl.ModelFileError:
            refused += 1
        else:
            assert found.spec == whole.spec
            assert found.block.tobytes() == whole.block.tobytes()
    assert refused > 0.9 * len(range(0, len(content), 7))


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, -100, -1])
def test_a_truncated_file(content, length, tmp_path):
    path = tmp_path / "short.rtrl"
    path.write_bytes(content[:length])
    with pytest.raises(rl.ModelFileError, match=r"short\.rtrl"):
        rl.load(path)


@pytest.mark.parametrize(
    "other",
    [
        b"time,value\n1,2\n",
        b"\xff" * 1000,
        save({"block": np.zeros(8, np.uint8)}),
        save({"block": np.zeros(8, np.uint8)}, metadata={"rtrl_lstm": "{}"}),
        save({"block": np.zeros(8, np.uint8)}, metadata={"rtrl_lstm": "[" * 5000}),
        save({"weights": np.zeros(8)}, metadata={"rtrl_lstm": '{"format": 1}'}),
    ],
    ids=["table", "garbage", "tensors", "empty", "nested", "no-block"],
)
def test_another_kind_of_file(other, tmp_path):
    path = tmp_path / "other.rtrl"
    path.write_bytes(other)
    with pytest.raises(rl.ModelFileError, match=r"other\.rtrl.*not an rtrl-lstm model"):
        rl.load(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        rl.load(tmp_path / "none.rtrl")


def test_a_later_format_is_named(content):
    document = json.loads(
        json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"][
            "rtrl_lstm"
        ]
    )
    document["format"] = 99
    later = save(load(content), metadata={"rtrl_lstm": json.dumps(document)})
    with pytest.raises(rl.ModelFileError, match="99"):
        modelfile.from_bytes(later)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_save_leaves_the_old_file_and_no_other(net, tmp_path, monkeypatch, step):
    path = tmp_path / "m.rtrl"
    net.save(path)
    old = path.read_bytes()
    net.run(*rows(net.spec, 5))

    def disk_full(*_):
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(os, step, disk_full)
        with pytest.raises(OSError, match="disk full"):
            net.save(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["m.rtrl"]
    net.save(path)
    assert path.read_bytes() != old


def test_a_folder_that_is_not_there(net, tmp_path):
    with pytest.raises(OSError, match=r"none|No such"):
        net.save(tmp_path / "none" / "m.rtrl")


def test_a_crash_between_two_names_of_a_file_leaves_nothing_behind(tmp_path):
    file, previous = tmp_path / "m.rtrl", tmp_path / "m.rtrl.previous"
    file.write_bytes(b"old")
    os.link(file, previous)  # there a kill hit: the old file has its second name, and no successor
    modelfile.write_whole(file, b"new", previous)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "m.rtrl": b"new",
        "m.rtrl.previous": b"old",
    }
