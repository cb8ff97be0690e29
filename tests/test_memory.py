"""Constant memory: not one allocation per step, and a process that does not grow."""

import re
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core.runtime import _nrt_python as nrt
from pair import engine
from streams import rows

import rtrl_lstm
from rtrl_lstm.kernels.jit import cache_folder
from rtrl_lstm.optimizers import ClipNorm
from rtrl_lstm.spec import Spec

SPECS = {
    "learner": Spec(3, 9, 2, scale_inputs=True, scale_target=True),
    "clipped": Spec(3, 9, 2, clip=ClipNorm(0.5), loss="huber", optimizer="rmsprop"),
    "classes": Spec(3, 9, 4, loss="cross_entropy"),
    "forecaster": Spec(3, 9, 2, horizon=4, scale_inputs=True),
    "peephole": Spec(3, 9, 2, num_layers=2, peephole=True),
    "gru": Spec(3, 9, 2, cell="gru", num_layers=2),
    "rnn": Spec(3, 9, 2, cell="rnn"),
    "elstm": Spec(3, 9, 2, cell="elstm", horizon=2),
}


ALLOCATOR = re.compile(rb"NRT_Allocate|NRT_MemInfo_(?:alloc|new|varsize)|[cm]alloc")


@numba.njit
def allocates(n):
    """What the checks below must be able to see."""
    return np.ones(n).sum()


@pytest.fixture(name="allocations")
def counted_allocations():
    """A function that counts the allocations that compiled code has made so far."""
    nrt.memsys_enable_stats()
    before = nrt.memsys_get_stats_alloc()
    allocates(3)
    assert nrt.memsys_get_stats_alloc() > before
    yield nrt.memsys_get_stats_alloc
    nrt.memsys_disable_stats()


@pytest.mark.parametrize("name", SPECS)
def test_a_row_allocates_nothing(name, allocations):
    """A thousand rows make as many allocations in compiled code as one row: those of the call."""
    X, Y = rows(SPECS[name], 1001)
    net, counts = engine(SPECS[name]), []
    net.run(X[:1], Y[:1])
    for count in (1, 1001):
        before = allocations()
        net.run(X[:count], Y[:count], weight=np.ones(count), reset=np.zeros(count, bool))
        counts.append(allocations() - before)
    assert counts[1] == counts[0]


def test_the_kernels_know_no_allocator():
    """Not in the hot path, and nowhere else in what a step compiles to: no name of one is there.

    Numba shows no code that came out of its cache, but the cached files hold it.
    """
    allocates(3)
    assert all(ALLOCATOR.search(code.encode()) for code in allocates.inspect_asm().values())
    for dtype in ("float32", "float64"):
        engine(Spec(3, 4, dtype=dtype)).step(np.zeros(3, dtype))
    files = [path.read_bytes() for path in cache_folder().rglob("entries.lstm-*.nbc")]
    assert len(files) >= 2
    for code in files:
        assert b"NRT_decref" in code, "names can be read in this file"
        assert not ALLOCATOR.findall(code)


GROWTH = """
import sys
import numpy as np
import rtrl_lstm as rl

def resident():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * 4096

rows, chunk, by_step = int(sys.argv[1]), 100_000, int(sys.argv[2])
rng = np.random.default_rng(0)
X = rng.normal(size=(chunk, 2)).astype(np.float32)
Y = X[:, :1] * X[:, 1:]
begins = rng.random(chunk) < 1e-3
net = rl.Learner(2, 8, 1, scale_inputs=True, scale_target=True)
forecaster = rl.Forecaster(horizon=3, input_size=2, hidden_size=8)

def take(rows, by_step):
    for _ in range(rows // chunk):
        net.run(X, Y, reset=begins)
        forecaster.run(X[:1000], Y[:1000])
    for t in range(by_step):
        net.step(X[t % chunk], Y[t % chunk])
        net.predict(X[t % chunk])

take(2 * chunk, 10_000)
before = resident()
take(rows, by_step)
assert net.steps >= rows + by_step
print(resident() - before)
"""


def growth(count, by_step):
    """Bytes by which a process has grown after `count` rows through run, and some through step."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc")
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(count), str(by_step)],
        cwd=Path(rtrl_lstm.__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_process_does_not_grow():
    assert growth(500_000, 20_000) < 1_000_000


@pytest.mark.proof
def test_a_process_does_not_grow_in_ten_million_rows():
    assert growth(10_000_000, 200_000) < 1_000_000
