"""What a Learner takes, and what it refuses: one clear line, and nothing has changed."""

import numpy as np
import pytest
from streams import rows

import rtrl_lstm as rl


def numbers(net):
    """All bytes of a learner."""
    return net.block.tobytes()


@pytest.fixture(name="net")
def a_learner():
    net = rl.Learner(3, 6, 2, scale_inputs=True, scale_target=True)
    X, Y = rows(net.spec, 10)
    net.run(X, Y)
    return net


@pytest.mark.parametrize(
    "take",
    [
        lambda X: X.tolist(),
        lambda X: X.astype(np.float64),
        lambda X: np.asfortranarray(X),
        lambda X: np.repeat(X, 2, axis=0)[::2],
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X[::-1].copy()[::-1],
    ],
    ids=["lists", "float64", "fortran", "every-other-row", "every-other-column", "backwards"],
)
def test_any_array_of_the_same_numbers(take):
    """Sixteenths: exact in every form. The caller's arrays are not written to."""
    rng = np.random.default_rng(0)
    X = (rng.integers(-32, 32, (20, 3)) / 16).astype(np.float32)
    Y = (rng.integers(-32, 32, (20, 2)) / 16).astype(np.float32)
    expected = rl.Learner(3, 6, 2).run(X, Y)
    given_x, given_y = take(X), take(Y)
    np.testing.assert_array_equal(rl.Learner(3, 6, 2).run(given_x, given_y), expected)
    one_by_one = rl.Learner(3, 6, 2)
    said = [one_by_one.step(x, y) for x, y in zip(given_x, given_y, strict=True)]
    np.testing.assert_array_equal(said, expected)
    np.testing.assert_array_equal(np.array(given_x), X)
    np.testing.assert_array_equal(np.array(given_y), Y)


def test_integers_and_read_only_arrays():
    X, Y = np.arange(12).reshape(4, 3), np.arange(4)
    expected = rl.Learner(3, 6).run(X.astype(float), Y.astype(float))
    X.setflags(write=False)
    np.testing.assert_array_equal(rl.Learner(3, 6).run(X, Y), expected)
    floats = X.astype(np.float32)
    floats.setflags(write=False)
    np.testing.assert_array_equal(rl.Learner(3, 6).run(floats, Y), expected)
    net = rl.Learner(3, 6)
    np.testing.assert_array_equal(
        [net.step(x, y) for x, y in zip(floats, Y, strict=True)], expected
    )


@pytest.mark.parametrize("y", [0.5, np.float32(0.5), np.array(0.5), [0.5], np.array([0.5]), (0.5,)])
def test_any_form_of_one_label(y):
    expected, net = rl.Learner(2, 4), rl.Learner(2, 4)
    expected.step([1.0, 2.0], np.array([0.5]))
    net.step([1.0, 2.0], y)
    np.testing.assert_array_equal(net.step([0.0, 1.0]), expected.step([0.0, 1.0]))
    assert net.labels == 1


@pytest.mark.parametrize("x", [np.zeros(3), [0.0, 0.0, 0.0]], ids=["array", "list"])
def test_a_label_that_is_a_whole_number(x):
    expected, net = rl.Learner(3, 4), rl.Learner(3, 4)
    for _ in range(3):  # the first rows take the long way
        np.testing.assert_array_equal(net.step(x, 2), expected.step(np.zeros(3), [2.0]))
    before = numbers(net)
    with pytest.raises(ValueError, match="y must be numbers: int too large"):
        net.step(x, 10**400)
    assert numbers(net) == before


def test_one_column_may_be_flat():
    X, Y = np.linspace(0, 1, 9), np.linspace(1, 2, 9)
    expected = rl.Learner(1, 4).run(X[:, np.newaxis], Y[:, np.newaxis])
    np.testing.assert_array_equal(rl.Learner(1, 4).run(X, Y), expected)


def test_no_rows(net):
    before = numbers(net)
    assert net.run(np.empty((0, 3)), np.empty((0, 2))).shape == (0, 2)
    assert numbers(net) == before


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 2])
def test_a_bad_input_names_its_column_and_row(net, bad, column):
    before = numbers(net)
    x = np.zeros(3)
    x[column] = bad
    for call in (net.step, net.predict):
        with pytest.raises(ValueError, match=rf"x\[{column}\] is {bad}"):
            call(x)
        assert numbers(net) == before
    X = np.zeros((7, 3))
    X[5, column] = bad
    with pytest.raises(ValueError, match=rf"x\[{column}\] is {bad} in row 5"):
        net.run(X, np.zeros((7, 2)))
    assert numbers(net) == before


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_an_infinite_label(net, bad):
    before = numbers(net)
    with pytest.raises(ValueError, match=rf"y\[1\] is {bad}"):
        net.step(np.zeros(3), [0.0, bad])
    Y = np.zeros((7, 2))
    Y[4, 1] = bad
    with pytest.raises(ValueError, match=rf"y\[1\] is {bad} in row 4"):
        net.run(np.zeros((7, 3)), Y)
    assert numbers(net) == before
    net.step(np.zeros(3))
    waiting = numbers(net)
    with pytest.raises(ValueError, match=rf"y\[1\] is {bad}"):
        net.learn([0.0, bad])
    assert numbers(net) == waiting
    net.learn([0.0, 0.0])  # the label may still come


@pytest.mark.parametrize(
    ("loss", "y", "wanted"),
    [
        ("cross_entropy", 3, "class index from 0 to 2"),
        ("cross_entropy", -1, "class index"),
        ("cross_entropy", 0.5, "class index"),
        ("cross_entropy", np.inf, "class index"),
        ("log_loss", [0.0, 1.5, 0.0], "between 0 and 1"),
        ("log_loss", [0.0, -0.1, 0.0], "between 0 and 1"),
        ("poisson", [0.0, -1.0, 2.0], "not negative"),
        ("poisson", [0.0, np.inf, 2.0], "not negative"),
    ],
)
def test_a_label_that_the_loss_does_not_take(loss, y, wanted):
    net = rl.Learner(2, 4, 3, loss=loss)
    net.step([0.0, 1.0])
    before = numbers(net)
    for call in (lambda: net.step([0.0, 1.0], y), lambda: net.learn(y)):
        with pytest.raises(ValueError, match=wanted):
            call()
        assert numbers(net) == before
    with pytest.raises(ValueError, match=f"{wanted}.*|in row 1.*{wanted}"):
        net.run(np.zeros((2, 2)), np.array([np.full_like(y, np.nan, dtype=float), y]))
    assert numbers(net) == before


def test_what_is_masked_is_missing():
    """A masked array's data is what lies under the mask: not to be learned from."""
    X, Y = np.ones((4, 2)), np.array([1.0, 999.0, 3.0, np.nan])
    expected = rl.Learner(2, 4).run(X, [1.0, None, 3.0, None])
    np.testing.assert_array_equal(
        rl.Learner(2, 4).run(X, np.ma.masked_array(Y, Y == 999.0)), expected
    )
    with pytest.raises(ValueError, match=r"x\[1\] is nan in row 2"):
        rl.Learner(2, 4).run(np.ma.masked_array(X, [[0, 0], [0, 0], [0, 1], [0, 0]]))


@pytest.mark.parametrize(
    "bad",
    [
        ["a", "b", "c"],
        ["1", "2", "3"],
        [1.0, None, "2"],
        np.array([b"1", b"2", b"3"]),
        [1j, 2j, 3j],
        np.array(["2020-01-01"] * 3, "datetime64[s]"),
        [object(), 1.0, 2.0],
        [1.0, [2.0, 3.0], 4.0],
        (x for x in "abc"),
    ],
    ids=["text", "digits", "mixed", "bytes", "complex", "dates", "object", "ragged", "generator"],
)
def test_what_holds_no_numbers(net, bad):
    net.finish()
    before = numbers(net)
    for call, name in (
        (lambda: net.step(bad, np.zeros(2)), "x"),
        (lambda: net.step(np.zeros(3), bad), "y"),
        (lambda: net.run(bad), "X"),
        (lambda: net.run(np.zeros((3, 3)), bad), "Y"),
        (lambda: net.run(np.zeros((3, 3)), weight=bad), "weight"),
        (lambda: net.load_state_dict(net.state_dict() | {"readout.bias": bad}), "readout.bias"),
    ):
        with pytest.raises(ValueError, match=f"{name} must be numbers: "):
            call()
        assert numbers(net) == before


def test_parameters_beyond_the_dtype(net):
    net.finish()
    before = numbers(net)
    big = net.state_dict()["readout.bias"].astype(np.float64) + 1e300
    with pytest.raises(ValueError, match=r"readout.bias .* not finite in float32"):
        net.load_state_dict(net.state_dict() | {"readout.bias": big})
    with pytest.raises(TypeError, match="a dict of arrays"):
        net.load_state_dict(None)
    assert numbers(net) == before


@pytest.mark.parametrize("weight", [None, "heavy", "1", b"1", [1.0]], ids=repr)
@pytest.mark.parametrize("x", [np.zeros(3), [0.0, 0.0, 0.0]], ids=["array", "list"])
def test_a_weight_that_is_no_number(x, weight):
    net = rl.Learner(3, 4)
    net.step(np.zeros(3), 1.0)  # the kernel is there: rows may take the short way
    before = numbers(net)
    with pytest.raises(ValueError, match="it must be a number"):
        net.step(x, 1.0, weight)
    net.step(x)
    waiting = numbers(net)
    with pytest.raises(ValueError, match="it must be a number"):
        net.learn(1.0, weight)
    assert numbers(net) == waiting != before


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_a_weight_that_is_none(net, weight):
    before = numbers(net)
    with pytest.raises(ValueError, match="weight"):
        net.step(np.zeros(3), np.zeros(2), weight)
    with pytest.raises(ValueError, match=r"weight.*row 2"):
        net.run(np.zeros((3, 3)), np.zeros((3, 2)), weight=[1.0, 1.0, weight])
    assert numbers(net) == before


@pytest.mark.parametrize(
    "call",
    [
        lambda net: net.step(np.zeros(2)),
        lambda net: net.step(np.zeros((1, 3))),
        lambda net: net.step(0.0),
        lambda net: net.step(np.zeros(3), np.zeros(3)),
        lambda net: net.step(np.zeros(3), 0.0),
        lambda net: net.predict(np.zeros(4)),
        lambda net: net.run(np.zeros((4, 2))),
        lambda net: net.run(np.zeros(3)),
        lambda net: net.run(np.zeros((4, 3)), np.zeros((4, 3))),
        lambda net: net.run(np.zeros((4, 3)), np.zeros((3, 2))),
        lambda net: net.run(np.zeros((4, 3)), np.zeros(4)),
        lambda net: net.run(np.zeros((4, 3)), np.zeros((4, 2)), weight=np.ones(3)),
        lambda net: net.run(np.zeros((4, 3)), np.zeros((4, 2)), reset=np.zeros(5, bool)),
        lambda net: net.set_array("layer0.i.weight", np.zeros(10)),
        lambda net: net.set_array("layer0.h", 0.0),
        lambda net: net.load_state_dict({}),
        lambda net: net.load_state_dict(net.state_dict() | {"readout.weight": np.zeros((1, 6))}),
        lambda net: net.load_state_dict(net.state_dict() | {"bias_ih_l1": np.zeros(24)}),
    ],
)
def test_a_shape_that_does_not_fit(net, call):
    before = numbers(net.frozen())
    with pytest.raises(ValueError, match=r"shape|state_dict"):
        call(net)
    assert numbers(net.frozen()) == before


def test_a_label_with_no_step_that_waits_for_it():
    net = rl.Learner(2, 4)
    with pytest.raises(RuntimeError, match="learn"):
        net.learn(0.5)  # before any step
    net.step([0.0, 1.0])
    net.learn(0.5)
    with pytest.raises(RuntimeError, match="learn"):
        net.learn(0.5)  # twice
    net.step([0.0, 1.0], 0.5)
    with pytest.raises(RuntimeError, match="learn"):
        net.learn(0.5)  # the step had its label
    net.step([0.0, 1.0])
    net.reset()
    with pytest.raises(RuntimeError, match="learn"):
        net.learn(0.5)  # the sequence it belonged to is over
    assert net.labels == 2


@pytest.mark.parametrize("rate", [-1.0, np.nan, np.inf, None, "fast", True])
def test_a_learning_rate_that_is_none(net, rate):
    with pytest.raises(ValueError, match="learning_rate"):
        net.learning_rate = rate
    assert net.learning_rate == 1e-3
