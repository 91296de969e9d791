"""What people write: texts, long pastes, corrections, forwards."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from merlin.core.errors import Refused
from merlin.core.utf16 import units
from merlin.sandbox.telegram.entities import TEXT_UNITS, typed
from merlin.sandbox.telegram.errors import BotApiError
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.people import BOT_ID, bot_user
from merlin.sandbox.telegram.presence import Place, Presence
from merlin.sandbox.telegram.sending import reply_fields

_CONTENT = (
    *("text", "entities", "caption", "caption_entities", "photo", "document", "voice"),
    *("video_note", "audio", "video"),
)


class Writing(Presence):
    """People's texts."""

    def say(self, who: str | int, text: str, *, reply_to: int = 0, quote: str = "") -> int:
        """Write; commands, mentions and links are marked. `quote` is a part of what is answered."""
        place = self.place(who)
        if not text.strip() or units(text) > TEXT_UNITS:
            raise Refused("a message has 1 to 4096 characters")
        marked = typed(text)
        content: dict[str, Any] = {"text": text, **({"entities": marked} if marked else {})}
        if not reply_to:
            return self.send(place, content)
        replied = self.message(place.chat, reply_to)
        try:
            content |= reply_fields(replied, quote)
        except BotApiError as error:
            raise Refused("the quote is not in the message") from error
        return self.send(place, content, replied)

    def start(self, who: str | int, payload: str = "") -> int:
        """Open the bot by a deep link, `t.me/<bot>?start=<payload>`, and press Start."""
        return self.say(who, f"/start {payload}".rstrip())

    def paste(self, who: str | int, text: str) -> list[int]:
        """Write a text of any length, which the client splits as clients do."""
        return [self.say(who, part) for part in parts(text)]

    def edit(self, who: str | int, message_id: int, text: str) -> int:
        """Correct an own text or caption."""
        place = self.place(who)
        old = self.message(place.chat, message_id)
        name = "text" if "text" in old.message else "caption"
        marks = "entities" if name == "text" else "caption_entities"
        if old.message["from"]["id"] != place.person.person_id or name not in old.message:
            raise Refused("people edit their own texts")
        new = {**old.message, name: text, "edit_date": int(time.time())}
        new.pop(marks, None)
        if marked := typed(text):
            new[marks] = marked
        self._world.add_edit(new)
        return self.tell("edited_message", new)

    def forward(
        self, who: str | int, message_ids: Sequence[int], from_chat: str | int = ""
    ) -> list[int]:
        """Forward messages of a chat (own with the bot by default), each as one of its own."""
        place = self.place(who)
        source = self.chat(from_chat) if from_chat else place.chat
        return [self._forward(place, self.message(source, one)) for one in message_ids]

    def _forward(self, place: Place, logged: LoggedMessage) -> int:
        origin = logged.message.get("forward_origin") or {
            "type": "user",
            "date": logged.message["date"],
            "sender_user": logged.message["from"],
        }
        content = {name: logged.message[name] for name in _CONTENT if name in logged.message}
        return self.send(place, {"forward_origin": origin, **content})

    def forward_words(self, who: str | int, said: Sequence[tuple[str, str]]) -> list[int]:
        """Forward a talk from elsewhere: (author, text), oldest first.

        The author is a person's name, `bot` for the bot, or the name that somebody goes by who
        hides the account.
        """
        place = self.place(who)
        return [self._forward_said(place, author, text) for author, text in said]

    def _forward_said(self, place: Place, author: str, text: str) -> int:
        origin: dict[str, Any] = {"date": int(time.time()) - 60, **self._author(author)}
        marked = typed(text)
        content = {"forward_origin": origin, "text": text}
        return self.send(place, {**content, **({"entities": marked} if marked else {})})

    def _author(self, author: str) -> dict[str, Any]:
        if author in {"bot", str(BOT_ID)}:
            return {"type": "user", "sender_user": bot_user()}
        try:
            return {"type": "user", "sender_user": self._world.person(author).as_user()}
        except KeyError:
            return {"type": "hidden_user", "sender_user_name": author}


def parts(text: str) -> list[str]:
    """Split a text as a client does: at most 4096 UTF-16 units, best at a line's end, at a space.

    Text of white space alone gives none.
    """
    found = []
    while text := text.strip():
        end = _whole(text)
        if end < len(text):
            half = end // 2
            line, space = text.rfind("\n", half, end), text.rfind(" ", half, end)
            end = next((place for place in (line, space) if place > 0), end)
        found.append(text[:end].rstrip())
        text = text[end:]
    return found


def _whole(text: str) -> int:
    """Return how many characters fit into one message."""
    end = min(len(text), TEXT_UNITS)
    while units(text[:end]) > TEXT_UNITS:
        end -= max((units(text[:end]) - TEXT_UNITS) // 2, 1)
    return end
