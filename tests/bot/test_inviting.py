"""Invitations: the user's own link, its reward, and its limits."""

from dataclasses import replace

import pytest

from merlin.bot.handlers.plans import MAX_INVITED
from merlin.config.shop import PaymentsConfig
from merlin.sandbox.telegram.world import BOT_NAME
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import RunningBot, select_rows
from tests.bot.stars_buyer import PLANS
from tests.support.plan_config import make_plans

pytestmark = pytest.mark.functional

ANNA = 1001
GIFTS = "SELECT user_id, format, amount FROM quota_gift"


@pytest.fixture
def settings(settings):
    return replace(settings, plans=make_plans(PLANS), selling=PaymentsConfig(invitation=5))


def follow_link(telegram, settings, user, payload):
    return ChatUser(telegram, settings, user).start(payload)


def test_inviter_gets_questions_and_a_notice(telegram, bot):
    anna = ChatUser(telegram, bot)
    anna.start()
    anna.say("/plan")
    message = anna.press("Пригласить друга")
    assert f"https://t.me/{BOT_NAME}?start=ref_{ANNA}" in message.text
    assert "вы получите 5 вопросов сверх плана" in message.text
    assert anna.labels == ["Отправить ссылку", "‹ Назад"]
    assert follow_link(telegram, bot, "boris", f"ref_{ANNA}").text.startswith("Здравствуйте!")
    telegram.wait_for(lambda: "пришёл новый человек" in anna.last.text)
    assert select_rows(bot, GIFTS) == [(ANNA, "text", 5)]
    assert "5 текстовых вопросов" in anna.say("/plan").text
    # No stored row of one user names the other.
    query = "SELECT key, by_whom, reason FROM quota_gift"
    assert "1002" not in str(select_rows(bot, query))


@pytest.mark.parametrize("payload", ["ref_1001", "ref_999", "ref_", "ref_x", "ref_" + "9" * 40])
def test_invalid_invitation_gives_nothing(telegram, bot, payload):
    assert follow_link(telegram, bot, "anna", payload).text.startswith("Здравствуйте!")
    assert select_rows(bot, GIFTS) == []


def test_known_user_does_not_count_as_invited(telegram, bot):
    follow_link(telegram, bot, "anna", "")
    follow_link(telegram, bot, "boris", "")
    follow_link(telegram, bot, "boris", f"ref_{ANNA}")
    # An invisible name is not stored, so who has one may be known.
    vera = replace(telegram.act(lambda acting: acting.person("vera")), first_name="\u3164")
    telegram.act(lambda acting: acting.world.people.update({vera.person_id: vera}))
    follow_link(telegram, bot, "vera", f"ref_{ANNA}")
    assert select_rows(bot, GIFTS) == []


def test_invited_user_who_deletes_everything_and_comes_back_is_not_rewarded_again(telegram, bot):
    follow_link(telegram, bot, "anna", "")
    follow_link(telegram, bot, "boris", f"ref_{ANNA}")
    boris = ChatUser(telegram, bot, "boris")
    boris.say("/delete_me")
    boris.press("Да, удалить")
    telegram.press("boris", "forget:2")
    telegram.wait_for(lambda: not select_rows(bot, "SELECT 1 FROM updates WHERE user_id = 1002"))
    follow_link(telegram, bot, "boris", f"ref_{ANNA}")
    assert len(select_rows(bot, GIFTS)) == 1


def test_number_of_rewarded_invitations_is_limited(telegram, bot):
    follow_link(telegram, bot, "anna", "")
    for person in range(5001, 5001 + MAX_INVITED + 2):
        follow_link(telegram, bot, person, f"ref_{ANNA}")
    assert len(select_rows(bot, GIFTS)) == MAX_INVITED


def test_invitations_are_not_offered_unless_configured(telegram, settings):
    settings = replace(settings, selling=PaymentsConfig())
    with RunningBot(settings):
        anna = ChatUser(telegram, settings)
        anna.start()
        anna.say("/plan")
        assert "Пригласить друга" not in anna.labels
        follow_link(telegram, settings, "boris", f"ref_{ANNA}")
    assert select_rows(settings, GIFTS) == []
