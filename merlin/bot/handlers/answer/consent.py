"""Consent: whether models may learn from a person's corrections; asked once, taken back any time.

consent:show | consent:yes | consent:no | consent:revoke -> consent:revoke:sure
"""

from __future__ import annotations

from merlin.account.audit import user
from merlin.account.consent import ConsentKind
from merlin.bot.event import Event
from merlin.bot.handlers.topic import Act
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen, alert, said
from merlin.core.page import Button
from merlin.core.text import text

TRAINING = ConsentKind.TRAINING
# The version of the words under `consent-asked`; other words need an answer of their own.
VERSION = "2026-11"
MOST_NAMED = 20


def asked(event: Event, *others: Button) -> Screen:
    """Return the question itself, with other ways out below it."""
    language = event.language
    return said(
        text(language, "consent-asked"),
        (Button(text(language, "consent-yes"), "consent:yes", style="success"),),
        (Button(text(language, "consent-no"), "consent:no"),),
        *((each,) for each in others),
    )


def show(kit: Kit, event: Event) -> Screen:
    """Show whether there is a consent, and how to give it or to take it back."""
    if not kit.rows.consents.has(event.user_id, TRAINING):
        return asked(event)
    count = len(kit.rows.proposals.of_user(event.user_id))
    words = text(event.language, "consent-given", count=count)
    revoke = Button(text(event.language, "consent-revoke"), "consent:revoke")
    return said(words, (revoke,))


def give(kit: Kit, event: Event) -> Screen:
    """Keep a yes."""
    kit.rows.consents.give(event.user_id, TRAINING, VERSION)
    return said(text(event.language, "consent-thanks"))


def decline(kit: Kit, event: Event) -> Screen:
    """Keep a no; what the person wanted to send is forgotten."""
    kit.rows.consents.decline(event.user_id, TRAINING, VERSION)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    again = Button(text(event.language, "consent-change"), "consent:show")
    return said(text(event.language, "consent-declined"), (again,))


def revoke(kit: Kit, event: Event) -> Screen:
    """Ask once more, then end the consent and take back everything that was sent under it."""
    language = event.language
    if event.args[1:] != ("sure",):
        sure = Button(text(language, "consent-revoke-sure"), "consent:revoke:sure", style="danger")
        back = Button(text(language, "button-cancel"), "consent:show")
        return said(text(language, "consent-revoking"), (sure,), (back,))
    if not kit.rows.consents.revoke(event.user_id, TRAINING):
        return said(text(language, "consent-none"))
    models = take_back(kit, event.user_id)
    kit.rows.dialogs.end(event.chat_id, event.user_id)
    kit.rows.audit.note(user(event.user_id), "consent.revoke", user(event.user_id))
    words = text(language, "consent-revoked")
    if models:
        words = f"{words}\n\n{text(language, 'consent-models', **_named(models))}"
    return said(words)


def take_back(kit: Kit, user_id: int) -> list[str]:
    """Withdraw what the person proposed; return the models that learnt it and serve no more.

    To be called within the store's work.
    """
    return kit.rows.proposals.withdraw(user_id)


def _named(models: list[str]) -> dict[str, object]:
    named = ", ".join(models[:MOST_NAMED])
    return {"count": len(models), "models": f"{named}…" if models[MOST_NAMED:] else named}


_WAYS = {"show": show, "give": show, "no": decline, "revoke": revoke}


def consent_button(yes: Act) -> Act:
    """Return what a pressed consent button does; `yes` is what follows a yes."""
    ways = {**_WAYS, "yes": yes}

    def act(kit: Kit, event: Event) -> Screen:
        way = ways.get(event.args[0] if event.args else "")
        if way is None or not event.is_private:
            return alert(text(event.language, "bot-button-old"))
        return way(kit, event)

    return act
