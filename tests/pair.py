"""An engine and its naive twin side by side: the same Spec, the same numbers, step by step.

This is the one place that knows how the engine names its arrays and how the twin names its own.
"""

import dataclasses

import numpy as np
from streams import beginnings, rows

import rtrl_lstm as rl
from reference import cells, losses, optimisers, schedules
from reference.forecaster import ReferenceForecaster
from reference.layer import LayerState
from reference.learner import ReferenceLearner
from rtrl_lstm.cells import gates_of
from rtrl_lstm.kernels import slots

OPTIMISERS = {
    "sgd": optimisers.SGD,
    "momentum": optimisers.Momentum,
    "rmsprop": optimisers.RMSprop,
    "adagrad": optimisers.AdaGrad,
    "adam": optimisers.Adam,
    "adamw": optimisers.AdamW,
    "obgd": optimisers.ObGD,
}
SCHEDULES = {
    "exponential": schedules.Exponential,
    "inverse_time": schedules.InverseTime,
    "linear": schedules.Linear,
    "cosine": schedules.Cosine,
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

KINDS = {
    "weight": "",
    "trace": ".trace",
    "moment1": ".moment1",
    "moment2": ".moment2",
    "sum": ".sum",
}


def _lstm(spec):
    present = {"i": spec.input_gate, "f": spec.forget_gate, "o": spec.output_gate}
    return cells.LSTM(
        gates=[gate for gate, there in present.items() if there],
        coupled=spec.coupled_gates,
        peephole=spec.peephole,
        input_activation=spec.input_activation,
        cell_activation=spec.cell_activation,
        gate_recurrence=spec.gate_recurrence,
        recurrent=spec.recurrent,
        block_size=spec.block_size,
        biased=[part for part in ("gates", "cells") if spec.is_biased(part)],
    )


TWIN_CELLS = {
    "lstm": _lstm,
    "gru": lambda spec: cells.GRU(),
    "rnn": lambda spec: cells.RNN(spec.input_activation),
    "elstm": lambda spec: cells.ELSTM(output_gate=spec.output_gate),
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
        cell=TWIN_CELLS[spec.cell](spec),
        num_layers=spec.num_layers,
        bias=spec.bias,
        shortcuts=spec.shortcuts,
        loss=loss,
        optimiser=OPTIMISERS[spec.optimizer.name](**dataclasses.asdict(spec.optimizer)),
        learning_rate=spec.learning_rate,
        update=spec.update,
        rule=spec.rule,
        proj_size=spec.proj_size,
        schedule=spec.schedule
        and SCHEDULES[spec.schedule.name](**dataclasses.asdict(spec.schedule)),
        clip=spec.clip and (spec.clip.name, spec.clip.limit),
        scale_inputs=list(spec.scaled_inputs),
        scale_target=spec.scale_target,
        dropout=spec.dropout,
        seed=spec.seed,
    )
    return ReferenceForecaster(spec.horizon, learner, spec.every_step) if spec.horizon else learner


def _schedule(schedule):
    return schedule and SCHEDULES[schedule.name](**dataclasses.asdict(schedule))


def places(spec):
    """Parameter of the twin -> (array of the engine, how the twin's shape is seen in it)."""
    named, first = {}, int(spec.is_biased("readout"))
    for layer in _learner(twin(spec)).layers:
        named |= {name: (name, lambda a: a) for name in layer.rows}
        named |= {name: (name, lambda a: a[..., 0]) for name in layer.own}
        if layer.projection:
            named[layer.projection] = (layer.projection, lambda a: a)
    named["V"] = ("readout", np.transpose)
    if first:
        named["b"] = ("readout.direct", lambda a: a[:, 0])
    if spec.shortcuts:
        named["D"] = ("readout.direct", lambda a: a[:, first:])
    return named


def _learner(twin):
    """The twin's learner: itself, or a forecaster's."""
    return getattr(twin, "learner", twin)


def engine_numbers(net):
    """Every number of an engine as a flat dict, by the twin's names.

    A parameter such as "layer0.i" or "V", its "layer0.i.trace", ".moment1", ".moment2" and ".sum";
    states "s_0", "h_0" of layer 0, "lead.s_0" ... of a forecaster; running statistics; counts.
    """
    spec, found = net.spec, {}
    for name, (array, shaped) in places(spec).items():
        for kind, suffix in KINDS.items():
            if f"{array}.{kind}" in net.layout.fields:
                found[name + suffix] = shaped(net.array(f"{array}.{kind}"))
        if spec.rule == "truncated" and f"{name}.trace" in found and spec.block_size > 1:
            # Of a block's gates: (cells of a block, blocks, D) as (n, D).
            trace = found[f"{name}.trace"]
            found[f"{name}.trace"] = trace.reshape(spec.hidden_size, trace.shape[-1])
    for k in range(spec.num_layers):
        for state in "sh":
            found[f"{state}_{k}"] = net.array(f"layer{k}.{state}")
            if spec.horizon:
                found[f"lead.{state}_{k}"] = net.array(f"lead.layer{k}.{state}")
        found[f"gates_{k}"] = _gates(net, f"layer{k}")
        if spec.horizon:
            found[f"lead.gates_{k}"] = _gates(net, f"lead.layer{k}")
    for which, scaled in _scaled(spec).items():
        for part in ("count", "mean", "m2"):
            found[f"{which}.{part}"] = np.where(scaled, net.array(f"{which}.{part}"), 0.0)
    head = net.layout.head(net.block)
    found["updates"], found["summed"] = head[slots.H_UPDATES], float(head[slots.H_SUMMED] > 0)
    return found


def _gates(net, layer):
    """The gates of a layer that others see, one after the other."""
    if net.spec.gate_recurrence == "none":
        return np.zeros(0)
    arrays = [net.array(f"{layer}.{gate}.gate")[: net.spec.blocks] for gate in gates_of(net.spec)]
    return np.concatenate(arrays)


def _scaled(spec):
    """For input and target, which of the numbers have running statistics."""
    return {"input": np.array(spec.scaled_inputs), "target": np.array([spec.scale_target])}


def twin_numbers(twin):
    """The same dict of a twin."""
    learner = _learner(twin)
    found = dict(learner.parameters)
    for name, w in learner.parameters.items():
        for k, kind in enumerate(learner.optimiser.kinds):
            moment = learner.optimiser.moments[kind].get(name, np.zeros_like(w))
            found[f"{name}.moment{k + 1}"] = moment
        found[f"{name}.sum"] = learner.gradients[name]
    for k, layer in enumerate(learner.state):
        found[f"s_{k}"], found[f"h_{k}"], found[f"gates_{k}"] = layer.s, layer.h, layer.gates
        if learner.rule == "truncated":
            found |= {f"{name}.trace": trace for name, trace in layer.traces.items()}
    if twin is not learner:
        for k, layer in enumerate(twin.leading):
            found[f"lead.s_{k}"], found[f"lead.h_{k}"] = layer.s, layer.h
            found[f"lead.gates_{k}"] = layer.gates
    for P in learner.influence:
        found |= {f"{name}.trace": _kept(learner, influence) for name, influence in P.items()}
    for which, scaler in (("input", learner.input_scaler), ("target", learner.target_scaler)):
        for part in ("count", "mean", "m2"):
            found[f"{which}.{part}"] = getattr(scaler, part)
    found["updates"], found["summed"] = learner.optimiser.count, float(learner.labelled)
    return found


def _kept(learner, P):
    """P as an engine keeps it: of SnAp-1, ds/dw and dh/dw of the weight's own unit."""
    if learner.rule == "full":
        return P
    units = np.arange(P.shape[1])
    return np.stack([P[units, units], P[len(units) + units, units]])


def _spread(P, kept):
    """The inverse of `_kept` for SnAp-1."""
    units = np.arange(P.shape[1])
    P = np.zeros_like(P)
    P[units, units], P[len(units) + units, units] = kept
    return P


def twin_state(twin, numbers):
    """The recurrent state of all layers, as an engine's numbers have it."""
    truncated = _learner(twin).rule == "truncated"  # others keep P instead
    return tuple(
        LayerState(
            numbers[f"s_{k}"],
            numbers[f"h_{k}"],
            {name: numbers[f"{name}.trace"] for name in layer.traces}
            if truncated
            else layer.traces,
            numbers[f"gates_{k}"],
        )
        for k, layer in enumerate(_learner(twin).state)
    )


def load_twin(twin, numbers):
    """Put an engine's numbers into its twin; a forecaster keeps its own past inputs."""
    learner = _learner(twin)
    for name in learner.parameters:
        learner.parameters[name] = numbers[name]
        learner.gradients[name] = numbers.get(f"{name}.sum", np.zeros_like(numbers[name]))
        for k, kind in enumerate(learner.optimiser.kinds):
            learner.optimiser.moments[kind][name] = numbers[f"{name}.moment{k + 1}"]
    learner.state = twin_state(twin, numbers)
    for P in learner.influence:
        for name, influence in P.items():
            kept = numbers[f"{name}.trace"]
            P[name] = kept.copy() if learner.rule == "full" else _spread(influence, kept)
    if twin is not learner:
        twin.leading = tuple(
            LayerState(
                numbers[f"lead.s_{k}"],
                numbers[f"lead.h_{k}"],
                layer.traces,
                numbers[f"lead.gates_{k}"],
            )
            for k, layer in enumerate(twin.leading)
        )
    for which, scaler in (("input", learner.input_scaler), ("target", learner.target_scaler)):
        for part in ("count", "mean", "m2"):
            setattr(scaler, part, numbers[f"{which}.{part}"].copy())
    learner.optimiser.count = int(numbers["updates"])
    learner.labelled = bool(numbers["summed"])


def assert_steps_agree(spec, steps=25, seed=0, tolerance=1e-12, every=9, learned=0.8, inputs=None):
    """Every step of the engine is the twin's step from the same numbers.

    Two correct learners that differ in the order of their sums drift apart when left running, so
    the engine's numbers are copied into the twin before every step; after it all are compared.
    Sequences begin about once in ``every`` rows; ``inputs`` says {(row, column): number} of inputs
    that are to be others. Of each parameter, a share ``learned`` must have
    changed in the end.
    """
    net, naive = engine(spec), twin(spec)
    X, Y = rows(spec, steps, seed)
    for place, number in (inputs or {}).items():
        X[place] = number
    begins = beginnings(steps, seed, every)
    weights = np.random.default_rng(seed).uniform(0.0, 2.0, steps)
    first = now = engine_numbers(net)
    for t in range(steps):
        load_twin(naive, now)
        if begins[t]:
            net.reset()
            naive.reset()
            now = engine_numbers(net)
            assert_same_numbers(now, naive, tolerance, f"after the reset before row {t}")
            load_twin(naive, now)
        got = net.step(X[t], Y[t], weights[t])
        expected = naive.step(X[t].astype(float), Y[t], weights[t])
        np.testing.assert_allclose(
            got, expected, rtol=tolerance, atol=tolerance, err_msg=f"y_hat at row {t}"
        )
        now = engine_numbers(net)
        assert_same_numbers(now, naive, tolerance, f"at row {t}")
    for name in places(spec):
        assert np.mean(now[name] != first[name]) >= learned, f"{name} never learned"


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
