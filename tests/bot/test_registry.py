"""Models by buttons: the live model and its roll back, with a real daemon."""

from dataclasses import replace

import pytest

from tests.bot.admin_chat import StaffUser, lab_settings
from tests.bot.running_bot import RunningBot, russian_text, select_rows
from tests.support.pipeline_lab import fetch_dataset
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def provider():
    with ProviderStandIn() as stand_in:
        yield stand_in


def serve_two(lab):
    lab.repository.commit_dataset()
    lab.until_serving("trial-1")
    lab.repository.commit_example("trial", 50)
    lab.until_serving("trial-2")


@pytest.fixture
def lab(make_lab, tmp_path, provider):
    """Return a lab that serves trial-2 and has served trial-1."""
    return make_lab(serve_two, tmp_path, provider.base_url)


@pytest.fixture
def chat(lab, telegram):
    settings = replace(lab_settings(lab, telegram), public_url="https://merlin.example")
    with StaffUser.of_running_bot(telegram, settings) as chat:
        chat.wait_for_text("trial-2")
        chat.say("/admin")
        yield chat


def press_mark(chat):
    chat.press_forged("a-models")
    return chat.button_data("a-set").split(":")[1]


def test_rollback_names_its_model_and_is_done_once(chat, lab):
    mark = press_mark(chat)
    chat.press_forged(f"a-rollback:{mark}")
    assert "прежнюю модель trial-1?" in chat.last.text
    yes = chat.button_data("a-rollback-yes")
    chat.press(yes)
    lab.tick("serve")
    chat.wait_for_text("снова отвечает trial-1")
    assert lab.status()["serving"]["pinned"]
    chat.press_forged(yes)
    lab.tick("serve")
    chat.wait_for_text("⚠️")
    assert lab.status()["serving"]["build"] == "trial-1"


def test_request_without_a_daemon_is_stored_and_explained(chat):
    chat.press_forged(f"a-rollback-yes:{press_mark(chat)}:1")
    assert "Служба обучения не запущена" in chat.last.text
    assert select_rows(chat.settings, "SELECT state FROM request") == [("waiting",)]


def test_result_finished_while_the_bot_was_down_is_sent_at_start(lab, telegram):
    settings = lab_settings(lab, telegram)
    with StaffUser.of_running_bot(telegram, settings) as chat:
        chat.wait_for_text("trial-2")
        chat.say("/admin")
        chat.press_forged(f"a-rollback-yes:{press_mark(chat)}:1")
    lab.tick("serve")
    with RunningBot(settings):
        chat.wait_for_text("снова отвечает trial-1")
    assert select_rows(settings, "SELECT request_id FROM waiting_request") == []


def test_live_model_of_a_removed_dataset_is_shown_as_such(chat, lab):
    mark = press_mark(chat)
    lab.repository.git("rm", "-rq", "datasets/trial")
    lab.repository.commit("Remove the dataset")
    lab.tick("fetch")
    chat.press_forged(f"a-set:{mark}")
    assert russian_text("page-board-removed", way="default") in chat.last.text


def test_model_that_is_the_first_has_no_way_back(
    make_lab, tmp_path, provider, telegram
):
    lab = make_lab(fetch_dataset, tmp_path, provider.base_url)
    settings = lab_settings(lab, telegram)
    with StaffUser.of_running_bot(telegram, settings) as chat:
        chat.say("/admin")
        chat.press_forged(f"a-rollback:{press_mark(chat)}")
        assert "раньше не отвечала никакая другая модель" in chat.alert


def test_rollback_to_a_model_whose_commit_was_undone_says_so(chat, lab):
    first = lab.repository.git("rev-list", "--max-parents=0", "HEAD")
    words = f"Undo\n\nThis reverts commit {first}."
    lab.repository.commit_example("trial", 51, subject=words)
    lab.tick("fetch")
    chat.press_forged(f"a-rollback:{press_mark(chat)}")
    assert "Этот коммит потом отменил «Undo», " in chat.last.text
