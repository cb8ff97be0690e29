"""An engine and its naive twin side by side: the same Spec, the same numbers, step by step.

This is the one place that knows how the engine names its arrays and how the twin names its own.
"""

import dataclasses

import numpy as np

import rtrl_lstm as rl
from reference import losses, optimisers
from reference.forecaster import ReferenceForecaster
from reference.learner import ReferenceLearner, State
from rtrl_lstm.kernels import slots

OPTIMISERS = {
    "sgd": optimisers.SGD,
    "momentum": optimisers.Momentum,
    "rmsprop": optimisers.RMSprop,
    "adagrad": optimisers.AdaGrad,
    "adam": optimisers.Adam,
    "adamw": optimisers.AdamW,
}
LOSSES = {
    "squared_error": lambda spec: losses.SquaredError(),
    "absolute_error": lambda spec: losses.AbsoluteError(),
    "huber": lambda spec: losses.Huber(spec.huber_delta),
    "quantile": lambda spec: losses.Quantile(spec.quantiles),
    "poisson": lambda spec: losses.Poisson(),
    "log_loss": lambda spec: losses.LogLoss(),
    "cross_entropy": lambda spec: losses.CrossEntropy(),
}


def engine(spec):
    """The Learner or Forecaster of a Spec."""
    fields = {f.name: getattr(spec, f.name) for f in dataclasses.fields(spec)}
    if spec.horizon:
        return rl.Forecaster(**fields)
    del fields["horizon"]
    return rl.Learner(**fields)


def twin(spec):
    """The naive learner, or forecaster, of a Spec; all its weights are zero."""
    loss = LOSSES[spec.loss](spec)
    if spec.output_activation == "sigmoid" and spec.loss != "log_loss":
        loss = losses.ThroughSigmoid(loss)
    learner = ReferenceLearner(
        spec.input_size,
        spec.hidden_size,
        spec.output_size,
        bias=spec.bias,
        shortcuts=spec.shortcuts,
        loss=loss,
        optimiser=OPTIMISERS[spec.optimizer.name](**dataclasses.asdict(spec.optimizer)),
        learning_rate=spec.learning_rate,
        update=spec.update,
        clip=spec.clip and (spec.clip.name, spec.clip.limit),
        scale_inputs=list(spec.scaled_inputs),
        scale_target=spec.scale_target,
    )
    return ReferenceForecaster(spec.horizon, learner) if spec.horizon else learner


def places(spec):
    """Parameter of the twin -> (array of the engine, how the twin's shape is seen in it)."""
    first = int(spec.bias)
    named = {f"W_{gate}": (f"layer0.{gate}", lambda a: a) for gate in "ifgo"}
    named["V"] = ("readout", np.transpose)
    if spec.bias:
        named["b"] = ("readout.direct", lambda a: a[:, 0])
    if spec.shortcuts:
        named["D"] = ("readout.direct", lambda a: a[:, first:])
    return named


def engine_numbers(net):
    """Every number of an engine as a flat dict, by the twin's names: "W_i", "W_i.trace", ..."""
    spec, found = net.spec, {}
    for name, (array, shaped) in places(spec).items():
        for kind in ("weight", "trace", "moment1", "moment2", "sum"):
            if f"{array}.{kind}" in net.layout.fields:
                key = name if kind == "weight" else f"{name}.{kind}"
                found[key] = shaped(net.array(f"{array}.{kind}"))
    for state in ("s", "h"):
        found[state] = net.array(f"layer0.{state}")
        if spec.horizon:
            found[f"lead.{state}"] = net.array(f"lead.layer0.{state}")
    for which, scaled in _scaled(spec).items():
        for part in ("count", "mean", "m2"):
            found[f"{which}.{part}"] = np.where(scaled, net.array(f"{which}.{part}"), 0.0)
    head = net.layout.head(net.block)
    found["updates"], found["summed"] = head[slots.H_UPDATES], float(head[slots.H_SUMMED] > 0)
    return found


def _scaled(spec):
    """For input and target, which of the numbers have running statistics."""
    return {"input": np.array(spec.scaled_inputs), "target": np.array([spec.scale_target])}


def twin_numbers(twin):
    """The same dict of a twin."""
    learner = getattr(twin, "learner", twin)
    found = dict(learner.parameters)
    kinds = learner.optimiser.kinds
    for name, w in learner.parameters.items():
        for k, kind in enumerate(kinds):
            moment = learner.optimiser.moments[kind].get(name, np.zeros_like(w))
            found[f"{name}.moment{k + 1}"] = moment
        found[f"{name}.sum"] = learner.gradients[name]
    for gate, trace in learner.state.traces.items():
        found[f"W_{gate}.trace"] = trace
    found["s"], found["h"] = learner.state.s, learner.state.h
    if twin is not learner:
        found["lead.s"], found["lead.h"] = twin.leading.s, twin.leading.h
    for which, scaler in (("input", learner.input_scaler), ("target", learner.target_scaler)):
        for part in ("count", "mean", "m2"):
            found[f"{which}.{part}"] = getattr(scaler, part)
    found["updates"], found["summed"] = learner.optimiser.count, float(learner.labelled)
    return found


def load_twin(twin, numbers):
    """Put an engine's numbers into its twin; a forecaster keeps its own past inputs."""
    learner = getattr(twin, "learner", twin)
    for name in learner.parameters:
        learner.parameters[name] = numbers[name]
        learner.gradients[name] = numbers.get(f"{name}.sum", np.zeros_like(numbers[name]))
        for k, kind in enumerate(learner.optimiser.kinds):
            learner.optimiser.moments[kind][name] = numbers[f"{name}.moment{k + 1}"]
    traces = {gate: numbers[f"W_{gate}.trace"] for gate in learner.cell.traced}
    learner.state = State(numbers["s"], numbers["h"], traces)
    if twin is not learner:
        twin.leading = State(numbers["lead.s"], numbers["lead.h"], twin.leading.traces)
    for which, scaler in (("input", learner.input_scaler), ("target", learner.target_scaler)):
        for part in ("count", "mean", "m2"):
            setattr(scaler, part, numbers[f"{which}.{part}"].copy())
    learner.optimiser.count = int(numbers["updates"])
    learner.labelled = bool(numbers["summed"])


def assert_same_numbers(numbers, twin, tolerance, where=""):
    """An engine's numbers within ``tolerance`` of the twin's, relative to an array's largest."""
    expected = twin_numbers(twin)
    for name, got in numbers.items():
        bound = tolerance * max(1.0, np.abs(expected[name]).max(initial=0.0))
        if not (np.shape(got) == np.shape(expected[name]) and _within(got, expected[name], bound)):
            np.testing.assert_allclose(
                got, expected[name], rtol=0, atol=bound, err_msg=f"{name} {where}"
            )


def _within(got, expected, bound):
    """A tenth of the time that NumPy's own assertion takes where all is well."""
    return np.all(np.abs(got - expected) <= bound)
