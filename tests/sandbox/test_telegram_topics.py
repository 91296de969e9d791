"""Topics in forums and in private chats."""

import pytest

from merlin.core.errors import NotFound, Refused
from merlin.sandbox.telegram.world import SEMINAR
from tests.sandbox.telegram_client import read_refusal

pytestmark = pytest.mark.functional

FORUM = SEMINAR.group_id


@pytest.fixture
def telegram_with_topics(telegram):
    telegram.switch("has_topics")
    return telegram


def test_private_topics_need_the_owners_switch(telegram, call):
    telegram.switch("has_topics")
    me = call(lambda bot: bot.get_me())
    assert (me.has_topics_enabled, me.allows_users_to_create_topics) == (True, True)


def test_people_write_in_their_topics(telegram_with_topics, call):
    thread = telegram_with_topics.make_topic("anna")
    telegram_with_topics.say(f"anna#{thread}", "вопрос")
    creation, question = (update.message for update in call(lambda bot: bot.get_updates()))
    assert creation.forum_topic_created.is_name_implicit
    assert (question.message_thread_id, question.is_topic_message) == (thread, True)
    assert question.reply_to_message is None


def test_message_of_a_forum_topic_replies_to_the_topics_first_message(telegram, call):
    thread = telegram.make_topic("boris@seminar", "Лекции")
    telegram.say(f"anna@seminar#{thread}", "/ask вопрос")
    message = call(lambda bot: bot.get_updates())[-1].message
    assert message.reply_to_message.forum_topic_created.name == "Лекции"
    assert not telegram.say(f"anna@seminar#{thread}", "между собой")


def test_general_topic_has_no_id_for_messages(telegram, call):
    telegram.say("anna@seminar", "/ask вопрос")
    message = call(lambda bot: bot.get_updates())[-1].message
    assert (message.message_thread_id, message.chat.is_forum) == (None, True)
    message = read_refusal(call, lambda bot: bot.send_message(FORUM, "a", message_thread_id=1))
    assert message == "Message thread not found"
    assert call(lambda bot: bot.send_chat_action(FORUM, "typing", message_thread_id=1))


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


def test_people_cannot_change_missing_topics(telegram):
    with pytest.raises(Refused):
        telegram.make_topic("anna", "нет тем")
    with pytest.raises(NotFound):
        telegram.close_topic("anna")
