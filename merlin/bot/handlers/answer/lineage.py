"""Lineage: ℹ️ under an answer tells which model said it, and what that model was taught."""

from __future__ import annotations

from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import zone_for
from merlin.bot.handlers.answer.asked_again import own_turn
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert
from merlin.chat.lineage import Origin
from merlin.chat.turn import Written
from merlin.core import moment, money
from merlin.core.page import Page
from merlin.core.text import text

_SHORT = 10


def why(kit: Kit, event: Event) -> Screen:
    """Tell where an answer comes from, what it cost, and which examples taught it."""
    turn = own_turn(kit, event)
    if turn is None:
        return alert(text(event.language, "bot-not-yours"), is_loud=True)
    written = turn.written
    if written is None or not written.model_id:
        return alert(text(event.language, "why-unknown"), is_loud=True)
    model = {"model": written.model_id, "provider": written.provider}
    lines = [text(event.language, "why-model", **model)]
    origin = kit.rows.lineage.origin(written.model_id)
    lines += [_origin(kit, event, origin)] if origin else [text(event.language, "why-general")]
    lines += _taught(kit, event, written) if origin else []
    lines += [_usage(event, written), *_thumbs(kit, event, written)]
    return Screen(Page("\n".join(lines)), is_new=True)


def _origin(kit: Kit, event: Event, origin: Origin) -> str:
    return text(
        event.language,
        "why-origin",
        build=origin.build,
        commit=origin.commit[:_SHORT] or "—",
        at=moment.told(origin.trained_at, zone_for(kit, event), event.language),
        examples=origin.examples,
        editors=origin.editors,
        standing="serving" if origin.serves else "earlier",
    )


def _taught(kit: Kit, event: Event, written: Written) -> list[str]:
    found = kit.rows.lineage.teaching(written.model_id, written.answer)
    return [text(event.language, "why-taught", examples=", ".join(found))] if found else []


def _usage(event: Event, written: Written) -> str:
    usage = {"input": written.usage.input_tokens, "output": written.usage.output_tokens}
    words = text(event.language, "why-tokens", **usage)
    if not written.currency:
        return words
    cost = money.told(event.language, written.cost_micro, written.currency)
    return f"{words} {text(event.language, 'why-cost', cost=cost)}"


def _thumbs(kit: Kit, event: Event, written: Written) -> list[str]:
    thumbs = kit.rows.ratings.thumbs(written.model_id)
    if not thumbs.up + thumbs.down:
        return []
    return [text(event.language, "why-thumbs", up=thumbs.up, down=thumbs.down)]


TOPIC = Topic(buttons={"why": told(why)})
