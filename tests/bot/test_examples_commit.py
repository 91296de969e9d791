"""The editing dialog, from a button to the commit on the branch and the verdict."""

from dataclasses import replace

import pytest

from merlin.bot.menu import short_hash
from merlin.core.permissions import Role
from merlin.dataset.proposals import Proposals
from merlin.db.database import open_database
from tests.bot.admin_chat import (
    BORIS,
    VERA,
    ExampleEditor,
    add_proposal,
    grant_role,
    lab_settings,
    read_changes,
)
from tests.bot.running_bot import answer_texts, select_rows
from tests.support.pipeline_lab import fetch_dataset
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

D = short_hash("trial")


@pytest.fixture
def provider():
    with ProviderStandIn(key="stand-in") as stand_in:
        yield stand_in


@pytest.fixture
def lab(make_lab, tmp_path, provider):
    return make_lab(fetch_dataset, tmp_path / "lab", provider.base_url)


@pytest.fixture
def chat(telegram, lab):
    settings = lab_settings(lab, telegram)
    with ExampleEditor.of_running_bot(telegram, settings) as chat:
        chat.say("/examples")
        yield chat


def edit_answer(chat, name):
    """Save another answer of an example."""
    chat.press_forged(f"ex:edit:{D}:{short_hash(name)}:a")
    chat.say("Моё.")
    chat.press("💾 Сохранить")


def read_example(lab, name):
    """Return the file of an example in the checked-out branch, None if it does not exist."""
    path = lab.repository.folder / f"datasets/trial/examples/{name}.yaml"
    return path.read_text("utf-8") if path.exists() else None


def commit_subject(lab):
    return lab.repository.git("log", "-1", "--format=%an: %s")


def wait_for_commit(chat, lab):
    """Let the daemon commit and fetch; wait for the message to the editor."""
    lab.tick("changes", "fetch")
    return chat.wait_for_text("Сохранено:")


def test_example_added_by_buttons_becomes_a_commit_with_a_verdict(chat, lab):
    lab.until_serving("trial-1")
    # A notice during the dialog would become the newest message.
    chat.wait_for_text("теперь отвечает trial-1")
    proof = chat.write("Где живёт новый вопрос?", "В новом примере.")
    assert "Вопрос\nГде живёт новый вопрос?\n\nОтвет\nВ новом примере." in proof.text
    chat.press("💾 Сохранить")
    assert "Сохраняю" in chat.last.text
    text = wait_for_commit(chat, lab)
    assert "Новый пример «Где живёт новый вопрос?»" in text.text
    head = lab.repository.git(
        "log", "-1", "--format=%an <%ae>%n%(trailers:key=Merlin-Id)"
    )
    assert head.startswith(f"Вера <{VERA}@telegram.invalid>\nMerlin-Id: ")
    assert "В новом примере." in read_example(lab, "где-живёт-новый-вопрос")
    lab.until_serving("trial-2")
    lab.tick("changes", rounds=2)
    assert "теперь отвечает trial-2" in chat.wait_for_text("теперь отвечает").text


def test_notices_of_an_edit_and_of_its_refusal_lead_to_its_page(telegram, lab):
    settings = replace(lab_settings(lab, telegram), public_url="https://merlin.example")
    with ExampleEditor.of_running_bot(telegram, settings) as chat:
        chat.say("/examples")
        edit_answer(chat, "q2")
        (change,) = read_changes(settings, VERA)
        page = f"https://merlin.example/changes/{change.change_id}"
        assert wait_for_commit(chat, lab).keys[0][0]["url"] == page
        edit_answer(chat, "q1")
        lab.repository.commit_example("trial", 1, answer="Чужое.")
        lab.tick("changes", "fetch")
        message = chat.wait_for_text("другая правка")
        page = f"https://merlin.example/changes/{read_changes(settings, VERA)[-1].change_id}"
        assert message.keys[0][0]["url"] == page


def version_messages(chat, user):
    """Return a user's messages about the second version."""
    return [text for text in answer_texts(chat.telegram, user) if "trial-2" in text]


def test_admin_who_made_the_edit_gets_each_verdict_once(chat, lab):
    grant_role(chat.settings, BORIS, Role.ADMIN)
    lab.until_serving("trial-1")
    chat.wait_for_text("теперь отвечает trial-1")
    edit_answer(chat, "q1")
    wait_for_commit(chat, lab)
    lab.until_serving("trial-2")
    chat.telegram.wait_for(lambda: version_messages(chat, "boris"))
    lab.tick("changes", rounds=2)
    chat.telegram.wait_for(lambda: version_messages(chat, "vera"))
    waiting = "SELECT id FROM notice WHERE handed_over_at IS NULL"
    unsent = "SELECT id FROM outgoing WHERE state IN ('pending', 'sending')"
    for change in (waiting, unsent):
        wait_until(lambda query=change: not select_rows(chat.settings, query))
    assert len(version_messages(chat, "boris")) == 1
    (text,) = version_messages(chat, "vera")
    assert "слово номер 1" in text, "it is told in words of the edit"


def open_correction(chat, question):
    """Open a correction that waits; return what is shown."""
    chat.press_forged("ex:queue:0")
    return chat.press(question).text


def accept(chat, lab):
    """Accept the open correction; return what was shown of it."""
    shown = chat.last.text
    chat.press("✅ Принять")
    wait_for_commit(chat, lab)
    return shown


def commit_q20(lab, question, answer):
    """Add an example to the dataset, as another editor does."""
    lab.repository.commit_example("trial", 20, question=question, answer=answer)
    lab.tick("fetch")


def test_correction_is_edited_approved_and_committed_in_the_editors_name(chat, lab):
    add_proposal(chat.settings)
    add_proposal(chat.settings, "Чужое?", dataset="elsewhere")
    chat.say("/examples")
    chat.press("💬 Исправления (1)")
    chat.press("Что за лоб?")
    assert "Вопрос\nЧто за лоб?\n\nОтвет\nВерх лица." in chat.last.text
    chat.press("✏️ Ответ")
    chat.say("Верхняя часть лица.")
    accept(chat, lab)
    assert "Верхняя часть лица." in read_example(lab, "from-chat/что-за-лоб")
    assert commit_subject(lab) == "Вера: Новый пример «Что за лоб?»"


def test_correction_with_a_masked_answer_is_accepted_once_it_is_written(chat, lab):
    add_proposal(chat.settings, "Куда звонить?", "Звоните: [телефон].")
    shown = open_correction(chat, "Куда звонить?")
    assert "⛔" in shown
    assert "«[телефон]» стоит на месте" in shown
    assert "✅ Принять" not in chat.labels
    chat.press("✏️ Ответ")
    chat.say("Звоните куратору.")
    accept(chat, lab)
    assert "Звоните куратору." in read_example(lab, "from-chat/куда-звонить")


def test_correction_of_a_continued_conversation_replaces_only_the_same_conversation(
    chat, lab
):
    before = {
        "turn_id": 1,
        "before_question": "Сколько стоит велосипед?",
        "before_answer": "Тысячу.",
    }
    add_proposal(chat.settings, "А самокат?", "Какой?")
    open_correction(chat, "А самокат?")
    accept(chat, lab)
    add_proposal(chat.settings, "А самокат?", "Две тысячи.", **before)
    add_proposal(chat.settings, "Что за лоб?")
    shown = open_correction(chat, "А самокат?")
    assert "Сколько стоит велосипед?\n\n— Тысячу.\n\nА самокат?" in shown
    chat.press("✏️ Ответ")
    chat.say("Три тысячи.")
    assert "Сейчас" not in accept(chat, lab)
    path = "from-chat/сколько-стоит-велосипед"
    assert read_example(lab, path).count("- user:") == 2
    assert "Три тысячи." in read_example(lab, path)
    add_proposal(chat.settings, "А самокат?", "Четыре тысячи.", **before)
    open_correction(chat, "А самокат?")
    assert "Сейчас\nТри тысячи.\n\nНовый ответ\nЧетыре тысячи." in accept(chat, lab)
    assert "Четыре тысячи." in read_example(lab, path)
    assert read_example(lab, "from-chat/а-самокат") is not None


def test_correction_of_known_examples_names_them_and_may_change_only_its_question(
    chat, lab
):
    commit_q20(lab, "Где лоб?", "Внизу.")
    for turn, question in enumerate(("А лоб-то где?", "Где у нас лоб?"), 1):
        known = {"turn_id": turn, "known_answer": "Внизу."}
        add_proposal(chat.settings, question, "Наверху.", **known)
    shown = open_correction(chat, "А лоб-то где?")
    assert "Сейчас\nВнизу." in shown
    assert "Изменит ответ примера:\n• Где лоб? · examples/q20.yaml" in shown
    assert "✏️ Вопрос" not in chat.labels
    assert "examples/q20" not in chat.press("Другой ответ только на этот вопрос").text
    accept(chat, lab)
    assert "Внизу." in read_example(lab, "q20")
    open_correction(chat, "Где у нас лоб?")
    accept(chat, lab)
    assert "Наверху." in read_example(lab, "q20")
    assert commit_subject(lab) == "Вера: Исправление ответа: «Где лоб?» и ещё 1"


@pytest.mark.parametrize(
    ("pressed", "answers"),
    [
        ("Это другой вопрос, сохранить", ["1111", "2222"]),
        ("1. Тот же ответ", ["2222", "2222"]),
        ("1. Заменить этот ответ", ["1111", "1111"]),
    ],
)
def test_near_question_is_shown_before_a_new_example_is_saved(
    chat, lab, pressed, answers
):
    commit_q20(lab, "Пароль от Wi-Fi?", "Пароль 2222.")
    shown = chat.write("Какой пароль у сети?", "Пароль 1111.").text
    near = "1. Пароль от Wi-Fi?\n\nОтвет\nПароль 2222.\n\nНовый ответ\nПароль 1111."
    assert near in shown
    chat.press(pressed)
    wait_for_commit(chat, lab)
    saved = [read_example(lab, name) for name in ("какой-пароль-у-сети", "q20")]
    assert [text.partition("assistant: Пароль ")[2][:4] for text in saved] == answers
    assert all(("same-meaning" in text) == ("другой" in pressed) for text in saved)


@pytest.mark.parametrize(
    ("pressed", "answers"),
    [
        ("Это другой вопрос, принять", ["30 р.", "25 р."]),
        ("1. Тот же ответ", ["25 р.", "25 р."]),
        ("1. Заменить этот ответ", ["30 р.", "30 р."]),
    ],
)
def test_correction_without_a_known_answer_shows_what_it_may_be_about(
    chat, lab, pressed, answers
):
    commit_q20(lab, "Цена проезда?", "25 р.")
    add_proposal(chat.settings, "Почём автобус?", "30 р.", turn_id=1)
    assert "1. Цена проезда?" in open_correction(chat, "Почём автобус?")
    chat.press(pressed)
    wait_for_commit(chat, lab)
    saved = [read_example(lab, name) for name in ("from-chat/почём-автобус", "q20")]
    assert [
        text.partition("assistant: ")[2].splitlines()[0] for text in saved
    ] == answers


def test_correction_of_another_question_leaves_the_others_unless_told(chat, lab):
    commit_q20(lab, "Пухлые губы, что о них говорят?", "Губы.")
    question = "Что говорят о тонких бровях?"
    add_proposal(chat.settings, question, "Брови.", turn_id=1, known_answer="Губы.")
    shown = open_correction(chat, question)
    assert "Похоже, в примерах с этим ответом спрашивают о другом" in shown
    assert "examples/q20" not in shown
    assert "examples/q20" in chat.press("Изменить и те примеры").text
    chat.press("Другой ответ только на этот вопрос")
    accept(chat, lab)
    assert "Губы." in read_example(lab, "q20")
    assert "Брови." in read_example(lab, "from-chat/что-говорят-о-тонких-бровях")


def test_correction_is_declined_only_once(chat):
    number = add_proposal(chat.settings)
    with open_database(chat.settings.database) as database:
        Proposals(database).mark_editor(number, BORIS)
    assert f"Сейчас это правит {BORIS}" in open_correction(chat, "Что за лоб?")
    save = chat.last.message_id
    chat.press("❌ Отклонить")
    assert chat.press("❌ Отклонить").text == "Отклонено, текст удалён."
    assert select_rows(chat.settings, "SELECT state, change_id FROM proposal") == [
        ("declined", "")
    ]
    chat.press("ex:save", save, forged=True)
    assert "Это исправление уже рассмотрено" in chat.press_forged(f"ex:prop:{number}")
    assert read_changes(chat.settings, VERA) == []
    assert select_rows(
        chat.settings, "SELECT COUNT(*) FROM notice WHERE arguments LIKE '%лоб%'"
    ) == [(0,)]
