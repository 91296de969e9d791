"""How editors decide about proposals: their own words, those that are alike, who is at one now."""

from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.account.users import User, Users
from merlin.app import reviews
from merlin.app.actor import Actor
from merlin.app.changes import editor_of
from merlin.app.reviews import Review
from merlin.core.errors import NotFound, Refused
from merlin.dataset.changes import BatchResult, Changes
from merlin.dataset.example_file import parse_example
from merlin.dataset.proposal_follower import ProposalFollower
from merlin.dataset.proposals import EDITING, Draft, Proposals, example_yaml
from merlin.db.notices import Notices
from merlin.db.tables import PROPOSAL
from tests.db.pipeline_rows import FACE
from tests.support.people import ANNA, BORIS, EDITOR, STUDENT, VERA

pytestmark = pytest.mark.integration

OTHER = Actor.person(VERA, EDITOR.authority)
DRAFT = Draft("Где касса?", "На втором этаже.", FACE, 1)


@pytest.fixture
def rows(ctx):
    return Proposals(ctx.db, ctx.clock)


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


def test_proposal_is_not_accepted_like_one_that_is_decided(ctx, rows):
    first = rows.add(ANNA, DRAFT)
    same = rows.add(BORIS, DRAFT)
    rows.decline(first)
    with pytest.raises(Refused):
        reviews.approve_several(ctx, EDITOR, [same], Review(alike={same: first}))
    assert [each.proposal_id for each in rows.list_waiting()] == [same]


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


def test_text_that_is_no_example_is_not_accepted(ctx, rows):
    proposal = rows.add(ANNA, DRAFT)
    for text in (None, "messages: []"):
        with pytest.raises(Refused) as caught:
            reviews.approve(ctx, EDITOR, proposal, text, editor_of(ctx, EDITOR))
        assert caught.value.key == "change-has-errors"
    with pytest.raises(Refused) as caught:
        reviews.approve_several(ctx, EDITOR, [])
    assert caught.value.key == "change-has-errors"
    text = example_yaml(reviews.get_waiting(ctx, EDITOR, proposal).draft)
    reviews.approve(ctx, EDITOR, proposal, text, editor_of(ctx, EDITOR))
    assert commit(ctx) == {DRAFT.question: DRAFT.answer}


def test_dataset_without_a_build_needs_no_test_questions_yet(ctx):
    assert reviews.count_test_questions(ctx, EDITOR, FACE).least == 0
