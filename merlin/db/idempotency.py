"""Calls that carry an idempotency key are carried out once.

    begun -> answered     the answer is kept for a day, and sent again to the same call
    begun -> forgotten    nothing happened: the same key may be tried again at once

One that was begun by a process that died may be tried again after `PATIENCE`, with the same
number: by it the effect knows itself. Keys and requests are kept as SHA-256, answers encrypted.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from merlin.account.api_keys import digest
from merlin.core.clock import from_iso, iso
from merlin.db.database import Repository, Row, transaction
from merlin.db.tables import IDEMPOTENCY
from merlin.db.values import decrypt

KEPT = timedelta(hours=24)
PATIENCE = timedelta(minutes=10)
NUMBER_BITS = 62


@dataclass(frozen=True, slots=True)
class StartedCall:
    """A call whose effect may be done now; `number` is the same however often it is begun."""

    repeat_id: int
    number: int


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What a call was answered with."""

    status: int
    media_type: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


# Why a call cannot be begun: it is under way, or its key belongs to another call.
KeyConflict = Literal["running", "other"]


class IdempotencyKeys(Repository):
    """One row a person and key; `status` is NULL while the call is under way."""

    @transaction
    def begin(
        self, user_id: int, key: str, request: str
    ) -> StartedCall | StoredResponse | KeyConflict:
        """Begin a person's call, or say what is known of it; of two at once one begins.

        `key` is what the call carries, `request` a digest of all that it asks.
        """
        now, mine = self._clock(), {"user_id": user_id, "key_hash": digest(key)}
        self.clear(now)
        new = {
            **mine,
            "request_hash": digest(request),
            "number": 1 + secrets.randbits(NUMBER_BITS),
            "status": None,
            "media_type": "",
            "headers": "",
            "body": "",
            "at": iso(now),
        }
        is_new = self.db.add_new(IDEMPOTENCY, new)
        same = (IDEMPOTENCY.user_id == user_id) & (IDEMPOTENCY.key_hash == mine["key_hash"])
        row = self.db.row(IDEMPOTENCY.select().where(same))
        if row is None:  # another process has just forgotten it
            return "running"
        if is_new:
            return StartedCall(row["id"], row["number"])
        if row["request_hash"] != new["request_hash"]:
            return "other"
        if row["status"] is None:
            return self._taken_over(row, now)
        body = decrypt(self.db.cipher, row["body"])
        if body is None:  # sealed under a key that is gone: what happened cannot be told again
            return "running"
        return StoredResponse(row["status"], row["media_type"], body, json.loads(row["headers"]))

    def _taken_over(self, row: Row, now: datetime) -> StartedCall | KeyConflict:
        """Return the call begun anew, where whoever began it has not ended it in time."""
        if now - from_iso(row["at"]) < PATIENCE:
            return "running"
        same = (IDEMPOTENCY.id == row["id"]) & (IDEMPOTENCY.at == row["at"])
        again = IDEMPOTENCY.update({"at": iso(now)}).where(same & IDEMPOTENCY.status.is_null())
        return StartedCall(row["id"], row["number"]) if self.db.change(again) else "running"

    @transaction
    def end(self, started_call: StartedCall, answer: StoredResponse) -> None:
        """Keep what the call was answered with; the first answer stays."""
        values = {
            "status": answer.status,
            "media_type": answer.media_type,
            "headers": json.dumps(dict(answer.headers)),
            "body": self.db.cipher.seal(answer.body) if answer.body else "",
        }
        condition = (IDEMPOTENCY.id == started_call.repeat_id) & IDEMPOTENCY.status.is_null()
        self.db.change(IDEMPOTENCY.update(values).where(condition))

    @transaction
    def forget(self, started_call: StartedCall) -> None:
        """Let the key be free again, because nothing happened."""
        condition = (IDEMPOTENCY.id == started_call.repeat_id) & IDEMPOTENCY.status.is_null()
        self.db.change(IDEMPOTENCY.delete().where(condition))

    @transaction
    def clear(self, now: datetime) -> int:
        """Remove what is older than `KEPT`; return how many."""
        return self.db.change(IDEMPOTENCY.delete().where(IDEMPOTENCY.at <= iso(now - KEPT)))
