"""Rows of groups; fulfils `chat.group.Groups`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merlin.chat.group import Group, Hears
from merlin.chat.turn import TurnState
from merlin.core.clock import Clock, iso, utc_now
from merlin.inbox.outgoing import OutgoingState, Spot
from merlin.store import pages
from merlin.store.chat_tables import OUTGOING, SESSION, TURN
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.group_tables import GROUP_SETTING
from merlin.store.sealed import opened
from merlin.store.values import plain

_WAITING = (
    OutgoingState.PENDING.value,
    OutgoingState.SENDING.value,
    OutgoingState.UNKNOWN.value,
)


class GroupRows:
    """The groups of one bot."""

    def __init__(self, db: Database, cipher: Cipher, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._bot_id = bot_id
        self._clock = clock

    def get(self, chat_id: int) -> Group | None:
        """Return a group as it was chosen, None where nothing was and nobody was greeted."""
        row = self.db.row(GROUP_SETTING.select().where(self._of(chat_id)))
        if row is None:
            return None
        return Group(
            chat_id=row["chat_id"],
            hears=Hears(row["hears"]),
            dataset=row["dataset"],
            language=row["language"],
            is_open=bool(row["is_open"]),
            moved_to=row["moved_to"],
            is_gone=row["gone_at"] is not None,
        )

    @transaction
    def put(self, group: Group) -> None:
        """Keep a group that the bot is in."""
        newest: Row = {
            "hears": group.hears.value,
            "dataset": None if group.dataset is None else plain(group.dataset),
            "language": group.language,
            "is_open": int(group.is_open),
            "moved_to": group.moved_to,
            "gone_at": None,
        }
        key = {"bot_id": self._bot_id, "chat_id": group.chat_id}
        new = GROUP_SETTING.insert({**key, **newest})
        self.db.put(new.on_conflict(conflict_target=tuple(key), update=newest))

    @transaction
    def left(self, chat_id: int) -> None:
        """Note that the bot is in the group no more; what was chosen is kept for a while."""
        gone = GROUP_SETTING.update({"gone_at": iso(self._clock())})
        self.db.change(gone.where(self._of(chat_id) & GROUP_SETTING.gone_at.is_null()))

    @transaction
    def move(self, old_id: int, new_id: int) -> None:
        """Let the sessions, choices and waiting messages of a chat belong to its supergroup."""
        old = self.get(old_id) or Group(old_id)
        if self.get(new_id) is None or not old.moved_to:
            self.put(replace(old, chat_id=new_id, moved_to=0))
        self.put(Group(old_id, moved_to=new_id))
        self.left(old_id)
        self._move_sessions(old_id, new_id)
        self._move_messages(old_id, new_id)

    def _move_sessions(self, old_id: int, new_id: int) -> None:
        """Move sessions; the open one goes on, unless the supergroup has begun one of its own."""
        mine = SESSION.bot_id == self._bot_id
        here = mine & (SESSION.chat_id == new_id) & (SESSION.thread_id == 0)
        unused = here & (SESSION.touched_at == "") & SESSION.id.not_in(_asked_in())
        self.db.change(SESSION.delete().where(unused))
        there = mine & (SESSION.chat_id == old_id)
        if self.db.row(SESSION.select(SESSION.id).where(here & (SESSION.is_open == 1))):
            self.db.change(SESSION.update({"is_open": 0}).where(there))
        moved = [row["id"] for row in self.db.rows(SESSION.select(SESSION.id).where(there))]
        if moved:
            self.db.change(SESSION.update({"chat_id": new_id}).where(SESSION.id.in_(moved)))
            self._forget_places(moved)

    def _forget_places(self, sessions: list[int]) -> None:
        """Forget the numbers of messages: the supergroup counts its own from the start."""
        those = TURN.session_id.in_(sessions)
        self.db.change(TURN.update({"question_id": 0}).where(those))
        over = those & (TURN.state == TurnState.TOLD.value)
        self.db.change(TURN.update({"placeholder_id": None}).where(over))

    def _move_messages(self, old_id: int, new_id: int) -> None:
        waiting = (OUTGOING.bot_id == self._bot_id) & (OUTGOING.chat_id == old_id)
        waiting &= OUTGOING.state.in_(_WAITING)
        for row in self.db.rows(OUTGOING.select().where(waiting)):
            page, _ = pages.read(opened(self._cipher, row["body"]) or "")
            body = self._cipher.seal(pages.written(page, Spot()))
            moved = OUTGOING.update({"chat_id": new_id, "body": body})
            self.db.change(moved.where(OUTGOING.id == row["id"]))

    def _of(self, chat_id: int) -> Any:
        return (GROUP_SETTING.bot_id == self._bot_id) & (GROUP_SETTING.chat_id == chat_id)


def _asked_in() -> Any:
    return TURN.select(TURN.session_id)
