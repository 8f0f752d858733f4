"""What the figures say, read of the families that Prometheus gets, whoever counted them (metrics.py).

Rules: pure. A quantile is an estimate, as Prometheus makes it: within a bucket, answers are taken to be spread evenly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan

from prometheus_client.core import Metric

NAME = "forgejo_shim_"
Samples = Mapping[str, Sequence[tuple[Mapping[str, str], float]]]


@dataclass(frozen=True)
class Latency:
    """How long answers took, in seconds: half of them no longer than `median`, 95 % no longer than `most`; beyond the
    last bucket it is infinite."""

    operation: str
    count: int
    median: float
    most: float


@dataclass(frozen=True)
class Trouble:
    """An error of the shim's own: how often it was answered, and when last, in seconds since the epoch."""

    cause: str
    count: int
    last: float


@dataclass(frozen=True)
class Figures:
    """The figures: requests by status and backend; latencies, the most frequent first, and that of all together;
    troubles, the last one first; open streams by kind; figures without labels by their name."""

    requests: Mapping[tuple[str, str], int]
    latencies: Sequence[Latency]
    all: Latency
    troubles: Sequence[Trouble]
    streams: Mapping[str, int]
    plain: Mapping[str, float]


def read(families: Iterable[Metric]) -> Figures:
    """The figures in metric families."""
    samples: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    for family in families:
        for sample in family.samples:
            samples[sample.name.removeprefix(NAME)].append((sample.labels, sample.value))
    requests = _sums(samples, "requests_total", "status", "backend")
    buckets: dict[str, dict[float, float]] = defaultdict(dict)
    for (operation, bound), count in _sums(samples, "request_seconds_bucket", "operation", "le").items():
        buckets[operation][float(bound)] = count
    latencies = [latency(operation, counts) for operation, counts in buckets.items()]
    together = {float(at): count for (at,), count in _sums(samples, "request_seconds_bucket", "le").items()}
    last = {cause: value for (cause,), value in _sums(samples, "last_error_timestamp_seconds", "cause").items()}
    counts = {cause: int(count) for (cause,), count in _sums(samples, "errors_total", "cause").items()}
    troubles = [Trouble(cause, count, last.get(cause, 0.0)) for cause, count in counts.items() if count]
    return Figures(
        {(status, backend): int(count) for (status, backend), count in requests.items()},
        sorted(latencies, key=lambda one: -one.count),
        latency("", together),
        sorted(troubles, key=lambda one: -one.last),
        {kind: int(count) for (kind,), count in _sums(samples, "open_streams", "kind").items()},
        {name: value for name, found in samples.items() for labels, value in found if not labels},
    )


def _sums(samples: Samples, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The values of a figure by these labels of it."""
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for given, value in samples.get(name, ()):
        found[tuple(given[label] for label in labels)] += value
    return found


def latency(operation: str, buckets: Mapping[float, float]) -> Latency:
    """The latency in cumulative counts by upper bound."""
    counts = sorted(buckets.items())
    return Latency(operation, int(counts[-1][1]) if counts else 0, quantile(0.5, counts), quantile(0.95, counts))


def quantile(share: float, buckets: Sequence[tuple[float, float]]) -> float:
    """The value that this share of all does not exceed; not a number if there is none. `buckets` are upper bounds,
    rising, with the count of all up to there."""
    rank = share * buckets[-1][1] if buckets else 0.0
    low, below = 0.0, 0.0
    for high, count in buckets:
        if count >= rank and count > below:
            return inf if high == inf else low + (high - low) * (rank - below) / (count - below)
        low, below = high, count
    return nan
