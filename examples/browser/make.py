"""Makes the two graphs that the page loads: learners that have not learned anything yet.

python make.py [FOLDER]
"""

import sys
from pathlib import Path

import rtrl_lstm as rl
from rtrl_lstm import export


def taxi(**options):
    """Passengers 5 half-hours ahead, from those of now and the calendar of then."""
    return rl.Forecaster(
        horizon=5,
        input_size=1 + 11,
        hidden_size=16,
        shortcuts=True,
        learning_rate=1e-3,
        clip=rl.ClipCredit(3.0),
        scale_inputs=(True, *(False,) * 11),
        scale_target=True,
        combine_with=(0,),
        **options,
    )


def pointer(**options):
    """How far a pointer will have moved 8 samples from now, from how it has moved so far.

    Inputs: dx, dy since the last sample; dx, dy since 8 samples ago, which is the label, too; x, y.
    """
    return rl.Forecaster(
        horizon=8,
        input_size=6,
        output_size=2,
        hidden_size=16,
        shortcuts=True,
        learning_rate=3e-3,
        clip=rl.ClipCredit(3.0),
        scale_inputs=True,
        scale_target=True,
        **options,
    )


def main(folder: Path) -> None:
    """Write both."""
    # A browser is as fast with float64, and then learns what the engine learns, to ten digits.
    net = taxi(dtype="float64")
    export.to_onnx(net, folder / "taxi.onnx", graph="learner", precision="float64")
    export.to_onnx(pointer(), folder / "pointer.onnx", graph="learner")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
