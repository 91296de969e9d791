"""Who acts, and where: the ground on which people's acts stand.

Whoever acts is named with the place: `anna` (the private chat with the bot), `anna@study` (a
group), `anna#12` or `anna@seminar#12` (a topic, by its message_thread_id).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merlin.core.errors import NotFound, Refused
from merlin.sandbox.telegram.groups import PRESENT, Chat, Group
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.people import Person
from merlin.sandbox.telegram.privacy import is_told
from merlin.sandbox.telegram.threads import thread_fields, topic_of
from merlin.sandbox.telegram.world import World


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody in a chat, in one of its topics or in none (0)."""

    person: Person
    chat: Chat
    thread: int = 0


class Presence:
    """Finding people, chats and messages; sending as somebody."""

    def __init__(self, world: World) -> None:
        self._world = world

    def person(self, who: str | int) -> Person:
        """Return the person of this name or id, wherever they are. Raises NotFound."""
        return self.place(who).person

    def group(self, name: str) -> Group:
        """Return the group of this name or id. Raises NotFound."""
        try:
            return self._world.group(name)
        except KeyError:
            raise NotFound(f"no group is called {name}") from None

    def place(self, who: str | int) -> Place:
        """Return who and where `who` names. Raises NotFound."""
        named, _, thread = str(who).partition("#")
        name, _, group = named.partition("@")
        try:
            person = self._world.person(name)
        except KeyError:
            raise NotFound(f"nobody is called {name}") from None
        chat: Chat = self.group(group) if group else person
        wanted = int(thread) if thread.isdecimal() else 0
        if thread and topic_of(self._world, chat, wanted) is None:
            raise NotFound(f"no topic {thread} in this chat")
        return Place(person, chat, wanted)

    def chat(self, name: str | int) -> Chat:
        """Return a chat by the name of its group or person, or by an id. Raises NotFound."""
        if isinstance(name, int) or name.removeprefix("-").isdecimal():
            found = self._world.chat(int(name))
            if found is not None:
                return found
        try:
            return self._world.group(str(name))
        except KeyError:
            return self.place(name).chat

    def message(self, chat: Chat, message_id: int) -> LoggedMessage:
        """Return a message that stands in a chat. Raises NotFound."""
        logged = self._world.messages.get(chat.chat_id, {}).get(message_id)
        if logged is None or logged.deleted_at:
            raise NotFound(f"no message {message_id} in this chat")
        return logged

    def send(
        self, place: Place, content: Mapping[str, Any], replied: LoggedMessage | None = None
    ) -> int:
        """Let somebody send a message; the bot is told of it as privacy mode allows."""
        group = place.chat if isinstance(place.chat, Group) else None
        if group and (group.moved_to or group.status(place.person.person_id) not in PRESENT):
            raise Refused(f"{place.person.name} is not in {group.name}")
        answered = replied.message if replied else None
        thread = thread_fields(self._world, place.chat, place.thread, answered)
        sender = place.person.as_user()
        message = self._world.new_message(place.chat, sender, **{**thread, **content})
        self._world.add_message(message)
        return self.tell("message", message)

    def tell(self, kind: str, message: Mapping[str, Any]) -> int:
        """Tell the bot of a message, new or edited, if it may know; return the update_id or 0."""
        return self._world.add_update(kind, message) if is_told(self._world, message) else 0
