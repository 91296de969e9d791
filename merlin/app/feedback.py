"""What people think of answers: ratings, better answers for editors to read, and the consent."""

from __future__ import annotations

from merlin.account.users import ConsentKind, Consents
from merlin.app import proposals, sessions
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.sessions import TurnView
from merlin.chat.feedback import Rating, Ratings, toggle_rating
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.core.errors import Refused
from merlin.dataset.proposals import MOST_LETTERS, Draft, Proposals, mask_personal_data
from merlin.db.audit import Audit

TRAINING = ConsentKind.TRAINING
# The version of the words under `consent-asked`; other words need an answer of their own.
VERSION = "2026-11"
# What was asked in these can be an example: a picture or a whole document cannot.
FORMATS = frozenset({"text", "voice"})


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


def rate(
    ctx: Context,
    actor: Actor,
    turn_id: int,
    value: Rating,
    correction: str | None = None,
    language: str = "ru",
) -> Draft | None:
    """Keep what the actor thinks of an answer; return the correction that waits for an editor.

    It is masked. Raises NotFound for a turn of somebody else; Refused without an answer, without
    the consent, for what can be no example, and for too many corrections.
    """
    turn = sessions.get_turn(ctx, actor, turn_id)
    if not turn.answer:
        raise _refused("not-rateable")
    draft = _correct(ctx, actor, turn, correction, language) if correction else None
    Ratings(ctx.db, ctx.bot_id, ctx.clock).rate(turn_id, actor.user_id, value)
    return draft


def press_rating(ctx: Context, actor: Actor, turn_id: int, pressed: Rating) -> Rating | None:
    """Keep what a pressed button says of an answer; return what counts now.

    The same button again takes the rating back. Who may rate the turn is for the caller to say:
    under an answer in a group everybody may.
    """
    ratings = Ratings(ctx.db, ctx.bot_id, ctx.clock)
    rating = toggle_rating(ratings.of(turn_id, actor.user_id), pressed)
    ratings.rate(turn_id, actor.user_id, rating)
    return rating


def take_rating_back(ctx: Context, actor: Actor, turn_id: int) -> None:
    """Forget what the actor thinks of an answer; harmless where there is nothing.

    Raises NotFound.
    """
    sessions.get_turn(ctx, actor, turn_id)
    Ratings(ctx.db, ctx.bot_id, ctx.clock).rate(turn_id, actor.user_id, None)


def _correct(ctx: Context, actor: Actor, turn: TurnView, words: str, language: str) -> Draft:
    if not has_consent(ctx, actor):
        raise _refused("no-consent")
    dataset = dataset_of(ctx, turn.question, turn.format, turn.model)
    if not (turn.is_private and dataset):
        raise _refused("no-example")
    question = mask_personal_data(turn.question, language).words
    answer = mask_personal_data(words, language).words
    draft = Draft(question, answer, dataset, turn.id, turn.model)
    if proposals.add(ctx, actor, draft) is None:
        raise _refused("too-many-corrections")
    return draft


def dataset_of(ctx: Context, question: str, source: str, model_id: str) -> str:
    """Return the dataset that a correction of an answer belongs to.

    "" where there is none, and for a question that can be no example; `source` is its format.
    """
    if source not in FORMATS or len(question) > MOST_LETTERS:
        return ""
    catalogue = ModelCatalogue(ctx.db)
    model = catalogue.model(model_id) if model_id else None
    if model is not None:
        return model.dataset
    serving = catalogue.serving(ctx.default_dataset)
    return serving.dataset if serving else ctx.default_dataset or ""


def _refused(code: str) -> Refused:
    return Refused(code, f"api-problem-{code}-detail")
