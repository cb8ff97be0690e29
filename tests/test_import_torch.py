"""PyTorch's modules as learners. Runs where torch is installed; the engine does not need it."""

import warnings

import numpy as np
import pytest

import rtrl_lstm as rl
from rtrl_lstm import export

torch = pytest.importorskip("torch")


class Net(torch.nn.Module):
    """A recurrent layer and a linear one, with something at the end."""

    def __init__(self, kind="LSTM", layers=1, last=False, end=None, **options):
        super().__init__()
        self.recurrent = getattr(torch.nn, kind)(3, 6, layers, batch_first=True, **options)
        self.linear = torch.nn.Linear(options.get("proj_size") or 6, 2)
        self.last, self.end = last, end

    def forward(self, x):
        y, _ = self.recurrent(x)
        y = self.linear(y[:, -1] if self.last else y)
        return y if self.end is None else self.end(y)


def softmax(y):
    return torch.softmax(y, -1)


NETS = {
    "lstm": {},
    "lstm, two layers": {"layers": 2, "dropout": 0.25},
    "lstm, projection": {"proj_size": 4, "layers": 2},
    "lstm, no bias": {"bias": False},
    "gru": {"kind": "GRU", "layers": 2},
    "gru, no bias": {"kind": "GRU", "bias": False},
    "rnn": {"kind": "RNN"},
    "relu": {"kind": "RNN", "nonlinearity": "relu"},
    "sigmoid": {"end": torch.sigmoid},
    "softmax, last row": {"end": softmax, "last": True},
}


def said_by(net, x):
    """A module's answers (T, O) to rows (T, I)."""
    with torch.no_grad(), np.errstate(all="ignore"):
        return net.eval()(torch.tensor(x[None])).numpy()[0]


def assert_same(found, expected):
    expected = np.atleast_2d(expected)
    assert np.abs(found[-len(expected) :] - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("name", NETS)
def test_torch_to_engine_to_onnx_to_engine(tmp_path, name):
    torch.manual_seed(1)
    net, x = Net(**NETS[name]), np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    net.train()
    learner = export.from_torch(net, learning_rate=0.01)
    assert net.training
    assert all(part.training for part in net.modules())
    export.to_onnx(learner, tmp_path / "m.onnx", graph="sequence")
    again = export.from_onnx(tmp_path / "m.onnx")
    expected = said_by(net, x)
    for each in (learner, again):
        assert_same(each.frozen().run(x), expected)
    if "end" not in NETS[name]:
        same = export.from_torch(net.state_dict(), **_rnn(NETS[name]))
        assert_same(same.frozen().run(x), expected)


def _rnn(options):
    return {k: v for k, v in options.items() if k == "nonlinearity"}


def test_what_the_end_is_says_the_loss():
    assert export.from_torch(Net()).spec.loss == "squared_error"
    assert export.from_torch(Net(end=torch.sigmoid)).spec.loss == "log_loss"
    assert export.from_torch(Net(end=softmax)).spec.loss == "cross_entropy"
    assert export.from_torch(Net(), loss="cross_entropy").spec.activation == "softmax"


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_layer_by_itself(kind):
    layer = getattr(torch.nn, kind)(3, 5).double()
    x = np.random.default_rng(0).normal(size=(20, 3))
    learner = export.from_torch(layer)
    assert (learner.spec.dtype, learner.spec.output_size) == ("float64", 5)
    with torch.no_grad():
        expected = layer(torch.tensor(x[:, None]))[0][:, 0].numpy()
    assert np.abs(learner.frozen().run(x) - expected).max() < 1e-12
    fresh = export.from_torch(layer, output_size=1, horizon=4)
    assert isinstance(fresh, rl.Forecaster)
    assert fresh.step(x[0], 1.0).shape == (1,)


def test_what_cannot_be_said_is_named():
    lstm = torch.nn.LSTM
    refused = {
        "bidirectional=True": lstm(3, 5, bidirectional=True),
        "0 modules of LSTM": torch.nn.Linear(3, 3),
        "2 modules of LSTM": torch.nn.ModuleList([lstm(3, 5), lstm(3, 5)]),
        "a LayerNorm": torch.nn.Sequential(lstm(3, 5), torch.nn.LayerNorm(5)),
        "2 modules of Linear": torch.nn.Sequential(
            lstm(3, 5), torch.nn.Linear(5, 2), torch.nn.Linear(2, 2)
        ),
        "something in its forward": Net(end=torch.relu),
        "weight_ih_l0_reverse": lstm(3, 5, bidirectional=True).state_dict(),
        "0 tensors named": {},
    }
    for said, net in refused.items():
        with pytest.raises(export.UnsupportedError, match=said):
            export.from_torch(net)
    with pytest.raises(TypeError, match="not int"):
        export.from_torch(3)
    with pytest.raises(ValueError, match="hidden_size: that is settled"):
        export.from_torch(lstm(3, 5), hidden_size=7)
    with pytest.raises(TypeError, match="no option colour"):
        export.from_torch(lstm(3, 5), colour="red")


@pytest.mark.parametrize("newer", [False, True])
def test_exported_by_torch_here_and_now(tmp_path, newer):
    pytest.importorskip("onnxscript" if newer else "onnx")
    net, x = Net(), np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporters' own
        torch.onnx.export(net.eval(), (torch.tensor(x[None]),), tmp_path / "m.onnx", dynamo=newer)
    assert_same(export.from_onnx(tmp_path / "m.onnx").frozen().run(x), said_by(net, x))
