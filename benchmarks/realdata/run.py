"""One method on one stream: what it said against what came, and the time it took."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from benchmarks.realdata.methods import method_of
from benchmarks.realdata.streams import Stream
from rtrl_lstm.score.tallies import LEAST_PROBABILITY
from rtrl_lstm.table.schema import Forecast, Schema


def measure(stream: Stream, method: str, seed: int) -> dict[str, Any]:
    """Figures of one pass, plain JSON.

    Scored is every row whose target is known and for which a last value was known; who has nothing
    to say there is scored with the last value.
    """
    rows = stream.read()
    list(method_of(method)(stream, rows[:40], seed))  # what is compiled or imported is so now
    start = time.process_time()
    said = list(method_of(method)(stream, rows, seed))
    seconds = time.process_time() - start
    schema = Schema(stream.target, time=stream.time, task=stream.task, horizon=stream.horizon)
    truths = [schema.read(row).truth for row in rows]
    assert len(said) == len(truths)
    figures = {"stream": stream.name, "method": method, "seed": seed, "rows": len(rows)}
    scores = _numbers if stream.task == "regression" else _labels
    return {**figures, "us": 1e6 * seconds / len(rows), **scores(_pairs(stream, said, truths))}


def _pairs(stream: Stream, said: list[Forecast], truths: list[Any]) -> list[tuple[Any, Any]]:
    pairs, last = [], None
    for t, forecast in enumerate(said):
        if stream.horizon and truths[t] is not None:
            last = truths[t]
        ahead = t + stream.horizon
        if ahead < len(truths) and truths[ahead] is not None and last is not None:
            simple = last if stream.task == "regression" else {last: 1.0}
            pairs.append((simple if forecast is None else forecast, truths[ahead]))
        if not stream.horizon and truths[t] is not None:
            last = truths[t]
    return pairs


def _numbers(pairs: list[tuple[float, float]]) -> dict[str, float]:
    errors = [float(said) - truth for said, truth in pairs]
    mean = sum(truth for _, truth in pairs) / len(pairs)
    spread = math.sqrt(sum((truth - mean) ** 2 for _, truth in pairs) / len(pairs))
    rmse = math.sqrt(sum(error * error for error in errors) / len(errors))
    mae = sum(map(abs, errors)) / len(errors)
    return {"scored": len(pairs), "mae": mae, "rmse": rmse, "nrmse": rmse / spread}


def _labels(pairs: list[tuple[dict[str, float], str]]) -> dict[str, float]:
    hits = sum(max(said, key=said.__getitem__) == truth for said, truth in pairs)
    least = LEAST_PROBABILITY
    loss = -sum(math.log(max(said.get(truth, 0.0), least)) for said, truth in pairs)
    figures = {"scored": len(pairs), "accuracy": hits / len(pairs), "log_loss": loss / len(pairs)}
    return {**figures, "error": 1.0 - hits / len(pairs)}


class Results:
    """Figures by stream, method and seed, in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.found = {self._key(each): each for each in map(json.loads, lines)}

    @staticmethod
    def _key(figures: dict[str, Any]) -> tuple[str, str, int]:
        return figures["stream"], figures["method"], figures["seed"]

    def of(self, stream: Stream, method: str, seed: int, again: bool = False) -> dict[str, Any]:
        """Look up, or measure and note."""
        key = (stream.name, method, seed)
        if again or key not in self.found:
            self.found[key] = measure(stream, method, seed)
            with open(self.path, "a") as file:
                file.write(json.dumps(self.found[key]) + "\n")
        return self.found[key]
