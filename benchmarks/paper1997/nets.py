"""The nets of the 1997 paper, as options of a Learner; their numbers of weights are the paper's."""

from __future__ import annotations

from typing import Any

from rtrl_lstm import ClipCredit

Options = dict[str, Any]

# "F": every cell and gate sees inputs and all cells and gates of the step before. In the other two
# wirings only cells are seen ("cells"), or none ("none").
F: Options = {"cell": "lstm1997"}
CELLS: Options = {
    "cell": "lstm",
    "forget_gate": False,
    "input_activation": "4sigmoid-2",
    "cell_activation": "2sigmoid-1",
}
NONE: Options = {**CELLS, "recurrent": False}

# What the output units are: with the error e = f'(t - y) of the text, without f', or linear.
SIGMOID_SLOPE: Options = {"loss": "squared_error", "output_activation": "sigmoid"}
SIGMOID: Options = {"loss": "log_loss"}
IDENTITY: Options = {"loss": "squared_error"}
SOFTMAX: Options = {"loss": "cross_entropy"}
# Linear, and an error of which what is far off has no more than its share.
HUBER: Options = {"loss": "huber", "huber_delta": 0.1}

SEQUENCE: Options = {"update": "sequence"}
STEP: Options = {"update": "step"}

REBER_3X2: Options = {"hidden_size": 6, "block_size": 2, "bias": ("gates",), "init_range": 0.2}
REBER_4X1: Options = {"hidden_size": 4, "bias": ("gates",), "init_range": 0.2}
# Experiments 2a and 2b: one cell with an input gate only, and input-output shortcuts.
ONE_CELL: Options = {
    "hidden_size": 1,
    "cell": "lstm",
    "forget_gate": False,
    "output_gate": False,
    "recurrent": False,
    "shortcuts": True,
    "bias": False,
    "input_activation": "sigmoid",
    "cell_activation": "identity",
    "init_range": 0.2,
}
# And before its cell is there: a gate that stays shut lets nothing in, and neither learns.
NO_CELL: Options = {**ONE_CELL, "bias": ("gates",), "input_gate_bias": -100.0}
TWO_CELLS: Options = {"hidden_size": 2, "bias": False, "init_range": 0.2}
THREE_CELLS: Options = {
    "hidden_size": 3,
    "bias": ("gates", "cells"),
    "init_range": 0.1,
    "input_gate_bias": (-1.0, -3.0, -5.0),
    "output_gate_bias": (-2.0, -4.0, -6.0),
}
TWO_BLOCKS: Options = {
    "hidden_size": 4,
    "block_size": 2,
    "bias": True,
    "init_range": 0.1,
    "input_gate_bias": (-3.0, -6.0),
}
# Another reading of the biased units: a cell input with a bias lets in the same at every row. The
# nets of three cells have none at the outputs; three and four weights fewer than the paper counts.
GATES_BIASED: Options = {"bias": ("gates",)}
ALL_BUT_CELLS_BIASED: Options = {"bias": ("gates", "readout")}
ORDER_2: Options = {**TWO_BLOCKS, "input_gate_bias": (-2.0, -4.0)}
ORDER_3: Options = {**TWO_BLOCKS, "hidden_size": 6, "input_gate_bias": (-2.0, -4.0, -6.0)}
# Log loss of which what is far off has no more than its share, as with huber: where noise turns
# some sequences into the other class, squared error and log loss settle between the two. Behind a
# sigmoid huber's error fades where the output is sure and wrong, and this one does not.
BOUNDED: Options = {"loss": "log_loss", "clip": ClipCredit(0.02)}
# For best settings: input gates that are all but shut let little of the noise in at first. A sum
# needs nothing but the inputs, and a state to add them up in.
ADDING: Options = {
    **NONE,
    "hidden_size": 8,
    "bias": ("gates", "readout"),
    "cell_activation": "identity",
    "init_range": 0.1,
    "input_gate_bias": -8.0,
}
# An order needs no more, if what is let in takes its share of what is there: the later of two
# symbols then has the larger one.
ORDER: Options = {**ADDING, "forget_gate": True, "coupled_gates": True, "input_gate_bias": -9.0}
# Cells hold a class by feeding themselves, which would have a state grow at each row until its cell
# is saturated and learns no more; where a gate takes away what it lets in, a state stays between
# -2 and 2. For the same reason cell inputs have no biases and see no gates (a bias as well, being
# near .5).
TWELVE_CELLS: Options = {
    **CELLS,
    "forget_gate": True,
    "coupled_gates": True,
    "hidden_size": 12,
    "gate_recurrence": "gates",
    "bias": ("gates", "readout"),
    "cell_activation": "tanh",
    "init_range": 0.1,
    "input_gate_bias": -9.0,
}
# Gers, Schmidhuber & Cummins 2000, continual embedded Reber strings.
GERS: Options = {
    "hidden_size": 8,
    "block_size": 2,
    "cell": "lstm",
    "shortcuts": True,
    "bias": ("gates", "readout"),
    "input_activation": "4sigmoid-2",
    "cell_activation": "2sigmoid-1",
    "init_range": 0.2,
    "input_gate_bias": (-0.5, -1.0, -1.5, -2.0),
    "output_gate_bias": (-0.5, -1.0, -1.5, -2.0),
    "forget_bias": (0.5, 1.0, 1.5, 2.0),
}
