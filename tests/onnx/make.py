"""Makes the small files of this folder, as PyTorch exports them.

    python tests/onnx/make.py        (needs torch, and onnxscript for its newer exporter)

Each lies here as its exporter wrote it, but for the stack traces of the newer one, which name
paths; `beside.onnx` has its numbers in `beside.onnx.data`.
"""

from pathlib import Path

import onnx
import torch

HERE = Path(__file__).parent


class Net(torch.nn.Module):
    """A recurrent layer or more with a linear one behind."""

    def __init__(self, kind, layers=1, batch_first=True, last=False, activation=None):
        super().__init__()
        self.recurrent = getattr(torch.nn, kind)(3, 6, layers, batch_first=batch_first)
        self.linear = torch.nn.Linear(6, 2)
        self.last, self.activation = last, activation

    def forward(self, x, *state):
        y, *_ = self.recurrent(x, *([state] if state else []))
        if self.last:
            y = y[:, -1] if self.recurrent.batch_first else y[-1]
        y = self.linear(y)
        return y if self.activation is None else self.activation(y)


def softmax(y):
    return torch.softmax(y, -1)


def script(name, net, x, *state):
    """By TorchScript's exporter."""
    names = ["x", "h", "c"][: 1 + len(state)]
    free = {"x": {0: "a", 1: "b"}} | {n: {1: "batch"} for n in names[1:]}
    torch.onnx.export(
        net.eval(), (x, *state), HERE / name, dynamo=False, input_names=names, dynamic_axes=free
    )


def dynamo(name, net, x, free, **options):
    """By the newer one."""
    shapes = {"x": {k: torch.export.Dim(label, min=2) for k, label in free.items()}}
    torch.onnx.export(net.eval(), (x,), HERE / name, dynamic_shapes=shapes, **options)
    model = onnx.load(HERE / name, load_external_data=False)
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
    for part in model.graph.value_info:
        part.ClearField("metadata_props")
    (HERE / name).write_bytes(model.SerializeToString())


def main():
    torch.manual_seed(0)
    x, batch = torch.randn(4, 7, 3), {0: "batch", 1: "time"}
    states = torch.zeros(2, 4, 6), torch.zeros(2, 4, 6)
    script("lstm.onnx", Net("LSTM"), x)
    script("lstm_states.onnx", Net("LSTM", layers=2), x, *states)
    script("gru_last.onnx", Net("GRU", layers=2, batch_first=False, last=True), x)
    script("rnn_sigmoid.onnx", Net("RNN", activation=torch.sigmoid), x)
    dynamo("lstm_dynamo.onnx", Net("LSTM"), x, batch, external_data=False)
    softened = Net("LSTM", layers=2, last=True, activation=softmax)
    dynamo("lstm_softmax_dynamo.onnx", softened, x, {0: "batch"}, external_data=False)
    dynamo("gru_dynamo.onnx", Net("GRU", layers=2, batch_first=False), x, {}, external_data=False)
    dynamo("beside.onnx", Net("LSTM"), x[:1], {})


if __name__ == "__main__":
    main()
