"""The consent to learn from what somebody corrects: asked, given, declined, taken back."""

from __future__ import annotations

from merlin.account.users import ConsentKind, Consents
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.dataset.proposals import Proposals
from merlin.db.audit import Audit

TRAINING = ConsentKind.TRAINING
# The version of the words under `consent-asked`; other words need an answer of their own.
VERSION = "2026-11"


def has_consent(ctx: Context, actor: Actor) -> bool:
    """Return whether the actor lets corrections be learnt."""
    return Consents(ctx.db, ctx.clock).has(actor.user_id, TRAINING)


def has_declined(ctx: Context, actor: Actor) -> bool:
    """Return whether the actor was asked for the consent, and there is none."""
    consents = Consents(ctx.db, ctx.clock)
    was_asked = consents.was_asked(actor.user_id, TRAINING)
    return was_asked and not consents.has(actor.user_id, TRAINING)


def give_consent(ctx: Context, actor: Actor) -> None:
    """Let corrections be learnt."""
    Consents(ctx.db, ctx.clock).give(actor.user_id, TRAINING, VERSION)


def decline_consent(ctx: Context, actor: Actor) -> None:
    """Keep a no, so that nobody is asked again; a consent that counts is left as it is."""
    Consents(ctx.db, ctx.clock).decline(actor.user_id, TRAINING, VERSION)


def revoke_consent(ctx: Context, actor: Actor) -> list[str] | None:
    """Take the consent back with all that was proposed; return the models that learnt of it.

    None where there was no consent.
    """
    if not Consents(ctx.db, ctx.clock).revoke(actor.user_id, TRAINING):
        return None
    Audit(ctx.db, ctx.clock).note(actor.name, "consent.revoke", actor.name)
    return Proposals(ctx.db, ctx.clock).withdraw(actor.user_id)
