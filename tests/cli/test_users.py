"""`merlin users`: an operator without Telegram sees people, their roles and plans."""

import os
import pty
import shutil

import pytest

from merlin.account.users import User, Users
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, Turns
from merlin.db.audit import Audit
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from tests.cli.user_commands import run, show_json
from tests.support.standard_input import pipe

pytestmark = pytest.mark.functional

CONFIG = """
state_dir: state
timezone: Europe/Moscow
telegram: {admins: [1003]}
plans:
  free: {title: {ru: Бесплатный, en: Free}, text: {day: 20}, voice: 0}
  full: {title: {ru: Полный, en: Full}}
  voices: {title: {ru: Голос, en: Voice}, pack: {voice: 10}, price: {stars: 70}, days: 90}
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
        (["plan", "1002", "voices", "--days", "10"], 1, "voices"),
        (["plan", "1002", "nothing", "--days", "10"], 1, "nothing"),
        (["plan", "999", "full", "--days", "10"], 1, "999"),
        (["plan", "1002", "full", "--days", "0"], 2, "--days"),
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


def test_plan_is_given_for_some_days_or_for_good(folder, capsys):
    document = show_json(capsys, folder, "plan", "1002", "full", "--days", "10")
    assert (document["plan"], document["days"]) == ("full", 10)
    for words in ([], ["1002"]):
        listed = show_json(capsys, folder, "list", *words)["users"]
        assert {user["user"]: user["plan"] for user in listed}[1002] == "full"
    assert show_json(capsys, folder, "plan", "1001", "full") == {
        "user": 1001,
        "plan": "full",
    }


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that types a line at the terminal which standard input is."""
    keyboard, screen = pty.openpty()
    with os.fdopen(screen, "r") as stdin:
        pipe(monkeypatch, stdin)
        yield lambda line: os.write(keyboard, f"{line}\n".encode())
    os.close(keyboard)


@pytest.mark.parametrize(
    ("answer", "code"), [("y", 0), ("Да", 0), ("n", 1), ("", 1), ("yesterday", 1)]
)
def test_person_is_erased_after_a_yes_at_the_terminal(
    folder, capsys, terminal, answer, code
):
    terminal(answer)
    ended, captured = run(capsys, folder, "erase", "1001")
    assert (ended, "Anna" in captured.err) == (code, True), captured.err
    left = show_json(capsys, folder, "list", "1001")["users"]
    assert len(left) == code, "kept where the answer was no"


def test_erasure_waits_for_an_answer_on_its_way(folder, capsys):
    cipher = load_or_make_key(folder / "state", None)
    with open_database(f"sqlite://{folder}/state/merlin.db", cipher=cipher) as database:
        session = Sessions(database, 7).open(ChatPlace(1001, 1001))
        Turns(database, 7).ask(Question(session.session_id, 1, 1001, "?", 1), 1)
    code, captured = run(capsys, folder, "erase", "1001", "--yes")
    assert (code, "Repeat the command in a minute" in captured.err) == (1, True)
    assert len(show_json(capsys, folder, "list", "1001")["users"]) == 1
