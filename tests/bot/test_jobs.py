"""Jobs by buttons: shown, launched with their price, cancelled by a real daemon."""

import pytest

from merlin.bot.menu import short_hash
from merlin.bot.rendering import WIDTH, sparkline
from merlin.core.formatted_text import LIMIT_UNITS
from merlin.core.permissions import Role
from merlin.db.database import open_database
from tests.bot.admin_chat import ANNA, StaffUser, add_admin, grant_role, lab_settings
from tests.bot.running_bot import RunningBot, select_rows
from tests.bot.stars_buyer import change_rows
from tests.support.pipeline_lab import Lab
from tests.support.serving_models import insert_live_model

pytestmark = pytest.mark.functional

PRICED = {"stand-in-base": {"price": {"input": 1, "output": 2, "training": 100}}}


@pytest.fixture
def lab(tmp_path, provider):
    lab = Lab(tmp_path, provider.base_url, budget={"per_month": 5}, models=PRICED)
    lab.repository.dataset()
    lab.repository.commit()
    return lab


@pytest.fixture
def chat(lab, telegram):
    lab.tick("fetch", "launch")
    settings = lab_settings(lab, telegram)
    with RunningBot(settings):
        yield StaffUser(telegram, settings)


def audit_rows(settings):
    return select_rows(settings, "SELECT by_whom, action, target FROM audit ORDER BY id")


def test_running_job_is_cancelled_by_the_daemon_and_the_message_updated(chat, lab):
    chat.say("/admin")
    chat.press("a-jobs:0")
    assert any("trial-1" in label for label in chat.labels)
    chat.press("a-job:1")
    assert "stand-in-base" in chat.last.text
    message = chat.press("a-cancel:1")
    assert "Точно?" in message.text
    assert lab.status()["job"]["state"] in {"queued", "running"}
    chat.press("a-cancel-yes:1")
    assert select_rows(chat.settings, "SELECT kind, by_whom, state FROM request") == [
        ("cancel", "user:1003", "waiting")
    ]
    lab.tick("serve")
    reply = chat.wait_for_text("✅")
    assert reply.message_id == message.message_id
    assert "отменено" in reply.text
    assert lab.status()["job"]["state"] == "cancelled"
    assert audit_rows(chat.settings) == [("user:1003", "ask.cancel", "job:1")]
    chat.say("/admin")
    chat.press("a-jobs:0")
    chat.press("a-job:1")
    chat.press("🚀 Обучить ещё раз")
    assert "trial-1 на stand-in-base" in chat.last.text
    # A dataset that is removed from the repository is not offered any more.
    lab.repository.git("rm", "-rq", "datasets")
    lab.repository.commit()
    lab.tick("fetch")
    chat.say("/admin")
    chat.press("a-jobs:0")
    assert "🚀 Запустить обучение" not in chat.labels
    chat.press("a-job:1")
    assert "🚀 Обучить ещё раз" not in chat.labels


def test_launch_shows_its_price_and_the_remaining_budget(chat, lab):
    lab.until_serving("trial-1")
    chat.wait_for_text("теперь отвечает")
    lab.repository.dataset(launch={"mode": "manual"}, count=14)
    lab.repository.commit()
    lab.tick("fetch")
    chat.say("/admin")
    chat.press("a-jobs:0")
    chat.press("a-launch:0")
    chat.press("Проба")
    assert "$" in chat.last.text
    assert "осталось" in chat.last.text
    assert "trial-2" in chat.last.text
    assert "Точно?" in chat.last.text
    chat.press(chat.button_data("a-launch-yes"))
    lab.tick("serve")
    chat.wait_for_text("✅ Обучение 2")
    chat.press("Продолжить ›")
    assert "Обучение 2" in chat.last.text


def test_refused_launch_shows_its_reason(chat, lab):
    lab.repository.example("trial", 99)
    chat.say("/admin")
    mark = chat.press("a-jobs:0") and chat.press("a-launch:0") and chat.button_data("a-price")
    assert "уже обучена или обучается (обучение 1)" in chat.press_forged(mark)
    chat.press_forged(mark.replace("a-price", "a-launch-yes"))
    lab.tick("serve")
    chat.wait_for_text("⚠️")
    assert "уже обучена или обучается (обучение 1)" in chat.last.text


def test_pending_request_is_not_repeated(chat):
    chat.say("/admin")
    chat.press_forged("a-cancel-yes:1")
    assert "Задача уже в очереди, жду результата" in chat.press_forged("a-cancel-yes:1")
    assert len(select_rows(chat.settings, "SELECT id FROM request")) == 1


def test_open_job_message_is_updated_by_itself(chat, lab):
    chat.say("/admin")
    chat.press("a-jobs:0")
    message = chat.press("a-job:1")
    for _ in range(20):
        lab.tick("poll")
    chat.telegram.wait_for(lambda: "завершено" in chat.last.text)
    assert "Сейчас:" not in chat.last.text
    assert chat.last.message_id == message.message_id
    assert "(UTC)" in chat.last.text
    assert "▁" in chat.last.text
    assert [mark["type"] for mark in chat.last.entities] == ["bold", "pre"]


def test_admin_home_shows_the_pipeline_and_is_updated(chat, lab):
    message = chat.say("/admin")
    assert "▶️ обучается" in message.text
    for _ in range(20):
        lab.tick("poll")
    chat.telegram.wait_for(lambda: "проходит тест" in chat.last.text)
    assert chat.last.message_id == message.message_id


def test_admin_home_of_several_messages_is_not_updated(chat, lab):
    lab.repository.dataset("second")
    lab.repository.commit()
    lab.tick("fetch")
    chat.say("/admin")
    change_rows(
        chat.settings,
        "UPDATE verdict SET spec = "
        "json_set(spec, '$.title.ru', replace(hex(zeroblob(3000)), '00', 'я '))",
    )
    chat.say("/admin")
    chat.press("a-jobs:0")
    chat.press("a-job:1")
    for _ in range(20):
        lab.tick("poll")
    # Live messages are updated in the order in which they were opened.
    chat.telegram.wait_for(lambda: "завершено" in chat.last.text)
    edits = chat.telegram.calls("editMessageText")
    assert max(len(edit.body["text"]) for edit in edits) <= LIMIT_UNITS


def test_losses_are_sent_as_a_chart_with_a_sparkline(chat, lab):
    for _ in range(20):
        lab.tick("poll")
    chat.say("/admin")
    chat.press("a-jobs:0")
    chat.press("a-job:1")
    before = chat.last.message_id
    message = chat.press("a-losses:1")
    assert message.message_id != before
    (call,) = chat.telegram.calls("sendPhoto")
    assert "Обучение 1" in call.body["caption"]
    assert "▁" in call.body["caption"]
    largest = message.message["photo"][-1]
    assert (largest["width"], largest["height"]) == (1280, 720)


def test_job_without_losses_offers_no_chart(chat):
    chat.say("/admin")
    chat.press("a-jobs:0")
    chat.press("a-job:1")
    assert "📈 График потерь" not in chat.labels
    assert "Потери ещё не измерены" in chat.press_forged("a-losses:1")
    assert chat.telegram.calls("sendPhoto") == []


def test_events_are_shown_oldest_first(chat, lab):
    for _ in range(20):
        lab.tick("poll")
    chat.say("/admin")
    chat.press_forged("a-events:1")
    text = chat.last.text
    assert text.index("Обучение создано") < text.index("шаг")
    assert text.count("шаг") == 1


def test_teacher_sees_only_jobs_of_their_dataset_and_cannot_cancel(chat, telegram):
    grant_role(chat.settings, ANNA, Role.TEACHER, "another")
    anna = StaffUser(telegram, chat.settings, "anna")
    assert "преподаватель" in anna.say("/admin").text
    assert "trial" not in anna.last.text
    assert "🚀 Запустить обучение" not in anna.labels
    anna.press("a-jobs:0")
    assert "Обучений ещё не было" in anna.last.text
    assert "не найдено" in anna.press_forged("a-job:1")
    grant_role(chat.settings, ANNA, Role.TEACHER, "trial")
    anna.press_forged("a-job:1")
    assert "Обучение 1" in anna.last.text
    assert "⏹ Остановить обучение" not in anna.labels
    assert "не действует" in anna.press_forged("a-cancel-yes:1")


def test_every_job_and_model_is_on_a_page_of_its_list(telegram, settings):
    settings = add_admin(settings)
    with open_database(settings.database) as database, database.atomic():
        for number in range(2, 412):
            insert_live_model(database, f"model-{number}", number=number)
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        chat.say("/admin")
        for pages in ("a-jobs", f"a-set:{short_hash('neurotypology')}"):
            chat.press_forged(f"{pages}:50")
            assert f"{pages}:51" in chat.find_button("›")
            chat.press_forged(f"{pages}:99999")
            assert chat.find_button("neurotypology-1 ").endswith(":1")
            assert "›" not in chat.labels


def test_forged_job_ids_do_not_fail(telegram, settings):
    with RunningBot(add_admin(settings)):
        chat = StaffUser(telegram, settings)
        chat.say("/admin")
        for data in (
            "a-job",
            "a-losses:x",
            "a-job:x",
            "a-job:99999999999999999999",
            "a-jobs:-1",
            "a-set:x",
        ):
            chat.press_forged(data)
        assert "failed" not in {
            state for (state,) in select_rows(settings, "SELECT state FROM updates")
        }


@pytest.mark.parametrize(
    ("values", "columns"),
    [([1.0], "▁"), ([0.0, 1.0], "▁█"), ([1.0, 0.5, 0.0], "█▅▁"), ([2.0, 2.0], "▁▁")],
)
def test_sparkline_shows_low_and_high_values(values, columns):
    assert sparkline(values, min(values), max(values)) == columns


def test_sparkline_keeps_the_ends_of_a_long_row():
    drawn = sparkline([1.0, *([0.5] * 200), 0.0], 0.0, 1.0)
    assert (len(drawn), drawn[0], drawn[-1]) == (WIDTH, "█", "▁")
