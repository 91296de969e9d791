"""Examples that users propose: masked, with their consent, to an open course."""

from dataclasses import replace
from functools import partial

import pytest

from merlin.app import consent, proposals
from merlin.app.examples import ExampleContent
from merlin.app.proposals import draft_proposal
from merlin.core.errors import DatasetError, NotFound, Refused
from merlin.dataset.proposals import MAX_CHARACTERS, MAX_WAITING
from merlin.db.notices import ADMINS, Notices
from tests.db.pipeline_rows import FACE
from tests.support.config import make_config
from tests.support.people import STUDENT


def draft(question, answer="Тут."):
    content = ExampleContent(question=question, answer=answer)
    return draft_proposal(FACE, content, "ru")


@pytest.fixture
def ctx(ctx):
    return replace(ctx, config=make_config(datasets={"default": FACE}))


def propose(ctx, proposed):
    return ctx.db.transact(partial(proposals.propose, ctx, STUDENT, proposed))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("question", "answer", "key"),
    [
        (None, "Тут.", "api-problem-question-and-answer"),
        ("Где?", None, "api-problem-question-and-answer"),
        ("Где?", " \n", "api-problem-question-and-answer"),
        ("x" * (MAX_CHARACTERS + 1), "Тут.", "api-problem-too-long-example"),
        ("Где?", "x" * (MAX_CHARACTERS + 1), "api-problem-too-long-example"),
    ],
)
def test_proposal_without_words_or_with_too_many_is_refused(question, answer, key):
    with pytest.raises(DatasetError) as caught:
        draft(question, answer)
    assert caught.value.key == key


@pytest.mark.unit
def test_personal_data_in_a_proposal_is_masked():
    made = draft("Мой адрес anna@hse.ru?", " Да. ")
    assert "anna@hse.ru" not in made.question
    assert (made.answer, made.dataset) == ("Да.", FACE)
    assert draft("x" * MAX_CHARACTERS).question == "x" * MAX_CHARACTERS


@pytest.mark.integration
def test_nothing_is_proposed_without_consent_or_to_a_closed_course(ctx):
    with pytest.raises(Refused) as caught:
        propose(ctx, draft("Где?"))
    assert caught.value.key == "api-problem-consent-needed"
    consent.give_consent(ctx, STUDENT)
    closed = draft_proposal(
        "closed", ExampleContent(question="Где?", answer="Тут."), "ru"
    )
    with pytest.raises(NotFound):
        propose(ctx, closed)


@pytest.mark.integration
def test_editors_are_notified_of_the_first_of_the_waiting_proposals(ctx):
    consent.give_consent(ctx, STUDENT)
    first = propose(ctx, draft("Где?"))
    propose(ctx, draft("Когда?"))
    assert (first.question, first.answer) == ("Где?", "Тут.")
    (notice,) = Notices(ctx.db).list_newest(ADMINS, 9)
    assert notice.key == "notice-proposal"
    assert notice.arguments == {"dataset": FACE, "proposal": first.proposal}


@pytest.mark.integration
def test_person_with_many_waiting_proposals_cannot_add_another(ctx):
    consent.give_consent(ctx, STUDENT)
    for number in range(MAX_WAITING):
        propose(ctx, draft(f"Где {number}?"))
    with pytest.raises(Refused) as caught:
        propose(ctx, draft("Где ещё?"))
    assert caught.value.key == "api-problem-too-many-proposals"
