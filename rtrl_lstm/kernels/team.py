"""Threads that take a share of the sweeps over a large layer.

The *leader* is the thread that takes the rows. At a sweep that is worth it, it opens a *task*: the
layer's lanes are cut into chunks of whole vectors, and whoever is there claims one chunk after the
other, the leader like its helpers. So a helper is help and no more: if it is late, sleeps, or was
never started, the leader does all by itself. It waits for nothing but chunks that others have
claimed. Each chunk is computed alone, and no sum goes across chunks; so the results are the same
bits, whoever did which.

Each thread begins with chunks of its own, the same at every row, which stay in the cache of its
core; then it takes what others have left, from their ends.

A team's words, int64, lie in memory of their own, at an address that the leader gets with its rows
(0: no team). No two that different threads write are in one cache line.

A fleet's learners are shared in the same way: one call is one task, with words of its own.
"""

from __future__ import annotations

import numpy as np

from rtrl_lstm.kernels.atomics import count_up, exchange, give_way, pause, publish, read
from rtrl_lstm.kernels.jit import inline
from rtrl_lstm.kernels.lanes import float64_at, int64_at
from rtrl_lstm.kernels.slots import L_LANES, L_SOURCES

LINE = 8  # words in a cache line
W_OPEN = 0  # 1 while the leader is at work
W_HEAD = 1  # addresses of the learner's numbers
W_BODY = 2
W_TABLE = 3
W_THREADS = 4
W_EACH = 5  # chunks that each thread begins with
W_TASK = LINE  # how many tasks there have been
W_WHAT = LINE + 1  # what is to be done in this one: ADVANCE ...
W_LAYER = LINE + 2
W_PLACE = LINE + 3  # and where: u_next, or a set of states, or the layer below
W_SPAN = LINE + 4  # lanes in a chunk
W_SCALE = LINE + 5  # float64, of SETTLE: what the sums of gradients are multiplied with
W_LIMIT = LINE + 6  # float64: and what they are cut to
W_DONE = 2 * LINE  # how many chunks have been done, of all tasks
W_CLAIMED = 3 * LINE  # for each chunk, a line apart: the last task in which it was claimed
CHUNKS_EACH = 4  # of a layer
CHUNKS_EACH_OF_FLEET = 16

ADVANCE, FINISH, PROJECT, PASS_DOWN, SETTLE = range(5)

LEAST = 1 << 15
"""So many numbers a row of weights must have, all units together: else a sweep is over before
another thread has heard of it."""

_PATIENCE = 2_000  # pauses before a thread that waits lets others have its core
_ENOUGH = 200_000  # times a helper gives way before it gives up: the leader has been stopped


@inline
def begin_sweep(team, table, layer, what, place, count, width):
    """The leader's first chunk of a sweep over `count` lanes, and how many lanes a chunk has.

    Where there is a team and the layer is worth it, the sweep is a task; else it is one chunk.
    """
    if not _is_shared(team, table, layer):
        return np.int64(0), count
    span = _open_task(team, what, layer, place, count, width)
    return _claim_as_leader(team), span


@inline
def next_chunk(team, table, layer):
    """The leader has done a chunk, and gets its next; -1 once all of the sweep is done."""
    if not _is_shared(team, table, layer):
        return np.int64(-1)
    done(team)
    return _claim_as_leader(team)


@inline
def _is_shared(team, table, layer):
    return team != 0 and table[layer + L_LANES] * table[layer + L_SOURCES] >= LEAST


@inline
def _open_task(team, what, layer, place, count, width):
    """Let helpers begin with a task of `count` lanes; returns how many of them a chunk has."""
    words = int64_at(team)
    chunks = words[W_THREADS] * words[W_EACH]
    vectors = (count + width - 1) // width
    span = (vectors + chunks - 1) // chunks * width
    words[W_WHAT] = what
    words[W_LAYER] = layer
    words[W_PLACE] = place
    words[W_SPAN] = span
    publish(words, W_TASK, words[W_TASK] + 1)
    return span


@inline
def open_fleet(words):
    """Let helpers begin with a fleet's learners; returns the number of the task."""
    publish(words, W_TASK, 1)
    return 1


@inline
def say_numbers(team, scale, limit):
    """What a task of SETTLE, which is yet to be opened, multiplies with and cuts to."""
    numbers = float64_at(team)
    numbers[W_SCALE] = scale
    numbers[W_LIMIT] = limit


@inline
def claim(words, number, task):
    """A chunk for thread `number` that nobody has claimed in this task; -1: there is none."""
    each, threads = words[W_EACH], words[W_THREADS]
    for k in range(number * each, (number + 1) * each):
        if _claim_one(words, k, task):
            return k
    for other in range(number + 1, number + threads):
        owner = other % threads
        for k in range(each):
            chunk = (owner + 1) * each - 1 - k
            if _claim_one(words, chunk, task):
                return chunk
    return -1


@inline
def _claim_one(words, chunk, task):
    # Each chunk is claimed once in each task. Whoever comes too late for a task finds its number,
    # or a later one.
    flag = W_CLAIMED + chunk * LINE
    return read(words, flag) == task - 1 and exchange(words, flag, task - 1, task)


@inline
def _claim_as_leader(team):
    """The leader's next chunk; -1 once all of the task is done."""
    words = int64_at(team)
    chunk = claim(words, 0, words[W_TASK])
    if chunk < 0:
        await_others(words)
    return chunk


@inline
def await_others(words):
    """Wait until all chunks are done."""
    all_done = words[W_TASK] * words[W_THREADS] * words[W_EACH]
    waited = 0
    while read(words, W_DONE) != all_done:
        waited += 1
        pause() if waited < _PATIENCE else give_way()


@inline
def done(team):
    """A chunk that was claimed is done."""
    count_up(int64_at(team), W_DONE)


@inline
def await_task(words, last):
    """The number of a task after number `last`; -1 when the leader's work is over."""
    waited = 0
    while read(words, W_OPEN) == 1 and waited < _PATIENCE + _ENOUGH:
        task = read(words, W_TASK)
        if task != last:
            return task
        waited += 1
        pause() if waited < _PATIENCE else give_way()
    return -1
