"""`merlin users`: an operator without Telegram sees people, their roles and plans."""

import shutil

import pytest

from merlin.account.users import User, Users
from merlin.db.audit import Audit
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from tests.cli.user_commands import run, show_json

pytestmark = pytest.mark.functional

CONFIG = """
state_dir: state
timezone: Europe/Moscow
telegram: {admins: [1003]}
plans:
  free: {title: {ru: Бесплатный, en: Free}, text: {day: 20}, voice: 0}
  full: {title: {ru: Полный, en: Full}}
"""


@pytest.fixture(scope="module")
def template_folder(tmp_path_factory):
    """A configuration whose database knows anna, boris and vera."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    cipher = load_or_make_key(folder / "state", None)
    with open_database(f"sqlite://{folder}/state/merlin.db", cipher=cipher) as database:
        migrate(database)
        users = Users(database)
        for user_id, name in ((1001, "Anna"), (1002, "Boris"), (1003, "Vera")):
            users.record([User(user_id, "en")])
            users.set_name(user_id, name)
    return folder


@pytest.fixture
def folder(template_folder, tmp_path):
    return shutil.copytree(template_folder, tmp_path / "place")


def audit(folder):
    with open_database(
        f"sqlite://{folder}/state/merlin.db", read_only=True
    ) as database:
        return Audit(database).list_newest()


def test_role_is_granted(folder, capsys):
    assert show_json(capsys, folder, "role", "1002", "teacher", "--scope", "face") == {
        "user": 1002,
        "role": "teacher",
        "scopes": ["face"],
    }
    assert show_json(capsys, folder, "role", "1002", "editor")["role"] == "editor"
    assert show_json(capsys, folder, "role", "1002", "student")["role"] == "student"
    (newest, *_) = audit(folder)
    assert (newest.action, newest.target, newest.by[:4]) == (
        "role.grant",
        "user:1002",
        "cli:",
    )


def test_invalid_command_is_reported_and_changes_nothing(folder, capsys):
    before = len(audit(folder))
    for arguments, code, part in (
        (["plan", "1001", "golden"], 1, "golden"),
        (["role", "1003", "student"], 1, "config.yaml"),
        (["role", "1002", "teacher"], 1, "--scope"),
        (["role", "1002", "editor", "--scope", "face"], 1, "--scope"),
        (["role", "1002", "king"], 2, "king"),
        (["role", "9" * 30, "editor"], 2, "9"),
    ):
        ended, captured = run(capsys, folder, *arguments)
        assert (ended, part in captured.err) == (code, True), captured
        assert len(audit(folder)) == before


def test_person_is_erased_after_a_confirmation(folder, capsys):
    code, captured = run(capsys, folder, "erase", "1001")
    assert (code, "--yes" in captured.err) == (1, True), captured.err
    document = show_json(capsys, folder, "erase", "1001", "--yes")
    assert (document["user"], document["deleted"]["person"], document["models"]) == (
        1001,
        1,
        [],
    )
    assert show_json(capsys, folder, "list", "1001")["users"] == []
    (newest, *_) = audit(folder)
    assert (newest.action, newest.target, newest.by[:4]) == (
        "user.erase",
        "user:erased",
        "cli:",
    )
