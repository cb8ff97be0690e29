"""deep-river's LSTMs, which learn from a window of ten rows and begin it with a state of zero."""

from __future__ import annotations

import sys
import types
from typing import Any


def lstms() -> tuple[Any, Any]:
    """Its regressor and its classifier.

    Version 0.3.4 asks for River 0.25, and of what 0.26 has moved it needs two base classes of
    anomaly detectors, which have no part in this.
    """
    import river.anomaly
    import river.base

    if not hasattr(river.anomaly, "base"):
        moved = types.ModuleType("river.anomaly.base")
        for name in ("AnomalyDetector", "SupervisedAnomalyDetector"):
            setattr(moved, name, type(name, (river.base.Estimator,), {}))
        river.anomaly.base = sys.modules["river.anomaly.base"] = moved
    from deep_river.classification import zoo as classifiers
    from deep_river.regression import zoo as regressors

    return regressors.LSTMRegressor, classifiers.LSTMClassifier
