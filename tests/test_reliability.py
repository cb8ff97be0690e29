"""What the long measurements in benchmarks/reliability show, in short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rtrl_lstm as rl
from benchmarks.reliability import fuzz, latency, memory
from rtrl_lstm import modelfile


def test_spoilt_rows(tmp_path: Path) -> None:
    """Each task once, in turns as CSV and as JSON lines: the accounting is checked inside."""
    found = fuzz.fuzz_rows(tmp_path, rows=4 * 1500, batch=1500, seed=1)
    assert found["learned"] > 1000
    assert found["bad_rows"] > 1000


def test_spoilt_sources(tmp_path: Path) -> None:
    assert 50 < fuzz.fuzz_sources(tmp_path, 300, seed=1) < 300


def test_spoilt_model_files() -> None:
    found = fuzz.fuzz_files(1500, seed=1)
    assert found["refused"] > 1000
    assert found["peak"] < 10


def test_every_bit_of_a_small_model_file() -> None:
    content = modelfile.to_bytes(rl.Learner(input_size=1, hidden_size=1))
    for place in range(0, 8 * len(content), 5):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(rl.ModelFileError):
            modelfile.from_bytes(bytes(damaged))
    for length in range(0, len(content), 3):
        with pytest.raises(rl.ModelFileError):
            modelfile.from_bytes(content[:length])


def test_memory_through_a_pipe() -> None:
    found = memory.measure(60_000)
    assert found["most"] - found["first"] < 20.0  # the history is still filling up


def test_latency_of_a_live_pipe(tmp_path: Path) -> None:
    milliseconds = latency.measure(latency.commands(tmp_path, "0.5s")["learn"], 1500, 1000.0)
    assert len(milliseconds) == 1500
    assert (milliseconds > 0).all()
    assert np.median(milliseconds) < 500.0  # as they come, not when a buffer is full


@pytest.mark.proof
def test_a_million_rows_and_a_hundred_thousand_files(tmp_path: Path) -> None:
    found = fuzz.fuzz_rows(tmp_path, rows=1_000_000, batch=20_000, seed=0)
    assert found["learned"] > 200_000
    assert fuzz.fuzz_sources(tmp_path, 10_000, seed=0) > 1000
    assert fuzz.fuzz_files(100_000, seed=0)["peak"] < 10


@pytest.mark.proof
def test_memory_is_flat_over_a_hundred_million_rows() -> None:
    found = memory.measure(100_000_000)
    assert found["most"] - found["first"] <= 5.0
    assert found["late_cpu"] > 0.9 * found["early_cpu"]


@pytest.mark.proof
def test_forecasts_come_at_once(tmp_path: Path) -> None:
    milliseconds = latency.measure(latency.commands(tmp_path, "10s")["learn"], 60_000, 1000.0)
    p50, p99 = np.percentile(milliseconds, [50, 99])
    assert p50 <= 0.2
    assert p99 <= 2.0
