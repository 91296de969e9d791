"""Committing against others: lost races are retried, tries are counted, intents keep the state."""

from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from merlin.core.errors import SourceError
from merlin.dataset.changes import Batch, BatchResult, ChangeRequest, Edit, make_changes
from merlin.dataset.commit_batch import TRIES, CommitContext, commit_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.db.intents import IntentState

pytestmark = pytest.mark.functional

AT = datetime(2026, 11, 20, tzinfo=UTC)


class Branch:
    """A branch in memory on which others commit first so many times."""

    def __init__(self, races=0):
        self.commits = []
        self.races = races
        self.pushes = 0

    def turn(self):
        return nullcontext()

    def head(self):
        return self.commits[-1] if self.commits else None

    def find(self, _head, batch_id):
        return next(
            (commit for commit in self.commits if commit.endswith(batch_id)), None
        )

    def write(self, _head, batch):
        return BatchResult(f"{len(self.commits)}-{batch.batch_id}")

    def push(self, commit, _head):
        self.pushes += 1
        if self.pushes <= self.races:
            self.commits.append(f"other-{self.pushes}")
            return False
        self.commits.append(commit)
        return True


@pytest.fixture
def batch():
    change_request = ChangeRequest(telegram_editor(7, "Вера"), "7", AT)
    changes = make_changes(
        "trial", [Edit("examples/a.yaml", None, "x")], change_request
    )
    return Batch(changes[0].batch, changes)


def make_settings(branch, intents, waits):
    return CommitContext(branch, intents, lambda: AT, waits.append)


def test_lost_race_is_retried_with_a_longer_wait_each_time(batch, intents):
    branch = Branch(races=3)
    waits = []
    result = commit_changes(make_settings(branch, intents, waits), batch)
    assert result.commit == f"3-{batch.batch_id}"
    assert (waits, branch.pushes) == ([0, 1, 2], 4)
    (intent,) = intents.list_of_kind("change").values()
    assert (intent.state, intent.outside_id) == (IntentState.DONE, result.commit)


def test_endless_races_end_after_the_last_try(batch, intents):
    branch = Branch(races=1000)
    with pytest.raises(SourceError) as caught:
        commit_changes(make_settings(branch, intents, []), batch)
    assert caught.value.arguments["tries"] == TRIES == branch.pushes
