"""Streaming by drafts in private chats: what is shown, the Stop button, what Telegram refuses."""

from dataclasses import replace

import pytest

from merlin.db.database import open_database
from merlin.db.notices import Notices
from tests.bot.conversation import MENTION, ChatUser
from tests.bot.running_bot import (
    FIFTY_A_DAY,
    QUICK,
    RunningBot,
    answer_texts,
    ask,
    count_updates_by_state,
    russian_text,
    select_rows,
    wait_until_ended,
)
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional

DRAFT = "sendMessageDraft"
RICH_DRAFT = "sendRichMessageDraft"
ANNA = 1001
BORIS = 1002
WORDS = " ".join(f"слово{n}" for n in range(400))


@pytest.fixture
def settings(settings):
    return replace(settings, streaming="drafts")


def draft_texts(telegram, chat_id=ANNA):
    """Return the texts of the drafts that a chat was sent, in order."""
    return [
        call.body.get("text", "")
        for call in telegram.calls(DRAFT)
        if call.body["chat_id"] == str(chat_id)
    ]


def stop_draft(telegram, person_id, draft_id):
    """Say that the Stop button of a draft was pressed, wherever it is shown."""
    press = {"chat": {"id": person_id, "type": "private"}, "draft_id": draft_id}
    telegram.act(
        lambda actions: actions.world.add_update("stopped_message_generation", press)
    )


def count_edits(telegram):
    return len(telegram.calls("editMessageText"))


def test_answer_grows_in_a_draft_and_is_one_message(telegram, provider, bot):
    provider.behave(fixed_answer=WORDS, piece_s=0.1)
    telegram.say("anna", "Расскажи")
    telegram.wait_for(lambda: len(draft_texts(telegram)) > 3)
    assert answer_texts(telegram) == []
    provider.behave(piece_s=0.0)
    wait_until_ended(telegram, bot, 1)
    (message,) = telegram.answers("anna")
    assert [version["text"] for version in message.versions] == [WORDS]
    first, *texts = draft_texts(telegram)
    assert first == ""
    assert all(text and WORDS.startswith(text) for text in texts)
    assert texts == sorted(set(texts), key=len)
    ((update_id,),) = select_rows(bot, "SELECT update_id FROM telegram_update")
    bodies = [call.body for call in telegram.calls(DRAFT)]
    assert {body["draft_id"] for body in bodies} == {str(update_id)}
    assert {body["can_stop"] for body in bodies} == {"true"}
    assert not any("reply_markup" in body for body in bodies)
    assert count_edits(telegram) == 0


def test_answer_can_be_rated_long_after_its_row_of_the_outbox_is_deleted(
    telegram, settings
):
    with ChatUser.of_running_bot(telegram, settings) as anna:
        anna.say("вопрос")
        with open_database(settings.database) as database, database.atomic():
            database.sql("DELETE FROM outgoing")
        anna.press("👍")
    assert select_rows(settings, "SELECT value FROM rating") == [("up",)]


def test_draft_is_sent_in_the_topic_of_its_question(telegram, bot):
    telegram.say("anna#12", "Расскажи")
    wait_until_ended(telegram, bot, 1)
    assert {call.body["message_thread_id"] for call in telegram.calls(DRAFT)} == {"12"}


def test_draft_is_sent_again_before_it_ends(telegram, provider, settings):
    provider.behave(think_s=3600.0)
    pace = replace(QUICK, draft_s=0.05)
    with RunningBot(replace(settings, pace=pace)):
        telegram.say("anna", "Расскажи")
        telegram.wait_for(lambda: len(draft_texts(telegram)) > 2)
        assert set(draft_texts(telegram)) == {""}
        provider.behave(think_s=0.0)
        wait_until_ended(telegram, settings, 1)


def test_two_drafts_are_a_gap_apart(telegram, provider, settings):
    provider.behave(fixed_answer=WORDS, piece_s=0.001)
    pace = replace(QUICK, private_edit_s=3600.0)
    ask(telegram, replace(settings, pace=pace), "Расскажи")
    assert draft_texts(telegram) == [""]


def test_group_sees_its_answer_by_edits(telegram, bot):
    telegram.say("anna@study", f"{MENTION} лоб?")
    wait_until_ended(telegram, bot, 1)
    (answer,) = telegram.answers("study")
    assert answer.versions[0]["text"] == "…"
    assert telegram.calls(DRAFT) == []


def test_stop_of_the_draft_ends_its_answer_and_no_other(telegram, provider, bot):
    provider.behave(fixed_answer=WORDS, piece_s=0.05)
    telegram.say("anna", "Расскажи")
    telegram.wait_for(lambda: "слово3" in "".join(draft_texts(telegram)))
    provider.behave(piece_s=3600.0)
    draft_id = telegram.draft("anna").draft_id
    stop_draft(telegram, BORIS, draft_id)
    stop_draft(telegram, ANNA, draft_id + 1)
    telegram.wait_for(lambda: count_updates_by_state(bot).get("answered") == 2)
    assert answer_texts(telegram) == []
    telegram.stop_generation("anna")
    wait_until_ended(telegram, bot, 4)
    (answer,) = answer_texts(telegram)
    assert answer.startswith("слово0 слово1 слово2")
    assert russian_text("bot-stopped") in answer
    people = "SELECT user_id FROM telegram_update ORDER BY update_id"
    assert select_rows(bot, people) == [(ANNA,), (BORIS,), (ANNA,), (ANNA,)]


def test_answer_is_sent_after_a_draft_that_is_still_on_its_way(
    telegram, provider, settings
):
    provider.behave(fixed_answer=WORDS, piece_s=0.01)
    telegram.faults.add(Fault(DRAFT, FaultKind.LAG, skip=1, seconds=2.0))
    ask(telegram, settings, "Расскажи")
    names = [call.name for call in telegram.calls() if call.name.startswith("send")]
    assert names[-1] == "sendMessage"
    assert names.count(DRAFT) > 1


def test_notice_waits_until_the_answer_is_sent(telegram, provider, bot):
    provider.behave(think_s=3600.0)
    telegram.say("anna", "Расскажи")
    telegram.wait_for(lambda: draft_texts(telegram))
    with open_database(bot.database) as database:
        for to in (ANNA, BORIS):
            Notices(database).notify(str(to), "notice-unconfirmed", {"chat": "5"})
    telegram.wait_for(lambda: answer_texts(telegram, "boris"))
    assert answer_texts(telegram) == []
    provider.behave(think_s=0.0)
    telegram.wait_for(lambda: len(answer_texts(telegram)) == 2)
    assert "«Расскажи»" in answer_texts(telegram)[0]


def test_flooded_chat_gets_no_draft_and_no_edit_meanwhile(telegram, provider, settings):
    provider.behave(fixed_answer=WORDS, piece_s=0.005)
    telegram.faults.add(
        Fault(DRAFT, FaultKind.STATUS, status=429, retry_after_s=4, skip=1)
    )
    assert ask(telegram, settings, "Расскажи") == [WORDS]
    statuses = [call.status for call in telegram.calls(DRAFT)]
    assert statuses == [200]
    assert count_edits(telegram) == 0


def test_chat_that_refuses_drafts_gets_edits_and_no_other_chat(telegram, settings):
    refusal = Fault(DRAFT, FaultKind.STATUS, status=400, only={"chat_id": str(ANNA)})
    telegram.faults.add(refusal)
    with RunningBot(settings):
        for number in (1, 2):
            telegram.say("anna", f"вопрос {number}")
            wait_until_ended(telegram, settings, number)
        telegram.say("boris", "вопрос")
        wait_until_ended(telegram, settings, 3)
    versions = [answer.versions[0]["text"] for answer in telegram.answers("anna")]
    assert versions == ["…", "…"]
    assert draft_texts(telegram) == []
    assert draft_texts(telegram, BORIS)[0] == ""
    assert len(telegram.answers("boris")[0].versions) == 1


def test_server_without_drafts_gets_edits_in_every_chat(telegram, settings):
    telegram.faults.add(Fault(DRAFT, FaultKind.STATUS, status=404, times=1))
    with RunningBot(settings):
        for number, who in enumerate(("anna", "boris"), 1):
            telegram.say(who, "вопрос")
            wait_until_ended(telegram, settings, number)
    assert telegram.calls(DRAFT) == []
    for who in ("anna", "boris"):
        (answer,) = telegram.answers(who)
        assert answer.versions[0]["text"] == "…"


@pytest.mark.parametrize("status", [401, 500])
def test_other_errors_of_a_draft_change_nothing(telegram, settings, status):
    telegram.faults.add(Fault(DRAFT, FaultKind.STATUS, status=status, times=1))
    with RunningBot(settings):
        for number in (1, 2):
            telegram.say("anna", "вопрос")
            wait_until_ended(telegram, settings, number)
    assert draft_texts(telegram)[-1:] == [""]
    assert [len(answer.versions) for answer in telegram.answers("anna")] == [1, 1]


def test_chat_that_is_not_found_still_gets_drafts_later(telegram, settings):
    stranger = {"id": 77, "is_bot": False, "first_name": "N", "language_code": "ru"}
    message = {
        "message_id": 1,
        "date": 0,
        "from": stranger,
        "chat": {"id": 77, "type": "private"},
        "text": "вопрос",
    }
    with RunningBot(settings):
        telegram.act(lambda actions: actions.world.add_update("message", message))
        wait_until_ended(telegram, settings, 1)
        assert count_updates_by_state(settings) == {"failed": 1}
        telegram.say("77", "вопрос")
        wait_until_ended(telegram, settings, 2)
    calls = [call for call in telegram.calls(DRAFT) if call.body["chat_id"] == "77"]
    assert [call.status for call in calls] == [400, 200]


def test_person_who_blocked_the_bot_is_not_charged(telegram, provider, settings):
    provider.behave(think_s=3600.0)
    telegram.faults.add(Fault(DRAFT, FaultKind.STATUS, status=403))
    assert ask(telegram, replace(settings, plans=(FIFTY_A_DAY,)), "вопрос") == []
    rows = select_rows(settings, "SELECT state, reason FROM telegram_update")
    assert rows == [("failed", "unreachable")]
    assert select_rows(settings, "SELECT state FROM quota_use") == [("returned",)]


def test_person_with_plain_messages_gets_edits_until_they_change_it(telegram, settings):
    with ChatUser.of_running_bot(telegram, settings) as anna:
        anna.say("/lang")
        anna.press(russian_text("plain-choose"))
        assert anna.alerts() == [russian_text("plain-on")]
        assert f"✓ {russian_text('plain-choose')}" in anna.labels
        anna.say("первый")
        assert draft_texts(telegram) == []
        assert anna.last.versions[0]["text"] == "…"
        anna.press("plain:0")
        anna.say("второй")
        assert draft_texts(telegram) != []


TABLE = "Итог:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nВсё."


def test_draft_of_a_table_is_rich_as_its_answer_will_be(telegram, provider, settings):
    provider.behave(fixed_answer=f"{TABLE} {WORDS}", piece_s=0.02)
    with RunningBot(settings):
        telegram.say("anna", "Таблица?")
        telegram.wait_for(lambda: len(telegram.calls(RICH_DRAFT)) > 1)
        provider.behave(piece_s=0.0)
        wait_until_ended(telegram, settings, 1)
    (answer,) = telegram.answers("anna")
    assert any(
        block["type"] == "table" for block in answer.message["rich_message"]["blocks"]
    )
    bodies = [call.body for call in telegram.calls(RICH_DRAFT)]
    assert {body["can_stop"] for body in bodies} == {"true"}
    assert {body["draft_id"] for body in bodies} == {
        call.body["draft_id"] for call in telegram.calls(DRAFT)
    }


@pytest.mark.parametrize(("status", "knows"), [(400, True), (404, False)])
def test_refused_blocks_of_a_draft_are_shown_as_text(
    telegram, provider, settings, status, knows
):
    provider.behave(fixed_answer=f"{TABLE} {WORDS}", piece_s=0.02)
    telegram.faults.add(Fault(RICH_DRAFT, FaultKind.STATUS, status=status))
    with RunningBot(settings):
        telegram.say("anna", "Таблица?")
        telegram.wait_for(lambda: not telegram.faults.list_pending())
        telegram.wait_for(lambda: "|---|---|" in "".join(draft_texts(telegram)))
        provider.behave(piece_s=0.0)
        wait_until_ended(telegram, settings, 1)
    (answer,) = telegram.answers("anna")
    assert ("rich_message" in answer.message) is knows
    assert len(answer.versions) == 1


def test_person_with_plain_messages_gets_no_blocks(telegram, provider, settings):
    provider.behave(fixed_answer=TABLE)
    with ChatUser.of_running_bot(telegram, settings) as anna:
        anna.say("/lang")
        anna.press("plain:1")
        assert "rich_message" not in anna.say("Таблица?").message
        anna.press("plain:0")
        assert "rich_message" in anna.say("Таблица?").message
