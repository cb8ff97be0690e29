"""Which parts matter: the eight variants of "LSTM: A Search Space Odyssey" (Greff et al. 2015).

The vanilla LSTM is theirs, with peepholes and forget gates, but learns by truncated RTRL; every
variant changes one thing of it. Three of the paper's tasks, with one rate and size.
"""

from __future__ import annotations

from dataclasses import replace

from .. import nets
from ..nets import Options
from ..rows import Row, Setting, falling, merged

VANILLA: Options = {
    "cell": "lstm",
    "peephole": True,
    "hidden_size": 12,
    "init_range": 0.1,
    "input_gate_bias": -4.0,
    "forget_bias": 5.0,
    **falling(0.02),
}
VARIANTS: dict[str, Options] = {
    "vanilla": {},
    "NIG, no input gate": {"input_gate": False, "input_gate_bias": 0.0},
    "NFG, no forget gate": {"forget_gate": False, "forget_bias": 1.0},
    "NOG, no output gate": {"output_gate": False},
    "NIAF, linear cell input": {"input_activation": "identity"},
    "NOAF, linear cell output": {"cell_activation": "identity"},
    "CIFG, forget gate 1 - input gate": {"coupled_gates": True, "forget_bias": 1.0},
    "NP, no peepholes": {"peephole": False},
    "FGR, gates see gates": {"gate_recurrence": "gates"},
}
# Table and row: what is not varied, and the cap.
TASKS: dict[tuple[int, str], tuple[Options, int]] = {
    (1, "3x2, rate 0.5"): ({**nets.SOFTMAX, **nets.STEP}, 20_000),
    (7, "T = 100"): ({**nets.HUBER, **nets.SEQUENCE}, 60_000),
    (9, "6a"): ({**nets.SOFTMAX, **nets.SEQUENCE}, 40_000),
}


def added(row: Row) -> Row:
    """One of the three rows with all variants as well."""
    if (row.table, row.name) not in TASKS:
        return row
    fixed, cap = TASKS[row.table, row.name]
    batch = 50 if row.table == 1 else 500
    settings = tuple(
        Setting("variants", name, merged(VANILLA, fixed, changed), cap, batch)
        for name, changed in VARIANTS.items()
    )
    return replace(row, settings=(*row.settings, *settings))
