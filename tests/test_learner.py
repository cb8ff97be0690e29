"""What a Learner promises, whatever its kernels do: its order of things, and exact resuming."""

import copy
import pickle
import threading

import numpy as np
import pytest
from pair import engine
from streams import SPECS, beginnings, rows, stream

import rtrl_lstm as rl
from rtrl_lstm.spec import Spec

T = 60


@pytest.fixture(params=SPECS, name="spec")
def every_spec(request):
    return SPECS[request.param]


def step_through(net, X, Y, weights, begins):
    """The rows one by one: (rows, O)."""
    said = []
    for x, y, weight, begin in zip(X, Y, weights, begins, strict=True):
        if begin:
            net.reset()
        said.append(net.step(x, y, weight))
    return np.array(said).reshape(len(X), net.spec.output_size)


def numbers(net):
    """All numbers of a learner, with nothing left pending, as bytes."""
    finished = copy.copy(net)
    finished.finish()
    return finished.block.tobytes()


def test_output_is_fresh_of_the_learners_dtype(spec):
    X, Y, _, _ = stream(spec)
    net = engine(spec)
    first = net.step(X[0], Y[0])
    kept = first.copy()
    second = net.step(X[1], Y[1])
    assert first.shape == (spec.output_size,)
    assert first.dtype == spec.dtype == second.dtype
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)
    first[:] = np.nan
    assert np.isfinite(net.step(X[2])).all()


def test_run_is_step(spec):
    rows_of_stream = stream(spec)
    by_step, by_run = engine(spec), engine(spec)
    expected = step_through(by_step, *rows_of_stream)
    got = by_run.run(*rows_of_stream)
    np.testing.assert_array_equal(got, expected, strict=True)
    assert numbers(by_run) == numbers(by_step)
    assert np.ptp(expected) > 0


def test_what_was_said_stays():
    """The room for forecasts is made for many: none is ever written over, nor its place told twice.

    Between the steps come all that uses other room, rows that are refused, and steps from lists.
    """
    spec = Spec(3, 9)
    net, by_lists = engine(spec), engine(spec)
    X, Y = rows(spec, 1500, unlabelled=0.0)
    said, kept = [], []
    for t, (x, y) in enumerate(zip(X, Y, strict=True)):
        said.append(net.step(x, y[0]))
        kept.append(said[-1].copy())
        np.testing.assert_array_equal(said[-1], by_lists.step(x.tolist(), float(y[0])))
        if t % 7 == 0:
            with pytest.raises(ValueError, match=r"y\[0\] is inf"):
                net.step(x, np.inf)
        if t % 50 == 0:
            net.predict(x)
            said.append(net.run(x[None], y[None])[0])
            kept.append(said[-1].copy())
            by_lists.step(x.tolist(), float(y[0]))
    assert len({one.ctypes.data for one in said}) == len(said)
    np.testing.assert_array_equal(np.array(said), np.array(kept))


def test_run_is_step_where_one_call_of_the_kernel_ends():
    """Long arrays go through the kernel in several calls, so that Ctrl-C is heard."""
    spec, count = Spec(2, 3, dtype="float64"), 8200
    X, Y = rows(spec, count)
    begins = beginnings(count, every=500)
    by_step = engine(spec)
    expected = step_through(by_step, X, Y, np.ones(count), begins)
    np.testing.assert_array_equal(engine(spec).run(X, Y, reset=begins), expected)


@pytest.mark.parametrize("cuts", [(1,), (30,), (0, 0, 7, 8, 9), (1, 2, 3, 58, 59), (60,)])
def test_any_chunking_gives_the_same_bits(spec, cuts):
    X, Y, weights, begins = stream(spec)
    whole, chunked = engine(spec), engine(spec)
    expected = whole.run(X, Y, weights, begins)
    parts = [
        chunked.run(*(a[start:stop] for a in (X, Y, weights, begins)))
        for start, stop in zip((0, *cuts), (*cuts, T), strict=True)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), expected, strict=True)
    assert numbers(chunked) == numbers(whole)


def via_file(net, folder):
    net.save(folder / "copy.rtrl")
    return rl.load(folder / "copy.rtrl")


@pytest.mark.parametrize(
    "duplicate",
    [
        via_file,
        lambda net, _: pickle.loads(pickle.dumps(net)),
        lambda net, _: copy.deepcopy(net),
        lambda net, _: copy.copy(net),
    ],
    ids=["file", "pickle", "deepcopy", "copy"],
)
def test_a_copy_in_mid_stream_goes_on_alike(spec, duplicate, tmp_path):
    X, Y, weights, begins = stream(spec)
    net = engine(spec)
    net.learning_rate = 0.02
    net.run(X[:40], Y[:40], weights[:40], begins[:40])
    other = duplicate(net, tmp_path)
    before = numbers(other)
    rest = [a[40:] for a in (X, Y, weights, begins)]
    expected = net.run(*rest)
    assert numbers(other) == before, "the copy moved with the original"
    assert other.learning_rate == 0.02
    np.testing.assert_array_equal(other.run(*rest), expected, strict=True)
    assert numbers(other) == numbers(net)


def test_a_copy_between_a_step_and_its_label(spec, tmp_path):
    X, Y, _, _ = stream(spec, seed=2)
    Y = np.nan_to_num(Y, nan=1.0)
    net = engine(spec)
    net.run(X[:20], Y[:20])
    net.step(X[20])
    other = via_file(net, tmp_path)
    for learner in (net, other):
        learner.learn(Y[20])
    np.testing.assert_array_equal(other.run(X[21:], Y[21:]), net.run(X[21:], Y[21:]), strict=True)


def test_predict_says_what_step_says_and_changes_nothing(spec):
    X, Y, weights, begins = stream(spec)
    net, undisturbed = engine(spec), engine(spec)
    for t in range(T):
        if begins[t]:
            net.reset()
            undisturbed.reset()
        before = net.block.tobytes()
        net.predict(X[(t + 7) % T])
        said = net.predict(X[t])
        assert net.block.tobytes() == before
        np.testing.assert_array_equal(net.step(X[t], Y[t], weights[t]), said, strict=True)
        undisturbed.step(X[t], Y[t], weights[t])
    assert numbers(net) == numbers(undisturbed)


def test_prediction_comes_before_learning(spec):
    """What is said at a row does not depend on its label; what is said later does."""
    X, Y, _, _ = stream(spec)
    Y = np.nan_to_num(Y, nan=1.0)
    one, other = engine(spec), engine(spec)
    one.run(X[:10], Y[:10])
    other.run(X[:10], Y[:10])
    high, low = (1, 0) if spec.loss == "cross_entropy" else (100.0, -100.0)
    label = np.ones_like(Y[10])
    np.testing.assert_array_equal(one.step(X[10], high * label), other.step(X[10], low * label))
    if spec.update == "sequence":
        one.reset()
        other.reset()
    assert np.any(one.step(X[11]) != other.step(X[11]))


def test_learning_late_is_step_with_a_label(spec):
    X, Y, weights, begins = stream(spec)
    late, at_once = engine(spec), engine(spec)
    for t in range(T):
        if begins[t]:
            late.reset()
            at_once.reset()
        expected = at_once.step(X[t], Y[t], weights[t])
        np.testing.assert_array_equal(late.step(X[t]), expected, strict=True)
        late.predict(X[t])  # looking ahead in between is no harm
        late.learn(Y[t], weights[t])
        assert numbers(late) == numbers(at_once)


def test_learning_late_after_the_traces_were_brought_up_to_date(spec):
    """Reading numbers between a step and its label finishes the step: what it teaches stays."""
    X, Y, weights, _ = stream(spec)
    late, at_once = engine(spec), engine(spec)
    for x, y, weight in zip(X, Y, weights, strict=True):
        at_once.step(x, y, weight)
        late.step(x)
        late.state_dict()
        late.learn(y, weight)
        assert numbers(late) == numbers(at_once)


def test_reading_numbers_changes_nothing_that_follows(spec):
    X, Y, weights, begins = stream(spec)
    read, unread = engine(spec), engine(spec)
    for t in range(T):
        if begins[t]:
            read.reset()
            unread.reset()
        expected = unread.step(X[t], Y[t], weights[t])
        np.testing.assert_array_equal(read.step(X[t], Y[t], weights[t]), expected)
        read.state_dict(), read.state(), read.scaling(), repr(read)
    assert numbers(read) == numbers(unread)


@pytest.mark.parametrize("nothing", [None, np.nan], ids=["None", "NaN"])
def test_a_row_without_a_label_leaves_the_weights(spec, nothing):
    X, Y, _, _ = stream(spec)
    net = engine(spec)
    net.run(X[:20], Y[:20])
    if spec.update == "sequence":
        net.reset()  # what was gathered is applied
    before = net.state_dict()
    y = None if nothing is None else np.full_like(Y[0], nothing)
    said = [net.step(x, y) for x in X[20:30]]
    for name, values in net.state_dict().items():
        np.testing.assert_array_equal(values, before[name], err_msg=name)
    assert np.ptp(said, axis=0).min() > 0
    if spec.update == "sequence":
        net.reset()
        np.testing.assert_array_equal(net.state_dict()["readout.weight"], before["readout.weight"])


def test_a_masked_output_is_not_learned():
    """With an optimiser that remembers nothing, a masked output's own weights stay as they are."""
    X, Y = rows(Spec(3, 6, 2), T)
    Y[:, 0] = np.nan
    net = rl.Learner(3, 6, 2, optimizer="sgd", shortcuts=True)
    before = net.state_dict()
    net.run(X, Y)
    after = net.state_dict()
    for name in ("readout.weight", "readout.bias", "readout.shortcut"):
        np.testing.assert_array_equal(after[name][0], before[name][0], err_msg=name)
        assert np.all(after[name][1] != before[name][1]), name


def test_reset_starts_a_new_sequence(spec):
    """After a reset a learner says what one says that never saw the rows before it."""
    X, Y, _, _ = stream(spec)
    net = engine(spec)
    net.run(X[:30], Y[:30])
    net.reset()
    assert not any(values.any() for values in net.state().values())
    fresh = engine(spec)
    fresh.load_state_dict(net.state_dict())
    if not any(spec.scaled_inputs):  # whose statistics outlive a reset
        np.testing.assert_array_equal(net.run(X[30:]), fresh.run(X[30:]))


def test_two_learners_in_two_threads():
    spec = SPECS["plain"]
    X, Y = rows(spec, 20_000)
    expected = engine(spec).run(X, Y)
    said = [None, None]

    def work(k):
        said[k] = engine(spec).run(X, Y)

    threads = [threading.Thread(target=work, args=(k,)) for k in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for forecasts in said:
        np.testing.assert_array_equal(forecasts, expected)


def test_learns_a_lag():
    """A check that the whole does what it is for: the input of two rows ago.

    Most initial weights lead there, not all.
    """
    X = np.random.default_rng(0).normal(size=(20_000, 1)).astype(np.float32)
    Y = np.roll(X, 2, axis=0)
    errors = []
    for seed in range(5):
        net = rl.Learner(1, 12, 1, learning_rate=1e-2, seed=seed)
        errors.append((net.run(X, Y) - Y) ** 2)
    assert np.median([error[:200].mean() for error in errors]) > 0.5
    assert np.median([error[-2000:].mean() for error in errors]) < 0.2
