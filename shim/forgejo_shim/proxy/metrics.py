"""What is counted, for Prometheus.

Rules: a registry of its own; labels are a path template of ours, a backend, a status and a cause, so there are few of
them, and no name of a user, repository or path is among them. What others count anyway is read when it is asked for;
where several workers count, each second: each writes into files of the folder `shared`, and any of them adds them up.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from .conditions import Condition

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CAUSE = re.compile("[a-z][a-z0-9-]{1,39}")  # as ours are (spec/causes.json); a server can send another
TOO_MANY = "too-many-streams"
UP = {
    "upstream": "Whether the server behind answers as a Forgejo: 1 or 0.",
    "web_session": "Whether the web session is good or not needed: 1 or 0.",
}
OfSeveral = Literal["min", "max", "livemostrecent"]
NEWEST: OfSeveral = "livemostrecent"  # of several processes, the one that looked last knows
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
METRICS = "metrics"  # in the workers' folder
EVERY = 1.0  # seconds after which a worker writes what others count


def count_in(folder: Path, number: int) -> None:
    """Have this process count in files of `folder`, as worker `number`: one that comes in its place goes on there."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]


class Metrics:
    """The figures of one proxy, or of all workers; each name begins with `forgejo_shim_`. `since` is when the counting
    began, in seconds since the epoch; a worker that comes in another one's place goes on with what that counted."""

    def __init__(self, version: str = "", shared: Path | None = None, since: float = 0.0) -> None:
        self._shared = shared
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
            "forgejo_shim_open_streams",
            "Answers of the shim under way.",
            ("kind",),
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        for kind in ("log", "follow"):
            self.streams.labels(kind)
        self._errors = Counter("forgejo_shim_errors", "Errors of the shim's own.", ("cause",), registry=self.registry)
        self._errors.labels(TOO_MANY)  # from 0 on, so that the first one is seen to be one more
        self._error_at = self._gauge(
            "last_error_timestamp_seconds", "When such an error was answered last, since the epoch.", "max", "cause"
        )
        self._gauge("start_time_seconds", "When the counting began, since the epoch.", "min").set(since)
        built = self._gauge("build_info", "What runs here; always 1.", NEWEST, "version", "python")
        built.labels(version, platform.python_version()).set(1)
        self._up: dict[str, Gauge] = {}
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._read: list[Callable[[], None]] = []
        self.counter("sent_bytes", "Bytes sent to clients, heads too.", lambda: self.sent)

    def note(self, operation: str, backend: str, status: int, seconds: float, size: int, cause: str = "") -> None:
        """Count one answer: its operation's path template or "", backend, status, seconds, bytes, and the cause of an
        error of the shim's own."""
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
        if cause:
            told = cause if CAUSE.fullmatch(cause) else "other"
            self._errors.labels(told).inc()
            self._error_at.labels(told).set(time.time())

    def show(self, conditions: Iterable[Condition]) -> None:
        """Show whether each thing works, as `NAME_up`."""
        for one in conditions:
            if one.name not in self._up:
                what = UP.get(one.name, "Whether it can be used: 1 or 0.")
                self._up[one.name] = self._gauge(f"{one.name}_up", what, NEWEST)
            self._up[one.name].set(one.part.ok)

    def _gauge(self, name: str, what: str, of_several: OfSeveral, *labels: str) -> Gauge:
        """A gauge; `of_several` says what counts where several processes set it."""
        return Gauge(f"forgejo_shim_{name}", what, labels, registry=self.registry, multiprocess_mode=of_several)

    def counter(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Show a figure that only grows, as `read` gives it then."""
        figure, before = Counter(f"forgejo_shim_{name}", what, registry=self.registry), 0.0

        def take() -> None:
            nonlocal before
            now = read()
            figure.inc(now - before)
            before = now

        self._read.append(take)

    def gauge(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Show a figure as `read` gives it then; of several workers, the largest."""
        figure = Gauge(f"forgejo_shim_{name}", what, registry=self.registry, multiprocess_mode="livemax")
        self._read.append(lambda: figure.set(read()))

    def take(self) -> None:
        """Read what others count."""
        for take in self._read:
            take()

    async def keep_taking(self) -> None:
        """Do so as long as it goes, for the other workers."""
        while True:
            self.take()
            await asyncio.sleep(EVERY)

    def families(self) -> Iterable[Metric]:
        """All figures as they are now."""
        return self._all().collect()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._all())

    def _all(self) -> CollectorRegistry:
        self.take()
        if not self._shared:
            return self.registry
        of_all = CollectorRegistry()
        MultiProcessCollector(of_all, str(self._shared))  # type: ignore[no-untyped-call]
        return of_all
