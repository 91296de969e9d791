"""Metrics in the Prometheus text format, computed when Prometheus scrapes them."""

import re
from collections.abc import Iterable, Mapping

from prometheus_client import Metric, disable_created_metrics, generate_latest
from prometheus_client.registry import Collector

# The start time of the process is a metric already.
disable_created_metrics()  # type: ignore[no-untyped-call]

_INVALID_CHARACTERS = re.compile(r"[^a-zA-Z0-9_]")
_TOTAL = "_total"

# A value, and the labels that distinguish it within its metric.
Sample = tuple[float, Mapping[str, str]]


class _PreparedMetrics(Collector):
    """A prometheus_client collector over metrics computed beforehand."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics that have samples."""
        return [metric for metric in self._metrics if metric.samples]


def metric_name(*parts: str) -> str:
    """Join parts to a metric name; replace invalid characters by "_"."""
    return "_".join(_INVALID_CHARACTERS.sub("_", part) for part in parts)


def gauge(name: str, description: str, *samples: Sample) -> Metric:
    """Return a gauge."""
    return _metric("gauge", name, description, samples)


def counter(name: str, description: str, *samples: Sample) -> Metric:
    """Return a counter since the start of the process; `name` ends in "_total"."""
    return _metric("counter", name, description, samples)


def metrics_page(metrics: Iterable[Metric]) -> bytes:
    """Return all metrics that have samples in text format 0.0.4."""
    return generate_latest(_PreparedMetrics(metrics))


def _metric(
    kind: str, name: str, description: str, samples: Iterable[Sample]
) -> Metric:
    # prometheus_client adds the suffix of counters itself.
    metric = Metric(
        name.removesuffix(_TOTAL) if kind == "counter" else name, description, kind
    )
    for value, labels in samples:
        metric.add_sample(name, dict(labels), float(value))
    return metric
