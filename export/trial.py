"""A learner graph is run in onnxruntime against the engine before anybody gets it.

As in `verify`, each row from the numbers that the engine had before it: the rows are a batch of
learners. The rows have labels that are missing, wholly or in part, weights of labels, rates and
beginnings of sequences.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from rtrl_lstm.fields import Array

from . import carry, verify
from .carry import Net
from .errors import ExportError
from .provenance import Provenance
from .runtime import start

ROWS = 200
"""Of the trial; a sequence begins at one in twelve."""

LEAST_ROWS = 20
"""Of the trial of a large learner, the numbers of whose rows would take more than `ROOM`."""

LARGE = 1e20
"""No label of a trial is beyond it."""

ROOM = 2**28
"""Bytes for the numbers of all rows of a trial, and of the rows of one call."""


@dataclass(frozen=True)
class Row:
    """What the engine made of one row.

    Attributes:
        fed, expected: input or output name -> array, without the batch.
        plain: whether it is fed what the graph takes if it is told nothing but x and y.
    """

    fed: dict[str, Array]
    expected: dict[str, Array]
    plain: bool = False


def verify_learner(data: bytes, net: Net, provenance: Provenance) -> dict[str, float]:
    """Run a learner graph against the engine, learning included.

    Args:
        data: of the graph file.
        net: what was exported; it stays as it is.
        provenance: which graph it is.

    Returns:
        A dict of output name -> largest difference, as a fraction of the largest number that the
        output takes in the trial.

    Raises:
        ExportError: an output differs by more than `verify.LIMIT`, of the coarser of the two
            precisions.
    """
    session = start(data, "cpu")
    largest: dict[str, float] = {}
    sizes: dict[str, float] = {}
    rows = _rows(net, provenance)
    batch = max(1, ROOM // (4 * net.layout.nbytes))
    pending: list[Row] = []
    for row in rows:
        if row.plain:  # the graph has to hold all else
            alone = Row({name: row.fed[name] for name in ("x", "y")}, row.expected)
            _compare(session, [alone], provenance, largest, sizes)
        pending.append(row)
        if len(pending) == batch:
            _compare(session, pending, provenance, largest, sizes)
            pending = []
    if pending:
        _compare(session, pending, provenance, largest, sizes)
    if not sizes:
        raise ExportError("the learner diverges at once when it learns: there is nothing to export")
    tiny = float(np.finfo(np.float64).tiny)
    differences = {name: off / max(sizes[name], tiny) for name, off in largest.items()}
    verify.refuse_if_wrong(differences, provenance)
    return differences


def _compare(
    session: ort.InferenceSession,
    rows: list[Row],
    provenance: Provenance,
    largest: dict[str, float],
    sizes: dict[str, float],
) -> None:
    """Run some rows as a batch; what they differ by, and how large they are, is kept by name."""
    wide = {name for name, number in provenance.carried().items() if number.wide}
    fed = {
        name: np.stack([row.fed[name] for row in rows]).astype(
            np.float64 if name in wide else provenance.dtype
        )
        for name in rows[0].fed
    }
    names = list(rows[0].expected)
    for name, found in zip(names, session.run(names, fed), strict=True):
        expected = np.stack([row.expected[name] for row in rows])
        off = np.abs(found - expected)
        off[np.isnan(found) & np.isnan(expected)] = 0.0
        largest[name] = float(np.max([largest.get(name, 0.0), off.max(initial=0.0)]))
        size = float(np.nanmax(np.abs(expected), initial=0.0))
        sizes[name] = max(sizes.get(name, 0.0), size)


def _rows(net: Net, provenance: Provenance) -> Iterator[Row]:
    """Rows and what the engine makes of them; it begins anew where it leaves all bounds."""
    rng, dtype = np.random.default_rng(0), provenance.dtype
    count = min(ROWS, max(LEAST_ROWS, ROOM // (8 * net.layout.nbytes)))
    x = verify.random_rows(net.scaling(), net.spec, count, str(dtype))
    y = _labels(net, x, rng).astype(dtype).astype(np.float64)
    weights = rng.uniform(0.0, 2.0, count).astype(dtype).astype(np.float64)
    weights[rng.random(count) < 0.1] = 0.0
    begins = rng.random(count) < 1 / 12
    rates = (net.learning_rate * rng.uniform(0.5, 1.0, count)).astype(dtype)
    weights[0], begins[0], rates[0] = 1.0, False, net.learning_rate
    engine = copy.copy(net)
    for t in range(count):
        before = carry.numbers_of(engine)
        engine.learning_rate = float(rates[t])
        if begins[t]:
            engine.reset()
        said = engine.step(x[t], y[t], weights[t])
        after = carry.numbers_of(engine)
        settings = {"learning_rate": rates[t], "sample_weight": weights[t], "reset": begins[t]}
        row = {"x": x[t], "y": y[t]} | {
            name: np.array([value], np.float64) for name, value in settings.items()
        }
        expected = {"y_hat": said.astype(np.float64)}
        expected |= {f"{name}_out": value for name, value in after.items()}
        # An exponential makes of a small difference a large one.
        wild = not np.isfinite(said).all() or (
            net.spec.activation == "exp" and said.max() > verify.WILD
        )
        if wild or _is_wild(after):
            engine = copy.copy(net)
        else:
            yield Row(row | before, expected, plain=t == 0)


def _is_wild(numbers: dict[str, Array]) -> bool:
    """Whether a number is beyond all bounds; what a combination has not seen is NaN, and well."""
    for name, values in numbers.items():
        if name.startswith(("h_", "c_", "trailing.")) and (np.abs(values) > verify.WILD).any():
            return True
        if name != "combination.ring" and not np.isfinite(values).all():
            return True
    return False


def _labels(net: Net, x: Array, rng: np.random.Generator) -> Array:
    """Labels (T, K) of the kind and size that the learner expects, some of them missing."""
    spec = net.spec
    shape = (len(x), spec.target_size)
    match spec.loss:
        case "cross_entropy":
            y = rng.integers(0, spec.output_size, shape).astype(np.float64)
        case "log_loss":
            y = rng.integers(0, 2, shape).astype(np.float64)
        case "poisson":
            y = rng.poisson(2.0, shape).astype(np.float64)
        case _ if spec.activation == "sigmoid":
            y = rng.random(shape)
        case _:
            said = np.asarray(net.frozen().run(x), np.float64)[:, : spec.target_size]
            # A net that grows without bound says what is no label any more.
            said = np.clip(np.nan_to_num(said), -LARGE, LARGE)
            bound = 10 * (1 + np.median(np.abs(said)))
            said = np.clip(said, -bound, bound)
            scaling = net.scaling()["target_scale"][: spec.target_size]
            spread = scaling if spec.scale_target else np.maximum(said.std(0), 1.0)
            y = said + spread * rng.standard_normal(shape)
    y[rng.random(shape) < 0.15] = np.nan
    y[rng.random(len(x)) < 0.1] = np.nan
    y[0] = np.where(np.isnan(y[0]), 0.0, y[0])
    return y
