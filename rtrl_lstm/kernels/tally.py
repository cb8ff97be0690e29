"""What a target and its forecasts did, summed row by row."""

from __future__ import annotations

from rtrl_lstm.kernels.jit import entry


@entry
def add_to_tally(forecasts, labels, k, count, errors, changes, sizes, last):
    """`guard.Tally.note` of output k of many rows, in the same bits.

    forecasts, labels (T, K), NaN in labels where one is missing; last: the label before, NaN where
    there was none. Returns the new count, errors, changes, sizes and last.
    """
    for t in range(len(labels)):
        label = labels[t, k]
        if label == label:
            count += 1
            errors += abs(float(forecasts[t, k]) - label)
            if last == last:
                changes += abs(label - last)
            sizes += abs(label)
            last = label
    return count, errors, changes, sizes, last
