"""Rows of turns; fulfils `chat.turn.Turns` and `chat.turn.Corrections`."""

from __future__ import annotations

from dataclasses import replace

from merlin.chat.session import Place
from merlin.chat.turn import Question, Turn, TurnState, Written, named
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.message import Message, Usage
from merlin.inbox.update import UpdateState
from merlin.store.chat_tables import SESSION, TURN
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.prepared import Prepared, Slot, slots
from merlin.store.sealed import opened

# Telegram numbers no message so.
NO_MESSAGE = -1
_OF = (TURN.bot_id == Slot("bot")) & (TURN.update_id == Slot("update_id"))
_FIND = Prepared(TURN.select().where(_OF).limit(1))
_NEW = Prepared(
    TURN.insert(
        slots(
            "bot_id update_id session_id user_id question_id format state question answer note"
            " ending offer standing placeholder_id provider model_id input_tokens output_tokens"
            " cost_micro currency is_replaced asked_at written_at asker"
        )
    )
)
_AGAIN = Prepared(TURN.update(slots("placeholder_id question format")).where(TURN.id == Slot("id")))
_REPLACE = Prepared(
    TURN.update({"is_replaced": 1}).where(
        (TURN.session_id == Slot("session_id"))
        & (TURN.bot_id == Slot("bot"))
        & (TURN.question_id == Slot("question_id"))
    )
)
_WRITE = Prepared(
    TURN.update(
        slots(
            "state answer note ending provider model_id input_tokens output_tokens standing"
            " cost_micro currency offer written_at"
        )
    ).where(_OF & (TURN.state == TurnState.ASKED.value))
)
_TOLD = Prepared(TURN.update({"state": TurnState.TOLD.value}).where(_OF))
_HISTORY = Prepared(
    TURN.select(TURN.question, TURN.answer, TURN.user_id, TURN.asker)
    .where((TURN.session_id == Slot("session_id")) & (TURN.answer != "") & (TURN.is_replaced == 0))
    .where(TURN.question_id != Slot("without"))
    .order_by(TURN.id.desc())
    .limit(Slot("limit"))
)


class TurnRows:
    """The turns of one bot; what people and models said is sealed."""

    def __init__(self, db: Database, cipher: Cipher, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._bot_id = bot_id
        self._clock = clock

    def find(self, update_id: int) -> Turn | None:
        """Return the turn of an update."""
        row = self.db.row(_FIND(bot=self._bot_id, update_id=update_id))
        return None if row is None else self._turn(row)

    def get(self, turn_id: int) -> Turn | None:
        """Return a turn by its own number."""
        mine = (TURN.bot_id == self._bot_id) & (TURN.id == turn_id)
        row = self.db.row(TURN.select().where(mine))
        return None if row is None else self._turn(row)

    def of_message(self, place: Place, message_id: int) -> Turn | None:
        """Return the newest turn of a person's message in a chat."""
        here = (SESSION.bot_id == self._bot_id) & (SESSION.chat_id == place.chat_id)
        # A group's session has many people, so it is the turn that tells whose message it was.
        asked = (TURN.question_id == message_id) & (TURN.user_id == place.user_id)
        asked &= TURN.session_id.in_(SESSION.select(SESSION.id).where(here))
        row = self.db.row(TURN.select().where(asked).order_by(TURN.id.desc()).limit(1))
        return None if row is None else self._turn(row)

    @transaction
    def ask(self, question: Question, placeholder_id: int | None) -> Turn:
        """Store a question with its placeholder; a stored turn gets the new ones."""
        stored = self.find(question.update_id)
        if stored is None:
            self._replace_earlier(question)
            turn_id = self.db.stored(_NEW(**self._new(question, placeholder_id)))
            return Turn(turn_id, question, placeholder_id)
        known = {
            "placeholder_id": placeholder_id,
            "question": self._sealed(question.text),
            "format": question.format,
        }
        self.db.change(_AGAIN(id=stored.turn_id, **known))
        return replace(stored, question=question, placeholder_id=placeholder_id)

    def _replace_earlier(self, question: Question) -> None:
        """Take an earlier turn of the same message out of the history."""
        if not question.message_id:
            return
        earlier = _REPLACE(
            bot=self._bot_id, session_id=question.session_id, question_id=question.message_id
        )
        self.db.change(earlier)

    def _new(self, question: Question, placeholder_id: int | None) -> Row:
        return {
            "bot_id": self._bot_id,
            "update_id": question.update_id,
            "session_id": question.session_id,
            "user_id": question.user_id,
            "question_id": question.message_id,
            "format": question.format,
            "state": TurnState.ASKED.value,
            "question": self._sealed(question.text),
            "answer": "",
            "note": "",
            "ending": "",
            "offer": "",
            "standing": "",
            "placeholder_id": placeholder_id,
            "provider": "",
            "model_id": "",
            "input_tokens": 0,
            "output_tokens": 0,
            "cost_micro": 0,
            "currency": "",
            "is_replaced": 0,
            "asked_at": iso(self._clock()),
            "written_at": None,
            "asker": self._sealed(question.asker),
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
            "standing": written.standing,
            "cost_micro": written.cost_micro,
            "currency": written.currency,
            "offer": written.offer,
            "written_at": iso(self._clock()),
        }
        self.db.change(_WRITE(bot=self._bot_id, update_id=update_id, **change))

    @transaction
    def told(self, update_id: int) -> None:
        """Note that the whole answer stands in the chat."""
        self.db.change(_TOLD(bot=self._bot_id, update_id=update_id))

    def history(
        self, session_id: int, limit: int, without: int = 0, asker: int = 0
    ) -> list[Message]:
        """Return the newest `limit` answered turns as messages, oldest first."""
        newest = _HISTORY(session_id=session_id, limit=limit, without=without or NO_MESSAGE)
        rows = self.db.rows(newest)
        is_shared = len({row["user_id"] for row in rows} | ({asker} if asker else set())) > 1
        messages = []
        for row in reversed(rows):
            question, answer = self._opened(row["question"]), self._opened(row["answer"])
            if question is not None and answer is not None:
                name = self._opened(row["asker"]) if is_shared and row["asker"] else ""
                question = named(question, name or "")
                messages += [Message("user", question), Message("assistant", answer)]
        return messages

    def askers(self, session_id: int) -> set[int]:
        """Return whose questions a session has."""
        asked = TURN.select(TURN.user_id).where(TURN.session_id == session_id).distinct()
        return {row["user_id"] for row in self.db.rows(asked)}

    def _sealed(self, text: str) -> str:
        return self._cipher.seal(text) if text else ""

    def _opened(self, sealed: str) -> str | None:
        return opened(self._cipher, sealed)

    def _turn(self, row: Row) -> Turn:
        return Turn(
            turn_id=row["id"],
            question=Question(
                session_id=row["session_id"],
                update_id=row["update_id"],
                user_id=row["user_id"],
                text=self._opened(row["question"]) or "",
                message_id=row["question_id"],
                format=row["format"],
                asker=self._opened(row["asker"]) or "" if row["asker"] else "",
            ),
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
            standing=row["standing"],
            cost_micro=row["cost_micro"],
            currency=row["currency"],
            offer=row["offer"],
        )
