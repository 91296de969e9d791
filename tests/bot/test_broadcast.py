"""Broadcasts: preview, two confirmations, rate limit, one delivery each despite kills, a report."""

from dataclasses import replace

import pytest

from merlin.db.database import open_database
from merlin.db.notices import ADMINS, Notices
from tests.bot.admin_chat import ANNA, BORIS, VERA, StaffUser, add_admin, add_users
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.faults import Fault, FaultKind
from tests.support.forked_processes import start_bot, wait_for_exit

pytestmark = pytest.mark.functional

TEXT = "**Завтра** экзамен, `10:00`"
SHOWN = "Завтра экзамен, 10:00"
CROWD = range(5001, 5031)
# More users than a broadcast reaches while an admin presses a few buttons.
MANY = range(5001, 5401)
CASTS = "SELECT state, total, is_whole FROM broadcast"


@pytest.fixture
def settings(settings, telegram):
    telegram.act(lambda acting: [acting.place(number) for number in MANY])
    return add_admin(settings)


def add_crowd(settings, per_s, people=CROWD):
    add_users(settings, people, language_code="en")
    return replace(settings, pace=replace(settings.pace, broadcast_per_s=per_s))


def prepare_broadcast(chat, audience="all"):
    """Write a broadcast and go as far as the second confirmation."""
    chat.say("/admin")
    chat.press("a-casts")
    chat.press("✍️ Новая рассылка")
    chat.say(TEXT)
    chat.press(f"a-cast-ask:1:{audience}")
    return chat.last


def current_message(telegram, message):
    """Return the current version of a message of vera's chat."""
    (current,) = (x for x in telegram.answers("vera") if x.message_id == message.message_id)
    return current


def current_text(telegram, message):
    """Return the current text of a message of vera's chat."""
    return current_message(telegram, message).text


def received_texts(telegram, user):
    return [message.text for message in telegram.answers(user) if SHOWN in message.text]


def test_broadcast_reaches_every_recipient_as_previewed_and_is_reported(telegram, settings):
    add_users(settings, [ANNA, BORIS])
    telegram.block("boris")
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        chat.say("/admin")
        chat.press("a-casts")
        chat.press("✍️ Новая рассылка")
        preview = chat.say(TEXT)
        assert preview.text == SHOWN
        assert [mark["type"] for mark in preview.entities] == ["bold", "code"]
        assert "Отправить всем (2)" in chat.labels
        assert "Отправить русскоязычным (2)" in chat.labels
        chat.press("Отправить всем (2)")
        assert "2 людям? Что уже отправлено, отозвать нельзя." in chat.last.text
        assert received_texts(telegram, "anna") == []
        chat.press("📣 Отправить рассылку")
        chat.wait_for_text("закончена")
    assert received_texts(telegram, "anna") == [SHOWN]
    assert "Получателей: 2" in chat.last.text
    assert "Отправлено: 2" in chat.last.text
    assert "Стали недоступны после начала: 0" in chat.last.text
    audit = select_rows(settings, "SELECT by_whom, action, target, arguments FROM audit")
    assert audit == [(f"user:{VERA}", "broadcast.start", "broadcast:1", '{"language":""}')]


def test_recipients_who_blocked_the_bot_are_counted(telegram, settings):
    add_users(settings, [ANNA, BORIS, 777])
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        prepare_broadcast(chat)
        telegram.block("boris")
        add_users(settings, [BORIS])
        chat.press("📣 Отправить рассылку")
        chat.wait_for_text("закончена")
    assert "Заблокировали бота: " in chat.last.text


def test_broadcast_goes_on_while_as_many_chats_as_its_rate_are_flooded(telegram, settings):
    settings = add_crowd(settings, 2)
    for number in CROWD[:3]:
        flood = {"status": 429, "retry_after_s": 3600, "only": {"chat_id": str(number)}}
        telegram.faults.add(Fault("sendMessage", FaultKind.STATUS, **flood))
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        prepare_broadcast(chat)
        chat.press("📣 Отправить рассылку")
        telegram.wait_for(lambda: received_texts(telegram, CROWD[3]))


def test_broadcast_can_be_limited_to_one_language(telegram, settings):
    settings = add_crowd(settings, 100)
    add_users(settings, [ANNA])
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        prepare_broadcast(chat, "en")
        assert "30 людям" in chat.last.text
        chat.press("📣 Отправить рассылку")
        chat.wait_for_text("закончена")
    assert received_texts(telegram, "anna") == []
    assert all(received_texts(telegram, number) == [SHOWN] for number in CROWD)


def test_killed_broadcast_continues_without_duplicates(telegram, settings, tmp_path):
    settings = add_crowd(settings, 8)
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        prepare_broadcast(chat)
    telegram.press("vera", "📣 Отправить рассылку")
    log = tmp_path / "log"
    child = start_bot(settings, log, MERLIN_CRASH_AT="broadcast.queued")
    assert wait_for_exit(child) == 137, log.read_text()
    child = start_bot(settings, log)
    telegram.wait_for(lambda: sum(bool(received_texts(telegram, number)) for number in CROWD) > 10)
    child.kill()
    child.join()
    with RunningBot(settings):
        # The lease of a dead process lasts for some seconds.
        chat.wait_for_text("закончена", 90)
    for number in CROWD:
        texts = received_texts(telegram, number)
        # A message in transit at the moment of a kill is repeated with a notice.
        marked = [text for text in texts if text.startswith("↻")]
        assert 1 <= len(texts) <= 1 + len(marked)
        assert len(marked) <= 1
    assert select_rows(settings, CASTS) == [("ended", 31, 1)]


def test_stopped_broadcast_is_sent_to_no_further_recipient_until_continued(telegram, settings):
    people = MANY[:60]
    settings = add_crowd(settings, 1, people)
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        # Not the newest message after the press: vera receives the broadcast too.
        running = prepare_broadcast(chat)
        chat.press("📣 Отправить рассылку")
        telegram.wait_for(lambda: received_texts(telegram, CROWD[0]))
        # The first user may get it before the admin's own message has its buttons.
        stop = "⏹ Остановить рассылку"
        telegram.wait_for(
            lambda: any(
                key["text"] == stop
                for row in current_message(telegram, running).keys
                for key in row
            )
        )
        chat.press(stop, running.message_id)
        assert "Остановить рассылку 1?" in current_text(telegram, running)
        chat.press("a-cast-stop-yes:1")
        telegram.wait_for(
            lambda: select_rows(settings, "SELECT ended_at FROM broadcast")[0][0] is not None, 20
        )
        telegram.wait_for(lambda: "остановлена" in chat.last.text)
        assert received_texts(telegram, people[-1]) == []
    count = sum(bool(received_texts(telegram, number)) for number in people) + bool(
        received_texts(telegram, "vera")
    )
    assert count < len(people)
    assert [state for state, _, _ in select_rows(settings, CASTS)] == ["stopped"]
    with RunningBot(replace(settings, pace=replace(settings.pace, broadcast_per_s=1000))):
        chat.press("a-cast:1", running.message_id, forged=True)
        chat.press("▶️ Продолжить рассылку", running.message_id)
        assert "только те, кто ещё не получил" in current_text(telegram, running)
        chat.press("a-cast-continue-yes:1", running.message_id)
        telegram.wait_for(lambda: "закончена" in current_text(telegram, running), 60)
        assert "нельзя продолжить" in chat.press_forged("a-cast-continue-yes:1")
    assert all(received_texts(telegram, number) == [SHOWN] for number in people)
    assert select_rows(settings, CASTS) == [("ended", 61, 1)]


def test_notice_is_sent_before_the_rest_of_a_broadcast(telegram, settings):
    settings = add_crowd(settings, 1, MANY)
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        prepare_broadcast(chat)
        chat.press("📣 Отправить рассылку")
        telegram.wait_for(lambda: received_texts(telegram, CROWD[0]))
        with open_database(settings.database) as database:
            Notices(database).tell(ADMINS, "notice-answer-spent", {"provider": "p"})
        part = "закончились средства"
        telegram.wait_for(lambda: any(part in message.text for message in telegram.answers("vera")))
        assert received_texts(telegram, MANY[-1]) == []
        chat.press("a-cast-stop-yes:1", forged=True)


def test_unsuitable_broadcast_is_refused_and_not_stored(telegram, settings):
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        chat.say("/admin")
        chat.press_forged("a-cast-new")
        chat.say("\u2060\u200b")
        assert "Пришлите текст одним сообщением" in chat.last.text
        chat.say("я" * 3950)
        assert "Текст не помещается" in chat.last.text
        chat.send("a.jpg", b"\xff\xd8\xff", kind="photo", caption="Завтра экзамен")
        assert "только текст, без картинок" in chat.last.text
        assert "Отмена" in chat.labels
        chat.press("Отмена")
    assert select_rows(settings, CASTS) == []


def test_finished_broadcast_cannot_be_sent_again(telegram, settings):
    add_users(settings, [ANNA])
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        prepare_broadcast(chat)
        chat.press("📣 Отправить рассылку")
        chat.wait_for_text("закончена")
        assert "уже отправлена" in chat.press_forged("a-cast-yes:1:all")
    assert received_texts(telegram, "anna") == [SHOWN]
