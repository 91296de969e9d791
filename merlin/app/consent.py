"""The consent to train on a user's corrections: asked for, given, declined and revoked."""

from merlin.account.users import Consents
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.chat.wordings import Labels
from merlin.core.errors import Refused
from merlin.db.audit import Audit
from merlin.training.promote import Promotions

# The version of the text `consent-ask`; another text needs a new consent.
CONSENT_VERSION = "2026-11-29"


def has_consent(ctx: Context, actor: Actor) -> bool:
    """Return whether the actor agreed to the use of corrections for training."""
    return Consents(ctx.db, ctx.clock).has(actor.user_id)


def has_declined(ctx: Context, actor: Actor) -> bool:
    """Return whether the actor was asked for the consent, and has not given it."""
    consents = Consents(ctx.db, ctx.clock)
    return consents.was_asked(actor.user_id) and not consents.has(actor.user_id)


def give_consent(ctx: Context, actor: Actor) -> None:
    """Store the consent."""
    Consents(ctx.db, ctx.clock).give(actor.user_id, CONSENT_VERSION)


def decline_consent(ctx: Context, actor: Actor) -> None:
    """Store the refusal, so that the question is not repeated; an existing consent stays."""
    Consents(ctx.db, ctx.clock).decline(actor.user_id, CONSENT_VERSION)


def revoke_consent(ctx: Context, actor: Actor) -> list[str] | None:
    """Revoke the consent and delete the proposals; return the models that were trained on them.

    None if there was no consent.
    """
    if not Consents(ctx.db, ctx.clock).revoke(actor.user_id):
        return None
    Labels(ctx.db).delete_of(actor.user_id)
    Audit(ctx.db, ctx.clock).note(actor.name, "consent.revoke", actor.name)
    return Promotions(ctx.db, ctx.clock).withdraw_examples(actor.user_id)


def require_consent(ctx: Context, actor: Actor) -> None:
    """Raise Refused without it; until the end of the transaction nobody revokes it."""
    if not Consents(ctx.db, ctx.clock).hold(actor.user_id):
        raise Refused("no consent", "api-problem-consent-needed")
