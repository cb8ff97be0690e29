"""The learner graph: one row forward and one step of learning, for a batch of learners.

::

    x, y, sample_weight, learning_rate, reset ─┐
                                               ├── predict, then learn ──┬── y_hat
    weights, traces, moments, states …       ──┘                         └── all of them anew: *_out
            ^                                                                     │
            └─────────────────────────────────────────────────────────────────────┘

Truncated real-time recurrent learning needs no history, so that learning is a plain function, of
primitive operators. Every learner of the batch has weights of its own.

The names of inputs and outputs are a promise; see `rtrl_lstm.export.plan` for how weights lie:

========================  ============  ========================================================
input                     shape         meaning
========================  ============  ========================================================
``x``                     (batch, I)    a raw row
``y``                     (batch, K)    its label, raw; NaN where there is none. A class index for
                                        cross_entropy. A forecaster's is the target of this row
``learning_rate``         (batch, 1)    default: the learner's
``sample_weight``         (batch, 1)    of the label; default: 1
``reset``                 (batch, 1)    1 where a new sequence begins with this row; default: 0
``h_0``, ``c_0`` …        (batch, n)    the recurrent state, as in the step graph
``layer0.ifg.weight`` …   (batch, D, R)  weights; ``.trace``, ``.moment1``, ``.moment2``, ``.sum``
``readout.weight`` …      (batch, D, O)  the readout's
``input.mean`` …          (batch, I)    running statistics, ``.count``, ``.mean``, ``.m2``; float64
``target.mean`` …         (batch, K)    the same of the target; float64
``steps`` …               (batch, 1)    counters, float64
========================  ============  ========================================================

Outputs are ``y_hat`` (batch, O), what was said before y was seen, in the target's units or
probabilities, and for every carried input its value after the step, with ``_out`` at its name's
end. Every input but x and y has an initialiser of its own name with its value at export, of batch
1, which serves a batch of any size.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rtrl_lstm.spec import Spec

from . import combining, credit, learning, parts, plan, schedules, statistics
from .credit import Label
from .descent import Gradient
from .forward import Pass, Stack, begun_anew
from .graph import Graph
from .partials import times
from .statistics import Statistics


def learner_graph(
    spec: Spec, numbers: Mapping[str, NDArray[np.floating]], rate: float, dtype: DTypeLike
) -> Graph:
    """Draw a learning step.

    Args:
        spec: of the learners.
        numbers: name -> array, the value of every carried input (see `plan.numbers`), without the
            batch.
        rate: the default of ``learning_rate``.
    """
    g = Graph("learner", dtype)
    x = g.input("x", ("batch", spec.input_size))
    y = g.input("y", ("batch", spec.target_size))
    settings = {"learning_rate": rate, "sample_weight": 1.0, "reset": 0.0}
    ends = {name: g.input(name, ("batch", 1), [[value]]) for name, value in settings.items()}
    carried = plan.numbers(spec)
    before = {
        name: g.input(name, ("batch", *number.shape), _batched(numbers[name]), number.wide)
        for name, number in carried.items()
    }
    drawn = _Forecaster if spec.horizon else _Learner
    y_hat, after = drawn(g, spec, {**ends, **before, "x": x, "y": y}).step()
    g.output("y_hat", y_hat, ("batch", spec.output_size))
    for name, number in carried.items():
        g.output(f"{name}_out", after[name], ("batch", *number.shape), number.wide)
    return g


def _batched(values: ArrayLike) -> NDArray[np.floating]:
    found: NDArray[np.floating] = np.asarray(values)[np.newaxis]
    return found


class _Step:
    """What the steps of a learner and of a forecaster have in common.

    `now` holds every number by its name, and is brought up to date as the step goes on.
    """

    def __init__(self, g: Graph, spec: Spec, given: dict[str, str]) -> None:
        self.g, self.spec, self.now = g, spec, dict(given)
        # (B, 1): an x that is finite, times 0. No size is read, so that a file that was tampered
        # with has none to lie about.
        first = g.op("Slice", given["x"], g.integers(0), g.integers(1), g.integers(1))
        nothing = g.op("Mul", first, g.constant(0.0))
        self.ones = g.op("Add", nothing, g.constant(1.0))
        self.stack = Stack(g, spec, self.ones)
        self.label = credit.read_label(g, given["y"])
        # 0 where a sequence begins with this row.
        reset = g.op("Max", given["reset"], g.narrowed(given["reset_next"]))
        self.keep = g.op("Sub", self.ones, reset)
        self.now["reset_next"] = g.widened(nothing)

    def _count(self, name: str, added: str) -> None:
        self.now[name] = self.g.op("Add", self.now[name], self.g.widened(added))

    def _states(self, prefix: str = "") -> dict[str, str]:
        return {name: self.now[f"{prefix}{name}"] for name in plan.states(self.spec)}

    def _scale_inputs(self) -> str:
        """What the network sees of the row."""
        g, spec, z = self.g, self.spec, self.now["x"]
        if any(spec.scaled_inputs):
            before = Statistics.of(self.now, "input")
            z, after = statistics.scale_inputs(g, spec, z, before, self.ones)
            self.now |= after.named("input")
        return parts.seen(g, spec, z, axis=1)

    def _target_scale(self) -> tuple[str, str]:
        """Mean and spread of the target (B, K), as they stand."""
        found = Statistics.of(self.now, "target")
        return found.mean, statistics.spread(self.g, found)[0]

    def _observe_target(self) -> None:
        """Let the label join the target's statistics, and scale it for the network."""
        self.raw_label = self.label
        if self.spec.scale_target:
            g, before = self.g, Statistics.of(self.now, "target")
            wide, (newest, known) = g.widened(self.label.value), self._newest(self.label)
            newest, known = g.widened(newest), g.cast(known, wide=True)
            after = statistics.observed(g, before, newest, known)
            self.now |= after.named("target")
            mean, sd = self._target_scale()
            value = g.narrowed(g.op("Div", g.op("Sub", wide, mean), sd))
            self.label = Label(value, self.label.known)

    def _newest(self, label: Label) -> Label:
        """Of a label of every step, that of the present row (B, 1); any other is that as it is."""
        if not self.spec.every_step:
            return label
        g, ends = self.g, (-1, combining.LAST, 1)
        value, known = (g.op("Slice", part, *map(g.integers, ends)) for part in label)
        return Label(value, known)

    def _say(self, passed: Pass) -> str:
        """The forecast (B, O) of a pass; what a combination weighs is kept as ``terms``."""
        g, said = self.g, parts.activate(self.g, passed.a, self.spec.activation)
        if not self.spec.scale_target:
            return said
        mean, sd = scale = self._target_scale()
        y_hat = g.op("Add", mean, g.op("Mul", sd, g.widened(said)))
        if self.spec.combine_with:
            y_hat, terms = combining.combine(g, self.spec, self.now, y_hat, scale, self.ones)
            self.now["terms"] = terms
        return g.narrowed(y_hat)

    def _learn_combination(self, terms: str, may: str = "") -> None:
        """The label of the row that those terms were of, unless `may` (B, 1) or (B, O) is 0."""
        if not self.spec.combine_with:
            return
        g, label = self.g, self._newest(self.raw_label)
        weight = g.op("Mul", self.now["sample_weight"], g.cast(label.known))
        weight = g.widened(times(g, weight, may))
        given = g.widened(label.value), weight
        scale = self._target_scale()
        found = combining.learn(g, self.spec, self.now, terms, given, scale, self.ones)
        self.now |= found

    def _trace(self, passed: Pass, keep: str, started: str = "") -> None:
        self.now |= learning.traced(self.g, self.now, passed, keep, started)

    def _learn(self, passed: Pass, keep: str, may: str = "") -> None:
        """Learn the label of a pass whose traces are up to date, unless `may` (B, 1) is 0."""
        g, spec = self.g, self.spec
        weight = self.now["sample_weight"]
        known = g.cast(self.label.known)
        learned = known if spec.target_size == 1 else g.op("ReduceMax", known, axes=[1])
        if may:
            learned, weight = g.op("Mul", learned, may), g.op("Mul", weight, may)
        slope = credit.slope(g, spec, passed.a, self.label, weight)
        found = learning.gradients(g, spec, self.now, self.now, passed, slope)
        self._count("labels", learned)
        if spec.update == "sequence":
            self.now |= learning.summed(g, self.now, found, keep)
            self._count("summed", learned)
        else:
            self.now |= learning.updated(g, spec, self.now, found, self._rate(), learned, slope)

    def _rate(self) -> str:
        """The learning rate (B, 1) as it is scheduled for the optimiser's next step."""
        g, rate, schedule = self.g, self.now["learning_rate"], self.spec.schedule
        if schedule is None:
            return rate
        t = self.now["updates"]
        if schedule.restart:
            t = g.op("Sub", t, self.now["schedule_start"])
        return g.narrowed(g.op("Mul", g.widened(rate), schedules.factor(g, schedule, t)))

    def _end_sequence(self, keep: str) -> None:
        """A sequence has ended for the state that learns, where `keep` (B, 1) is 0."""
        if self.spec.update == "sequence":
            self._apply_sums(keep)
        if "schedule_start" in self.now:
            g, kept = self.g, self.g.op("Greater", keep, self.g.constant(0.0))
            start = g.op("Where", kept, self.now["schedule_start"], self.now["updates"])
            self.now["schedule_start"] = start

    def _apply_sums(self, keep: str) -> None:
        """The optimiser's step with the summed gradients, where there are any."""
        g = self.g
        some = g.cast(g.op("Greater", self.now["summed"], g.constant(0.0, wide=True)))
        ends = g.op("Mul", some, g.op("Sub", g.constant(1.0), keep))
        third = g.op("Unsqueeze", ends, g.integers(2))
        sums = {
            group.name: Gradient("", g.op("Mul", third, self.now[f"{group.name}.sum"]))
            for group in plan.groups(self.spec)
        }
        self.now |= learning.updated(g, self.spec, self.now, sums, self._rate(), ends)
        self.now["summed"] = g.op("Mul", self.now["summed"], g.widened(keep))


class _Learner(_Step):
    """Predict, then learn."""

    def step(self) -> tuple[str, dict[str, str]]:
        keep = self.keep
        self._end_sequence(keep)
        z = self._scale_inputs()
        passed = self.stack.advance(self.now, z, begun_anew(self.g, self._states(), keep))
        self.now |= passed.states
        y_hat = self._say(passed)
        self._observe_target()
        self._learn_combination(self.now.get("terms", ""))
        self._trace(passed, keep)
        self._learn(passed, keep)
        self._count("steps", self.ones)
        return y_hat, self.now


class _Forecaster(_Step):
    """Learn what this row's label teaches, then forecast `horizon` rows ahead.

    A trailing state is `horizon` rows behind, and takes the row whose label has arrived; the
    leading one takes this row at once. The rings hold the rows between them, the oldest first.
    """

    def step(self) -> tuple[str, dict[str, str]]:
        g, now, keep = self.g, self.now, self.keep
        horizon = g.constant(self.spec.horizon, wide=True)
        self._spread_rings()
        now["since"] = g.op("Mul", now["since"], g.widened(keep))
        self._observe_target()
        started = g.cast(g.op("Not", g.op("Less", now["steps"], horizon)))
        # Else a reset lies between the row and its label.
        may = g.cast(g.op("Not", g.op("Less", now["since"], horizon)))
        if self.spec.combine_with:
            self._learn_combined(may)
        self._trail(started, may)
        z = self._scale_inputs()
        passed = self.stack.advance(now, z, begun_anew(g, self._states(), keep))
        now |= passed.states
        y_hat = self._say(passed)
        self._buffer("ring", z)
        if self.spec.combine_with:
            self._buffer("combination.ring", now["terms"])
        self._buffer("ring.reset", g.op("Sub", self.ones, keep))
        self._count("since", self.ones)
        self._count("steps", self.ones)
        return y_hat, now

    def _trail(self, started: str, may: str) -> None:
        """The row of `horizon` rows ago, whose label this row has."""
        g, now = self.g, self.now
        keep = g.op("Sub", self.ones, self._oldest("ring.reset"))
        self._end_sequence(keep)
        states = begun_anew(g, self._states("trailing."), keep)
        passed = self.stack.advance(now, self._oldest("ring"), states)
        for name, value in passed.states.items():
            now[f"trailing.{name}"] = g.op("Mul", value, started)
        self._trace(passed, keep, started)
        self._learn(passed, keep, may)

    def _learn_combined(self, may: str) -> None:
        """The row of `horizon` rows ago; or for each step the one that was so many rows ago."""
        g, now, spec = self.g, self.now, self.spec
        if not spec.every_step:
            self._learn_combination(self._oldest("combination.ring"), may)
            return
        steps = g.number("steps_ahead", np.arange(1.0, 1.0 + spec.horizon)[None], wide=True)
        may = g.cast(g.op("Not", g.op("Less", now["since"], steps)))
        self._learn_combination(combining.of_each_step(g, spec, now["combination.ring"]), may)

    def _spread_rings(self) -> None:
        """A ring of one learner, the default, for each of the batch."""
        g, now = self.g, self.now
        ones = g.op("Unsqueeze", self.ones, g.integers(2))
        now["ring"] = g.op("Mul", now["ring"], ones)
        now["ring.reset"] = g.op("Mul", now["ring.reset"], self.ones)
        if self.spec.combine_with:
            ones = g.op("Unsqueeze", g.widened(ones), g.integers(3))
            now["combination.ring"] = g.op("Mul", now["combination.ring"], ones)

    def _oldest(self, ring: str) -> str:
        g = self.g
        found = g.op("Slice", self.now[ring], g.integers(0), g.integers(1), g.integers(1))
        return found if ring == "ring.reset" else g.op("Squeeze", found, g.integers(1))

    def _buffer(self, ring: str, row: str) -> None:
        """The newest row to the end, the oldest away."""
        g = self.g
        if ring != "ring.reset":
            row = g.op("Unsqueeze", row, g.integers(1))
        if self.spec.horizon > 1:
            ends = g.integers(1), g.integers(combining.LAST), g.integers(1)
            row = g.op("Concat", g.op("Slice", self.now[ring], *ends), row, axis=1)
        self.now[ring] = row
