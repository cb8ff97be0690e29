"""River's estimators: a learner behind `learn_one` and `predict_one`. The extra "river".

Only `learn_one` advances the recurrent state: a forecast is made from the state behind the last
row that was learned, also where labels arrive late.
"""

from __future__ import annotations

try:
    import river.utils.dataframe  # noqa: F401, whether it is there, and new enough
except ImportError as error:
    raise ImportError(
        "rtrl_lstm.river needs River 0.26 or newer, which is not installed: "
        "pip install 'rtrl-lstm[river]'"
    ) from error

from rtrl_lstm.river.forecaster import RTRLForecaster
from rtrl_lstm.river.supervised import RTRLClassifier, RTRLRegressor

__all__ = ["RTRLClassifier", "RTRLForecaster", "RTRLRegressor"]
