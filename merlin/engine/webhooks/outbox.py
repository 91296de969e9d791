"""Deliveries: what is to be told to whom, kept until it was taken.

They are written in the transaction that ends the job, so none is told of what did not happen, and
none is lost. A delivery's id is the header `webhook-id`, the same in every try: whoever is told
twice, after a crash between sending and noting it, knows it by that.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from merlin.core.clock import Clock, utc_now
from merlin.engine.rows import Row, Rows
from merlin.engine.webhooks.endpoints import GONE

# How long to wait after the first try that failed, the second, …; the last one stays.
LADDER_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 6 * 3600.0, 12 * 3600.0)
JITTER = 0.2
KEPT_S = 30 * 24 * 3600.0
LONGEST_TROUBLE = 200
_RANDOM = secrets.SystemRandom()


class Outbox:
    """The deliveries of one engine; every method may be called from any thread."""

    def __init__(self, rows: Rows, clock: Clock = utc_now) -> None:
        self._rows = rows
        self._clock = clock

    def job_ended(self, job_id: str, status: str) -> None:
        """Write a delivery for everybody who wants to hear it; within the job's transaction.

        A client's endpoints hear of its own jobs, the owner's of all.
        """
        kind, now = f"fine_tuning.job.{status}", self._clock().timestamp()
        body = event_body(f"evt_{secrets.token_hex(12)}", kind, job_id, now)
        hearing = (
            "SELECT endpoint.* FROM endpoint JOIN job ON endpoint.owner IN ('', job.owner)"
            " WHERE job.id = ? AND endpoint.state != ?"
        )
        for endpoint in self._rows.select(hearing, job_id, GONE):
            if kind in json.loads(endpoint["event_types"]):
                self._rows.change(
                    "INSERT INTO delivery (id, endpoint_id, body, created_at, due_at)"
                    " VALUES (?, ?, ?, ?, ?)",
                    *(new_id(), endpoint["id"], body, now, now),
                )

    def heads(self) -> list[Row]:
        """Return the delivery to send next to each endpoint, `at` what time."""
        return self._rows.select(
            "SELECT delivery.*, MIN(MAX(due_at, not_before)) AS at FROM delivery"
            " JOIN endpoint ON endpoint.id = delivery.endpoint_id"
            " WHERE delivered_at IS NULL AND endpoint.state = 'on' GROUP BY endpoint_id"
        )

    def delivered(self, delivery_id: str) -> None:
        """Note that it was taken; what was taken a month ago is forgotten."""
        now = self._clock().timestamp()
        with self._rows.transaction():
            sql = "UPDATE delivery SET delivered_at = ?, tries = tries + 1 WHERE id = ?"
            self._rows.change(sql, now, delivery_id)
            self._rows.change("DELETE FROM delivery WHERE delivered_at < ?", now - KEPT_S)

    def failed(self, delivery: Row, trouble: str) -> None:
        """Note a try that failed, and when the next one is."""
        sql = "UPDATE delivery SET tries = tries + 1, due_at = ?, trouble = ? WHERE id = ?"
        due_at = self._clock().timestamp() + pause_s(delivery["tries"])
        self._rows.change(sql, due_at, trouble[:LONGEST_TROUBLE], delivery["id"])

    def due_now(self) -> None:
        """Let everything that waits be sent now, whenever it was to be tried again."""
        now = self._clock().timestamp()
        with self._rows.transaction():
            late = "UPDATE delivery SET due_at = ? WHERE delivered_at IS NULL AND due_at > ?"
            self._rows.change(late, now, now)
            self._rows.change("UPDATE endpoint SET not_before = ? WHERE not_before > ?", now, now)

    def waiting(self, endpoint_id: str) -> Mapping[str, object]:
        """Return how many deliveries wait for an endpoint, and why the last try failed."""
        waits = "FROM delivery WHERE endpoint_id = ? AND delivered_at IS NULL"
        count = f"SELECT COUNT(*) AS n {waits}"
        newest = f"SELECT trouble {waits} AND trouble != '' ORDER BY tries DESC LIMIT 1"
        trouble = [row["trouble"] for row in self._rows.select(newest, endpoint_id)]
        told = self._rows.select(count, endpoint_id)[0]["n"]
        return {"waiting": told, "trouble": trouble[0] if trouble else None}

    def figures(self) -> Mapping[str, int]:
        """Return how many deliveries wait, and were taken in the last month."""
        sql = (
            "SELECT COUNT(*) - COUNT(delivered_at) AS waiting, COUNT(delivered_at) AS delivered"
            " FROM delivery"
        )
        return self._rows.select(sql)[0]


def event_body(event_id: str, kind: str, job_id: str, at: float) -> str:
    """Return an event as it is sent. Source: openai, FineTuningJobSucceededWebhookEvent."""
    told = {"id": event_id, "object": "event", "created_at": int(at), "type": kind}
    return json.dumps({**told, "data": {"id": job_id}}, separators=(",", ":"))


def new_id() -> str:
    """Return a new webhook-id."""
    return f"wh_{secrets.token_hex(12)}"


def pause_s(tries: int) -> float:
    """Return how long to wait after one more try than `tries` has failed, give or take a fifth."""
    pause = LADDER_S[min(tries, len(LADDER_S) - 1)]
    return pause * _RANDOM.uniform(1 - JITTER, 1 + JITTER)
