"""What inline mode reads and keeps; fulfils `chat.inline.InlineWords`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from merlin.chat.inline import CLOSE_SHARE, Said, closeness, stems
from merlin.core.clock import Clock, iso, utc_now
from merlin.dataset.sameness import normal
from merlin.store.chat_tables import TURN
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.group_tables import INLINE_QUESTION
from merlin.store.sealed import opened
from merlin.store.tables import BUILD_EXAMPLE, EXAMPLE_TEXT
from merlin.store.values import messages_of

# How far back a person's own answers are looked through: each has to be opened.
_NEWEST = 60
_MOST_LOOKED_AT = 300
# So many typed questions of a person lead somewhere; older ones make room.
KEPT = 40
_TOKEN_BYTES = 12


class InlineRows:
    """The words of one bot's people and datasets, looked at quickly."""

    def __init__(self, db: Database, cipher: Cipher, bot_id: int, clock: Clock = utc_now) -> None:
        self.db = db
        self._cipher = cipher
        self._bot_id = bot_id
        self._clock = clock

    def own(self, user_id: int, words: str, limit: int) -> list[Said]:
        """Return the person's newest answers that these words are about."""
        wanted, found = stems(words), dict[str, Said]()
        for said in self._newest(user_id):
            if len(found) == limit:
                break
            if closeness(wanted, normal(f"{said.question} {said.answer}")) == 1:
                found.setdefault(normal(said.question), said)
        return list(found.values())

    def _newest(self, user_id: int) -> Iterator[Said]:
        counts = (TURN.answer != "") & (TURN.is_replaced == 0) & (TURN.question != "")
        mine = (TURN.bot_id == self._bot_id) & (TURN.user_id == user_id) & counts
        query = TURN.select(TURN.question, TURN.answer).where(mine & (TURN.format == "text"))
        for row in self.db.rows(query.order_by(TURN.id.desc()).limit(_NEWEST)):
            question = opened(self._cipher, row["question"])
            answer = opened(self._cipher, row["answer"])
            if question and answer:
                yield Said(question, answer)

    def taught(self, build_id: int, words: str, limit: int) -> list[Said]:
        """Return a build's examples whose questions are close to these words, closest first."""
        wanted = stems(words)
        if not wanted:
            return []
        longest = max(wanted, key=len)
        same = EXAMPLE_TEXT.digest == BUILD_EXAMPLE.text_digest
        these = (BUILD_EXAMPLE.build_id == build_id) & (BUILD_EXAMPLE.split == "train")
        query = BUILD_EXAMPLE.select(EXAMPLE_TEXT.messages).join(EXAMPLE_TEXT, on=same)
        query = query.where(these & EXAMPLE_TEXT.words.contains(longest))
        rows = self.db.rows(query.order_by(BUILD_EXAMPLE.example_id).limit(_MOST_LOOKED_AT))
        found = [(closeness(wanted, normal(each.question)), each) for each in _said(rows)]
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
            "question": self._cipher.seal(question),
            "at": iso(self._clock()),
        }
        self.db.add(INLINE_QUESTION, new)
        mine = self._mine() & (INLINE_QUESTION.user_id == user_id)
        newest = INLINE_QUESTION.select(INLINE_QUESTION.id).where(mine)
        last = self.db.row(newest.order_by(INLINE_QUESTION.id.desc()).offset(KEPT).limit(1))
        if last is not None:
            old = INLINE_QUESTION.id <= last["id"]
            self.db.change(INLINE_QUESTION.delete().where(mine & old))
        return token

    def question(self, token: str) -> str | None:
        """Return the question that a token leads to, None where it was not kept that long."""
        this = self._mine() & (INLINE_QUESTION.token == token)
        row = self.db.row(INLINE_QUESTION.select(INLINE_QUESTION.question).where(this))
        return None if row is None else opened(self._cipher, row["question"])

    def _mine(self) -> Any:
        return INLINE_QUESTION.bot_id == self._bot_id


def _said(rows: Iterable[Row]) -> Iterator[Said]:
    """Yield the first question and answer of each example."""
    for row in rows:
        told = [each for each in messages_of(row["messages"]) if each.role != "system"]
        roles = tuple(each.role for each in told[:2])
        if roles == ("user", "assistant"):
            yield Said(told[0].content, told[1].content)
