"""`/metrics`: Prometheus metrics, for clients in the allowed networks.

Heartbeat counters named `<task>_<success|error|noop>` count from the start of a process and become
`merlin_task_rounds_total{task=…, status=…}`. `<task>_ms` is the total duration of these rounds.
`<service>_429` is the number of rate-limit responses of an outside service. Any other number is a
current value and becomes the gauge `merlin_<process>_<noun>`. Answers are counted
from the first call on. All metrics except those of calls (`merlin_http_…`) come from the database,
so several APIs report the same values.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.middleware import Traffic
from merlin.api.rest.health import (
    database_state,
    require_monitoring_address,
    wait_for_database,
)
from merlin.app.answer_counts import AnswerCounts
from merlin.app.context import Context
from merlin.app.health import BudgetView, Snapshot, read_snapshot
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Heartbeat, is_known, list_current
from merlin.core.metrics import Sample, counter, gauge, metric_name, metrics_page
from merlin.core.money import MICRO

router = APIRouter(include_in_schema=False)

STATUSES = frozenset({"success", "error", "noop"})
_NO_LABELS: dict[str, str] = {}


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return all metrics in Prometheus format.

    Without a database, only the metrics of this process are returned.
    """
    require_monitoring_address(request)
    state = request.app.state

    def read(ctx: Context) -> Snapshot:
        state.answers.update(ctx)
        return read_snapshot(ctx)

    try:
        current = await wait_for_database(state.services.read(read))
        is_up = True
    except MerlinError:
        current = Snapshot()
        is_up = False
    is_writable = is_up and await database_state(state.services) == "ok"
    families = metrics_of(
        current,
        state.traffic,
        state.answers,
        state.services.clock(),
        database_is_up=is_up,
        database_is_writable=is_writable,
    )
    return Response(metrics_page(families), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def metrics_of(
    current: Snapshot,
    traffic: Traffic,
    answers: AnswerCounts,
    now: datetime,
    *,
    database_is_up: bool = True,
    database_is_writable: bool = True,
) -> list[Metric]:
    """Return all metrics."""
    beats = list_current(current.heartbeats, now)
    is_up = (database_is_up, _NO_LABELS)
    is_writable = (database_is_writable, _NO_LABELS)
    refused = (
        (count, {"hook": hook}) for hook, count in sorted(traffic.hooks_refused.items())
    )
    return [
        gauge("merlin_database_up", "1 while the database responds to the api.", is_up),
        gauge(
            "merlin_database_writable",
            "1 while the database accepts writes.",
            is_writable,
        ),
        *_build_process_metrics(beats, now),
        *_build_heartbeat_metrics(beat for beat in beats if beat.is_alive(now)),
        *_build_snapshot_metrics(current, now),
        *answers.collect(),
        *traffic.calls.collect(),
        *traffic.seconds.collect(),
        counter(
            "merlin_hooks_refused_total",
            "Webhook calls without a valid secret or from a wrong address.",
            *refused,
        ),
    ]


def _build_process_metrics(
    beats: Sequence[Heartbeat], now: datetime
) -> Iterable[Metric]:
    about = "1 while a process sends heartbeats, 0 after ten seconds without one."
    up = (
        (beat.is_alive(now), _labels(beat))
        for beat in beats
        if is_known(beat, beats, now)
    )
    yield gauge("merlin_process_up", about, *up)
    about = "Start time of a process, in seconds since 1970."
    starts = ((beat.since.timestamp(), _labels(beat)) for beat in beats)
    yield gauge("merlin_process_start_seconds", about, *starts)
    about = "Time of the last heartbeat of a process, in seconds since 1970."
    times = ((beat.at.timestamp(), _labels(beat)) for beat in beats)
    yield gauge("merlin_heartbeat_seconds", about, *times)


def _build_heartbeat_metrics(beats: Iterable[Heartbeat]) -> Iterable[Metric]:
    rounds: list[Sample] = []
    seconds: list[Sample] = []
    refusals: list[Sample] = []
    gauges: dict[str, list[Sample]] = defaultdict(list)
    for beat in beats:
        for figure, value in beat.counters.items():
            task, _, status = figure.rpartition("_")
            if task and status in STATUSES:
                rounds.append(
                    (value, {**_labels(beat), "task": task, "status": status})
                )
            elif status == "ms":
                seconds.append((value / 1000, {**_labels(beat), "task": task}))
            elif status == "429":
                refusals.append((value, {**_labels(beat), "by": task}))
            else:
                name = metric_name("merlin", beat.process, figure)
                gauges[name].append((value, _labels(beat)))
    about = "Runs of a process's tasks since its start; noop: there was nothing to do."
    yield counter("merlin_task_rounds_total", about, *rounds)
    about = "Duration of the runs of a process's tasks since its start, in seconds."
    yield counter("merlin_task_seconds_total", about, *seconds)
    about = (
        "Calls that Telegram or a provider refused with 429 since the process started."
    )
    yield counter("merlin_too_many_requests_total", about, *refusals)
    for name, samples in sorted(gauges.items()):
        yield gauge(name, "A current value reported by the process.", *samples)


def _labels(beat: Heartbeat) -> dict[str, str]:
    return {"process": beat.process, "host": beat.host}


def _build_snapshot_metrics(current: Snapshot, now: datetime) -> Iterable[Metric]:
    about = "Number of waiting entries in each queue."
    depth = ((queue.waiting, {"queue": queue.name}) for queue in current.queues)
    yield gauge("merlin_queue_depth", about, *depth)
    about = "Waiting time of the oldest entry of a queue."
    waits = ((queue.name, now - (queue.oldest or now)) for queue in current.queues)
    ages = ((wait.total_seconds(), {"queue": name}) for name, wait in waits)
    yield gauge("merlin_queue_oldest_seconds", about, *ages)
    jobs = ((count, {"state": state}) for state, count in sorted(current.jobs.items()))
    yield gauge("merlin_jobs", "Fine-tune jobs by state.", *jobs)
    serving = (
        (
            1,
            {
                "dataset": one.dataset,
                "model": one.model.model_id,
                "build": one.model.build_version,
            },
        )
        for one in current.serving
    )
    yield gauge(
        "merlin_serving_model", "1 for the live model of each dataset.", *serving
    )
    about = "Time at which the model went live, in seconds since 1970."
    since = (
        (one.since.timestamp(), {"dataset": one.dataset}) for one in current.serving
    )
    yield gauge("merlin_serving_since_seconds", about, *since)
    about = "Maximum possible cost of this month's trainings."
    spent = ((one.spent_micro / MICRO, _budget_labels(one)) for one in current.budget)
    yield gauge("merlin_training_spent", about, *spent)
    about = "Monthly limit of the cost of trainings, if there is one."
    caps = (
        (one.cap_micro / MICRO, _budget_labels(one))
        for one in current.budget
        if one.cap_micro
    )
    yield gauge("merlin_training_budget", about, *caps)
    if current.disk_size:
        about = "Free bytes on the disk of the state folder."
        yield gauge("merlin_disk_free_bytes", about, (current.disk_free, _NO_LABELS))
        about = "Size of the disk of the state folder in bytes."
        yield gauge("merlin_disk_size_bytes", about, (current.disk_size, _NO_LABELS))
    if current.last_backup_s is not None:
        about = "Time of the last backup by Merlin, in seconds since 1970; 0: never."
        yield gauge(
            "merlin_last_backup_seconds", about, (current.last_backup_s, _NO_LABELS)
        )


def _budget_labels(budget: BudgetView) -> dict[str, str]:
    return {"provider": budget.provider, "currency": budget.currency.lower()}
