"""Committing in doubt: the branch is asked, tries are counted, intents say where it stood."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from merlin.core.errors import SourceError
from merlin.dataset.changes import Batch, BatchResult, ChangeRequest, Conflict, Edit, make_changes
from merlin.dataset.commit_batch import (
    TRIES,
    CommitSettings,
    commit_changes,
    wait_before_retry,
)
from merlin.dataset.commit_message import telegram_editor
from merlin.db.intents import IntentState
from tests.support.memory_intents import Intents

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 20, tzinfo=UTC)


class Branch:
    """A branch in memory that loses so many races first, and may lose an answer."""

    def __init__(self, races=0, *, loses_answer=False, conflicts=None):
        self.made, self.races, self.pushes = [], races, 0
        self.loses_answer, self.conflicts = loses_answer, conflicts or {}

    def turn(self):
        return nullcontext()

    def head(self):
        return self.made[-1] if self.made else None

    def find(self, _head, batch_id):
        return next((each for each in self.made if each.endswith(batch_id)), None)

    def write(self, _head, batch):
        if self.conflicts:
            return BatchResult(conflicts=self.conflicts)
        return BatchResult(f"{len(self.made)}-{batch.batch_id}")

    def push(self, commit, _head):
        self.pushes += 1
        if self.pushes <= self.races:
            self.made.append(f"other-{self.pushes}")
            return False
        self.made.append(commit)
        if self.loses_answer:
            raise SourceError("the answer was lost")
        return True


@pytest.fixture
def batch():
    change_request = ChangeRequest(telegram_editor(7, "Вера"), "7", AT)
    changes = make_changes("trial", [Edit("examples/a.yaml", None, "x")], change_request)
    return Batch(changes[0].batch, changes)


def press_of(branch, intents, waits):
    return CommitSettings(branch, intents, lambda: AT, waits.append)


def test_a_lost_race_is_run_again_and_waits_longer_each_time(batch):
    branch, intents, waits = Branch(races=3), Intents(), []
    landed = commit_changes(press_of(branch, intents, waits), batch)
    assert landed.commit == f"3-{batch.batch_id}"
    assert (waits, branch.pushes) == ([0, 1, 2], 4)
    (intent,) = intents.by_key.values()
    assert (intent.state, intent.outside_id) == (IntentState.DONE, landed.commit)


def test_races_without_end_are_given_up_for_now(batch):
    branch = Branch(races=1000)
    with pytest.raises(SourceError) as caught:
        commit_changes(press_of(branch, Intents(), []), batch)
    assert caught.value.arguments["tries"] == TRIES == branch.pushes


def test_a_lost_answer_is_asked_for_and_nothing_is_made_twice(batch):
    branch, intents = Branch(loses_answer=True), Intents()
    press = press_of(branch, intents, [])
    with pytest.raises(SourceError):
        commit_changes(press, batch)
    assert commit_changes(press, batch).commit == f"0-{batch.batch_id}"
    assert commit_changes(press, batch).commit == f"0-{batch.batch_id}"
    assert len(branch.made) == branch.pushes == 1


def test_a_conflict_leaves_the_way_open_for_another_try(batch):
    branch, intents = Branch(conflicts={"1": Conflict("b", "t")}), Intents()
    landed = commit_changes(press_of(branch, intents, []), batch)
    assert (landed.commit, dict(landed.conflicts)) == (None, {"1": Conflict("b", "t")})
    assert [each.state for each in intents.by_key.values()] == [IntentState.READY]


def test_a_pause_ends():
    wait_before_retry(0)
