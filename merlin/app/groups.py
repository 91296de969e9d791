"""The bot's settings in a group, and answers to inline queries (`@bot text` in any chat).

An inline query calls no model: it offers earlier answers, training examples, and a way to ask.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from merlin.app import outbox
from merlin.app.outbox import ON_THE_WAY, OutgoingState, Target
from merlin.chat.turns import TurnState
from merlin.core.clock import iso
from merlin.core.vocabulary import fold, matches_terms, parse_terms
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.db.database import BotRepository, transaction
from merlin.db.tables import (
    GROUP_SETTING,
    INLINE_QUESTION,
    OUTGOING,
    SESSION,
    TURN,
)
from merlin.db.values import RowMap, decrypt
from merlin.training.models import Serving


class GroupMode(StrEnum):
    """Which messages are for the bot, apart from commands, from the fewest to the most."""

    MENTION = "mention"
    REPLY = "reply"
    QUESTION = "question"


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


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """A question and its answer."""

    question: str
    answer: str


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
        unused = in_supergroup & (SESSION.touched_at == "")
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


# The number of a user's newest answers to search: each has to be decrypted.
_MAX_SEARCHED_TURNS = 60
# The stored inline questions of a user; older ones are deleted.
MAX_STORED_QUESTIONS = 40
_TOKEN_BYTES = 16


class InlineQueries(BotRepository):
    """Inline queries of one bot's users: search of answers, and questions stored by token."""

    def search_answers(self, user_id: int, text: str, limit: int) -> list[QuestionAnswer]:
        """Return the user's newest answers that contain all words of `text`."""
        terms, matches = parse_terms(fold(text)), dict[str, QuestionAnswer]()
        for pair in self._read_newest_answers(user_id) if terms else ():
            if len(matches) == limit:
                break
            if matches_terms(f"{pair.question} {pair.answer}", terms):
                matches.setdefault(fold(pair.question), pair)
        return list(matches.values())

    def _read_newest_answers(self, user_id: int) -> Iterator[QuestionAnswer]:
        is_answered = (TURN.answer != "") & (TURN.is_replaced == 0) & (TURN.question != "")
        condition = self._match(TURN, user_id=user_id) & is_answered
        query = TURN.select(TURN.question, TURN.answer).where(condition & (TURN.format == "text"))
        for row in self.db.rows(query.order_by(TURN.id.desc()).limit(_MAX_SEARCHED_TURNS)):
            question = decrypt(self.db.cipher, row["question"])
            answer = decrypt(self.db.cipher, row["answer"])
            if question and answer:
                yield QuestionAnswer(question, answer)

    def search_examples(self, serving: Serving, text: str, limit: int) -> list[QuestionAnswer]:
        """Return the examples that contain all words of `text`, as the model was trained with."""
        example_filter = ExampleFilter(query=text, split="train")
        found = ExampleEntries(self.db).find(
            serving.dataset, example_filter, limit, build_id=serving.model.build_id
        )
        exchanges = (entry.trained[:2] for entry in found)
        return [
            QuestionAnswer(*(message.content for message in exchange))
            for exchange in exchanges
            if [message.role for message in exchange] == ["user", "assistant"]
        ]

    @transaction
    def keep(self, user_id: int, question: str) -> str:
        """Store a question; return its token."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        values = {
            "bot_id": self._bot_id,
            "token": token,
            "user_id": user_id,
            "question": self.db.cipher.seal(question),
            "at": iso(self._clock()),
        }
        self.db.add(INLINE_QUESTION, values)
        condition = self._match(INLINE_QUESTION, user_id=user_id)
        ids = INLINE_QUESTION.select(INLINE_QUESTION.id).where(condition)
        ids = ids.order_by(INLINE_QUESTION.id.desc())
        oldest = self.db.row(ids.offset(MAX_STORED_QUESTIONS).limit(1))
        if oldest is not None:
            is_old = INLINE_QUESTION.id <= oldest["id"]
            self.db.delete(INLINE_QUESTION, condition & is_old)
        return token

    def question(self, token: str) -> str | None:
        """Return the question of a token, or None if it is not stored any more."""
        condition = self._match(INLINE_QUESTION, token=token)
        row = self.db.row(INLINE_QUESTION.select(INLINE_QUESTION.question).where(condition))
        return None if row is None else decrypt(self.db.cipher, row["question"])
