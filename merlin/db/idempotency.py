"""Calls with an idempotency key are carried out once.

    begun -> answered     the answer is stored for a day and repeated for the same call
    begun -> forgotten    nothing happened: the same key may be used again at once

A call whose API process has ended, or that began `CALL_LIMIT` ago, may be repeated with the same
number, by which the operation recognises what it has already done. Keys and requests are stored as
SHA-256, answers encrypted.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from merlin.core.clock import from_iso, iso
from merlin.db.database import Repository, Row, transaction
from merlin.db.encryption import digest
from merlin.db.processes import Heartbeats
from merlin.db.tables import IDEMPOTENCY
from merlin.db.values import decrypt

LIFETIME = timedelta(hours=24)
_NUMBER_BITS = 62


def make_call_number(call: str = "") -> int:
    """Return a random number for a call; with a text the same number for the same text."""
    value = int(digest(call), 16) if call else secrets.randbits(_NUMBER_BITS)
    return 1 + value % (1 << _NUMBER_BITS)


@dataclass(frozen=True, slots=True)
class StartedCall:
    """A call to carry out now; `number` stays the same if the call is begun again."""

    repeat_id: int
    number: int


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The stored answer of a call."""

    status: int
    media_type: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


# Why a call cannot begin: it is in progress, or its key belongs to another call.
KeyConflict = Literal["running", "other"]


class IdempotencyKeys(Repository):
    """One row for each person and key; `status` is NULL while the call is in progress."""

    @transaction
    def begin(
        self, user_id: int, key: str, request: str
    ) -> StartedCall | StoredResponse | KeyConflict:
        """Begin a person's call, or return its answer or why it cannot begin.

        Of two simultaneous calls one begins. `request` is a digest of the whole call.
        """
        now, mine = self._clock(), {"user_id": user_id, "key_hash": digest(key)}
        self.clear(now)
        new = {
            **mine,
            "request_hash": digest(request),
            "number": make_call_number(),
            "status": None,
            "media_type": "",
            "headers": "",
            "body": "",
            "at": iso(now),
        }
        is_new = self.db.add_new(IDEMPOTENCY, new)
        same = (IDEMPOTENCY.user_id == user_id) & (IDEMPOTENCY.key_hash == mine["key_hash"])
        row = self.db.row(IDEMPOTENCY.select().where(same))
        if row is None:  # another process has just deleted it
            return "running"
        if is_new:
            return StartedCall(row["id"], row["number"])
        if row["request_hash"] != new["request_hash"]:
            return "other"
        if row["status"] is None:
            return self._take_over(row, now)
        body = decrypt(self.db.cipher, row["body"])
        if body is None:  # encrypted with a lost key: the answer cannot be repeated
            return "running"
        return StoredResponse(row["status"], row["media_type"], body, json.loads(row["headers"]))

    def _take_over(self, row: Row, now: datetime) -> StartedCall | KeyConflict:
        """Begin a call again if its process did not finish it in time."""
        if from_iso(row["at"]) > Heartbeats(self.db).find_oldest_start("api", now):
            return "running"
        same = (IDEMPOTENCY.id == row["id"]) & (IDEMPOTENCY.at == row["at"])
        is_mine = self.db.update(IDEMPOTENCY, same & IDEMPOTENCY.status.is_null(), at=iso(now))
        return StartedCall(row["id"], row["number"]) if is_mine else "running"

    @transaction
    def end(self, started_call: StartedCall, answer: StoredResponse) -> None:
        """Store the answer of a call; the first answer stays."""
        values = {
            "status": answer.status,
            "media_type": answer.media_type,
            "headers": json.dumps(dict(answer.headers)),
            "body": self.db.cipher.seal(answer.body) if answer.body else "",
        }
        condition = (IDEMPOTENCY.id == started_call.repeat_id) & IDEMPOTENCY.status.is_null()
        self.db.update(IDEMPOTENCY, condition, **values)

    @transaction
    def forget(self, started_call: StartedCall) -> None:
        """Release the key, because nothing happened."""
        condition = (IDEMPOTENCY.id == started_call.repeat_id) & IDEMPOTENCY.status.is_null()
        self.db.delete(IDEMPOTENCY, condition)

    @transaction
    def clear(self, now: datetime) -> int:
        """Delete rows older than `LIFETIME`; return their number."""
        return self.db.delete(IDEMPOTENCY, IDEMPOTENCY.at <= iso(now - LIFETIME))
