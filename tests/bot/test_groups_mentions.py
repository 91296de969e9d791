"""Mentions of the bot in a group, and links from a group to the private chat."""

import pytest

from merlin.sandbox.telegram.world import BOT_NAME
from tests.bot.conversation import MENTION, join_group_chat
from tests.bot.running_bot import (
    RunningBot,
    russian_text,
    select_rows,
    wait_for_windows,
)

pytestmark = pytest.mark.functional


@pytest.fixture
def anna(telegram, bot):
    return join_group_chat(telegram, bot)


def read_linked_payload(telegram):
    """Return the payload of the private chat's link that the pressed button opens."""
    (call,) = [
        answered
        for answered in telegram.calls("answerCallbackQuery")
        if "url" in answered.body
    ]
    _, _, payload = call.body["url"].partition(f"/{BOT_NAME}?start=")
    return payload


def test_group_answer_is_corrected_in_the_private_chat(anna, telegram, bot):
    anna.say(f"{MENTION} что такое лоб?")
    anna.press("✏️")
    payload = read_linked_payload(telegram)
    alone = join_group_chat(telegram, bot, "anna")
    assert alone.start(payload).text.startswith("Можно ли учить модель")
    assert (
        "Напишите правильный ответ одним сообщением"
        in alone.press(russian_text("consent-yes")).text
    )
    # The same link does nothing for another user.
    refusal = join_group_chat(telegram, bot, "boris").start(payload).text
    assert refusal == "Этот ответ не ваш или уже удалён."


def test_group_chat_offers_no_private_features(telegram, provider, settings):
    """Sessions are listed, reopened and get another model only in the private chat."""
    provider.behave(context_window=150)
    with RunningBot(settings):
        wait_for_windows(telegram, settings)
        anna = join_group_chat(telegram, settings)
        assert anna.say("/t").keys == []
        anna.say(f"{MENTION} {'что такое лоб ' * 12}")
        assert [label for label in anna.labels if len(label) > 2] == ["Новый разговор"]
        anna.say("/t")
        assert "Все разговоры" not in anna.labels
        assert "/sessions" not in "".join(
            message.text for message in telegram.answers("study")
        )
        assert "больше не помню" in anna.say("/new").text


def test_personal_commands_in_a_group_link_to_the_private_chat(anna, telegram):
    message = anna.say("/export")
    (button,) = [key for row in message.keys for key in row]
    assert button["url"] == f"https://t.me/{BOT_NAME}?start=go_export"
    assert not message.message.get("document")
    private = join_group_chat(telegram, anna.settings, "anna")
    assert "document" in private.start("go_export").message
    assert "Здравствуйте" in private.start("go_clear").text


def test_plan_is_shown_in_the_private_chat(anna, telegram):
    answer = anna.say(f"{MENTION} что такое лоб?")
    anna.press("plan", answer.message_id, forged=True)
    payload = read_linked_payload(telegram)
    private = join_group_chat(telegram, anna.settings, "anna")
    assert private.start(payload).text == russian_text("plan-unlimited")


def test_forged_personal_buttons_do_nothing_in_a_group(anna):
    answer = anna.say(f"{MENTION} что такое лоб?")
    for data in ("session-drop:1", "forget:2", "cancel", "lang:en"):
        anna.press(data, answer.message_id, forged=True)
        assert anna.alerts()[-1] == "Это доступно только в личном чате со мной."
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(1,)]
    assert anna.last.text == answer.text
