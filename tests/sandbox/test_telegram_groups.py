"""Privacy mode of the Telegram stand-in: which messages of a group the bot receives."""

import pytest

from merlin.sandbox.telegram.world import BOT_NAME, STUDY

pytestmark = pytest.mark.functional


@pytest.mark.parametrize(
    ("text", "is_received"),
    [
        ("Где зачёт?", False),
        (f"@{BOT_NAME} где зачёт?", True),
        ("@boris где зачёт?", False),
        ("/help", True),
        (f"/help@{BOT_NAME}", True),
        ("/help@another_bot", False),
    ],
)
def test_message_of_a_group_reaches_the_bot_if_it_is_meant(telegram, text, is_received):
    update_id = telegram.say("anna@study", text)
    updates = [update["update_id"] for update in telegram.pending()]
    assert updates == ([update_id] if is_received else [])


def test_replies_reach_the_bot_where_what_they_answer_did(telegram, call):
    sent = call(lambda bot: bot.send_message(STUDY.group_id, "Готов."))
    assert telegram.say("anna@study", "Спасибо", reply_to=sent.message_id)
    telegram.say("anna@study", "Не к боту")
    plain = telegram.log("anna@study")[-1].message_id
    assert telegram.say("boris@study", "И я", reply_to=plain) == 0


def test_administrator_gets_every_message_and_a_bot_that_left_gets_none(telegram):
    telegram.set_bot("boris@study", "administrator")
    assert telegram.say("anna@study", "Где зачёт?")
    telegram.set_bot("boris@study", "left")
    assert telegram.say("anna@study", f"@{BOT_NAME} где зачёт?") == 0
