"""The bot's address, where this site knows its name: t.me/<bot>?start=course_<slug> or =plan."""

from __future__ import annotations

import re

from merlin.api.services import ApiServices
from merlin.chat.setting import BOT_NAME
from merlin.course.catalogue import Course

# Source: core.telegram.org/bots/features, "Deep linking": A-Z, a-z, 0-9, _ and -, at most 64.
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What opens the bot where plans are bought for Stars.
PLANS = "plan"


def bot_href(services: ApiServices, course: Course) -> str:
    """Return the address that opens the bot on this course, "" for none; reads rows."""
    return bot_opened(services, f"course_{course.slug}")


def bot_opened(services: ApiServices, payload: str) -> str:
    """Return the address that opens the bot with a payload, "" for none; reads rows."""
    name = services.rows.settings.get(BOT_NAME)
    if not name or not _PAYLOAD.fullmatch(payload):
        return ""
    return f"{services.entrance.link_url.rstrip('/')}/{name}?start={payload}"
