"""The combination of the network's forecast with others: kernels against matrices."""

import copy
import dataclasses

import numpy as np
import pytest

import rtrl_lstm as rl
from reference.combination import Combination
from rtrl_lstm.combined import odds_of

OPTIONS = {"hidden_size": 5, "scale_inputs": True, "scale_target": True, "dtype": "float64"}


def series(count, seed=0):
    """Inputs of which 0 and 2 are forecasts of y of a kind, and y with some labels missing."""
    rng = np.random.default_rng(seed)
    level = 50 + np.cumsum(rng.normal(size=count + 1))
    x = np.stack([level[:-1], rng.normal(size=count), level[:-1] + rng.normal(size=count)], 1)
    y = level[1:].copy()
    y[rng.random(count) < 0.1] = np.nan
    return x, y


def spread_of(values):
    return np.std(values) if len(values) > 1 and np.std(values) > 0 else 1.0


@pytest.mark.parametrize(("clip", "inner"), [(None, ()), (rl.ClipCredit(0.5), (0,))])
@pytest.mark.parametrize("horizon", [0, 1, 4])
@pytest.mark.parametrize("begins", [(0.0, 0.0, 1.0, 0.0), (0.1, -3.0, 4.0, 5.0)])
def test_kernels_agree_with_matrices(horizon, clip, inner, begins):
    """The plain network is run beside: the combination changes nothing in what it learns."""
    x, y = series(300)
    weights = np.random.default_rng(1).uniform(0.0, 2.0, len(y))
    kind = rl.Learner if horizon == 0 else lambda **o: rl.Forecaster(horizon, **o)
    combined = kind(input_size=3, combine_with=(2, 0), combine_inner=inner, clip=clip, **OPTIONS)
    combined.layout.write(combined.block, "combination", np.array(begins))
    found = combined.run(x, y, weights)[:, 0]
    y_net = kind(input_size=3, clip=clip, **OPTIONS).run(x, y, weights)[:, 0]
    twin = Combination(2, clip and clip.limit, 1 if inner else None, horizon)
    twin.w = np.array(begins)
    known, seen = [], []  # labels; how many of them there were at each forecast
    squares = []  # what least squares alone said
    for t in range(len(y)):
        seen.append(len(known))
        if horizon == 0:
            mean, spread = np.mean(known) if known else 0.0, spread_of(known)
            expected, alone = twin.forecast(y_net[t], x[t, [2, 0]], mean, spread)
            squares.append(alone)
        if not np.isnan(y[t]):
            known.append(y[t])
            seen[t] += horizon > 0
        mean, spread = np.mean(known) if known else 0.0, spread_of(known)
        made = t - horizon
        if not np.isnan(y[t]) and made >= 0 and seen[made] > 0:
            others = x[made, [2, 0]]
            twin.learn(y[t], squares[made], y_net[made], others, mean, spread, weights[t])
        if horizon:
            expected, alone = twin.forecast(y_net[t], x[t, [2, 0]], mean, spread)
            squares.append(alone)
        assert found[t] == pytest.approx(expected, rel=1e-9)
    assert twin.bounded or begins[3] == 0.0
    np.testing.assert_allclose(combined.array("combination")[0], twin.w, rtol=1e-8)
    averaged = twin.shares > 0
    losses = combined.array("combination.losses")[0]
    np.testing.assert_allclose(losses[averaged, :2], twin.losses[averaged], rtol=1e-8)
    assert (losses[averaged, 2] == twin.labels).all()
    assert (losses[~averaged] == [0.0, 0.0, -1.0]).all()
    given, y_net = combined.combination(), 51.0
    assert given["inputs"][0, 1] == 0.0
    z, u = (y_net - mean) / spread, (x[-1] - mean) / spread
    known = np.array([0.0, z, *u[[0, 2]]])
    said = given["bias"] + given["network"] * z + given["inputs"] @ u
    said = np.clip(said, known.min() - np.ptp(known) / 2, known.max() + np.ptp(known) / 2)
    mixed = given["squares"] * said + given["alone"] @ u
    said = (mixed + given["first"] * u[2]) / (1.0 + given["first"] + given["mean"])
    expected, _ = twin.forecast(y_net, x[-1, [2, 0]], mean, spread)
    assert mean + spread * said == pytest.approx([expected], rel=1e-9)


class Several:
    """A combination for each output, by the single one's twin."""

    def __init__(self, inputs, limit, every_step, horizon):
        self.inputs, self.every_step, self.horizon = inputs, every_step, horizon
        self.twins = [
            Combination(len(one), limit, ahead=k + 1 if every_step else horizon)
            for k, one in enumerate(inputs)
        ]
        self.made, self.known = [], [[] for _ in inputs]

    def learn(self, t, label, begun_at):
        """The label (O,) of row t, in a sequence that began at some row."""
        for k, twin in enumerate(self.twins):
            y = label[-1] if self.every_step else label[k]
            if np.isnan(y):
                continue
            self.known[k].append(y)
            made = t - (k + 1 if self.every_step else self.horizon)
            if made >= begun_at and self.made[made][k] is not None:
                alone, y_net, others = self.made[made][k]
                twin.learn(y, alone, y_net, others, *self.scale(k))

    def forecast(self, x, y_net):
        said, kept = [], []
        for k, twin in enumerate(self.twins):
            others = x[list(self.inputs[k])]
            expected, alone = twin.forecast(y_net[k], others, *self.scale(k))
            said.append(expected)
            kept.append((alone, y_net[k], others) if self.known[k] else None)
        self.made.append(kept)
        return said

    def scale(self, k):
        known = self.known[k]
        return (np.mean(known) if known else 0.0), spread_of(known)


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("clip", [None, rl.ClipCredit(0.5)])
def test_each_output_has_a_combination_of_its_own(every_step, clip):
    x, y = series(300)
    horizon, inputs = 3, ((2, 0), (0, 1), (1, 2))
    if every_step:
        padded = np.concatenate((np.full(horizon - 1, np.nan), y))
        labels = np.lib.stride_tricks.sliding_window_view(padded, horizon)
    else:
        labels = np.column_stack((y, -2 * y, np.roll(y, 1)))
    begins = np.zeros(len(y), bool)
    begins[[100, 102, 200]] = True
    more = {"output_size": 3, "clip": clip, "every_step": every_step, **OPTIONS}
    combined = rl.Forecaster(horizon, 3, combine_with=inputs, **more)
    found = combined.run(x, labels, reset=begins)
    y_net = rl.Forecaster(horizon, 3, **more).run(x, labels, reset=begins)
    twin, begun_at = Several(inputs, clip and clip.limit, every_step, horizon), 0
    for t in range(len(y)):
        begun_at = t if begins[t] else begun_at
        twin.learn(t, labels[t], begun_at)
        assert found[t] == pytest.approx(twin.forecast(x[t], y_net[t]), rel=1e-9)
    weights = np.array([one.w for one in twin.twins])
    np.testing.assert_allclose(combined.array("combination"), weights, rtol=1e-8)


def test_several_outputs_learn_at_once():
    x, y = series(200)
    labels = np.column_stack((y, y - x[:, 1]))
    net = rl.Learner(3, output_size=2, combine_with=((2, 0), (0, 1)), **OPTIONS)
    plain = rl.Learner(3, output_size=2, **OPTIONS)
    found, y_net = net.run(x, labels), plain.run(x, labels)
    twin = Several(((2, 0), (0, 1)), None, False, 0)
    for t in range(len(y)):
        assert found[t] == pytest.approx(twin.forecast(x[t], y_net[t]), rel=1e-9)
        # The label's own scale is that with it.
        twin.learn(t, labels[t], 0)


@pytest.mark.parametrize("hours", [1200, 5000])
def test_where_who_was_best_is_the_worst_next_the_last_value_stays(hours):
    """A leak begins or ends, and the value a day ago is wrong for a day, or that a week ago is."""
    rng = np.random.default_rng(2)
    begun = np.repeat(np.arange(600) % 2, rng.integers(12, 120, 600))[: hours + 168]
    flow = 50 + rng.normal(size=hours + 168) + 20 * begun
    y, x = flow[168:], np.column_stack((flow[168:], flow[24 : 24 + hours]))
    net = rl.Forecaster(24, 2, combine_with=(0, 1), hidden_size=2, scale_target=True)
    without = copy.deepcopy(net)
    settled = without.array("combination.advantage")
    settled[...] = [1e100, 1.0, 0.0, 0.0]  # the mixture has proved better for ever
    without.layout.write(without.block, "combination.advantage", settled)
    error, alone = (np.abs(n.run(x, y)[:-24, 0] - y[24:]).mean() for n in (net, without))
    last = np.abs(y[:-24] - y[24:]).mean()
    assert error < (1.06 if hours == 1200 else 1.02) * last
    assert alone > 1.1 * last


@pytest.mark.parametrize("horizon", [10, 50])
def test_what_stood_still_does_not_send_it_astray(horizon):
    """A sensor says the same for long, and then something else."""
    y = np.r_[np.full(2000, 10.0), np.full(200, 36.0)]
    said = np.array(rl.Model("y", horizon=horizon).run({"y": value} for value in y), float)
    ours, last = (np.abs(one[:-horizon] - y[horizon:]).sum() for one in (said, y))
    assert ours < 1.4 * last
    assert said.min() > 9.0
    assert said.max() < 37.0


def test_where_the_mixture_is_better_it_is_left_alone():
    x, y = series(500)
    x[:, 2] = np.where(np.isnan(y), 50.0, y)  # knows what will come
    net = rl.Learner(3, combine_with=(0, 2), **OPTIONS)
    said = net.run(x, y)[:, 0]
    assert odds_of(net.array("combination.advantage")).max() < 1e-12
    assert np.nanmax(np.abs(said - y)[-100:]) < 0.01


def test_an_input_without_a_share_of_its_own_has_none_here():
    x, y = series(100)
    net = rl.Learner(3, combine_with=(0, 2), combine_inner=(0,), **OPTIONS)
    net.run(x, y)
    assert not net.array("combination.advantage").any()


def test_before_any_label_the_first_forecast_is_given():
    net = rl.Learner(3, combine_with=(2, 0), **OPTIONS)
    assert net.step([1.0, 2.0, 7.0]) == pytest.approx([7.0])


def test_what_was_said_before_any_label_teaches_nothing():
    """The network has no unit yet: beside labels of 1e6 what it says is far off."""
    net = rl.Learner(3, combine_with=(2, 0), **OPTIONS)
    before = net.combination()
    net.step([1.0, 2.0, 7.0], 1e6)
    assert all((net.combination()[name] == before[name]).all() for name in before)


def test_a_forecast_that_comes_up_learns_nothing_from_the_rows_before_it():
    x, y = series(60)
    x, y = 1e6 + x, np.where(np.isnan(y), 50.0, y) + 1e6
    net = rl.Forecaster(3, input_size=2, combine_with=(0,), **OPTIONS)
    net.run(x[:40, :2], y[:40])
    before = net.combination()["inputs"][0, 0]
    net.grow(dataclasses.replace(net.spec, input_size=3, combine_with=(0, 2)))
    assert net.combination()["inputs"].tolist() == [[before, 0.0, 0.0]]
    np.testing.assert_array_equal(  # all are open to change once more
        net.array("combination.covariance")[0], np.diag([0.001, 0.1, 1.0, 1.0])
    )
    net.run(x[40:43], y[40:43])
    assert net.combination()["inputs"][0, 2] == 0.0
    net.run(x[43:60], y[43:60])
    assert abs(net.array("combination")[0, 3]) > 0.1


def test_a_pair_that_straddles_a_reset_teaches_nothing():
    x, y = series(40)
    net = rl.Forecaster(3, input_size=3, combine_with=(0,), **OPTIONS)
    net.run(x[:20], y[:20])
    before = net.combination()
    net.reset()
    net.run(x[20:23], y[20:23])
    after = net.combination()
    assert all((after[name] == before[name]).all() for name in before)
    net.run(x[23:24], np.array([60.0]))
    assert (net.combination()["inputs"] != before["inputs"]).any()


def test_the_network_does_not_see_what_is_only_combined():
    x, y = series(100)
    blind = rl.Learner(3, combine_with=(0, 2), combine_only=(2,), **OPTIONS)
    other = copy.deepcopy(blind)
    moved = x.copy()
    moved[:, 2] += 10.0
    blind.run(x, y)
    other.run(moved, y)
    for name, values in blind.state_dict().items():
        np.testing.assert_array_equal(values, other.state_dict()[name])
    assert (blind.combination()["bias"] != other.combination()["bias"]).all()


@pytest.mark.parametrize(
    "options",
    [
        {"combine_with": (0,), "combine_only": (1,)},
        {"combine_with": (0,), "combine_inner": (1,)},
        {"combine_with": (3,)},
        {"combine_with": (0, 0)},
        {"combine_with": (0,), "scale_target": False},
        {"combine_with": (0,), "loss": "huber"},
        {"combine_with": (0,), "output_size": 2},
        {"combine_with": (0, 1), "output_size": 2},
        {"combine_with": ((0,), (1, 2)), "output_size": 2},
        {"combine_with": ((0,), ()), "output_size": 2},
        {"combine_with": ((0,), (1,)), "output_size": 3},
        {"combine_with": ((0,), 1), "output_size": 2},
    ],
)
def test_what_cannot_be_combined_is_refused(options):
    with pytest.raises(ValueError, match="combine_"):
        rl.Learner(3, **{**OPTIONS, **options})


@pytest.mark.parametrize("kind", ["waves", "walk", "still", "steps"])
def test_it_stays_what_it_is_over_a_hundred_thousand_labels(kind):
    rng, times = np.random.default_rng(0), 100_000
    y = {
        "waves": np.sin(np.arange(times) / 7) + 0.1 * rng.normal(size=times),
        "walk": np.cumsum(rng.normal(size=times)),
        "still": np.where(np.arange(times) % 1000 < 3, rng.normal(size=times), 5.0),
        "steps": np.repeat(rng.normal(size=times // 500), 500) * 1e6,
    }[kind]
    X = np.column_stack([y, np.roll(y, 24)])
    net = rl.Forecaster(1, 2, hidden_size=2, combine_with=(0, 1), scale_target=True)
    off = np.abs(net.run(X, y)[:-1, 0] - y[1:])
    naive = np.abs(y[:-1] - y[1:])
    assert off[-50_000:].mean() < naive[-50_000:].mean() + 0.1 * y.std()
    covariance = net.array("combination.covariance")[0]
    assert np.array_equal(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9 * np.trace(covariance)
