"""Sessions: the conversations of a person in a chat, with history, model, preset and window.

One session of a chat (of a topic, if the chat has topics) is open; the others are kept. A preset
is a named system text. A session stores the text of its preset, so a later version of Merlin does
not change it.

A window is the number of tokens of a conversation that a model accepts. Before the call the size
is estimated, because the model's tokenizer is not known here; the provider's count after the
answer is exact. The limit is the provider's, else the configuration's, else a default.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from merlin.core.clock import from_iso, iso
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.db.database import (
    BotRepository,
    Database,
    Row,
    transaction,
)
from merlin.db.tables import SESSION, TURN
from merlin.db.values import RowMap, decrypt

TITLE_LENGTH = 48


@dataclass(frozen=True, slots=True)
class Session:
    """The settings and state of a session.

    `dataset` None means the default one; `provider` and `model_id` are the person's own choice of
    a model, None means the serving one. `preset` names a preset, `system` is the person's own
    system text. `used_tokens` is the provider's
    count for the last turn, including the whole conversation. `is_warned`: the person was warned
    that the window is nearly full; `is_full`: the next question opens a new session.
    """

    session_id: int
    chat_id: int
    user_id: int
    dataset: str | None = None
    model_id: str | None = None
    provider: str | None = None
    thread_id: int = 0
    title: str = ""
    preset: str = ""
    system: str = ""
    used_tokens: int = 0
    is_warned: bool = False
    is_full: bool = False
    is_open: bool = True
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChatPlace:
    """The place of sessions: a chat and its topic (0 for none), and the person.

    `dataset` is that of its first session, None for the default one.
    """

    chat_id: int
    user_id: int
    thread_id: int = 0
    dataset: str | None = None


def build_session_title(question: str) -> str:
    """Return a title for a session that starts with this question."""
    line = " ".join(question.split())
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH].rsplit(" ", 1)[0] or line[:TITLE_LENGTH]
    return f"{cut.rstrip(' ,.;:–—-')}…"


# These run for every question: peewee takes 0.3 ms to build one.
_FIND_OPEN = """
SELECT * FROM chat_session
WHERE bot_id = :bot_id AND chat_id = :chat_id AND thread_id = :thread_id AND is_open = 1
"""
_RECORD_ANSWER = """
UPDATE chat_session SET
    used_tokens = :used_tokens, is_warned = :is_warned, is_full = :is_full,
    last_used_at = :last_used_at, title = CASE WHEN title = '' THEN :title ELSE title END
WHERE bot_id = :bot_id AND id = :id
"""


# The columns that never change, or are stored by their own methods.
_UNCHANGED_COLUMNS = (
    "session_id",
    "chat_id",
    "user_id",
    "thread_id",
    "is_open",
    "last_used_at",
)
_SESSIONS = RowMap(Session, columns={"session_id": "id"}, sealed=SESSION.sealed)


def delete_session(db: Database, session_id: int) -> None:
    """Delete a session's turns and texts; `delete_old_rows` deletes its empty row.

    A question that is being answered stays: its answer makes the session one of that turn alone.
    """
    db.delete(TURN, (TURN.session_id == session_id) & ~TURN.written_at.is_null())
    emptied = dict.fromkeys(("title", "preset", "system", "last_used_at"), "")
    db.update(SESSION, SESSION.id == session_id, is_open=0, **emptied)


class Sessions(BotRepository):
    """The sessions of one bot's chats; at most one of a chat's topic is open."""

    def find_open(self, place: ChatPlace) -> Session | None:
        """Return the place's open session, None if there is none; writes nothing."""
        rows = self.db.sql(
            _FIND_OPEN,
            bot_id=self._bot_id,
            chat_id=place.chat_id,
            thread_id=place.thread_id,
        )
        return self._session(rows[0]) if rows else None

    @transaction
    def open(self, place: ChatPlace) -> Session:
        """Return the place's open session; create the first one."""
        found = self.find_open(place)
        if found is not None:
            return found
        first = Session(
            0, place.chat_id, place.user_id, place.dataset, thread_id=place.thread_id
        )
        return self._add(first)

    @transaction
    def renew(self, place: ChatPlace) -> Session:
        """Close the place's session and return a new one with the same choices."""
        old = self.open(place)
        self._close(place)
        fresh = replace(old, title="", used_tokens=0, is_warned=False, is_full=False)
        return self._add(fresh)

    @transaction
    def change(self, session: Session) -> None:
        """Store a session's changeable columns; texts that cannot be decrypted are kept."""
        condition = self._match(SESSION, id=session.session_id)
        choices = _SESSIONS.write(session, self.db, but=_UNCHANGED_COLUMNS)
        row = self.db.row(SESSION.select().where(condition))
        for name in SESSION.sealed if row else ():
            stored = getattr(row, name)
            if not choices[name] and decrypt(self.db.cipher, stored) is None:
                choices[name] = stored
        self.db.update(SESSION, condition, **choices)

    @transaction
    def record_answer(self, session: Session) -> None:
        """Store the effects of an answer: the used window, the time, the first title."""
        self.db.run(
            _RECORD_ANSWER,
            bot_id=self._bot_id,
            id=session.session_id,
            used_tokens=session.used_tokens,
            is_warned=int(session.is_warned),
            is_full=int(session.is_full),
            last_used_at=iso(self._clock()),
            title=self.db.cipher.seal(session.title) if session.title else "",
        )

    @transaction
    def touch(self, session_id: int, title: str) -> None:
        """Store the time of use; set the title unless there is one."""
        condition = self._match(SESSION, id=session_id)
        self.db.update(SESSION, condition, last_used_at=iso(self._clock()))
        if title:
            untitled = condition & (SESSION.title == "")
            self.db.update(SESSION, untitled, title=self.db.cipher.seal(title))

    def list_used(self, place: ChatPlace, offset: int, limit: int) -> list[Session]:
        """Return the place's used sessions, the most recently used first."""
        newest = SESSION.select().where(self._used_sessions(place))
        newest = newest.order_by(SESSION.last_used_at.desc(), SESSION.id.desc())
        rows = self.db.rows(newest.limit(limit).offset(offset))
        return [self._session(row) for row in rows]

    def count(self, place: ChatPlace) -> int:
        """Return the number of the place's used sessions."""
        return self.db.count(SESSION, self._used_sessions(place))

    def find(self, place: ChatPlace, session_id: int) -> Session | None:
        """Return one of the place's sessions, None if it is not theirs."""
        is_emptied = (SESSION.is_open == 0) & (SESSION.last_used_at == "")
        is_this = self._at(place) & (SESSION.id == session_id)
        row = self.db.row(SESSION.select().where(is_this & ~is_emptied))
        return None if row is None else self._session(row)

    @transaction
    def switch(self, place: ChatPlace, session_id: int) -> Session | None:
        """Open this session in place of the open one; None if it is not theirs."""
        found = self.find(place, session_id)
        if found is None:
            return None
        self._close(place)
        self.db.update(SESSION, self._at(place) & (SESSION.id == session_id), is_open=1)
        return replace(found, is_open=True)

    @transaction
    def delete(self, place: ChatPlace, session_id: int) -> None:
        """Delete a session of the place, if it has it."""
        if self.find(place, session_id) is not None:
            delete_session(self.db, session_id)

    def _add(self, session: Session) -> Session:
        new = _SESSIONS.write(
            session, self.db, but=("session_id", "is_open", "last_used_at")
        )
        new |= {"bot_id": self._bot_id, "is_open": 1, "last_used_at": ""}
        new["created_at"] = iso(self._clock())
        return replace(session, session_id=self.db.add(SESSION, new), is_open=True)

    def _close(self, place: ChatPlace) -> None:
        self.db.update(SESSION, self._at(place), is_open=0)

    def _at(self, place: ChatPlace) -> Any:
        return self._match(SESSION, chat_id=place.chat_id, thread_id=place.thread_id)

    def _used_sessions(self, place: ChatPlace) -> Any:
        return self._at(place) & (SESSION.last_used_at != "")

    def _session(self, row: Row) -> Session:
        last_used_at = from_iso(row.last_used_at) if row.last_used_at else None
        return _SESSIONS.read(row, self.db, last_used_at=last_used_at)


MAX_TURNS = 400
# The minimum of all models in use; the default if nothing is known.
CAUTIOUS_TOKENS = 8192
WARN_SHARE = 0.8
# The rest is reserved for the answer.
FULL_SHARE = 0.9
# Measured on Russian text with o200k_base: 6.6 bytes a token; four is a safe estimate.
BYTES_PER_TOKEN = 4
_FRAME_TOKENS = 4
# Of the largest picture, as gpt-4o counts it: 85, and 170 for each of eight tiles.
_IMAGE_TOKENS = 1445
# The number that servers name as the limit, after the words that announce it.
_LIMIT = re.compile(
    r"(?:n_ctx|\bcontext\b|maximum|limit|allowed|at most|only|with|less than|<=|> )"
    r"(?:(?!n_keep)\D){0,50}?\b(\d{1,3}(?:,\d{3})+|\d{3,8})\b"
)


@dataclass(frozen=True, slots=True)
class WindowCounter:
    """How many tokens of a window are used."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        """Return the used share, 0 to 1 and above."""
        return self.used / self.limit if self.limit else 1.0

    @property
    def is_near(self) -> bool:
        """Return whether the window is nearly full, or full."""
        return self.share >= WARN_SHARE

    @property
    def is_full(self) -> bool:
        """Return whether no space is left for an answer."""
        return self.share >= FULL_SHARE


def estimate_tokens(message: Message) -> int:
    """Return an estimate of the tokens of a message, rather too many than too few."""
    text_tokens = len(message.content.encode()) // BYTES_PER_TOKEN
    return _FRAME_TOKENS + text_tokens + _IMAGE_TOKENS * len(message.images)


def count_window_tokens(messages: Iterable[Message]) -> int:
    """Return an estimate of the tokens of several messages."""
    return sum(map(estimate_tokens, messages))


def fits_window(messages: Iterable[Message], limit_tokens: int) -> bool:
    """Return whether these messages leave space for an answer."""
    return count_window_tokens(messages) <= limit_tokens * FULL_SHARE


def limit_from_refusal(reason: str, messages: Sequence[Message]) -> int:
    """Return the limit stated in a provider's refusal, else less than the number of tokens sent.

    Many name first what was sent; tests/support/long_conversations.py has their words.
    """
    if found := _LIMIT.search(reason):
        return int(found[1].replace(",", ""))
    return max(1, count_window_tokens(messages) * 3 // 4)


# Values of a session's `preset`; answers under VOICE are transcribed and summarised.
VOICE = "voice"
TRANSLATOR = "translator"
BUILT_IN = (TRANSLATOR, "summary", VOICE)

PROMPT_LENGTH = 4000
PAIR_LENGTH = 60


def built_in_prompt(language: str, name: str, pair: str = "") -> str:
    """Return the system text of a built-in preset; `pair` are the translator's languages."""
    if name == TRANSLATOR:
        return text(language, "preset-prompt-translator", pair=pair)
    return text(language, f"preset-prompt-{name}")
