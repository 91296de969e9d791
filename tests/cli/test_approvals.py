"""`merlin approvals`: the operator lists pending approvals, and decides without a second admin."""

import json

import pytest

from merlin.account.approvals import Approvals
from merlin.account.users import Roles, User, Users
from merlin.cli import main
from merlin.core.errors import ApprovalNeeded
from merlin.core.permissions import Role
from merlin.db.database import open_database
from merlin.db.migrations import migrate

pytestmark = pytest.mark.functional


@pytest.fixture
def folder(tmp_path):
    """A folder whose database has two roles waiting for approval."""
    (tmp_path / "config.yaml").write_text("state_dir: state\n", encoding="utf-8")
    with open_database(f"sqlite://{tmp_path}/state/merlin.db") as database:
        migrate(database)
        Users(database).record_authors([User(1001, "ru"), User(1002, "ru"), User(1003, "ru")])
        Roles(database).grant(1003, Role.ADMIN, "cli:test")
        for user_id in (1001, 1002):
            values = {"user_id": user_id, "role": "editor", "scope": None}
            told = {"role": {"key": "role-editor", "arguments": {}}, "scope": ""}
            needed = ApprovalNeeded("grant", f"user:{user_id}", 1003, values, told)
            Approvals(database).propose(needed)
    return tmp_path


def run(capsys, folder, *arguments):
    capsys.readouterr()
    code = main(["approvals", *arguments, "--config", str(folder / "config.yaml")])
    return code, capsys.readouterr()


def test_operator_lists_approves_and_declines(capsys, folder):
    code, captured = run(capsys, folder, "list", "--json")
    assert (code, [load["number"] for load in json.loads(captured.out)]) == (0, [1, 2])
    assert "user:1001" in run(capsys, folder, "list")[1].out
    assert run(capsys, folder, "approve", "1")[0] == 0
    assert run(capsys, folder, "decline", "2")[0] == 0
    code, captured = run(capsys, folder, "approve", "2")
    assert (code, "2" in captured.err) == (1, True)
    with open_database(f"sqlite://{folder}/state/merlin.db") as database:
        assert Roles(database).authority(1001).role is Role.EDITOR
        assert Roles(database).authority(1002).role is Role.STUDENT
        assert Approvals(database).get(2).decided_by.startswith("cli:")
