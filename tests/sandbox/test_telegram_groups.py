"""Groups: what privacy mode lets through, who is in them, migration, the bot coming and going."""

from __future__ import annotations

import pytest
from telegram.constants import UpdateType
from telegram.error import BadRequest, ChatMigrated, Forbidden

from merlin.sandbox.telegram.world import BOT_ID, BOT_NAME, SEMINAR, STUDY

pytestmark = pytest.mark.functional

GROUP = STUDY.group_id


def updates(ask):
    return ask(lambda bot: bot.get_updates(allowed_updates=list(UpdateType)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("привет всем", False),
        ("/ask вопрос", True),
        (f"/ask@{BOT_NAME} вопрос", True),
        ("/ask@another_bot вопрос", False),
        (f"😀 @{BOT_NAME.upper()} что это?", True),
        ("@boris посмотри", False),
    ],
)
def test_privacy_mode_lets_through_what_is_meant_for_the_bot(telegram_up, text, told):
    assert bool(telegram_up.say("anna@study", text)) is told
    assert len(telegram_up.pending()) == told
    assert telegram_up.log("study")[0].text == text


def test_replies_to_the_bot_and_to_what_was_meant_for_it_are_told(telegram_up, ask):
    sent = ask(lambda bot: bot.send_message(GROUP, "ответ"))
    assert telegram_up.say("anna@study", "а почему?", reply_to=sent.message_id)
    telegram_up.say("boris@study", "/ask вопрос")
    meant = telegram_up.log("study")[-1].message_id
    assert telegram_up.say("anna@study", "и мне", reply_to=meant)
    telegram_up.say("boris@study", "между собой")
    aside = telegram_up.log("study")[-1].message_id
    assert not telegram_up.say("anna@study", "да", reply_to=aside)


def test_an_edit_that_names_the_bot_is_told(telegram_up, ask):
    telegram_up.say("anna@study", "что это?")
    telegram_up.edit("anna@study", telegram_up.log("study")[0].message_id, f"@{BOT_NAME} что это?")
    (update,) = updates(ask)
    assert update.edited_message.chat.id == GROUP


@pytest.mark.parametrize(
    "opened",
    [
        lambda standin: standin.set_bot("vera@study", "administrator"),
        lambda standin: standin.switch("reads_all"),
    ],
)
def test_administrators_and_bots_without_privacy_mode_hear_all(telegram_up, opened):
    opened(telegram_up)
    assert telegram_up.say("anna@study", "привет всем")


def test_a_group_message_says_who_and_where(telegram_up, ask):
    telegram_up.say("anna@study", "/ask вопрос")
    (update,) = updates(ask)
    message = update.message
    assert (message.chat.type, message.chat.title) == ("group", "Учебная группа")
    assert (message.from_user.id, message.message_thread_id) == (1001, None)


def test_anybody_in_the_group_presses_its_keys(telegram_up, ask):
    keys = {"inline_keyboard": [[{"text": "да", "callback_data": "y"}]]}
    ask(lambda bot: bot.send_message(GROUP, "?", reply_markup=keys))
    telegram_up.press("boris@study", "y")
    (update,) = updates(ask)
    query = update.callback_query
    assert (query.from_user.id, query.message.chat.id) == (1002, GROUP)


def test_who_is_in_a_group_and_who_leads_it(telegram_up, ask):
    async def act(bot):
        people = (1001, 1002, 1003, BOT_ID)
        return [(await bot.get_chat_member(GROUP, user)).status for user in people]

    assert ask(act) == ["member", "creator", "administrator", "member"]


def test_members_of_private_chats_and_strangers(ask):
    assert ask(lambda bot: bot.get_chat_member(1001, 1001)).status == "member"
    with pytest.raises(BadRequest, match="Participant_id_invalid"):
        ask(lambda bot: bot.get_chat_member(GROUP, 77))


def test_a_bot_thrown_out_is_told_so_and_refused(telegram_up, ask):
    telegram_up.set_bot("vera@study", "kicked")
    (update,) = updates(ask)
    assert update.my_chat_member.new_chat_member.status == "kicked"
    with pytest.raises(Forbidden, match="bot was kicked from the group chat"):
        ask(lambda bot: bot.send_message(GROUP, "a"))
    assert not telegram_up.say("anna@study", "/ask есть кто?")


def test_a_bot_let_in_again_is_told_twice(telegram_up, ask):
    telegram_up.set_bot("vera@study", "left")
    with pytest.raises(Forbidden, match="bot is not a member of the group chat"):
        ask(lambda bot: bot.send_message(GROUP, "a"))
    telegram_up.set_bot("vera@study", "member")
    left, came, service = updates(ask)
    assert left.my_chat_member.new_chat_member.status == "left"
    assert came.my_chat_member.old_chat_member.status == "left"
    assert service.message.new_chat_members[0].id == BOT_ID


def test_a_group_that_became_a_supergroup_names_its_new_id(telegram_up, ask):
    telegram_up.migrate("boris@study")
    old, new = (update.message for update in updates(ask))
    moved = telegram_up.group("study").group_id
    assert (old.migrate_to_chat_id, new.migrate_from_chat_id) == (moved, GROUP)
    with pytest.raises(ChatMigrated) as caught:
        ask(lambda bot: bot.send_message(GROUP, "a"))
    assert caught.value.new_chat_id == moved
    telegram_up.say("anna@study", "/ask где я?")
    assert updates(ask)[-1].message.chat.id == moved


def test_a_reply_in_a_plain_supergroup_names_a_thread_that_is_no_topic(telegram_up, ask):
    telegram_up.migrate("boris@study")
    telegram_up.say("anna@study", "/ask раз")
    first = telegram_up.log("study")[-1].message_id
    telegram_up.say("boris@study", "/ask два", reply_to=first)
    message = updates(ask)[-1].message
    assert (message.message_thread_id, message.is_topic_message) == (first, None)


def test_supergroups_count_their_own_messages(telegram_up, ask):
    mine = ask(lambda bot: bot.send_message(1001, "a"))
    theirs = ask(lambda bot: bot.send_message(SEMINAR.group_id, "b"))
    assert (mine.message_id, theirs.message_id) == (1, 1)


def test_reactions_in_groups_are_told_to_administrators_alone(telegram_up, ask):
    updates(ask)
    sent = ask(lambda bot: bot.send_message(GROUP, "a"))
    assert telegram_up.react("anna@study", sent.message_id, "👍") == 0
    telegram_up.set_bot("vera@study", "administrator")
    assert telegram_up.react("anna@study", sent.message_id, "👎")


def test_drafts_are_for_private_chats_alone(ask):
    with pytest.raises(BadRequest, match="Peer_id_invalid"):
        ask(lambda bot: bot.send_message_draft(GROUP, 7, "a"))
