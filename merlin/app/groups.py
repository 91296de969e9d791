"""The bot's settings in a group."""

from dataclasses import dataclass, replace
from enum import StrEnum

from merlin.app import outbox
from merlin.app.outbox import ON_THE_WAY, OutgoingState, Target
from merlin.chat.turns import TurnState
from merlin.core.clock import iso
from merlin.db.database import BotRepository, transaction
from merlin.db.tables import (
    GROUP_SETTING,
    OUTGOING,
    SESSION,
    TURN,
)
from merlin.db.values import RowMap, decrypt


class GroupMode(StrEnum):
    """Which messages are for the bot, apart from commands, from the fewest to the most."""

    MENTION = "mention"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Group:
    """One group chat.

    `dataset` None means the default one, `language` None that of the asker. `is_open`: everybody
    may start a new session or clear it, otherwise only administrators. `moved_to` is the supergroup
    that the chat became, 0 for none; `is_gone`: the bot was removed.
    """

    chat_id: int
    hears: GroupMode = GroupMode.REPLY
    dataset: str | None = None
    language: str | None = None
    is_open: bool = True
    moved_to: int = 0
    is_gone: bool = False


_GROUPS = RowMap(Group)


_WAITING = (*ON_THE_WAY, OutgoingState.UNKNOWN.value)


class Groups(BotRepository):
    """The groups of one bot."""

    def get(self, chat_id: int) -> Group | None:
        """Return a group's settings, or None if it is unknown."""
        row = self.db.row(GROUP_SETTING.select().where(self._match(GROUP_SETTING, chat_id=chat_id)))
        if row is None:
            return None
        return _GROUPS.read(row, is_gone=row["gone_at"] is not None)

    @transaction
    def put(self, group: Group) -> None:
        """Store a group that the bot is in."""
        values = {**_GROUPS.write(group, but=("chat_id", "is_gone")), "gone_at": None}
        key = {"bot_id": self._bot_id, "chat_id": group.chat_id}
        self.db.upsert(GROUP_SETTING, key, values)

    @transaction
    def mark_left(self, chat_id: int) -> None:
        """Record that the bot is not in the group any more; its settings are kept for a while."""
        condition = self._match(GROUP_SETTING, chat_id=chat_id) & GROUP_SETTING.gone_at.is_null()
        self.db.update(GROUP_SETTING, condition, gone_at=iso(self._clock()))

    @transaction
    def move(self, old_id: int, new_id: int) -> None:
        """Move the sessions, settings and waiting messages of a chat to its supergroup."""
        group = self.get(old_id) or Group(old_id)
        if self.get(new_id) is None or not group.moved_to:
            self.put(replace(group, chat_id=new_id, moved_to=0))
        self.put(Group(old_id, moved_to=new_id))
        self.mark_left(old_id)
        self._move_sessions(old_id, new_id)
        condition = self._match(OUTGOING, chat_id=old_id)
        condition &= OUTGOING.state.in_(_WAITING)
        for row in self.db.rows(OUTGOING.select().where(condition)):
            page, _ = outbox.load_page(decrypt(self.db.cipher, row["body"]) or "")
            body = self.db.cipher.seal(outbox.dump_page(page, Target()))
            self.db.update(OUTGOING, OUTGOING.id == row["id"], chat_id=new_id, body=body)

    def _move_sessions(self, old_id: int, new_id: int) -> None:
        """Move sessions; the open one stays open unless the supergroup has its own."""
        in_supergroup = self._match(SESSION, chat_id=new_id, thread_id=0)
        unused = in_supergroup & (SESSION.last_used_at == "")
        unused &= SESSION.id.not_in(TURN.select(TURN.session_id))
        self.db.delete(SESSION, unused)
        condition = self._match(SESSION, chat_id=old_id)
        if self.db.has(SESSION, in_supergroup & (SESSION.is_open == 1)):
            self.db.update(SESSION, condition, is_open=0)
        own = SESSION.select(SESSION.id).where(condition)
        session_ids = [row["id"] for row in self.db.rows(own)]
        if session_ids:
            self.db.update(SESSION, SESSION.id.in_(session_ids), chat_id=new_id)
            # Message ids of the supergroup start again at 1.
            of_sessions = TURN.session_id.in_(session_ids)
            self.db.update(TURN, of_sessions, question_id=0)
            is_sent = of_sessions & (TURN.state == TurnState.DELIVERED.value)
            self.db.update(TURN, is_sent, placeholder_id=None)
