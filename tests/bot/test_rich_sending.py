"""Rich messages: sent as blocks, or once as plain text if Telegram refuses the blocks."""

from dataclasses import replace

import pytest

from merlin.app.outbox import Outbox, OutgoingMessage, Target, dump_page, load_page
from merlin.bot.markdown import render
from merlin.config.credentials import bot_id
from merlin.core.formatted_text import Button, FormattedMessage, plain_parts
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.sandbox.telegram.world import BOT_NAME
from tests.bot.conversation import ChatUser, join_group_chat
from tests.bot.running_bot import (
    RunningBot,
    answer_texts,
    kill_bot_at,
    russian_text,
    select_rows,
    wait_until_ended,
)
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


TABLE = "Вот таблица.\n\n| a | b |\n|--|--|\n| 1 | $x^2$ |"
PLAIN = "Вот таблица.\n\na | b\n--+---\n1 | x²"
LONG_TABLE = TABLE + "\n\n" + " ".join(f"слово{n}" for n in range(1500))


@pytest.fixture
def settings(settings):
    return replace(settings, admins=(VERA,))


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


def blocks_of(message):
    return message.message.get("rich_message", {}).get("blocks", [])


def kinds_of(message):
    return [block["type"] for block in blocks_of(message)]


@pytest.mark.parametrize("streaming", ["edits", "off"])
def test_answer_with_a_table_is_rich_with_its_buttons(
    telegram, provider, settings, streaming
):
    provider.behave(fixed_answer=TABLE)
    settings = replace(settings, streaming=streaming)
    with ChatUser.of_running_bot(telegram, settings) as anna:
        answer = anna.say("Покажи таблицу")
        assert kinds_of(answer) == ["paragraph", "table"]
        assert "👍" in anna.labels
        anna.press("rate:up:1", answer.message_id)
        telegram.wait_for(lambda: "👍 ✓" in anna.labels)
        assert kinds_of(anna.last) == ["paragraph", "table"]


def test_note_below_a_table_is_in_the_same_message(telegram, provider, settings):
    composed = {"composed": True, "composed_from": ["Что такое граф?"]}
    provider.behave(fixed_answer=TABLE, extension=composed)
    with ChatUser.of_running_bot(telegram, settings) as anna:
        *_, table, note = blocks_of(anna.say("Покажи таблицу"))
    assert table["type"] == "table"
    assert note["text"]["type"] == "italic"
    assert "Что такое граф?" in note["text"]["text"]


def test_note_alone_is_plain(telegram, provider, settings):
    provider.behave(fixed_answer=" ")
    with ChatUser.of_running_bot(telegram, settings) as anna:
        answer = anna.say("Покажи таблицу").message
    assert answer["text"] == russian_text("bot-empty")


def test_answer_in_a_group_is_rich_and_a_reply(telegram, provider, settings):
    provider.behave(fixed_answer=TABLE)
    with RunningBot(replace(settings, streaming="off")):
        group = join_group_chat(telegram, settings)
        question = f"@{BOT_NAME} покажи"
        answer = group.say(question)
    assert kinds_of(answer) == ["paragraph", "table"]
    assert answer.message["reply_to_message"]["text"] == question


@pytest.mark.parametrize("streaming", ["edits", "off"])
@pytest.mark.parametrize("written", [TABLE, LONG_TABLE])
def test_refused_answer_is_shown_once_as_plain_text(
    telegram, provider, settings, streaming, written
):
    provider.behave(fixed_answer=written)
    # Only the last edit of the placeholder is made.
    pace = replace(settings.pace, private_edit_s=3600.0)
    settings = replace(settings, streaming=streaming, pace=pace)
    method = "editMessageText" if streaming == "edits" else "sendRichMessage"
    telegram.faults.add(Fault(method, FaultKind.STATUS, status=400))
    with ChatUser.of_running_bot(telegram, settings) as anna:
        anna.say("Покажи таблицу")
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
    texts = answer_texts(telegram)
    expected = render(written)
    assert texts == [part.text for part in plain_parts(expected)]
    assert texts[0].startswith(PLAIN)
    assert len(texts) == (4 if written == LONG_TABLE else 1)
    assert select_rows(settings, "SELECT state FROM turn") == [("told",)]
    assert "простым текстом" in answer_texts(telegram, "vera")[0]


@pytest.mark.parametrize("streaming", ["edits", "off"])
def test_later_answers_are_plain_once_the_server_has_no_rich_messages(
    telegram, provider, settings, streaming
):
    provider.behave(fixed_answer=TABLE)
    pace = replace(settings.pace, private_edit_s=3600.0)
    settings = replace(settings, streaming=streaming, pace=pace)
    method = "editMessageText" if streaming == "edits" else "sendRichMessage"
    telegram.faults.add(Fault(method, FaultKind.STATUS, status=404))
    with ChatUser.of_running_bot(telegram, settings) as anna:
        for question in ("раз", "два"):
            assert anna.say(question).text == PLAIN
    calls = [call.body for call in telegram.calls()]
    # A call that fails by a fault is not listed.
    assert not any("rich_message" in body for body in calls)


def test_refusal_of_blocks_turns_nothing_on_again(telegram, provider, settings):
    provider.behave(fixed_answer=TABLE)
    put(settings, RICH, RICH)
    telegram.faults.add(
        Fault("sendRichMessage", FaultKind.STATUS, status=404),
        Fault("sendRichMessage", FaultKind.STATUS, status=400),
    )
    with ChatUser.of_running_bot(telegram, settings) as anna:
        wait_until_sent(telegram, settings)
        assert not telegram.faults.list_pending()
        assert anna.say("Покажи таблицу").text == PLAIN


@pytest.mark.parametrize("streaming", ["edits", "off"])
def test_killed_fallback_shows_each_part_once(
    telegram, provider, settings, tmp_path, streaming
):
    provider.behave(fixed_answer=LONG_TABLE)
    pace = replace(settings.pace, private_edit_s=3600.0)
    settings = replace(settings, streaming=streaming, pace=pace)
    method = "editMessageText" if streaming == "edits" else "sendRichMessage"
    refusal = Fault(method, FaultKind.STATUS, status=400)
    # Between the two the plain form is sent.
    telegram.faults.add(refusal, replace(refusal, skip=1))
    telegram.say("anna", "Покажи таблицу")
    kill_bot_at("answer.sent", settings, tmp_path / "log")
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 1)
    parts = [part.text for part in plain_parts(render(LONG_TABLE))]
    repeated = f"{russian_text('bot-repeat')}\n{parts[0]}"
    shown = answer_texts(telegram)
    assert sorted(set(shown) - {repeated}) == sorted(parts)
    assert len(shown) == len(parts) + (streaming == "off")
