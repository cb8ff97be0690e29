"""Forecasts of several learners mixed by the recent losses of each: numbers, or probabilities."""

import numpy as np

FADES = 0.99
LEAST_PROBABILITY = 1e-6


class Mixture:
    """Takes rows one by one: what each said, as a Model says it, and the row's truth."""

    def __init__(self, members: int, horizon: int) -> None:
        self.losses = None
        self.members, self.horizon = members, horizon
        self.awaited = []

    def reset(self) -> None:
        self.awaited = []

    def take(self, each, truth):
        if self.horizon and len(self.awaited) == self.horizon:
            self.learn(self.awaited.pop(0), truth)
        shares = (
            np.ones(self.members) if self.losses is None else np.maximum(self.losses, 1e-12) ** -4.0
        )
        shares = shares / shares.sum()
        if each[0] is None:
            mixed = None
        elif isinstance(each[0], dict):
            mixed = {label: shares @ [one[label] for one in each] for label in each[0]}
        else:
            mixed = shares @ each
        if self.horizon:
            self.awaited.append(each)
        else:
            self.learn(each, truth)
        return mixed

    def learn(self, each, truth) -> None:
        if truth is None or each[0] is None:
            return
        if isinstance(each[0], dict):
            shares = [max(one.get(truth, 0.0), LEAST_PROBABILITY) for one in each]
            found = -np.log(shares)
        else:
            found = np.abs(np.subtract(each, truth))
        old = self.losses
        self.losses = found if old is None else FADES * old + (1 - FADES) * found
