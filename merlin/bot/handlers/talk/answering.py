"""Answering: which model answers a session, whose it is, and what a change of it means."""

from __future__ import annotations

from dataclasses import dataclass, replace

from merlin.bot.event import Event
from merlin.bot.handlers.answer.allowance import plan_for
from merlin.bot.handlers.answer.asking import window_of, wish_of
from merlin.bot.kit import Kit
from merlin.chat.lineup import judged
from merlin.chat.route import Choice, first_choice
from merlin.chat.session import Session
from merlin.core.text import text


@dataclass(frozen=True, slots=True)
class Answering:
    """The model that answers a session when all is well; `title` is what people call it."""

    provider: str
    title: str


def answering(kit: Kit, event: Event, session: Session) -> Answering | None:
    """Return what answers a session, None where nobody can; within the store's work."""
    wish = wish_of(kit, session, plan_for(kit, event))
    general = next(iter(wish.general), None)
    choice = first_choice(kit.rows.shelf, wish)
    if choice is None:
        return None if general is None else Answering(general[0], general[1] or general[0])
    return Answering(choice.provider, _title(kit, choice))


def _title(kit: Kit, choice: Choice) -> str:
    tuned = kit.rows.shelf.model(choice.model_id) if choice.model_id else None
    return tuned.build_version if tuned else choice.model_id or choice.provider


def home(kit: Kit, event: Event, session: Session) -> Answering | None:
    """Return what answers a session in which nothing was chosen; within the store's work."""
    bare = replace(session, provider=None, model_id=None, preset="", system="")
    return answering(kit, event, bare)


def abroad(kit: Kit, event: Event, session: Session) -> str:
    """Return a sentence where a choice takes the session to another company, else ""."""
    usual, now = home(kit, event, session), answering(kit, event, session)
    if now is None or (usual is not None and usual.provider == now.provider):
        return ""
    provider = company(kit, event, now.provider)
    return text(event.language, "models-company", provider=provider)


def company(kit: Kit, event: Event, provider: str) -> str:
    """Return a provider by its name and the machine that it is asked at."""
    host = kit.services.hosts.get(provider, "")
    return text(event.language, "models-provider", provider=provider, host=host or "here")


def refitted(kit: Kit, event: Event, session: Session) -> Session:
    """Return a session whose model has changed, its window judged anew; within the store's work."""
    plan = plan_for(kit, event)
    first = first_choice(kit.rows.shelf, wish_of(kit, session, plan))
    return judged(session, window_of(kit, first, plan.window))
