"""The groups that the bot is in or was, and their move to a supergroup."""

from dataclasses import dataclass

from merlin.app import outbox
from merlin.app.outbox import ON_THE_WAY, OutgoingState, Target
from merlin.chat.turns import TurnState
from merlin.core.clock import iso
from merlin.db.database import BotRepository, transaction
from merlin.db.tables import (
    GROUP_CHAT,
    OUTGOING,
    SESSION,
    TURN,
)
from merlin.db.values import RowMap, decrypt


@dataclass(frozen=True, slots=True)
class Group:
    """One group chat.

    `moved_to` is the supergroup that the chat became, 0 for none; `is_gone`: the bot was removed.
    """

    chat_id: int
    moved_to: int = 0
    is_gone: bool = False


_GROUPS = RowMap(Group)


_WAITING = (*ON_THE_WAY, OutgoingState.UNKNOWN.value)


class Groups(BotRepository):
    """The groups of one bot."""

    def get(self, chat_id: int) -> Group | None:
        """Return a group, None for one that the bot was not in."""
        row = self.db.row(
            GROUP_CHAT.select().where(self._match(GROUP_CHAT, chat_id=chat_id))
        )
        if row is None:
            return None
        return _GROUPS.read(row, is_gone=row.gone_at is not None)

    @transaction
    def put(self, group: Group) -> None:
        """Store a group that the bot is in."""
        values = {**_GROUPS.write(group, but=("chat_id", "is_gone")), "gone_at": None}
        key = {"bot_id": self._bot_id, "chat_id": group.chat_id}
        self.db.upsert(GROUP_CHAT, key, values)

    @transaction
    def mark_left(self, chat_id: int) -> None:
        """Record that the bot is not in the group any more; its row is kept for a while."""
        condition = (
            self._match(GROUP_CHAT, chat_id=chat_id) & GROUP_CHAT.gone_at.is_null()
        )
        self.db.update(GROUP_CHAT, condition, gone_at=iso(self._clock()))

    @transaction
    def move(self, old_id: int, new_id: int) -> None:
        """Move the sessions and waiting messages of a chat to its supergroup."""
        self.put(Group(new_id))
        self.put(Group(old_id, moved_to=new_id))
        self.mark_left(old_id)
        self._move_sessions(old_id, new_id)
        condition = self._match(OUTGOING, chat_id=old_id)
        condition &= OUTGOING.state.in_(_WAITING)
        for row in self.db.rows(OUTGOING.select().where(condition)):
            page, _ = outbox.load_page(decrypt(self.db.cipher, row.body) or "")
            body = self.db.cipher.seal(outbox.dump_page(page, Target()))
            self.db.update(OUTGOING, OUTGOING.id == row.id, chat_id=new_id, body=body)

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
        session_ids = [row.id for row in self.db.rows(own)]
        if session_ids:
            self.db.update(SESSION, SESSION.id.in_(session_ids), chat_id=new_id)
            # Message ids of the supergroup start again at 1.
            of_sessions = TURN.session_id.in_(session_ids)
            self.db.update(TURN, of_sessions, question_id=0)
            is_sent = of_sessions & (TURN.state == TurnState.DELIVERED.value)
            self.db.update(TURN, is_sent, placeholder_id=None)
