"""Who comes to a group and who goes, with the updates and service messages that tell of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from merlin.sandbox.telegram.chat_member import member
from merlin.sandbox.telegram.groups import PRESENT, Group
from merlin.sandbox.telegram.people import BOT_ID, bot_user
from merlin.sandbox.telegram.world import World


def service(world: World, group: Group, sender: Mapping[str, Any], **content: Any) -> int:
    """Keep a service message and tell the bot of it while it is in the group."""
    message = world.new_message(group, sender, **content)
    world.add_message(message)
    if group.status(BOT_ID) not in PRESENT:
        return 0
    return world.add_update("message", message)


def change_bot(world: World, group: Group, by: Mapping[str, Any], status: str) -> int:
    """Let somebody add, promote or remove the bot; return the my_chat_member update's id."""
    before = group.status(BOT_ID)
    after = replace(group, members=group.with_status(BOT_ID, status))
    world.keep_group(after)
    update_id = world.add_update(
        "my_chat_member",
        {
            "chat": group.as_chat(),
            "from": by,
            "date": int(time.time()),
            "old_chat_member": member(bot_user(), before),
            "new_chat_member": member(bot_user(), status),
        },
    )
    came, went = status in PRESENT and before not in PRESENT, status not in PRESENT
    if came:
        service(world, after, by, new_chat_members=[bot_user()])
    elif went:
        message = world.new_message(after, by, left_chat_member=bot_user())
        world.add_message(message)
    return update_id
