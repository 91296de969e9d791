"""The daemon is killed between an edit and its commit; the branch gets exactly one commit."""

from datetime import UTC, datetime

import pytest

from merlin.dataset.changes import ChangeRequest, ChangeState, Edit, make_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.db.notices import Notices
from merlin.wiring.context import open_migrated_database
from tests.support.kill_points import POINTS
from tests.support.pipeline_lab import Lab, run_through_kills
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration

KILL_POINTS = [point for point in POINTS if point.startswith("change.")]
TEXT = "messages:\n  - user: Где новый вопрос?\n  - assistant: Здесь.\n"


def submit_changes(lab):
    edits = [
        Edit(f"examples/{name}.yaml", None, TEXT.replace("новый", name))
        for name in "ab"
    ]
    change_request = ChangeRequest(telegram_editor(7, "Борис"), "7", datetime.now(UTC))
    changes = make_changes("trial", edits, change_request, "Import 2 examples")
    with open_migrated_database(lab.config) as database:
        lab.changes(database).put(changes)
    return changes[0].change_id


def get_change(lab, change_id):
    with open_migrated_database(lab.config) as database:
        return lab.changes(database).get(change_id)


def test_change_becomes_one_commit_after_kills(tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab.with_dataset(tmp_path, provider.base_url)
        change_id = submit_changes(lab)

        def is_committed(lab):
            return get_change(lab, change_id).state is ChangeState.COMMITTED

        run_through_kills(lab, KILL_POINTS, is_committed)

        commits = lab.repository.git(
            "log", "--format=%H", "--grep", f"Merlin-Id: {change_id}"
        ).split()
        assert commits == [get_change(lab, change_id).commit]
        assert lab.repository.git("rev-list", "--count", "HEAD") == "2"
        assert lab.repository.git("show", "--format=", "--name-only").split() == [
            "datasets/trial/examples/a.yaml",
            "datasets/trial/examples/b.yaml",
        ]
        with open_migrated_database(lab.config) as database:
            keys = [
                notice.key
                for notice in Notices(database).list_waiting(100)
                if notice.to == "7"
            ]
        assert keys.count("notice-change-committed") == 1
