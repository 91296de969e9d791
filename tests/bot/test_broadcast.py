"""Broadcasts: seen before, asked twice, paced, to everybody once, whatever is killed; a report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merlin.db.database import open_database
from merlin.db.notices import ADMINS, Notices
from tests.bot.admin_chat import ANNA, BORIS, VERA, Chat, add_users, with_admin
from tests.bot.running_bot import RunningBot, rows
from tests.support.forked_processes import start_bot, wait_for_exit

pytestmark = pytest.mark.functional

TEXT = "**Завтра** экзамен, `10:00`"
SHOWN = "Завтра экзамен, 10:00"
CROWD = range(5001, 5031)
# More than a broadcast reaches while somebody presses a few buttons.
MANY = range(5001, 5401)
CASTS = "SELECT state, total, is_whole FROM broadcast"


@pytest.fixture
def settings(settings, telegram):
    telegram.act(lambda acting: [acting.place(number) for number in MANY])
    return with_admin(settings)


def crowded(settings, per_s, people=CROWD):
    add_users(settings, people, language_code="en")
    return replace(settings, pace=replace(settings.pace, broadcast_per_s=per_s))


def prepared(chat, whom="all"):
    """Write a broadcast and go as far as its second question."""
    chat.say("/admin")
    chat.press("a-casts")
    chat.press("✍️ Новая рассылка")
    chat.say(TEXT)
    chat.press(f"a-cast-ask:1:{whom}")
    return chat.last


def now(telegram, message):
    """Return a message of vera's chat as it is now."""
    (found,) = (x for x in telegram.answers("vera") if x.message_id == message.message_id)
    return found


def text_now(telegram, message):
    """Return what a message of vera's chat says now."""
    return now(telegram, message).text


def got(telegram, who):
    return [one.text for one in telegram.answers(who) if SHOWN in one.text]


def test_a_broadcast_reaches_everybody_as_it_was_shown_and_is_reported(telegram, settings):
    add_users(settings, [ANNA, BORIS])
    telegram.block("boris")
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        chat.say("/admin")
        chat.press("a-casts")
        chat.press("✍️ Новая рассылка")
        preview = chat.say(TEXT)
        assert preview.text == SHOWN
        assert [mark["type"] for mark in preview.entities] == ["bold", "code"]
        assert "Отправить всем (2)" in chat.labels
        assert "Отправить русскоязычным (2)" in chat.labels
        chat.press("Отправить всем (2)")
        assert "2 людям" in chat.last.text
        assert got(telegram, "anna") == []
        chat.press("📣 Отправить рассылку")
        chat.until("закончена")
    assert got(telegram, "anna") == [SHOWN]
    assert "Получателей: 2" in chat.last.text
    assert "Отправлено: 2" in chat.last.text
    audit = rows(settings, "SELECT by_whom, action, target FROM audit")
    assert audit == [(f"user:{VERA}", "broadcast.start", "broadcast:1")]


def test_who_blocked_the_bot_meanwhile_is_counted_as_such(telegram, settings):
    add_users(settings, [ANNA, BORIS, 777])
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        prepared(chat)
        telegram.block("boris")
        add_users(settings, [BORIS])
        chat.press("📣 Отправить рассылку")
        chat.until("закончена")
    assert "Заблокировали бота: " in chat.last.text


def test_only_those_of_one_language_get_it_where_one_is_chosen(telegram, settings):
    settings = crowded(settings, 100)
    add_users(settings, [ANNA])
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        prepared(chat, "en")
        assert "30 людям" in chat.last.text
        chat.press("📣 Отправить рассылку")
        chat.until("закончена")
    assert got(telegram, "anna") == []
    assert all(got(telegram, number) == [SHOWN] for number in CROWD)


def test_a_broadcast_that_is_killed_goes_on_and_doubles_nobody(telegram, settings, tmp_path):
    settings = crowded(settings, 8)
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        prepared(chat)
    telegram.press("vera", "📣 Отправить рассылку")
    log = tmp_path / "log"
    child = start_bot(settings, log, MERLIN_CRASH_AT="broadcast.handed")
    assert wait_for_exit(child) == 137, log.read_text()
    child = start_bot(settings, log)
    telegram.wait_for(lambda: sum(bool(got(telegram, number)) for number in CROWD) > 10)
    child.kill()
    child.join()
    with RunningBot(settings):
        # What a dead process was sending is its own for some seconds.
        chat.until("закончена", 90)
    for number in CROWD:
        texts = got(telegram, number)
        # What was being sent at the moment of a kill is repeated with a mark.
        marked = [text for text in texts if text.startswith("↻")]
        assert 1 <= len(texts) <= 1 + len(marked)
        assert len(marked) <= 1
    assert rows(settings, CASTS) == [("ended", 31, 1)]


def test_a_stopped_broadcast_goes_to_nobody_else(telegram, settings):
    settings = crowded(settings, 1, MANY)
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        prepared(chat)
        running = chat.press("📣 Отправить рассылку")
        telegram.wait_for(lambda: got(telegram, CROWD[0]))
        # The first person may read it before the admin's own message has its keys.
        stop = "⏹ Остановить рассылку"
        telegram.wait_for(
            lambda: any(key["text"] == stop for row in now(telegram, running).keys for key in row)
        )
        chat.press(stop, running.message_id)
        assert "Остановить рассылку 1?" in text_now(telegram, running)
        chat.press("a-cast-stop-yes:1")
        telegram.wait_for(
            lambda: rows(settings, "SELECT ended_at FROM broadcast")[0][0] is not None, 20
        )
        telegram.wait_for(lambda: "остановлена" in chat.last.text)
        assert got(telegram, MANY[-1]) == []
    sent = sum(bool(got(telegram, number)) for number in MANY) + bool(got(telegram, "vera"))
    assert sent < len(MANY)
    assert [state for state, _, _ in rows(settings, CASTS)] == ["stopped"]


def test_a_notice_does_not_wait_behind_a_broadcast(telegram, settings):
    settings = crowded(settings, 1, MANY)
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        prepared(chat)
        chat.press("📣 Отправить рассылку")
        telegram.wait_for(lambda: got(telegram, CROWD[0]))
        with open_database(settings.database) as database:
            Notices(database).tell(ADMINS, "notice-answer-spent", {"provider": "p"})
        told = "закончились средства"
        telegram.wait_for(lambda: any(told in one.text for one in telegram.answers("vera")))
        assert got(telegram, MANY[-1]) == []
        chat.press("a-cast-stop-yes:1", forged=True)


def test_a_text_that_is_too_long_is_refused_and_nothing_is_kept(telegram, settings):
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        chat.say("/admin")
        chat.forge("a-cast-new")
        chat.say("я" * 3950)
        assert "Текст не помещается" in chat.last.text
        assert "Отмена" in chat.labels
        chat.press("Отмена")
    assert rows(settings, CASTS) == []


def test_what_was_sent_once_is_not_sent_again(telegram, settings):
    add_users(settings, [ANNA])
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        prepared(chat)
        chat.press("📣 Отправить рассылку")
        chat.until("закончена")
        assert "уже отправлена" in chat.forge("a-cast-yes:1:all")
    assert got(telegram, "anna") == [SHOWN]
