"""Models by buttons: serving model, history, promote, pin, roll back, with a real daemon."""

import pytest
import yaml

from merlin.cli import main
from merlin.core.permissions import Role
from tests.bot.admin_chat import ANNA, BORIS, VERA, StaffUser, grant_role, lab_settings
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.pipeline_lab import lab_maker
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def provider():
    with ProviderStandIn() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory):
    return lab_maker(tmp_path_factory.mktemp("labs"))


def serve_two(lab):
    lab.repository.dataset()
    lab.repository.commit()
    lab.until_serving("trial-1")
    lab.repository.example("trial", 50)
    lab.repository.commit()
    lab.until_serving("trial-2")


@pytest.fixture
def lab(make_lab, tmp_path, provider):
    """Return a lab that serves trial-2 and has served trial-1."""
    return make_lab(serve_two, tmp_path, provider.base_url)


@pytest.fixture
def chat(lab, telegram):
    settings = lab_settings(lab, telegram)
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        chat.wait_for_text("trial-2")
        chat.say("/admin")
        yield chat


def serving_version(lab):
    return lab.status()["serving"]["build"]


def test_models_are_listed_with_the_serving_one_and_scores(chat):
    chat.press("a-models")
    assert "Проба · trial-2" in chat.labels
    chat.press("Проба · trial-2")
    assert "Отвечает trial-2" in chat.last.text
    assert chat.labels[0].startswith("▸ trial-2 · текущая")
    chat.press("a-model:1")
    assert "На 2 вопросах" in chat.last.text or "вопрос" in chat.last.text
    assert "⬆️ Сделать текущей" in chat.labels


def test_models_of_one_build_are_told_apart_on_their_buttons(chat, lab):
    old = lab.status()["serving"]["model"]
    settings, price = yaml.safe_load(lab.path.read_text("utf-8")), {"input": 0, "output": 0}
    other_base = "gpt-4o-mini-2024-07-18"
    prices = {other_base: {"currency": "USD", "training": 0, **price}}
    settings["providers"][0]["prices"] = prices
    lab.path.write_text(yaml.safe_dump(settings), "utf-8")
    to = ("--to", f"stand-in/{other_base}", "--yes")
    assert main(["migrate", "trial", *to, "--config", str(lab.path)]) == 0
    wait_until(lambda: lab.tick() or lab.status()["serving"]["model"] != old)
    chat.wait_for_text("теперь отвечает trial-2")
    chat.press_forged(f"a-set:{press_mark(chat)}:0")
    assert chat.labels[0].startswith("▸ trial-2 · текущая")
    assert chat.labels[1].startswith(f"{old} · ")


def test_two_models_are_compared_side_by_side(chat):
    chat.press("a-models")
    chat.press("Проба · trial-2")
    chat.press("a-model:2")
    chat.press("a-against:2")
    chat.press("a-compare:2:1")
    table = chat.last.text.split("\n\n")[-1].splitlines()
    assert table[0].split() == ["trial-2", "trial-1"]
    assert len({len(line) for line in table}) == 1
    assert "pre" in [mark["type"] for mark in chat.last.entities]
    assert "у trial-2 и trial-1 2 общих тестовых вопроса" in chat.last.text
    assert [line.split()[0] for line in table[1:3]] == ["вопросы", "верно"]


def test_only_answers_to_common_questions_are_compared(chat, lab):
    lab.repository.example("trial", 11, answer="Совсем другой ответ.", is_test=True)
    lab.repository.commit()
    lab.until_serving("trial-3")
    chat.wait_for_text("теперь отвечает trial-3")
    chat.press_forged("a-compare:3:2")
    assert "у trial-3 и trial-2 1 общий тестовый вопрос" in chat.last.text
    table = chat.last.text.split("\n\n")[-1].splitlines()
    assert table[1].split() == ["вопросы", "1", "1"]


def test_earlier_model_is_promoted_after_a_confirmation(chat, lab):
    chat.press_forged("a-model:1")
    chat.press("⬆️ Сделать текущей")
    assert "Точно?" in chat.last.text
    chat.press("a-promote-yes:1")
    assert serving_version(lab) == "trial-2"
    lab.tick("serve")
    chat.wait_for_text("✅ Проба: теперь отвечает trial-1")
    assert serving_version(lab) == "trial-1"
    chat.press_forged("a-history:" + press_mark(chat))
    assert "(выбрана вручную, пользователь 1003)" in chat.last.text
    noted = select_rows(chat.settings, "SELECT by_whom, action, target FROM audit")
    assert noted == [("user:1003", "ask.promote", "dataset:trial")]


def press_mark(chat):
    chat.press_forged("a-models")
    return chat.button_data("a-set").split(":")[1]


def test_rollback_names_its_model_and_is_done_once(chat, lab):
    mark = press_mark(chat)
    chat.press_forged(f"a-rollback:{mark}")
    assert "Вернуть набору «Проба» прежнюю модель trial-1?" in chat.last.text
    yes = chat.button_data("a-rollback-yes")
    chat.press(yes)
    lab.tick("serve")
    chat.wait_for_text("снова отвечает trial-1")
    chat.press_forged(yes)
    lab.tick("serve")
    chat.wait_for_text("⚠️")
    assert serving_version(lab) == "trial-1"


def test_rollback_notifies_the_other_admins(chat, lab, telegram):
    grant_role(chat.settings, BORIS, Role.ADMIN)
    boris = StaffUser(telegram, chat.settings, "boris")
    boris.say("/start")
    chat.press_forged(f"a-rollback:{press_mark(chat)}")
    chat.press(chat.button_data("a-rollback-yes"))
    lab.tick("serve")
    text = boris.wait_for_text("прежняя модель trial-1").text
    returned = "возвращена и закреплена прежняя модель trial-1, новые ждут"
    assert text == f"Проба: {returned}. Кто: пользователь {VERA}."
    chat.wait_for_text("снова отвечает trial-1")
    chat.press_forged(f"a-history:{press_mark(chat)}")
    assert f"пользователь {VERA})" in chat.last.text


def test_rollback_says_that_it_pins_and_offers_to_let_the_next_model_go_live(chat, lab):
    mark = press_mark(chat)
    chat.press_forged(f"a-rollback:{mark}")
    assert "новые не сменят её, пока вы её не открепите" in chat.last.text
    chat.press(chat.button_data("a-rollback-yes"))
    lab.tick("serve")
    assert "Модель закреплена, новые ждут." in chat.wait_for_text("снова отвечает trial-1").text
    assert lab.status()["serving"]["pinned"]
    chat.press("📌 Разрешить следующую модель")
    chat.press(f"a-unpin-yes:{mark}")
    lab.tick("serve")
    chat.wait_for_text("откреплена")
    assert not lab.status()["serving"]["pinned"]


def test_model_can_be_pinned_and_unpinned(chat, lab):
    mark = press_mark(chat)
    chat.press_forged(f"a-set:{mark}:0")
    chat.press("📌 Закрепить")
    chat.press(f"a-pin-yes:{mark}")
    lab.tick("serve")
    chat.wait_for_text("закреплена")
    assert lab.status()["serving"]["pinned"]
    chat.press_forged(f"a-set:{mark}:0")
    assert "📌 Закреплена" in chat.last.text
    chat.press("📌 Разрешить следующую модель")
    chat.press(f"a-unpin-yes:{mark}")
    lab.tick("serve")
    chat.wait_for_text("откреплена")
    assert not lab.status()["serving"]["pinned"]


def test_request_without_a_daemon_is_stored_and_explained(chat):
    chat.press_forged(f"a-unpin-yes:{press_mark(chat)}")
    assert "Служба обучения не запущена" in chat.last.text
    assert select_rows(chat.settings, "SELECT state FROM request") == [("waiting",)]


def test_result_finished_while_the_bot_was_down_is_sent_at_start(lab, telegram):
    settings = lab_settings(lab, telegram)
    with RunningBot(settings):
        chat = StaffUser(telegram, settings)
        chat.wait_for_text("trial-2")
        chat.say("/admin")
        chat.press_forged(f"a-pin-yes:{press_mark(chat)}")
    lab.tick("serve")
    with RunningBot(settings):
        chat.wait_for_text("закреплена")
    assert select_rows(settings, "SELECT request_id FROM errand") == []


def test_editor_sees_models_but_cannot_switch_them(chat, telegram, lab):
    grant_role(chat.settings, ANNA, Role.EDITOR)
    anna = StaffUser(telegram, chat.settings, "anna")
    anna.say("/admin")
    mark = press_mark(anna)
    anna.press_forged(f"a-set:{mark}:0")
    assert "⏪ Вернуть прежнюю" not in anna.labels
    forged = ("a-promote:1", "a-promote-yes:1", f"a-rollback-yes:{mark}:1", f"a-pin-yes:{mark}")
    for data in forged:
        assert "не действует" in anna.press_forged(data)
    assert select_rows(chat.settings, "SELECT id FROM request") == []
    assert serving_version(lab) == "trial-2"
