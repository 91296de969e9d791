"""Edits of several batches and proposals of several people: which rows an act is about."""

from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.dataset.changes import (
    BatchResult,
    ChangeRequest,
    Changes,
    ChangeState,
    Edit,
    intent_key,
    make_changes,
)
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.proposal_follower import ProposalFollower
from merlin.dataset.proposals import (
    DISTIL,
    MAX_WAITING,
    Draft,
    Proposals,
    ProposalState,
    example_yaml,
)
from merlin.db.intents import Intents
from merlin.db.tables import CHANGE, PROPOSAL, REVOKED_EXAMPLE
from tests.db.pipeline_rows import AT, FACE

pytestmark = pytest.mark.integration
ANNA = 1001
BORIS = 1002
REQUEST = ChangeRequest(telegram_editor(7, "Вера"), "7", AT)
DRAFT = Draft("Что такое граф?", "Вершины и рёбра.", FACE, turn_id=1)


@pytest.fixture
def changes(database, clock):
    return Changes(database, clock)


@pytest.fixture
def proposals(database, clock):
    return Proposals(database, clock)


def put_edit(changes, name, dataset=FACE):
    made = make_changes(
        dataset, [Edit(f"examples/{name}.yaml", None, "текст\n")], REQUEST
    )
    changes.put(made)
    return made[0]


ACTS = {
    "withdraw": lambda rows, batch: rows.withdraw(batch.batch_id),
    "retry": lambda rows, batch: rows.retry(batch.batch_id),
    "settle": lambda rows, batch: rows.settle(batch, BatchResult("c" * 40)),
    "put aside": lambda rows, batch: rows.put_aside(
        batch, ChangeState.REFUSED, "x", {}
    ),
    "count": lambda rows, batch: rows.count_refusal(batch),
}


@pytest.mark.parametrize("act", ACTS)
def test_act_on_one_batch_changes_no_other(changes, act):
    for name in "ab":
        put_edit(changes, name)
    batches = [changes.claim(), changes.claim()]
    for batch in batches if act in ("withdraw", "retry") else ():
        changes.put_aside(batch, ChangeState.PARKED, "x", {})
    others = CHANGE.select().where(CHANGE.batch == batches[1].batch_id)
    before = changes.db.rows(others.clone())  # a query keeps its rows
    assert ACTS[act](changes, batches[0])
    assert changes.db.rows(others.clone()) == before


STEPS = {
    "ready": Intents.mark_ready,
    "failed": Intents.mark_failed,
    "sending": lambda *_: None,
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_own", [True, False])
def test_batch_is_withdrawn_unless_its_own_push_is_in_doubt(
    changes, clock, step, is_own
):
    first = put_edit(changes, "a")
    second = put_edit(changes, "b")
    intents = Intents(changes.db)
    key = intent_key((first if is_own else second).batch)
    intents.open(key, "push")
    intents.mark_sending(key, clock())
    STEPS[step](intents, key)
    assert changes.withdraw(first.change_id) is not (is_own and step == "sending")


def test_edits_are_listed_by_dataset_state_time_and_requester(changes, clock):
    for name in ("old", "new"):
        put_edit(changes, name)
        changes.settle(changes.claim(), BatchResult("c" * 40))
        clock.move(60)
    waiting = put_edit(changes, "b")
    other = put_edit(changes, "c", "law")
    since = clock() - timedelta(seconds=60)
    assert [each.inside for each in changes.list_committed(FACE, since)] == [
        "examples/new.yaml"
    ]
    assert changes.list_committed("law", since) == []
    assert [changes.list_pending(name) for name in (FACE, "law")] == [
        [waiting],
        [other],
    ]
    assert changes.claim().batch_id == waiting.batch
    assert len(changes.list_pending(FACE)) == 1, "also one at work"
    assert [
        len(changes.list_batches(*args)) for args in (("7", 9), ("8", 9), (None, 2))
    ] == [
        4,
        0,
        2,
    ]
    assert (
        changes.list_batches(None, 1, other.change_id)[0][0].change_id
        == waiting.change_id
    )


def set_state(proposals, number, state):
    proposals.db.update(PROPOSAL, PROPOSAL.id == number, state=state.value)


@pytest.mark.parametrize(
    ("user_id", "change", "state", "is_replaced"),
    [
        (ANNA, {}, ProposalState.WAITING, True),
        (BORIS, {}, ProposalState.WAITING, False),
        (ANNA, {"turn_id": 2}, ProposalState.WAITING, False),
        (ANNA, {"split": "test"}, ProposalState.WAITING, False),
        (ANNA, {}, ProposalState.APPROVED, False),
    ],
)
def test_correction_replaces_the_persons_waiting_one_of_the_same_turn(
    proposals, user_id, change, state, is_replaced
):
    number = proposals.add(user_id, replace(DRAFT, **change))
    set_state(proposals, number, state)
    proposals.add(ANNA, DRAFT)
    left = {each.proposal_id for each in proposals.of_user(user_id)}
    assert (number not in left) is is_replaced


def test_limit_counts_the_persons_own_waiting_corrections(proposals):
    numbers = [
        proposals.add(ANNA, replace(DRAFT, turn_id=n))
        for n in range(1, MAX_WAITING + 1)
    ]
    new = replace(DRAFT, turn_id=99)
    assert proposals.add(ANNA, new) is None
    assert proposals.add(BORIS, new)
    assert proposals.add(ANNA, replace(new, split="test"))
    set_state(proposals, numbers[0], ProposalState.DECLINED)
    assert proposals.add(ANNA, new)


def test_proposals_are_counted_by_dataset_state_mark_and_origin(proposals, clock):
    made = [
        DRAFT,
        replace(DRAFT, dataset="law", split="test"),
        replace(DRAFT, turn_id=2),
    ]
    first, _, third = (proposals.add(ANNA, draft) for draft in made)
    set_state(proposals, third, ProposalState.DECLINED)
    counts = [
        proposals.count(*args)
        for args in ((), ([FACE],), (["law"], "test"), (None, "test"))
    ]
    assert counts == [2, 1, 1, 1]
    assert [proposals.has_waiting(name, DRAFT.origin) for name in (FACE, "none")] == [
        True,
        False,
    ]
    assert not proposals.has_waiting(FACE, DISTIL)
    set_state(proposals, first, ProposalState.APPROVED)
    questions = [len(proposals.open_questions(name)) for name in (FACE, "law", "none")]
    assert questions == [1, 1, 0]
    assert proposals.find_first_at() == clock()
    assert proposals.find_first_at(committed=True) is None


def test_withdrawal_forgets_the_proposals_of_one_person_and_the_examples_that_never_reached_git(
    proposals, clock
):
    numbers = [
        proposals.add(user, replace(DRAFT, question=f"{user}?"))
        for user in (ANNA, BORIS)
    ]
    for number in numbers:
        proposals.approve({number: example_yaml(proposals.get(number).draft)}, REQUEST)
    mine, yours = (proposals.get(number) for number in numbers)
    kept = [("law", mine.example_ids), (FACE, "other")]
    for dataset, example_id in kept:
        proposals.db.add_new(
            REVOKED_EXAMPLE, {"dataset": dataset, "example_id": example_id}
        )
    proposals.withdraw(ANNA)
    assert proposals.of_user(ANNA) == []
    assert proposals.get(yours.proposal_id) == yours
    assert proposals.get(mine.proposal_id).draft.answer == ""
    follower = ProposalFollower(proposals.db, clock)
    follower.follow()
    revoked = proposals.db.rows(REVOKED_EXAMPLE.select())
    assert {(row.dataset, row.example_id) for row in revoked} == {*kept}
    assert proposals.get(yours.proposal_id) == yours
