"""Ratings, and corrections as the editors will see them."""

import pytest

from merlin.account.users import Consents
from merlin.app import feedback, sessions as turn_views
from merlin.chat.feedback import Rating
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import StoredAnswer
from merlin.core.errors import Refused
from merlin.dataset.proposals import MAX_CHARACTERS, Proposals
from merlin.db.tables import SESSION
from tests.db.pipeline_rows import FACE, make_examples, make_spec
from tests.support.people import ANNA, STUDENT
from tests.support.refusals import refusal_key

GROUP = -5005
QUESTION = "Что значит черта 3?"
TAUGHT = "Черта 3 значит так. Ёлка 100%."


@pytest.mark.unit
def test_correction_is_stripped_and_neither_empty_nor_too_long():
    assert feedback.check_correction(" Иначе.\n") == "Иначе."
    for answer, key in (
        (" \n", "fix-text-only"),
        ("x" * (MAX_CHARACTERS + 1), "fix-long"),
    ):
        assert refusal_key(Refused, feedback.check_correction, answer) == key


@pytest.fixture
def answer(store_question):
    """Return a function that stores a question of anna with its answer; it returns its number."""

    def store(text="Тут.", question=QUESTION, chat_id=ANNA, kind="text", **stored):
        written = StoredAnswer(text, **stored)
        place = ChatPlace(chat_id, ANNA)
        return store_question(question, written, place, format=kind).turn_id

    return store


def correct(world, turn_id):
    """Correct an answer with a consent; return the proposal."""
    Consents(world.db).give(ANNA, "2026-11-22")
    feedback.correct(world.ctx, STUDENT, turn_id, " Пишите anna@hse.ru. ", "ru")
    (proposal,) = Proposals(world.db).of_user(ANNA)
    return proposal.draft


@pytest.mark.integration
def test_correction_of_a_models_answer_is_masked_and_belongs_to_its_dataset(
    world, answer
):
    turn_id = answer(TAUGHT, model_id=world.serve(1, make_examples()))
    draft = correct(world, turn_id)
    assert (draft.dataset, draft.turn_id, draft.question) == (FACE, turn_id, QUESTION)
    assert draft.answer.startswith("Пишите ")
    assert "anna" not in draft.answer
    assert draft.rejected == ""
    assert turn_views.get_turn(world.ctx, STUDENT, turn_id).rating is Rating.DOWN


@pytest.mark.integration
@pytest.mark.parametrize(
    ("text", "known", "kept"),
    [(TAUGHT, None, TAUGHT), ("Своими словами.", None, ""), (TAUGHT, False, "")],
)
def test_correction_keeps_the_answer_of_known_examples_and_no_composed_one(
    world, answer, text, known, kept
):
    model_id = world.serve(1, make_examples())
    assert (
        correct(world, answer(text, model_id=model_id, known=known)).known_answer
        == kept
    )


@pytest.mark.integration
def test_rejected_answer_is_kept_where_preferences_are_trained(world, answer):
    world.push(1, make_examples(), spec=make_spec(method="dpo"))
    turn_id = answer("Звоните anna@hse.ru.", model_id="general", known=False)
    world.db.change(SESSION.update({"dataset": FACE}))
    draft = correct(world, turn_id)
    assert draft.rejected.startswith("Звоните ")
    assert "anna" not in draft.rejected


@pytest.mark.integration
@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"text": ""}, "api-problem-not-rateable"),
        ({"kind": "photo"}, "api-problem-no-example"),
        ({"question": "x" * (MAX_CHARACTERS + 1)}, "api-problem-no-example"),
        ({"chat_id": GROUP}, "api-problem-no-example"),
    ],
)
def test_answer_that_can_be_no_example_is_not_corrected(world, answer, fields, key):
    turn_id = answer(model_id=world.serve(1, make_examples()), **fields)
    assert refusal_key(Refused, correct, world, turn_id) == key
    assert Proposals(world.db).of_user(ANNA) == []


@pytest.mark.integration
def test_correction_of_a_general_answer_belongs_to_the_dataset_of_its_chat(
    world, answer
):
    world.serve(1, make_examples())
    turn_id = answer(model_id="general")
    turn = turn_views.get_turn(world.ctx, STUDENT, turn_id)
    world.db.change(SESSION.update({"dataset": FACE}))
    assert feedback.draft_correction(world.ctx, turn, "Иначе.", "ru").dataset == FACE


@pytest.mark.integration
def test_button_stores_the_rating_that_it_names_however_often_it_is_pressed(
    world, answer
):
    turn_id = answer()
    for pressed, rating in (
        ("up", Rating.UP),
        ("up", Rating.UP),
        (feedback.NO_RATING, None),
    ):
        assert feedback.press_rating(world.ctx, STUDENT, turn_id, pressed) is rating
        assert turn_views.get_turn(world.ctx, STUDENT, turn_id).rating is rating
