"""What people do: write, send files, press keys, pay, correct themselves, block the bot."""

from __future__ import annotations

import secrets
import time
from typing import Any

from merlin.core.errors import NotFound, Refused
from merlin.core.utf16 import units
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.entities import TEXT_UNITS, commands
from merlin.sandbox.telegram.files import as_media, keep_file
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.markup import find_button
from merlin.sandbox.telegram.people import Person, bot_user
from merlin.sandbox.telegram.world import World


class Acting:
    """The people's side of the world; every act returns the update_id it led to."""

    def __init__(self, world: World) -> None:
        self._world = world

    def person(self, who: str | int) -> Person:
        """Return the person of this name or id. Raises NotFound."""
        try:
            return self._world.person(who)
        except KeyError:
            raise NotFound(f"nobody is called {who}") from None

    def say(self, who: str | int, text: str, reply_to: int = 0) -> int:
        """Write to the bot; commands are marked as a client marks them."""
        if not text.strip() or units(text) > TEXT_UNITS:
            raise Refused("a message has 1 to 4096 characters")
        marked = commands(text)
        content: dict[str, Any] = {"text": text, **({"entities": marked} if marked else {})}
        if reply_to:
            quoted = dict(self._message(self.person(who), reply_to).message)
            quoted.pop("reply_to_message", None)
            content["reply_to_message"] = quoted
        return self._send(self.person(who), content)

    def send_file(
        self, who: str | int, kind: str, upload: Upload, caption: str = "", seconds: int = 0
    ) -> int:
        """Send a document, photo or voice; `seconds` is how long a voice lasts."""
        person = self.person(who)
        if kind not in {"document", "photo", "voice"}:
            raise Refused(f"people send no {kind} here")
        media = as_media(keep_file(self._world, kind, upload), kind, seconds=seconds)
        return self._send(person, {**media, **({"caption": caption} if caption else {})})

    def edit(self, who: str | int, message_id: int, text: str) -> int:
        """Correct an own text message."""
        old = self._message(self.person(who), message_id)
        if old.by_bot or "text" not in old.message:
            raise Refused("people edit their own texts")
        new = {**old.message, "text": text, "edit_date": int(time.time())}
        new.pop("entities", None)
        if commands(text):
            new["entities"] = commands(text)
        self._world.add_edit(new)
        return self._world.add_update("edited_message", new)

    def press(
        self, who: str | int, wanted: str, message_id: int = 0, *, forged: bool = False
    ) -> int:
        """Press the key with this data or label, of one message or of the newest that has it.

        `forged` sends the data as it is, key or no key, as a hostile client can.
        """
        person = self.person(who)
        logged, button = self._key(person, wanted, message_id, forged=forged)
        if button.get("pay"):
            return self._checkout(person, logged)
        if "callback_data" not in button:
            raise Refused("this key calls nothing at the bot")
        query = {
            "id": str(secrets.randbits(62)),
            "from": person.as_user(),
            "message": logged.message,
            "chat_instance": str(person.person_id * 7919),
            "data": button["callback_data"],
        }
        return self._world.add_update("callback_query", query)

    def block(self, who: str | int, *, blocked: bool = True) -> int:
        """Block the bot, or let it write again."""
        person = self.person(who)
        self._world.record("block", person_id=person.person_id, blocked=blocked)
        words = ("member", "kicked") if blocked else ("kicked", "member")
        old, new = ({"user": bot_user(), "status": word, "until_date": 0} for word in words)
        change = {
            "chat": person.as_chat(),
            "from": person.as_user(),
            "date": int(time.time()),
            "old_chat_member": old,
            "new_chat_member": new,
        }
        return self._world.add_update("my_chat_member", change)

    def _send(self, person: Person, content: dict[str, Any]) -> int:
        message = self._world.new_message(person, person.as_user(), **content)
        self._world.add_message(message)
        return self._world.add_update("message", message)

    def _message(self, person: Person, message_id: int) -> LoggedMessage:
        logged = self._world.messages.get(person.person_id, {}).get(message_id)
        if logged is None or logged.deleted_at:
            raise NotFound(f"no message {message_id} in this chat")
        return logged

    def _key(
        self, person: Person, wanted: str, message_id: int, *, forged: bool
    ) -> tuple[LoggedMessage, dict[str, Any]]:
        chat = self._world.messages.get(person.person_id, {})
        standing = [self._message(person, message_id)] if message_id else list(chat.values())[::-1]
        for logged in standing:
            button = find_button(logged.message.get("reply_markup"), wanted)
            if button and not logged.deleted_at:
                return logged, button
        if forged and standing:
            return standing[0], {"callback_data": wanted}
        raise NotFound(f"no key {wanted}")

    def _checkout(self, person: Person, logged: LoggedMessage) -> int:
        invoice = logged.message["invoice"]
        query = {
            "id": str(secrets.randbits(62)),
            "from": person.as_user(),
            "currency": invoice["currency"],
            "total_amount": invoice["total_amount"],
            "invoice_payload": self._world.settings[f"payload:{logged.message_id}"],
        }
        return self._world.add_update("pre_checkout_query", query)
