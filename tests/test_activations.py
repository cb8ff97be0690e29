"""The kernels' tanh and sigmoid against NumPy's, over every size of argument."""

import numba
import numpy as np
import pytest

from rtrl_lstm.kernels.activations import sigmoid, tanh
from rtrl_lstm.kernels.lanes import address, load, store, width


@numba.njit
def apply_both(x, tanh_x, sigmoid_x):
    source, to_tanh, to_sigmoid = address(x), address(tanh_x), address(sigmoid_x)
    for k in range(0, x.size, width(source)):
        store(to_tanh, k, tanh(load(source, k)))
        store(to_sigmoid, k, sigmoid(load(source, k)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_and_sigmoid_are_those_of_numpy(dtype):
    small = np.geomspace(1e-30, 1.0, 4096)
    x = np.concatenate([small, np.linspace(1.0, 60.0, 8192), np.geomspace(60.0, 1e30, 4096)])
    x = np.concatenate([-x, x]).astype(dtype)
    got_tanh, got_sigmoid = np.empty_like(x), np.empty_like(x)
    apply_both(x, got_tanh, got_sigmoid)
    exact = x.astype(np.longdouble)
    eps = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(got_tanh, np.tanh(exact).astype(float), rtol=3 * eps, atol=0)
    sigmoid_of = 0.5 * np.tanh(0.5 * exact) + 0.5
    np.testing.assert_allclose(got_sigmoid, sigmoid_of.astype(float), rtol=0, atol=1.5 * eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_a_number_stays_one(dtype):
    """A learner that has diverged must say so."""
    x = np.full(64 // np.dtype(dtype).itemsize, np.nan, dtype)
    got_tanh, got_sigmoid = np.empty_like(x), np.empty_like(x)
    apply_both(x, got_tanh, got_sigmoid)
    assert np.isnan(got_tanh).all()
    assert np.isnan(got_sigmoid).all()
