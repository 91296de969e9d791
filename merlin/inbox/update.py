"""Update: one incoming Telegram event, kept from before it is confirmed until it is dealt with.

    waiting -> answered | refused | failed

The last three are final; `failed` always means that the person was told, or cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from merlin.inbox.owner import Owner


class UpdateState(StrEnum):
    """How far an update has come; the values are what the database stores."""

    WAITING = "waiting"
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


# Kinds of events that carry a chat, by the names Telegram gives them.
_WITH_CHAT = (
    "message",
    "edited_message",
    "my_chat_member",
    "channel_post",
    "edited_channel_post",
    "message_reaction",
)


@dataclass(frozen=True, slots=True)
class Update:
    """One event; `body` is all of it as Telegram sent it, `kind` the name of its one field.

    `chat_id` is the chat whose order it belongs to (the person's own where it has none).
    """

    update_id: int
    kind: str
    chat_id: int
    user_id: int
    language_code: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one update; `reason` is a short word for the records."""

    update_id: int
    state: UpdateState
    reason: str = ""


class Inbox(Protocol):
    """Where updates are kept, of one bot; each method is one transaction."""

    def store(self, updates: Sequence[Update], owner: Owner | None) -> list[Update]:
        """Store the updates not stored before; return those of them whose chats `owner` now holds.

        Without an owner nothing is held and nothing returned: whoever serves the bot is woken.
        """

    def claim(self, owner: Owner, limit: int) -> list[Update]:
        """Take hold of chats with waiting updates that nobody alive holds; return these updates.

        At most `limit` chats; per chat in the order they came, all of them.
        """

    def arrived(self, owner: Owner, in_hand: Set[int], limit: int) -> list[Update]:
        """Return what waits in chats that `owner` holds and is not among those in its hand.

        Another process stored it: the api, or the bot that polls. At most `limit`, in order.
        """

    def finish(self, owner: Owner, chat_id: int, outcomes: Sequence[Outcome]) -> None:
        """Store final states and forget the bodies of updates of one chat; a final state stays.

        Lets go of the chat when nothing waits in it any more.
        """

    def renew(self, owner: Owner) -> None:
        """Prolong every lease of this owner."""

    def release(self, owner: Owner) -> None:
        """Let go of every chat."""

    def waiting(self) -> int:
        """Return how many updates are in no final state."""


def read_update(raw: object) -> Update:
    """Return the update in one JSON object of Telegram's.

    A kind of event that we never heard of is kept too. Raises ValueError for anything but an
    object with an `update_id`.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("update_id"), int):
        raise ValueError("an update is an object with an integer update_id")  # noqa: TRY004 - one error type
    update_id: int = raw["update_id"]
    kind = next((name for name in raw if name != "update_id"), "")
    event = raw.get(kind)
    event = event if isinstance(event, Mapping) else {}
    # A reaction names its sender differently.
    sender = _object(event, "from") or _object(event, "user")
    user_id = _integer(sender, "id")
    code = sender.get("language_code")
    chat_id = _chat_of(kind, event) or user_id
    return Update(update_id, kind, chat_id, user_id, code if isinstance(code, str) else "", raw)


def _chat_of(kind: str, event: Mapping[str, Any]) -> int:
    within = event if kind in _WITH_CHAT else _object(event, "message")
    return _integer(_object(within, "chat"), "id")


def _object(within: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = within.get(name)
    return found if isinstance(found, Mapping) else {}


def _integer(within: Mapping[str, Any], name: str) -> int:
    found = within.get(name)
    return found if isinstance(found, int) else 0
