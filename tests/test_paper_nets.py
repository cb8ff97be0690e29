"""The nets of the 1997 paper have exactly as many weights as it says."""

import pytest

import rtrl_lstm as rl

NET = {"cell": "lstm1997", "output_activation": "sigmoid"}
GATES, ALL = ("gates",), True
HIDDEN = ("gates", "cells")
# Experiment -> inputs, outputs, cells and what else its net is; the published number of weights.
NETS = {
    "1, 3 blocks of 2": ((7, 6, 7), {"block_size": 2, "bias": GATES}, 276),
    "1, 4 blocks of 1": ((7, 4, 7), {"bias": GATES}, 264),
    "2a, p = 100": (
        (101, 1, 101),
        {
            "cell": "lstm",
            "forget_gate": False,
            "output_gate": False,
            "recurrent": False,
            "shortcuts": True,
            "bias": False,
            "input_activation": "sigmoid",
            "cell_activation": "identity",
        },
        10_504,
    ),
    "2c, p = 50": ((54, 2, 2), {"bias": False}, 6 * 50 + 64),
    "2c, p = 1000": ((1004, 2, 2), {"bias": False}, 6 * 1000 + 64),
    "3": ((1, 3, 1), {"bias": HIDDEN}, 102),
    "4 and 5": ((2, 4, 1), {"block_size": 2, "bias": ALL, "output_activation": "identity"}, 93),
    "6a": ((8, 4, 4), {"block_size": 2, "bias": ALL}, 156),
    "6b": ((8, 6, 8), {"block_size": 2, "bias": ALL}, 308),
    "Gers 2000, continual Reber": (
        (7, 8, 7),
        {
            "cell": "lstm",
            "block_size": 2,
            "shortcuts": True,
            "bias": ("gates", "readout"),
            "input_activation": "4sigmoid-2",
            "cell_activation": "2sigmoid-1",
        },
        424,
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_number_of_weights(name):
    sizes, options, published = NETS[name]
    net = rl.Learner(*sizes, **(NET | options))
    # PyTorch's second biases, and zeros where a part has no bias, are no weights.
    fields = net.layout.fields
    assert sum(_size(f) for key, f in fields.items() if key.endswith(".weight")) == published


def _size(field):
    size = 1
    for axis in field.axes:
        size *= len(axis)
    return size
