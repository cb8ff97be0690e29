"""What is exported loads, and says the same, in the oldest onnxruntime that we support."""

import re
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import onnx
import pytest
from streams import rows

import rtrl_lstm as rl
from rtrl_lstm import export

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
OLDEST = re.search(r'"onnxruntime>=([\d.]+)"', PROJECT.read_text(encoding="utf-8")).group(1)
KINDS = [
    ("step", "float32", {"num_layers": 2}),
    ("step", "int8", {"peephole": True}),
    ("sequence", "float32", {"cell": "gru"}),
    ("sequence", "float64", {}),
    ("sequence", "float16", {}),
    ("learner", "float32", {"scale_inputs": True, "scale_target": True, "clip": 1.0}),
    ("learner", "float64", {"cell": "elstm", "loss": "cross_entropy", "output_size": 3}),
    ("learner", "float64", {"cell": "gru", "num_layers": 2, "update": "sequence"}),
]
# Runs where only onnxruntime and NumPy are: one call of each graph with its rows, saved.
THERE = """
import sys
import numpy as np
import onnxruntime as ort

options = ort.SessionOptions()
options.log_severity_level = 4
for path in sys.argv[1:]:
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    fed = dict(np.load(path + ".npz"))
    names = [output.name for output in session.get_outputs()]
    np.savez(path + ".said.npz", **dict(zip(names, session.run(names, fed))))
"""


def exported(folder):
    """Graphs of all kinds, what they are fed, and what this onnxruntime makes of it."""
    for number, (graph, precision, options) in enumerate(KINDS):
        net = rl.Learner(3, 8, dtype="float64", **options)
        X, Y = rows(net.spec, 40)
        net.run(X, Y)
        path = folder / f"{number}.onnx"
        export.to_onnx(net, path, graph, precision)
        dtype = np.float64 if precision == "float64" else np.float32
        fed = {"x": X[:1], "y": Y[:1].reshape(1, -1)} if graph == "learner" else {"x": X[:5]}
        fed = {"X": X[:10].reshape(5, 2, 3)} if graph == "sequence" else fed
        fed = {name: values.astype(dtype) for name, values in fed.items()}
        np.savez(f"{path}.npz", **fed)
        yield path, dtype


def test_versions_are_those_that_the_oldest_reads(tmp_path):
    # onnxruntime reads opset 17 and IR 8 from release 1.12 on.
    assert tuple(map(int, OLDEST.split("."))) >= (1, 12)
    for path, _ in exported(tmp_path):
        model = onnx.load(path)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert model.ir_version == 8


@pytest.mark.proof
def test_the_oldest_onnxruntime_says_the_same(tmp_path):
    graphs = list(exported(tmp_path))
    venv.create(tmp_path / "venv", with_pip=True)
    there = tmp_path / "venv" / "bin" / "python"
    install = [there, "-m", "pip", "install", "--quiet", f"onnxruntime=={OLDEST}.*", "numpy<2.3"]
    subprocess.run(install, check=True)
    paths = [str(path) for path, _ in graphs]
    subprocess.run([there, "-c", THERE, *paths], check=True)
    subprocess.run([sys.executable, "-c", THERE.replace(".said", ".here"), *paths], check=True)
    for path, dtype in graphs:
        said, expected = np.load(f"{path}.said.npz"), np.load(f"{path}.here.npz")
        tolerance = 1e-12 if dtype == np.float64 else 1e-5
        for name in expected.files:
            bound = tolerance * max(1.0, np.nanmax(np.abs(expected[name]), initial=0.0))
            np.testing.assert_allclose(said[name], expected[name], rtol=0, atol=bound, err_msg=name)
