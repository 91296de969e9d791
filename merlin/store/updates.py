"""Rows of what came from Telegram, and the leases of chats; fulfils `inbox.update.Inbox`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from peewee import fn

from merlin.core.clock import Clock, iso, utc_now
from merlin.inbox.owner import LEASE_S, Owner
from merlin.inbox.update import Outcome, Update, UpdateState
from merlin.store.chat_tables import LEASE, UPDATE
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.sealed import opened
from merlin.store.values import dumped, loaded, plain


class UpdateRows:
    """The updates of one bot; their bodies are sealed, and forgotten at the end."""

    def __init__(self, db: Database, cipher: Cipher, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._bot_id = bot_id
        self._clock = clock

    @transaction
    def store(self, updates: Sequence[Update], owner: Owner | None) -> list[Update]:
        """Store the updates not stored before; return those of them whose chats `owner` holds."""
        fresh = [update for update in updates if self._put(update)]
        if owner is None:
            if fresh:
                self.db.bump()
            return []
        held = self._hold_in_order(fresh, owner)
        return [update for update in fresh if update.chat_id in held]

    def _hold_in_order(self, fresh: Sequence[Update], owner: Owner) -> set[int]:
        """Take hold of the chats of fresh updates; return those that are held.

        A chat in which older ones wait is left to `claim`, which returns them all in order.
        """
        count = Counter(update.chat_id for update in fresh)
        if not count:
            return set()
        waiting = UPDATE.select(UPDATE.chat_id, fn.COUNT(UPDATE.id).alias("waiting")).where(
            self._waiting() & UPDATE.chat_id.in_(list(count))
        )
        rows = self.db.rows(waiting.group_by(UPDATE.chat_id))
        backlog = {row["chat_id"] for row in rows if row["waiting"] > count[row["chat_id"]]}
        ours = (LEASE.bot_id == self._bot_id) & (LEASE.owner == str(owner))
        wanted = LEASE.select(LEASE.chat_id).where(ours & LEASE.chat_id.in_(list(count)))
        mine = {row["chat_id"] for row in self.db.rows(wanted)}
        in_order = [chat_id for chat_id in count if chat_id in mine or chat_id not in backlog]
        return {chat_id for chat_id in in_order if self._hold(chat_id, owner)}

    def _put(self, update: Update) -> bool:
        new = UPDATE.insert(
            {
                "bot_id": self._bot_id,
                "update_id": update.update_id,
                "kind": plain(update.kind),
                "chat_id": update.chat_id,
                "user_id": update.user_id,
                "language_code": plain(update.language_code),
                "body": self._cipher.seal(dumped(dict(update.body))),
                "state": UpdateState.WAITING.value,
                "reason": "",
                "received_at": iso(self._clock()),
                "finished_at": None,
            }
        )
        return self.db.put(new.on_conflict_ignore())

    def _hold(self, chat_id: int, owner: Owner) -> bool:
        """Take the lease of a chat that is free, ours, run out, or held by a dead process."""
        mine = {"owner": str(owner), "until": self._until()}
        free = LEASE.owner.in_(["", str(owner)]) | (LEASE.until < iso(self._clock()))
        taken = LEASE.insert({"bot_id": self._bot_id, "chat_id": chat_id, **mine}).on_conflict(
            conflict_target=(LEASE.bot_id, LEASE.chat_id), update=mine, where=free
        )
        if self.db.put(taken):
            return True
        here = self._lease(chat_id)
        holder = str(self.db.value(LEASE.select(LEASE.owner).where(here)))
        if not owner.outlived(holder):
            return False
        return self.db.change(LEASE.update(mine).where(here & (LEASE.owner == holder))) > 0

    @transaction
    def claim(self, owner: Owner, limit: int) -> list[Update]:
        """Take hold of chats with waiting updates that nobody alive holds; return the updates."""
        chats = islice(self._open(owner), limit)
        held = [chat_id for chat_id in chats if self._hold(chat_id, owner)]
        if not held:
            return []
        wanted = UPDATE.select().where(self._waiting() & UPDATE.chat_id.in_(held))
        return [self._update(row) for row in self.db.rows(wanted.order_by(UPDATE.id))]

    def _open(self, owner: Owner) -> Iterator[int]:
        """Yield the chats with waiting updates that neither `owner` nor another alive holds."""
        leases = LEASE.select().where((LEASE.bot_id == self._bot_id) & (LEASE.owner != ""))
        now = iso(self._clock())
        running = [row for row in self.db.rows(leases) if row["until"] >= now]
        holders = {row["owner"] for row in running}
        dead = {holder for holder in holders if owner.outlived(holder)}
        taken = {row["chat_id"] for row in running if row["owner"] not in dead}
        chats = UPDATE.select(UPDATE.chat_id).where(self._waiting()).distinct()
        for row in self.db.rows(chats.order_by(UPDATE.chat_id)):
            if row["chat_id"] not in taken:
                yield row["chat_id"]

    @transaction
    def finish(self, owner: Owner, chat_id: int, outcomes: Sequence[Outcome]) -> None:
        """Store final states, forget the bodies, let go of the chat when nothing waits in it."""
        for outcome in outcomes:
            end = {
                "state": outcome.state.value,
                "reason": outcome.reason,
                "body": "",
                "finished_at": iso(self._clock()),
            }
            this = self._waiting() & (UPDATE.update_id == outcome.update_id)
            self.db.change(UPDATE.update(end).where(this))
        left = UPDATE.select(UPDATE.id).where(self._waiting() & (UPDATE.chat_id == chat_id))
        if self.db.row(left) is None:
            mine = self._lease(chat_id) & (LEASE.owner == str(owner))
            self.db.change(LEASE.update({"owner": ""}).where(mine))

    @transaction
    def renew(self, owner: Owner) -> None:
        """Prolong every lease of this owner."""
        mine = (LEASE.bot_id == self._bot_id) & (LEASE.owner == str(owner))
        self.db.change(LEASE.update({"until": self._until()}).where(mine))

    @transaction
    def release(self, owner: Owner) -> None:
        """Let go of every chat."""
        mine = (LEASE.bot_id == self._bot_id) & (LEASE.owner == str(owner))
        if self.db.change(LEASE.update({"owner": ""}).where(mine)):
            self.db.bump()

    def waiting(self) -> int:
        """Return how many updates are in no final state."""
        return int(self.db.value(UPDATE.select(fn.COUNT(UPDATE.id)).where(self._waiting())))

    def _waiting(self) -> Any:
        return (UPDATE.bot_id == self._bot_id) & (UPDATE.state == UpdateState.WAITING.value)

    def _lease(self, chat_id: int) -> Any:
        return (LEASE.bot_id == self._bot_id) & (LEASE.chat_id == chat_id)

    def _until(self) -> str:
        return iso(self._clock() + timedelta(seconds=LEASE_S))

    def _update(self, row: Row) -> Update:
        # One that cannot be opened goes out without a body: its person can still be told.
        body = opened(self._cipher, row["body"])
        return Update(
            update_id=row["update_id"],
            kind=row["kind"],
            chat_id=row["chat_id"],
            user_id=row["user_id"],
            language_code=row["language_code"],
            body=loaded(body) if body else {},
        )
