"""A Spec checks itself, in one line that names the field, and survives JSON."""

import json
import pickle

import numpy as np
import pytest
from variants import CELLS as VARIANTS

import rtrl_lstm as rl
from rtrl_lstm.optimizers import OPTIMIZERS, Adam, ClipCredit, ClipNorm, ClipValue, RMSprop
from rtrl_lstm.spec import CELLS, Spec


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input_size", 0),
        ("input_size", 1.5),
        ("input_size", "3"),
        ("input_size", True),
        ("hidden_size", 0),
        ("output_size", -1),
        ("horizon", -1),
        ("seed", -1),
        ("seed", None),
        ("cell", "gru2"),
        ("rule", "exact"),
        ("loss", "mse"),
        ("update", "batch"),
        ("dtype", "float16"),
        ("optimizer", "adamax"),
        ("optimizer", 3),
        ("learning_rate", 0.0),
        ("learning_rate", -1e-3),
        ("learning_rate", np.nan),
        ("learning_rate", np.inf),
        ("learning_rate", "fast"),
        ("huber_delta", 0.0),
        ("forget_bias", np.inf),
        ("clip", 0.0),
        ("clip", -1.0),
        ("clip", "norm"),
        ("scale_inputs", (True,)),
        ("output_activation", "tanh"),
        ("output_activation", "softmax"),
        ("quantiles", (0.5,)),
        ("quantiles", 0.5),
        ("quantiles", None),
        ("quantiles", "ab"),
        ("huber_delta", 2.0),
        ("cell", ["lstm"]),
        ("input_gate", 0),
        ("forget_gate", None),
        ("output_gate", "no"),
        ("coupled_gates", "yes"),
        ("peephole", "no"),
        ("bias", 1),
        ("bias", None),
        ("bias", "gates"),
        ("scale_inputs", 1),
        ("scale_inputs", None),
        ("scale_inputs", "all"),
        ("combine_with", 1),
        ("combine_with", ("a",)),
        ("forget_bias", None),
        ("forget_bias", True),
        ("forget_bias", "ab"),
        ("init_range", True),
        ("learning_rate", True),
        ("clip", True),
        ("seed", np.arange(2)),
    ],
)
def test_a_wrong_field_is_named(field, value):
    named = "limit" if field == "clip" and isinstance(value, float) else field
    with pytest.raises(ValueError, match=named) as caught:
        Spec(**({"input_size": 3} | {field: value}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"loss": "quantile"}, "quantiles"),
        ({"loss": "quantile", "quantiles": (0.1, 0.9)}, "output_size"),
        ({"loss": "quantile", "quantiles": (1.0,)}, "quantiles"),
        ({"loss": "log_loss", "output_activation": "identity"}, "output_activation"),
        ({"loss": "cross_entropy", "output_activation": "sigmoid"}, "output_activation"),
        ({"loss": "cross_entropy", "scale_target": True}, "scale_target"),
        ({"loss": "log_loss", "scale_target": True}, "scale_target"),
        ({"loss": "poisson", "scale_target": True}, "scale_target"),
    ],
)
def test_fields_that_do_not_go_together(options, named):
    with pytest.raises(ValueError, match=named):
        Spec(3, **options)


def test_numbers_and_flags_of_numpy():
    mine = Spec(np.int64(3), peephole=np.True_, bias=np.False_, scale_inputs=np.True_)
    assert mine == Spec(3, peephole=True, bias=False, scale_inputs=True)
    assert Spec.from_json(mine.to_json()) == mine


OPTIONS = {
    "input_gate": False,
    "forget_gate": False,
    "output_gate": False,
    "coupled_gates": True,
    "peephole": True,
    "input_activation": "relu",
    "cell_activation": "sigmoid",
    "forget_bias": 2.0,
}
TAKEN = {"lstm": set(OPTIONS), "gru": set(), "rnn": {"input_activation"}, "elstm": {"output_gate"}}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_an_option_that_a_cell_does_not_have_is_refused(cell, option):
    if option in TAKEN[cell]:
        assert getattr(Spec(3, cell=cell, **{option: OPTIONS[option]}), option) == OPTIONS[option]
    else:
        with pytest.raises(ValueError, match=f"'{cell}' has no option {option}$"):
            Spec(3, cell=cell, **{option: OPTIONS[option]})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"num_layers": 0}, "num_layers"),
        ({"num_layers": 1.5}, "num_layers"),
        ({"input_activation": "softplus"}, "input_activation"),
        ({"cell_activation": None}, "cell_activation"),
        ({"cell": "rnn", "input_activation": "sigmoid"}, "input_activation"),
        ({"cell": "rnn", "input_activation": "4sigmoid-2"}, "input_activation"),
        ({"coupled_gates": True, "forget_gate": False}, "coupled_gates"),
        ({"coupled_gates": True, "input_gate": False}, "coupled_gates"),
    ],
)
def test_options_of_cells_that_do_not_go_together(options, named):
    with pytest.raises(ValueError, match=named):
        Spec(3, **options)


@pytest.mark.parametrize("name", VARIANTS)
def test_json_brings_every_cell_back(name):
    spec = Spec(3, num_layers=2, **VARIANTS[name])
    assert Spec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    "make",
    [
        lambda: Adam(beta1=1.0),
        lambda: Adam(beta2=-0.1),
        lambda: Adam(eps=0.0),
        lambda: RMSprop(alpha=1.5),
        lambda: ClipNorm(0.0),
        lambda: ClipCredit(np.nan),
    ],
)
def test_an_optimizer_or_clip_checks_itself(make):
    with pytest.raises(ValueError, match=r"beta|eps|alpha|limit"):
        make()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_by_name_is_its_default(name):
    assert Spec(3, optimizer=name) == Spec(3, optimizer=OPTIMIZERS[name]())


def test_a_number_as_clip_is_clip_by_norm():
    assert Spec(3, clip=2).clip == ClipNorm(2)


@pytest.mark.parametrize(
    "spec",
    [
        Spec(3),
        Spec(np.int64(3), np.int32(5), scale_inputs=(True, False, True), scale_target=True),
        Spec(2, 7, 3, horizon=4, loss="quantile", quantiles=(0.1, 0.5, 0.9), dtype="float64"),
        Spec(1, optimizer=RMSprop(0.9, 1e-6), clip=ClipValue(0.5), update="sequence"),
        Spec(1, optimizer="adamw", clip=3, loss="huber", huber_delta=0.1, bias=False, seed=9),
    ],
)
def test_json_and_pickle_bring_a_spec_back(spec):
    document = json.loads(json.dumps(spec.to_json()))
    assert Spec.from_json(document) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert hash(Spec.from_json(document)) == hash(spec)


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("optimizer"),
        lambda d: d.update(optimizer={"name": "nadam"}),
        lambda d: d.update(optimizer={"name": "adam", "beta9": 1}),
        lambda d: d.update(optimizer="adam"),
        lambda d: d.update(clip={"name": "norm"}),
        lambda d: d.update(gates=4),
        lambda d: d.update(hidden_size=0),
        lambda d: d.update(quantiles=None),
    ],
)
def test_json_of_no_spec(damage):
    document = Spec(3).to_json()
    damage(document)
    with pytest.raises(ValueError, match=r".+"):
        Spec.from_json(document)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("bidirectional", "no option bidirectional: a stream has no end from which to come back"),
        ("batch_first", "Fleet takes a row for each of many learners"),
        ("hiden_size", "no option hiden_size; did you mean hidden_size?"),
        ("qqq", "no option qqq$"),
    ],
)
def test_options_that_there_are_not(name, line):
    for make in (
        lambda **options: rl.Learner(3, **options),
        lambda **options: rl.Forecaster(2, 3, **options),
        lambda **options: rl.Model(target="y", **options),
    ):
        with pytest.raises(TypeError, match=line.replace("?", r"\?")):
            make(**{name: 1})
