"""The editing dialog, from a button to the commit on the branch and the verdict."""

import json
from contextlib import suppress
from dataclasses import replace
from io import BytesIO

import pytest
from openpyxl import Workbook

from merlin.bot.menu import short_hash
from merlin.core.clock import utc_now
from merlin.core.errors import SourceError
from merlin.core.permissions import Role
from merlin.daemon.changing import REFUSALS
from merlin.dataset.changes import ChangeRequest, Edit, make_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.proposals import Draft, Proposals
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.wiring.context import open_migrated_database
from tests.bot.admin_chat import (
    ANNA,
    BORIS,
    VERA,
    ExampleEditor,
    example_yaml,
    grant_role,
    lab_settings,
    read_changes,
)
from tests.bot.running_bot import RunningBot, select_rows
from tests.support.pipeline_lab import fetch_dataset, lab_maker
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

D = short_hash("trial")


@pytest.fixture
def provider():
    with ProviderStandIn(key="stand-in") as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory):
    return lab_maker(tmp_path_factory.mktemp("labs"))


@pytest.fixture
def lab(make_lab, tmp_path, provider):
    return make_lab(fetch_dataset, tmp_path / "lab", provider.base_url)


@pytest.fixture
def chat(telegram, lab):
    settings = lab_settings(lab, telegram)
    with RunningBot(settings):
        chat = ExampleEditor(telegram, settings)
        chat.say("/examples")
        yield chat


def read_example(lab, name):
    """Return the file of an example in the checked-out branch, None if it does not exist."""
    path = lab.repository.folder / f"datasets/trial/examples/{name}.yaml"
    return path.read_text("utf-8") if path.exists() else None


def overwrite_example(lab, name, text):
    """Commit another version of an example's file, beside the bot."""
    path = lab.repository.folder / f"datasets/trial/examples/{name}.yaml"
    path.write_text(text, "utf-8")


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
    chat.say("/admin")
    chat.press("📚 Примеры")
    chat.press("Проба · 12 примеров")
    chat.press("➕ Добавить")
    chat.say("Где живёт новый вопрос?")
    proof = chat.say("В новом примере.")
    assert "👤 Где живёт новый вопрос?\n🤖 В новом примере." in proof.text
    assert "в следующем обучении будет около 11 примеров" in proof.text.lower()
    assert "Тестовых вопросов: 2 из 10" in proof.text
    chat.press("💾 Сохранить")
    assert "Сохраняю" in chat.last.text
    text = wait_for_commit(chat, lab)
    assert "Новый пример «Где живёт новый вопрос?»" in text.text
    head = lab.repository.git("log", "-1", "--format=%an <%ae>%n%(trailers:key=Merlin-Id)")
    assert head.startswith(f"Вера <{VERA}@telegram.invalid>\nMerlin-Id: ")
    assert "В новом примере." in read_example(lab, "где-живёт-новый-вопрос")
    lab.until_serving("trial-2")
    lab.tick("changes", rounds=2)
    assert "теперь отвечает trial-2" in chat.wait_for_text("теперь отвечает").text


def version_messages(chat, user):
    """Return a user's messages about the second version."""
    return [message.text for message in chat.telegram.answers(user) if "trial-2" in message.text]


def test_admin_who_made_the_edit_gets_each_verdict_once(chat, lab):
    grant_role(chat.settings, BORIS, Role.ADMIN)
    lab.until_serving("trial-1")
    chat.wait_for_text("теперь отвечает trial-1")
    chat.press_forged(f"ex:edit:{D}:{short_hash('q1')}:a")
    chat.say("Моё.")
    chat.press("💾 Сохранить")
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


def make_conflict(chat, lab, answer="Моё."):
    """Edit an example that changes before the commit; return the bot's message."""
    chat.press_forged(f"ex:edit:{D}:{short_hash('q1')}:a")
    chat.say(answer)
    chat.press("💾 Сохранить")
    lab.repository.example("trial", 1, answer="Чужое.")
    lab.repository.commit()
    lab.tick("changes", "fetch")
    return chat.wait_for_text("другая правка")


def test_conflict_shows_both_texts_and_own_text_can_win(chat, lab):
    message = make_conflict(chat, lab)
    assert "assistant: Моё." in message.text
    assert "assistant: Чужое." in message.text
    assert chat.labels == ["Сохранить мой вариант", "Оставить чужой вариант", "✏️ Объединить"]
    assert len(message.keys) == len(chat.labels)  # too long for one row on a phone
    chat.press("Сохранить мой вариант")
    wait_for_commit(chat, lab)
    assert "assistant: Моё." in read_example(lab, "q1")
    assert commit_subject(lab) == "Вера: Edit example q1"


def test_edit_refused_by_the_repository_shows_the_reason_and_can_be_retried(chat, lab):
    chat.press_forged(f"ex:edit:{D}:{short_hash('q1')}:a")
    chat.say("Моё.")
    chat.press("💾 Сохранить")
    lab.repository.git("config", "receive.maxInputSize", "1")
    for _ in range(REFUSALS):
        with suppress(SourceError):
            lab.tick("changes")
    assert "maximum allowed size" in chat.wait_for_text("она сохранена").text
    chat.press("⏳ Правки")
    assert "maximum allowed size" in chat.last.text
    lab.repository.git("config", "--unset", "receive.maxInputSize")
    chat.press("🔁 Повторить")
    assert "Сохраняется" in chat.last.text
    wait_for_commit(chat, lab)
    assert "assistant: Моё." in read_example(lab, "q1")


def test_admin_retries_an_edit_from_outside_the_chat_by_the_button_under_its_notice(telegram, lab):
    edit = Edit("examples/new.yaml", None, example_yaml("Где новый?", "Из команды."))
    asked = ChangeRequest(telegram_editor(7, "Борис"), "cli:boris", utc_now())
    with open_migrated_database(lab.config) as database:
        lab.changes(database).put(make_changes("trial", [edit], asked))
    lab.repository.git("config", "receive.maxInputSize", "1")
    settings = lab_settings(lab, telegram)
    # The notice that edits wait may come first: this one must not wait for others of its kind.
    with RunningBot(replace(settings, pace=replace(settings.pace, group_s=0.0))):
        chat = ExampleEditor(telegram, settings)
        chat.say("/examples")
        for _ in range(REFUSALS):
            with suppress(SourceError):
                lab.tick("changes")
        assert "boris (командная строка)" in chat.wait_for_text("она сохранена").text
        lab.repository.git("config", "--unset", "receive.maxInputSize")
        chat.press("⏳ Правки")
        chat.press("🔁 Повторить")
        assert "Сохраняется" in chat.last.text


def test_conflict_can_be_resolved_with_the_other_version(chat, lab):
    make_conflict(chat, lab)
    chat.press("Оставить чужой вариант")
    assert "Остаётся чужой вариант" in chat.last.text
    assert read_changes(chat.settings, VERA)[-1].state == "refused"
    assert "Этот конфликт правок уже решён" in chat.press_forged(
        f"ex:mine:{read_changes(chat.settings, VERA)[-1].change_id}"
    )
    assert "Чужое." in read_example(lab, "q1")


def test_conflict_can_be_resolved_by_a_merged_text(chat, lab):
    make_conflict(chat, lab)
    lab.tick("fetch")
    chat.press("✏️ Объединить")
    assert "Ваш вариант вместо чужого ·" in chat.last.text
    assert "-  - assistant: Чужое." in chat.last.text
    chat.press("✏️ Ответ")
    chat.say("Общее.")
    chat.press("💾 Сохранить")
    wait_for_commit(chat, lab)
    assert "assistant: Общее." in read_example(lab, "q1")


def test_edit_can_be_undone_from_its_notice(chat, lab):
    before = read_example(lab, "q2")
    chat.press_forged(f"ex:edit:{D}:{short_hash('q2')}:a")
    chat.say("Поспешно.")
    chat.press("💾 Сохранить")
    wait_for_commit(chat, lab)
    chat.press_forged(f"ex:change:{read_changes(chat.settings, VERA)[-1].change_id}")
    commit = lab.repository.git("rev-parse", "--short=10", "HEAD")
    assert f"Сохранено (коммит {commit})." in chat.last.text
    text = chat.press("↩️ Отменить правку").text
    # No daemon runs here.
    waits = "Правка ждёт: служба, которая сохраняет правки и обучает, сейчас не запущена"
    assert text.startswith(f"Отменяю правку\n\nПравка примера q2\n\n{waits}")
    lab.tick("changes", "fetch")
    assert read_example(lab, "q2") == before


def test_check_finding_links_to_its_example(chat, lab):
    overwrite_example(lab, "я", example_yaml("Что значит слово номер 1, понятие бббб?", "Иное."))
    lab.repository.commit()
    lab.tick("fetch")
    chat.press_forged(f"ex:ds:{D}")
    chat.press("🔎 Замечания")
    assert "⚠️ я.yaml: " in chat.last.text
    chat.press("я")
    assert "assistant: Иное." in chat.last.text
    assert "• " in chat.last.text


def test_notice_of_an_example_that_is_left_out_leads_to_it(chat, lab):
    overwrite_example(lab, "я", "messages: [")
    lab.repository.commit()
    lab.tick("fetch")
    assert "1 пример не учтён: смотрите examples/я.yaml:2:1" in chat.wait_for_text("не учтён").text
    chat.press("🔎 Замечания")
    chat.press("я")
    assert "messages: [" in chat.last.text


def test_example_history_shows_authors_and_commits(chat, lab):
    chat.press_forged(f"ex:one:{D}:{short_hash('q2')}")
    assert "Сборки с этим примером: trial-1. " in chat.last.text
    chat.press_forged(f"ex:edit:{D}:{short_hash('q2')}:a")
    chat.say("Точнее.")
    chat.press("💾 Сохранить")
    wait_for_commit(chat, lab)
    log = lab.repository.git("log", "--reverse", "--format=%h %an", "--abbrev=10")
    first, newest = log.split("\n")
    chat.press_forged(f"ex:one:{D}:{short_hash('q2')}")
    chat.press("🕘 История")
    lines = chat.last.text.split("\n")
    assert lines[2].endswith(f"— Вера: Правка примера q2 ({newest.split()[0]})")
    assert lines[3].endswith(f"— {first.split()[1]}: Add examples ({first.split()[0]})")
    chat.press("‹ Назад")
    assert "Точнее." in chat.last.text


def test_undo_of_a_new_example_deletes_it(chat, lab):
    chat.write()
    chat.save()
    wait_for_commit(chat, lab)
    chat.press("↩️ Отменить правку")
    lab.tick("changes", "fetch")
    assert read_example(lab, "где-новое") is None
    assert commit_subject(lab) == "Вера: Revert: Add example где-новое"


CSV = 'question,answer,tags\nКто там?,Я.,дверь\nКто там?,Я.,дверь\nГде?,"Тут.\nИ там.",\n,Пусто.,\n'


def test_table_is_imported_by_one_commit_and_undone_by_another(chat, lab):
    chat.press("Проба · 12 примеров")
    chat.press("📥 Из файла")
    assert "Пришлите один файл CSV, XLSX или JSON" in chat.say("эй").text
    proof = chat.send("words.csv", CSV)
    assert "Получено: 4. Новых: 2, уже есть: 1, с ошибками: 1." in proof.text
    assert "➕ Кто там?\n🤖 Я.\n\n➕ Где?\n🤖 Тут. И там." in proof.text
    assert "Строка 6:" in proof.text
    chat.press("💾 Сохранить 2 примера")
    wait_for_commit(chat, lab)
    assert commit_subject(lab) == "Вера: Import 2 examples into trial"
    assert "Я." in read_example(lab, "кто-там")
    chat.press("↩️ Отменить правку")
    assert "2 новых примера в trial. Отменить эту правку? Это изменит 2 файла" in chat.last.text
    assert "🗑 кто-там: Кто там?\n🗑 где: Где?" in chat.last.text
    chat.press("↩️ Отменить правку")
    lab.tick("changes", "fetch")
    assert (read_example(lab, "кто-там"), read_example(lab, "где")) == (None, None)
    assert commit_subject(lab) == "Вера: Revert: Import 2 examples into trial"


def workbook(*rows):
    book, content = Workbook(), BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


TURNS = [{"from": "human", "value": "Кто там?"}, {"from": "gpt", "value": "Я."}]
RECORD = {"instruction": "Кто там?", "output": "Я."}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("chats.json", json.dumps([{"conversations": TURNS}], indent=2)),
        ("alpaca.txt", json.dumps(RECORD)),
        ("words.xlsx", workbook(["вопрос", "ответ"], ["Кто там?", "Я."])),
    ],
)
def test_files_of_other_programs_are_imported(chat, lab, name, content):
    chat.press_forged(f"ex:import:{D}")
    assert "Новых: 1" in chat.send(name, content).text
    chat.press("💾 Сохранить 1 пример")
    wait_for_commit(chat, lab)
    assert "- assistant: Я." in read_example(lab, "кто-там")


def test_import_preview_shows_contradictions(chat, lab):
    overwrite_example(lab, "я", example_yaml("А что?", "То."))
    lab.repository.commit()
    lab.tick("fetch")
    chat.press_forged(f"ex:import:{D}")
    lines = "question,answer\n" + "".join(f"Вопрос {n} о разном?,Ответ {n}.\n" for n in range(7))
    proof = chat.send("words.csv", f"{lines}А что?,Иное.\n")
    assert "➕ Вопрос 4 о разном?\n🤖 Ответ 4.\n\nи ещё 3" in proof.text
    assert "⚠️ я.yaml: " in proof.text


def test_undo_of_an_import_keeps_examples_edited_since(chat, lab):
    chat.press_forged(f"ex:import:{D}")
    chat.send("words.csv", CSV)
    chat.press("💾 Сохранить 2 примера")
    text = wait_for_commit(chat, lab)
    overwrite_example(lab, "где", example_yaml("Где?", "Здесь, если точно."))
    lab.repository.commit()
    lab.tick("fetch")
    chat.press("↩️ Отменить правку")
    assert "1 файл" in chat.last.text
    assert "🗑 кто-там: Кто там?" in chat.last.text
    assert "правили ещё раз (1): examples/где.yaml" in chat.last.text
    # A button sent before that edit has not shown that this file stays.
    button = text.keys[0][0]["callback_data"].replace("undo", "undo-yes")
    assert "правили ещё раз (1): examples/где.yaml" in chat.press_forged(button)
    assert len(read_changes(chat.settings, VERA)) == 2
    chat.press("↩️ Отменить правку")
    lab.tick("changes", "fetch")
    assert read_example(lab, "кто-там") is None
    assert "Здесь, если точно." in read_example(lab, "где")
    again = chat.press_forged(text.keys[0][0]["callback_data"])
    assert "examples/где.yaml с тех пор правили ещё раз" in again


def test_undo_of_an_overwritten_edit_is_refused(chat, lab):
    chat.press_forged(f"ex:edit:{D}:{short_hash('q2')}:a")
    chat.say("Поспешно.")
    chat.press("💾 Сохранить")
    text = wait_for_commit(chat, lab)
    lab.repository.example("trial", 2, answer="Чужое и верное.")
    lab.repository.commit()
    lab.tick("fetch")
    refused = chat.press_forged(text.keys[0][0]["callback_data"])
    assert "с тех пор правили ещё раз, и отмена стёрла бы и ту правку" in refused
    assert len(read_changes(chat.settings, VERA)) == 1


def test_edits_before_a_large_import_stay_accessible(chat, lab):
    chat.write()
    chat.save()
    chat.press_forged(f"ex:import:{D}")
    rows_ = "".join(f"Вопрос {number} об этом?,Ответ {number}.\n" for number in range(90))
    chat.send("many.csv", f"question,answer\n{rows_}")
    chat.press("💾 Сохранить 90 примеров")
    chat.press_forged("ex:home")
    assert "⏳ Правки (2)" in chat.labels
    chat.press("⏳ Правки (2)")
    assert chat.labels[:2] == ["⏳ 90 новых примеров в trial", "⏳ Новый пример «Где новое»"]


def test_file_without_examples_is_explained(chat):
    for name, content, expected in (
        ("a.jsonl", "{", "Строка 1:"),
        ("a.csv", b"\xff\x80\xff", "UTF-8"),
        ("a.csv", "вопрос;цвет\nа;б\n", "question"),
        ("a.csv", " ", "Получено: 1. Новых: 0"),
        ("a.jsonl", json.dumps({"messages": "нет"}), "с ошибками: 1"),
    ):
        chat.press_forged(f"ex:import:{D}")
        assert expected in chat.send(name, content).text
        assert not [label for label in chat.labels if "Сохранить" in label]
        assert chat.press_forged("ex:take")
        assert read_changes(chat.settings, VERA) == []


def add_proposal(
    settings, question="Что за лоб?", answer="Верх лица.", dataset="trial", turn=0, **before
):
    """Let anna propose an example; return the proposal's id."""
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        proposals = Proposals(database)
        return proposals.add(ANNA, Draft(question, answer, dataset, turn, **before))


def test_correction_is_edited_approved_and_committed_in_the_editors_name(chat, lab):
    add_proposal(chat.settings)
    add_proposal(chat.settings, "Чужое?", dataset="elsewhere")
    chat.say("/examples")
    chat.press("💬 Исправления (1)")
    chat.press("Что за лоб?")
    assert "👤 Что за лоб?\n🤖 Верх лица." in chat.last.text
    chat.press("✏️ Ответ")
    chat.say("Верхняя часть лица.")
    chat.press("✅ Принять")
    wait_for_commit(chat, lab)
    assert "Верхняя часть лица." in read_example(lab, "from-chat/что-за-лоб")
    assert commit_subject(lab) == "Вера: Add example from-chat/что-за-лоб"


def test_correction_of_a_trained_answer_shows_what_it_replaces(chat, lab):
    add_proposal(chat.settings, "Что значит слово номер 0, понятие аааа?", "Ноль.", turn=1)
    add_proposal(chat.settings, "Что за нос?")
    label = "Заменит прежний ответ: Понятие 0 значит ответ 0."
    chat.press_forged("ex:queue:0")
    chat.press("☑️ Сразу несколько")
    assert label in chat.last.text
    chat.press_forged("ex:queue:0")
    chat.press("Что значит слово номер 0, понятие аааа?")
    assert label in chat.last.text
    chat.press("✅ Принять")
    wait_for_commit(chat, lab)
    assert read_example(lab, "q0") is None


def test_correction_of_a_continued_conversation_replaces_only_the_same_conversation(chat, lab):
    def conversation(answer):
        return add_proposal(
            chat.settings,
            "А самокат?",
            answer,
            turn=1,
            before_question="Сколько стоит велосипед?",
            before_answer="Тысячу.",
        )

    def open_proposal():
        chat.press_forged("ex:queue:0")
        return chat.press("А самокат?").text

    def approve():
        text = chat.last.text
        chat.press("✅ Принять")
        wait_for_commit(chat, lab)
        return text

    add_proposal(chat.settings, "А самокат?", "Какой?")
    open_proposal()
    approve()
    conversation("Две тысячи.")
    add_proposal(chat.settings, "Что за лоб?")
    chat.press_forged("ex:queue:0")
    chat.press("☑️ Сразу несколько")
    assert "1. Сколько стоит велосипед?\nТысячу.\nА самокат?\nДве тысячи. · chat" in chat.last.text
    open_proposal()
    assert "👤 Сколько стоит велосипед?\n🤖 Тысячу.\n👤 А самокат?" in chat.last.text
    chat.press("✏️ Ответ")
    chat.say("Три тысячи.")
    assert "Заменит" not in approve()
    path = "from-chat/сколько-стоит-велосипед"
    assert read_example(lab, path).count("- user:") == 2
    assert "Три тысячи." in read_example(lab, path)
    conversation("Четыре тысячи.")
    open_proposal()
    assert "Заменит прежний ответ: Три тысячи." in approve()
    assert read_example(lab, path) is None
    assert read_example(lab, "from-chat/а-самокат") is not None


def test_correction_is_declined_with_a_reason_only_once(chat, telegram):
    anna = ExampleEditor(telegram, chat.settings, "anna")
    anna.say("/start")
    number = add_proposal(chat.settings)
    chat.press_forged("ex:queue:0")
    chat.press("Что за лоб?")
    save = chat.last.message_id
    chat.press("❌ Отклонить")
    assert "Отклонено, текст удалён. Автор исправления прочтёт причину" in chat.say("Неточно.").text
    assert "«Что за лоб?»" in anna.wait_for_text("Редактор его не принял: Неточно.").text
    assert select_rows(chat.settings, "SELECT state, change_id FROM proposal") == [("declined", "")]
    chat.press("ex:save", save, forged=True)
    assert "Это исправление уже рассмотрено" in chat.press_forged(f"ex:prop:{number}")
    assert read_changes(chat.settings, VERA) == []
    assert select_rows(
        chat.settings, "SELECT COUNT(*) FROM notice WHERE arguments LIKE '%лоб%'"
    ) == [(0,)]


def test_correction_declined_without_a_reason_notifies_no_user(chat):
    number = add_proposal(chat.settings)
    chat.press_forged(f"ex:no:{number}")
    chat.press("Отклонить без причины")
    assert chat.last.text == "Отклонено, текст удалён."
    rows = select_rows(chat.settings, "SELECT COUNT(*) FROM outgoing WHERE key LIKE 'declined:%'")
    assert rows == [(0,)]


def add_draft(settings, question, answer="Чертёж."):
    """Add a proposal drafted by a teacher model."""
    cipher = load_or_make_key(settings.state_dir, None)
    fields = {"model_id": "big-model", "origin": "distil", "note": "materials/a.md\n\nДом."}
    with open_database(settings.database, cipher=cipher) as database:
        Proposals(database).add_drafts([Draft(question, answer, "trial", currency="USD", **fields)])


def test_selected_proposals_become_one_commit_except_those_with_errors(chat, lab):
    add_proposal(chat.settings)
    add_draft(chat.settings, "Что за план?", answer="1. Лист.\n2. Чертёж.\u202e")
    add_draft(chat.settings, "Что за дом?", answer="\x00")
    chat.press_forged("ex:queue:0")
    chat.press("☑️ Сразу несколько")
    assert "Что за план?\n1. Лист. 2. Чертёж.\\u202e · distil: big-model" in chat.last.text
    chat.press("✅ Принять все эти")
    summary = "Принято: 2 примера. С ошибками 1 предложение, оно ждёт дальше."
    assert chat.last.text == summary
    wait_for_commit(chat, lab)
    assert commit_subject(lab) == "Вера: Add 2 examples to trial"
    assert "source: chat" in read_example(lab, "from-chat/что-за-лоб")
    example_text = read_example(lab, "from-teacher/что-за-план")
    note = "note: |-\n  materials/a.md\n\n  Дом.\n"
    assert f'\nsource: "distil: big-model"\n{note}' in example_text
    lab.tick("proposals")
    states = [("committed",), ("committed",), ("waiting",)]
    assert select_rows(chat.settings, "SELECT state FROM proposal ORDER BY id") == states


def test_selected_proposals_are_declined_once_and_only_as_shown(chat):
    for question in ("Что за план?", "Что за дом?"):
        add_draft(chat.settings, question)
    chat.press_forged("ex:several:0")
    assert "Это исправление уже рассмотрено" in chat.press_forged("ex:all-no:1:2:3")
    chat.press_forged("ex:several:0")
    chat.press("❌ Отклонить все эти")
    assert chat.last.text == "Отклонено: 2 предложения. Текст удалён."
    assert select_rows(chat.settings, "SELECT state, note FROM proposal") == [("declined", "")] * 2
    assert "Это исправление уже рассмотрено" in chat.press_forged("ex:all-yes:1:2:2")


def test_declined_model_draft_notifies_no_user(chat):
    add_draft(chat.settings, "Что за план?")
    chat.press_forged("ex:queue:0")
    chat.press("Что за план?")
    assert "Черновик модели big-model, цена бесплатно.\nmaterials/a.md\n\nДом." in chat.last.text
    chat.press("❌ Отклонить")
    assert chat.say("Неточно.").text == "Отклонено, текст удалён."
