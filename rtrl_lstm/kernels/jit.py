"""The one JIT policy: how functions are compiled and where the result is kept.

`inline` marks a building block: compiled into its callers, never cached on its own.
`hot` marks one that every row goes through. A call costs 5 ns, as it hands lanes over in memory; a
row of a small net would pay for thirty. So such a block becomes part of its callers, however large.
`entry` marks a function that Python calls: cached on disk, and free of the GIL while it runs.

For the same reason some loops there count by hand: to begin and end one over a `range` with a step
takes twenty instructions, and a small net goes through most of them once.

All use `error_model="numpy"`: with Python's, every division carries a branch and no loop that
holds one is vectorised. None uses fastmath: sums keep the order they are written in, so a
result never depends on the width of the machine's vectors or on how the rows were chunked.

Numba does not notice an edit to a function in another file, so the cache lies in a folder named
after a hash of all the kernels' sources: a stale compilation cannot be found again. So what the
kernels are compiled with, down to a constant, has to lie in this folder.

Nor does Numba tell two blocks of one name and the same types apart, if different processes have
compiled them: in a process that loads both from disk the first one stands for both (Numba's issue
10486). So the blocks that a factory makes, `loop.make_take` for each cell, are numbered.
"""

from __future__ import annotations

import gc
import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import config

from rtrl_lstm.kernels import blocks
from rtrl_lstm.oslock import lock

_HERE = Path(__file__).parent
_made: Counter[tuple[str, str]] = Counter()  # how many blocks have a name so far


@cache
def _sources_hash() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(_HERE.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> Path | None:
    """The folder of compiled kernels, made if need be; None where no folder can be written.

    `RTRL_LSTM_CACHE` names the parent folder; by default it is `rtrl-lstm` in the user's cache.
    """
    user_cache = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    parent = os.environ.get("RTRL_LSTM_CACHE") or os.path.join(user_cache, "rtrl-lstm")
    folder = Path(parent).expanduser() / _sources_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def inline(function: Callable[..., Any]) -> Any:
    """Compile `function` as a building block of entries; Python itself cannot call it."""
    return _njit(_named_apart(function), no_cpython_wrapper=True, **blocks.options())


def hot(function: Callable[..., Any]) -> Any:
    """Compile `function` as `inline` does, and leave no call of it in an entry."""
    function.hot = True
    return inline(function)


def _named_apart(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, of a name that no other block has, and the same in every process."""
    name = function.__qualname__
    _made[function.__module__, name] += 1
    function.__qualname__ = f"{name}.{_made[function.__module__, name]}"
    return function


def _njit(function: Callable[..., Any], **more: Any) -> Any:
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
    return numba.njit(**options, **more)(function)


def entry(function: Callable[..., Any]) -> Any:
    """Compile `function` for callers in Python, and keep the machine code on disk."""
    compiled = _njit(function)
    folder = cache_folder()
    if folder is None:
        return compiled
    # Numba reads the folder at this moment only; other packages' caches stay where they are.
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        compiled.enable_caching()
    finally:
        config.CACHE_DIR = before
    return compiled


def bare(function: Any, *examples: Any) -> Any:
    """The entry `function` for arguments of the types of `examples`, compiled if need be.

    Without Numba's look at each argument a call costs half. The caller answers for the types: an
    array must have the dtype and the dimensions of its example.
    """
    types = tuple(numba.typeof(example) for example in examples)
    if types not in function.overloads:
        name = f"{function.__name__}-{hashlib.sha256(repr(types).encode()).hexdigest()[:16]}"
        with _alone(name), _uncollected():
            function.compile(types)
    return function.overloads[types].entry_point


@contextmanager
def _alone(what: str) -> Iterator[None]:
    """Of all processes, one compiles `what`; the others wait for it, and find it on disk."""
    folder = cache_folder()
    if folder is None:
        yield
        return
    with open(folder / f"{what}.lock", "wb") as file:  # closing it unlocks
        with suppress(OSError):  # some network folders have no locks: then each compiles
            lock(file.fileno(), wait=True)
        yield


@contextmanager
def _uncollected() -> Iterator[None]:
    """Compile without Python's search for garbage: a fifteenth of the time, and it finds little."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def is_compiled(function: Any) -> bool:
    """Whether some specialisation of the entry `function` is in memory or on disk."""
    if function.signatures:
        return True
    folder = cache_folder()
    return folder is not None and any(folder.rglob(f"*.{function.__name__}-*.nbc"))
