"""Topics: in forums and in private chats, as messages and methods see them."""

from __future__ import annotations

import pytest

from merlin.core.errors import NotFound, Refused
from merlin.sandbox.telegram.world import SEMINAR
from tests.sandbox.telegram_client import refusal

pytestmark = pytest.mark.functional

FORUM = SEMINAR.group_id


@pytest.fixture
def topics_on(telegram_up):
    telegram_up.switch("has_topics")
    return telegram_up


def test_private_topics_need_the_owners_switch(telegram_up, ask):
    words = refusal(ask, lambda bot: bot.create_forum_topic(1001, "Алгоритмы"))
    assert words == "The chat is not a forum"
    telegram_up.switch("has_topics")
    me = ask(lambda bot: bot.get_me())
    assert (me.has_topics_enabled, me.allows_users_to_create_topics) == (True, True)


def test_a_bot_makes_and_renames_a_private_topic(topics_on, ask):
    async def act(bot):
        topic = await bot.create_forum_topic(1001, "Алгоритмы")
        thread = topic.message_thread_id
        sent = await bot.send_message(1001, "ответ", message_thread_id=thread)
        await bot.edit_forum_topic(1001, thread, name="Сортировки")
        return thread, sent

    thread, sent = ask(act)
    assert (sent.message_thread_id, sent.is_topic_message) == (thread, True)
    assert topics_on.topics("anna") == {thread: "Сортировки"}
    assert [one.text for one in topics_on.answers(f"anna#{thread}")][1:2] == ["ответ"]


def test_people_write_in_their_topics(topics_on, ask):
    thread = topics_on.make_topic("anna")
    topics_on.say(f"anna#{thread}", "вопрос")
    made, asked = (update.message for update in ask(lambda bot: bot.get_updates()))
    assert made.forum_topic_created.is_name_implicit
    assert (asked.message_thread_id, asked.is_topic_message) == (thread, True)
    assert asked.reply_to_message is None


def test_a_forums_topic_needs_an_administrator(telegram_up, ask):
    words = refusal(ask, lambda bot: bot.create_forum_topic(FORUM, "Лекции"))
    assert words == "Not enough rights to create a topic"
    telegram_up.set_bot("vera@seminar", "administrator")
    assert ask(lambda bot: bot.create_forum_topic(FORUM, "Лекции")).name == "Лекции"


def test_a_message_of_a_forums_topic_replies_to_its_first_one(telegram_up, ask):
    thread = telegram_up.make_topic("boris@seminar", "Лекции")
    telegram_up.say(f"anna@seminar#{thread}", "/ask вопрос")
    message = ask(lambda bot: bot.get_updates())[-1].message
    assert message.reply_to_message.forum_topic_created.name == "Лекции"
    assert not telegram_up.say(f"anna@seminar#{thread}", "между собой")


def test_an_answer_stays_in_the_topic_of_its_question(telegram_up, ask):
    thread = telegram_up.make_topic("boris@seminar", "Лекции")
    telegram_up.say(f"anna@seminar#{thread}", "/ask вопрос")
    asked = telegram_up.log("seminar")[-1].message_id
    sent = ask(lambda bot: bot.send_message(FORUM, "ответ", reply_to_message_id=asked))
    assert (sent.message_thread_id, sent.reply_to_message.text) == (thread, "/ask вопрос")
    assert [one.text for one in telegram_up.answers(f"seminar#{thread}")] == ["ответ"]


def test_the_general_topic_has_no_id_for_messages(telegram_up, ask):
    telegram_up.say("anna@seminar", "/ask вопрос")
    message = ask(lambda bot: bot.get_updates())[-1].message
    assert (message.message_thread_id, message.chat.is_forum) == (None, True)
    words = refusal(ask, lambda bot: bot.send_message(FORUM, "a", message_thread_id=1))
    assert words == "Message thread not found"
    assert ask(lambda bot: bot.send_chat_action(FORUM, "typing", message_thread_id=1))


def test_a_closed_topic_is_for_administrators(telegram_up, ask):
    thread = telegram_up.make_topic("boris@seminar", "Лекции")
    telegram_up.close_topic(f"boris@seminar#{thread}")
    words = refusal(ask, lambda bot: bot.send_message(FORUM, "a", message_thread_id=thread))
    assert words == "Topic_closed"
    telegram_up.set_bot("vera@seminar", "administrator")
    assert ask(lambda bot: bot.send_message(FORUM, "a", message_thread_id=thread))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda bot: bot.create_forum_topic(1001, " "), "Topic_title_empty"),
        (lambda bot: bot.create_forum_topic(1001, "я" * 129), "Topic_title_too_long"),
        (lambda bot: bot.edit_forum_topic(1001, 77, name="я"), "Topic_id_invalid"),
        (lambda bot: bot.send_message_draft(1001, 7, "a", message_thread_id=77), "not found"),
    ],
)
def test_topics_that_telegram_refuses(topics_on, ask, act, words):
    assert words in refusal(ask, act)


def test_the_same_name_again_is_refused(topics_on, ask):
    thread = topics_on.make_topic("anna", "Графы")
    words = refusal(ask, lambda bot: bot.edit_forum_topic(1001, thread, name="Графы"))
    assert words == "Topic_not_modified"
    assert ask(lambda bot: bot.edit_forum_topic(1001, thread))


def test_topics_that_people_cannot_change(telegram_up):
    with pytest.raises(Refused):
        telegram_up.make_topic("anna", "нет тем")
    with pytest.raises(NotFound):
        telegram_up.close_topic("anna")
