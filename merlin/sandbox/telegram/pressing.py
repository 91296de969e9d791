"""What people press: keys, reactions, inline results, the bot's block."""

from __future__ import annotations

import secrets
import time
from typing import Any

from merlin.core.errors import NotFound, Refused
from merlin.sandbox.telegram.chat_member import member
from merlin.sandbox.telegram.groups import LEADING, Group
from merlin.sandbox.telegram.inline import InlineAnswer, kept_answer
from merlin.sandbox.telegram.logged import LoggedMessage
from merlin.sandbox.telegram.markup import find_button
from merlin.sandbox.telegram.paying import Paying
from merlin.sandbox.telegram.people import BOT_ID, bot_user
from merlin.sandbox.telegram.presence import Place


class Pressing(Paying):
    """People's keys."""

    def press(
        self, who: str | int, wanted: str, message_id: int = 0, *, forged: bool = False
    ) -> int:
        """Press the key with this data or label, of one message or of the newest that has it.

        `forged` sends the data as it is, key or no key, as a hostile client can.
        """
        place = self.place(who)
        logged, button = self._key(place, wanted, message_id, forged=forged)
        if button.get("pay"):
            return self.pay_message(place.person, logged)
        if "callback_data" not in button:
            raise Refused("this key calls nothing at the bot")
        query = {
            "id": str(secrets.randbits(62)),
            "from": place.person.as_user(),
            **self._pressed(logged),
            "chat_instance": str(place.chat.chat_id * 7919),
            "data": button["callback_data"],
        }
        return self._world.add_update("callback_query", query)

    def _pressed(self, logged: LoggedMessage) -> dict[str, Any]:
        where = (logged.message["chat"]["id"], logged.message_id)
        for inline_id, at in self._world.inline_messages.items():
            if at == where:
                return {"inline_message_id": inline_id}
        return {"message": logged.message}

    def _key(
        self, place: Place, wanted: str, message_id: int, *, forged: bool
    ) -> tuple[LoggedMessage, dict[str, Any]]:
        chat = self._world.messages.get(place.chat.chat_id, {})
        newest = list(chat.values())[::-1]
        standing = [self.message(place.chat, message_id)] if message_id else newest
        for logged in standing:
            button = find_button(logged.message.get("reply_markup"), wanted)
            if button and not logged.deleted_at:
                return logged, button
        if forged and standing:
            return standing[0], {"callback_data": wanted}
        raise NotFound(f"no key {wanted}")

    def react(self, who: str | int, message_id: int, emoji: str) -> int:
        """Put a reaction under a message, "" takes it away; groups tell their administrators."""
        place = self.place(who)
        logged = self.message(place.chat, message_id)
        person_id, chat_id = place.person.person_id, place.chat.chat_id
        words = (logged.reactions.get(person_id, ""), emoji)
        self._world.record(
            "reaction", chat_id=chat_id, message_id=message_id, emoji=emoji, person_id=person_id
        )
        if isinstance(place.chat, Group) and place.chat.status(BOT_ID) not in LEADING:
            return 0
        old, new = ([{"type": "emoji", "emoji": one}] if one else [] for one in words)
        told = {
            "chat": place.chat.as_chat(),
            "message_id": message_id,
            "user": place.person.as_user(),
            "date": int(time.time()),
            "old_reaction": old,
            "new_reaction": new,
        }
        return self._world.add_update("message_reaction", told)

    def block(self, who: str | int, *, blocked: bool = True) -> int:
        """Block the bot, or let it write again."""
        person = self.person(who)
        self._world.record("block", person_id=person.person_id, blocked=blocked)
        words = ("member", "kicked") if blocked else ("kicked", "member")
        change = {
            "chat": person.as_chat(),
            "from": person.as_user(),
            "date": int(time.time()),
            "old_chat_member": member(bot_user(), words[0]),
            "new_chat_member": member(bot_user(), words[1]),
        }
        return self._world.add_update("my_chat_member", change)

    def ask_inline(self, who: str | int, query: str, offset: str = "") -> int:
        """Type `@bot query` in any chat; 0 when Telegram shows an answer that it kept."""
        place = self.place(who)
        if kept_answer(self._world, place.person.person_id, query, offset):
            return 0
        told = {
            "id": str(secrets.randbits(62)),
            "from": place.person.as_user(),
            "query": query,
            "offset": offset,
            "chat_type": place.chat.as_chat()["type"] if place.chat != place.person else "sender",
        }
        return self._world.add_update("inline_query", told)

    def inline_answer(self, who: str | int, query: str, offset: str = "") -> InlineAnswer | None:
        """Return what stands under the field for `@bot query`, None while nothing does."""
        return kept_answer(self._world, self.person(who).person_id, query, offset)

    def choose(self, who: str | int, query: str, result_id: str) -> int:
        """Send the result of this id of the newest answer to `query`.

        The bot gets chosen_inline_result where its owner switched inline feedback on.
        """
        place = self.place(who)
        result = self._result(place, query, result_id)
        message: dict[str, Any] = result["message"]
        update_id = self.send(place, {"via_bot": bot_user(), **message})
        told: dict[str, Any] = {
            "result_id": result_id,
            "from": place.person.as_user(),
            "query": query,
        }
        if "reply_markup" in message:
            inline_id = secrets.token_urlsafe(20)
            message_id = max(self._world.messages[place.chat.chat_id])
            where = {"chat_id": place.chat.chat_id, "message_id": message_id}
            self._world.record("inline_message", inline_message_id=inline_id, **where)
            told["inline_message_id"] = inline_id
        if self._world.settings.get("inline_feedback"):
            return self._world.add_update("chosen_inline_result", told)
        return update_id

    def _result(self, place: Place, query: str, result_id: str) -> dict[str, Any]:
        for answer in reversed(self._world.inline_answers.values()):
            if answer.person_id == place.person.person_id or not answer.is_personal:
                for result in answer.results:
                    if answer.query == query and result["id"] == result_id:
                        return dict(result)
        raise NotFound(f"no result {result_id} for {query}")
