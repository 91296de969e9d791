"""Events and failures of jobs.

An event's id is derived from its job and its key, so a restarted run produces the same ids. A
failure is stored as a code and a Fluent key with arguments, and is formatted when it is read: in a
person's language, or in English for API clients.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from merlin.core.clock import utc_now
from merlin.core.i18n import text
from merlin.core.web.browser import language_of_header
from merlin.engine.database import Database, Row, read_page
from merlin.engine.trainers.base import Untrainable, classify_error
from merlin.openai_protocol.requests import Page
from merlin.openai_protocol.responses import job_event_object

ENGLISH, BUG = "en", "server_error"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A new event: `key` is unique within the job; `content` has the metrics, if any."""

    key: str
    message: str
    level: str = "info"
    content: Mapping[str, object] = field(default_factory=dict)
    is_of_run: bool = False


class JobEvents:
    """The events of all jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job_id: str, event: JobEvent) -> None:
        """Add an event; it replaces one with the same key and moves to the end."""
        event_id = f"ftevent-{hashlib.sha256(f'{job_id} {event.key}'.encode()).hexdigest()[:24]}"
        with self._database.transaction():
            self._database.change("DELETE FROM event WHERE id = ?", event_id)
            self._database.insert(
                "event",
                id=event_id,
                job_id=job_id,
                created_at=utc_now().timestamp(),
                level=event.level,
                kind="metrics" if event.content else "message",
                message=event.message,
                content=json.dumps(dict(event.content)),
                is_of_run=event.is_of_run,
            )

    def forget_run(self, job_id: str) -> None:
        """Remove the events of an interrupted run, which the next run adds again."""
        self._database.change("DELETE FROM event WHERE job_id = ? AND is_of_run = 1", job_id)

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


def failure_object(failure: Untrainable) -> dict[str, object]:
    """Return the stored form of a failure."""
    return {
        "code": failure.code,
        "param": failure.param,
        "key": failure.key,
        "arguments": dict(failure.arguments),
    }


def error_object(error: Mapping[str, Any] | None, language: str) -> dict[str, object] | None:
    """Return a stored failure as the protocol's `job.error`, its message in a language.

    Source: openapi.yaml, FineTuningJob.
    """
    if error is None:
        return None
    message = text(language, error["key"], **error["arguments"])
    return {"code": error["code"], "message": message, "param": error["param"]}


def protocol_language(request: Request) -> str:
    """Return the language of error messages for an API request: English, or the requested one."""
    return language_of_header(request.headers.get("accept-language", ""), ENGLISH)
