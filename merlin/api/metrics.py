"""Metrics: what the database and this process's traffic say, as families of samples.

What a process says in its heartbeat as `<noun>_<success|error|noop>` is counted since it began
and becomes `merlin_<noun>_total{status=…}`; any other number is one of the moment and becomes
`merlin_<process>_<noun>`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from merlin.api.services import Picture
from merlin.api.traffic import Traffic
from merlin.core.exposition import Family, Sample, metric_name
from merlin.core.heartbeat import Heartbeat
from merlin.model.registry import Serving

STATUSES = frozenset({"success", "error", "noop"})
FORGET_AFTER_S = 86_400.0


def families(
    picture: Picture, traffic: Traffic, now: datetime, *, database_is_up: bool = True
) -> list[Family]:
    """Return everything that /metrics shows."""
    heard = [
        beat for beat in picture.heartbeats if (now - beat.at).total_seconds() < FORGET_AFTER_S
    ]
    return [
        Family(
            "merlin_database_up",
            "gauge",
            "1 while the database answers the api.",
            [Sample(database_is_up)],
        ),
        *_processes(heard, now),
        *_said(beat for beat in heard if beat.is_alive(now)),
        Family(
            "merlin_queue_depth",
            "gauge",
            "What waits in each queue.",
            [Sample(depth, {"queue": name}) for name, depth in sorted(picture.queues.items())],
        ),
        Family(
            "merlin_jobs",
            "gauge",
            "Fine-tune jobs by state.",
            [Sample(count, {"state": state}) for state, count in sorted(picture.jobs.items())],
        ),
        *_serving(picture.serving),
        _requests(traffic),
        _hooks_refused(traffic),
    ]


def _processes(beats: Sequence[Heartbeat], now: datetime) -> Iterable[Family]:
    yield Family(
        "merlin_process_up",
        "gauge",
        "1 while a process speaks, 0 once it has been silent for ten seconds.",
        [Sample(beat.is_alive(now), _of(beat)) for beat in beats],
    )
    yield Family(
        "merlin_process_start_seconds",
        "gauge",
        "When a process began, in seconds since 1970.",
        [Sample(beat.since.timestamp(), _of(beat)) for beat in beats],
    )
    yield Family(
        "merlin_heartbeat_seconds",
        "gauge",
        "When a process spoke last, in seconds since 1970.",
        [Sample(beat.at.timestamp(), _of(beat)) for beat in beats],
    )


def _said(beats: Iterable[Heartbeat]) -> Iterable[Family]:
    samples: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for beat in beats:
        for counter, count in beat.counters.items():
            noun, _, status = counter.rpartition("_")
            if noun and status in STATUSES:
                key = metric_name("merlin", noun, "total"), "counter"
                samples[key].append(Sample(count, {**_of(beat), "status": status}))
            else:
                key = metric_name("merlin", beat.process, counter), "gauge"
                samples[key].append(Sample(count, _of(beat)))
    for name, kind in sorted(samples):
        yield Family(name, kind, "Told by the process itself.", samples[name, kind])


def _of(beat: Heartbeat) -> dict[str, str]:
    return {"process": beat.process, "host": beat.host}


def _serving(models: Sequence[Serving]) -> Iterable[Family]:
    yield Family(
        "merlin_serving_model",
        "gauge",
        "1 for the model that serves each dataset.",
        [
            Sample(
                1,
                {
                    "dataset": one.dataset,
                    "model": one.model.model_id,
                    "build": one.model.build_version,
                },
            )
            for one in models
        ],
    )
    yield Family(
        "merlin_serving_since_seconds",
        "gauge",
        "When the serving model took over, in seconds since 1970.",
        [Sample(one.since.timestamp(), {"dataset": one.dataset}) for one in models],
    )


def _requests(traffic: Traffic) -> Family:
    return Family(
        "merlin_http_requests_total",
        "counter",
        "Calls that this api process has answered.",
        [
            Sample(count, {"method": method, "route": route, "status": str(status)})
            for (method, route, status), count in sorted(traffic.counts.items())
        ],
    )


def _hooks_refused(traffic: Traffic) -> Family:
    return Family(
        "merlin_hooks_refused_total",
        "counter",
        "Calls of hooks refused for their secret or for where they come from.",
        [Sample(count, {"hook": hook}) for hook, count in sorted(traffic.hooks_refused.items())],
    )
