"""`learn --from`: a network that has learned elsewhere, out of an ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtrl_lstm.cli.errors import Stop, about

if TYPE_CHECKING:
    from rtrl_lstm.forecaster import Forecaster
    from rtrl_lstm.learner import Learner

SETTLED = ("hidden", "cell", "dtype")
"""Options that the network comes with."""


def network_of(path: str, options: dict[str, Any]) -> Learner | Forecaster:
    """The network in a file, to go on from as the options say.

    Raises:
        Stop: there is no such file, it holds no such network, or an option contradicts it.
    """
    from rtrl_lstm.export import from_onnx

    for name in SETTLED:
        if options[name] is not None:
            raise Stop(f"--{name} is settled by {path}: leave it out")
    wanted: dict[str, Any] = {"horizon": options["horizon"]} if options["horizon"] else {}
    if options["task"] == "binary":
        wanted["loss"] = "log_loss"
    try:
        return from_onnx(path, **wanted)
    except (OSError, ValueError) as error:
        raise Stop(f"cannot start with {about(path, error)}") from error
