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


TRAINED = {"is_trained": True}
ONCE_LIVE = {"was_live": True}


@pytest.mark.parametrize(
    ("status", "reason", "model", "state"),
    [
        ("built", "held-quiet", {}, CommitState.BUILT),
        ("held", "held-month-cap", {}, CommitState.HELD),
        ("held", "held-manual", {}, CommitState.HELD),
        ("held", "held-skip", {}, CommitState.CHECKED),
        ("held", "held-off", {}, CommitState.CHECKED),
        ("held", "held-few-new", {}, CommitState.CHECKED),
        ("training", "", {}, CommitState.TRAINING),
        *(("training", reason, {}, CommitState.GATED) for reason in HOLDS),
        ("training", PIN, {}, CommitState.PINNED),
        # Only a training waits for these reasons.
        ("serving", PIN, {}, CommitState.LIVE),
        ("training", "", TRAINED, CommitState.TESTING),
        ("training", PIN, TRAINED, CommitState.PINNED),
        ("serving", "", TRAINED, CommitState.LIVE),
        ("serving", "", ONCE_LIVE, CommitState.WAS_LIVE),
        ("serving", "", {**ONCE_LIVE, "after": UNDONE}, CommitState.UNDONE),
        ("serving", "", {**ONCE_LIVE, "after": REPLACED}, CommitState.REPLACED),
    ],
)
def test_reason_of_a_verdict_and_its_model_give_its_word(status, reason, model, state):
    assert compute_state(VerdictStatus(status), reason, **model) is state


def test_word_tells_what_proceeds_by_itself_and_what_waits_for_people():
    moving = {state.value for state in CommitState if state.is_moving}
    named = "waiting working committed built training testing"
    assert moving == {*named.split()}
    waiting = {state.value for state in CommitState if state.needs_care}
    named = "parked rejected left_out held failed gated pinned"
    assert waiting == {*named.split()}


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
