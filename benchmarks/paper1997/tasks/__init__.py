"""The tasks of the 1997 paper, and a few farther ones: seeded generators of sequences.

Every task makes a `Batch`: sequences one after the other. Most have a target in their last row
alone, as in the paper.
"""

from .batch import Array, Batch, Rng, Task
from .farther import DelayedXor
from .numbers import TwoMarked, TwoSequences
from .reber import REBER, EmbeddedReber, reber_string
from .symbols import Distractors, NoiseFree, TemporalOrder

__all__ = [
    "REBER",
    "Array",
    "Batch",
    "DelayedXor",
    "Distractors",
    "EmbeddedReber",
    "NoiseFree",
    "Rng",
    "Task",
    "TemporalOrder",
    "TwoMarked",
    "TwoSequences",
    "reber_string",
]
