"""Broadcasts: one text to all users, added to the outbox in small steps.

    draft -> running -> ended
                     -> stopped -> running

The recipients are the users who wrote before the start, by id; `cursor_id` is the last one added
to the outbox, so that a kill in the middle skips nobody and sends nothing twice. One that was
stopped is continued from the first message that was withdrawn; the outbox takes each key once.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import JOIN, fn

from merlin.app.actor import Actor, require_approval
from merlin.app.context import Context
from merlin.app.outbox import MAX_ATTEMPTS, ON_THE_WAY, OutgoingState
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import language_of
from merlin.core.permissions import DangerousAct, Permission
from merlin.db.audit import Audit
from merlin.db.database import BotRepository, Database, Parameter, Prepared, Row, transaction
from merlin.db.tables import BROADCAST, OUTGOING, USER
from merlin.db.values import RowMap, dump_json, load_json, storable_text


class BroadcastState(StrEnum):
    """State of a broadcast."""

    # The values are stored in the database.
    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One broadcast; `text` is Markdown, `language` that of its recipients ("": everybody).

    `by_user` gets the report. `is_whole`: the messages to all recipients are in the outbox.
    `started_at` is None in a draft.
    """

    broadcast_id: int
    by_user: int
    text: str
    state: BroadcastState
    language: str = ""
    total: int = 0
    is_whole: bool = False
    started_at: datetime | None = None

    @property
    def prefix(self) -> str:
        """Return the prefix of the outbox keys of its messages; the user's id follows."""
        return f"broadcast:{self.broadcast_id}:"

    def can_continue(self, now: datetime) -> bool:
        """Return whether it was stopped before the end, and who received it is still known."""
        is_stopped = self.state is BroadcastState.STOPPED and not self.is_whole
        return is_stopped and self.started_at is not None and now - self.started_at < CONTINUE_FOR


_BROADCASTS = RowMap(
    Broadcast, columns={"broadcast_id": "id", "text": "body"}, sealed=BROADCAST.sealed
)
EVERYBODY = "all"
STEP_INTERVAL = timedelta(seconds=1)
# The least `retention.outgoing_days`: until then the outbox has every message that was sent.
CONTINUE_FOR = timedelta(days=2)
_CHUNK = 200
_OPEN = Prepared(
    BROADCAST.select()
    .where(BROADCAST.bot_id == Parameter("bot"))
    .where(BROADCAST.started_at.is_null(is_null=False) & BROADCAST.ended_at.is_null())
    .order_by(BROADCAST.id)
)


class Broadcasts(BotRepository):
    """The broadcasts of one bot; their texts are encrypted. `language` is the bot's default."""

    def __init__(self, db: Database, bot_id: int, language: str, clock: Clock = utc_now) -> None:
        super().__init__(db, bot_id, clock)
        self._language = language

    @transaction
    def draft(self, by_user: int, text: str) -> int:
        """Store a draft; return its id."""
        values = {
            "bot_id": self._bot_id,
            "by_user": by_user,
            "body": self.db.cipher.seal(storable_text(text)),
            "state": BroadcastState.DRAFT.value,
            "language": "",
            "cursor_id": 0,
            "total": 0,
            "is_whole": 0,
            "created_at": iso(self._clock()),
        }
        return self.db.add(BROADCAST, values)

    def get(self, broadcast_id: int) -> Broadcast | None:
        """Return a broadcast, or None."""
        condition = self._match(BROADCAST, id=broadcast_id)
        return _BROADCASTS.find(self.db, BROADCAST.select().where(condition))

    def count_recipients(self, whom: str) -> int:
        """Return the number of reachable users of a language, or (EVERYBODY) of all."""
        columns = (USER.language, USER.language_code)
        query = USER.select(*columns, fn.COUNT(USER.user_id).alias("count"))
        rows = self.db.rows(query.where(_can_receive()).group_by(*columns))
        return sum(row["count"] for row in rows if whom in {EVERYBODY, self._language_of(row)})

    def _language_of(self, row: Row) -> str:
        return language_of(row["language"] or row["language_code"], self._language)

    @transaction
    def start(self, broadcast_id: int, language: str) -> None:
        """Start sending a draft. Raises Refused without recipients, and if it is no draft."""
        total = self.count_recipients(language or EVERYBODY)
        values = {
            "state": BroadcastState.RUNNING.value,
            "language": language,
            "total": total,
            "started_at": iso(self._clock()),
        }
        condition = self._match(BROADCAST, id=broadcast_id, state=BroadcastState.DRAFT.value)
        if not total:
            raise Refused("nobody", "cast-nobody")
        if not self.db.update(BROADCAST, condition, **values):
            raise Refused("begun already", "broadcast-already-sent")
        self.db.bump()

    @transaction
    def stop(self, broadcast_id: int) -> bool:
        """Stop sending, and delete its unsent messages; return False if it does not run."""
        condition = self._match(BROADCAST, id=broadcast_id, state=BroadcastState.RUNNING.value)
        if not self.db.update(BROADCAST, condition, state=BroadcastState.STOPPED.value):
            return False
        pending = self._messages(broadcast_id) & (OUTGOING.state == OutgoingState.PENDING.value)
        withdrawn = pending & (OUTGOING.tries == 0)
        first = self.db.value(OUTGOING.select(fn.MIN(OUTGOING.chat_id)).where(withdrawn))
        if first is not None:
            condition = self._match(BROADCAST, id=broadcast_id)
            self.db.update(BROADCAST, condition, cursor_id=first - 1, is_whole=0)
        self.db.delete(OUTGOING, withdrawn)
        self.db.bump()
        return True

    @transaction
    def resume(self, broadcast_id: int, language: str) -> bool:
        """Continue a broadcast to this audience that was stopped; return False if it cannot be."""
        broadcast, stopped = self.get(broadcast_id), BroadcastState.STOPPED.value
        condition = self._match(BROADCAST, id=broadcast_id, state=stopped, language=language)
        values = {"state": BroadcastState.RUNNING.value, "ended_at": None, "deliveries": None}
        if broadcast is None or not broadcast.can_continue(self._clock()):
            return False
        if not self.db.update(BROADCAST, condition, **values):
            return False
        self.db.bump()
        return True

    def list_started(self, limit: int) -> list[Broadcast]:
        """Return the started broadcasts, newest first."""
        condition = self._match(BROADCAST) & BROADCAST.started_at.is_null(is_null=False)
        query = BROADCAST.select().where(condition).order_by(BROADCAST.id.desc()).limit(limit)
        return _BROADCASTS.read_all(self.db, query)

    def open(self) -> list[Broadcast]:
        """Return the started broadcasts whose end is not reported yet, oldest first."""
        return _BROADCASTS.read_all(self.db, _OPEN(bot=self._bot_id))

    def count_waiting(self, except_chats: Collection[int] = ()) -> int:
        """Return how many messages of any kind that answer no update wait to be sent."""
        is_retried = (OUTGOING.state == OutgoingState.UNKNOWN.value) & (
            OUTGOING.tries < MAX_ATTEMPTS
        )
        condition = self._match(OUTGOING) & OUTGOING.update_id.is_null()
        condition &= OUTGOING.chat_id.not_in([*except_chats])
        return self.db.count(OUTGOING, condition & (OUTGOING.state.in_(ON_THE_WAY) | is_retried))

    @transaction
    def next(self, broadcast_id: int, limit: int) -> Sequence[int]:
        """Advance the cursor; return the users to write to now.

        Nobody within `STEP_INTERVAL` of the last step.
        """
        condition = self._match(BROADCAST, id=broadcast_id)
        row = self.db.row(self.db.for_update(BROADCAST.select().where(condition)))
        if row is None or row["state"] != BroadcastState.RUNNING.value or row["is_whole"]:
            return ()
        now = self._clock()
        if row["moved_at"] is not None and now - from_iso(row["moved_at"]) < STEP_INTERVAL:
            return ()
        user_ids: list[int] = []
        values = {"cursor_id": row["cursor_id"], "is_whole": 1, "moved_at": iso(now)}
        for user_id, is_recipient in self._users_after(row):
            if is_recipient and len(user_ids) == limit:
                values["is_whole"] = 0
                break
            values["cursor_id"] = user_id
            user_ids += [user_id] if is_recipient else []
        self.db.update(BROADCAST, condition, **values)
        return user_ids

    def _users_after(self, row: Row) -> Iterator[tuple[int, bool]]:
        """Yield the users behind the cursor by id, and whether each is a recipient."""
        cursor = row["cursor_id"]
        wrote_before = USER.first_seen_at <= row["started_at"]
        while True:
            query = USER.select().where(_can_receive() & wrote_before & (USER.user_id > cursor))
            users = self.db.rows(query.order_by(USER.user_id).limit(_CHUNK))
            for user in users:
                yield user["user_id"], row["language"] in {"", self._language_of(user)}
            if len(users) < _CHUNK:
                return
            cursor = users[-1]["user_id"]

    def count_deliveries(self, broadcast_id: int) -> Counter[str]:
        """Return the number of messages that are sent, blocked, failed and waiting.

        `failed`: refused, or delivery is unknown. After the end these are the stored numbers: the
        messages are deleted later.
        """
        condition = self._match(BROADCAST, id=broadcast_id)
        broadcast = BROADCAST.select(BROADCAST.deliveries).where(condition)
        if stored := self.db.value(broadcast):
            return Counter(load_json(stored))
        query = OUTGOING.select(OUTGOING.state, OUTGOING.tries, USER.is_reachable)
        query = query.join(USER, JOIN.LEFT_OUTER, on=(USER.user_id == OUTGOING.chat_id))
        rows = self.db.rows(query.where(self._messages(broadcast_id)))
        return Counter(map(_delivery_state, rows))

    @transaction
    def end(self, broadcast_id: int) -> bool:
        """Record that the end was reported, and the result; return False if it was already."""
        condition = self._match(BROADCAST, id=broadcast_id) & BROADCAST.ended_at.is_null()
        deliveries = dump_json(self.count_deliveries(broadcast_id))
        values = {"ended_at": iso(self._clock()), "deliveries": deliveries}
        if not self.db.update(BROADCAST, condition, **values):
            return False
        is_running = self._match(BROADCAST, id=broadcast_id, state=BroadcastState.RUNNING.value)
        self.db.update(BROADCAST, is_running, state=BroadcastState.ENDED.value)
        return True

    def _messages(self, broadcast_id: int) -> Any:
        prefix = Broadcast(broadcast_id, 0, "", BroadcastState.DRAFT).prefix
        return self._match(OUTGOING) & OUTGOING.key.startswith(prefix)


def broadcasts_of(ctx: Context, bot_id: int = 0) -> Broadcasts:
    """Return the broadcasts of a bot; 0: this process's."""
    return Broadcasts(ctx.db, bot_id or ctx.bot_id, ctx.config.language, ctx.clock)


def start(ctx: Context, actor: Actor, broadcast_id: int, whom: str, bot_id: int = 0) -> None:
    """Start sending a draft to EVERYBODY or to the users of a language. Raises NotFound, Refused.

    One that was stopped goes on to those who did not get it. `bot_id` 0: this process's bot.
    """
    _require_permission(actor)
    broadcasts = broadcasts_of(ctx, bot_id)
    target, language = f"broadcast:{broadcast_id}", "" if whom == EVERYBODY else whom

    def start_or_continue() -> str:
        if broadcasts.resume(broadcast_id, language):
            return "continue"
        broadcasts.start(broadcast_id, language)
        return "start"

    values = {"broadcast_id": broadcast_id, "whom": whom, "bot_id": bot_id or ctx.bot_id}
    act, details = DangerousAct.BROADCAST, {"whom": whom}
    require_approval(ctx, actor, act, "broadcast", target, values, details, start_or_continue)
    done = start_or_continue()
    Audit(ctx.db, ctx.clock).note(actor.name, f"broadcast.{done}", target, {"language": language})


def stop(ctx: Context, actor: Actor, broadcast_id: int) -> None:
    """Stop sending a broadcast; does nothing if it does not run. Raises NotFound."""
    _require_permission(actor)
    if broadcasts_of(ctx).stop(broadcast_id):
        target = f"broadcast:{broadcast_id}"
        Audit(ctx.db, ctx.clock).note(actor.name, "broadcast.stop", target)


def _require_permission(actor: Actor) -> None:
    if not actor.may(Permission.BROADCAST):
        raise NotFound("no such broadcast", "bot-button-old")


def _can_receive() -> Any:
    return (USER.is_reachable == 1) & (USER.is_blocked == 0)


def _delivery_state(row: Row) -> str:
    if row["state"] == OutgoingState.SENT.value:
        return "sent"
    if row["state"] == OutgoingState.DROPPED.value:
        return "failed" if row["is_reachable"] else "blocked"
    is_over = row["state"] == OutgoingState.UNKNOWN.value and row["tries"] >= MAX_ATTEMPTS
    return "failed" if is_over else "waiting"
