"""Metrics: figures made when Prometheus asks for them, as the page that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Metric, disable_created_metrics, generate_latest
from prometheus_client.registry import Collector

# When a process began stands on the page already.
disable_created_metrics()  # type: ignore[no-untyped-call]

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
_TOTAL = "_total"

# A value, and the labels that tell it from others of its metric.
Sample = tuple[float, Mapping[str, str]]


class _Made(Collector):
    """Metrics whose values are at hand, as prometheus_client collects them."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return those that have a value."""
        return [metric for metric in self._metrics if metric.samples]


def metric_name(*text: str) -> str:
    """Return `text` as one name of a metric; what a name may not hold becomes "_"."""
    return "_".join(_NOT_IN_NAMES.sub("_", word) for word in text)


def gauge(name: str, about: str, *samples: Sample) -> Metric:
    """Return figures of this moment."""
    return _metric("gauge", name, about, samples)


def counter(name: str, about: str, *samples: Sample) -> Metric:
    """Return what was counted since the process began; `name` ends in "_total"."""
    return _metric("counter", name, about, samples)


def metrics_page(metrics: Iterable[Metric]) -> bytes:
    """Return the page of all metrics that have samples, in text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Made(metrics))
    return generate_latest(registry)


def _metric(kind: str, name: str, about: str, samples: Iterable[Sample]) -> Metric:
    # prometheus_client adds the ending of counters itself.
    metric = Metric(name.removesuffix(_TOTAL) if kind == "counter" else name, about, kind)
    for value, labels in samples:
        metric.add_sample(name, dict(labels), float(value))
    return metric
