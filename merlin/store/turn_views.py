"""What turns tell in sum and at length.

Fulfils `chat.tally.Tally` and `chat.transcript.Transcripts`; writes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from peewee import fn

from merlin.chat.tally import Newest
from merlin.chat.transcript import SUMMARY, Passage
from merlin.core.clock import from_iso, iso
from merlin.core.money import Cost
from merlin.store.chat_tables import TURN
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row
from merlin.store.sealed import opened


class TurnViews:
    """The turns of one bot, looked at."""

    def __init__(self, db: Database, cipher: Cipher, bot_id: int) -> None:
        self.db = db
        self._cipher = cipher
        self._bot_id = bot_id

    def of_session(self, session_id: int) -> list[Cost] | None:
        """Return what a session has cost, one sum a currency; None before the first question."""
        return self._costs(TURN.session_id == session_id)

    def since(self, user_id: int, at: datetime) -> list[Cost] | None:
        """Return what a person's questions have cost since then, in the same way."""
        return self._costs((TURN.user_id == user_id) & (TURN.asked_at >= iso(at)))

    def count(self, session_id: int) -> int:
        """Return how many answered turns a session has."""
        answered = self._answered(session_id)
        return int(self.db.value(TURN.select(fn.COUNT(TURN.id)).where(answered)))

    def newest(self, session_id: int) -> Newest | None:
        """Return a session's newest answered turn, None where there is none."""
        newest = TURN.select().where(self._answered(session_id)).order_by(TURN.id.desc())
        row = self.db.row(newest.limit(1))
        if row is None:
            return None
        return Newest(row["id"], is_counted=row["input_tokens"] + row["output_tokens"] > 0)

    def passages(self, session_id: int) -> list[Passage]:
        """Return every turn of a session that counts, oldest first."""
        counts = (TURN.is_replaced == 0) & (TURN.format != SUMMARY)
        these = self._mine() & (TURN.session_id == session_id) & counts
        rows = self.db.rows(TURN.select().where(these).order_by(TURN.id))
        return [self._passage(row) for row in rows]

    def _costs(self, these: Any) -> list[Cost] | None:
        spent = fn.SUM(TURN.cost_micro).alias("micro")
        # What was refused has cost nothing; a summary costs without an answer.
        these &= self._mine() & ((TURN.answer != "") | (TURN.currency != ""))
        sums = TURN.select(TURN.currency, spent).where(these)
        rows = self.db.rows(sums.group_by(TURN.currency).order_by(TURN.currency))
        # Without a currency stands what nobody knows the price of.
        known = [row for row in rows if row["currency"]]
        return [Cost(int(row["micro"]), row["currency"]) for row in known] if rows else None

    def _mine(self) -> Any:
        return TURN.bot_id == self._bot_id

    def _answered(self, session_id: int) -> Any:
        counts = (TURN.answer != "") & (TURN.is_replaced == 0)
        return self._mine() & (TURN.session_id == session_id) & counts

    def _passage(self, row: Row) -> Passage:
        return Passage(
            at=from_iso(row["asked_at"]),
            question=opened(self._cipher, row["question"]) or "",
            answer=opened(self._cipher, row["answer"]) or "",
            format=row["format"],
            provider=row["provider"],
            model_id=row["model_id"],
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            cost_micro=row["cost_micro"],
            currency=row["currency"],
        )
