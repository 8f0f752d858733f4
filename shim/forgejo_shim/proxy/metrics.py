"""What is counted, for Prometheus.

Rules: a registry of its own; labels are a path template of ours, a backend and a status, so there are few of them, and
no name of a user, repository or path is among them. What others count anyway is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics(Collector):
    """The figures of one proxy; each name begins with `forgejo_shim_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "forgejo_shim_requests", "Requests answered.", ("operation", "backend", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "forgejo_shim_request_seconds",
            "From the head of a request to the end of its answer.",
            ("operation",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.sent = 0
        self.streams = Gauge(
            "forgejo_shim_open_streams", "Answers of the shim under way.", ("kind",), registry=self.registry
        )
        for kind in ("log", "follow"):
            self.streams.labels(kind)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._read: list[tuple[str, str, Callable[[], float]]] = []
        self.counter("sent_bytes", "Bytes sent to clients, heads too.", lambda: self.sent)
        self.registry.register(self)

    def note(self, operation: str, backend: str, status: int, seconds: float, size: int) -> None:
        """Count one answer: its operation's path template or "", backend, status, seconds and bytes."""
        key = (operation, backend, status)
        if key not in self._children:
            self._children[key] = (
                self._requests.labels(operation, backend, str(status)),
                self._seconds.labels(operation),
            )
        requests, durations = self._children[key]
        requests.inc()
        durations.observe(seconds)
        self.sent += size

    def counter(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Show a figure that only grows, as `read` gives it then."""
        self._read.append((f"forgejo_shim_{name}", what, read))

    def gauge(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Show a figure as `read` gives it then."""
        Gauge(f"forgejo_shim_{name}", what, registry=self.registry).set_function(read)

    def collect(self) -> Iterator[Metric]:
        """What `counter` named."""
        return (CounterMetricFamily(name, what, value=read()) for name, what, read in self._read)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)
