"""A job's events: what happened, in order, for people and for loss curves.

An event's id is made of its job and its key, so a run that is begun again tells the same ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from merlin.core.clock import utc_now
from merlin.engine.paging import Page, rows_of
from merlin.engine.rows import Row, Rows


@dataclass(frozen=True, slots=True)
class Happening:
    """One event to tell: `key` is its own among the job's; `content` holds metrics where any."""

    key: str
    message: str
    level: str = "info"
    content: Mapping[str, object] = field(default_factory=dict)
    is_of_run: bool = False


class Diary:
    """The events of all jobs."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def tell(self, job_id: str, what: Happening) -> None:
        """Add an event; one with the same key takes the old one's place at the end."""
        event_id = f"ftevent-{_digest(job_id, what.key)}"
        with self._rows.transaction():
            self._rows.change("DELETE FROM event WHERE id = ?", event_id)
            self._rows.change(
                "INSERT INTO event (id, job_id, created_at, level, kind, message, content,"
                " is_of_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                event_id,
                job_id,
                utc_now().timestamp(),
                what.level,
                "metrics" if what.content else "message",
                what.message,
                json.dumps(dict(what.content)),
                what.is_of_run,
            )

    def forget_run(self, job_id: str) -> None:
        """Remove what a broken run told; the run that follows tells it again."""
        self._rows.change("DELETE FROM event WHERE job_id = ? AND is_of_run = 1", job_id)

    def measured(self, job_id: str) -> list[dict[str, Any]]:
        """Return what a job's metrics events hold, oldest first."""
        sql = "SELECT content FROM event WHERE job_id = ? AND kind = 'metrics' ORDER BY seq"
        return [json.loads(row["content"]) for row in self._rows.select(sql, job_id)]

    def newest(self) -> int:
        """Return a number that is another one after every event of any job."""
        return int(self._rows.select("SELECT COALESCE(MAX(seq), 0) AS seq FROM event")[0]["seq"])

    def page(self, job_id: str, page: Page) -> tuple[list[Row], bool]:
        """Return a page of a job's events, and whether more follow."""
        return rows_of(self._rows, "event", "job_id = ?", [job_id], page)


def event_object(row: Row) -> dict[str, object]:
    """Return the protocol's FineTuningJobEvent. Source: openapi.yaml."""
    return {
        "id": row["id"],
        "object": "fine_tuning.job.event",
        "created_at": int(row["created_at"]),
        "level": row["level"],
        "message": row["message"],
        "type": row["kind"],
        "data": json.loads(row["content"]),
    }


def _digest(job_id: str, key: str) -> str:
    return hashlib.sha256(f"{job_id} {key}".encode()).hexdigest()[:24]
