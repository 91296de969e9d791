"""The methods by which a bot asks who is in a chat, and leaves it."""

from __future__ import annotations

from typing import Any

from merlin.sandbox.telegram.addressing import receiver
from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.chat_member import member
from merlin.sandbox.telegram.errors import bad_request
from merlin.sandbox.telegram.groups import LEADING, PRESENT, Group
from merlin.sandbox.telegram.membership import change_bot
from merlin.sandbox.telegram.people import BOT_ID, bot_user
from merlin.sandbox.telegram.world import World


def _user(world: World, user_id: int) -> dict[str, Any]:
    if user_id == BOT_ID:
        return bot_user()
    person = world.people.get(user_id)
    if person is None:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return person.as_user()


async def get_chat_member(world: World, arguments: Arguments) -> dict[str, Any]:
    """Answer getChatMember; who never was in the chat has left it."""
    chat = receiver(world, arguments)
    user_id = arguments.integer("user_id")
    user = _user(world, user_id)
    if isinstance(chat, Group):
        return member(user, chat.status(user_id))
    return member(user, "member" if user_id in {chat.person_id, BOT_ID} else "left")


async def get_chat_administrators(world: World, arguments: Arguments) -> list[dict[str, Any]]:
    """Answer getChatAdministrators: the creator and administrators, other bots left out."""
    chat = receiver(world, arguments)
    if not isinstance(chat, Group):
        raise bad_request("there are no administrators in the private chat")
    return [
        member(_user(world, user_id), status)
        for user_id, status in chat.members
        if status in LEADING
    ]


async def get_chat_member_count(world: World, arguments: Arguments) -> int:
    """Answer getChatMemberCount."""
    chat = receiver(world, arguments)
    if not isinstance(chat, Group):
        return 2
    return sum(status in PRESENT for _user_id, status in chat.members)


async def leave_chat(world: World, arguments: Arguments) -> bool:
    """Answer leaveChat."""
    chat = receiver(world, arguments)
    if not isinstance(chat, Group):
        raise bad_request("chat member status can't be changed in private chats")
    change_bot(world, chat, bot_user(), "left")
    return True
