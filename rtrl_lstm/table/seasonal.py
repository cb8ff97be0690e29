"""Which targets of the past are inputs, by what is forecast."""

from __future__ import annotations

from rtrl_lstm.table.lags import Lags, LagsAlone
from rtrl_lstm.table.past import Past
from rtrl_lstm.table.season_inputs import SeasonInputs
from rtrl_lstm.table.steplags import MOST_COMBINED, StepLags
from rtrl_lstm.table.targetlags import TargetLags


def lags_for(targets: list[str], horizon: int, every_step: bool, past: Past) -> SeasonInputs:
    """Those of a stream of numbers; see `Schema` for the arguments."""
    if len(targets) > 1:
        return TargetLags(targets, horizon)
    if every_step and horizon <= MOST_COMBINED:
        return StepLags(targets[0], horizon, past)
    return LagsAlone(targets[0], horizon) if every_step else Lags(targets[0], horizon)
