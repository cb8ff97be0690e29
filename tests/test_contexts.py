"""Contexts of labels: kernels against lists, and what a model does with them."""

import copy
import dataclasses

import numpy as np
import pytest
from command_line import run
from pair import engine, engine_numbers, load_twin, twin

import rtrl_lstm as rl
from benchmarks.realdata import swap
from reference.contexts import Contexts
from rtrl_lstm import export

CLASSES = 5
LOSSES = {
    "cross_entropy": {"loss": "cross_entropy", "output_size": CLASSES},
    "log_loss": {"loss": "log_loss", "output_size": 1},
}


def spec_of(loss="cross_entropy", **options):
    options = {"dtype": "float64", "learning_rate": 1e-2, "seed": 1, "contexts": True} | options
    return rl.Spec(2, 4, **LOSSES[loss], **options)


def stream(count, classes=CLASSES, seed=0):
    """Inputs that mean nothing, labels of a pattern with faults and gaps, weights, beginnings."""
    rng = np.random.default_rng(seed)
    pattern = rng.integers(classes, size=11)
    y = pattern[np.arange(count) % 11].astype(float)
    faulty = rng.random(count) < 0.15
    y[faulty] = rng.integers(classes, size=faulty.sum())
    y[rng.random(count) < 0.05] = np.nan
    weight = np.where(rng.random(count) < 0.05, 0.0, rng.uniform(0.5, 2.0, count))
    return rng.normal(size=(count, 2)), y, weight, rng.random(count) < 0.01


def probabilities(said):
    return np.array([1 - said[0], said[0]]) if len(said) == 1 else np.asarray(said)


class Captured:
    """What a naive learner says of the rows whose labels it learns."""

    def __init__(self, learner):
        self.learner, self._learn, self.said = learner, learner.learn, None
        learner.learn = self.learn

    def learn(self, state, row, y, weight=1.0):
        self.said = probabilities(self.learner.forecast(row.a))
        self._learn(state, row, y, weight)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("horizon", [0, 1, 4])
@pytest.mark.parametrize("symbols", [(), (0,), (1, 0)])
def test_kernels_agree_with_lists(horizon, loss, symbols):
    """The naive learner runs beside: what its states say, the leading and the trailing one."""
    spec = spec_of(loss, horizon=horizon, context_inputs=symbols)
    x, y, weight, begins = stream(500, 2 if loss == "log_loss" else CLASSES)
    x[:, 0] = np.where(np.arange(500) % 7 < 5, np.round(x[:, 0]), x[:, 0])
    plain = dataclasses.replace(spec, contexts=False, context_inputs=())
    net, naive = engine(spec), twin(plain)
    load_twin(naive, engine_numbers(engine(plain)))
    captured = Captured(naive.learner if horizon else naive)
    contexts = Contexts(2 if loss == "log_loss" else CLASSES, symbols, horizon)
    since, used = 0, 0
    for t in range(len(y)):
        if begins[t]:
            net.reset()
            naive.reset()
            contexts.reset()
            since = 0
        label = None if np.isnan(y[t]) else int(y[t])
        contexts.see(x[t])
        found = probabilities(net.step(x[t], y[t], weight[t]))
        captured.said = None
        p_net = probabilities(naive.step(x[t], y[t], weight[t]))
        learns = label is not None and weight[t] > 0
        if horizon == 0:
            expected = contexts.forecast(t, p_net)
            if learns:
                contexts.learn(t, p_net, label)
            contexts.know(label)
        else:
            contexts.know(label)
            if learns and since >= horizon:
                contexts.learn(t + 1 - horizon, captured.said, label)
            expected = contexts.forecast(t + 1, p_net)
        since += 1
        used += len(list(contexts.known(t + (horizon > 0))))
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)
    assert used > 1000
    expected = [contexts.always, contexts.log_odds]
    np.testing.assert_allclose(net.array("contexts.chain"), expected, rtol=1e-6)
    np.testing.assert_allclose(net.array("contexts.weights"), contexts.weights, rtol=1e-6)
    np.testing.assert_allclose(net.array("contexts.frequencies"), contexts.counts, rtol=1e-9)


@pytest.mark.parametrize("horizon", [0, 1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("symbols", [(), (0,)])
def test_the_same_bits_in_one_piece_in_many_and_from_a_file(tmp_path, horizon, dtype, symbols):
    x, y, weight, begins = stream(300)
    x[:, 0] = np.round(x[:, 0])
    spec = spec_of(horizon=horizon, dtype=dtype, context_inputs=symbols)
    whole, parts, stepped = (engine(spec) for _ in range(3))
    expected = whole.run(x, y, weight, reset=begins)
    found = []
    for cut in np.split(np.arange(300), [1, 70, 71, 200]):
        found.append(parts.run(x[cut], y[cut], weight[cut], reset=begins[cut]))
        parts.save(tmp_path / "m.rtrl")
        parts = rl.load(tmp_path / "m.rtrl")
    np.testing.assert_array_equal(np.concatenate(found), expected)
    for t in range(300):
        if begins[t]:
            stepped.reset()
        np.testing.assert_array_equal(stepped.step(x[t], y[t], weight[t]), expected[t])
    for each in (whole, parts, stepped):
        each.finish()
        assert (each.block == whole.block).all()


def test_a_label_that_comes_before_the_next_row_is_learned_as_if_it_came_with_its_own():
    x, y, _, _ = stream(200)
    at_once, late = (engine(spec_of()) for _ in range(2))
    for t in range(200):
        expected = at_once.step(x[t], y[t])
        np.testing.assert_array_equal(late.step(x[t]), expected)
        late.learn(y[t])
        np.testing.assert_array_equal(late.predict(x[t]), at_once.predict(x[t]))
    assert (late.array("contexts.successors") == at_once.array("contexts.successors")).all()


@pytest.mark.parametrize("horizon", [0, 2])
def test_a_fleet_remembers_for_each_learner(horizon):
    spec = spec_of(horizon=horizon)
    fleet, one = rl.Fleet(spec, 2), engine(spec)
    x, y, _, _ = stream(100)
    for t in range(100):
        found = fleet.step(np.stack([x[t], -x[t]]), [y[t], float(t % 3)])
        np.testing.assert_array_equal(found[0], one.step(x[t], y[t]))
    assert found[1, (99 + horizon) % 3] > 0.9


@pytest.mark.parametrize("horizon", [0, 2])
def test_the_network_learns_as_if_there_were_none(horizon):
    x, y, weight, begins = stream(200)
    mixed = engine(spec_of(horizon=horizon))
    alone = engine(dataclasses.replace(mixed.spec, contexts=False))
    mixed.run(x, y, weight, reset=begins)
    alone.run(x, y, weight, reset=begins)
    mixed.grow(alone.spec)
    for name, values in alone.state_dict().items():
        np.testing.assert_array_equal(mixed.state_dict()[name], values)
    np.testing.assert_array_equal(mixed.run(x, y), alone.run(x, y))


@pytest.mark.parametrize("horizon", [0, 2])
def test_a_frozen_one_learns_nothing_but_follows_the_labels(horizon):
    rng = np.random.default_rng(0)
    y = rng.integers(CLASSES, size=11)[np.arange(1000) % 11].astype(float)
    x = np.zeros((1000, 2))
    net = engine(spec_of(horizon=horizon))
    net.run(x[:900], y[:900])
    before = net.array("contexts.successors"), net.array("contexts.shares")
    frozen = net.frozen()
    said = frozen.run(x[900:], y[900:])
    ahead = 900 + horizon + np.arange(100 - horizon)
    assert (said[: len(ahead)].argmax(1) == y[ahead]).mean() > 0.95
    for name, values in zip(("successors", "shares"), before, strict=True):
        np.testing.assert_array_equal(frozen.array(f"contexts.{name}"), values)


def test_after_a_reset_no_context_reaches_back():
    x, y, _, _ = stream(300)
    net = engine(spec_of(horizon=1))
    net.run(x[:200], y[:200])
    one, other = copy.copy(net), copy.copy(net)
    other.run(x[200:230], np.full(30, np.nan))  # moves the network, too: compare what is kept
    for each in (one, other):
        each.reset()
    np.testing.assert_array_equal(one.array("contexts.labels"), np.zeros(10))
    np.testing.assert_array_equal(other.array("contexts.labels"), np.zeros(10))


def test_new_classes_leave_what_is_remembered():
    net = engine(spec_of())
    x, y, _, _ = stream(200)
    net.run(x, y)
    before = net.array("contexts.successors"), net.array("contexts.frequencies")
    net.grow(dataclasses.replace(net.spec, output_size=CLASSES + 2))
    np.testing.assert_array_equal(net.array("contexts.successors"), before[0])
    np.testing.assert_array_equal(net.array("contexts.frequencies"), [*before[1], 0.0, 0.0])


def delayed_xor(count, noise=False):
    """A label is the exclusive or of two symbols, those of one and of three rows before."""
    rng = np.random.default_rng(5)
    symbols = rng.integers(0, 2, count + 3)
    labels = symbols[2:-1] ^ symbols[:-3]
    numbers = rng.normal(size=count) if noise else np.zeros(count)
    return [
        {"s": "ab"[s], "y": ["no", "yes"][label]} | ({"n": n} if noise else {})
        for s, label, n in zip(symbols[3:], labels, numbers, strict=True)
    ]


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("horizon", [0, 1])
def test_labels_that_follow_from_symbols_of_rows_before(horizon, noise):
    """Beside a column of noise, too, which is no symbol. A row ahead the bits are those of two
    rows, of which one is the present."""
    rows = delayed_xor(1500, noise)
    model = rl.Model("y", horizon=horizon)
    said = model.run(rows)
    pairs = zip(said[500 : len(rows) - horizon], rows[500 + horizon :], strict=True)
    hits = [max(p, key=p.get) == row["y"] for p, row in pairs]
    assert np.mean(hits) > 0.95
    alone = rl.Model("y", horizon=horizon, contexts=False).run(rows)
    pairs = zip(alone[500 : len(rows) - horizon], rows[500 + horizon :], strict=True)
    assert np.mean([max(p, key=p.get) == row["y"] for p, row in pairs]) < 0.8


def test_symbols_that_come_up_leave_what_was_remembered():
    rows = delayed_xor(600)
    one, other = rl.Model("y"), rl.Model("y")
    one.run(rows)
    other.run([*rows, {"s": "c", "y": "yes"}])
    for name in ("rows", "successors"):
        assert other.learner.array(f"contexts.{name}").shape == (
            one.learner.array(f"contexts.{name}").shape
        )
    known = [m.learner.array("contexts.successors")[8:, :, 0].ravel() for m in (one, other)]
    assert np.isin(known[0], known[1]).mean() > 0.95
    assert other.spec.context_inputs == (*one.spec.context_inputs, other.schema.input_size - 1)


@pytest.mark.parametrize("horizon", [0, 2])
@pytest.mark.parametrize("noise", [False, True])
def test_a_graph_and_what_lies_beside_it_say_the_same(tmp_path, horizon, noise):
    rows = delayed_xor(700, noise)
    model = rl.Model("y", horizon=horizon)
    model.run(rows[:650])
    export.to_onnx(model, tmp_path / "m.onnx")
    session = export.ModelSession(tmp_path / "m.onnx", "cpu")
    frozen = model.frozen()
    for row in rows[650:]:
        expected = frozen.step(row)
        assert session.step(row) == pytest.approx(expected, abs=1e-5)


def test_inputs_that_are_to_be_symbols():
    with pytest.raises(ValueError, match="context_inputs are for contexts"):
        rl.Spec(2, loss="log_loss", context_inputs=(0,))
    for wrong in ((2,), (0, 0), (-1,)):
        with pytest.raises(ValueError, match="must name different inputs from 0 to 1"):
            rl.Spec(2, loss="log_loss", contexts=True, context_inputs=wrong)


@pytest.mark.parametrize(
    "options", [{}, {"loss": "log_loss", "output_size": 2}, {"loss": "poisson"}]
)
def test_they_are_for_labels_only(options):
    with pytest.raises(ValueError, match="contexts are for loss"):
        rl.Spec(2, contexts=True, **options)
    with pytest.raises(ValueError, match="contexts must be True or False"):
        rl.Model("y", contexts=1)


def letters(count):
    rng = np.random.default_rng(3)
    return [{"letter": str(letter)} for letter in rng.choice(list("abc"), size=count)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, True), ({"contexts": False}, False), ({"task": "binary"}, True), ({"id": "n"}, False)],
)
def test_a_model_has_them_where_labels_come_with_their_rows(options, expected):
    rows = [{"letter": "ab"[t % 2], "n": str(t)} for t in range(5)]
    kind = rl.Delayed if "id" in options else rl.Model
    model = kind("letter", horizon=0, **options)
    model.run(rows)
    if isinstance(model, rl.Delayed):
        model = model.model
    assert model.spec is None or model.spec.contexts is expected
    numbers = rl.Model("y")
    numbers.run([{"y": "1"}, {"y": "2"}])
    assert numbers.spec.contexts is False


@pytest.mark.parametrize("asked", [True, False])
def test_a_model_that_was_asked_for_them_or_not_is_saved_as_it_was(asked, tmp_path):
    model = rl.Model("letter", horizon=1, contexts=asked)
    model.run(letters(20))
    model.save(tmp_path / "m.rtrl")
    again = rl.load(tmp_path / "m.rtrl")
    assert again.options["contexts"] is again.spec.contexts is asked
    assert again.run(letters(30)) == model.run(letters(30))


def test_numbers_have_none():
    with pytest.raises(rl.SchemaError, match="contexts are for a target of labels"):
        rl.Model("y", contexts=True).run([{"y": "1"}, {"y": "2"}])


def losses_of(rows, **options):
    """Of a Model at its defaults, row by row from the hundredth on; labels follow from columns."""
    model = rl.Model("y", **options)
    said = model.run(rows)[100:]
    return np.array([-np.log(p[row["y"]]) for p, row in zip(said, rows[100:], strict=True)])


def columns(count, seed, label):
    """Rows of five columns of noise, and what `label` makes of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 5))
    y = label(rng, x)
    return [
        {f"x{k}": v for k, v in enumerate(row)} | {"y": "abc"[c]}
        for row, c in zip(x, y, strict=True)
    ]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.6, 0.3, 0.1)])
def test_who_finds_nothing_says_how_often_labels_come(shares, seed):
    """On noise the log loss is the entropy, to a hundredth; a network alone is far above."""
    rows = columns(2500, seed, lambda rng, x: rng.choice(len(shares), p=shares, size=len(x)))
    entropy = -sum(p * np.log(p) for p in shares)
    # What came is not quite as often what it should have been.
    truth = [-np.log(shares["abc".index(row["y"])]) for row in rows[100:]]
    excess = losses_of(rows, seed=seed).mean() - np.mean(truth)
    assert excess < 0.01 * entropy
    assert excess < 0.7 * (losses_of(rows, seed=seed, contexts=False).mean() - np.mean(truth))


def test_who_finds_a_rule_is_not_held_back():
    rows = columns(1500, 0, lambda rng, x: (x[:, 0] + x[:, 1] > 0).astype(int))
    assert losses_of(rows).mean() < losses_of(rows, contexts=False).mean()


def test_noise_is_left_to_the_frequencies():
    """Without any column, and at a horizon: contexts are all there is to learn from."""
    rows = letters(1500)
    said = rl.Model("letter", horizon=1).run(rows)
    pairs = zip(said[100:-1], rows[101:], strict=True)
    assert -np.mean([np.log(p[row["letter"]]) for p, row in pairs]) < 1.01 * np.log(3)


def test_a_label_that_follows_from_one_seven_rows_before(monkeypatch):
    """A quarter of the symbols; the whole task is `python -m benchmarks.realdata.swap`."""
    monkeypatch.setattr(swap, "SYMBOLS", 5000)
    monkeypatch.setattr(swap, "CHANGE", 2500)
    before, end, _ = swap.trial(0)
    assert before >= 0.9
    assert end >= 0.9


@pytest.mark.parametrize(
    "options", [("--features", "k", "--horizon", 2), ("--key", "k", "--horizon", 1)]
)
def test_learn_resumes_what_followed_which_to_the_byte(tmp_path, options):
    """Labels, some of them noise, with gaps, from the command line in one run and in three."""
    rng = np.random.default_rng(0)
    labels = [
        f"noise {rng.integers(12)}" if rng.random() < 0.1 else "abcacbd"[t % 7] for t in range(300)
    ]
    lines = [f"{label if t % 31 else ''},{t % 2}\n" for t, label in enumerate(labels)]
    learn = ("learn", "a.csv", "--target", "y", *options, "--quiet")
    for cut in (150, 151, 300):
        (tmp_path / "a.csv").write_text("y,k\n" + "".join(lines[:cut]))
        run(*learn, "--model", "m.rtrl", "--resume", "--predictions", "p.csv", cwd=tmp_path)
    run(*learn, "--model", "n.rtrl", "--predictions", "q.csv", cwd=tmp_path)
    assert (tmp_path / "p.csv").read_bytes() == (tmp_path / "q.csv").read_bytes()
    assert (tmp_path / "m.rtrl").read_bytes() == (tmp_path / "n.rtrl").read_bytes()
