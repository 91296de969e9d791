"""Events and failures of jobs.

An event's id is derived from its job and its key, so a restarted run adds none twice.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from merlin.core.clock import utc_now
from merlin.engine.database import Database, Row, read_page
from merlin.engine.trainers.base import Untrainable, classify_error
from merlin.openai_protocol.requests import Page
from merlin.openai_protocol.responses import job_event_object

BUG = "server_error"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A new event: `key` is unique within the job; `content` has the metrics, if any."""

    key: str
    message: str
    level: str = "info"
    content: Mapping[str, object] = field(default_factory=dict)


class JobEvents:
    """The events of all jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job_id: str, event: JobEvent) -> None:
        """Add an event, unless the job has one with this key."""
        self._database.insert(
            "event",
            "IGNORE",
            id=f"ftevent-{hashlib.sha256(f'{job_id} {event.key}'.encode()).hexdigest()[:24]}",
            job_id=job_id,
            created_at=utc_now().timestamp(),
            level=event.level,
            kind="metrics" if event.content else "message",
            message=event.message,
            content=json.dumps(dict(event.content)),
        )

    def list(self, job_id: str, page: Page) -> tuple[list[Row], bool]:
        """Return a page of a job's events, and whether more follow."""
        return read_page(self._database, "event", "job_id = ?", [job_id], page)


def event_object(row: Row) -> dict[str, object]:
    """Return the protocol's FineTuningJobEvent."""
    return job_event_object(
        row["id"],
        row["created_at"],
        row["message"],
        level=row["level"],
        kind=row["kind"],
        data=json.loads(row["content"]),
    )


def classify_failure(error: Exception) -> Untrainable:
    """Return the failure for an exception raised by a job; its code is BUG if unexpected."""
    bug = Untrainable(BUG, "engine-bug", None, kind=type(error).__name__)
    return classify_error(error, "engine-memory-out") or bug
