"""Health by a button: who lives, what waits, money, sunsets; alarms grouped, with a way to act."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merlin.core.permissions import Role
from merlin.db.database import open_database
from merlin.db.notices import ADMINS, Notices
from merlin.db.requests import RequestKind, Requests
from tests.bot.admin_chat import BORIS, CHAT, Chat, grant, with_admin
from tests.bot.running_bot import RunningBot, rows
from tests.support.config import make_config

pytestmark = pytest.mark.functional

CONFIG = {
    "providers": [CHAT],
    "budget": {"per_month": 20},
    "models": {"whisper-1": {"sunset": "2027-02-26"}},
    "chat": {"transcription": {"provider": "chat", "model": "whisper-1"}},
}


@pytest.fixture
def settings(settings):
    return with_admin(settings, config=make_config(**CONFIG))


def tell(settings, *notices):
    with open_database(settings.database) as database, database.atomic():
        for key, arguments in notices:
            Notices(database).tell(ADMINS, key, arguments)


def texts(telegram, who="vera"):
    return [one.text for one in telegram.answers(who)]


def failed(job):
    return ("notice-failed", {"dataset": "neurotypology", "job": job, "reason": "нет"})


def test_health_tells_of_processes_queues_money_and_sunsets(telegram, settings):
    with open_database(settings.database) as database:
        Requests(database).ask(RequestKind.FETCH, {}, "test")
    with RunningBot(settings):
        telegram.wait_for(lambda: rows(settings, "SELECT process FROM heartbeat"))
        chat = Chat(telegram, settings)
        chat.say("/admin")
        words = chat.press("a-health").text
    assert "🟢 bot" in words
    assert "Задачи: в очереди 1" in words
    assert "осталось 20,00\u00a0$" in words
    assert ": отвечает, запущен" in words
    assert "serving" not in words
    assert "USD" not in words
    assert "whisper-1" in words
    assert "26 февраля 2027" in words
    assert "свободно" in words


def test_alarms_of_one_kind_become_one_message_with_their_number(telegram, settings):
    tell(settings, *(failed(job) for job in (1, 2, 3)))
    with RunningBot(settings):
        telegram.wait_for(lambda: texts(telegram))
    assert texts(telegram)[0].startswith("3 сообщения об одном и том же:")
    assert all(f"обучение {job}" in texts(telegram)[0] for job in (1, 2, 3))


def test_an_alarm_that_comes_soon_after_one_of_its_kind_waits_for_company(telegram, settings):
    settings = replace(settings, pace=replace(settings.pace, group_s=3600.0))
    with RunningBot(settings):
        tell(settings, failed(1))
        telegram.wait_for(lambda: texts(telegram))
        tell(settings, failed(2))
        tell(settings, failed(3))
        assert len(texts(telegram)) == 1
        with open_database(settings.database) as database, database.atomic():
            told = "handed_over_at IS NOT NULL"
            database.sql(f"UPDATE notice SET handed_over_at = '2026-01-01' WHERE {told}")  # noqa: S608
        telegram.wait_for(lambda: len(texts(telegram)) == 2)
    assert "обучение 1" in texts(telegram)[0]
    assert texts(telegram)[1].startswith("2 сообщения об одном и том же:")


def test_an_alarm_has_a_button_to_act_and_stays_where_it_is(telegram, settings):
    tell(settings, failed(1))
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        alarm = chat.until("обучение 1")
        assert chat.labels == ["⚙️ К обучению", "❓ Что делать"]
        chat.press("⚙️ К обучению")
        assert "Обучение 1 · neurotypology-1" in chat.last.text
        assert "недоступно" in chat.forge("a-runbook:weather")
    assert telegram.answers("vera")[0].text == alarm.text


def test_troubles_of_one_cause_are_one_message_that_says_how_to_mend_them(telegram, settings):
    down = ("notice-provider", {"provider": "chat", "reason": "нет ответа"})
    settings = replace(settings, pace=replace(settings.pace, group_s=3600.0))
    tell(settings, failed(1), ("notice-gone", gone()), down)
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        alarm = chat.until("нет ответа").text
        assert alarm.startswith("3 сообщения об одном и том же:")
        assert chat.labels == ["⚙️ К обучению", "🧠 Модели", "❓ Что делать"]
        tell(settings, ("notice-answer-failing", {"provider": "chat", "model": "m", "reason": "-"}))
        tell(settings, ("notice-repository", {"reason": "нет доступа"}))
        chat.until("нет доступа")
        assert "Модель m" not in str(texts(telegram))  # it waits for company
        chat.press("❓ Что делать")
        assert "Репозиторий не работает" in chat.last.text
        assert "merlin doctor" in chat.last.text
        assert chat.labels[0] == "🩺 Состояние системы"


def test_health_offers_to_act_on_the_newest_alarms(telegram, settings):
    tell(settings, failed(1), ("notice-gone", gone()))
    with RunningBot(settings):
        chat = Chat(telegram, settings)
        telegram.wait_for(lambda: len(texts(telegram)) == 1)
        chat.say("/admin")
        chat.press("a-health")
        assert {"⚙️ К обучению", "🧠 Модели"} <= set(chat.labels)
        chat.press(chat.data("a-set"))
        assert "Отвечает neurotypology-1" in chat.last.text


def gone():
    return {"dataset": "neurotypology", "version": "neurotypology-1", "provider": "chat"}


def test_who_was_made_an_admin_by_another_gets_the_alarms_too(telegram, settings):
    grant(settings, BORIS, Role.ADMIN)
    tell(settings, failed(1))
    with RunningBot(settings):
        telegram.wait_for(lambda: texts(telegram, "boris") and texts(telegram))
    assert texts(telegram, "boris") == texts(telegram)


def test_an_editor_and_a_student_see_no_health(telegram, settings):
    grant(settings, BORIS, Role.EDITOR)
    with RunningBot(settings):
        boris = Chat(telegram, settings, "boris")
        boris.say("/admin")
        assert boris.labels == ["📚 Примеры", "⚙️ Обучение", "🧠 Модели"]
        assert "не действует" in boris.forge("a-health")
        anna = Chat(telegram, settings, "anna")
        assert "/admin" in anna.say("/admin").text
        assert "не действует" in anna.forge("a-health")
