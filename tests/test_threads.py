"""Threads that share a large layer's work: the same bits, whoever does what, and nothing left."""

import copy
import os
import pickle
import signal
import threading
import time
import warnings

import numpy as np
import pytest
from pair import engine
from streams import stream

import rtrl_lstm as rl
from rtrl_lstm.kernels import entries, slots, team
from rtrl_lstm.optimizers import ClipNorm, ClipValue
from rtrl_lstm.spec import Spec

# Layers that are just worth it, of all that has a way of its own through the kernels.
LARGE = {
    "sgd": Spec(3, 190, optimizer="sgd"),
    "adam": Spec(3, 190, 2, scale_inputs=True, scale_target=True, clip=ClipNorm(0.5)),
    "float64": Spec(3, 190, dtype="float64", optimizer="rmsprop", clip=ClipValue(0.01)),
    "sequence": Spec(3, 190, update="sequence", clip=ClipNorm(0.5), optimizer="momentum"),
    "obgd": Spec(3, 190, optimizer="obgd"),
    "stack": Spec(3, 190, num_layers=2, peephole=True, coupled_gates=True),
    "forecaster": Spec(3, 190, horizon=3, optimizer="sgd", num_layers=2),
    "projection": Spec(3, 260, num_layers=2, proj_size=131, block_size=2),
    "gates": Spec(3, 190, gate_recurrence="all", block_size=2, optimizer="sgd"),
    "snap1": Spec(3, 190, rule="snap1"),
    "gru": Spec(3, 190, 2, cell="gru", num_layers=2, clip=ClipNorm(1.0), shortcuts=True),
    "rnn": Spec(3, 190, cell="rnn"),
    "elstm": Spec(190, 190, cell="elstm", num_layers=2),
    "inputs": Spec(1100, 30, optimizer="sgd"),
}


def with_threads(spec, threads):
    net = engine(spec)
    net.threads = threads
    return net


def tasks(net):
    """How many sweeps of a learner were open to its helpers."""
    return int(net._helpers._words[team.W_TASK])


@pytest.mark.parametrize("name", LARGE)
def test_any_number_of_threads_gives_the_same_bits(name):
    spec = LARGE[name]
    X, Y, weights, begins = stream(spec)
    said, blocks = [], []
    for threads in (1, 2, 3):
        net = with_threads(spec, threads)
        half = net.run(X[:40], Y[:40], weights[:40], begins[:40])
        by_step = [net.step(x, y, w) for x, y, w in zip(X[40:], Y[40:], weights[40:], strict=True)]
        said.append(np.concatenate([half, by_step]))
        blocks.append(net.block.tobytes())
        assert threads == 1 or tasks(net) >= len(X)
    assert np.array_equal(said[0], said[1])
    assert np.array_equal(said[0], said[2])
    assert blocks[0] == blocks[1] == blocks[2]


def leave_all_to_a_helper(net, what, layer, place, count):
    """One task, whose leader does nothing itself."""
    lanes = 64 // net._body.itemsize
    words, chunks = net._helpers._words, net.threads * team.CHUNKS_EACH
    span = -(-count // lanes // chunks) * lanes
    words[team.W_WHAT : team.W_SPAN + 1] = what, layer, place, span
    words[team.W_TASK] += 1
    words[team.W_OPEN] = 1
    helping = threading.Thread(
        target=entries.bare_help(net._body.dtype),
        args=(net._helpers.at, 1, net._body.dtype.type),
    )
    helping.start()
    begin = time.monotonic()
    while words[team.W_DONE] < words[team.W_TASK] * chunks:
        assert time.monotonic() < begin + 60.0
        time.sleep(0.001)
    words[team.W_OPEN] = 0
    helping.join(60.0)
    assert not helping.is_alive()


@pytest.mark.parametrize("name", ["sgd", "adam", "stack", "gru"])
def test_a_helper_can_do_all_of_a_sweep(name):
    spec = LARGE[name]
    alone, net = engine(spec), with_threads(spec, 2)
    X, Y = stream(spec)[:2]
    for learner in (alone, net):
        learner.run(X, Y)
        learner.finish()  # nothing is deferred
        learner._head[slots.H_PENDING] = slots.WEIGHTS  # once more
    before, table = net.block.copy(), net.layout.table
    for number in range(spec.num_layers):
        layer = table[slots.T_FIRST_LAYER] + number * table[slots.T_LAYER_STEP]
        u, lanes = table[layer + slots.L_NOW + slots.S_U], table[layer + slots.L_LANES]
        leave_all_to_a_helper(net, team.FINISH, layer, u, lanes)
    net._head[slots.H_PENDING] = slots.NOTHING
    alone.finish()
    assert not np.array_equal(net.block, before)
    assert np.array_equal(net.block, alone.block)


def test_bad_rows_change_nothing_and_do_no_harm():
    spec = LARGE["sgd"]
    net, alone = with_threads(spec, 2), engine(spec)
    X, Y = stream(spec)[:2]
    for k in range(10):
        before = net.block.copy()
        with pytest.raises(ValueError, match=r"x\[1\] is nan"):
            net.step([0.5, np.nan, 0.5], 1.0)
        with pytest.raises(ValueError, match="row 2"):
            net.run(np.where(np.arange(15).reshape(5, 3) == 8, np.inf, 1.0), np.ones(5))
        with pytest.raises(ValueError, match="weight is 'a'"):
            net.step(X[k], float(Y[k, 0]), "a")
        assert np.array_equal(net.block, before)
        assert np.array_equal(net.step(X[k], Y[k]), alone.step(X[k], Y[k]))
    assert np.array_equal(net.block, alone.block)


def helpers_alive():
    return sum(thread.name.startswith("rtrl-lstm helper") for thread in threading.enumerate())


def wait_for(condition):
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() < begin + 60.0
        time.sleep(0.01)


def test_helpers_sleep_between_calls_and_end_with_their_learner():
    wait_for(lambda: helpers_alive() == 0)
    net = with_threads(LARGE["sgd"], 3)
    assert helpers_alive() == 0  # none before there is something to do
    net.run(*stream(LARGE["sgd"])[:2])
    assert helpers_alive() == 2
    time.sleep(0.2)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.1
    net.threads = 2
    wait_for(lambda: helpers_alive() == 0)
    net.step(np.ones(3), 1.0)
    assert helpers_alive() == 1
    del net
    wait_for(lambda: helpers_alive() == 0)


def test_copies_ask_for_as_many_threads_and_pickles_for_one():
    net = rl.Learner(3, 190, threads=2)
    X, Y = stream(net.spec)[:2]
    net.run(X, Y)
    twins = [copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.frozen()]
    assert [twin.threads for twin in twins] == [2, 2, 1, 2]
    assert np.array_equal(net.predict(X[0]), twins[2].predict(X[0]))
    said = [twin.run(X, Y).tobytes() for twin in [net, *twins[:3]]]
    assert len(set(said)) == 1
    net.grow(Spec(4, 190))
    assert net.threads == 2


def test_files_say_nothing_about_threads(tmp_path):
    X, Y = stream(LARGE["sgd"])[:2]
    for threads in (1, 2):
        net = with_threads(LARGE["sgd"], threads)
        net.run(X, Y)
        net.save(tmp_path / f"{threads}.rtrl")
    assert (tmp_path / "1.rtrl").read_bytes() == (tmp_path / "2.rtrl").read_bytes()
    assert rl.load(tmp_path / "2.rtrl").threads == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_a_forked_process_has_helpers_of_its_own():
    net = with_threads(LARGE["sgd"], 2)
    X, Y = stream(LARGE["sgd"])[:2]
    net.run(X, Y)
    twin = engine(LARGE["sgd"])
    twin.block[:] = net.block
    expected = twin.run(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking where there are threads
        child = os.fork()
    if child == 0:
        signal.alarm(60)
        fine = np.array_equal(net.run(X, Y), expected) and helpers_alive() == 1
        os._exit(0 if fine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert np.array_equal(net.run(X, Y), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_a_fleet_works_on_in_a_forked_process():
    fleet, X = rl.Fleet(Spec(2, 4), 600, threads=2), np.ones((600, 2))
    fleet.step(X, np.ones(600))
    twin = rl.Fleet.of(fleet.spec, fleet.blocks())
    expected = twin.step(X, np.zeros(600))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if np.array_equal(fleet.step(X, np.zeros(600)), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert np.array_equal(fleet.step(X, np.zeros(600)), expected)


def test_a_fleets_helpers_end_with_it():
    wait_for(lambda: helpers_alive() == 0)
    fleet = rl.Fleet(Spec(2, 4), 1000, threads=3)
    fleet.step(np.ones((1000, 2)), np.ones(1000))
    assert helpers_alive() == 2
    del fleet
    wait_for(lambda: helpers_alive() == 0)


def test_where_there_is_nothing_to_share():
    small = rl.Learner(3, 8, threads=4)
    small.run(*stream(small.spec)[:2])
    assert helpers_alive() == 0
    X, Y = stream(Spec(5000, 8), count=5)[:2]  # large by its inputs, but of few units
    said = [rl.Learner(5000, 8, threads=threads).run(X, Y).tobytes() for threads in (1, 2)]
    assert said[0] == said[1]
    for options in ({"rule": "full"}, {"sparse_inputs": True, "optimizer": "sgd"}):
        with pytest.raises(ValueError, match="threads must be 1"):
            rl.Learner(3, 8, threads=2, **options)
    for threads in (0, 1.5, None, True):
        with pytest.raises(ValueError, match="threads must be an integer of at least 1"):
            rl.Learner(3, 8, threads=threads)
        with pytest.raises(ValueError, match="threads"):
            small.threads = threads
    assert small.threads == 4
