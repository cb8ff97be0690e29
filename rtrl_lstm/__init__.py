"""A recurrent network that learns one row at a time, as the data arrives.

Names are imported when they are first used: `import rtrl_lstm` alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtrl_lstm.ensemble import Ensemble
    from rtrl_lstm.fleet import Fleet
    from rtrl_lstm.forecaster import Forecaster
    from rtrl_lstm.learner import Learner
    from rtrl_lstm.modelfile import ModelFileError, load
    from rtrl_lstm.models.delayed import Delayed
    from rtrl_lstm.models.model import Model
    from rtrl_lstm.models.panel import Panel
    from rtrl_lstm.optimizers import (
        SGD,
        AdaGrad,
        Adam,
        AdamW,
        ClipCredit,
        ClipNorm,
        ClipValue,
        Cosine,
        Exponential,
        InverseTime,
        Linear,
        Momentum,
        ObGD,
        RMSprop,
    )
    from rtrl_lstm.parallel import Parallel
    from rtrl_lstm.spec import Spec
    from rtrl_lstm.table.values import BadRow, SchemaError

__version__ = "0.1.0"

_HOMES = {
    "Delayed": "models.delayed",
    "Ensemble": "ensemble",
    "Fleet": "fleet",
    "Parallel": "parallel",
    "Forecaster": "forecaster",
    "Learner": "learner",
    "Model": "models.model",
    "ModelFileError": "modelfile",
    "Panel": "models.panel",
    "load": "modelfile",
    "BadRow": "table.values",
    "SchemaError": "table.values",
    "SGD": "optimizers",
    "AdaGrad": "optimizers",
    "Adam": "optimizers",
    "AdamW": "optimizers",
    "ClipCredit": "optimizers",
    "ClipNorm": "optimizers",
    "ClipValue": "optimizers",
    "Momentum": "optimizers",
    "RMSprop": "optimizers",
    "Exponential": "optimizers",
    "InverseTime": "optimizers",
    "Linear": "optimizers",
    "Cosine": "optimizers",
    "ObGD": "optimizers",
    "Spec": "spec",
}

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "BadRow",
    "ClipCredit",
    "ClipNorm",
    "ClipValue",
    "Cosine",
    "Delayed",
    "Ensemble",
    "Exponential",
    "Fleet",
    "Forecaster",
    "InverseTime",
    "Learner",
    "Linear",
    "Model",
    "ModelFileError",
    "Momentum",
    "ObGD",
    "Panel",
    "Parallel",
    "RMSprop",
    "SchemaError",
    "Spec",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'rtrl_lstm' has no attribute {name!r}")
    value = getattr(import_module(f"rtrl_lstm.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
