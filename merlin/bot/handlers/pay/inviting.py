"""Inviting: who brings somebody new by a link of their own gets questions beyond the plan.

/plan -> invite: the link t.me/<bot>?start=ref_<number>, with a button that shares it

Whoever follows it for the first time is new; nothing says afterwards who that was.
"""

from __future__ import annotations

from urllib.parse import urlencode

from merlin.account.audit import user
from merlin.billing.plan import Format
from merlin.billing.quota import Gift
from merlin.bot.event import Event
from merlin.bot.handlers.topic import Topic
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.core.page import Button
from merlin.core.text import text

LINK = "ref"
# So many people are worth something; more are welcome.
MOST = 20
_SHARING = "https://t.me/share/url"
_GIFT = "invitation:"
_MOST_DIGITS = 17


def is_on(kit: Kit) -> bool:
    """Return whether there is anything to win: where nothing is counted there is not."""
    return bool(kit.services.plans) and kit.services.selling.invitation > 0


async def invite(kit: Kit, event: Event) -> None:
    """Show the person's link."""
    await kit.me.learn(kit.calls)
    await kit.show(event, lambda: _invitation(kit, event))


def _invitation(kit: Kit, event: Event) -> Screen:
    if not is_on(kit):
        return alert(text(event.language, "bot-button-old"))
    link = kit.me.link(f"{LINK}_{event.user_id}")
    amount = kit.services.selling.invitation
    words = text(event.language, "invite-link", link=link, amount=amount, most=MOST)
    greeting = {"url": link, "text": text(event.language, "invite-greeting")}
    share = Button(text(event.language, "invite-share"), url=f"{_SHARING}?{urlencode(greeting)}")
    back = Button(text(event.language, "button-back"), "plan:0")
    return said(words, (share,), (back,))


def came_by(kit: Kit, event: Event, number: str) -> None:
    """Give who invited a new person what that is worth, and tell them; within the store's work."""
    inviter = int(number) if number.isascii() and number.isdecimal() else 0
    if not (is_on(kit) and _is_new(event)) or not 0 < inviter < 10**_MOST_DIGITS:
        return
    known = kit.rows.users.get(inviter)
    if known is None or known.is_blocked or inviter == event.user_id or _is_enough(kit, inviter):
        return
    amount, key = kit.services.selling.invitation, f"{_GIFT}{event.update_id}"
    kit.rows.quotas.give(Gift(inviter, Format.TEXT, amount, user(inviter), key=key))
    kit.rows.notices.tell(str(inviter), "notice-invited", {"amount": amount}, once=f"gift:{key}")


def _is_new(event: Event) -> bool:
    """Return whether the person starts the bot for the first time: a start keeps the name."""
    return event.is_private and not event.user.shown_name


def _is_enough(kit: Kit, inviter: int) -> bool:
    gifts = kit.rows.quotas.gifts(inviter)
    return sum((each.gift.key or "").startswith(_GIFT) for each in gifts) >= MOST


TOPIC = Topic(buttons={"invite": invite})
