"""Examples by buttons: created, found, changed, deleted; forged buttons and unusual texts."""

from datetime import timedelta

import pytest

from merlin.account.accounts import Accounts
from merlin.app.inbox import DIALOG_LIFETIME
from merlin.bot.handlers import changes, example_draft, example_proof, examples
from merlin.bot.menu import short_hash
from merlin.core.clock import iso, utc_now
from merlin.core.permissions import Role
from merlin.course.catalogue import Catalogue
from merlin.dataset.changes import ChangeKind, intent_key
from merlin.dataset.example import parse_example
from merlin.dataset.proposals import Draft, Proposals
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.intents import Intents
from merlin.db.tables import DIALOG
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.admin_chat import (
    ANNA,
    BORIS,
    VERA,
    ExampleEditor,
    add_admin,
    grant_role,
    read_changes,
    store_dataset,
)
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.dataset_tree import DATASET_YAML, FileTree

pytestmark = pytest.mark.functional

D = short_hash("trial")


@pytest.fixture
def settings(settings):
    with_vera = add_admin(settings)
    store_dataset(with_vera)
    return with_vera


@pytest.fixture
def chat(telegram, settings):
    with RunningBot(settings):
        chat = ExampleEditor(telegram, settings)
        chat.say("/examples")
        yield chat


def test_example_is_created_from_a_question_and_an_answer(chat):
    chat.press("trial · 12 примеров")
    chat.press("➕ Добавить")
    chat.say("Один?")
    assert "👤 Один?\n🤖 Да." in chat.say("Да.").text
    (first, *_), *_ = chat.last.keys
    assert (first["text"], first["style"]) == ("💾 Сохранить", "success")
    assert parse_example(chat.save().text).answer == "Да."


def test_example_card_accepts_tags_a_split_and_further_turns(chat):
    chat.press("trial · 12 примеров")
    chat.press("➕ Добавить")
    assert chat.labels == ["‹ Назад", "Отмена"]
    chat.say("Раз?")
    chat.press("‹ Назад")
    chat.say("Один?")
    chat.say("Да.")
    chat.press("➕ Ещё вопрос")
    chat.say("А два?")
    chat.say("И дважды.")
    chat.press("‹ Назад")
    assert "🤖 И два." in chat.say("И два.").text
    chat.press("➕ Ещё вопрос")
    chat.say("А три?")
    assert "Пришлите вопрос" in chat.press("‹ Назад").text
    assert "🤖 И два." in chat.press("‹ Назад").text
    chat.press("🏷 Теги")
    assert "🏷 числа, счёт" in chat.say("числа, счёт").text
    chat.press("🧪 Для теста")
    assert "🏷 числа, счёт\n🧪 Для теста" in chat.last.text
    chat.press("✓ 🧪 Для теста")
    chat.press("💬 Другими словами")
    assert "те же слова" in chat.say("Один?").text
    assert "🧪 Это раз?" in chat.say("Это раз?").text
    chat.save()
    change, worded = read_changes(chat.settings, VERA)[-2:]
    assert (worded.batch, worded.path) == (change.batch, "trial/examples/это-раз.yaml")
    assert parse_example(worded.text).split == "test"
    assert parse_example(change.text).split is None
    assert (change.kind, change.path) == (ChangeKind.ADD, "trial/examples/один.yaml")
    messages = [(message.role, message.content) for message in parse_example(change.text).messages]
    assert messages == [
        ("user", "Один?"),
        ("assistant", "Да."),
        ("user", "А два?"),
        ("assistant", "И два."),
    ]
    assert parse_example(change.text).tags == ("числа", "счёт")
    assert change.editor.email == f"{VERA}@telegram.invalid"


def test_draft_continues_after_other_commands(chat):
    chat.press("trial · 12 примеров")
    chat.press("➕ Добавить")
    chat.say("Как дела?")
    for command in ("/t", "/plan", "/admin", "/examples"):
        chat.say(command)
    assert "👤 Как дела?" in chat.press("✏️ Продолжить пример").text
    assert "👤 Как дела?\n🤖 Хорошо." in chat.say("Хорошо.").text


def test_draft_is_set_aside_by_what_begins_something_else(chat, telegram):
    def find_note(text="отложен."):
        return next((one for one in telegram.answers("vera") if one.text.endswith(text)), None)

    chat.write("Как дела?", "Хорошо.")
    chat.press("➕ Ещё вопрос")
    chat.say("А завтро?")
    (*_, typed) = (one for one in telegram.log("vera") if one.text == "А завтро?")
    chat._act(telegram.edit, typed.message_id, "А завтра?")
    assert "в пример не вошла" in chat.last.text
    chat.press_forged("ex:unturn")
    chat.say("А завтра?")
    # They begin something new, end every dialog, or open a form of their own.
    for command in ("/new", "/clear", "/course", "/start", "/system Кратко", "/paysupport"):
        chat.say(command)
        note = telegram.wait_for(find_note)
        assert (
            "👤 А завтра?\n\nТеперь пришлите ответ" in chat.press("ex:return", note.message_id).text
        )
    assert "🤖 Лучше." in chat.say("Лучше.").text
    chat.say("/new")
    telegram.wait_for(find_note)
    # Another draft takes its place; both can be continued in turn.
    chat.write("Где мы?", "Тут.")
    chat.say("/examples")
    assert "🤖 Лучше." in chat.press("✏️ Продолжить пример").text
    chat.say("/examples")
    assert "🤖 Тут." in chat.press("✏️ Продолжить пример").text
    chat.say("/clear")
    note = telegram.wait_for(lambda: find_note("Отложенный раньше удалён."))
    # A button of another draft's message deletes nothing.
    assert "закрыта" in chat.press_forged("ex:discard:1")
    assert (
        chat.press("🗑 Удалить", note.message_id).text
        == "Хорошо, черновик удалён. В наборе ничего не изменилось."
    )
    chat.press_forged("ex:return")
    assert "закрыта" in chat.alert
    chat.write("Где мы?", "Тут.")
    with open_database(chat.settings.database) as database:
        database.change(
            DIALOG.update({"at": iso(utc_now() - DIALOG_LIFETIME - timedelta(hours=1))})
        )
    chat.say("Это вопрос модели.")
    note = telegram.wait_for(find_note)
    assert "🤖 Тут." in chat.press("ex:return", note.message_id).text
    assert chat.say("/cancel").text == "Хорошо, черновик удалён. В наборе ничего не изменилось."
    assert select_rows(chat.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_draft_survives_a_restart(telegram, settings):
    chat = ExampleEditor(telegram, settings)
    with RunningBot(settings):
        chat.say("/examples")
        chat.press_forged(f"ex:add:{D}")
        chat.say("Где новое?")
    with RunningBot(settings):
        chat.say("Здесь.")
    with RunningBot(settings):
        assert "Где новое?" in chat.save().text


YAML_WORDS = (
    "no",
    "12:30",
    "0x10",
    "- a: [",
    "a: b # c",
    "'",
    "  отступ\n\n\nстрока ",
    "~ да",
    "{}",
)


def test_special_yaml_words_stay_text(chat):
    for text in YAML_WORDS:
        chat.write(text, text)
        example = parse_example(chat.save().text)
        assert (example.question, example.answer) == (text.strip(), text.strip())


def test_path_traversal_in_a_question_becomes_a_plain_file_name(chat):
    chat.write("../../.git/config ..\\x %2e%2e/ /etc/passwd", "Нет.")
    change = chat.save()
    inside = change.path.removeprefix("trial/examples/")
    assert "/" not in inside.removesuffix(".yaml")
    assert ".." not in inside


def test_tags_are_split_at_line_breaks_and_yaml_words_stay_text(chat):
    chat.write()
    chat.press("🏷 Теги")
    chat.say("no\nда: нет, #лоб\nno")
    assert parse_example(chat.save().text).tags == ("no", "да:", "нет", "лоб")


def test_message_without_text_keeps_the_draft(chat):
    chat.press_forged(f"ex:add:{D}")
    chat.say("Вопрос?")
    assert (
        "Пришлите текст или один текстовый файл в UTF-8. Всё, что вы написали раньше, сохранено"
        in chat.send("a.jpg", b"\xff\xd8\xff", kind="photo").text
    )
    assert (
        "Пришлите текст или один текстовый файл в UTF-8. Всё, что вы написали раньше, сохранено"
        in chat.send("a.txt", b"\xff\xfe").text
    )
    assert (
        "Пришлите текст или один текстовый файл в UTF-8. Всё, что вы написали раньше, сохранено"
        in chat.send("a.txt", " \n\t ").text
    )
    album = [Upload(name, "text/plain", b"a") for name in ("a.txt", "b.txt")]
    chat._act(chat.telegram.send_album, album, kind="document", count=2)
    assert "один текстовый файл" in chat.last.text
    assert "👤 Вопрос?" in chat.say("Ответ.").text
    chat.press_forged(f"ex:import:{D}")
    chat._act(chat.telegram.send_album, album, kind="document", count=2)
    assert "Пришлите один файл CSV" in chat.last.text


def test_message_while_a_button_is_expected_keeps_the_draft(chat):
    chat.write()
    assert "Это сообщение в пример не вошло" in chat.say("эй").text
    assert "Где новое?" in chat.save().text


def test_too_long_question_is_refused_and_the_draft_kept(chat):
    chat.press_forged(f"ex:add:{D}")
    long = "слово " * 33_400
    assert "слишком длинно" in chat.send("q.txt", long).text
    assert "Теперь пришлите ответ" in chat.say("Короче?").text


def test_file_with_errors_cannot_be_saved_even_by_a_forged_button(chat):
    chat.press_forged(f"ex:list:{D}:0")
    chat.press("Что значит слово номер 1, понятие бббб?")
    chat.press("📝 Файл целиком")
    chat.say("messages:\n  - user: Раз?\n")
    assert "Сохранить нельзя" in chat.last.text
    assert "💾 Сохранить" not in chat.labels
    assert "исправьте" in chat.press_forged("ex:save")
    assert read_changes(chat.settings, VERA) == []


def test_personal_data_is_asked_about_once_and_allowed_with_a_reason(chat):
    proof = chat.write("Кому звонить?", "Анне: +7 912 345-67-89.")
    assert "похоже на телефон человека" in proof.text
    assert "Всё равно сохранить?" in proof.text
    assert "💾 Сохранить" not in chat.labels
    chat.press_forged("ex:allow:nothing")
    proof = chat.press("Сохранить: человек согласен")
    assert "Ошибок нет" in proof.text
    assert parse_example(chat.save().text).allow == (("personal", "Человек согласен."),)


def test_edit_shows_the_difference_and_records_the_version_seen(chat):
    blobs = store_dataset(chat.settings)
    chat.press("trial · 12 примеров")
    chat.press("🔍 Найти")
    chat.say("слово СЛОВО номер 3")
    chat.press("Что значит слово номер 3, понятие гггг?")
    assert "Ни в одной сборке этого примера пока нет" in chat.last.text
    chat.press("✏️ Ответ")
    assert "Понятие 3 значит 3." in chat.last.text
    text = chat.say("Иначе.").text
    assert "-  - assistant: Понятие 3 значит 3." in text
    assert "+  - assistant: Иначе." in text
    assert "@@" not in text
    change = chat.save()
    assert (change.kind, change.before) == (ChangeKind.EDIT, blobs["examples/q3.yaml"])
    assert parse_example(change.text).question == "Что значит слово номер 3, понятие гггг?"


def test_deletion_requires_a_confirmation(chat):
    chat.press_forged(f"ex:one:{D}:{short_hash('q5')}")
    chat.press("🗑 Удалить")
    assert "Удалить пример?" in chat.last.text
    assert read_changes(chat.settings, VERA) == []
    chat.press("🗑 Да, удалить")
    (change,) = read_changes(chat.settings, VERA)
    assert (change.kind, change.path) == (ChangeKind.DELETE, "trial/examples/q5.yaml")


def test_example_list_has_pages_of_eight_and_reports_no_results(chat):
    chat.press_forged(f"ex:list:{D}:0")
    assert len([label for label in chat.labels if label.startswith("Что")]) == 8
    chat.press("›")
    assert len([label for label in chat.labels if label.startswith("Что")]) == 4
    chat.press_forged(f"ex:find:{D}")
    nothing = chat.say("\U0001fa77 нет\u202e такого\nслова").text
    assert "По словам «\U0001fa77 нет\\u202e такого слова» ничего не нашлось" in nothing
    assert (
        len([label for label in (chat.say("понятие"), chat.labels)[1] if label.startswith("Что")])
        == 8
    )
    chat.press("›")
    assert len([label for label in chat.labels if label.startswith("Что")]) == 4


def test_broken_file_can_only_be_replaced_as_a_whole(chat):
    store_dataset(chat.settings, broken="messages: [")
    chat.press_forged(f"ex:one:{D}:{short_hash('broken')}")
    assert "✏️ Вопрос" not in chat.labels
    assert "не читается" in chat.press_forged(f"ex:edit:{D}:{short_hash('broken')}:q")
    chat.press("📝 Файл целиком")
    assert "⛔" in chat.say("messages: [[").text
    assert chat.labels == ["📝 Файл целиком", "‹ Назад", "Отмена"]
    chat.press("📝 Файл целиком")
    chat.say("messages:\n  - user: Целый?\n  - assistant: Да.")
    assert chat.save().text == "messages:\n  - user: Целый?\n  - assistant: Да.\n"


def test_long_text_is_sent_and_accepted_as_a_file(chat):
    long = "Очень длинный ответ. " * 400
    store_dataset(chat.settings, long=f"messages:\n  - user: Длинно?\n  - assistant: {long}\n")
    chat.press_forged(f"ex:one:{D}:{short_hash('long')}")
    chat.press("✏️ Ответ")
    assert chat.last.message["document"]["file_name"] == "a.txt"
    assert "Правка примера" in chat.send("a.txt", "Коротко.").text
    assert parse_example(chat.save().text).answer == "Коротко."


def test_turns_of_a_forwarded_chat_are_selected_by_buttons(chat):
    chat.press("trial · 12 примеров")
    chat.press("↪️ Из переписки")
    messages = [
        ("anna", "Что это?"),
        ("boris", "Это лоб."),
        ("anna", "Спасибо!"),
        ("boris", "/new"),
    ]
    assert "Кто что сказал?" in chat.forward(*messages).text
    assert chat.labels[:4] == ["👤 Что это?", "🤖 Это лоб.", "👤 Спасибо!", "🤖 /new"]
    assert (
        "Перешлите сообщения с текстом. Всё присланное сохранено" in chat.say("просто слова").text
    )
    chat.press("👤 Спасибо!")
    chat.press("🤖 Спасибо!")
    chat.press("🤖 /new")
    chat.press("Один пример")
    messages = parse_example(chat.save().text).messages
    assert [message.content for message in messages] == ["Что это?", "Это лоб."]


def test_forwarded_chat_becomes_several_examples(chat):
    chat.press_forged(f"ex:add:{D}")
    chat.forward(("anna", "Что это?"), ("boris", "Лоб."), ("anna", "А то?"), ("boris", "Нос."))
    text = chat.press("Отдельные примеры (2)").text
    assert "➕ Что это?\n🤖 Лоб.\n\n➕ А то?\n🤖 Нос." in text
    chat.press("💾 Сохранить 2 примера")
    questions = [
        parse_example(change.text).question for change in read_changes(chat.settings, VERA)
    ]
    assert questions == ["Что это?", "А то?"]


@pytest.mark.parametrize(
    "table", ["Что это?\tЛоб.\nА то?\tНос.", "| вопрос | ответ |\n|---|---|\n| Что это? | Лоб. |"]
)
def test_table_pasted_as_a_question_is_imported(chat, table):
    chat.press_forged(f"ex:add:{D}")
    assert "➕ Что это?\n🤖 Лоб." in chat.say(table).text
    chat.press(chat.find_action("take"))
    assert parse_example(read_changes(chat.settings, VERA)[0].text).answer == "Лоб."


@pytest.mark.parametrize("heading", ["", "вопрос\tответ\n", "| вопрос | ответ |\n|---|---|\n"])
def test_error_in_a_pasted_table_is_shown_with_its_line(chat, heading):
    divider = "|" if "|" in heading else "\t"
    rows = (divider.join(row) for row in (("", "Что это?", "Лоб.", ""), ("", "А то?", " ", "")))
    table = heading + "\n".join(row.strip("\t") for row in rows)
    chat.press_forged(f"ex:add:{D}")
    shown = chat.say(table).text
    assert f"строка {table.count(chr(10)) + 1}" in shown.casefold()


def test_editor_sees_the_models_answer_masked(chat, telegram, settings):
    anna = ExampleEditor(telegram, settings, "anna")
    anna.say("Мой телефон +7 999 123-45-67?")
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        proposals = Proposals(database)
        number = proposals.add(ANNA, Draft("Мой телефон [телефон]?", "Какой?", "trial", turn_id=1))
    chat.press_forged(f"ex:prop:{number}")
    assert "Модель ответила:" in chat.last.text
    assert "[телефон]" in chat.last.text
    assert "999" not in chat.last.text
    assert "📝 Файл целиком" not in chat.labels
    assert "не действует" in chat.press_forged("ex:word:y")


def test_teacher_can_edit_only_their_own_datasets(telegram, settings):
    store_dataset(settings, "other")
    grant_role(settings, BORIS, Role.TEACHER, "other")
    with RunningBot(settings):
        boris = ExampleEditor(telegram, settings, "boris")
        boris.say("/examples")
        assert [label for label in boris.labels if "примеров" in label] == ["other · 12 примеров"]
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


def test_teacher_can_edit_datasets_of_courses_that_name_them(telegram, settings):
    store_dataset(settings, "other")
    grant_role(settings, BORIS, Role.TEACHER, "trial")
    card = "semester: 1\nname: {ru: Иной, en: Other}\nteachers: [boris]\nmaterials: []\n"
    tree = FileTree({"dataset.yaml": DATASET_YAML, "course.yaml": card})
    with RunningBot(settings):
        with open_database(settings.database) as database:
            Accounts(database).set_name(BORIS, "boris", "cli:vera")
            Catalogue(database).index({"other": tree.check("other")}, utc_now())
        boris = ExampleEditor(telegram, settings, "boris")
        boris.say("/examples")
        boris.press("other · 12 примеров")
        boris.press("➕ Добавить")
        boris.say("Мой?")
        boris.say("Да.")
        assert boris.save().dataset == "other"


def test_waiting_change_can_be_withdrawn_only_by_its_editor(chat, telegram, settings):
    chat.write()
    change = chat.save()
    grant_role(settings, ANNA, Role.EDITOR)
    anna = ExampleEditor(telegram, settings, "anna")
    anna.say("/examples")
    assert "не найдена" in anna.press_forged(f"ex:drop-yes:{change.change_id}")
    assert "не найдена" in anna.press_forged(f"ex:change:{change.change_id}")
    key = intent_key(change.batch)
    with open_database(settings.database) as database:
        Intents(database).open(key, "change")
        Intents(database).mark_sending(key, utc_now())
        chat.press("⏳ Правки")
        chat.press("⏳ Новый пример «Где новое»")
        assert "Отозвать правку" not in chat.labels, "its push may have succeeded"
        Intents(database).mark_ready(key)
    chat.press_forged(f"ex:change:{change.change_id}")
    chat.press("Отозвать правку")
    assert read_changes(settings, VERA)[0].state == "waiting"
    chat.press(chat.find_action("drop-yes"))
    assert read_changes(settings, VERA)[0].state == "refused"


ODD = ["", ":", ":-1", ":99999999999999999999", f":{D}:{D}:{D}", ":яё😀:n", ":1:1:1:1:1:1"]
WAITING = [f"ex:add:{D}", f"ex:fwd:{D}", f"ex:import:{D}", f"ex:del:{D}:{short_hash('q1')}"]


def test_arbitrary_button_data_breaks_no_step(chat, settings):
    modules = (changes, example_draft, example_proof, examples)
    every = [verb for module in modules for verb in module.handlers.buttons if verb != "ex:save"]
    for number, waiting in enumerate(WAITING):
        for position, data in enumerate(every):
            if position % len(WAITING) == 0:
                chat.press_forged(waiting)
            chat.press_forged(data + ODD[(number + position) % len(ODD)])
    assert select_rows(settings, "SELECT * FROM updates WHERE state = 'failed'") == []
    assert read_changes(settings, VERA) == []
