"""Examples by buttons: created, found, changed, deleted; forged buttons and unusual texts."""

import pytest

from merlin.bot.handlers import example_draft, example_proof, examples, proposals
from merlin.bot.handlers.example_proof import MAX_CHARACTERS
from merlin.bot.menu import short_hash
from merlin.core.permissions import Role
from merlin.dataset.changes import ChangeKind
from merlin.dataset.example_file import parse_example
from merlin.dataset.proposals import DISTIL
from tests.bot.admin_chat import (
    BORIS,
    VERA,
    ExampleEditor,
    add_admin,
    add_proposal,
    example_yaml,
    grant_role,
    read_changes,
    store_dataset,
)
from tests.bot.running_bot import russian_text, select_rows

pytestmark = pytest.mark.functional

D = short_hash("trial")


@pytest.fixture
def settings(settings):
    with_vera = add_admin(settings)
    store_dataset(with_vera)
    return with_vera


@pytest.fixture
def chat(telegram, settings):
    with ExampleEditor.of_running_bot(telegram, settings) as chat:
        chat.say("/examples")
        yield chat


def test_draft_is_dropped_with_a_word_by_what_opens_something_else(chat, telegram):
    chat.write("Как дела?", "Хорошо.")
    chat.say("/plan")
    left = "то, что вы написали, не отправлено и не сохранено"
    telegram.wait_for(
        lambda: any(left in answer.text for answer in telegram.answers("vera"))
    )
    assert "закрыта" in chat.press_forged("ex:save")
    assert select_rows(chat.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]
    assert read_changes(chat.settings, VERA) == []


def test_message_without_text_keeps_the_draft(chat):
    chat.press_forged(f"ex:add:{D}")
    chat.say("Вопрос?")
    refusal = "Пришлите текст. Всё, что вы написали раньше, сохранено"
    assert refusal in chat.send(b"\xff\xd8\xff", "a.jpg", kind="photo").text
    assert refusal in chat.send(b"a").text
    assert "Вопрос\nВопрос?\n\nОтвет\nОтвет." in chat.say("Ответ.").text


def test_personal_data_is_asked_about_once_and_allowed_with_a_reason(chat):
    proof = chat.write("Кому звонить?", "Анне: +7 912 345-67-89.")
    assert "похоже на телефон человека" in proof.text
    assert "Всё равно сохранить?" in proof.text
    assert "💾 Сохранить" not in chat.labels
    chat.press_forged("ex:allow:nothing")
    proof = chat.press("Сохранить: человек согласен")
    assert "Ошибок нет" in proof.text
    assert parse_example(chat.save().text).allow == (("personal", "Человек согласен."),)


def test_field_is_asked_for_with_its_text_unless_its_file_is_broken(chat, settings):
    chat.write("Как дела?", "Хорошо.")
    chat.press_forged("ex:word:a")
    assert "Хорошо." in chat.last.text
    store_dataset(settings, broken="question: [")
    chat.press_forged(f"ex:edit:{D}:{short_hash('broken')}:a")
    assert russian_text("examples-broken") in (chat.last.text, chat.alert)


def test_edit_shows_the_answer_before_and_now_and_records_the_version_seen(chat):
    blobs = store_dataset(chat.settings)
    chat.press("trial · 12 примеров")
    chat.press("🔍 Найти")
    chat.say("слово СЛОВО номер 3")
    chat.press("Что значит слово номер 3, понятие гггг?")
    chat.press("✏️ Ответ")
    assert "Понятие 3 значит 3." in chat.last.text
    proof = chat.say("Понятие 3 значит иное.")
    assert (
        "Ответ был\nПонятие 3 значит 3.\n\nОтвет стал\nПонятие 3 значит иное."
        in proof.text
    )
    marked = [
        (mark["type"], proof.text[mark["offset"] : mark["offset"] + mark["length"]])
        for mark in proof.entities
    ]
    assert ("strikethrough", "3") in marked
    assert ("underline", "иное") in marked
    (file,) = [words for kind, words in marked if kind == "expandable_blockquote"]
    chat.press("🏷 Теги")
    assert "Теги стали\nслова\n\nmessages:" in chat.say("слова").text
    change = chat.save()
    assert (change.kind, change.before) == (ChangeKind.EDIT, blobs["examples/q3.yaml"])
    assert change.text.startswith(file)
    assert (
        parse_example(change.text).question == "Что значит слово номер 3, понятие гггг?"
    )


def test_edit_that_changes_nothing_or_is_too_long_is_not_saved(chat, telegram):
    chat.press_forged(f"ex:edit:{D}:{short_hash('q3')}:a")
    chat.say("Понятие 3 значит 3.")
    assert russian_text("examples-nothing-changed") in chat.last.text
    assert "💾 Сохранить" not in chat.labels
    chat.press_forged("ex:word:a")
    telegram.send(telegram.place("vera"), {"text": "я" * (MAX_CHARACTERS + 1)})
    chat.wait_for_text(russian_text("examples-too-long", most=MAX_CHARACTERS))
    assert read_changes(chat.settings, VERA) == []


def test_correction_of_many_examples_lists_some_and_counts_the_others(chat, settings):
    same = {
        f"lips{n}": example_yaml(f"Что говорят губы человека {n}?", "Губы.")
        for n in range(8)
    }
    store_dataset(settings, **same)
    question = "Что говорят губы человека?"
    known = {"turn_id": 1, "known_answer": "Губы."}
    number = add_proposal(settings, question, "Рот.", **known)
    chat.press_forged(f"ex:prop:{number}")
    assert russian_text("page-proposal-changes", count=8) in chat.last.text
    assert russian_text("examples-more", count=2) in chat.last.text


def test_draft_of_a_teacher_model_names_it_and_its_source(chat, settings):
    teacher = {"turn_id": 1, "model_id": "teacher-1", "origin": DISTIL}
    number = add_proposal(settings, note="Лоб — верх лица.", **teacher)
    chat.press_forged(f"ex:prop:{number}")
    assert russian_text("examples-drafted", teacher="teacher-1") in chat.last.text
    assert "Лоб — верх лица." in chat.last.text


def test_deletion_requires_a_confirmation(chat):
    chat.press_forged(f"ex:one:{D}:{short_hash('q5')}")
    chat.press("🗑 Удалить")
    assert "Удалить пример?" in chat.last.text
    assert read_changes(chat.settings, VERA) == []
    chat.press("🗑 Да, удалить")
    (change,) = read_changes(chat.settings, VERA)
    assert (change.kind, change.path) == (ChangeKind.DELETE, "trial/examples/q5.yaml")


def count_found(chat):
    return sum(label.startswith("Что") for label in chat.labels)


def test_found_examples_have_pages_and_a_search_without_results_says_so(chat):
    chat.press_forged(f"ex:find:{D}")
    nothing = chat.say("\U0001fa77 нет\u202e такого\nслова").text
    assert "По словам «\U0001fa77 нет\\u202e такого слова» ничего не нашлось" in nothing
    chat.say("понятие")
    assert count_found(chat) == 8
    chat.press("›")
    assert count_found(chat) == 4


def test_editor_sees_the_models_answer_masked(chat, telegram, settings):
    anna = ExampleEditor(telegram, settings, "anna")
    anna.say("Мой телефон +7 999 123-45-67?")
    number = add_proposal(settings, "Мой телефон [телефон]?", "Какой?", turn_id=1)
    chat.press_forged(f"ex:prop:{number}")
    assert "Сейчас" in chat.last.text
    assert "[телефон]" in chat.last.text
    assert "999" not in chat.last.text
    assert "не действует" in chat.press_forged("ex:word:y")


def test_teacher_can_edit_only_their_own_datasets(telegram, settings):
    store_dataset(settings, "other")
    grant_role(settings, BORIS, Role.TEACHER, "other")
    with ExampleEditor.of_running_bot(telegram, settings, "boris") as boris:
        boris.say("/examples")
        assert [label for label in boris.labels if "примеров" in label] == [
            "other · 12 примеров"
        ]
        for data in (
            f"ex:ds:{D}",
            f"ex:del:{D}:{short_hash('q1')}",
            f"ex:edit:{D}:{short_hash('q1')}:a",
        ):
            assert "набора" in boris.press_forged(data)
        boris.press_forged(f"ex:add:{short_hash('other')}")
        boris.say("Мой?")
        grant_role(settings, BORIS, Role.STUDENT)
        assert "Это действие вам больше недоступно" in boris.say("Да.").text
    assert select_rows(settings, "SELECT * FROM change") == []


ODD = [
    "",
    ":",
    ":-1",
    ":99999999999999999999",
    f":{D}:{D}:{D}",
    ":яё😀:n",
    ":1:1:1:1:1:1",
]
WAITING = [f"ex:add:{D}", f"ex:find:{D}", f"ex:del:{D}:{short_hash('q1')}"]


def test_arbitrary_button_data_breaks_no_step(chat, settings):
    modules = (example_draft, example_proof, examples, proposals)
    every = [
        verb
        for module in modules
        for verb in module.handlers.buttons
        if verb != "ex:save"
    ]
    for number, waiting in enumerate(WAITING):
        for position, data in enumerate(every):
            if position % len(WAITING) == 0:
                chat.press_forged(waiting)
            chat.press_forged(data + ODD[(number + position) % len(ODD)])
    assert (
        select_rows(settings, "SELECT * FROM telegram_update WHERE state = 'failed'")
        == []
    )
    assert read_changes(settings, VERA) == []
