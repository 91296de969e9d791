"""Groups of the stand-in: who is in them, as Telegram describes a group or supergroup.

A group's id is negative; a supergroup's begins with -100 and it counts its own messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from merlin.sandbox.telegram.people import ANNA, BORIS, BOT_ID, VERA, Person

SUPERGROUP_BASE = -1_000_000_000_000
# Who of these statuses can read and write.
PRESENT = frozenset({"creator", "administrator", "member"})
LEADING = frozenset({"creator", "administrator"})


@dataclass(frozen=True, slots=True)
class Group:
    """A group chat; `name` is how tests and the page call it.

    `members` are (user id, ChatMember status), the bot among them; `moved_to` is the supergroup
    that this group became (0: none).
    """

    group_id: int
    name: str
    title: str
    members: tuple[tuple[int, str], ...]
    kind: str = "group"
    is_forum: bool = False
    moved_to: int = 0

    @property
    def chat_id(self) -> int:
        """Return the chat's id."""
        return self.group_id

    def as_chat(self) -> dict[str, Any]:
        """Return the Chat object."""
        told: dict[str, Any] = {"id": self.group_id, "type": self.kind, "title": self.title}
        if self.is_forum:
            told["is_forum"] = True
        return told

    def status(self, user_id: int) -> str:
        """Return somebody's ChatMember status; who never came has left."""
        return dict(self.members).get(user_id, "left")

    def with_status(self, user_id: int, status: str) -> tuple[tuple[int, str], ...]:
        """Return the members after one of them changed."""
        return tuple({**dict(self.members), user_id: status}.items())


Chat = Person | Group


def group_from_json(raw: Mapping[str, Any]) -> Group:
    """Return the group that the journal kept."""
    members = tuple((int(user_id), str(status)) for user_id, status in raw["members"])
    return Group(**{**raw, "members": members})


_EVERYBODY = (
    (BORIS.person_id, "creator"),
    (VERA.person_id, "administrator"),
    (ANNA.person_id, "member"),
    (BOT_ID, "member"),
)
STUDY = Group(-4_000_000_001, "study", "Учебная группа", _EVERYBODY)
SEMINAR = Group(
    SUPERGROUP_BASE - 2_000_000_001,
    "seminar",
    "Семинар с темами",
    _EVERYBODY,
    kind="supergroup",
    is_forum=True,
)
GROUPS = (STUDY, SEMINAR)
_ENGLISH_TITLES = {"study": "Study group", "seminar": "Seminar with topics"}


def groups_of(language: str) -> tuple[Group, ...]:
    """Return the two groups as they are called in a language."""
    if language == "ru":
        return GROUPS
    return tuple(replace(each, title=_ENGLISH_TITLES[each.name]) for each in GROUPS)
