"""The cells, each from its equations. Primes are t-1; a product of arrays is taken unit by unit.

Each has
  rows    row -> the sources that it sees, in the order of its columns: "bias", "x", "h" (h')
  own     row -> the state of the unit that it sees through a diagonal weight: "s_tm1" or "s_t"
  traced  the rows that move the state
  shared  the rows that have a unit for each block of cells, not for each cell
  step    z (row -> (n,)), the diagonal weights w (row -> (n,)) and s' (n,) -> CellStep
"""

from collections.abc import Mapping

import numpy as np

from .cell import ACTIVATIONS, Array, CellStep, Held, sigmoid, sigmoid_slope

ALL = ("bias", "x", "h")


class LSTM:
    """s = f s' + i g, h = o k(s) (Gers et al. 2000), and the variants of Greff et al. 2015.

    A gate that is missing counts as 1. Coupled gates: f = 1 - i. Peepholes (Gers et al. 2002): i
    and f see s' and o sees s; they are sources like h', through which no error flows back.

    Gate recurrence: "gates" see all gates of the step before, or "all" rows do. In blocks of S
    cells the gates are shared: cell j belongs to block j modulo n / S.
    """

    def __init__(
        self,
        *,
        gates="ifo",
        coupled=False,
        peephole=False,
        input_activation="tanh",
        cell_activation="tanh",
        gate_recurrence="none",
        recurrent=True,
        block_size=1,
        biased=("gates", "cells"),
    ) -> None:
        self.coupled = coupled
        self.block_size, self.gate_recurrence = block_size, gate_recurrence
        self.g, self.dg = ACTIVATIONS[input_activation]
        self.k, self.dk = ACTIVATIONS[cell_activation]
        present = [row for row in "ifgo" if row == "g" or row in gates]
        if coupled:
            present.remove("f")
        self.rows = {row: self._sees(row, recurrent, biased) for row in present}
        self.gates = [row for row in present if row != "g" and gate_recurrence != "none"]
        self.shared = tuple(row for row in present if row != "g" and block_size > 1)
        self.traced = tuple(row for row in present if row != "o")
        sees = {"i": "s_tm1", "f": "s_tm1", "o": "s_t"}
        self.own = {row: sees[row] for row in present if row in sees} if peephole else {}

    def _sees(self, row, recurrent, biased):
        wanted = {
            "bias": ("cells" if row == "g" else "gates") in biased,
            "x": True,
            "h": recurrent,
            "gates": self.gate_recurrence == "all"
            or (self.gate_recurrence == "gates" and row != "g"),
        }
        return tuple(group for group, there in wanted.items() if there)

    def step(
        self,
        z: dict[str, Array],
        w: Mapping[str, Array],
        s_tm1: Array,
        held: Held | None = None,
    ) -> CellStep:
        z = {row: np.tile(z[row], self.block_size) if row in self.shared else z[row] for row in z}

        def gate(row: str, seen: Array) -> tuple[Array, Array]:
            """A gate and its derivative at its sum."""
            if row not in self.rows:
                return np.ones_like(s_tm1), np.zeros_like(s_tm1)
            total = z[row] + w[row] * seen if row in self.own else z[row]
            return sigmoid(total), sigmoid_slope(total)

        seen = held.s_tm1 if held else s_tm1
        i, di = gate("i", seen)
        f, df = gate("f", seen)
        g, dg = self.g(z["g"]), self.dg(z["g"])
        inject = {"i": g * di, "f": s_tm1 * df, "g": i * dg}
        if self.coupled:
            f = 1.0 - i
            inject["i"] = (g - s_tm1) * di
        s = f * s_tm1 + i * g
        o, do = gate("o", held.s_t if held else s)
        blocks = len(s) // self.block_size
        gates = [{"i": i, "f": f, "o": o}[row][:blocks] for row in self.gates]
        return CellStep(
            s=s,
            h=o * self.k(s),
            decay=f,
            inject={row: inject[row] for row in self.traced},
            dh_ds=o * self.dk(s),
            dh_dz={"o": self.k(s) * do} if "o" in self.rows else {},
            gates=np.concatenate([np.zeros(0), *gates]),
        )


class GRU:
    """h = (1 - z) n + z h', n = tanh(n_x + r n_h): Cho et al. 2014 with PyTorch's biases.

    The state is h; in the term z h' it is a state, and no source. Each row that sees x and h' has
    two biases, of x and of h'.
    """

    rows = {  # noqa: RUF012, nobody writes to it
        "r": ("bias", "x", "bias", "h"),
        "z": ("bias", "x", "bias", "h"),
        "n_x": ("bias", "x"),
        "n_h": ("bias", "h"),
    }
    own = {}  # noqa: RUF012, nobody writes to it
    traced = tuple(rows)
    shared = gates = ()

    def step(self, z, w, s_tm1: Array, held: Held | None = None) -> CellStep:
        r, u = sigmoid(z["r"]), sigmoid(z["z"])
        n = np.tanh(z["n_x"] + r * z["n_h"])
        h = (1.0 - u) * n + u * s_tm1
        dn = (1.0 - u) * (1.0 - n**2)
        return CellStep(
            s=h,
            h=h,
            decay=u,
            inject={
                "r": dn * z["n_h"] * sigmoid_slope(z["r"]),
                "z": (s_tm1 - n) * sigmoid_slope(z["z"]),
                "n_x": dn,
                "n_h": dn * r,
            },
            dh_ds=np.ones_like(h),
            dh_dz={},
        )


class RNN:
    """h = k(z) (Elman 1990). Nothing of a unit outlives a step but what its sources see of it."""

    rows = {"h": ALL}  # noqa: RUF012, nobody writes to it
    own = {}  # noqa: RUF012, nobody writes to it
    traced = ()
    shared = gates = ()

    def __init__(self, activation="tanh") -> None:
        self.k, self.dk = ACTIVATIONS[activation]

    def step(self, z, w, s_tm1: Array, held: Held | None = None) -> CellStep:
        nothing = np.zeros_like(s_tm1)
        return CellStep(
            s=nothing,
            h=self.k(z["h"]),
            decay=nothing,
            inject={},
            dh_ds=nothing,
            dh_dz={"h": self.dk(z["h"])},
        )


class ELSTM:
    """c = f c' + (1 - f) z (Irie et al. 2023), where f and z see x, and c' of their own unit.

    h = o c with an output gate that sees x, else h = c. The diagonal weights are the whole
    recurrence, and nothing of it is held.
    """

    own = {"f": "s_tm1", "z": "s_tm1"}  # noqa: RUF012, nobody writes to it
    traced = ("f", "z")
    shared = gates = ()

    def __init__(self, *, output_gate=True) -> None:
        self.rows = dict.fromkeys(("f", "z", "o") if output_gate else ("f", "z"), ("bias", "x"))

    def step(self, z, w, s_tm1: Array, held: Held | None = None) -> CellStep:
        z_f = z["f"] + w["f"] * s_tm1
        f, df = sigmoid(z_f), sigmoid_slope(z_f)
        v = np.tanh(z["z"] + w["z"] * s_tm1)
        dv = 1.0 - v**2
        c = f * s_tm1 + (1.0 - f) * v
        gated = "o" in self.rows
        o = sigmoid(z["o"]) if gated else np.ones_like(c)
        return CellStep(
            s=c,
            h=o * c,
            decay=f + (1.0 - f) * dv * w["z"] + (s_tm1 - v) * df * w["f"],
            inject={"f": (s_tm1 - v) * df, "z": (1.0 - f) * dv},
            dh_ds=o,
            dh_dz={"o": c * sigmoid_slope(z["o"])} if gated else {},
        )
