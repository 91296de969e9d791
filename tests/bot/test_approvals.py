"""A broadcast that needs two admins: one requests it, the other approves by a button."""

from functools import partial

import pytest

from tests.bot.admin_chat import ANNA, BORIS, CHAT, VERA, StaffUser, add_admin, add_users
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.config import make_config

pytestmark = pytest.mark.functional
TEXT = "Занятия начнутся в понедельник"
CASTS = "SELECT state FROM broadcast"


@pytest.fixture
def settings(settings):
    config = make_config(providers=[CHAT], security={"two_people": ["broadcast"]})
    with_approvals = add_admin(settings, config=config, admins=(VERA, BORIS))
    add_users(with_approvals, [ANNA, BORIS, VERA])
    return with_approvals


def request_broadcast(vera):
    """Write a broadcast and confirm it twice."""
    vera.say("/admin")
    vera.press("a-casts")
    vera.press("✍️ Новая рассылка")
    vera.say(TEXT)
    vera.press(vera.button_data("a-cast-ask"))
    vera.press(vera.button_data("a-cast-yes"))
    return vera.alert


def has_answer(telegram, user, part):
    return any(part in answer.text for answer in telegram.answers(user))


def test_broadcast_is_sent_after_another_admin_approves_it(telegram, settings):
    with RunningBot(settings):
        vera, boris = StaffUser(telegram, settings), StaffUser(telegram, settings, "boris")
        boris.say("/admin")
        assert "Заявка 1 отправлена" in request_broadcast(vera)
        assert select_rows(settings, CASTS) == [("draft",)]
        boris.wait_for_text("разослать сообщение всем")
        message = boris.last
        assert any("Подтвердить" in label for label in boris.labels)
        boris.say("/admin")
        assert "✋ Ждут подтверждения (1)" in boris.labels
        vera.say("/admin")
        assert "✋ Ждут подтверждения (1)" in vera.labels
        assert vera.press_forged("a-approve-yes:1").startswith("Свою заявку подтвердить нельзя")
        boris.press("a-approve:1:n", message.message_id, forged=True)
        assert TEXT in boris.last.text
        boris.press(boris.button_data("a-approve-yes"))
        # In any order, because both admins also receive the broadcast.
        for user, part in (
            ("boris", "Подтверждено, действие выполнено."),
            ("vera", "Заявка 1 подтверждена и выполнена"),
            ("anna", TEXT),
        ):
            telegram.wait_for(partial(has_answer, telegram, user, part))
        assert select_rows(settings, "SELECT state, decided_by FROM approval") == [
            ("approved", f"user:{BORIS}")
        ]
        assert boris.press_forged("a-approve-yes:1") == "Заявка 1 уже не ждёт решения."
