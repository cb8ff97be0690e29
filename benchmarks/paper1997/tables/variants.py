"""Which parts matter: the eight variants of "LSTM: A Search Space Odyssey" (Greff et al. 2015).

The vanilla LSTM is theirs, with peepholes and forget gates, but learns by truncated RTRL; every
variant changes one thing of it. Three of the paper's tasks, each at one rate for all variants.
"""

from __future__ import annotations

from dataclasses import replace

from .. import nets
from ..nets import Options
from ..rows import Row, Setting, adam, merged

VANILLA: Options = {"cell": "lstm", "peephole": True, "forget_bias": 5.0}
VARIANTS: dict[str, Options] = {
    "vanilla": {},
    "NIG, no input gate": {"input_gate": False},
    "NFG, no forget gate": {"forget_gate": False, "forget_bias": 1.0},
    "NOG, no output gate": {"output_gate": False},
    "NIAF, linear cell input": {"input_activation": "identity"},
    "NOAF, linear cell output": {"cell_activation": "identity"},
    "CIFG, forget gate 1 - input gate": {"coupled_gates": True, "forget_bias": 1.0},
    "NP, no peepholes": {"peephole": False},
    "FGR, gates see gates": {"gate_recurrence": "gates"},
}
CAP = 40_000
# Table and row: what is not varied.
TASKS: dict[tuple[int, str], Options] = {
    (1, "3x2, rate 0.5"): {"hidden_size": 8, **nets.SOFTMAX, **nets.STEP, **adam(0.02)},
    (7, "T = 100"): {"hidden_size": 4, **nets.IDENTITY, **nets.SEQUENCE, **adam(0.003)},
    (9, "6a"): {"hidden_size": 4, **nets.SOFTMAX, **nets.SEQUENCE, **adam(0.03)},
}


def added(row: Row) -> Row:
    """One of the three rows with all variants as well."""
    fixed = TASKS.get((row.table, row.name))
    if fixed is None:
        return row
    batch = 50 if row.table == 1 else 500
    settings = tuple(
        Setting("variants", name, merged(fixed, VANILLA, changed), CAP, batch)
        for name, changed in VARIANTS.items()
    )
    return replace(row, settings=(*row.settings, *settings))
