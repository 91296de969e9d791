"""What people do that the stand-in's chat page has no button for: groups, blocks, deletions."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import utf16_length
from merlin.sandbox.telegram.arguments import BotApiError, typed_fields
from merlin.sandbox.telegram.messages import reply_fields
from merlin.sandbox.telegram.queries import refund_stars
from merlin.sandbox.telegram.user_actions import UserActions
from merlin.sandbox.telegram.world import (
    ADMIN_STATUSES,
    BOT_ID,
    MEMBER_STATUSES,
    Chat,
    Group,
    LoggedMessage,
    Person,
    World,
    bot_user,
)

# What Telegram puts before a group's number when it becomes a supergroup.
SUPERGROUP_BASE = -1_000_000_000_000


class SeenMessage(LoggedMessage):
    """A message as a person sees it."""

    @property
    def entities(self) -> list[dict[str, Any]]:
        """Return the entities of the text or caption."""
        entities = self.message.get("entities", self.message.get("caption_entities"))
        return list(entities or [])

    @property
    def keys(self) -> list[list[dict[str, Any]]]:
        """Return the inline keyboard by rows; empty without one."""
        markup = self.message.get("reply_markup") or {}
        return list(markup.get("inline_keyboard", []))


class AllActions(UserActions):
    """Everything that people do, and what tests look up."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._blocked: set[int] = set()
        # The supergroup that each migrated group became, and the groups that take edits.
        self._moved: dict[int, int] = {}
        self._editable: set[int] = set()

    def check_chat(self, chat: Chat, method: str = "") -> None:
        """Raise BotApiError for a chat that the bot cannot write to."""
        if isinstance(chat, Person):
            if chat.person_id in self._blocked:
                raise forbidden("bot was blocked by the user")
            return
        is_taken = chat.group_id in self._editable and method == "editMessageText"
        if (moved_to := self._moved.get(chat.group_id)) and not is_taken:
            description = "Bad Request: group chat was upgraded to a supergroup chat"
            raise BotApiError(400, description, {"migrate_to_chat_id": moved_to})
        if chat.status(BOT_ID) == "kicked":
            raise forbidden(f"bot was kicked from the {chat.kind} chat")
        if chat.status(BOT_ID) not in MEMBER_STATUSES:
            raise forbidden(f"bot is not a member of the {chat.kind} chat")

    def say(
        self, who: str | int, text: str, *, reply_to: int = 0, quote: str = ""
    ) -> int:
        """Write a text; `quote` is part of the replied message."""
        if not quote:
            return super().say(who, text, reply_to=reply_to)
        place = self.place(who)
        replied = self.message(place.chat, reply_to)
        position = utf16_length(replied.text[: replied.text.index(quote)])
        quoted = {"quote": {"text": quote, "position": position, "is_manual": True}}
        return self.send(place, typed_fields(text) | reply_fields(replied) | quoted)

    def press(
        self, who: str | int, wanted: str, message_id: int = 0, *, forged: bool = False
    ) -> int:
        """Press a button; `forged` sends the data also where there is none, as a hostile client."""
        try:
            return super().press(who, wanted, message_id)
        except NotFound:
            place = self.place(who)
            seen = self.world.messages.get(place.chat.chat_id, {})
            if not forged or not seen:
                raise
            logged = self.message(place.chat, message_id or max(seen))
            return self.call_back(place, logged, wanted)

    def pay(self, who: str | int, what: int = 0, payload: str = "") -> int:
        """Start paying an invoice; `payload` replaces its own, as no real client can."""
        if not payload:
            return super().pay(who, what)
        invoice = {**self.find_invoice(who, what), "payload": payload}
        return self.start_checkout(self.person(who), invoice)

    def log(self, chat: str | int) -> list[SeenMessage]:
        """Return every message of a chat, oldest first. Raises NotFound."""
        return [
            SeenMessage(logged.message, logged.versions) for logged in super().log(chat)
        ]

    def group(self, name: str) -> Group:
        """Return a group: its id, its members. Raises NotFound."""
        return self.world.group(name)

    def delete(self, who: str | int, message_id: int) -> None:
        """Delete an own or the bot's message for both; the bot gets no update. Raises NotFound."""
        chat = self.place(who).chat
        self.message(chat, message_id)
        del self.world.messages[chat.chat_id][message_id]

    def forward_words(
        self, who: str | int, messages: Sequence[tuple[str, str]]
    ) -> list[int]:
        """Forward messages from outside: (person's name, text), oldest first."""
        place = self.place(who)
        date = int(time.time()) - 60
        update_ids = []
        for name, message in messages:
            sender = self.world.person(name).as_user()
            origin = {"type": "user", "date": date, "sender_user": sender}
            update_ids.append(
                self.send(place, {"forward_origin": origin, **typed_fields(message)})
            )
        return update_ids

    def stars(self, who: str | int) -> int:
        """Return how many Stars are left of the 5000 that everybody had. Raises NotFound."""
        person_id = self.person(who).person_id
        left = 5000
        for transaction in self.world.transactions:
            for side, sign in (("source", -1), ("receiver", 1)):
                if side in transaction and transaction[side]["user"]["id"] == person_id:
                    left += sign * transaction["amount"]
        return left

    def take_back(self, who: str | int, charge: str) -> int:
        """Refund a payment in Stars on Telegram's side, as after a dispute."""
        return refund_stars(self.world, self.person(who).person_id, charge)

    def block(self, who: str | int, *, blocked: bool = True) -> int:
        """Block or unblock the bot."""
        person = self.person(who)
        (self._blocked.add if blocked else self._blocked.discard)(person.person_id)
        statuses = ("member", "kicked") if blocked else ("kicked", "member")
        return report_bot_status(self.world, person, person.as_user(), *statuses)

    def set_bot(self, who: str | int, status: str) -> int:
        """Add the bot to the group of `who`, promote, remove or ban it (my_chat_member).

        `status` is member, administrator, left or kicked.
        """
        place = self.place(who)
        group = place.chat
        user = place.person.as_user()
        if not isinstance(group, Group):
            raise Refused("this is no group")
        old_status = group.status(BOT_ID)
        updated = replace(
            group, members=tuple({**dict(group.members), BOT_ID: status}.items())
        )
        self.world.groups[updated.group_id] = updated
        update_id = report_bot_status(self.world, group, user, old_status, status)
        if status not in MEMBER_STATUSES:
            post_service_message(self.world, updated, user, left_chat_member=bot_user())
        elif old_status not in MEMBER_STATUSES:
            post_service_message(
                self.world, updated, user, new_chat_members=[bot_user()]
            )
        return update_id

    def migrate(self, who: str | int, *, takes_edits: bool = False) -> int:
        """Turn the group of `who` into a supergroup: new id, service messages in both chats.

        Whether Telegram lets the messages of the old group be edited is documented nowhere.
        """
        place = self.place(who)
        old = place.chat
        if not isinstance(old, Group) or old.kind != "group":
            raise Refused("only a basic group becomes a supergroup")
        user = place.person.as_user()
        new = replace(old, group_id=SUPERGROUP_BASE + old.group_id, kind="supergroup")
        post_service_message(self.world, old, user, migrate_to_chat_id=new.group_id)
        self._moved[old.group_id] = new.group_id
        self._editable |= {old.group_id} if takes_edits else set()
        self.world.groups[old.group_id] = replace(old, name="")
        self.world.groups[new.group_id] = new
        return post_service_message(
            self.world, new, user, migrate_from_chat_id=old.group_id
        )

    def turn_privacy_off(self) -> None:
        """Let the bot read every message of groups, a setting at BotFather."""
        self.world.record("setting", name="reads_all", value=True)


# Without these the object of an administrator cannot be read.
_RIGHTS = (
    "can_be_edited",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)


def chat_member(user: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a ChatMember object; an administrator has no right that one can lack."""
    is_admin = {"is_anonymous": False} if status in ADMIN_STATUSES else {}
    rights = dict.fromkeys(_RIGHTS, False) if status == "administrator" else {}
    until = {"until_date": 0} if status == "kicked" else {}
    return {"user": user, "status": status, **is_admin, **rights, **until}


def forbidden(text: str) -> BotApiError:
    """Return a 403 error."""
    return BotApiError(403, f"Forbidden: {text}")


def post_service_message(
    world: World, group: Group, sender: Mapping[str, Any], **content: Any
) -> int:
    """Post a service message in a group; return the update_id, 0 if the bot is not there.

    Privacy mode does not apply.
    """
    message = world.post(group, sender, **content)
    return (
        world.add_update("message", message)
        if group.status(BOT_ID) in MEMBER_STATUSES
        else 0
    )


def report_bot_status(
    world: World, chat: Chat, actor: Mapping[str, Any], old: str, new: str
) -> int:
    """Tell the bot its new status in a chat; return the my_chat_member update's id."""
    change = {
        "chat": chat.as_chat(),
        "from": actor,
        "date": int(time.time()),
        "old_chat_member": chat_member(bot_user(), old),
        "new_chat_member": chat_member(bot_user(), new),
    }
    return world.add_update("my_chat_member", change)
