"""Examples that users propose with their consent, and how editors decide about them."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from merlin.account.users import User, Users
from merlin.app import proposals, reviews
from merlin.app.actor import Actor
from merlin.app.changes import editor_of
from merlin.app.consent import (
    decline_consent,
    give_consent,
    has_consent,
    has_declined,
    require_consent,
    revoke_consent,
)
from merlin.app.examples import ExampleContent
from merlin.app.proposals import draft_proposal
from merlin.app.reviews import Review
from merlin.core.errors import DatasetError, NotFound, Refused
from merlin.dataset.changes import BatchResult, Changes
from merlin.dataset.example_file import parse_example
from merlin.dataset.files import FileIndex
from merlin.dataset.proposal_follower import ProposalFollower
from merlin.dataset.proposals import (
    EDITING,
    MAX_CHARACTERS,
    MAX_WAITING,
    Draft,
    Proposals,
    example_yaml,
)
from merlin.db.notices import ADMINS, Notices
from merlin.db.tables import AUDIT, PROPOSAL
from tests.db.pipeline_rows import FACE, OPERATOR, make_examples, make_spec
from tests.support.config import make_config
from tests.support.people import ANNA, BORIS, EDITOR, STUDENT, VERA
from tests.support.refusals import refusal_key

OTHER = Actor.person(VERA, EDITOR.authority)
DRAFT = Draft("Где касса?", "На втором этаже.", FACE, 1)


@pytest.mark.integration
def test_consent_is_of_one_person_until_it_is_revoked(ctx):
    give_consent(ctx, STUDENT)
    require_consent(ctx, STUDENT)
    assert [has_consent(ctx, STUDENT), has_consent(ctx, EDITOR)] == [True, False]
    assert revoke_consent(ctx, STUDENT) == []
    assert (
        refusal_key(Refused, require_consent, ctx, STUDENT)
        == "api-problem-consent-needed"
    )
    [noted] = ctx.db.rows(AUDIT.select())
    assert (noted.by_whom, noted.action) == (STUDENT.name, "consent.revoke")


@pytest.mark.integration
def test_consent_that_was_not_given_cannot_be_revoked(ctx):
    assert revoke_consent(ctx, STUDENT) is None
    assert not ctx.db.rows(AUDIT.select())


@pytest.mark.integration
def test_only_who_was_asked_has_declined(ctx):
    assert not has_declined(ctx, STUDENT)
    decline_consent(ctx, STUDENT)
    assert [has_declined(ctx, STUDENT), has_declined(ctx, EDITOR)] == [True, False]
    give_consent(ctx, STUDENT)
    assert not has_declined(ctx, STUDENT)


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
    assert refusal_key(DatasetError, draft, question, answer) == key


@pytest.mark.unit
def test_personal_data_in_a_proposal_is_masked():
    made = draft("Мой адрес anna@hse.ru?", " Да. ")
    assert "anna@hse.ru" not in made.question
    assert (made.answer, made.dataset) == ("Да.", FACE)
    assert draft("x" * MAX_CHARACTERS).question == "x" * MAX_CHARACTERS


@pytest.mark.integration
def test_nothing_is_proposed_without_consent_or_to_a_closed_course(ctx):
    assert (
        refusal_key(Refused, propose, ctx, draft("Где?"))
        == "api-problem-consent-needed"
    )
    give_consent(ctx, STUDENT)
    closed = draft_proposal(
        "closed", ExampleContent(question="Где?", answer="Тут."), "ru"
    )
    with pytest.raises(NotFound):
        propose(ctx, closed)


@pytest.mark.integration
def test_editors_are_notified_of_the_first_of_the_waiting_proposals(ctx):
    give_consent(ctx, STUDENT)
    first = propose(ctx, draft("Где?"))
    propose(ctx, draft("Когда?"))
    assert (first.question, first.answer) == ("Где?", "Тут.")
    (notice,) = Notices(ctx.db).list_newest(ADMINS, 9)
    assert notice.key == "notice-proposal"
    assert notice.arguments == {"dataset": FACE, "proposal": first.proposal}


@pytest.mark.integration
def test_person_with_many_waiting_proposals_cannot_add_another(ctx):
    give_consent(ctx, STUDENT)
    for number in range(MAX_WAITING):
        propose(ctx, draft(f"Где {number}?"))
    assert (
        refusal_key(Refused, propose, ctx, draft("Где ещё?"))
        == "api-problem-too-many-proposals"
    )


@pytest.fixture
def rows(ctx):
    return Proposals(ctx.db, ctx.clock)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("other", "is_alike"),
    [
        ({"question": "где касса"}, True),
        ({"answer": "на втором этаже"}, True),
        ({"question": "Где кассы?"}, True),
        ({"question": "Где выход?"}, False),
        ({"answer": "На первом этаже."}, False),
        ({"before_question": "Что закрыто?", "before_answer": "Касса."}, False),
        ({"split": "test"}, False),
        ({"origin": "distil"}, False),
    ],
)
def test_proposals_are_alike_with_one_answer_to_equal_or_near_questions(
    rows, other, is_alike
):
    ids = [rows.add(ANNA, DRAFT), rows.add(BORIS, replace(DRAFT, **other))]
    groups = reviews.group_alike(rows.list_waiting())
    found = [[each.proposal_id for each in group] for group in groups]
    assert found == ([ids] if is_alike else [[each] for each in ids])


def commit(ctx):
    """Commit what was accepted; return question -> answer of the new examples."""
    changes = Changes(ctx.db, ctx.clock)
    batch = changes.claim()
    texts = [parse_example(each.text) for each in batch.changes]
    changes.settle(batch, BatchResult("c" * 40))
    ProposalFollower(ctx.db, ctx.clock).follow()
    return {each.question: each.answer for each in texts}


def list_told(ctx, user_id):
    return [
        each.key for each in Notices(ctx.db, ctx.clock).list_newest(str(user_id), 5)
    ]


@pytest.mark.integration
def test_one_press_accepts_all_that_are_alike_as_the_editor_worded_them(ctx, rows):
    questions = {ANNA: "Где касса?", BORIS: "где касса", VERA: "Где кассы?"}
    first, same, near = (
        rows.add(
            user_id, replace(DRAFT, question=question, rejected=f"Не знаю, {user_id}.")
        )
        for user_id, question in questions.items()
    )
    review = Review(
        written={first: ("Где находится касса?", "Справа.")},
        alike=dict.fromkeys((first, same, near), first),
    )
    reviews.approve_several(ctx, EDITOR, [first, same, near], review)
    assert commit(ctx) == {"Где находится касса?": "Справа.", "Где кассы?": "Справа."}
    assert rows.get(first).example_ids == rows.get(same).example_ids
    assert rows.get(first).example_ids != rows.get(near).example_ids
    for user_id in questions:
        assert list_told(ctx, user_id) == ["notice-proposal-committed"]


@pytest.mark.integration
def test_proposal_is_not_accepted_like_one_that_is_decided(ctx, rows):
    first = rows.add(ANNA, DRAFT)
    same = rows.add(BORIS, DRAFT)
    rows.decline(first)
    with pytest.raises(Refused):
        reviews.approve_several(ctx, EDITOR, [same], Review(alike={same: first}))
    assert [each.proposal_id for each in rows.list_waiting()] == [same]


@pytest.mark.integration
def test_reworded_proposal_waits_again_as_the_editor_worded_it(ctx, rows):
    number = rows.add(ANNA, DRAFT)
    review = Review(written={number: ("Где касса вокзала?", "Слева.")})
    change = reviews.approve_several(ctx, EDITOR, [number], review)
    Changes(ctx.db, ctx.clock).withdraw(change)
    ProposalFollower(ctx.db, ctx.clock).follow()
    (waiting,) = rows.list_waiting()
    assert waiting.draft == replace(
        DRAFT, question="Где касса вокзала?", answer="Слева."
    )
    assert "вокзала" not in str(ctx.db.rows(PROPOSAL.select()))


def find_editors(ctx, actor, rows):
    return [
        name
        for some in reviews.find_editors(ctx, actor, rows.list_waiting()).values()
        for name in some
    ]


@pytest.mark.integration
def test_others_see_for_some_minutes_who_is_editing_a_proposal(ctx, rows, clock):
    number = rows.add(ANNA, DRAFT)
    Users(ctx.db, ctx.clock).record([User(BORIS)])
    Users(ctx.db, ctx.clock).set_name(BORIS, "Борис")
    assert reviews.start_editing(ctx, EDITOR, number) == []
    assert find_editors(ctx, EDITOR, rows) == []
    assert find_editors(ctx, OTHER, rows) == ["Борис"]
    assert reviews.start_editing(ctx, OTHER, number) == ["Борис"]
    assert find_editors(ctx, EDITOR, rows) == [str(VERA)]
    clock.move((EDITING - timedelta(seconds=1)).total_seconds())
    assert find_editors(ctx, OTHER, rows) == ["Борис"]
    clock.move(1)
    assert find_editors(ctx, OTHER, rows) == []


@pytest.mark.integration
def test_editing_ends_with_the_decision(ctx, rows):
    first = rows.add(ANNA, DRAFT)
    second = rows.add(BORIS, DRAFT)
    for number in (first, second):
        reviews.start_editing(ctx, EDITOR, number)
    rows.decline(first)
    assert rows.list_editors([first, second]) == {second: [BORIS]}
    with pytest.raises(Refused):
        reviews.start_editing(ctx, OTHER, first)
    with pytest.raises(NotFound):
        reviews.start_editing(ctx, STUDENT, second)


@pytest.mark.integration
def test_text_that_is_no_example_is_not_accepted(ctx, rows):
    proposal = rows.add(ANNA, DRAFT)
    for text in (None, "messages: []"):
        assert (
            refusal_key(
                Refused,
                reviews.approve,
                ctx,
                EDITOR,
                proposal,
                text,
                editor_of(ctx, EDITOR),
            )
            == "change-has-errors"
        )
    assert (
        refusal_key(Refused, reviews.approve_several, ctx, EDITOR, [])
        == "change-has-errors"
    )
    text = example_yaml(reviews.get_waiting(ctx, EDITOR, proposal).draft)
    reviews.approve(ctx, EDITOR, proposal, text, editor_of(ctx, EDITOR))
    assert commit(ctx) == {DRAFT.question: DRAFT.answer}


@pytest.mark.integration
def test_dataset_without_a_build_needs_no_test_questions_yet(ctx):
    assert reviews.count_test_questions(ctx, EDITOR, FACE).least == 0


@pytest.mark.unit
@pytest.mark.parametrize(
    ("counts", "has_gate"),
    [
        ({"questions": 10}, True),
        ({"questions": 9}, False),
        ({"questions": 5, "waiting": 5}, True),
        ({"disguised": 10}, True),
        ({"questions": 3, "waiting": 3, "disguised": 3}, False),
    ],
)
def test_disguised_questions_count_towards_what_compares_models(counts, has_gate):
    part = reviews.TestPart(least=10, **counts)
    assert part.has_gate is has_gate
    # A stronger model is asked for other wordings all the same.
    assert part.missing == 10 - counts.get("questions", 0) - counts.get("waiting", 0)


@pytest.mark.integration
def test_questions_in_a_disguise_are_counted_of_the_newest_build(world):
    world.push(1, make_examples(12), spec=make_spec())
    FileIndex(world.db).keep(FACE, "tree", {})
    part = reviews.count_test_questions(world.ctx, OPERATOR, FACE)
    assert part.disguised > 0
