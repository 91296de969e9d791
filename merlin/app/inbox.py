"""Updates from Telegram: stored first, claimed by a lease per chat, then finished; dialogs.

    waiting -> answered | refused | failed

A dialog is a question of the bot that awaits a person's reply; it survives restarts. The last
three states are final; `failed` means that the person was notified or cannot be reached.

A lease lasts `LEASE_S` and is renewed well before. The lease of a dead process on the same host
is void at once: process ids are compared with the start time, so a reused id is recognised.
"""

import json
import os
import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

from peewee import SQL, fn

from merlin.chat.turns import UpdateState
from merlin.core.clock import SKEW, from_iso, iso
from merlin.core.json_fields import get_integer, get_object, get_text
from merlin.db.database import (
    BotRepository,
    transaction,
)
from merlin.db.tables import DIALOG, LEASE, TELEGRAM_UPDATE
from merlin.db.values import decrypt, dump_json, load_json, read_row, storable_text

# After this time a message is a new question, not the reply to a dialog.
DIALOG_LIFETIME = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Dialog:
    """The step that the next message belongs to, and the replies so far (JSON values).

    `asked_by` is the update that opened it in the topic `thread_id`, `asked_at` when it was stored.
    """

    step: str
    replies: Mapping[str, Any] = field(default_factory=dict)
    asked_by: int = 0
    asked_at: datetime | None = None
    thread_id: int = 0

    def awaits(self, update_id: int, now: datetime) -> bool:
        """Return whether the text of this update is the reply.

        It is not if it was sent before the dialog was opened, or long after.
        """
        return update_id > self.asked_by and not self.is_forgotten(now)

    def is_forgotten(self, now: datetime) -> bool:
        """Return whether it was opened too long ago to wait for a reply."""
        return self.asked_at is not None and now - self.asked_at > DIALOG_LIFETIME

    @property
    def has_text(self) -> bool:
        """Return whether it holds a text that the user has not sent or saved yet."""
        draft = {**self.replies.get("draft", {}), "dataset": ""}
        return bool(self.replies.get("words")) or any(draft.values())


# Keys within the encrypted value: the replies, the update that opened the dialog, and its topic.
_SAID = "said"
_BY = "by"
_THREAD = "thread"
# Runs for every message: peewee takes 0.3 ms to build it.
_FIND = """
SELECT step, said, at FROM dialog
WHERE bot_id = :bot_id AND chat_id = :chat_id AND user_id = :user_id
"""


class Dialogs(BotRepository):
    """The open dialogs of one bot."""

    def get(self, chat_id: int, user_id: int) -> Dialog | None:
        """Return the open dialog, None if there is none."""
        rows = self.db.sql(_FIND, bot_id=self._bot_id, chat_id=chat_id, user_id=user_id)
        stored = decrypt(self.db.cipher, rows[0].said) if rows else None
        if stored is None:
            return None
        row = rows[0]
        kept = json.loads(stored)
        at = from_iso(row.at)
        thread_id = kept.get(_THREAD, 0)
        return Dialog(row.step, kept[_SAID], kept[_BY], at, thread_id)

    @transaction
    def put(self, chat_id: int, user_id: int, dialog: Dialog) -> None:
        """Open this dialog in place of any other."""
        kept = {_SAID: dict(dialog.replies), _BY: dialog.asked_by}
        if dialog.thread_id:
            kept[_THREAD] = dialog.thread_id
        newest = {
            "step": dialog.step,
            "said": self.db.cipher.seal(json.dumps(kept, ensure_ascii=False)),
            "at": iso(self._clock()),
        }
        key = {"bot_id": self._bot_id, "chat_id": chat_id, "user_id": user_id}
        self.db.upsert(DIALOG, key, newest)

    @transaction
    def end(self, chat_id: int, user_id: int) -> bool:
        """Close the dialog; return whether one was open."""
        condition = self._match(DIALOG, chat_id=chat_id, user_id=user_id)
        return self.db.delete(DIALOG, condition) > 0


LEASE_S = 10.0
RENEW_S = 3.0
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Owner:
    """One process: host (with its pid namespace), boot id, pid and start time in ticks."""

    host: str
    boot: str
    pid: int
    started: int

    def __str__(self) -> str:
        return "|".join((self.host, self.boot, str(self.pid), str(self.started)))

    def is_dead(self, word: str) -> bool:
        """Return whether the owner named by `word` is certainly dead, as seen from here.

        Processes of other hosts are unknown; an unreadable name is not considered dead.
        """
        match word.split("|"):
            case [self.host, boot, pid, started] if (
                pid.isdecimal() and started.isdecimal()
            ):
                return boot != self.boot or _start_of(int(pid)) != int(started)
            case _:
                return False


def read_owner() -> Owner:
    """Return this process as an owner."""
    pid = os.getpid()
    try:
        # Containers may share a host name but not their process ids.
        namespace = Path.readlink(_PROC / "self/ns/pid").name
    except OSError:
        namespace = ""
    host = f"{socket.gethostname()}/{namespace}".replace("|", "-")
    boot = _read(_PROC / "sys/kernel/random/boot_id").strip()
    return Owner(host, boot, pid, _start_of(pid))


def _start_of(pid: int) -> int:
    """Return when a process started, in ticks since boot; 0 if it does not exist.

    Source: proc(5), /proc/[pid]/stat, field 22; the name in field 2 may contain spaces. A zombie
    (state Z, X) counts as dead.
    """
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in {"Z", "X"}:  # noqa: PLR2004 - place of field 22
        return 0
    return int(fields[19])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


# The Stop button of a draft was pressed.
STOPPED = "stopped_message_generation"
# Telegram's names of the update kinds with a chat that the bot asks for.
_WITH_CHAT = ("message", "my_chat_member", STOPPED)


@dataclass(frozen=True, slots=True)
class Update:
    """One update; `body` is the whole update as Telegram sent it, `kind` the name of its payload.

    `chat_id` is the chat whose order it belongs to (the person's own if it has none).
    """

    update_id: int
    kind: str
    chat_id: int
    user_id: int
    language_code: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> Mapping[str, Any]:
        """Return the payload, as Telegram sent it."""
        return get_object(self.body, self.kind)


def read_update(raw: object) -> Update:
    """Return the update in one JSON object of Telegram's.

    Unknown kinds of updates are kept too; where none is named, the sender is the private chat's
    person. Raises ValueError for anything but an object with an `update_id`.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("update_id"), int):
        raise ValueError("an update is an object with an integer update_id")  # noqa: TRY004 - one error type
    update_id: int = raw["update_id"]
    kind = next((name for name in raw if name != "update_id"), "")
    event = get_object(raw, kind)
    sender = get_object(event, "from") or get_object(event, "user")
    user_id = get_integer(sender, "id")
    within = event if kind in _WITH_CHAT else get_object(event, "message")
    chat_id = get_integer(get_object(within, "chat"), "id") or user_id
    language_code = get_text(sender, "language_code")
    return Update(
        update_id, kind, chat_id, user_id or max(chat_id, 0), language_code, raw
    )


# These run for every update, or every second: peewee takes 0.2 to 0.4 ms to build one.
_ADD = """
INSERT INTO telegram_update (
    bot_id, update_id, kind, chat_id, user_id, language_code, body, state, reason, received_at
) VALUES (
    :bot_id, :update_id, :kind, :chat_id, :user_id, :language_code, :body, 'waiting', '', :now
) ON CONFLICT DO NOTHING
"""
# One that would end after `latest` is of before the clock was set back (`core.clock.is_waiting`).
_TAKE = """
INSERT INTO chat_lease (bot_id, chat_id, owner, until)
VALUES (:bot_id, :chat_id, :owner, :until)
ON CONFLICT (bot_id, chat_id) DO UPDATE SET owner = excluded.owner, until = excluded.until
WHERE chat_lease.owner IN ('', excluded.owner)
    OR chat_lease.until NOT BETWEEN :now AND :latest
"""
_END = """
UPDATE telegram_update SET state = :state, reason = :reason, body = '', finished_at = :now
WHERE bot_id = :bot_id AND update_id = :update_id AND state = 'waiting'
"""
_RELEASE = """
UPDATE chat_lease SET owner = ''
WHERE bot_id = :bot_id AND chat_id = :chat_id AND owner = :owner AND NOT EXISTS (
    SELECT 1 FROM telegram_update AS unfinished
    WHERE unfinished.bot_id = :bot_id AND unfinished.chat_id = :chat_id
        AND unfinished.state = 'waiting'
)
"""
# `owner > ''` is in the words of its index: a lease stays for every chat that ever wrote, few are
# held. Not in order: to spare itself the sorting, SQLite would read every update by theirs.
_WAITING_IN_LEASED = """
SELECT update_id FROM telegram_update
WHERE bot_id = :bot_id AND state = 'waiting' AND chat_id IN (
    SELECT chat_id FROM chat_lease WHERE bot_id = :bot_id AND owner = :owner AND owner > ''
)
"""
_LEASES = """
SELECT chat_id, owner FROM chat_lease
WHERE bot_id = :bot_id AND owner > '' AND until BETWEEN :now AND :latest
"""
_WAITING_CHATS = """
SELECT DISTINCT chat_id FROM telegram_update
WHERE bot_id = :bot_id AND state = 'waiting' ORDER BY chat_id
"""
_IS_HELD = SQL("owner > ''")


class Inbox(BotRepository):
    """The updates of one bot; their bodies are encrypted, and deleted when they are finished."""

    @transaction
    def store(self, updates: Sequence[Update], owner: Owner | None) -> list[Update]:
        """Store new updates; return those whose chats `owner` holds."""
        fresh = [update for update in updates if self._put(update)]
        if owner is None:
            if fresh:
                self.db.announce_change()
            return []
        held = self._hold_in_order(fresh, owner)
        return [update for update in fresh if update.chat_id in held]

    def _hold_in_order(self, fresh: Sequence[Update], owner: Owner) -> set[int]:
        """Lease the chats of new updates; return those that are held.

        A chat with older waiting updates that is not ours is left to `claim`, which returns them
        all in order.
        """
        count = Counter(update.chat_id for update in fresh)
        if not count:
            return set()
        waiting = self._match(TELEGRAM_UPDATE, state=UpdateState.WAITING.value)
        query = TELEGRAM_UPDATE.select(
            TELEGRAM_UPDATE.chat_id, fn.COUNT(TELEGRAM_UPDATE.id)
        )
        query = query.where(waiting & TELEGRAM_UPDATE.chat_id.in_([*count])).group_by(
            TELEGRAM_UPDATE.chat_id
        )
        left = {
            chat_id
            for chat_id, number in self.db.rows(query)
            if number > count[chat_id]
        }
        if left:
            held = self._match(LEASE, owner=str(owner)) & LEASE.chat_id.in_([*left])
            left -= {row.chat_id for row in self.db.rows(LEASE.select().where(held))}
        return {chat for chat in count if chat not in left and self._hold(chat, owner)}

    def _put(self, update: Update) -> bool:
        stored = self.db.run(
            _ADD,
            bot_id=self._bot_id,
            update_id=update.update_id,
            kind=storable_text(update.kind),
            chat_id=update.chat_id,
            user_id=update.user_id,
            language_code=storable_text(update.language_code),
            body=self.db.cipher.seal(dump_json(dict(update.body))),
            now=iso(self._clock()),
        )
        return stored > 0

    def _hold(self, chat_id: int, owner: Owner) -> bool:
        """Lease a chat that is free, already ours, expired, or held by a dead process."""
        arguments = {"owner": str(owner), "until": self._get_lease_end()}
        if self.db.run(
            _TAKE,
            bot_id=self._bot_id,
            chat_id=chat_id,
            **self._get_running(),
            **arguments,
        ):
            return True
        condition = self._match(LEASE, chat_id=chat_id)
        holder = str(self.db.value(LEASE.select(LEASE.owner).where(condition)))
        if not owner.is_dead(holder):
            return False
        return self.db.update(LEASE, condition & (LEASE.owner == holder), **arguments)

    @transaction
    def claim(self, owner: Owner, limit: int) -> list[Update]:
        """Lease chats with waiting updates that no living process holds; return the updates."""
        chats = islice(self._open(owner), limit)
        held = [chat_id for chat_id in chats if self._hold(chat_id, owner)]
        if not held:
            return []
        return self._read_in_order(TELEGRAM_UPDATE.chat_id.in_(held))

    @transaction
    def list_arrived(self, owner: Owner, in_hand: Set[int], limit: int) -> list[Update]:
        """Return the waiting updates of the chats that `owner` holds, except those in progress."""
        rows = self.db.sql(_WAITING_IN_LEASED, bot_id=self._bot_id, owner=str(owner))
        fresh = sorted({row.update_id for row in rows} - in_hand)[:limit]
        return (
            self._read_in_order(TELEGRAM_UPDATE.update_id.in_(fresh)) if fresh else []
        )

    def _read_in_order(self, condition: Any) -> list[Update]:
        # In Telegram's order: webhooks of several apis may have stored them in another.
        waiting = (
            self._match(TELEGRAM_UPDATE, state=UpdateState.WAITING.value) & condition
        )
        rows = self.db.rows(TELEGRAM_UPDATE.select().where(waiting))
        found = []
        for row in sorted(rows, key=attrgetter("update_id")):
            # An update that cannot be decrypted has no body: its sender can still be notified.
            body = decrypt(self.db.cipher, row.body)
            found.append(read_row(Update, row, body=load_json(body) if body else {}))
        return found

    def _open(self, owner: Owner) -> Iterator[int]:
        """Yield the chats with waiting updates that no living process holds."""
        running = self.db.sql(_LEASES, bot_id=self._bot_id, **self._get_running())
        holders = {row.owner for row in running}
        dead = {holder for holder in holders if owner.is_dead(holder)}
        taken = {row.chat_id for row in running if row.owner not in dead}
        for row in self.db.sql(_WAITING_CHATS, bot_id=self._bot_id):
            if row.chat_id not in taken:
                yield row.chat_id

    @transaction
    def finish(
        self,
        owner: Owner,
        chat_id: int,
        update_ids: Iterable[int],
        state: UpdateState,
        reason: str = "",
    ) -> None:
        """Store a final state, delete the bodies, and release the chat if nothing waits in it.

        `reason` is a short code for the records.
        """
        for update_id in update_ids:
            self.db.run(
                _END,
                bot_id=self._bot_id,
                update_id=update_id,
                state=state.value,
                reason=reason,
                now=iso(self._clock()),
            )
        self.db.run(_RELEASE, bot_id=self._bot_id, chat_id=chat_id, owner=str(owner))

    @transaction
    def renew(self, owner: Owner) -> None:
        """Renew every lease of this owner."""
        condition = self._match(LEASE, owner=str(owner)) & _IS_HELD
        self.db.update(LEASE, condition, until=self._get_lease_end())

    @transaction
    def release(self, owner: Owner) -> None:
        """Release every chat of this owner."""
        if self.db.update(
            LEASE, self._match(LEASE, owner=str(owner)) & _IS_HELD, owner=""
        ):
            self.db.announce_change()

    def count_unfinished(self) -> int:
        """Return the number of unfinished updates."""
        waiting = self._match(TELEGRAM_UPDATE, state=UpdateState.WAITING.value)
        return self.db.count(TELEGRAM_UPDATE, waiting)

    def _get_running(self) -> dict[str, str]:
        """Return the ends of leases that run: from now to the longest."""
        now = self._clock()
        return {"now": iso(now), "latest": iso(now + timedelta(seconds=LEASE_S) + SKEW)}

    def _get_lease_end(self) -> str:
        return iso(self._clock() + timedelta(seconds=LEASE_S))
