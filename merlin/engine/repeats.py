"""Idempotency-Key: the same call made twice is carried out once.

The first answer is stored in the transaction that carries the call out, and given back byte for
byte. Source of the header's meaning: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from merlin.core.clock import utc_now
from merlin.engine.refusal import Refusal
from merlin.engine.rows import Rows

KEPT = timedelta(days=2)
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Wish:
    """A creating call: its Idempotency-Key ("" for none), the digest of what it asks, by whom.

    Keys of two owners never meet: who uses another's is not told what the other made.
    """

    key: str
    digest: str
    owner: str = ""


def wish_of(call: str, key: str, asked: object, owner: str = "") -> Wish:
    """Return the wish of a call ("files", "jobs"). Raises Refusal 400 for an overlong key."""
    if len(key) > LONGEST_KEY:
        raise Refusal(400, f"Idempotency-Key has more than {LONGEST_KEY} characters")
    told = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    named = " ".join(filter(None, [owner, call, key])) if key else ""
    return Wish(named, hashlib.sha256(told.encode()).hexdigest(), owner)


class Repeats:
    """The stored answers; kept two days."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def answer(self, wish: Wish) -> bytes | None:
        """Return the stored answer. Raises Refusal 422 when the key asked for something else."""
        if not wish.key:
            return None
        sql = "SELECT digest, answer FROM repeat WHERE key = ?"
        for row in self._rows.select(sql, wish.key):
            if row["digest"] != wish.digest:
                text = "This Idempotency-Key was used for another request; take a new key."
                raise Refusal(422, text, code="idempotency_mismatch")
            return bytes(row["answer"])
        return None

    def once(self, wish: Wish, act: Callable[[], dict[str, object]]) -> tuple[bytes, bool]:
        """Carry `act` out in a transaction unless it was; return the answer, and whether it was.

        `act` returns the answer's object. Raises Refusal 422.
        """
        with self._rows.transaction():
            stored = self.answer(wish)
            if stored is not None:
                return stored, True
            made = act()
            answer = json.dumps(made, ensure_ascii=False).encode()
            if wish.key:
                self._store(wish, str(made["id"]), answer)
            return answer, False

    def forget(self, made: str) -> None:
        """Forget the answer that told of `made`: it is gone, the same call may make it anew."""
        self._rows.change("DELETE FROM repeat WHERE made = ?", made)

    def _store(self, wish: Wish, made: str, answer: bytes) -> None:
        now = utc_now()
        self._rows.change("DELETE FROM repeat WHERE created_at < ?", (now - KEPT).timestamp())
        sql = "INSERT INTO repeat (key, digest, made, answer, created_at) VALUES (?, ?, ?, ?, ?)"
        self._rows.change(sql, wish.key, wish.digest, made, answer, now.timestamp())
