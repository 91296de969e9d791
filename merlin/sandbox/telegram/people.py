"""The people of the stand-in and its bot, as Telegram describes users and chats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

BOT_ID = 8700000001
BOT_NAME = "merlin_stand_in_bot"
# A token must look like one, so that whatever hides tokens in logs hides this one too.
TOKEN = f"{BOT_ID}:AA-the-token-of-the-stand-in-bot-1"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes to the bot; `name` is how tests and the page call them."""

    person_id: int
    name: str
    first_name: str
    language_code: str = "ru"

    @property
    def chat_id(self) -> int:
        """Return the id of their private chat with the bot."""
        return self.person_id

    def as_user(self) -> dict[str, Any]:
        """Return the User object."""
        return {
            "id": self.person_id,
            "is_bot": False,
            "first_name": self.first_name,
            "username": self.name,
            "language_code": self.language_code,
        }

    def as_chat(self) -> dict[str, Any]:
        """Return the Chat object of their private chat with the bot."""
        return {
            "id": self.person_id,
            "type": "private",
            "first_name": self.first_name,
            "username": self.name,
        }


ANNA = Person(1001, "anna", "Анна")
BORIS = Person(1002, "boris", "Борис")
VERA = Person(1003, "vera", "Вера")
PEOPLE = (ANNA, BORIS, VERA)
_ENGLISH_NAMES = {"anna": "Anna", "boris": "Boris", "vera": "Vera"}


def people_of(language: str) -> tuple[Person, ...]:
    """Return the three as people whose Telegram speaks a language."""
    if language == "ru":
        return PEOPLE
    return tuple(
        replace(each, first_name=_ENGLISH_NAMES[each.name], language_code=language)
        for each in PEOPLE
    )


def stranger(person_id: int) -> Person:
    """Return somebody beyond the three, who speaks English; for tests that need a crowd."""
    return Person(person_id, f"person{person_id}", f"N{person_id}", "en")


def bot_user() -> dict[str, Any]:
    """Return the bot as messages name it."""
    return {"id": BOT_ID, "is_bot": True, "first_name": "Merlin", "username": BOT_NAME}


def bot_profile(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what getMe says of the bot; `settings` are what its owner switched on."""
    return {
        **bot_user(),
        "can_join_groups": True,
        "can_read_all_group_messages": bool(settings.get("reads_all")),
        "supports_inline_queries": True,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": bool(settings.get("has_topics")),
        "allows_users_to_create_topics": bool(settings.get("has_topics")),
    }
