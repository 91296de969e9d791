"""Models: /model, which shows what may answer in this session and lets a person choose."""

from __future__ import annotations

from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import plan_for
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.answer.asking import wish_of
from merlin.bot.handlers.talk.answering import abroad, answering, company, refitted
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.leaves import LEAF, leaf, turning
from merlin.bot.screen import Screen, alert, said
from merlin.chat.lineup import Option, lineup
from merlin.chat.route import Standing
from merlin.chat.session import Session
from merlin.core.money import MICRO, Price
from merlin.core.page import Button
from merlin.core.text import text

_CENT = MICRO // 100
# What a button shows of a long id.
LABEL_LENGTH = 48


def options(kit: Kit, event: Event, session: Session) -> list[Option]:
    """Return the models that the person's plan lets them choose; within the store's work."""
    plan = plan_for(kit, event)
    found = lineup(kit.rows.shelf, kit.rows.listed, wish_of(kit, session), kit.services.known)
    return [
        option
        for option in found
        # What serves answers anyway.
        if option.standing is Standing.SERVING or plan.allows_model(option.model_id)
    ]


def models(kit: Kit, event: Event) -> Screen:
    """Show the models that may be chosen, and which one answers."""
    return _list(kit, event, 0)


def pressed(kit: Kit, event: Event) -> Screen:
    """Do what a button of the list says; the one under an answer shows the list below it."""
    match event.args:
        case ():
            return replace(_list(kit, event, 0), is_new=True)
        case ("list", _):
            return _list(kit, event, number(event, 1))
        case ("use", sign):
            return _use(kit, event, sign)
        case ("auto",):
            return _return(kit, event)
        case _:
            return alert(text(event.language, "bot-button-old"))


def _list(kit: Kit, event: Event, wanted: int) -> Screen:
    session = kit.rows.sessions.open(event.place)
    found = options(kit, event, session)
    now = answering(kit, event, session)
    if now is None or not found:
        return said(text(event.language, "models-nobody"))
    shown, place = leaf(found, wanted)
    provider = company(kit, event, now.provider)
    lines = [text(event.language, "models-now", model=now.title, provider=provider)]
    for count, option in enumerate(shown, place * LEAF + 1):
        lines.append(_line(kit, event, count, option))
    lines.append(text(event.language, "models-hint"))
    buttons = [
        (_button(option, session, count),) for count, option in enumerate(shown, place * LEAF + 1)
    ]
    back = _back(event) if session.provider else ()
    return said("\n\n".join(lines), *buttons, *turning("model:list", place, len(found)), *back)


def _line(kit: Kit, event: Event, count: int, option: Option) -> str:
    cap = plan_for(kit, event).window
    window = min(option.window, cap) if option.window and cap else option.window
    return text(
        event.language,
        "models-line",
        count=count,
        model=option.title,
        standing=option.standing.value,
        provider=company(kit, event, option.provider),
        price=_price(event.language, option.price),
        window=window or 0,
    )


def _price(language: str, price: Price | None) -> str:
    if price is None:
        return text(language, "models-price-unknown")
    if price.input_micro == price.output_micro == 0:
        return text(language, "models-price-free")
    asked, answered = _amount(price.input_micro), _amount(price.output_micro)
    return text(language, "models-price", asked=asked, answered=answered, currency=price.currency)


def _amount(micro: int) -> str:
    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest // 100:04d}" if rest % _CENT else f"{whole}.{rest // _CENT:02d}"


def _button(option: Option, session: Session, count: int) -> Button:
    own = (session.provider, session.model_id)
    is_now = own == (option.provider, option.model_id)
    is_now = is_now or (session.provider is None and option.standing is Standing.SERVING)
    mark = "✓ " if is_now else ""
    label = f"{mark}{count}. {option.title}"
    cut = label if len(label) <= LABEL_LENGTH else f"{label[:LABEL_LENGTH]}…"
    return Button(cut, f"model:use:{option.sign}")


def _back(event: Event) -> tuple[tuple[Button, ...], ...]:
    return ((Button(text(event.language, "models-button-auto"), "model:auto"),),)


def _use(kit: Kit, event: Event, sign: str) -> Screen:
    session = kit.rows.sessions.open(event.place)
    found = [option for option in options(kit, event, session) if option.sign == sign]
    if not found:
        return alert(text(event.language, "models-gone"), is_loud=True)
    option = found[0]
    if option.standing is Standing.SERVING:
        return _return(kit, event)
    own = replace(session, provider=option.provider, model_id=option.model_id)
    kit.rows.sessions.change(refitted(kit, event, own))
    done = text(event.language, "models-chosen", model=option.title)
    words = "\n\n".join(filter(None, [done, abroad(kit, event, own)]))
    return said(words, *_back(event), _to_list(event))


def _return(kit: Kit, event: Event) -> Screen:
    """Let the session be answered by what serves again."""
    session = replace(kit.rows.sessions.open(event.place), provider=None, model_id=None)
    kit.rows.sessions.change(refitted(kit, event, session))
    now = answering(kit, event, session)
    title = now.title if now else "none"
    return said(text(event.language, "models-auto", model=title), _to_list(event))


def _to_list(event: Event) -> tuple[Button, ...]:
    return (Button(text(event.language, "models-button-list"), "model:list:0"),)


TOPIC = Topic(
    commands={"model": told(models)},
    buttons={"model": told(pressed)},
    menu=("model",),
)
