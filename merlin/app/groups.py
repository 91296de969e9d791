"""The bot's settings in a group, and answers to inline queries (`@bot words` in any chat).

An inline query asks no model: it offers earlier answers, taught examples, and a way to ask.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from merlin.app import outbox
from merlin.app.outbox import OutgoingState, Target
from merlin.chat.turns import TurnState
from merlin.core.clock import iso
from merlin.dataset.builds import taught_in
from merlin.dataset.example import normalise
from merlin.db.database import BotRepository, Row, transaction
from merlin.db.tables import (
    EXAMPLE_TEXT,
    GROUP_SETTING,
    INLINE_QUESTION,
    OUTGOING,
    SESSION,
    TAUGHT_EXAMPLE,
    TURN,
)
from merlin.db.values import RowMap, decrypt, messages_of


class Hears(StrEnum):
    """Which messages are for the bot, commands aside, from the fewest to the most."""

    MENTION = "mention"
    REPLY = "reply"
    QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Group:
    """One group chat.

    `dataset` None means the default one, `language` None whatever the asker speaks. `is_open`:
    everybody may begin the session anew or clear it, else administrators alone. `moved_to` is the
    supergroup that the chat became, 0 for none; `is_gone`: the bot was taken out.
    """

    chat_id: int
    hears: Hears = Hears.REPLY
    dataset: str | None = None
    language: str | None = None
    is_open: bool = True
    moved_to: int = 0
    is_gone: bool = False


_GROUPS = RowMap(Group)
# How many words of a question must stand in what is close to it.
CLOSE_SHARE = 0.6
_SHORT = 3


@dataclass(frozen=True, slots=True)
class Said:
    """A question and its answer."""

    question: str
    answer: str


def stems(text: str) -> list[str]:
    """Return the words that tell what a question is about, without endings, each once."""
    tokens = normalise("".join(each if each.isalnum() else " " for each in text)).split()
    long = [word for word in tokens if len(word) >= _SHORT] or tokens
    # Without its last letters a Russian word is found in its other cases too.
    return list(dict.fromkeys(word[: max(_SHORT, len(word) - 2)] for word in long))


def closeness(wanted: Sequence[str], text: str) -> float:
    """Return which share of the stems begins a word of `text` (normal form), 0 to 1."""
    if not wanted:
        return 0.0
    words = "".join(each if each.isalnum() else " " for each in text).split()
    found = (
        any(word.startswith(stem) if len(stem) >= _SHORT else word == stem for word in words)
        for stem in wanted
    )
    return sum(found) / len(wanted)


_WAITING = (
    OutgoingState.PENDING.value,
    OutgoingState.SENDING.value,
    OutgoingState.UNKNOWN.value,
)


class Groups(BotRepository):
    """The groups of one bot."""

    def get(self, chat_id: int) -> Group | None:
        """Return a group as it was chosen, None where nothing was and nobody was greeted."""
        row = self.db.row(GROUP_SETTING.select().where(self._of(chat_id)))
        if row is None:
            return None
        return _GROUPS.read(row, is_gone=row["gone_at"] is not None)

    @transaction
    def put(self, group: Group) -> None:
        """Keep a group that the bot is in."""
        newest = {**_GROUPS.write(group, but=("chat_id", "is_gone")), "gone_at": None}
        key = {"bot_id": self._bot_id, "chat_id": group.chat_id}
        self.db.upsert(GROUP_SETTING, key, newest)

    @transaction
    def left(self, chat_id: int) -> None:
        """Note that the bot is in the group no more; what was chosen is kept for a while."""
        query = GROUP_SETTING.update({"gone_at": iso(self._clock())})
        self.db.change(query.where(self._of(chat_id) & GROUP_SETTING.gone_at.is_null()))

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
        unused = here & (SESSION.touched_at == "")
        unused &= SESSION.id.not_in(TURN.select(TURN.session_id))
        self.db.change(SESSION.delete().where(unused))
        condition = mine & (SESSION.chat_id == old_id)
        if self.db.row(SESSION.select(SESSION.id).where(here & (SESSION.is_open == 1))):
            self.db.change(SESSION.update({"is_open": 0}).where(condition))
        moved = [row["id"] for row in self.db.rows(SESSION.select(SESSION.id).where(condition))]
        if moved:
            self.db.change(SESSION.update({"chat_id": new_id}).where(SESSION.id.in_(moved)))
            # The supergroup counts its own messages from the start.
            those = TURN.session_id.in_(moved)
            self.db.change(TURN.update({"question_id": 0}).where(those))
            over = those & (TURN.state == TurnState.TOLD.value)
            self.db.change(TURN.update({"placeholder_id": None}).where(over))

    def _move_messages(self, old_id: int, new_id: int) -> None:
        waiting = (OUTGOING.bot_id == self._bot_id) & (OUTGOING.chat_id == old_id)
        waiting &= OUTGOING.state.in_(_WAITING)
        for row in self.db.rows(OUTGOING.select().where(waiting)):
            page, _ = outbox.load_page(decrypt(self.db.cipher, row["body"]) or "")
            body = self.db.cipher.seal(outbox.dump_page(page, Target()))
            moved = OUTGOING.update({"chat_id": new_id, "body": body})
            self.db.change(moved.where(OUTGOING.id == row["id"]))

    def _of(self, chat_id: int) -> Any:
        return (GROUP_SETTING.bot_id == self._bot_id) & (GROUP_SETTING.chat_id == chat_id)


# How far back a person's own answers are looked through: each has to be opened.
_NEWEST = 60
_MAX_LOOKED_AT = 300
# So many typed questions of a person lead somewhere; older ones make room.
KEPT = 40
_TOKEN_BYTES = 16


class InlineWords(BotRepository):
    """The words of one bot's people and datasets, looked at quickly."""

    def own(self, user_id: int, text: str, limit: int) -> list[Said]:
        """Return the person's newest answers that these words are about."""
        requested, found = stems(text), dict[str, Said]()
        for previous in self._newest(user_id):
            if len(found) == limit:
                break
            if closeness(requested, normalise(f"{previous.question} {previous.answer}")) == 1:
                found.setdefault(normalise(previous.question), previous)
        return list(found.values())

    def _newest(self, user_id: int) -> Iterator[Said]:
        counts = (TURN.answer != "") & (TURN.is_replaced == 0) & (TURN.question != "")
        condition = (TURN.bot_id == self._bot_id) & (TURN.user_id == user_id) & counts
        query = TURN.select(TURN.question, TURN.answer).where(condition & (TURN.format == "text"))
        for row in self.db.rows(query.order_by(TURN.id.desc()).limit(_NEWEST)):
            question = decrypt(self.db.cipher, row["question"])
            answer = decrypt(self.db.cipher, row["answer"])
            if question and answer:
                yield Said(question, answer)

    def taught(self, build_id: int, text: str, limit: int) -> list[Said]:
        """Return a build's examples whose questions are close to these words, closest first."""
        requested = stems(text)
        if not requested:
            return []
        longest = max(requested, key=len)
        same = EXAMPLE_TEXT.digest == TAUGHT_EXAMPLE.text_digest
        condition = taught_in(build_id) & (TAUGHT_EXAMPLE.split == "train")
        query = TAUGHT_EXAMPLE.select(EXAMPLE_TEXT.messages).join(EXAMPLE_TEXT, on=same)
        query = query.where(condition & EXAMPLE_TEXT.words.contains(longest))
        rows = self.db.rows(query.order_by(TAUGHT_EXAMPLE.example_id).limit(_MAX_LOOKED_AT))
        found = [(closeness(requested, normalise(each.question)), each) for each in _said(rows)]
        close = [pair for pair in found if pair[0] >= CLOSE_SHARE]
        close.sort(key=lambda pair: (-pair[0], len(pair[1].question)))
        return [each for _, each in close[:limit]]

    @transaction
    def keep(self, user_id: int, question: str) -> str:
        """Keep a question; return the token that leads to it."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        new = {
            "bot_id": self._bot_id,
            "token": token,
            "user_id": user_id,
            "question": self.db.cipher.seal(question),
            "at": iso(self._clock()),
        }
        self.db.add(INLINE_QUESTION, new)
        condition = self._mine() & (INLINE_QUESTION.user_id == user_id)
        newest = INLINE_QUESTION.select(INLINE_QUESTION.id).where(condition)
        last = self.db.row(newest.order_by(INLINE_QUESTION.id.desc()).offset(KEPT).limit(1))
        if last is not None:
            old = INLINE_QUESTION.id <= last["id"]
            self.db.change(INLINE_QUESTION.delete().where(condition & old))
        return token

    def question(self, token: str) -> str | None:
        """Return the question that a token leads to, None where it was not kept that long."""
        condition = self._mine() & (INLINE_QUESTION.token == token)
        row = self.db.row(INLINE_QUESTION.select(INLINE_QUESTION.question).where(condition))
        return None if row is None else decrypt(self.db.cipher, row["question"])

    def _mine(self) -> Any:
        return INLINE_QUESTION.bot_id == self._bot_id


def _said(rows: Iterable[Row]) -> Iterator[Said]:
    """Yield the first question and answer of each example."""
    for row in rows:
        conversation = [
            message for message in messages_of(row["messages"]) if message.role != "system"
        ]
        roles = tuple(each.role for each in conversation[:2])
        if roles == ("user", "assistant"):
            yield Said(conversation[0].content, conversation[1].content)
