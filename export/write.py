"""`to_onnx`: a learner becomes an ONNX file, once the graph has been seen to do the same."""

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rtrl_lstm.ensemble import AnyLearner, Ensemble
from rtrl_lstm.forecaster import Forecaster
from rtrl_lstm.learner import Learner
from rtrl_lstm.modelfile import write_whole
from rtrl_lstm.models.model import Model

from . import carry, plan
from .contexts import contexts_of
from .errors import ExportError
from .graphfile import pack
from .learner import learner_graph
from .provenance import GRAPHS, LEARNING, PRECISIONS, Provenance
from .rounding import cost, with_rounded_weights
from .sequence import sequence_graph
from .snapshot import networks, scaling_of, snapshot
from .step import step_graph
from .storage import ROUNDED
from .trial import verify_learner
from .verify import check_inputs, verify

_EXPORTED = "a Learner, a Forecaster, an Ensemble or a Model is exported"
_OTHERS = {
    "Fleet": f"{_EXPORTED}; of a Fleet one of its learners, fleet[i]",
    "Parallel": f"{_EXPORTED}; of a Parallel its to_learner(i)",
    "Panel": f"{_EXPORTED}; of a Panel one of its models, panel.models[key]",
    "Delayed": f"{_EXPORTED}; of a Delayed its leading(), a Model that no longer learns",
}


def to_onnx(
    source: AnyLearner | Model,
    path: str | Path,
    graph: str = "step",
    precision: str = "float32",
) -> dict[str, float]:
    """Write a learner as an ONNX graph.

    The graph takes raw rows and the recurrent state, and gives forecasts in the target's own units
    and the new state; see `rtrl_lstm.export.step` and `rtrl_lstm.export.sequence` for the names.
    It computes what ``source.frozen()`` computes; a learner graph (`rtrl_lstm.export.learner`)
    what the learner itself does, learning included. Where the learner has ``contexts`` of labels,
    the graph is of the network alone; a Model's file has them beside it, for `ModelSession`. What
    a Model's forecasts are not below, 0 for counts, is in the graph, but in a learner graph, whose
    labels may show otherwise, beside it as well. Before anything is written the graph is run in
    onnxruntime against that. The file appears whole or not at all; equal learners give equal bytes.

    Args:
        source: of a Forecaster the graph has the leading state. Of an Ensemble it has all networks,
            each with its state, and their forecasts count for what they do at export. A Model's
            file also tells how a row becomes numbers, for `ModelSession`.
        path: the file to write; an existing one is replaced.
        graph: "step", "sequence" or "learner": one row forward, or T rows in one call: for a live
            stream, or for many rows at once. Or one row forward and a step of learning, for a batch
            of learners.
        precision: "float32", "float64", "float16" or "int8". In the last two the matrices of
            weights are stored, and the arithmetic is float32's; they are for graphs that do not
            learn.

    Returns:
        A dict of output name -> largest difference to the engine, as a fraction of the largest
        number that output took in the trial. For float16 and int8: what the rounded weights cost,
        the two learners being left running.

    Raises:
        TypeError: it is something else; of a fleet and its like, which part of it to export is
            said.
        ValueError: there is no such graph or precision.
        ExportError: the model has seen no row yet or holds numbers that are not finite, the
            precision cannot hold the inputs or the weights, the learner has an option that a
            learner graph cannot say, or the graph differs from the engine.
        OSError: the file cannot be written.
    """
    if graph not in GRAPHS:
        raise ValueError(f"graph must be {' or '.join(GRAPHS)}, not {graph!r}")
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be {' or '.join(PRECISIONS)}, not {precision!r}")
    given, model, names = _parts(source)
    learner = _alone(given)
    members = len(learner.members) if isinstance(learner, Ensemble) else 1
    provenance = Provenance(graph, precision, learner.spec, model, members=members)
    check_inputs(scaling_of(learner), names, str(provenance.dtype))
    if graph == "learner":
        if isinstance(learner, Ensemble):
            raise ExportError(
                f"a learner graph holds one network, and these are {members}: a step or a sequence "
                "graph holds them; or learn without --members, and not with --learning-rate auto"
            )
        data, differences = _learner(learner, provenance)
    else:
        floors = source.schema.floors if isinstance(source, Model) else ()
        data, differences = _forward(learner, provenance, floors)
    write_whole(Path(path), data)
    return differences


def _forward(
    net: AnyLearner, provenance: Provenance, floors: tuple[float, ...]
) -> tuple[bytes, dict[str, float]]:
    """A step or sequence graph that has been verified, and by how much it differs.

    Where weights are rounded, the graph is verified against the engine with rounded weights, and
    differs by what that costs.
    """
    rounds = provenance.precision in ROUNDED
    kept = with_rounded_weights(net, provenance.precision) if rounds else net
    numbers = networks(kept.frozen(), floors)
    draw = step_graph if provenance.graph == "step" else sequence_graph
    data = pack(draw(numbers, provenance.dtype, provenance.precision), provenance)
    differences = verify(data, numbers, kept.frozen(), provenance)
    if rounds:
        differences = cost(net.frozen(), kept.frozen(), provenance.ends[1])
    return data, differences


def _learner(net: Learner | Forecaster, provenance: Provenance) -> tuple[bytes, dict[str, float]]:
    """A learner graph that has been verified, and by how much it differs."""
    if provenance.precision not in LEARNING:
        raise ExportError(
            f"a learner graph is {' or '.join(LEARNING)}: small steps would be lost in "
            f"{provenance.precision}"
        )
    plan.check_known(net.spec)
    snapshot(net)  # which looks at the numbers
    numbers = carry.numbers_of(net)
    drawn = learner_graph(net.spec, numbers, net.learning_rate, provenance.dtype)
    data = pack(drawn, provenance)
    return data, verify_learner(data, net, provenance)


def _alone(given: AnyLearner) -> AnyLearner:
    """A copy to look at, which brings its block up to date; without the contexts of labels.

    The network learns and forecasts as if there were none, so that it is whole by itself.
    """
    learner = copy.copy(given)
    if learner.spec.contexts:
        learner.grow(dataclasses.replace(learner.spec, contexts=False, context_inputs=()))
    return learner


def _parts(
    source: AnyLearner | Model,
) -> tuple[AnyLearner, dict[str, Any] | None, Sequence[str]]:
    """The learner, what the file is to say of a Model, and the names of the inputs."""
    if not isinstance(source, Model | Learner | Forecaster | Ensemble):
        raise TypeError(_OTHERS.get(type(source).__name__, f"{_EXPORTED}, not {source!r}"))
    if not isinstance(source, Model):
        return source, None, [f"x[{k}]" for k in range(source.spec.input_size)]
    if source.learner is None:
        raise ExportError("the model has not learned yet: there is nothing to export")
    if isinstance(source.learner, Ensemble) and source.learner.spec.contexts:
        raise ExportError(
            f"each of the model's {len(source.learners)} networks goes by the labels before in its "
            "own way, and a graph does not hold that: learn without --members, and not with "
            "--learning-rate auto, to export"
        )
    contexts = None if isinstance(source.learner, Ensemble) else contexts_of(source.learner)
    model = {"schema": source.schema.to_json(), "contexts": contexts}
    return source.learner, model, source.schema.input_names
