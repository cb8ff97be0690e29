"""Every cell with the options worth having: name -> fields of a Spec.

Together they have each gate alone missing, each pair of options that meet in an equation of
DESIGN section 3, and each activation once as the cell's input's and once as its output's.
"""

LSTMS = {
    "lstm": {},
    "no input gate": {"input_gate": False},
    "no forget gate": {"forget_gate": False},
    "no output gate": {"output_gate": False},
    "no gates": {"input_gate": False, "forget_gate": False, "output_gate": False},
    "coupled": {"coupled_gates": True},
    "peephole": {"peephole": True},
    "peephole coupled": {"peephole": True, "coupled_gates": True},
    "peephole no input gate": {"peephole": True, "input_gate": False},
    "peephole no forget gate": {"peephole": True, "forget_gate": False},
    "peephole no output gate": {"peephole": True, "output_gate": False},
    "1997": {
        "forget_gate": False,
        "input_activation": "4sigmoid-2",
        "cell_activation": "2sigmoid-1",
    },
    "2sigmoid-1 4sigmoid-2": {
        "input_activation": "2sigmoid-1",
        "cell_activation": "4sigmoid-2",
    },
    "sigmoid relu": {"input_activation": "sigmoid", "cell_activation": "relu"},
    "relu identity": {"input_activation": "relu", "cell_activation": "identity"},
    "coupled identity sigmoid": {
        "coupled_gates": True,
        "input_activation": "identity",
        "cell_activation": "sigmoid",
    },
    "peephole relu tanh": {"peephole": True, "input_activation": "relu"},
}
# Options of an lstm that change its wiring; sizes as their tests give them: 4 units.
WIRINGS = {
    "1997 net": {"cell": "lstm1997"},
    "1997 blocks": {"cell": "lstm1997", "block_size": 2},
    "1997 one block": {"cell": "lstm1997", "block_size": 4, "bias": ("gates",)},
    "gates see gates": {"gate_recurrence": "gates", "peephole": True},
    "all see gates": {"gate_recurrence": "all", "coupled_gates": True},
    "blocks": {"block_size": 2, "cell_activation": "identity"},
    "blocks coupled": {"block_size": 2, "coupled_gates": True, "input_activation": "sigmoid"},
    "not recurrent": {"recurrent": False, "block_size": 2},
    "biased cells": {"bias": ("cells",), "gate_recurrence": "gates"},
    "biased gates and readout": {"bias": ("gates", "readout")},
    "projection": {"proj_size": 3, "peephole": True},
    "projected blocks": {"proj_size": 2, "block_size": 2, "gate_recurrence": "all"},
}
OTHERS = {
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
    "rnn relu": {"cell": "rnn", "input_activation": "relu"},
    "elstm": {"cell": "elstm"},
    "elstm no output gate": {"cell": "elstm", "output_gate": False},
}
CELLS = LSTMS | OTHERS
