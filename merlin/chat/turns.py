"""A turn: one question and its answer, usage and cost, stored so that it is answered once.

    asked -> written -> delivered

`written`: the complete answer is stored and remains to be shown; the model is not asked again.
The placeholder is the message that shows the answer; of several, once delivered, the last, which
has the buttons. Texts are encrypted.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from peewee import fn

from merlin.chat.sessions import ChatPlace
from merlin.core.clock import from_iso, iso
from merlin.core.messages import Message, Usage
from merlin.core.money import Cost
from merlin.db.database import (
    BotRepository,
    Database,
    Row,
    transaction,
)
from merlin.db.tables import MODEL, SESSION, TURN
from merlin.db.values import RowMap, decrypt


class UpdateState(StrEnum):
    """The state of an update from Telegram; all but `WAITING` are final."""

    # The values are stored in the database.
    WAITING = "waiting"
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


class TurnState(StrEnum):
    """The state of a turn."""

    # The values are stored in the database.
    ASKED = "asked"
    WRITTEN = "written"
    DELIVERED = "told"


# A value of `offer`: no buttons.
NO_BUTTONS = "none"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What is shown and stored of a turn.

    `answer` is the model's own text, "" if there is none; `note` is Merlin's text under it or in
    its place, in the person's language. `ending` is the final state of the update, `model_role`
    the CandidateKind of the model, `cost_micro` the cost in millionths of `currency` ("": not
    known). `offer` names the buttons to show ("": the usual ones). `known` False: the model does
    not know the answer; `nearest` are trained questions that may have been meant, one on each line;
    `if_meant`: the answer to the first of them is shown with its name.
    `first_ms`: the time to the first token.
    """

    answer: str
    note: str = ""
    ending: UpdateState = UpdateState.ANSWERED
    provider: str = ""
    model_id: str = ""
    usage: Usage = field(default_factory=Usage)
    model_role: str = ""
    cost_micro: int = 0
    currency: str = ""
    offer: str = ""
    known: bool | None = None
    nearest: str = ""
    if_meant: bool = False
    first_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question: the text for the model, and the message that contained it.

    `format` is text, voice, photo or document: what a plan counts. `asker` is the display name of
    the author in a group, "" in private chats.
    """

    session_id: int
    update_id: int
    user_id: int
    text: str
    message_id: int = 0
    format: str = "text"
    asker: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored turn; `written` is None until the complete answer is stored."""

    turn_id: int
    question: Question
    placeholder_id: int | None = None
    written: StoredAnswer | None = None


def with_author(question: str, name: str) -> str:
    """Return a question prefixed with its author, as the model gets it."""
    return f"{name}: {question}" if name else question


def answering_model(db: Database, update_id: int) -> str | None:
    """Return the model that answered an update, None until its complete answer is shown."""
    is_shown = (TURN.update_id == update_id) & (TURN.state == TurnState.DELIVERED.value)
    found = db.value(TURN.select(TURN.model_id).where(is_shown))
    return None if found is None else str(found)


def find_first_answer_time(
    db: Database, newer_than: datetime | None = None
) -> datetime | None:
    """Return when a question was first answered; None if there was no answer.

    With `newer_than` only answers of models that were created after that time count.
    """
    answered = TURN.select(fn.MIN(TURN.written_at)).where(
        TURN.state != TurnState.ASKED.value
    )
    if newer_than is not None:
        is_newer = MODEL.created_at > iso(newer_than)
        answered = answered.join(MODEL, on=MODEL.model_id == TURN.model_id).where(
            is_newer
        )
    found = db.value(answered)
    return from_iso(found) if found else None


_QUESTIONS = RowMap(
    Question,
    columns={"text": "question", "message_id": "question_id"},
    sealed=TURN.sealed,
)
_ANSWERS = RowMap(StoredAnswer, sealed=TURN.sealed)

# No Telegram message has this number.
NO_MESSAGE = -1
# These run for every question: built by peewee they take 3 ms of its processor time, 0.2 like this.
_FIND = "SELECT * FROM turn WHERE bot_id = :bot_id AND update_id = :update_id"
_ADD = """
INSERT INTO turn (
    bot_id, update_id, session_id, user_id, question_id, format, question, asker, placeholder_id,
    state, asked_at, answer, note, ending, provider, model_id, input_tokens, output_tokens
) VALUES (
    :bot_id, :update_id, :session_id, :user_id, :question_id, :format, :question, :asker,
    :placeholder_id, 'asked', :asked_at, '', '', '', '', '', 0, 0
) RETURNING id
"""
_ASK_AGAIN = """
UPDATE turn SET placeholder_id = :placeholder_id, question = :question, format = :format
WHERE id = :id
"""
_REPLACE = """
UPDATE turn SET is_replaced = 1
WHERE session_id = :session_id AND bot_id = :bot_id AND question_id = :question_id
"""
_WRITE = """
UPDATE turn SET
    state = 'written', written_at = :written_at, answer = :answer, note = :note, ending = :ending,
    provider = :provider, model_id = :model_id, model_role = :model_role, known = :known,
    input_tokens = :input_tokens, output_tokens = :output_tokens, cached_tokens = :cached_tokens,
    cost_micro = :cost_micro, currency = :currency, offer = :offer, nearest = :nearest,
    if_meant = :if_meant, first_ms = :first_ms
WHERE bot_id = :bot_id AND update_id = :update_id AND state = 'asked'
"""
_MARK_DELIVERED = """
UPDATE turn SET state = 'told', placeholder_id = COALESCE((
    SELECT message_id FROM outgoing
    WHERE outgoing.bot_id = turn.bot_id AND outgoing.update_id = turn.update_id
        AND outgoing.state = 'sent'
    ORDER BY outgoing.id DESC LIMIT 1
), placeholder_id)
WHERE bot_id = :bot_id AND update_id = :update_id
"""
_HISTORY = """
SELECT question, answer, user_id, asker FROM turn
WHERE session_id = :session_id AND answer <> '' AND is_replaced = 0 AND question_id <> :without
ORDER BY id DESC LIMIT :limit
"""


class Turns(BotRepository):
    """The turns of one bot; texts of people and models are encrypted."""

    def find(self, update_id: int) -> Turn | None:
        """Return the turn of an update."""
        rows = self.db.sql(_FIND, bot_id=self._bot_id, update_id=update_id)
        return self._turn(rows[0] if rows else None)

    def get(self, turn_id: int) -> Turn | None:
        """Return a turn by its id."""
        condition = self._match(TURN, id=turn_id)
        return self._turn(self.db.row(TURN.select().where(condition)))

    def get_own(self, turn_id: int, user_id: int) -> Turn | None:
        """Return a turn that this person asked, None if it is not theirs."""
        turn = self.get(turn_id)
        return turn if turn is not None and turn.question.user_id == user_id else None

    def of_message(self, place: ChatPlace, message_id: int) -> Turn | None:
        """Return the newest turn of a person's message in a chat."""
        own_condition = self._match(SESSION, chat_id=place.chat_id)
        # A group's session has many people; the turn stores the author of the message.
        condition = (TURN.question_id == message_id) & (TURN.user_id == place.user_id)
        condition &= TURN.session_id.in_(
            SESSION.select(SESSION.id).where(own_condition)
        )
        newest = TURN.select().where(condition).order_by(TURN.id.desc())
        return self._turn(self.db.row(newest.limit(1)))

    @transaction
    def ask(self, question: Question, placeholder_id: int | None) -> Turn:
        """Store a question with its placeholder; an existing turn gets the new values."""
        stored = self.find(question.update_id)
        columns = _QUESTIONS.write(question, self.db)
        if stored is None:
            if question.message_id:
                # An earlier turn of the same message no longer belongs to the history.
                self.db.run(
                    _REPLACE,
                    session_id=question.session_id,
                    bot_id=self._bot_id,
                    question_id=question.message_id,
                )
            columns |= {"bot_id": self._bot_id, "asked_at": iso(self._clock())}
            ((turn_id,),) = self.db.sql(_ADD, placeholder_id=placeholder_id, **columns)
            return Turn(turn_id, question, placeholder_id)
        self.db.run(
            _ASK_AGAIN,
            id=stored.turn_id,
            placeholder_id=placeholder_id,
            question=columns["question"],
            format=columns["format"],
        )
        return replace(stored, question=question, placeholder_id=placeholder_id)

    @transaction
    def write(self, update_id: int, stored_answer: StoredAnswer) -> None:
        """Store the complete answer; the first one is kept."""
        self.db.run(
            _WRITE,
            bot_id=self._bot_id,
            update_id=update_id,
            written_at=iso(self._clock()),
            **_ANSWERS.write(stored_answer, self.db),
        )

    @transaction
    def mark_delivered(self, update_id: int) -> None:
        """Store that the complete answer is shown in the chat, and in which message."""
        self.db.run(_MARK_DELIVERED, bot_id=self._bot_id, update_id=update_id)

    def read_history(
        self, session_id: int, limit: int, without: int = 0, asker: int = 0
    ) -> list[Message]:
        """Return the newest `limit` answered turns as messages, oldest first."""
        rows = self.db.sql(
            _HISTORY,
            session_id=session_id,
            limit=limit,
            without=without or NO_MESSAGE,
        )
        is_shared = (
            len({row.user_id for row in rows} | ({asker} if asker else set())) > 1
        )
        messages = []
        for row in reversed(rows):
            question = self._decrypt(row.question)
            answer = self._decrypt(row.answer)
            if question is not None and answer is not None:
                name = self._decrypt(row.asker) if is_shared and row.asker else ""
                question = with_author(question, name or "")
                messages += [Message("user", question), Message("assistant", answer)]
        return messages

    def askers(self, session_id: int) -> set[int]:
        """Return the authors of a session's questions."""
        query = (
            TURN.select(TURN.user_id).where(TURN.session_id == session_id).distinct()
        )
        return {row.user_id for row in self.db.rows(query)}

    def session_costs(self, session_id: int) -> list[Cost] | None:
        """Return a session's cost, one sum for each currency; None before the first question."""
        return self._costs(TURN.session_id == session_id)

    def costs_since(self, user_id: int, at: datetime) -> list[Cost] | None:
        """Return the cost of a person's questions since a time, in the same way."""
        return self._costs((TURN.user_id == user_id) & (TURN.asked_at >= iso(at)))

    def count(self, session_id: int) -> int:
        """Return the number of answered turns of a session."""
        return self.db.count(TURN, self._answered_turns(session_id))

    def find_newest(self, session_id: int) -> Turn | None:
        """Return a session's newest answered turn, None if there is none."""
        newest = (
            TURN.select()
            .where(self._answered_turns(session_id))
            .order_by(TURN.id.desc())
        )
        return self._turn(self.db.row(newest.limit(1)))

    def _costs(self, condition: Any) -> list[Cost] | None:
        spent = fn.SUM(TURN.cost_micro).alias("micro")
        # A refused question cost nothing; a failed answer may have a cost.
        condition &= self._match(TURN) & ((TURN.answer != "") | (TURN.currency != ""))
        sums = TURN.select(TURN.currency, spent).where(condition)
        rows = self.db.rows(sums.group_by(TURN.currency).order_by(TURN.currency))
        # Without a currency: those whose price is not known.
        known = [row for row in rows if row.currency]
        return [Cost(int(row.micro), row.currency) for row in known] if rows else None

    def _answered_turns(self, session_id: int) -> Any:
        counts = (TURN.answer != "") & (TURN.is_replaced == 0)
        return self._match(TURN, session_id=session_id) & counts

    def _decrypt(self, sealed: str) -> str | None:
        return decrypt(self.db.cipher, sealed)

    def _turn(self, row: Row | None) -> Turn | None:
        if row is None:
            return None
        return Turn(
            turn_id=row.id,
            question=_QUESTIONS.read(row, self.db),
            placeholder_id=row.placeholder_id,
            written=None if row.state == TurnState.ASKED else self._read_answer(row),
        )

    def _read_answer(self, row: Row) -> StoredAnswer | None:
        answer = self._decrypt(row.answer)
        note = self._decrypt(row.note)
        if answer is None or note is None:
            return None
        return _ANSWERS.read(row, self.db, answer=answer, note=note)
