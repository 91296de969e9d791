"""Legal: /privacy and /terms, in the operator's words where there are any.

What changes by itself is told by the bot in any case: who answers, how long what is kept, and
what the person has allowed.
"""

from __future__ import annotations

from hashlib import sha256

from merlin.account.consent import ConsentKind
from merlin.bot.event import Event
from merlin.bot.handlers.talk.answering import answering, company
from merlin.bot.handlers.topic import Topic, told
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, said
from merlin.chat.setting import PRIVACY, TERMS, legal_text
from merlin.core.page import Button
from merlin.core.text import text

_VERSION_LENGTH = 12


def privacy(kit: Kit, event: Event) -> Screen:
    """Tell what is stored, who answers, and what the person has allowed."""
    parts = [legal_text(kit.rows.settings, PRIVACY, event.language), _kept(kit, event)]
    parts += [_providers(kit, event), _session(kit, event)]
    is_given = kit.rows.consents.has(event.user_id, ConsentKind.TRAINING)
    state = "given" if is_given else "none"
    parts.append(text(event.language, "privacy-consent", state=state))
    key, verb = ("revoke", "revoke") if is_given else ("give", "show")
    button = Button(text(event.language, f"privacy-button-{key}"), f"consent:{verb}")
    return said("\n\n".join(filter(None, parts)), (button,))


def _kept(kit: Kit, event: Event) -> str:
    kept = kit.services.retention
    return text(
        event.language,
        "privacy-kept",
        turns=kept.turns_days,
        letters=max(kept.updates_days, kept.outgoing_days),
    )


def _providers(kit: Kit, event: Event) -> str:
    lines = [f"• {company(kit, event, name)}" for name in kit.services.answerers]
    if not lines:
        return ""
    return "\n".join([text(event.language, "privacy-providers"), *lines])


def _session(kit: Kit, event: Event) -> str:
    session = kit.rows.sessions.open(event.place)
    now = answering(kit, event, session)
    if now is None:
        return ""
    provider = company(kit, event, now.provider)
    by = "person" if session.provider else "bot"
    return text(event.language, "privacy-session", model=now.title, provider=provider, by=by)


def terms(kit: Kit, event: Event) -> Screen:
    """Tell the terms, and note which version of them the person was shown."""
    words = legal_text(kit.rows.settings, TERMS, event.language)
    version = sha256(words.encode()).hexdigest()[:_VERSION_LENGTH]
    kit.rows.users.saw_terms(event.user_id, version)
    return said(words)


TOPIC = Topic(
    commands={"privacy": told(privacy), "terms": told(terms)},
    buttons={"privacy": told(privacy), "terms": told(terms)},
    menu=("privacy", "terms"),
)
