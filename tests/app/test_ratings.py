"""Ratings, and proposed examples on their way to git and back."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from merlin.app.verdicts import view_notice
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.clock import utc_now
from merlin.core.errors import NotFound
from merlin.dataset.changes import (
    CONFLICT,
    BatchResult,
    ChangeKind,
    ChangeRequest,
    Changes,
    ChangeState,
)
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.example_file import read_example
from merlin.dataset.example_rewording import reword_example
from merlin.dataset.files import FileIndex
from merlin.dataset.layout import example_path
from merlin.dataset.proposal_follower import AT_ONCE, ProposalFollower
from merlin.dataset.proposals import (
    MAX_WAITING,
    Draft,
    Proposals,
    ProposalState,
    example_yaml,
)
from merlin.db.notices import Notices
from merlin.db.tables import (
    CHANGE,
    COMMIT,
    PROPOSAL,
    RATING,
    REVOKED_EXAMPLE,
    TURN,
    list_all_tables,
)
from tests.db.pipeline_rows import FACE, make_example, make_examples

pytestmark = pytest.mark.integration

ANNA = 1001
BORIS = 1002
BOT = 7
DRAFT = Draft("Что такое лоб?", "Верх лица.", FACE, 1, "ft:face")
TEXT = reword_example(example_yaml(DRAFT), tags=("лицо",))
BY_BORIS = ChangeRequest(telegram_editor(BORIS, "Борис"), str(BORIS), utc_now())


@pytest.fixture
def turns(database, clock):
    """Three answered turns by anna."""
    session = Sessions(database, BOT, clock).open(ChatPlace(ANNA, ANNA))
    rows = Turns(database, BOT, clock)
    for number in (1, 2, 3):
        rows.ask(
            Question(session.session_id, number, ANNA, f"Вопрос {number}?"), 40 + number
        )
        rows.write(number, StoredAnswer("Ответ.", model_id="ft:face"))
        rows.mark_delivered(number)
    return rows


@pytest.fixture
def ratings(database, clock, turns):
    return Ratings(database, BOT, clock)


@pytest.fixture
def proposals(database, clock):
    return Proposals(database, clock)


@pytest.fixture
def changes(database, clock):
    return Changes(database, clock)


@pytest.fixture
def following(database, clock):
    return ProposalFollower(database, clock)


@pytest.fixture
def proposal_id(proposals):
    """The number of anna's proposal that waits."""
    return proposals.add(ANNA, DRAFT)


def test_message_id_leads_to_its_turn(ratings):
    assert ratings.find_turn(ANNA, 42) == 2
    assert ratings.find_turn(ANNA, 99) is None
    assert ratings.find_turn(BORIS, 42) is None


def test_rating_is_deleted_with_its_turn(database, ratings):
    ratings.rate(1, ANNA, Rating.UP)
    database.change(TURN.delete())
    assert database.rows(RATING.select()) == []


def test_proposal_is_encrypted_and_replaces_the_earlier_one_of_its_turn(
    database, proposals
):
    first = proposals.add(ANNA, DRAFT)
    second = proposals.add(ANNA, Draft("Что такое лоб?", "Лоб.", FACE, 1))
    assert first != second
    (waiting,) = proposals.list_waiting()
    assert (waiting.proposal_id, waiting.draft.answer) == (second, "Лоб.")
    assert "Лоб" not in str(database.rows(PROPOSAL.select()))
    assert (proposals.count(), proposals.count([FACE]), proposals.count(["other"])) == (
        1,
        1,
        0,
    )
    with pytest.raises(NotFound):
        proposals.get(999)


def test_waiting_proposals_per_user_are_limited(proposals):
    for number in range(MAX_WAITING):
        assert proposals.add(ANNA, Draft("Вопрос", "Ответ", FACE, number + 1))
    assert proposals.add(ANNA, Draft("Вопрос", "Ответ", FACE, 999)) is None
    assert proposals.add(BORIS, DRAFT)
    assert len(proposals.list_waiting(limit=8)) == 8


def test_proposal_beyond_the_limit_can_still_be_replaced(proposals, changes, following):
    approved = {proposals.add(ANNA, DRAFT): TEXT}
    change_id = proposals.approve(approved, BY_BORIS)
    for number in range(MAX_WAITING):
        assert proposals.add(ANNA, Draft("Вопрос", "Ответ", FACE, number + 2))
    changes.withdraw(change_id)
    following.follow()
    assert proposals.count() == MAX_WAITING + 1
    better = proposals.add(ANNA, Draft("Вопрос", "Лучше", FACE, 2))
    assert better is not None
    assert proposals.get(better).draft.answer == "Лучше"
    assert proposals.count() == MAX_WAITING + 1


def test_test_question_of_an_answer_is_no_proposal_of_the_user(proposals):
    mine = proposals.add(ANNA, DRAFT)
    for number in range(MAX_WAITING):
        assert proposals.add(
            ANNA, Draft("Вопрос", "Ответ", FACE, number + 1, split="test")
        )
    assert proposals.get(mine).draft == DRAFT
    assert proposals.add(ANNA, Draft("Вопрос", "Ответ", FACE, 999))


def test_approval_creates_a_change_in_the_editors_name(proposals, changes, proposal_id):
    change = changes.get(proposals.approve({proposal_id: TEXT}, BY_BORIS))
    assert (change.kind, change.by, change.editor.name) == (
        ChangeKind.ADD,
        str(BORIS),
        "Борис",
    )
    assert change.path == f"{FACE}/examples/from-chat/что-такое-лоб.yaml"
    example, findings = read_example(change.text.encode())
    assert findings == ()
    assert (example.question, example.answer, example.tags) == (
        "Что такое лоб?",
        "Верх лица.",
        ("лицо",),
    )
    assert str(ANNA) not in change.text
    assert proposals.get(proposal_id).state is ProposalState.APPROVED
    assert proposals.approve({proposal_id: TEXT}, BY_BORIS) is None
    assert not proposals.decline(proposal_id)


def test_approved_proposals_of_one_question_get_different_files(proposals, changes):
    ids = [proposals.add(user_id, DRAFT) for user_id in (ANNA, BORIS)]
    paths = {
        changes.get(proposals.approve({proposal_id: TEXT}, BY_BORIS)).path
        for proposal_id in ids
    }
    assert len(paths) == 2


@pytest.mark.usefixtures("turns")
def test_author_is_told_once_what_became_of_each_correction(
    database, proposals, changes, following
):
    commit_draft(database, proposals, changes, following)
    assert proposals.decline(proposals.add(ANNA, replace(DRAFT, turn_id=2)))
    following.follow()
    told = [
        view_notice(database, each)
        for each in Notices(database).list_newest(str(ANNA), 5)
    ]
    assert [(each.key, each.arguments["question"]) for each in told] == [
        ("notice-proposal-declined", "Вопрос 2?"),  # its own text is erased
        ("notice-proposal-committed", DRAFT.question),
    ]


@pytest.mark.usefixtures("turns")
@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("", {"en": "to “Вопрос 1?”.", "ru": "на вопрос «Вопрос 1?»."}),
        ("Верно <b>иначе</b>.", dict.fromkeys(("en", "ru"), ": Верно <b>иначе</b>.")),
    ],
)
def test_author_is_told_why_a_correction_was_declined(
    database, proposals, reason, told
):
    assert proposals.decline(proposals.add(ANNA, DRAFT), reason)
    (notice,) = Notices(database).list_newest(str(ANNA), 5)
    for language, end in told.items():
        assert view_notice(database, notice).text(language).endswith(end)
    assert not reason or reason not in str(database.rows(PROPOSAL.select()))
    proposals.withdraw(ANNA)
    assert database.value(PROPOSAL.select(PROPOSAL.reason)) == ""


def test_notice_about_a_deleted_proposal_has_no_words_of_it(database, proposals):
    assert proposals.decline(proposals.add(ANNA, DRAFT))
    database.change(PROPOSAL.delete())
    (notice,) = Notices(database).list_newest(str(ANNA), 5)
    arguments = view_notice(database, notice).arguments
    assert (arguments["question"], arguments["reason"]) == ("…", "…")


def test_declined_proposal_is_erased(proposals, proposal_id):
    assert proposals.decline(proposal_id)
    declined = proposals.get(proposal_id)
    assert (declined.draft.question, declined.draft.answer) == ("", "")
    assert declined.state is ProposalState.DECLINED


def process_change(changes, commit="c" * 40):
    """Process the oldest change, as the daemon does."""
    changes.settle(changes.claim(), BatchResult(commit))


def test_proposal_waits_again_if_its_change_failed(
    proposals, changes, following, proposal_id
):
    change_id = proposals.approve({proposal_id: TEXT}, BY_BORIS)
    assert following.is_due()
    following.follow()
    assert proposals.get(proposal_id).state is ProposalState.APPROVED
    changes.withdraw(change_id)
    following.follow()
    reopened = proposals.get(proposal_id)
    assert (reopened.state, reopened.change_id) == (ProposalState.WAITING, "")
    assert not following.is_due()


def test_proposal_whose_change_is_no_longer_kept_is_over(
    database, proposals, following, proposal_id
):
    proposals.approve({proposal_id: TEXT}, BY_BORIS)
    database.change(CHANGE.delete())
    following.follow()
    assert proposals.get(proposal_id).state is ProposalState.COMMITTED


def test_file_that_is_no_example_leaves_a_proposal_its_own_words(
    proposals, proposal_id
):
    assert proposals.approve({proposal_id: "messages: []\n"}, BY_BORIS)
    draft = proposals.get(proposal_id).draft
    assert (draft.question, draft.answer) == (DRAFT.question, DRAFT.answer)


def test_approved_proposals_are_processed_behind_many_parked_ones(
    proposals, changes, following
):
    proposals.add_drafts(
        [Draft(f"Что за {number}?", "Лоб.", FACE) for number in range(AT_ONCE)]
    )
    parked = {each.proposal_id: TEXT for each in proposals.list_waiting(limit=AT_ONCE)}
    proposals.approve(parked, BY_BORIS)
    changes.put_aside(changes.claim(), ChangeState.PARKED, "change-push-refused", {})
    proposal_id = proposals.add(ANNA, DRAFT)
    proposals.approve({proposal_id: TEXT}, BY_BORIS)
    process_change(changes)
    following.follow()
    assert proposals.get(proposal_id).state is ProposalState.COMMITTED
    assert {proposals.get(each).state for each in parked} == {ProposalState.APPROVED}


def set_file(database, example_id, blob="b1"):
    """Put the example's file into the dataset, or remove it."""
    FileIndex(database).keep(FACE, f"tree-{blob}", {example_path(example_id): blob})


def commit_draft(database, proposals, changes, following):
    """Make anna's draft an example in git; return its id."""
    proposals.approve({proposals.add(ANNA, DRAFT): TEXT}, BY_BORIS)
    process_change(changes)
    following.follow()
    set_file(database, proposals.get(1).example_ids)
    return proposals.get(1).example_ids


def test_withdrawal_deletes_the_file_and_names_the_trained_models(
    world, proposals, changes, following
):
    example_id = commit_draft(world.db, proposals, changes, following)
    model_id = world.serve(
        1,
        (
            replace(make_example(50), id=example_id, path=example_path(example_id)),
            *make_examples(),
        ),
    )
    assert proposals.withdraw(ANNA) == [model_id]
    assert proposals.of_user(ANNA) == []
    following.follow()
    batch = changes.claim()
    (change,) = batch.changes
    assert (change.kind, change.before, change.text) == (ChangeKind.DELETE, "b1", None)
    assert change.path == f"{FACE}/{example_path(example_id)}"
    changes.settle(batch, BatchResult("d" * 40))
    following.follow()
    assert not following.is_due()
    assert changes.claim() is None


def test_withdrawal_before_the_commit_cancels_the_change(proposals, changes, following):
    change_id = proposals.approve({proposals.add(ANNA, DRAFT): TEXT}, BY_BORIS)
    proposals.withdraw(ANNA)
    following.follow()
    assert changes.get(change_id).state is ChangeState.REFUSED
    assert not following.is_due()


def test_withdrawal_during_an_approval_revokes_its_example(
    database, clock, proposals, run_beside
):
    proposals.add(ANNA, DRAFT)
    run_beside(
        lambda: proposals.approve({1: TEXT}, BY_BORIS),
        lambda other_database: Proposals(other_database, clock).withdraw(ANNA),
    )
    (revoked,) = database.rows(REVOKED_EXAMPLE.select(REVOKED_EXAMPLE.example_id))
    assert revoked.example_id == proposals.get(1).example_ids
    assert proposals.get(1).state is ProposalState.WITHDRAWN


def test_withdrawal_waits_for_a_commit_in_progress(
    database, proposals, changes, following
):
    proposals.approve({proposals.add(ANNA, DRAFT): TEXT}, BY_BORIS)
    batch = changes.claim()
    example_id = proposals.get(1).example_ids
    proposals.withdraw(ANNA)
    following.follow()
    changes.settle(batch, BatchResult("c" * 40))
    following.follow()
    assert changes.claim() is None
    set_file(database, example_id)
    following.follow()
    assert changes.claim().first.kind is ChangeKind.DELETE


def _row_of(sha):
    nothing = dict.fromkeys(
        ("author_name", "author_email", "committed_at", "subject", "message"), ""
    )
    return {"sha": sha, "position": 1, **nothing}


def test_withdrawal_succeeds_when_its_file_is_already_deleted(
    database, proposals, changes, following
):
    example_id = commit_draft(database, proposals, changes, following)
    set_file(database, example_id, None)
    proposals.withdraw(ANNA)
    following.follow()
    assert changes.claim() is None, "its commit may be on its way to the shelf"
    database.put(COMMIT.insert(_row_of(changes.get(proposals.get(1).change_id).commit)))
    following.follow()
    batch = changes.claim()
    assert (batch.first.kind, batch.first.before) == (ChangeKind.DELETE, None)
    changes.settle(batch, BatchResult("d" * 40))
    following.follow()
    assert not following.is_due()


def test_removal_is_requested_again_if_the_file_has_changed(
    database, proposals, changes, following
):
    example_id = commit_draft(database, proposals, changes, following)
    proposals.withdraw(ANNA)
    following.follow()
    batch = changes.claim()
    changes.put_aside(batch, ChangeState.REFUSED, CONFLICT, {"path": batch.first.path})
    set_file(database, example_id, "b2")
    for _ in range(2):
        following.follow()
    assert changes.claim().first.before == "b2"


def test_every_manually_encrypted_column_is_declared_encrypted():
    """Search the sources for columns encrypted by hand but not declared encrypted."""
    sealing = re.compile(r'"(\w+)": (?:self\._encrypt|self\.db\.cipher\.seal)\(')
    folder = Path(__file__).parents[2] / "merlin"
    columns = {
        name
        for path in folder.rglob("*.py")
        for name in sealing.findall(path.read_text("utf-8"))
    }
    assert columns
    assert columns <= {name for table in list_all_tables() for name in table.sealed}


def test_batch_with_a_proposal_that_somebody_else_declined_approves_none(
    proposals, changes
):
    kept, declined = (proposals.add(user_id, DRAFT) for user_id in (ANNA, BORIS))
    assert proposals.decline(declined)
    assert proposals.approve({kept: TEXT, declined: TEXT}, BY_BORIS) is None
    states = [proposals.get(each).state for each in (kept, declined)]
    assert states == [ProposalState.WAITING, ProposalState.DECLINED]
    assert changes.claim() is None
