"""Groups: privacy mode, members, migration, the bot joining and leaving."""

import pytest

from merlin.sandbox.telegram.world import BOT_NAME

pytestmark = pytest.mark.functional


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
