"""Groups: privacy mode, members, migration, the bot joining and leaving."""

import pytest
from telegram.constants import UpdateType
from telegram.error import BadRequest, Forbidden

from merlin.sandbox.telegram.world import BOT_ID, BOT_NAME, SEMINAR, STUDY

pytestmark = pytest.mark.functional

GROUP = STUDY.group_id


def read_updates(call):
    return call(lambda bot: bot.get_updates(allowed_updates=list(UpdateType)))


@pytest.mark.parametrize(
    ("text", "is_delivered"),
    [
        ("привет всем", False),
        ("/ask вопрос", True),
        (f"/ask@{BOT_NAME} вопрос", True),
        ("/ask@another_bot вопрос", False),
        (f"😀 @{BOT_NAME.upper()} что это?", True),
        ("@boris посмотри", False),
    ],
)
def test_privacy_mode_delivers_only_messages_for_the_bot(telegram, text, is_delivered):
    assert bool(telegram.say("anna@study", text)) is is_delivered
    assert len(telegram.pending()) == is_delivered
    assert telegram.log("study")[0].text == text


def test_replies_to_the_bot_and_to_its_commands_are_delivered(telegram, call):
    sent = call(lambda bot: bot.send_message(GROUP, "ответ"))
    assert telegram.say("anna@study", "а почему?", reply_to=sent.message_id)
    telegram.say("boris@study", "/ask вопрос")
    command_id = telegram.log("study")[-1].message_id
    assert telegram.say("anna@study", "и мне", reply_to=command_id)
    telegram.say("boris@study", "между собой")
    other_id = telegram.log("study")[-1].message_id
    assert not telegram.say("anna@study", "да", reply_to=other_id)


def test_edit_that_mentions_the_bot_is_delivered(telegram, call):
    telegram.say("anna@study", "что это?")
    telegram.edit("anna@study", telegram.log("study")[0].message_id, f"@{BOT_NAME} что это?")
    (update,) = read_updates(call)
    assert update.edited_message.chat.id == GROUP


@pytest.mark.parametrize(
    "allow_all",
    [
        lambda standin: standin.set_bot("vera@study", "administrator"),
        lambda standin: standin.switch("reads_all"),
    ],
)
def test_administrators_and_bots_without_privacy_mode_get_every_message(telegram, allow_all):
    allow_all(telegram)
    assert telegram.say("anna@study", "привет всем")


def test_member_of_a_private_chat_is_found_and_a_stranger_is_not(call):
    assert call(lambda bot: bot.get_chat_member(1001, 1001)).status == "member"
    with pytest.raises(BadRequest, match="Participant_id_invalid"):
        call(lambda bot: bot.get_chat_member(GROUP, 77))


def test_readmitted_bot_is_notified_twice(telegram, call):
    telegram.set_bot("vera@study", "left")
    with pytest.raises(Forbidden, match="bot is not a member of the group chat"):
        call(lambda bot: bot.send_message(GROUP, "a"))
    telegram.set_bot("vera@study", "member")
    left, joined, service = read_updates(call)
    assert left.my_chat_member.new_chat_member.status == "left"
    assert joined.my_chat_member.old_chat_member.status == "left"
    assert service.message.new_chat_members[0].id == BOT_ID


def test_reply_in_a_plain_supergroup_has_a_thread_that_is_not_a_topic(telegram, call):
    telegram.migrate("boris@study")
    telegram.say("anna@study", "/ask раз")
    first = telegram.log("study")[-1].message_id
    telegram.say("boris@study", "/ask два", reply_to=first)
    message = read_updates(call)[-1].message
    assert (message.message_thread_id, message.is_topic_message) == (first, None)


def test_supergroups_number_their_own_messages(telegram, call):
    private_message = call(lambda bot: bot.send_message(1001, "a"))
    group_message = call(lambda bot: bot.send_message(SEMINAR.group_id, "b"))
    assert (private_message.message_id, group_message.message_id) == (1, 1)


def test_reactions_in_groups_are_delivered_only_to_administrators(telegram, call):
    read_updates(call)
    sent = call(lambda bot: bot.send_message(GROUP, "a"))
    assert telegram.react("anna@study", sent.message_id, "👍") == 0
    telegram.set_bot("vera@study", "administrator")
    assert telegram.react("anna@study", sent.message_id, "👎")
