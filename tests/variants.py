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
OTHERS = {
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
    "rnn relu": {"cell": "rnn", "input_activation": "relu"},
    "elstm": {"cell": "elstm"},
    "elstm no output gate": {"cell": "elstm", "output_gate": False},
}
CELLS = LSTMS | OTHERS
