"""The arrays of what is mixed with a network's forecast: simple forecasts, and past labels."""

from __future__ import annotations

from rtrl_lstm.fields import Fields, labels
from rtrl_lstm.kernels import slots
from rtrl_lstm.spec import Spec


class Mixed(Fields):
    """Places for them, and where a kernel finds these.

    Attributes:
        spec: of the learner.
    """

    spec: Spec

    def _write_combination(self, table: list[int]) -> None:
        several = self.spec.combined
        if not several:
            return
        # A term is called by its inputs of all outputs.
        together = zip(*several, strict=True)
        names = ("+".join(f"x{k}" for k in dict.fromkeys(each)) for each in together)
        terms, outputs = ("one", "net", *names), labels("y", len(several))
        losses = (outputs, ("combined", *terms[2:], "mean"), ("few", "many", "count"))
        ring = (labels("row", max(self.spec.horizon, 1)), outputs, (*terms, "mean", "mixed"))
        advantage = (outputs, ("first", "mean"), ("sum", "variance", "lately", "size"))
        table[slots.T_COMBINED] = len(terms)
        table[slots.T_COMBINED_INPUTS] = len(table)
        table.extend(k for inputs in several for k in inputs)
        for slot, name, axes in (
            (slots.T_COMBINATION, "combination", (outputs, terms)),
            (slots.T_COVARIANCE, "combination.covariance", (outputs, terms, terms)),
            (slots.T_REACH, "combination.reach", (("reach", "terms"), terms)),
            (slots.T_LOSSES, "combination.losses", losses),
            (slots.T_ADVANTAGE, "combination.advantage", advantage),
            (slots.T_COMBINED_RING, "combination.ring", ring),
        ):
            table[slot] = self._place_head(name, *axes)

    def _write_contexts(self, table: list[int]) -> None:
        """See `kernels/contexts.py`."""
        spec = self.spec
        orders, places = labels("order", slots.ORDERS), labels("slot", slots.BUCKETS * slots.WAYS)
        if spec.context_inputs:
            orders = (*orders, *labels("rows", slots.ORDERS))
            table[slots.T_SYMBOLS], table[slots.T_SYMBOLS_COUNT] = (
                len(table),
                len(spec.context_inputs),
            )
            table.extend(spec.context_inputs)
            table[slots.T_PAST_ROWS] = self._place_head(
                "contexts.rows", labels("row", spec.horizon + slots.ORDERS + 1)
            )
        classes = 2 if spec.loss == "log_loss" else spec.output_size
        table[slots.T_CONTEXTS] = len(orders)
        table[slots.T_PAST_LABELS] = self._place_head(
            "contexts.labels", labels("row", spec.horizon + slots.ORDERS + 1)
        )
        table[slots.T_SHARES] = self._place_head(
            "contexts.shares",
            orders,
            labels("run", slots.RUNS),
            ("differs", "agrees"),
            ("share", "count"),
        )
        for slot, name, axis in (
            (slots.T_FREQUENCIES, "frequencies", labels("y", classes)),
            (slots.T_WEIGHTS, "weights", ("often", "damped", "plain", "sharpened")),
            (slots.T_CHAIN, "chain", ("always", "log_odds")),
            (slots.T_SAID, "said", labels("y", classes)),
        ):
            table[slot] = self._place_head(f"contexts.{name}", axis)
        table[slots.T_FOUND] = self._place_head(
            "contexts.found", orders, ("slot", "share", "below")
        )
        table[slots.T_SUCCESSORS] = self._place(
            "contexts.successors", orders, places, ("check", "label", "run")
        )
