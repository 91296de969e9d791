"""Rows of turns; fulfils `chat.turn.Turns`."""

from __future__ import annotations

from typing import Any

from merlin.chat.turn import Turn, TurnState, Written
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.message import Message, Usage
from merlin.inbox.update import UpdateState
from merlin.store.chat_tables import TURN
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.sealed import opened


class TurnRows:
    """The turns of one bot; what people and models said is sealed."""

    def __init__(self, db: Database, cipher: Cipher, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._bot_id = bot_id
        self._clock = clock

    def find(self, update_id: int) -> Turn | None:
        """Return the turn of an update."""
        row = self.db.row(TURN.select().where(self._of(update_id)))
        return None if row is None else self._turn(row)

    @transaction
    def ask(
        self, session_id: int, update_id: int, question: str, placeholder_id: int | None
    ) -> Turn:
        """Store a question with its placeholder; a stored turn gets the new placeholder."""
        stored = self.find(update_id)
        if stored is None:
            new = self._new(session_id, update_id, question, placeholder_id)
            turn_id = self.db.add(TURN, new)
            return Turn(turn_id, update_id, session_id, question, placeholder_id)
        place = TURN.update({"placeholder_id": placeholder_id})
        self.db.change(place.where(TURN.id == stored.turn_id))
        return Turn(
            stored.turn_id,
            update_id,
            stored.session_id,
            stored.question,
            placeholder_id,
            stored.written,
        )

    def _new(
        self, session_id: int, update_id: int, question: str, placeholder_id: int | None
    ) -> Row:
        return {
            "bot_id": self._bot_id,
            "update_id": update_id,
            "session_id": session_id,
            "state": TurnState.ASKED.value,
            "question": self._cipher.seal(question),
            "answer": "",
            "note": "",
            "ending": "",
            "placeholder_id": placeholder_id,
            "provider": "",
            "model_id": "",
            "input_tokens": 0,
            "output_tokens": 0,
            "asked_at": iso(self._clock()),
            "written_at": None,
        }

    @transaction
    def write(self, update_id: int, written: Written) -> None:
        """Store the whole answer; the first one stays."""
        change = {
            "state": TurnState.WRITTEN.value,
            "answer": self._sealed(written.answer),
            "note": self._sealed(written.note),
            "ending": written.ending.value,
            "provider": written.provider,
            "model_id": written.model_id,
            "input_tokens": written.usage.input_tokens,
            "output_tokens": written.usage.output_tokens,
            "written_at": iso(self._clock()),
        }
        asked = self._of(update_id) & (TURN.state == TurnState.ASKED.value)
        self.db.change(TURN.update(change).where(asked))

    @transaction
    def told(self, update_id: int) -> None:
        """Note that the whole answer stands in the chat."""
        self.db.change(TURN.update({"state": TurnState.TOLD.value}).where(self._of(update_id)))

    def history(self, session_id: int, limit: int) -> list[Message]:
        """Return the newest `limit` answered turns as messages, oldest first."""
        answered = (TURN.session_id == session_id) & (TURN.answer != "")
        newest = TURN.select().where(answered).order_by(TURN.id.desc()).limit(limit)
        messages = []
        for row in reversed(self.db.rows(newest)):
            question, answer = self._opened(row["question"]), self._opened(row["answer"])
            if question is not None and answer is not None:
                messages += [Message("user", question), Message("assistant", answer)]
        return messages

    def _of(self, update_id: int) -> Any:
        return (TURN.bot_id == self._bot_id) & (TURN.update_id == update_id)

    def _sealed(self, text: str) -> str:
        return self._cipher.seal(text) if text else ""

    def _opened(self, sealed: str) -> str | None:
        return opened(self._cipher, sealed)

    def _turn(self, row: Row) -> Turn:
        return Turn(
            turn_id=row["id"],
            update_id=row["update_id"],
            session_id=row["session_id"],
            question=self._opened(row["question"]) or "",
            placeholder_id=row["placeholder_id"],
            written=None if row["state"] == TurnState.ASKED else self._written(row),
        )

    def _written(self, row: Row) -> Written | None:
        answer, note = self._opened(row["answer"]), self._opened(row["note"])
        if answer is None or note is None:
            return None
        return Written(
            answer=answer,
            note=note,
            ending=UpdateState(row["ending"]),
            provider=row["provider"],
            model_id=row["model_id"],
            usage=Usage(row["input_tokens"], row["output_tokens"]),
        )
