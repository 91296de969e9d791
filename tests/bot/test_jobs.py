"""Jobs by buttons: shown, cancelled by a real daemon."""

import pytest

from tests.bot.admin_chat import StaffUser, lab_settings
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.functional


@pytest.fixture
def lab(tmp_path, provider):
    return Lab.with_dataset(tmp_path, provider.base_url)


@pytest.fixture
def chat(lab, telegram):
    lab.tick("fetch", "launch")
    settings = lab_settings(lab, telegram)
    with RunningBot(settings):
        yield StaffUser(telegram, settings)


def test_running_job_is_cancelled_by_the_daemon_and_the_message_updated(chat, lab):
    chat.say("/admin")
    chat.press("a-jobs:0")
    chat.press("a-job:1")
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


def test_pending_request_is_not_repeated(chat):
    chat.say("/admin")
    chat.press_forged("a-cancel-yes:1")
    assert "Задача уже в очереди, жду результата" in chat.press_forged("a-cancel-yes:1")
    assert len(select_rows(chat.settings, "SELECT id FROM request")) == 1
