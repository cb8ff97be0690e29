"""Rule "full" against finite differences of whole sequences, with nothing held."""

import numpy as np
import pytest
from variants import CELLS, WIRINGS

import rtrl_lstm as rl
from reference.oracle import along_directions, directions, slopes

I, N, O, T = 2, 4, 2, 6  # noqa: E741, as the equations name their sizes
WHOLE = ("1997 net", "1997 blocks", "all see gates", "blocks", "projection", "projected blocks")
NETS = {name: CELLS[name] for name in ("lstm", "peephole", "no gates", "gru", "rnn", "elstm")}
NETS |= {name: WIRINGS[name] for name in WHOLE}  # without zeros that stand for no weights
# A stack takes ten seconds: its every step is the twin's, too.
DEEP = [pytest.param(name, 2, marks=pytest.mark.proof) for name in NETS]


def learner(options, **more):
    return rl.Learner(I, N, O, dtype="float64", seed=3, **(options | more))


@pytest.mark.parametrize(("name", "num_layers"), [*((name, 1) for name in NETS), *DEEP])
def test_gradient_of_a_sequence(name, num_layers):
    options = NETS[name] | {"num_layers": num_layers}
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(T, I)), rng.normal(size=(T, O))
    Y[:2] = np.nan  # labels late in a sequence, whose gradient must reach its start
    update = {"update": "sequence", "optimizer": "sgd", "learning_rate": 1.0}
    net = learner(options, rule="full", **update)
    before = {k: w for k, w in net.state_dict().items() if w.all()}
    rest = {k: w for k, w in net.state_dict().items() if not w.all()}  # PyTorch's second biases
    net.run(X, Y)
    net.reset()

    def loss(parameters):
        forward = learner(options)
        forward.load_state_dict(parameters | rest)
        errors = forward.frozen().run(X) - Y
        return 0.5 * np.nansum(errors**2)

    along, after = directions(before), net.state_dict()
    assert len(before) >= 3
    moved = along_directions({key: w - after[key] for key, w in before.items()}, along)
    for key, expected in slopes(loss, before, along).items():
        np.testing.assert_allclose(moved[key], expected, rtol=1e-7, atol=1e-9, err_msg=key)


@pytest.mark.parametrize("name", ["lstm", "gru", "peephole"])
def test_one_unit_makes_snap1_exact(name):
    """A single unit has no other to influence."""
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(40, I)), rng.normal(size=(40, 1))
    nets = [
        rl.Learner(I, 1, dtype="float64", rule=rule, **CELLS[name]) for rule in ("full", "snap1")
    ]
    exact, snapped = (net.run(X, Y) for net in nets)
    np.testing.assert_allclose(snapped, exact, rtol=1e-10, atol=1e-12)
