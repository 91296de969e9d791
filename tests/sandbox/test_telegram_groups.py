"""Groups: privacy mode, members, migration, the bot joining and leaving."""

from __future__ import annotations

import pytest
from telegram.constants import UpdateType
from telegram.error import BadRequest, ChatMigrated, Forbidden

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
def test_privacy_mode_lets_through_what_is_meant_for_the_bot(telegram, text, is_delivered):
    assert bool(telegram.say("anna@study", text)) is is_delivered
    assert len(telegram.pending()) == is_delivered
    assert telegram.log("study")[0].text == text


def test_replies_to_the_bot_and_to_what_was_meant_for_it_are_told(telegram, call):
    sent = call(lambda bot: bot.send_message(GROUP, "ответ"))
    assert telegram.say("anna@study", "а почему?", reply_to=sent.message_id)
    telegram.say("boris@study", "/ask вопрос")
    command_id = telegram.log("study")[-1].message_id
    assert telegram.say("anna@study", "и мне", reply_to=command_id)
    telegram.say("boris@study", "между собой")
    other_id = telegram.log("study")[-1].message_id
    assert not telegram.say("anna@study", "да", reply_to=other_id)


def test_an_edit_that_names_the_bot_is_told(telegram, call):
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
def test_administrators_and_bots_without_privacy_mode_hear_all(telegram, allow_all):
    allow_all(telegram)
    assert telegram.say("anna@study", "привет всем")


def test_a_group_message_says_who_and_where(telegram, call):
    telegram.say("anna@study", "/ask вопрос")
    (update,) = read_updates(call)
    message = update.message
    assert (message.chat.type, message.chat.title) == ("group", "Учебная группа")
    assert (message.from_user.id, message.message_thread_id) == (1001, None)


def test_anybody_in_the_group_presses_its_keys(telegram, call):
    keys = {"inline_keyboard": [[{"text": "да", "callback_data": "y"}]]}
    call(lambda bot: bot.send_message(GROUP, "?", reply_markup=keys))
    telegram.press("boris@study", "y")
    (update,) = read_updates(call)
    query = update.callback_query
    assert (query.from_user.id, query.message.chat.id) == (1002, GROUP)


def test_who_is_in_a_group_and_who_leads_it(telegram, call):
    async def act(bot):
        people = (1001, 1002, 1003, BOT_ID)
        return [(await bot.get_chat_member(GROUP, user)).status for user in people]

    assert call(act) == ["member", "creator", "administrator", "member"]


def test_members_of_private_chats_and_strangers(call):
    assert call(lambda bot: bot.get_chat_member(1001, 1001)).status == "member"
    with pytest.raises(BadRequest, match="Participant_id_invalid"):
        call(lambda bot: bot.get_chat_member(GROUP, 77))


def test_a_bot_thrown_out_is_told_so_and_refused(telegram, call):
    telegram.set_bot("vera@study", "kicked")
    (update,) = read_updates(call)
    assert update.my_chat_member.new_chat_member.status == "kicked"
    with pytest.raises(Forbidden, match="bot was kicked from the group chat"):
        call(lambda bot: bot.send_message(GROUP, "a"))
    assert not telegram.say("anna@study", "/ask есть кто?")


def test_a_bot_let_in_again_is_told_twice(telegram, call):
    telegram.set_bot("vera@study", "left")
    with pytest.raises(Forbidden, match="bot is not a member of the group chat"):
        call(lambda bot: bot.send_message(GROUP, "a"))
    telegram.set_bot("vera@study", "member")
    left, joined, service = read_updates(call)
    assert left.my_chat_member.new_chat_member.status == "left"
    assert joined.my_chat_member.old_chat_member.status == "left"
    assert service.message.new_chat_members[0].id == BOT_ID


def test_a_group_that_became_a_supergroup_names_its_new_id(telegram, call):
    telegram.migrate("boris@study")
    old, new = (update.message for update in read_updates(call))
    moved = telegram.group("study").group_id
    assert (old.migrate_to_chat_id, new.migrate_from_chat_id) == (moved, GROUP)
    with pytest.raises(ChatMigrated) as caught:
        call(lambda bot: bot.send_message(GROUP, "a"))
    assert caught.value.new_chat_id == moved
    telegram.say("anna@study", "/ask где я?")
    assert read_updates(call)[-1].message.chat.id == moved


def test_a_reply_in_a_plain_supergroup_names_a_thread_that_is_no_topic(telegram, call):
    telegram.migrate("boris@study")
    telegram.say("anna@study", "/ask раз")
    first = telegram.log("study")[-1].message_id
    telegram.say("boris@study", "/ask два", reply_to=first)
    message = read_updates(call)[-1].message
    assert (message.message_thread_id, message.is_topic_message) == (first, None)


def test_supergroups_count_their_own_messages(telegram, call):
    private_message = call(lambda bot: bot.send_message(1001, "a"))
    group_message = call(lambda bot: bot.send_message(SEMINAR.group_id, "b"))
    assert (private_message.message_id, group_message.message_id) == (1, 1)


def test_reactions_in_groups_are_told_to_administrators_alone(telegram, call):
    read_updates(call)
    sent = call(lambda bot: bot.send_message(GROUP, "a"))
    assert telegram.react("anna@study", sent.message_id, "👍") == 0
    telegram.set_bot("vera@study", "administrator")
    assert telegram.react("anna@study", sent.message_id, "👎")


def test_drafts_are_for_private_chats_alone(call):
    with pytest.raises(BadRequest, match="Peer_id_invalid"):
        call(lambda bot: bot.send_message_draft(GROUP, 7, "a"))
