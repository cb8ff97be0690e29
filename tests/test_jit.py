"""Compiled kernels come from disk as they were compiled, whichever process compiled which."""

import copy
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import rtrl_lstm as rl
from rtrl_lstm.kernels import entries, jit

LAST_FORECAST = """
import sys
import numpy as np
import rtrl_lstm as rl
X = np.random.default_rng(0).normal(size=(30, 2))
for cell in sys.argv[1:]:
    net = rl.Learner(2, 5, cell=cell, optimizer="sgd", learning_rate=0.1, dtype="float64")
    print(cell, net.run(X, X[:, :1])[-1, 0])
"""


def blocks_below(block, found):
    """All compiled functions that one calls, in `found`: name -> functions."""
    function = block.py_func
    named = function.__module__, function.__qualname__
    if block in found.setdefault(named, []):
        return
    found[named].append(block)
    below = [function.__globals__.get(name) for name in function.__code__.co_names]
    below += [cell.cell_contents for cell in function.__closure__ or ()]
    for other in below:
        if hasattr(other, "py_func"):
            blocks_below(other, found)


def test_no_two_blocks_have_one_name():
    """Numba takes two of one name and type for each other when processes shared the compiling."""
    found = {}
    for entry in (*entries.ALL, entries.find_bad_number):
        blocks_below(entry, found)
    assert len(found) > 50
    assert [name for name, blocks in found.items() if len(blocks) > 1] == []


def test_two_processes_do_not_compile_the_same():
    """The second one waits for what the first one puts on disk."""
    command = "from rtrl_lstm.kernels import jit\nwith jit._alone('test'): print('in')"
    with jit._alone("test"):
        waiting = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=2.0)
    assert waiting.communicate(timeout=60.0)[0] == b"in\n"


def test_what_was_compiled_before_an_edit_or_an_upgrade_is_not_found(monkeypatch, tmp_path):
    def found():
        return jit._sources_hash.__wrapped__()

    shutil.copy(jit.__file__, tmp_path)
    monkeypatch.setattr(jit, "_HERE", tmp_path)
    said = [found()]
    (tmp_path / "jit.py").write_text("# edited\n")
    said.append(found())
    monkeypatch.setattr(jit.numba, "__version__", "0.0")
    said.append(found())
    assert len(set(said)) == 3


def test_where_no_folder_can_be_written_kernels_are_compiled_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    command = """
from rtrl_lstm.kernels import jit
@jit.entry
def one_more(k):
    return k + 1
print(jit.cache_folder(), one_more(1), jit.is_compiled(one_more), jit.bare(one_more, 1.0)(1.5))
"""
    environment = os.environ | {"RTRL_LSTM_CACHE": str(tmp_path / "file")}
    done = subprocess.run(
        [sys.executable, "-c", command], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout == "None 2 True 2.5\n"


@pytest.fixture(name="asked_for")
def dtypes_of_rows_that_kernels_are_asked_for(monkeypatch):
    found, bare_entry = set(), entries.bare_entry

    def asked(cell, family, x, body):
        found.add(x.name)
        return bare_entry(cell, family, x, body)

    monkeypatch.setattr(entries, "bare_entry", asked)
    return found


def use_without_rows(net):
    """Everything that needs no row."""
    other = copy.copy(net.frozen())
    other.load_state_dict(net.state_dict())
    other.array("layer0.h")
    other.finish()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_learner_needs_a_kernel_for_the_rows_that_came_alone(asked_for, dtype):
    """A compilation for rows that nobody gives takes seconds."""
    net = rl.Learner(2, 5)
    use_without_rows(net)
    assert asked_for == set()
    net.step(np.ones(2, dtype), 1.0)
    use_without_rows(net)
    net.grow(rl.Spec(3, 5))
    net.reset()
    assert asked_for == {dtype}


def test_a_learner_of_a_fleet_needs_the_kernel_of_the_fleet_s_rows(asked_for):
    fleet = rl.Fleet(rl.Spec(2, 5), 3)
    fleet.step(np.ones((3, 2), np.float32))
    fleet[1].learn(1.0)
    assert asked_for == {"float32"}


@pytest.mark.parametrize("horizon", [0, 2])
def test_a_model_needs_one_kernel(asked_for, tmp_path, horizon):
    rows = [{"x": t % 5, "y": t % 3, "run": t // 20} for t in range(40)]
    model = rl.Model(target="y", horizon=horizon, reset_on="run")
    model.run(rows[:20])
    model.save(tmp_path / "m.rtrl")
    again = rl.load(tmp_path / "m.rtrl")
    for row in rows[20:]:
        again.step(row)
    assert asked_for == {"float64"}


@pytest.mark.proof
def test_cells_that_were_compiled_one_by_one_work_together(tmp_path):
    def said(*cells):
        environment = os.environ | {"RTRL_LSTM_CACHE": str(tmp_path)}
        command = [sys.executable, "-c", LAST_FORECAST, *cells]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    cells = ("lstm", "gru", "rnn", "elstm")
    alone = [line for cell in cells for line in said(cell)]
    assert said(*cells) == alone
    assert said(*reversed(cells)) == alone[::-1]


@pytest.mark.proof
def test_a_version_of_numba_that_was_never_tried_gives_the_same(tmp_path):
    """There blocks are compiled as Numba itself does."""
    unknown = "from rtrl_lstm.kernels import blocks\nblocks.NEWEST = (0, 1)\n"
    said = set()
    for before in ("", unknown):
        environment = os.environ | {"RTRL_LSTM_CACHE": str(tmp_path / str(len(said)))}
        command = [sys.executable, "-c", before + LAST_FORECAST, "lstm"]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        said.add(done.stdout)
    assert len(said) == 1
