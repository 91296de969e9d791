"""What people do: write, send files, pay, press buttons, use groups.

The acting person is given with the chat: `anna` (the private chat with the bot), `anna@study` (a
group), `anna#12` or `anna@study#12` (a topic, by its message_thread_id).
"""

import secrets
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import utf16_length, utf16_offsets
from merlin.sandbox.telegram.arguments import (
    TEXT_UNITS,
    Upload,
    find_button,
    menu_for,
    typed_fields,
)
from merlin.sandbox.telegram.groups import is_delivered
from merlin.sandbox.telegram.messages import (
    media_fields,
    reply_fields,
    store_upload,
    thread_fields,
)
from merlin.sandbox.telegram.queries import (
    CHECKOUT_FIELDS,
    LINK,
    change_subscription,
    invoice_of,
    pay,
    tell_subscription,
)
from merlin.sandbox.telegram.rich_messages import check_rich_message
from merlin.sandbox.telegram.world import (
    MEMBER_STATUSES,
    Chat,
    Group,
    LoggedMessage,
    MessageDraft,
    Person,
    World,
)


@dataclass(frozen=True, slots=True)
class PersonInChat:
    """A person in a chat, in one of its topics or in none (0)."""

    person: Person
    chat: Chat
    thread: int = 0


class UserActions:
    """The people's side: what they do, and what they see.

    Actions return the update_id of the resulting update, 0 for none. Their argument names are part
    of `/control/send`.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def person(self, who: str | int) -> Person:
        """Return the person of this name or id, in any chat. Raises NotFound."""
        return self.place(who).person

    def place(self, who: str | int) -> PersonInChat:
        """Return the person and chat that `who` names. Raises NotFound."""
        who_and_chat, _, thread = str(who).partition("#")
        name, _, group_name = who_and_chat.partition("@")
        person = self.world.person(name)
        chat: Chat = self.world.group(group_name) if group_name else person
        return PersonInChat(person, chat, int(thread or 0))

    def chat(self, name: str | int) -> Chat:
        """Return a chat by its group's or person's name, or by id. Raises NotFound."""
        if isinstance(name, int) or name.removeprefix("-").isdecimal():
            chat = self.world.chat(int(name))
            if chat is not None:
                return chat
        with suppress(NotFound):
            return self.world.group(str(name))
        return self.place(name).chat

    def message(self, chat: Chat, message_id: int) -> LoggedMessage:
        """Return a message. Raises NotFound."""
        logged = self.world.messages.get(chat.chat_id, {}).get(message_id)
        if logged is None:
            raise NotFound(f"no message {message_id} in this chat")
        return logged

    def log(self, chat: str | int) -> list[LoggedMessage]:
        """Return every message of a chat, oldest first. Raises NotFound.

        `chat` is a person's name or id, a group's, or `anna@study`; `…#12` restricts it to a topic.
        """
        name, _, thread = str(chat).partition("#")
        messages = self.world.messages.get(self.chat(name).chat_id, {}).values()
        return [
            logged for logged in messages if not thread or logged.thread == int(thread)
        ]

    def menu(self, person: str | int) -> list[dict[str, Any]]:
        """Return the commands that a client offers a person in a chat. Raises NotFound."""
        place = self.place(person)
        return menu_for(self.world, place.person, place.chat)

    def send(self, place: PersonInChat, content: Mapping[str, Any]) -> int:
        """Send a message; the bot receives it as privacy mode allows."""
        group = place.chat if isinstance(place.chat, Group) else None
        if group and group.status(place.person.person_id) not in MEMBER_STATUSES:
            raise Refused(f"{place.person.name} is not in {group.name}")
        sender = place.person.as_user()
        message = self.world.post(
            place.chat, sender, **thread_fields(place.thread), **content
        )
        if not is_delivered(self.world, message):
            return 0
        return self.world.add_update("message", message)

    def say(self, who: str | int, text: str, *, reply_to: int = 0) -> int:
        """Write a text; its entities are detected."""
        if not text.strip() or utf16_length(text) > TEXT_UNITS:
            raise Refused("a message has 1 to 4096 characters")
        return self.send_fields(who, typed_fields(text), reply_to=reply_to)

    def send_fields(
        self, who: str | int, fields: Mapping[str, Any], *, reply_to: int = 0
    ) -> int:
        """Send a message with these fields of a Message object, such as `poll` or `forward_origin`.

        A `rich_message` is checked as Telegram's own: it stands alone, and in no `external_reply`.
        """
        place = self.place(who)
        if "rich_message" in fields:
            checked = check_rich_message(fields["rich_message"], by_bot=False)
            fields = {**fields, "rich_message": checked}
            if {"text", "entities", "caption", "caption_entities"} & fields.keys():
                raise Refused("a rich message has no text and no caption")
        if "rich_message" in fields.get("external_reply", {}):
            raise Refused("an external reply has no rich message")
        replied = reply_fields(self.message(place.chat, reply_to)) if reply_to else {}
        return self.send(place, {**fields, **replied})

    def start(self, who: str | int, payload: str = "") -> int:
        """Open the bot by a deep link, `t.me/<bot>?start=<payload>`, and press Start."""
        return self.say(who, f"/start {payload}".rstrip())

    def paste(self, who: str | int, text: str) -> list[int]:
        """Write a text of any length, split into messages as clients do."""
        return [self.say(who, part) for part in split_text(text)]

    def send_file(
        self,
        who: str | int,
        upload: Upload,
        *,
        kind: str = "document",
        caption: str = "",
        seconds: int = 0,
        album: str = "",
    ) -> int:
        """Send a document, photo, voice, video_note, audio or video of `seconds`."""
        place = self.place(who)
        content = media_fields(
            self.world, store_upload(self.world, kind, upload), kind, seconds=seconds
        )
        if album:
            content["media_group_id"] = album
        if caption:
            content |= typed_fields(caption, "caption")
        return self.send(place, content)

    def send_album(
        self,
        who: str | int,
        uploads: Sequence[Upload],
        *,
        kind: str = "photo",
        caption: str = "",
    ) -> list[int]:
        """Send photos or documents as an album: an update each, one media_group_id."""
        album = str(secrets.randbits(57))
        captions = [caption, *[""] * (len(uploads) - 1)]
        return [
            self.send_file(who, upload, kind=kind, caption=album_caption, album=album)
            for upload, album_caption in zip(uploads, captions, strict=True)
        ]

    def draft(self, who: str | int) -> MessageDraft | None:
        """Return the draft that a person sees in the chat or topic."""
        place = self.place(who)
        return self.world.find_draft(place.chat.chat_id, place.thread)

    def stop_generation(self, who: str | int) -> int:
        """Press Stop below a draft: the bot is told, if it asked for these updates."""
        place = self.place(who)
        draft = self.draft(who)
        if draft is None or not draft.can_stop:
            raise Refused("nothing here can be stopped")
        if not draft.keep_on_stop:
            del self.world.drafts[draft.chat_id, draft.thread]
        stopped: dict[str, Any] = {
            "chat": place.chat.as_chat(),
            "draft_id": draft.draft_id,
        }
        if draft.thread:
            stopped["message_thread_id"] = draft.thread
        return self.world.add_update("stopped_message_generation", stopped)

    def pay(self, who: str | int, what: int = 0) -> int:
        """Start paying the invoice of message `what`, by default the newest one.

        The bot gets a pre-checkout query; if it agrees, the Stars move. A paid invoice can be paid
        again, as from two devices at once. Raises NotFound.
        """
        return self.start_checkout(self.person(who), self.find_invoice(who, what))

    def find_invoice(self, who: str | int, what: int) -> dict[str, Any]:
        """Return the invoice of message `what`, the newest one for 0. Raises NotFound."""
        sent = self.world.messages.get(self.person(who).chat_id, {}).values()
        matches = [
            logged
            for logged in sent
            if "invoice" in logged.message and int(what) in {0, logged.message_id}
        ]
        if not matches:
            raise NotFound("no invoice here")
        return invoice_of(self.world, matches[-1])

    def start_checkout(self, person: Person, invoice: dict[str, Any]) -> int:
        """Ask the bot whether an invoice may be paid."""
        query = {
            "id": str(secrets.randbits(62)),
            "from": person.as_user(),
            "currency": "XTR",
            "total_amount": invoice["total_amount"],
            "invoice_payload": invoice["payload"],
        }
        values = {name: invoice[name] for name in CHECKOUT_FIELDS if name in invoice}
        self.world.record("checkout", query_id=query["id"], about=values)
        return self.world.add_update("pre_checkout_query", query)

    def pass_month(self, who: str | int, *, has_stars: bool = True) -> list[int]:
        """Let a month pass for a person's subscriptions: each is paid, fails, or is over."""
        person = self.person(who)
        update_ids = []
        for first, subscription in list(self.world.subscriptions.items()):
            is_over = subscription.get("is_canceled", False)
            if subscription["person_id"] != person.person_id or is_over:
                continue
            if has_stars:
                update_ids.append(pay(self.world, person, subscription, first))
            else:
                told = tell_subscription(self.world, subscription, "failed")
                update_ids.append(told)
        return update_ids

    def switch_renewal(self, who: str | int, *, is_on: bool) -> int:
        """Cancel the newest subscription in the settings, or turn it on. Raises Refused."""
        person_id = self.person(who).person_id
        theirs = self.world.subscriptions.items()
        ((first, newest),) = [
            each for each in theirs if each[1]["person_id"] == person_id
        ][-1:]
        if is_on and newest.get("is_locked"):
            raise Refused("the bot has ended this subscription")
        change_subscription(self.world, first, is_canceled=not is_on)
        return self.world.last_update_id

    def press(self, who: str | int, wanted: str, message_id: int = 0) -> int:
        """Press the button with this data or label, in one message or in the newest that has it."""
        place = self.place(who)
        logged, button = self._find_button(place, wanted, message_id)
        if button.get("pay"):
            return self.start_checkout(place.person, invoice_of(self.world, logged))
        slug = button.get("url", "").removeprefix(LINK)
        if slug in self.world.invoices:
            return self.start_checkout(place.person, self.world.invoices[slug])
        if "callback_data" not in button:
            raise Refused("this key calls nothing at the bot")
        return self.call_back(place, logged, button["callback_data"])

    def call_back(self, place: PersonInChat, logged: LoggedMessage, data: str) -> int:
        """Send the bot the data of a button below a message."""
        query = {
            "id": str(secrets.randbits(62)),
            "from": place.person.as_user(),
            "message": logged.message,
            "chat_instance": str(place.chat.chat_id * 7919),
            "data": data,
        }
        return self.world.add_update("callback_query", query)

    def _find_button(
        self, place: PersonInChat, data_or_label: str, message_id: int
    ) -> tuple[LoggedMessage, dict[str, Any]]:
        chat = self.world.messages.get(place.chat.chat_id, {})
        newest = list(chat.values())[::-1]
        candidates = [self.message(place.chat, message_id)] if message_id else newest
        for logged in candidates:
            button = find_button(logged.message, data_or_label)
            if button:
                return logged, button
        raise NotFound(f"no key {data_or_label}")


def split_text(text: str) -> list[str]:
    """Split a text as clients do: at most 4096 UTF-16 units, preferably at a line's end or a space.

    A text of white space only gives none.
    """
    parts = []
    while text := text.strip():
        end = bisect_right(utf16_offsets(text), TEXT_UNITS) - 1
        if end < len(text):
            earliest = end // 2
            line = text.rfind("\n", earliest, end)
            space = text.rfind(" ", earliest, end)
            end = next((position for position in (line, space) if position > 0), end)
        parts.append(text[:end].rstrip())
        text = text[end:]
    return parts
