"""The word for a commit: of its verdict, its model, and what came after."""

import pytest

from merlin.core.i18n import LANGUAGES, keys
from merlin.core.web.templates import STATIC
from merlin.dataset.came_after import CameAfter
from merlin.dataset.changes import ChangeState
from merlin.dataset.verdicts import HOLDS, PIN, VerdictStatus
from merlin.training.commit_state import CommitState, compute_state

pytestmark = pytest.mark.unit

UNDONE = CameAfter(undone_by="b")
MENDED = CameAfter(mended_by="b")
REPLACED = CameAfter(replaced_by="b")


@pytest.mark.parametrize(
    ("status", "reason", "state"),
    [
        ("built", "held-quiet", CommitState.BUILT),
        ("held", "held-month-cap", CommitState.HELD),
        ("held", "held-manual", CommitState.HELD),
        ("held", "held-skip", CommitState.CHECKED),
        ("held", "held-off", CommitState.CHECKED),
        ("held", "held-few-new", CommitState.CHECKED),
        ("training", "", CommitState.TRAINING),
        *(("training", reason, CommitState.GATED) for reason in HOLDS),
        ("training", PIN, CommitState.PINNED),
        # Only a training waits for these reasons.
        ("serving", PIN, CommitState.LIVE),
    ],
)
def test_reason_of_a_verdict_gives_its_word(status, reason, state):
    assert compute_state(VerdictStatus(status), reason) is state


def test_word_tells_what_proceeds_by_itself_and_what_waits_for_people():
    moving = {state.value for state in CommitState if state.is_moving}
    named = "waiting working committed built training testing"
    assert moving == {*named.split()}
    waiting = {state.value for state in CommitState if state.needs_care}
    named = "parked rejected left_out held failed gated pinned"
    assert waiting == {*named.split()}


def test_model_of_a_commit_changes_its_word():
    training = VerdictStatus.TRAINING
    serving = VerdictStatus.SERVING
    assert compute_state(training, is_trained=True) is CommitState.TESTING
    assert compute_state(training, PIN, is_trained=True) is CommitState.PINNED
    assert compute_state(serving, is_trained=True) is CommitState.LIVE
    assert compute_state(serving, was_live=True) is CommitState.WAS_LIVE


@pytest.mark.parametrize(
    ("status", "reason", "after", "state"),
    [
        ("rejected", "", UNDONE, CommitState.UNDONE),
        ("unchanged", "", UNDONE, CommitState.UNDONE),
        ("held", "held-month-cap", UNDONE, CommitState.UNDONE),
        ("training", HOLDS[0], UNDONE, CommitState.UNDONE),
        # Its training goes on, and its model may answer yet.
        ("training", "", UNDONE, CommitState.TRAINING),
        ("serving", "", UNDONE, CommitState.LIVE),
        ("rejected", "", MENDED, CommitState.MENDED),
        ("left_out", "", MENDED, CommitState.MENDED),
        ("failed", "", MENDED, CommitState.FAILED),
        ("failed", "", REPLACED, CommitState.REPLACED),
        ("rejected", "", REPLACED, CommitState.REPLACED),
        ("left_out", "", REPLACED, CommitState.REPLACED),
        ("superseded", "", REPLACED, CommitState.REPLACED),
        ("unchanged", "", REPLACED, CommitState.UNCHANGED),
        ("rejected", "", CameAfter("a", "b", "c"), CommitState.UNDONE),
        ("rejected", "", CameAfter("", "b", "c"), CommitState.MENDED),
    ],
)
def test_later_commits_change_the_word_of_a_final_one(status, reason, after, state):
    assert compute_state(VerdictStatus(status), reason, after=after) is state


@pytest.mark.parametrize(
    ("after", "state"),
    [(UNDONE, CommitState.UNDONE), (REPLACED, CommitState.REPLACED)],
)
def test_model_that_was_live_is_undone_or_replaced_once_it_answers_no_more(
    after, state
):
    assert compute_state(VerdictStatus.SERVING, was_live=True, after=after) is state


def test_each_stored_status_has_a_word_each_word_a_text_and_an_icon():
    assert {CommitState(each.value) for each in (*VerdictStatus, *ChangeState)} <= {
        *CommitState
    }
    icons = (STATIC / "icons.svg").read_text("utf-8")
    for state in CommitState:
        assert f'id="{state.icon}"' in icons, state
        assert all(state.text_key in keys(language) for language in LANGUAGES), state
        assert not (state.needs_care and state.is_moving)


@pytest.mark.parametrize(
    ("quality", "states"),
    [
        ("is_of_later", "undone mended replaced"),
        ("is_kept_back", "gated pinned"),
    ],
)
def test_words_of_later_commits_and_of_a_persons_decision(quality, states):
    assert {each for each in CommitState if getattr(each, quality)} == {*states.split()}


def test_word_of_an_edit_is_no_verdicts_and_a_final_one_is_not_open():
    of_edits = {each for each in CommitState if each.is_of_edit}
    assert of_edits == {*ChangeState}
    assert CommitState.TRAINING.is_open
    assert not CommitState.LIVE.is_open
