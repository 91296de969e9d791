"""Drafts: what the bot shows of an answer before it sends it, in private chats only.

A draft is no message. It ends after `World.draft_life_s`, or with the next message in its chat or
topic; nothing else removes it.
"""

from typing import Any

from merlin.sandbox.telegram.arguments import (
    Arguments,
    bad_request,
    given_fields,
    target_chat,
)
from merlin.sandbox.telegram.messages import (
    given_rich_message,
    requested_thread,
    require_known,
)
from merlin.sandbox.telegram.world import Group, MessageDraft, World

_PARAMETERS = ("chat_id", "draft_id", "message_thread_id", "can_stop", "keep_on_stop")


async def send_message_draft(world: World, arguments: Arguments) -> bool:
    """Answer sendMessageDraft; an empty text is shown as "Thinking…"."""
    require_known(arguments, (*_PARAMETERS, "text", "entities"))
    return _show(world, arguments, given_fields(arguments))


async def send_rich_message_draft(world: World, arguments: Arguments) -> bool:
    """Answer sendRichMessageDraft."""
    require_known(arguments, (*_PARAMETERS, "rich_message"))
    return _show(world, arguments, given_rich_message(arguments, is_draft=True))


def _show(world: World, arguments: Arguments, content: dict[str, Any]) -> bool:
    chat = target_chat(world, arguments)
    if isinstance(chat, Group):
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    draft_id = arguments.text("draft_id")
    if not draft_id.removeprefix("-").isdecimal() or not int(draft_id):
        raise bad_request("RANDOM_ID_INVALID")
    draft = MessageDraft(
        chat.chat_id,
        requested_thread(arguments),
        int(draft_id),
        content,
        arguments.flag("can_stop"),
        arguments.flag("keep_on_stop"),
    )
    world.show_draft(draft)
    return True
