"""How good the forecasts were: prequential figures beside the baselines, and their course."""

from rtrl_lstm.score.history import History
from rtrl_lstm.score.prequential import Prequential
from rtrl_lstm.score.worth import worth_of_columns

__all__ = ["History", "Prequential", "worth_of_columns"]
