"""Rich messages: sent as blocks, or once as plain text if Telegram refuses the blocks."""

from dataclasses import replace

import pytest

from merlin.app.outbox import Outbox, OutgoingMessage, Target, dump_page, load_page
from merlin.config.credentials import bot_id
from merlin.core.formatted_text import Button, FormattedMessage, plain_parts, prepend
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from tests.bot.running_bot import RunningBot, answer_texts, bot_settings, select_rows
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional

ANNA = 1001
VERA = 1003
PARAGRAPH = {"type": "paragraph", "text": ["формула ", {"type": "bold", "text": "x²"}]}
RICH = FormattedMessage(
    "формула x²",
    buttons=((Button("ещё", "more"),),),
    blocks=(PARAGRAPH, {"type": "divider"}),
)


@pytest.fixture
def settings(tmp_path, telegram):
    return bot_settings(tmp_path, telegram, admins=(VERA,))


def put(settings, *pages):
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        Outbox(database, bot_id(settings.token)).put(
            [
                OutgoingMessage(f"rich:{number}", ANNA, page)
                for number, page in enumerate(pages)
            ]
        )


def count_calls(telegram, name):
    return sum(call.body.get("chat_id") == str(ANNA) for call in telegram.calls(name))


def wait_until_sent(telegram, settings):
    """Wait until no message to anna is on the way."""
    query = f"SELECT id FROM outgoing WHERE chat_id = {ANNA} AND settled_at IS NULL"  # noqa: S608 - a number
    telegram.wait_for(lambda: not select_rows(settings, query))


def test_stored_page_keeps_its_blocks():
    assert load_page(dump_page(RICH, Target(3))) == (RICH, Target(3))


def test_message_without_blocks_is_stored_without_the_field():
    assert "blocks" not in dump_page(FormattedMessage("a"), Target())


def test_repeat_mark_is_a_paragraph_of_its_own():
    repeated = prepend("↻ ещё раз\n", RICH)
    assert repeated.blocks[0] == {"type": "paragraph", "text": "↻ ещё раз"}
    assert repeated.blocks[1:] == RICH.blocks


def test_plain_form_of_a_long_page_is_several_messages_with_the_buttons_last():
    parts = plain_parts(replace(RICH, text="слово " * 2000))
    assert len(parts) == 4
    assert [part.buttons for part in parts] == [(), (), (), RICH.buttons]
    assert not any(part.blocks for part in parts)


def test_refused_blocks_are_sent_once_as_plain_text_and_admins_are_told(
    telegram, settings
):
    long = replace(RICH, text="слово " * 2000)
    put(settings, long, FormattedMessage("после"))
    telegram.faults.add(Fault("sendRichMessage", FaultKind.STATUS, status=400))
    with RunningBot(settings):
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
        wait_until_sent(telegram, settings)
    *parts, after = answer_texts(telegram)
    assert after == "после"
    assert "".join(parts).count("слово") == 2000
    assert count_calls(telegram, "sendMessage") == 5
    assert "простым текстом" in answer_texts(telegram, "vera")[0]


def test_server_without_rich_messages_gets_plain_text(telegram, settings):
    telegram.faults.add(Fault("sendRichMessage", FaultKind.STATUS, status=404))
    put(settings, RICH)
    with RunningBot(settings):
        wait_until_sent(telegram, settings)
    assert answer_texts(telegram) == [RICH.text]


@pytest.mark.parametrize("status", [500, 502])
def test_rich_message_in_doubt_is_never_sent_as_plain_text(telegram, settings, status):
    telegram.faults.add(
        Fault("sendRichMessage", FaultKind.STATUS, status=status, times=2)
    )
    put(settings, RICH)
    with RunningBot(settings):
        wait_until_sent(telegram, settings)
    assert answer_texts(telegram) == []
    states = f"SELECT state, tries FROM outgoing WHERE chat_id = {ANNA}"  # noqa: S608 - a number
    assert select_rows(settings, states) == [("unknown", 2)]


def test_flooded_rich_message_waits_as_it_is(telegram, settings):
    telegram.faults.add(
        Fault("sendRichMessage", FaultKind.STATUS, status=429, retry_after_s=3600)
    )
    put(settings, RICH)
    with RunningBot(settings):
        telegram.wait_for(lambda: not telegram.faults.list_pending())
        states = f"SELECT state, tries FROM outgoing WHERE chat_id = {ANNA}"  # noqa: S608 - a number
        telegram.wait_for(lambda: select_rows(settings, states) == [("pending", 0)])
    assert answer_texts(telegram) == []


def test_rejected_token_does_not_turn_blocks_off(telegram, settings):
    # The library has one error for a rejected token and for a missing method.
    telegram.faults.add(
        Fault("sendRichMessage", FaultKind.STATUS, status=401, times=2),
        Fault("sendRichMessage", FaultKind.STATUS, status=429, retry_after_s=3600),
    )
    put(settings, RICH)
    with RunningBot(settings):
        telegram.wait_for(lambda: not telegram.faults.list_pending())
    assert answer_texts(telegram) == []


def test_unreachable_chat_is_no_refusal_of_blocks(telegram, settings):
    telegram.faults.add(Fault("sendRichMessage", FaultKind.STATUS, status=403))
    put(settings, RICH)
    with RunningBot(settings):
        wait_until_sent(telegram, settings)
    assert answer_texts(telegram) == answer_texts(telegram, "vera") == []
