"""One learner for many streams: the naive twin of ``rtrl_lstm.Parallel``."""

import copy

import numpy as np


class ReferenceParallel:
    """Naive learners or forecasters, one for each stream, whose ``update`` is "sequence".

    Gradients are gathered in each; after a row of each, their mean is applied once, and all get
    the parameters. The running statistics are those of all rows so far.
    """

    def __init__(self, streams):
        self.streams = streams
        self.learners = [getattr(stream, "learner", stream) for stream in streams]
        self.optimiser = copy.deepcopy(self.learners[0])  # for its parameters and moments alone

    def step(self, X, Y, active, weights):
        """Rows (k, I) and labels (k, K) of the streams ``active`` -> forecasts (k, O)."""
        said = [
            self.streams[i].step(x, y, weight)
            for i, x, y, weight in zip(active, X, Y, weights, strict=True)
        ]
        labels = sum(1 for learner in self.learners if learner.labelled)
        if labels:
            for name in self.optimiser.gradients:
                total = sum(learner.gradients[name] for learner in self.learners)
                self.optimiser.gradients[name] = total / labels
            self.optimiser.labelled = True
            self.optimiser.apply_sequence()
        for x, y in zip(X, Y, strict=True):
            self.optimiser.input_scaler.update(np.asarray(x, float))
            if self.optimiser.scale_target:
                self.optimiser.observe(y)
        for learner in self.learners:
            learner.parameters = dict(self.optimiser.parameters)
            learner.gradients, learner.labelled = learner.zero_gradients(), False
            learner.input_scaler = copy.deepcopy(self.optimiser.input_scaler)
            learner.target_scaler = copy.deepcopy(self.optimiser.target_scaler)
        return np.array(said)
