"""What the bot does for people and staff after a block or a role; buttons of staff."""

import pytest

from merlin.account.users import Users
from merlin.db.database import open_database
from tests.bot.admin_chat import (
    ANNA,
    VERA,
    StaffUser,
    add_admin,
)
from tests.bot.running_bot import select_rows

pytestmark = pytest.mark.functional


@pytest.fixture
def settings(settings):
    return add_admin(settings)


@pytest.fixture
def chat(telegram, settings):
    with StaffUser.of_running_bot(telegram, settings) as chat:
        chat.say("/admin")
        yield chat


def block(settings, user_id, *, is_blocked=True):
    """Block or unblock a user, as vera does on the page."""
    with open_database(settings.database) as database:
        Users(database).block(user_id, f"user:{VERA}", is_blocked=is_blocked)


def test_blocked_user_gets_no_answers_until_unblocked(chat, telegram, settings):
    anna = StaffUser(telegram, settings, "anna")
    assert "«Раз?»" in anna.say("Раз?").text
    block(settings, ANNA)
    assert "закрыл вам доступ" in anna.say("Два?").text
    assert "закрыл" in anna.press_forged("new")
    for own in ("/delete_me", "/privacy"):
        assert "закрыл вам доступ" not in anna.say(own).text
    block(settings, ANNA, is_blocked=False)
    assert "«Три?»" in anna.say("Три?").text


STAFFS_BUTTONS = (
    "a-home",
    *("a-jobs:0", "a-job:1", "a-cancel:1", "a-cancel-yes:1"),
    *("a-models", "a-set:1", "a-rollback:1", "a-rollback-yes:1"),
    *(
        "ex",
        "ex:home",
        "ex:ds:x",
        "ex:add:x",
        "ex:save",
        "ex:list:x:0",
        "ex:one:x:y",
        "ex:del:x:y",
    ),
    *(
        "ex:queue:0",
        "ex:prop:1",
        "ex:no:1",
        "ex:no-yes:1",
        "ex:changes:0",
        "ex:take",
        "ex:picked",
    ),
    *("ex:edit:x:y:a", "ex:import:x", "ex:look", "ex:undo:0123456789"),
)


def test_staff_buttons_forged_by_a_student_do_nothing(telegram, settings, chat):
    anna = StaffUser(telegram, settings, "anna")
    assert "/examples" in anna.say("/examples").text
    before = anna.say("/admin").text
    assert "Нет такой команды" in before or "/admin" in before
    for data in STAFFS_BUTTONS:
        assert anna.press_forged(data) == "Эта кнопка больше не действует.", data
    assert anna.last.text == before
    for table in ("audit", "request", "change", "dialog", "refund"):
        assert select_rows(settings, f"SELECT COUNT(*) FROM {table}") == [(0,)]  # noqa: S608 - our own
