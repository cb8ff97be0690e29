"""`--metrics-port`: what Prometheus asks for while a run goes on, through its own client library.

Nothing is done row by row: the numbers are looked up when somebody asks for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rtrl_lstm.cli.errors import Stop

if TYPE_CHECKING:
    from rtrl_lstm.cli.checkpoints import Checkpoints
    from rtrl_lstm.cli.resume import Stand
    from rtrl_lstm.cli.sources import Source

INCIDENTS = {
    "keys": "Series that have a learner.",
    "interventions": "How often the learner had gone astray and was stepped back.",
    "gaps": "Gaps between time stamps.",
    "filled": "Rows that were put into gaps.",
    "repeated": "Time stamps like the one before.",
    "out_of_order": "Time stamps before the one before.",
    "late_labels": "Labels that came after their rows.",
    "too_late": "Labels whose rows had been given up.",
    "repeated_ids": "Records of a known id that brought nothing new.",
}


class Metrics:
    """A server in a thread of its own, as long as it is entered.

    Args:
        address: (host, port).
        stand: a model and its score, whose rows are counted.
        source: where they come from.
        checkpoints: when they are saved; None where they are not.

    Raises:
        Stop: the client library is not installed, or the port is taken.
    """

    def __init__(
        self,
        address: tuple[str, int],
        stand: Stand,
        source: Source,
        checkpoints: Checkpoints | None,
    ) -> None:
        self._stand = stand
        self._source = source
        self._checkpoints = checkpoints
        self._rate = _Rate(stand.score.rows)
        prometheus = _prometheus()
        self._families = prometheus.metrics_core
        registry = prometheus.CollectorRegistry()
        registry.register(self)
        host, port = address
        try:
            self._server, self._thread = prometheus.start_http_server(port, host, registry)
        except OSError as error:
            raise Stop(f"cannot serve metrics on {host}:{port}: {error.strerror}") from error

    def collect(self) -> Iterator[Any]:
        """What there is to say now; the client library calls this."""
        score, counts = self._stand.score, self._stand.model.counts
        incidents = self._stand.model.incidents
        for name, value, said in (
            ("rows", score.rows, "Rows of the source so far."),
            ("learned", counts["learned"], "Forecasts whose truth was learned from."),
            ("unlabelled", counts["unlabelled"], "Forecasts whose truth is missing."),
            ("bad_rows", score.bad_rows, "Rows that could not be used."),
            ("scored", score.scored, "Forecasts that were scored."),
            *((name, value, INCIDENTS[name]) for name, value in incidents.items()),
            ("loss", score.loss, "Sum of absolute errors, or of log losses, over scored rows."),
        ):
            yield self._families.CounterMetricFamily(f"rtrl_lstm_{name}", said, value=value)
        behind = self._source.behind()
        for name, gauge, said in (
            ("rows_per_second", self._rate.of(score.rows), "Rows a second since last asked."),
            ("pending", counts["pending"], "Forecasts whose truth is still to come."),
            ("mean_loss", score.loss / max(score.scored, 1), "Mean loss of the scored rows."),
            ("seconds_since_last_row", self._rate.idle, "Seconds since a row was seen to come."),
            ("lag_bytes", behind, "Bytes of the files that were not read yet."),
            ("checkpoint_age_seconds", self._age(), "Seconds since the model was saved."),
        ):
            if gauge is not None:
                yield self._families.GaugeMetricFamily(f"rtrl_lstm_{name}", said, value=gauge)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _age(self) -> float | None:
        return None if self._checkpoints is None else self._checkpoints.age()


class _Rate:
    """Rows a second between two looks."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._looked = self._came = time.monotonic()
        self.idle = 0.0

    def of(self, rows: int) -> float:
        now = time.monotonic()
        rate = (rows - self._rows) / max(now - self._looked, 1e-9)
        if rows > self._rows:
            self._came = now
        self.idle = now - self._came
        self._rows, self._looked = rows, now
        return rate


def _prometheus() -> Any:
    try:
        import prometheus_client
        import prometheus_client.metrics_core
    except ImportError as error:
        raise Stop("--metrics-port needs the client: pip install 'rtrl-lstm[metrics]'") from error
    return prometheus_client
