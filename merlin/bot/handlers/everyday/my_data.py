"""My data: /export gives everything that is kept of a person; /delete_me erases it.

    /delete_me -> what would go -> asked once more -> erased, and told

The erasure leaves no row behind, not even of itself: so its own update is the last row that goes,
and what is told in the end goes past the outbox, by an edit that may be repeated. A kill on the
way leaves the update waiting, and the erasure is done again.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from telegram.error import BadRequest

from merlin.account.people import ERASED
from merlin.billing.plan import Format
from merlin.billing.quota import today
from merlin.bot.calls import Doubt, Unreachable
from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import plan_for, zone_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.answer.consent import take_back
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.bot.stars.leaving import end_subscriptions
from merlin.core.killpoint import reached
from merlin.core.page import Attachment, Button, Page
from merlin.core.text import text

ONE_DAY = timedelta(hours=24)
# Telegram takes files of 50 MB from bots; sealed and coded, a file takes twice its size here.
MOST_BYTES = 20_000_000
# The tables whose rows mean something to people, in the order in which they are told of.
_TOLD = (
    "turn",
    "chat_session",
    "rating",
    "proposal",
    "preset",
    "consent",
    "quota_use",
    "quota_gift",
    "role_grant",
    "change",
)


async def export(kit: Kit, event: Event) -> None:
    """Send one file with everything that the database keeps of the person."""
    if not event.is_private:
        await kit.say(event, text(event.language, "my-data-private"))
        return
    kept = await kit.store.read(lambda: kit.rows.people.told(event.user_id))
    content = json.dumps(kept, ensure_ascii=False, indent=1, default=str).encode()
    name = f"merlin-{event.user_id}.json"
    if len(content) > MOST_BYTES:
        name, content = f"{name}.gz", gzip.compress(content, mtime=0)
    page = Page(text(event.language, "my-data-export"), file=Attachment(name, content))
    await kit.show(event, lambda: Screen(page))


def delete_me(kit: Kit, event: Event) -> Screen:
    """Tell what would be removed, and ask."""
    if not event.is_private:
        return said(text(event.language, "my-data-private"))
    language = event.language
    lines = _table(event, kit.rows.people.count(event.user_id))
    words = text(language, "my-data-delete", rows="\n".join(lines))
    go_on = Button(text(language, "my-data-go-on"), "forget:1")
    return said(words, (go_on,), (Button(text(language, "button-cancel"), "cancel"),))


def _table(event: Event, counts: Mapping[str, int]) -> list[str]:
    """Return a line for each kind of rows, and one for those that mean nothing to people."""
    other = sum(count for name, count in counts.items() if name not in _TOLD)
    shown = [(name, counts[name]) for name in _TOLD if counts.get(name)]
    kinds = [*shown, *([("other", other)] if other else [])]
    return [
        f"• {text(event.language, 'my-data-kind', kind=name)}: {count}" for name, count in kinds
    ]


async def forget(kit: Kit, event: Event) -> None:
    """Ask once more, then erase everything."""
    if not event.is_private:
        await kit.show(event, lambda: alert(text(event.language, "my-data-private")))
    elif number(event) != 2:  # noqa: PLR2004 - the second time
        await kit.show(event, lambda: _surely(event))
    else:
        await _erase(kit, event)


def _surely(event: Event) -> Screen:
    language = event.language
    sure = Button(text(language, "my-data-sure"), "forget:2", style="danger")
    cancel = Button(text(language, "button-cancel"), "cancel")
    return said(text(language, "my-data-surely"), (sure,), (cancel,))


async def _erase(kit: Kit, event: Event) -> None:
    await kit.calls.answer("answerCallbackQuery", {"callback_query_id": event.query_id})
    reached("erase.before")
    await end_subscriptions(kit, event.user_id)
    models, removed = await kit.store.do(lambda: _forget(kit, event))
    reached("erase.after")
    lines = _table(event, removed)
    words = [text(event.language, "my-data-deleted", rows="\n".join(lines), count=len(lines))]
    if models:
        named = {"count": len(models), "models": ", ".join(models)}
        words.append(text(event.language, "consent-models", **named))
    await _tell(kit, event, Page("\n\n".join(words)))
    reached("erase.told")
    until = _kept_until(kit, event)
    await kit.store.do(lambda: kit.rows.people.forget(event.user_id, until))


def _forget(kit: Kit, event: Event) -> tuple[list[str], Mapping[str, int]]:
    models = take_back(kit, event.user_id)
    until = _kept_until(kit, event)
    removed = kit.rows.people.forget(event.user_id, until, event.update_id)
    if not event.is_resumed:
        kit.rows.audit.note(ERASED, "user.erase", ERASED)
    return models, removed


def _kept_until(kit: Kit, event: Event) -> datetime:
    """Return until when what was used of the plan is kept: a day, or the month it counts by."""
    plan, now = plan_for(kit, event), kit.services.clock()
    if any(plan.allowance(kind).month is not None for kind in Format):
        return today(now, zone_for(kit, event)).month_ends
    return now + ONE_DAY


async def _tell(kit: Kit, event: Event, page: Page) -> None:
    """Let the message that asked say that it is done; who cannot be told is erased all the same."""
    try:
        if not await kit.calls.edit(event.chat_id, event.message_id, page):
            await kit.calls.send(event.chat_id, page)
    except (Unreachable, Doubt, BadRequest):
        return


TOPIC = Topic(
    commands={"export": export, "delete_me": told(delete_me)},
    buttons={"forget": forget},
    menu=("export", "delete_me"),
)
