"""Topics in forums and in private chats."""

import pytest

from merlin.sandbox.telegram.world import SEMINAR
from tests.sandbox.telegram_client import read_refusal

pytestmark = pytest.mark.functional

FORUM = SEMINAR.group_id


def test_message_of_a_forum_topic_replies_to_the_topics_first_message(telegram, call):
    thread = telegram.make_topic("boris@seminar", "Лекции")
    telegram.say(f"anna@seminar#{thread}", "/ask вопрос")
    message = call(lambda bot: bot.get_updates())[-1].message
    assert message.reply_to_message.forum_topic_created.name == "Лекции"
    assert not telegram.say(f"anna@seminar#{thread}", "между собой")


def test_closed_topic_is_only_for_administrators(telegram, call):
    thread = telegram.make_topic("boris@seminar", "Лекции")
    telegram.close_topic(f"boris@seminar#{thread}")
    message = read_refusal(call, lambda bot: bot.send_message(FORUM, "a", message_thread_id=thread))
    assert message == "Topic_closed"
    telegram.close_topic("boris@seminar")
    for refused in (
        lambda bot: bot.send_message(FORUM, "a"),
        lambda bot: bot.send_chat_action(FORUM, "typing"),
    ):
        assert read_refusal(call, refused) == "Topic_closed"
    telegram.set_bot("vera@seminar", "administrator")
    assert call(lambda bot: bot.send_message(FORUM, "a", message_thread_id=thread))
    assert call(lambda bot: bot.send_message(FORUM, "a"))
