"""Alarms: grouped by cause, with buttons to act."""

from dataclasses import replace

import pytest

from merlin.core.i18n import text
from merlin.core.permissions import Role
from merlin.db.database import open_database
from merlin.db.notices import ADMINS, Notices
from tests.bot.admin_chat import BORIS, StaffUser, add_admin, grant_role
from tests.bot.running_bot import RunningBot, answer_texts

pytestmark = pytest.mark.functional


GONE = {
    "dataset": "neurotypology",
    "version": "neurotypology-1",
    "provider": "chat",
}


@pytest.fixture
def settings(settings):
    return add_admin(settings, public_url="https://merlin.example")


def add_notices(settings, *notices):
    with open_database(settings.database) as database, database.atomic():
        for key, arguments in notices:
            Notices(database).notify(ADMINS, key, arguments)


def failure_notice(job):
    return ("notice-failed", {"dataset": "neurotypology", "job": job, "reason": "нет"})


def test_of_alarms_of_one_kind_the_first_are_listed_and_the_others_counted(
    telegram, settings
):
    add_notices(settings, *(failure_notice(job) for job in range(1, 11)))
    with RunningBot(settings):
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
    (alarm,) = answer_texts(telegram, "vera")
    assert alarm.startswith("10 сообщений об одном и том же:")
    assert all(f"обучение {job}" in alarm for job in range(1, 9))
    assert "обучение 9" not in alarm
    assert text("ru", "admin-grouped-more", count=2) in alarm


def test_alarm_has_an_action_button_and_stays_in_the_chat(telegram, settings):
    add_notices(settings, failure_notice(1))
    with StaffUser.of_running_bot(telegram, settings) as chat:
        alarm = chat.wait_for_text("обучение 1")
        assert chat.labels == ["⚙️ К обучению"]
        chat.press("⚙️ К обучению")
        assert "Обучение 1 · neurotypology-1" in chat.last.text
    assert telegram.answers("vera")[0].text == alarm.text


def test_notices_of_a_live_model_and_of_withdrawn_consent_lead_to_the_models(
    telegram, settings
):
    served = {"dataset": "neurotypology", "version": "neurotypology-2"}
    revoked = {"dataset": "neurotypology", "count": 1, "models": "neurotypology-1"}
    add_notices(settings, ("notice-serving", served), ("notice-revoked", revoked))
    with RunningBot(settings):
        telegram.wait_for(lambda: len(answer_texts(telegram, "vera")) == 2)
    buttons = [
        key["text"] for letter in telegram.answers("vera") for key in letter.keys[0]
    ]
    assert buttons == ["🧠 Модели", "🧠 Модели"]


def test_alarms_with_one_cause_become_one_message_with_instructions(telegram, settings):
    down = ("notice-provider", {"provider": "chat", "reason": "нет ответа"})
    settings = replace(settings, pace=replace(settings.pace, group_s=3600.0))
    add_notices(settings, failure_notice(1), ("notice-gone", GONE), down)
    with StaffUser.of_running_bot(telegram, settings) as chat:
        alarm = chat.wait_for_text("нет ответа").text
        assert alarm.startswith("3 сообщения об одном и том же:")
        assert chat.labels == ["⚙️ К обучению", "🧠 Модели"]
        failing = {"provider": "chat", "model": "m", "reason": "-"}
        repository = ("notice-repository", {"reason": "нет доступа"})
        add_notices(settings, ("notice-answer-failing", failing), repository)
        chat.wait_for_text("нет доступа")
        assert "Модель m" not in str(
            answer_texts(telegram, "vera")
        )  # it waits to be grouped
        assert "merlin doctor" in alarm
        assert "git" in chat.last.text


def test_admin_by_role_receives_alarms(telegram, settings):
    grant_role(settings, BORIS, Role.ADMIN)
    add_notices(settings, failure_notice(1))
    with RunningBot(settings):
        telegram.wait_for(
            lambda: answer_texts(telegram, "boris") and answer_texts(telegram, "vera")
        )
    assert answer_texts(telegram, "boris") == answer_texts(telegram, "vera")
