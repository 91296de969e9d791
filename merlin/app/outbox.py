"""Messages that must be delivered, and chats that wait for the result of a request.

A message is stored because Telegram cannot be asked what it has received.

    pending -> sending -> sent
                       -> unknown -> sending (a repeat, with a mark) -> sent | unknown
    pending, unknown -> dropped

`unknown`: the connection or the process ended before Telegram confirmed the message. It is sent
once more with a mark, never a third time. Messages are stored encrypted, as JSON; the text
is deleted once a message is sent, dropped or given up.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from peewee import fn
from pydantic import TypeAdapter

from merlin.app.inbox import Owner
from merlin.core.clock import SKEW, iso
from merlin.core.errors import reading_stored
from merlin.core.formatted_text import FormattedMessage
from merlin.core.log import get_logger
from merlin.db.database import (
    BotRepository,
    Row,
    transaction,
)
from merlin.db.requests import REQUESTS, Request, RequestState
from merlin.db.tables import OUTGOING, REQUEST, WAITING_REQUEST
from merlin.db.values import decrypt, read_row

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A chat that waits for the result of a request; `message_id` shows it.

    `update_id` is the press that made the request; `back` the data of the button under the result.
    """

    request_id: int
    chat_id: int
    message_id: int
    update_id: int
    back: str


MAX_ATTEMPTS = 2
# Longer than any call: then a process whose end nobody saw, as in a container, has not sent it.
MAX_TRANSIT = timedelta(minutes=10)


class OutgoingState(StrEnum):
    """The state of a message."""

    # The values are stored in the database.
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    DROPPED = "dropped"


# The states, as stored, of messages that were never in doubt and are not sent yet.
ON_THE_WAY = (OutgoingState.PENDING.value, OutgoingState.SENDING.value)


@dataclass(frozen=True, slots=True)
class Target:
    """Where in a chat a message goes; 0 means none.

    `thread_id` is the topic, `reply_to` the quoted message, `edit_of` the message to replace; if
    that one is deleted, a new message is sent.
    """

    thread_id: int = 0
    reply_to: int = 0
    edit_of: int = 0


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to send; a repeated `key` is stored once.

    `update_id` is the update that it answers, None if it answers none.
    """

    key: str
    chat_id: int
    page: FormattedMessage
    update_id: int | None = None
    target: Target = Target()


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A stored message; `tries` counts the attempts to send it."""

    outgoing_id: int
    message: OutgoingMessage
    state: OutgoingState
    tries: int = 0
    message_id: int | None = None

    @property
    def is_over(self) -> bool:
        """Return whether it is final."""
        doubted_twice = (
            self.state is OutgoingState.UNKNOWN and self.tries >= MAX_ATTEMPTS
        )
        return doubted_twice or self.state in {
            OutgoingState.SENT,
            OutgoingState.DROPPED,
        }


_STORED = TypeAdapter(
    tuple[FormattedMessage, Target],
    config={"ser_json_bytes": "base64", "val_json_bytes": "base64"},
)


def dump_page(page: FormattedMessage, target: Target) -> str:
    """Return a message and its target as one JSON text."""
    return _STORED.dump_json((page, target), exclude_defaults=True).decode()


def load_page(text: str) -> tuple[FormattedMessage, Target]:
    """Return what `dump_page` wrote; a deleted text ("") is an empty page."""
    with reading_stored():
        return _STORED.validate_json(text) if text else (FormattedMessage(""), Target())


_OVER = (RequestState.DONE.value, RequestState.FAILED.value)
# The result edits the message that the press shows, so it must come second.
_ANSWERS_ON_THE_WAY = OUTGOING.select(fn.COUNT(OUTGOING.id)).where(
    (OUTGOING.bot_id == WAITING_REQUEST.bot_id)
    & (OUTGOING.update_id == WAITING_REQUEST.update_id)
    & OUTGOING.state.in_(ON_THE_WAY)
)


class WaitingRequests(BotRepository):
    """One row for each request of one bot that a chat waits for."""

    @transaction
    def add(self, waiting: WaitingRequest) -> None:
        """Store a waiting request until its result is shown."""
        self.db.add_new(WAITING_REQUEST, {"bot_id": self._bot_id, **asdict(waiting)})

    def has_request(self, chat_id: int, message_id: int) -> bool:
        """Return whether a message already waits for a result."""
        condition = self._match(WAITING_REQUEST, chat_id=chat_id, message_id=message_id)
        return self.db.has(WAITING_REQUEST, condition)

    def list_finished(self) -> list[tuple[WaitingRequest, Request]]:
        """Return waiting requests that are done or failed and whose press has been answered."""
        columns = [each for each in WAITING_REQUEST.every() if each.name != "bot_id"]
        finished = (
            WAITING_REQUEST.select(*columns, *REQUEST.every())
            .join(REQUEST, on=(REQUEST.id == WAITING_REQUEST.request_id))
            .where(self._match(WAITING_REQUEST) & REQUEST.state.in_(_OVER))
            .where(_ANSWERS_ON_THE_WAY == 0)
            .order_by(WAITING_REQUEST.request_id)
        )
        rows = self.db.rows(finished)
        return [(read_row(WaitingRequest, row), REQUESTS.read(row)) for row in rows]

    @transaction
    def forget(self, request_id: int) -> bool:
        """Delete a waiting request as its result is handed over; False if another process did."""
        return (
            self.db.delete(
                WAITING_REQUEST, self._match(WAITING_REQUEST, request_id=request_id)
            )
            > 0
        )


_BEFORE_SENDING = (OutgoingState.PENDING.value, OutgoingState.UNKNOWN.value)
# These run for every answer: peewee takes 0.3 ms to build one.
_ADD = """
INSERT INTO outgoing (bot_id, key, chat_id, update_id, body, created_at, state, tries, owner)
VALUES (:bot_id, :key, :chat_id, :update_id, :body, :created_at, 'pending', 0, '')
ON CONFLICT DO NOTHING RETURNING id
"""
_BEGIN = """
UPDATE outgoing SET
    state = 'sending', tries = tries + 1, owner = :owner, sending_until = :sending_until
WHERE bot_id = :bot_id AND id = :id AND state IN ('pending', 'unknown') AND tries < :most
"""
_DOUBT = """
UPDATE outgoing SET state = 'unknown', message_id = :message_id
WHERE bot_id = :bot_id AND id = :id AND state = 'sending'
"""
_END = """
UPDATE outgoing SET
    state = :state, message_id = :message_id, settled_at = :settled_at, body = ''
WHERE bot_id = :bot_id AND id = :id AND state = 'sending'
"""


class Outbox(BotRepository):
    """The messages of one bot; their text is encrypted, and deleted when they are final."""

    @transaction
    def put(self, messages: Sequence[OutgoingMessage]) -> list[QueuedMessage]:
        """Store the messages whose keys are new; return all of them in their current state."""
        now = iso(self._clock())
        added = list[QueuedMessage]()
        for message in messages:
            for (outgoing_id,) in self.db.sql(
                _ADD,
                bot_id=self._bot_id,
                key=message.key,
                chat_id=message.chat_id,
                update_id=message.update_id,
                body=self.db.cipher.seal(dump_page(message.page, message.target)),
                created_at=now,
            ):
                added.append(QueuedMessage(outgoing_id, message, OutgoingState.PENDING))
        if len(added) == len(messages):
            return added
        stored = self._match(OUTGOING) & OUTGOING.key.in_(
            [message.key for message in messages]
        )
        rows = self.db.rows(OUTGOING.select().where(stored).order_by(OUTGOING.id))
        return [self._read_message(row) for row in rows]

    @transaction
    def list_of_update(self, update_id: int) -> list[QueuedMessage]:
        """Return the answers to an update, in order; those that were being sent become unknown."""
        condition = OUTGOING.update_id == update_id
        self._doubt(condition)
        query = (
            OUTGOING.select()
            .where(self._match(OUTGOING) & condition)
            .order_by(OUTGOING.id)
        )
        return [self._read_message(row) for row in self.db.rows(query)]

    @transaction
    def begin(self, outgoing_id: int, owner: Owner) -> bool:
        """Turn pending or unknown to sending and count an attempt; False in any other state."""
        until = iso(self._clock() + MAX_TRANSIT)
        begun = self.db.run(
            _BEGIN,
            bot_id=self._bot_id,
            id=outgoing_id,
            owner=str(owner),
            sending_until=until,
            most=MAX_ATTEMPTS,
        )
        return begun > 0

    @transaction
    def put_back(self, message: QueuedMessage) -> None:
        """Undo `begin`: Telegram refused the message for now; `message` is as before it."""
        sending = {"id": message.outgoing_id, "state": OutgoingState.SENDING.value}
        values = {"state": message.state.value, "tries": message.tries}
        self.db.update(OUTGOING, self._match(OUTGOING, **sending), **values)

    @transaction
    def settle(
        self, outgoing_id: int, state: OutgoingState, message_id: int | None = None
    ) -> None:
        """Store the outcome of an attempt: sent, dropped or unknown."""
        self.db.run(
            _DOUBT if state is OutgoingState.UNKNOWN else _END,
            bot_id=self._bot_id,
            id=outgoing_id,
            state=state.value,
            message_id=message_id,
            settled_at=iso(self._clock()),
        )
        if state is OutgoingState.UNKNOWN:
            self._give_up(OUTGOING.id == outgoing_id)

    @transaction
    def drop(self, chat_id: int) -> int:
        """Drop the waiting messages of a chat; return their number."""
        dropped = {
            "state": OutgoingState.DROPPED.value,
            "body": "",
            "settled_at": iso(self._clock()),
        }
        waiting = self._match(OUTGOING, chat_id=chat_id) & OUTGOING.state.in_(
            _BEFORE_SENDING
        )
        return self.db.change(OUTGOING.update(dropped).where(waiting))

    @transaction
    def list_unprompted(
        self, owner: Owner, limit: int, except_chats: Collection[int] = ()
    ) -> list[QueuedMessage]:
        """Return the waiting messages that answer no update, oldest first."""
        now = iso(self._clock())
        # One that may be sent for longer is of before the clock was set back.
        latest = iso(self._clock() + MAX_TRANSIT + SKEW)
        in_transit = OUTGOING.select(
            OUTGOING.id, OUTGOING.owner, OUTGOING.sending_until
        ).where(
            self._match(OUTGOING, state=OutgoingState.SENDING.value)
            & OUTGOING.update_id.is_null()
        )
        for row in self.db.rows(in_transit):
            may_be_sent = now <= (row.sending_until or now) <= latest
            if owner.is_dead(row.owner) or not may_be_sent:
                self._doubt(OUTGOING.id == row.id)
        waiting = self._match(OUTGOING) & OUTGOING.update_id.is_null()
        waiting &= OUTGOING.state.in_(_BEFORE_SENDING) & (OUTGOING.tries < MAX_ATTEMPTS)
        query = OUTGOING.select().where(
            waiting & OUTGOING.chat_id.not_in([*except_chats])
        )
        rows = self.db.rows(query.order_by(OUTGOING.id).limit(limit))
        return [self._read_message(row) for row in rows]

    def _doubt(self, condition: Any) -> None:
        sending = self._match(OUTGOING, state=OutgoingState.SENDING.value) & condition
        if self.db.update(OUTGOING, sending, state=OutgoingState.UNKNOWN.value):
            self._give_up(condition)

    def _give_up(self, condition: Any) -> None:
        """Settle messages in doubt after the last attempt, and delete their text."""
        given_up = self._match(OUTGOING, state=OutgoingState.UNKNOWN.value) & condition
        given_up &= (OUTGOING.tries >= MAX_ATTEMPTS) & OUTGOING.settled_at.is_null()
        values = {"body": "", "settled_at": iso(self._clock())}
        if count := self.db.change(OUTGOING.update(values).where(given_up)):
            log.warning("messages with unknown delivery were given up", count=count)

    def _read_message(self, row: Row) -> QueuedMessage:
        page, target = load_page(decrypt(self.db.cipher, row.body) or "")
        message = OutgoingMessage(row.key, row.chat_id, page, row.update_id, target)
        state = OutgoingState(row.state)
        return QueuedMessage(row.id, message, state, row.tries, row.message_id)
