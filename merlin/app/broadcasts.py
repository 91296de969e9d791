"""Broadcasts: one text to everybody, handed to the outbox bit by bit.

    draft -> running -> ended
                     -> stopped

The receivers are those who wrote before the start, by id; `cursor` is the last who was handed
over, so that a kill in the middle loses and doubles nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from peewee import JOIN, fn

from merlin.app.actor import Actor, require_approval
from merlin.app.context import Context
from merlin.app.outbox import MAX_ATTEMPTS, OutgoingState
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import language_of
from merlin.core.permissions import DangerousAct, Permission
from merlin.db.audit import Audit
from merlin.db.database import BotRepository, Database, Row, transaction
from merlin.db.tables import BROADCAST, OUTGOING, USER
from merlin.db.values import RowMap, storable_text


class BroadcastState(StrEnum):
    """Where a broadcast stands; the values are what the database stores."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One broadcast; `text` is Markdown, `language` whom it goes to ("": everybody).

    `by_user` is told what came of it. `is_whole`: everybody was handed over.
    """

    broadcast_id: int
    by_user: int
    text: str
    state: BroadcastState
    language: str = ""
    total: int = 0
    is_whole: bool = False

    def key(self, user_id: int) -> str:
        """Return the key of the letter to one person."""
        return f"{self.prefix}{user_id}"

    @property
    def prefix(self) -> str:
        """Return what the keys of all its letters begin with."""
        return f"broadcast:{self.broadcast_id}:"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the letters so far; `failed`: refused, or nobody knows if they came."""

    sent: int = 0
    blocked: int = 0
    failed: int = 0
    waiting: int = 0


_BROADCASTS = RowMap(
    Broadcast, columns={"broadcast_id": "id", "text": "body"}, sealed=BROADCAST.sealed
)
EVERY = timedelta(seconds=1)
_CHUNK = 200
_WAITING = (OutgoingState.PENDING.value, OutgoingState.SENDING.value)


class Broadcasts(BotRepository):
    """The broadcasts of one bot; their texts are sealed. `language` is the bot's own."""

    def __init__(self, db: Database, bot_id: int, language: str, clock: Clock = utc_now) -> None:
        super().__init__(db, bot_id, clock)
        self._language = language

    @transaction
    def draft(self, by_user: int, text: str) -> int:
        """Keep a text that may be sent; return its id."""
        new = {
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
        return self.db.add(BROADCAST, new)

    def get(self, broadcast_id: int) -> Broadcast | None:
        """Return a broadcast, None where there is none."""
        row = self.db.row(BROADCAST.select().where(self._this(broadcast_id)))
        return None if row is None else _BROADCASTS.read(row, self.db)

    def receivers(self) -> Mapping[str, int]:
        """Return how many people can be written to, by language."""
        columns = (USER.language, USER.language_code)
        counted = USER.select(*columns, fn.COUNT(USER.user_id).alias("count"))
        sums: Counter[str] = Counter()
        for row in self.db.rows(counted.where(_can_hear()).group_by(*columns)):
            sums[self._speaks(row)] += int(row["count"])
        return dict(sums)

    def _speaks(self, row: Row) -> str:
        return language_of(row["language"] or row["language_code"], self._language)

    @transaction
    def start(self, broadcast_id: int, language: str) -> bool:
        """Begin to send a draft; False when it is none, or nobody would get it."""
        there = self.receivers()
        total = there.get(language, 0) if language else sum(there.values())
        begun = {
            "state": BroadcastState.RUNNING.value,
            "language": language,
            "total": total,
            "started_at": iso(self._clock()),
        }
        condition = self._this(broadcast_id) & (BROADCAST.state == BroadcastState.DRAFT.value)
        if not total or not self.db.change(BROADCAST.update(begun).where(condition)):
            return False
        self.db.bump()
        return True

    @transaction
    def stop(self, broadcast_id: int) -> bool:
        """Send no more of it, and take back what waits; False when it does not run."""
        condition = self._this(broadcast_id) & (BROADCAST.state == BroadcastState.RUNNING.value)
        stopped = BROADCAST.update({"state": BroadcastState.STOPPED.value})
        if not self.db.change(stopped.where(condition)):
            return False
        unsent = self._letters(broadcast_id) & (OUTGOING.state == OutgoingState.PENDING.value)
        self.db.change(OUTGOING.delete().where(unsent & (OUTGOING.tries == 0)))
        self.db.bump()
        return True

    def newest(self, limit: int) -> list[Broadcast]:
        """Return those that were begun, newest first."""
        condition = self._mine() & BROADCAST.started_at.is_null(False)  # noqa: FBT003 - peewee's own
        query = BROADCAST.select().where(condition).order_by(BROADCAST.id.desc()).limit(limit)
        return _BROADCASTS.read_all(self.db.rows(query), self.db)

    def open(self) -> list[Broadcast]:
        """Return those that were begun and whose end was not told, oldest first."""
        condition = self._mine() & BROADCAST.started_at.is_null(False)  # noqa: FBT003 - peewee's own
        query = BROADCAST.select().where(condition & BROADCAST.ended_at.is_null())
        return _BROADCASTS.read_all(self.db.rows(query.order_by(BROADCAST.id)), self.db)

    def waiting(self) -> int:
        """Return how many messages that answer nobody wait to be sent, of whatever kind."""
        is_doubted = (OUTGOING.state == OutgoingState.UNKNOWN.value) & (
            OUTGOING.tries < MAX_ATTEMPTS
        )
        condition = (OUTGOING.bot_id == self._bot_id) & OUTGOING.update_id.is_null()
        return self.db.count(OUTGOING, condition & (OUTGOING.state.in_(_WAITING) | is_doubted))

    @transaction
    def next(self, broadcast_id: int, most: int) -> Sequence[int]:
        """Move on; return whom to write to now, nobody within a second of the last time."""
        row = self.db.row(self.db.locked(BROADCAST.select().where(self._this(broadcast_id))))
        if row is None or row["state"] != BroadcastState.RUNNING.value or row["is_whole"]:
            return ()
        now = self._clock()
        if row["moved_at"] is not None and now - from_iso(row["moved_at"]) < EVERY:
            return ()
        found: list[int] = []
        moved = {"cursor_id": row["cursor_id"], "is_whole": 1, "moved_at": iso(now)}
        for user_id, is_meant in self._after(row):
            if is_meant and len(found) == most:
                moved["is_whole"] = 0
                break
            moved["cursor_id"] = user_id
            found += [user_id] if is_meant else []
        self.db.change(BROADCAST.update(moved).where(self._this(broadcast_id)))
        return found

    def _after(self, row: Row) -> Iterator[tuple[int, bool]]:
        """Yield the people behind the cursor by id, and whether they are meant."""
        cursor = row["cursor_id"]
        was_there = USER.first_seen_at <= row["started_at"]
        while True:
            those = USER.select().where(_can_hear() & was_there & (USER.user_id > cursor))
            people = self.db.rows(those.order_by(USER.user_id).limit(_CHUNK))
            for person in people:
                yield person["user_id"], row["language"] in {"", self._speaks(person)}
            if len(people) < _CHUNK:
                return
            cursor = people[-1]["user_id"]

    def delivered(self, broadcast_id: int) -> Delivered:
        """Return what became of the letters."""
        letters = OUTGOING.select(OUTGOING.state, OUTGOING.tries, USER.is_reachable)
        letters = letters.join(USER, JOIN.LEFT_OUTER, on=(USER.user_id == OUTGOING.chat_id))
        rows = self.db.rows(letters.where(self._letters(broadcast_id)))
        return Delivered(**Counter(map(_fate, rows)))

    @transaction
    def end(self, broadcast_id: int) -> bool:
        """Note that the end was told; False when it was so already."""
        condition = self._this(broadcast_id) & BROADCAST.ended_at.is_null()
        if not self.db.change(BROADCAST.update({"ended_at": iso(self._clock())}).where(condition)):
            return False
        ran = self._this(broadcast_id) & (BROADCAST.state == BroadcastState.RUNNING.value)
        self.db.change(BROADCAST.update({"state": BroadcastState.ENDED.value}).where(ran))
        return True

    def _letters(self, broadcast_id: int) -> Any:
        prefix = Broadcast(broadcast_id, 0, "", BroadcastState.DRAFT).prefix
        return (OUTGOING.bot_id == self._bot_id) & OUTGOING.key.startswith(prefix)

    def _this(self, broadcast_id: int) -> Any:
        return self._mine() & (BROADCAST.id == broadcast_id)

    def _mine(self) -> Any:
        return BROADCAST.bot_id == self._bot_id


EVERYBODY = "all"


def broadcasts_of(ctx: Context) -> Broadcasts:
    """Return the broadcasts of the process's bot."""
    return Broadcasts(ctx.db, ctx.bot_id, ctx.config.language, ctx.clock)


def start(ctx: Context, actor: Actor, broadcast_id: int, whom: str, bot_id: int = 0) -> None:
    """Begin to send a draft to EVERYBODY or to those of a language. Raises NotFound, Refused.

    `bot_id` 0: a draft of the process's bot.
    """
    _require(actor)
    rows = Broadcasts(ctx.db, bot_id or ctx.bot_id, ctx.config.language, ctx.clock)
    target = f"broadcast:{broadcast_id}"

    def begin() -> None:
        if not rows.start(broadcast_id, "" if whom == EVERYBODY else whom):
            raise Refused("nobody", "cast-nobody")

    values = {"broadcast_id": broadcast_id, "whom": whom, "bot_id": bot_id or ctx.bot_id}
    kind, details = DangerousAct.BROADCAST, {"whom": whom}
    require_approval(ctx, actor, kind, "broadcast", target, values, details, begin)
    begin()
    Audit(ctx.db, ctx.clock).note(actor.name, "broadcast.start", target, {"language": whom})


def stop(ctx: Context, actor: Actor, broadcast_id: int) -> None:
    """Send no more of a broadcast; harmless where it does not run. Raises NotFound."""
    _require(actor)
    if broadcasts_of(ctx).stop(broadcast_id):
        target = f"broadcast:{broadcast_id}"
        Audit(ctx.db, ctx.clock).note(actor.name, "broadcast.stop", target)


def _require(actor: Actor) -> None:
    if not actor.may(Permission.BROADCAST):
        raise NotFound("no such broadcast", "bot-button-old")


def _can_hear() -> Any:
    return (USER.is_reachable == 1) & (USER.is_blocked == 0)


def _fate(row: Row) -> str:
    """Return the field of a Delivered that a letter counts in."""
    if row["state"] == OutgoingState.SENT.value:
        return "sent"
    if row["state"] == OutgoingState.DROPPED.value:
        return "failed" if row["is_reachable"] else "blocked"
    is_over = row["state"] == OutgoingState.UNKNOWN.value and row["tries"] >= MAX_ATTEMPTS
    return "failed" if is_over else "waiting"
