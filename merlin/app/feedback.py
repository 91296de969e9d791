"""Feedback on answers: ratings, and corrections for editors."""

from collections.abc import Mapping
from typing import Final

from merlin.app import consent, proposals, sessions, unanswered
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.sessions import TurnView
from merlin.chat.feedback import (
    EXAMPLE_FORMATS,
    Rating,
    Ratings,
)
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.wordings import Labels
from merlin.core.errors import Refused
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import MAX_CHARACTERS, Draft
from merlin.dataset.sensitive import mask_personal_data
from merlin.dataset.spec import DPO
from merlin.db.tables import SESSION, TURN
from merlin.training.models import find_taught


def correct(
    ctx: Context, actor: Actor, turn_id: int, answer: str, language: str
) -> None:
    """Propose a better answer, masked, to the editors, and rate the given one down.

    Raises NotFound for another user's turn; Refused for an empty or too long text, without an
    answer or consent, for a text that cannot be an example, and for too many corrections.
    """
    turn = sessions.get_turn(ctx, actor, turn_id)
    correction = check_correction(answer)
    if not turn.answer:
        raise _make_refusal("not-rateable")
    draft = draft_correction(ctx, turn, correction, language)
    if not (turn.is_private and draft.dataset):
        raise _make_refusal("no-example")
    proposals.add(ctx, actor, draft)
    Ratings(ctx.db, ctx.bot_id, ctx.clock).rate(turn_id, actor.user_id, Rating.DOWN)


def refuse_offers(ctx: Context, actor: Actor, turn_id: int, language: str) -> None:
    """Store that a declined question meant none of what was offered, masked, with the consent.

    Raises NotFound for another user's turn.
    """
    turn = sessions.get_turn(ctx, actor, turn_id)
    dataset = dataset_of(ctx, turn.id, turn.question, turn.format, turn.model)
    if dataset and turn.is_private and consent.has_consent(ctx, actor):
        Labels(ctx.db, ctx.clock).put_none(turn_id, dataset, language)


# In place of the rating, on the button of the rating in effect: pressing it removes the rating.
NO_RATING: Final = "none"


def press_rating(
    ctx: Context, actor: Actor, turn_id: int, pressed: str
) -> Rating | None:
    """Store the rating that a pressed button names, and return it; None for NO_RATING.

    A button names what to store, so a double click is the same as one. The caller checks who may
    rate the turn: in a group everybody may.
    """
    rating = None if pressed == NO_RATING else Rating(pressed)
    Ratings(ctx.db, ctx.bot_id, ctx.clock).rate(turn_id, actor.user_id, rating)
    return rating


def check_correction(answer: str) -> str:
    """Return a correction, stripped. Raises Refused for an empty or too long one."""
    text = answer.strip()
    if not text:
        raise Refused("no words", "fix-text-only")
    if len(text) > MAX_CHARACTERS:
        raise Refused("too long", "fix-long", most=MAX_CHARACTERS)
    return text


def draft_correction(ctx: Context, turn: TurnView, text: str, language: str) -> Draft:
    """Return a correction of an answer, masked, as editors will see it."""
    dataset = dataset_of(ctx, turn.id, turn.question, turn.format, turn.model)
    question, answer = (
        mask_personal_data(words, language).words for words in (turn.question, text)
    )
    rejected = _rejected_answer(ctx, dataset, turn.answer, language)
    before = unanswered.read_turn_before(
        ctx, dataset, turn.question, turn.id, language
    ) or ("", "")
    return Draft(
        question,
        answer,
        dataset,
        turn.id,
        turn.model,
        rejected=rejected,
        before_question=before[0],
        before_answer=before[1],
        known_answer=_known_answer(ctx, turn),
    )


def _known_answer(ctx: Context, turn: TurnView) -> str:
    """Return the corrected answer if the model was taught exactly it, "" otherwise."""
    if turn.known is False:
        return ""
    taught, _ = find_taught(ctx.db, turn.model, turn.question, turn.answer)
    return turn.answer if taught else ""


def dataset_of(
    ctx: Context, turn_id: int, question: str, source: str, model_id: str
) -> str:
    """Return the dataset that a correction of an answer belongs to: its model's or its session's.

    "" if there is none, or the question cannot be an example; `source` is the question's format.
    """
    if source not in EXAMPLE_FORMATS or len(question) > MAX_CHARACTERS:
        return ""
    catalogue = ModelCatalogue(ctx.db)
    model = catalogue.model(model_id) if model_id else None
    if model is not None:
        return model.dataset
    session_of_turn = SESSION.select(SESSION.dataset).join(
        TURN, on=(TURN.session_id == SESSION.id)
    )
    chosen = (
        ctx.db.value(session_of_turn.where(TURN.id == turn_id)) or ctx.default_dataset
    )
    serving = catalogue.find_serving(chosen)
    return serving.dataset if serving else chosen or ""


def _rejected_answer(ctx: Context, dataset: str, answer: str, language: str) -> str:
    """Return the corrected answer, masked, if the dataset trains on preference pairs; else ""."""
    build = FileIndex(ctx.db).find_newest_build(dataset)
    recipe = build.manifest.get("recipe") if build else None
    if not (isinstance(recipe, Mapping) and recipe.get("method") == DPO):
        return ""
    return mask_personal_data(answer, language).words


def _make_refusal(code: str) -> Refused:
    return Refused(code, f"api-problem-{code}")
