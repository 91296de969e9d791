"""What the page and checkers look at: a chat's log, everybody's chats, menus of commands."""

from __future__ import annotations

from typing import Any

from merlin.sandbox.telegram.acting import Acting
from merlin.sandbox.telegram.groups import PRESENT, Chat, Group
from merlin.sandbox.telegram.menus import menu_for
from merlin.sandbox.telegram.people import PEOPLE, Person
from merlin.sandbox.telegram.stars import balance
from merlin.sandbox.telegram.threads import has_topics
from merlin.sandbox.telegram.world import World


class Views:
    """Reads the world, changes nothing."""

    def __init__(self, world: World, acting: Acting) -> None:
        self._world = world
        self._acting = acting

    async def log(self, name: str) -> dict[str, Any]:
        """Return a chat's messages with their past, and the bot's calls for it. Raises NotFound."""
        chat = self._acting.chat(name)
        about = str(chat.chat_id)
        calls = [
            {"at": call.at, "method": call.method, "status": call.status, "said": call.description}
            for call in self._world.calls
            if str(call.arguments.get("chat_id")) == about
        ]
        messages = self._world.messages.get(chat.chat_id, {}).values()
        return {"messages": [one.as_json() for one in messages], "calls": calls}

    async def chats(self) -> dict[str, list[dict[str, Any]]]:
        """Return the chats of each of the three by name: the one with the bot, then groups."""
        return {person.name: self._of(person) for person in PEOPLE}

    def _of(self, person: Person) -> list[dict[str, Any]]:
        groups: list[Chat] = [
            group
            for group in self._world.groups.values()
            if group.status(person.person_id) in PRESENT and not group.moved_to
        ]
        return [self._shown(person, chat) for chat in [person, *groups]]

    def _shown(self, person: Person, chat: Chat) -> dict[str, Any]:
        place = f"{person.name}@{chat.name}" if isinstance(chat, Group) else person.name
        topics = self._world.topics.get(chat.chat_id, {}).values()
        return {
            "chat_id": chat.chat_id,
            "person_id": person.person_id,
            "person": place,
            "title": chat.title if isinstance(chat, Group) else "Merlin",
            "has_topics": has_topics(self._world, chat),
            "topics": [one for one in topics if not one.get("deleted")],
        }

    async def inline(self, who: str, query: str) -> dict[str, Any]:
        """Return the results that stand under the field for an inline query; none at first."""
        answer = self._acting.inline_answer(who, query)
        return {
            "results": answer.results if answer else [],
            "next_offset": answer.next_offset if answer else "",
        }

    async def wallet(self, who: str) -> dict[str, Any]:
        """Return the Stars of a person, and what they pay for every month. Raises NotFound."""
        person_id = self._acting.person(who).person_id
        mine = [
            {"charge": charge, **one}
            for charge, one in self._world.subscriptions.items()
            if one["person_id"] == person_id
        ]
        return {"stars": balance(self._world, person_id), "subscriptions": mine}

    async def invoice(self, slug: str) -> dict[str, Any]:
        """Return what an invoice behind a link asks for; nothing for an unknown one."""
        found = self._world.invoices.get(slug, {})
        shown = ("title", "description", "total_amount", "period")
        return {name: found[name] for name in shown if name in found}

    async def menu(self, who: str) -> list[dict[str, Any]]:
        """Return the commands that a client offers in a place. Raises NotFound."""
        place = self._acting.place(who)
        return menu_for(self._world, place.person, place.chat)
