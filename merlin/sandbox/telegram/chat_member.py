"""The ChatMember object: who somebody is in a chat."""

from __future__ import annotations

from typing import Any

from merlin.sandbox.telegram.groups import LEADING

_RIGHTS = (
    "can_be_edited",
    "can_manage_chat",
    "can_change_info",
    "can_delete_messages",
    "can_invite_users",
    "can_restrict_members",
    "can_promote_members",
    "can_manage_video_chats",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_pin_messages",
    "can_manage_topics",
)


def member(user: dict[str, Any], status: str) -> dict[str, Any]:
    """Return the ChatMember object of somebody with this status."""
    told: dict[str, Any] = {"user": user, "status": status}
    if status in LEADING:
        told["is_anonymous"] = False
    if status == "administrator":
        told.update(dict.fromkeys(_RIGHTS, True))
    if status == "kicked":
        told["until_date"] = 0
    return told
