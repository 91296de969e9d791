"""A held model in the bot: shown with its questions, accepted by editors, promoted by admins."""

import pytest

from merlin.core.permissions import Role
from tests.bot.admin_chat import ANNA, StaffUser, grant_role, lab_settings
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.functional
YES, NO = "Да, всё именно так и есть.", "Нет, никогда такого не было."


@pytest.fixture
def lab(tmp_path, provider):
    """Return a lab that serves trial-1; trial-2 is held for twelve questions."""
    lab = Lab(tmp_path, provider.base_url)
    lab.repository.dataset(count=12, tests=0, gate="not_worse")
    for number in range(20, 32):
        lab.repository.example("trial", number, answer=YES, is_test=True)
    for answer in (YES, NO):
        provider.behave(fixed_answer=answer)
        lab.repository.example("trial", 1, answer=f"Слово «{answer}»")
        lab.repository.commit()
        lab.tick(rounds=4)
    provider.behave(fixed_answer="")
    return lab


@pytest.fixture
def settings(lab, telegram):
    settings = lab_settings(lab, telegram)
    with RunningBot(settings):
        yield settings


def serving_version(lab):
    return lab.status()["serving"]["build"]


def test_admin_is_notified_of_a_held_model_and_can_promote_it(settings, telegram, lab):
    vera = StaffUser(telegram, settings)
    message = vera.wait_for_text("trial-2 пока не отвечает людям")
    assert "✗ Что значит слово номер 20" in message.text
    assert "… и ещё 7" in message.text
    vera.press("🔎 Посмотреть модель")
    assert "не стала текущей" in vera.last.text
    assert "неверно отвечает на 12 тестовых вопросов" in vera.last.text
    assert vera.last.text.splitlines()[-1] == "… и ещё 4"
    assert vera.labels[:2] == ["✅ Принять эти ответы", "⬆️ Сделать текущей"]
    before = vera.last.message_id
    reply = vera.press("📈 Тест по версиям")
    assert reply.message_id != before
    (call,) = telegram.calls("sendPhoto")
    assert "trial-2" in call.body["caption"]
    vera.press_forged("a-model:2")
    vera.press("⬆️ Сделать текущей")
    assert "неверно отвечает на 12 тестовых вопросов" in vera.last.text
    vera.press("a-promote-yes:2")
    lab.tick("serve")
    vera.wait_for_text("теперь отвечает trial-2")
    assert serving_version(lab) == "trial-2"
    vera.press_forged("a-model:2")
    assert "не стала текущей" not in vera.last.text


def test_editor_accepts_the_answers_after_a_confirmation_and_the_model_serves(
    settings, telegram, lab
):
    grant_role(settings, ANNA, Role.EDITOR)
    anna = StaffUser(telegram, settings, "anna")
    anna.say("/admin")
    anna.press_forged("a-model:2")
    assert "⬆️ Сделать текущей" not in anna.labels
    anna.press("✅ Принять эти ответы")
    assert "Точно?" in anna.last.text
    assert "✗ Что значит слово номер 20" in anna.last.text
    anna.press("a-accept-yes:2")
    lab.tick("serve", "promote")
    anna.wait_for_text("принято 12 ответов trial-2")
    assert serving_version(lab) == "trial-2"
    noted = select_rows(
        settings, "SELECT by_whom, action, target FROM audit ORDER BY id DESC LIMIT 1"
    )
    assert noted == [("user:1001", "ask.accept", "dataset:trial")]
    assert select_rows(settings, "SELECT DISTINCT by_whom FROM accepted_loss") == [("user:1001",)]


def test_teacher_of_another_dataset_cannot_accept_a_held_model(settings, telegram, lab):
    grant_role(settings, ANNA, Role.TEACHER, "other")
    anna = StaffUser(telegram, settings, "anna")
    anna.say("/admin")
    anna.press_forged("a-accept-yes:2")
    assert select_rows(settings, "SELECT id FROM request") == []
    assert serving_version(lab) == "trial-1"
