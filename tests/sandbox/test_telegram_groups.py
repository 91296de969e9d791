"""Groups: privacy mode, members, migration, the bot joining and leaving."""

import pytest

from merlin.sandbox.telegram.world import BOT_NAME, STUDY

pytestmark = pytest.mark.functional

GROUP = STUDY.group_id


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
