"""Two admins for a broadcast: one asks in the bot, the other approves by the notice's button."""

from __future__ import annotations

from functools import partial

import pytest

from tests.bot.admin_chat import ANNA, BORIS, CHAT, VERA, Chat, add_users, with_admin
from tests.bot.running_bot import RunningBot, rows
from tests.support.config import make_config

pytestmark = pytest.mark.functional
TEXT = "Занятия начнутся в понедельник"
CASTS = "SELECT state FROM broadcast"


@pytest.fixture
def settings(settings):
    config = make_config(providers=[CHAT], security={"two_people": ["broadcast"]})
    made = with_admin(settings, config=config, admins=(VERA, BORIS))
    add_users(made, [ANNA, BORIS, VERA])
    return made


def ask(vera):
    """Write a broadcast and press Send under its second question."""
    vera.say("/admin")
    vera.press("a-casts")
    vera.press("✍️ Новая рассылка")
    vera.say(TEXT)
    vera.press(vera.data("a-cast-ask"))
    vera.press(vera.data("a-cast-yes"))
    return vera.alert


def has_answer(telegram, who, part):
    return any(part in answer.text for answer in telegram.answers(who))


def test_a_broadcast_is_sent_when_the_other_admin_approves_it(telegram, settings):
    with RunningBot(settings):
        vera, boris = Chat(telegram, settings), Chat(telegram, settings, "boris")
        boris.say("/admin")
        assert "Заявка 1 отправлена" in ask(vera)
        assert rows(settings, CASTS) == [("draft",)]
        boris.until("разослать сообщение всем")
        asked = boris.last
        assert any("Подтвердить" in label for label in boris.labels)
        boris.say("/admin")
        assert "✋ Ждут подтверждения (1)" in boris.labels
        vera.say("/admin")
        assert vera.forge("a-approve-yes:1").startswith("Свою заявку подтвердить нельзя")
        boris.press("a-approve:1:n", asked.message_id, forged=True)
        assert TEXT in boris.last.text
        boris.press(boris.data("a-approve-yes"))
        # In any order: the broadcast goes to both admins too.
        for who, part in (
            ("boris", "Подтверждено, действие выполнено."),
            ("vera", "Заявка 1 подтверждена и выполнена"),
            ("anna", TEXT),
        ):
            telegram.wait_for(partial(has_answer, telegram, who, part))
        assert rows(settings, "SELECT state, decided_by FROM approval") == [
            ("approved", f"user:{BORIS}")
        ]
        assert boris.forge("a-approve-yes:1") == "Заявка 1 уже не ждёт решения."
