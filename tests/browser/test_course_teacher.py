"""A teacher edits a course by mouse, by keyboard and without a script; every edit a change."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from playwright.sync_api import expect

from merlin.api.rest.teaching import MAX_CHARACTERS
from merlin.chat.feedback import EditorQuestions
from merlin.course.catalogue import Catalogue
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Draft, Proposals
from tests.browser.axe_and_screenshots import faults_of, turns_of
from tests.browser.course_browser import DESKTOP, PHONE
from tests.browser.staff_browser import ANNA, BORIS, VERA, XSS, propose

pytestmark = pytest.mark.integration


def course(staff):
    return staff.course_id("algorithms")


def edit(staff, slug="algorithms"):
    return f"/courses/{staff.course_id(slug)}/edit"


def file_in_git(staff, path, dataset="algorithms"):
    return next(file for file in FileIndex(staff.db).files(dataset) if file.path == path)


def holding(staff, words, dataset="algorithms"):
    """Return how many files of a dataset's folders hold these words."""
    files = FileIndex(staff.db).files(dataset)
    return sum(words in (file.text or "") for file in files if "/" in file.path)


def rewrite(staff, dataset, path, before, after):
    """Let another change a file meanwhile."""
    files = staff.committer.files[dataset]
    assert before in files[path]
    files[path] = files[path].replace(before, after)
    staff.committer.commit()


def drop_materials(staff, dataset):
    """Let another remove every material of a course meanwhile."""
    files = staff.committer.files[dataset]
    card = {**yaml.safe_load(files["course.yaml"]), "materials": []}
    files["course.yaml"] = yaml.safe_dump(card, allow_unicode=True)
    staff.committer.commit()


def subject(page):
    return page.get_by_role("heading", level=1)


def test_a_lecture_is_written_checked_saved_and_seen_to_become_a_commit(colleague, staff):
    page = colleague.open(edit(staff, "neurotypology"), BORIS)
    page.get_by_role("link", name="Добавить материал").click()
    page.get_by_label("Заголовок по-русски").fill("Кучи")
    page.get_by_label("Номер").fill("9")
    page.get_by_label("Текст (Markdown)").fill(f"# Кучи\n\n**Куча** лежит. {XSS}")
    preview = page.locator("#preview")
    expect(preview.locator("strong")).to_have_text("Куча")
    expect(preview).to_contain_text("<img src=x")
    page.get_by_role("button", name="Проверить").click()
    expect(page.get_by_text("ошибок нет")).to_be_visible()
    expect(page.get_by_role("region", name="Изменения в materials/lecture-09.md")).to_contain_text(
        "**Куча** лежит."
    )
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_text("Сохранение обычно занимает несколько секунд.")).to_be_visible()
    staff.committer.commit()
    expect(page.get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    assert file_in_git(staff, "materials/lecture-09.md", "neurotypology").text.startswith(
        "# Кучи\n\n**Куча**"
    )
    page.get_by_text("Отменить правку").click()
    page.get_by_role("button", name="Да, отменить").click()
    expect(page.get_by_text("Сохранение обычно занимает несколько секунд.")).to_be_visible()
    staff.committer.commit()
    expect(page.get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    assert "materials/lecture-09.md" not in {
        one.path for one in FileIndex(staff.db).files("neurotypology")
    }


def test_without_a_script_a_material_is_edited_moved_and_removed(colleague, staff):
    page = colleague.open(edit(staff), BORIS, java_script_enabled=False, **PHONE)
    page.get_by_role("link", name="Сортировки", exact=True).click()
    page.get_by_label("Заголовок по-английски").fill("Sorting it out")
    page.get_by_role("button", name="Проверить").click()
    expect(page.get_by_role("region", name="Изменения в course.yaml")).to_contain_text(
        "Sorting it out"
    )
    page.get_by_role("button", name="Сохранить").click()
    page.wait_for_url("**/changes/*")
    staff.committer.commit()
    page.reload()
    expect(page.get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    page.goto(staff.address + edit(staff))
    before = page.locator(".edits .what").all_inner_texts()
    page.get_by_role("button", name="Ниже: «Введение в алгоритмы»").click()
    expect(page.get_by_role("link", name="Правка", exact=True)).to_be_visible()
    after = page.locator(".edits .what").all_inner_texts()
    assert after[:2] == [before[1], before[0]]
    staff.committer.commit()
    page.goto(staff.address + edit(staff))
    row = page.locator(".edits li").filter(has_text="Практика: графы")
    row.get_by_text("Удалить", exact=True).click()
    row.get_by_role("button", name="Да, удалить").click()
    page.get_by_role("button", name="Отозвать правку").click()
    expect(page.get_by_text("Правка отклонена и не сохранена.")).to_be_visible()
    page.goto(staff.address + edit(staff))
    expect(page.get_by_role("link", name="Практика: графы")).to_be_visible()


def test_the_longest_lecture_that_is_allowed_is_taken(colleague, staff):
    page = colleague.open(f"{edit(staff)}/materials/new", BORIS)
    page.get_by_label("Заголовок по-русски").fill("Длинная лекция")
    page.get_by_label("Номер").fill("77")
    line = "Слово за словом, и лекция длинна.\n"
    words = line * (MAX_CHARACTERS // len(line) - 1)
    # Typed in a moment: a browser takes half a minute to draw so much while it comes.
    page.evaluate("(words) => { document.querySelector('[name=text]').value = words; }", words)
    page.get_by_role("button", name="Сохранить").click()
    page.get_by_role("button", name="Отозвать правку").click()
    expect(page.get_by_text("Правка отклонена и не сохранена.")).to_be_visible()


def test_what_is_missing_is_said_and_nothing_that_was_typed_is_lost(colleague, staff):
    page = colleague.open(f"{edit(staff)}/materials/new", BORIS)
    page.get_by_label("Текст (Markdown)").fill("Слова")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("alert")).to_have_text("Назовите материал хотя бы на одном языке.")
    expect(page.get_by_label("Текст (Markdown)")).to_have_value("Слова")


def test_a_conflict_shows_both_texts_and_mine_goes_over_theirs(colleague, staff):
    path = "materials/seminar-01.md"
    before = file_in_git(staff, path)
    change = propose(staff, path, before.blob, "# Моё\n")
    staff.committer.files["algorithms"][path] = f"# Их {XSS}\n"
    page = colleague.open(f"/changes/{change}", BORIS)
    expect(page.get_by_text("Сохранение обычно занимает несколько секунд.")).to_be_visible()
    staff.committer.commit()
    expect(page.get_by_role("region", name="Ваш вариант")).to_have_text("# Моё\n")
    expect(page.get_by_role("region", name="Нынешний вариант")).to_have_text(f"# Их {XSS}\n")
    page.get_by_role("button", name="Сохранить мой вариант").click()
    expect(page.get_by_text("Сохранение обычно занимает несколько секунд.")).to_be_visible()
    staff.committer.commit()
    expect(page.get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    assert file_in_git(staff, path).text == "# Моё\n"


def test_who_edits_what_another_has_changed_meanwhile_loses_nothing(colleague, staff):
    path = "materials/lecture-04.md"
    page = colleague.open(edit(staff), BORIS)
    page.get_by_role("link", name="Графы и обходы").click()
    page.get_by_label("Текст (Markdown)").fill("# Мои графы\n")
    staff.committer.files["algorithms"][path] = "# Их графы\n"
    staff.committer.commit()
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("alert")).to_contain_text("изменил кто-то другой")
    expect(page.get_by_role("region", name="Нынешний вариант")).to_have_text("# Их графы\n")
    expect(page.get_by_role("textbox", name="Текст (Markdown)")).to_have_value("# Мои графы\n")
    page.get_by_role("button", name="Сохранить мой вариант").click()
    expect(page.get_by_text("Сохранение обычно занимает несколько секунд.")).to_be_visible()
    staff.committer.commit()
    expect(page.get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    assert file_in_git(staff, path).text == "# Мои графы\n"


def test_a_card_that_two_edit_keeps_what_was_typed_and_shows_both(colleague, staff):
    page = colleague.open(edit(staff, "python"), VERA)
    page.locator("summary", has_text="Карточка курса").click()
    page.get_by_label("Описание по-русски").fill("Моё описание")
    rewrite(staff, "python", "course.yaml", "Программирование на Python", "Питон")
    page.get_by_role("button", name="Сохранить карточку").click()
    expect(page.get_by_role("alert")).to_contain_text(
        "Пока вы правили, курс изменил кто-то другой. Ничего не сохранено; ваш вариант в форме ниже"
    )
    expect(page.get_by_role("textbox", name="Описание по-русски")).to_have_value("Моё описание")
    mine = page.get_by_role("region", name="Ваш вариант: Название по-русски")
    theirs = page.get_by_role("region", name="Нынешний вариант: Название по-русски")
    expect(mine).to_have_text("Программирование на Python")
    expect(theirs.locator("mark")).to_have_text("Питон")
    page.get_by_role("textbox", name="Название по-русски").fill("Питон")
    page.get_by_role("button", name="Сохранить мой вариант").click()
    expect(page.get_by_role("link", name="Правка", exact=True)).to_be_visible()
    staff.committer.commit()
    card = file_in_git(staff, "course.yaml", "python").text
    assert "Моё описание" in card
    assert "Питон" in card


def test_a_material_that_another_has_removed_is_saved_as_a_new_one(colleague, staff):
    page = colleague.open(edit(staff, "statistics"), VERA)
    page.locator(".edits .what a").first.click()
    page.get_by_label("Текст (Markdown)").fill("# Моё\n\nСлова, которых нигде больше нет.")
    drop_materials(staff, "statistics")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("alert")).to_contain_text("удалил кто-то другой")
    expect(page.get_by_label("Текст (Markdown)")).to_have_value(re.compile("нигде больше нет"))
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_text("Сохранение обычно занимает несколько секунд.")).to_be_visible()


def test_the_card_is_changed_by_the_keyboard_alone(colleague, staff):
    page = colleague.open(edit(staff), BORIS)
    page.locator("summary", has_text="Карточка курса").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Описание по-английски")).to_be_visible()
    page.get_by_label("Описание по-английски").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("New words")
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Сохранить карточку")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Правка", exact=True)).to_be_visible()
    staff.committer.commit()
    expect(page.get_by_text("сохранена")).to_be_visible()
    assert "New words" in file_in_git(staff, "course.yaml").text


def test_questions_are_told_as_a_drawing_and_in_numbers(colleague, staff):
    page = colleague.open(f"/courses/{course(staff)}/questions", BORIS)
    picture = page.get_by_role("img", name="Вопросы")
    expect(picture).to_be_visible()
    page.locator("summary", has_text="Таблица").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("9")
    page.get_by_role("link", name="Полгода").click()
    expect(picture).to_be_visible()


def draft(staff, *questions):
    """Let a teacher's drafts wait for an editor."""
    told = {"origin": "distil", "model_id": XSS, "note": f"materials/graphs.md\n\n{XSS}"}
    answer = "Очередь отдаёт первым то, что первым пришло. " * 5
    Proposals(staff.db).add_drafts(
        [Draft(question, answer, "algorithms", **told) for question in questions]
    )


@pytest.mark.parametrize("java_script", [True, False])
def test_marked_proposals_become_one_commit(colleague, staff, java_script):
    draft(staff, "Чья очередь?", f"Что такое очередь? {XSS}", "Зачем очередь?")
    page = colleague.open(
        f"/courses/{course(staff)}/proposals", BORIS, java_script_enabled=java_script, **PHONE
    )
    for question in ("Чья очередь?", "Зачем очередь?"):
        page.get_by_label(f"Выбрать «{question}»").first.check()
    page.get_by_role("button", name="Принять выбранные").click()
    expect(page.get_by_text("Сохранение обычно занимает несколько секунд.")).to_be_visible()
    assert holding(staff, "Чья очередь?") == 0
    page.goto(f"{staff.address}/courses/{course(staff)}/proposals")
    page.get_by_role("link", name="Выбрать все").click()
    page.get_by_role("button", name="Отклонить выбранные").click()
    expect(page.get_by_text("Ничего не ждёт")).to_be_visible()


def test_a_correction_of_a_taught_answer_shows_what_it_replaces(colleague, staff):
    old = Draft("Что такое обход в ширину?", "Сначала все соседи.", "algorithms", 1)
    Proposals(staff.db).add(ANNA, old)
    page = colleague.open(f"/courses/{course(staff)}/proposals", BORIS)
    expect(page.get_by_text("Заменит прежний ответ: Соседи раньше дальних.")).to_be_visible()
    page.get_by_label("Выбрать «Что такое обход в ширину?»").check()
    page.get_by_role("button", name="Отклонить выбранные").click()
    expect(page.get_by_text("Ничего не ждёт")).to_be_visible()


def tell(staff, words):
    """Let somebody want the editors of the course to see a question."""
    assert EditorQuestions(staff.db).add(ANNA, "algorithms", words, 0, 99)


@pytest.mark.parametrize("java_script", [True, False])
def test_a_question_asked_in_vain_is_answered_among_the_edits_or_dismissed(
    colleague, staff, java_script
):
    way = "со скриптом" if java_script else "без скрипта"
    asked, other = f"Кто моет дек {way}?", f"Как покрасить граф {way}?"
    tell(staff, asked)
    tell(staff, other)
    href = "/datasets/algorithms/unanswered"
    page = colleague.open(href, BORIS, java_script_enabled=java_script, **PHONE)
    # The newest is open.
    group = page.locator("details", has_text=other)
    expect(group.locator("[name=question]")).to_have_value(other)
    group.get_by_role("button", name="Отклонить вопрос").click()
    expect(page.locator("summary", has_text=other)).to_have_count(0)
    group = page.locator("details", has_text=asked)
    group.locator("[name=answer]").fill("Никто.")
    group.get_by_role("button", name="Добавить в правки").click()
    expect(page.get_by_text(asked).first).to_be_visible()
    page.goto(f"{staff.address}{href}?show=dismissed")
    page.locator("summary", has_text=other).click()
    page.get_by_role("button", name="Вернуть вопрос").first.click()
    page.goto(f"{staff.address}{href}")
    expect(page.locator("summary", has_text=other)).to_have_count(1)


def page_paths(staff):
    tell(staff, f"Где дек? {XSS}")
    draft(staff, f"Где стек? {XSS}", "Где куча?")
    change = propose(staff, "materials/new.md", None, f"# Новое {XSS}\n")
    material = Catalogue(staff.db).materials("algorithms")[0].material_id
    base = f"/courses/{course(staff)}"
    return {
        "teach": "/teach",
        "board": f"{base}/board",
        "edit": f"{base}/edit",
        "new": f"{base}/edit/materials/new",
        "material": f"{base}/edit/materials/{material}",
        "examples": "/datasets/algorithms/examples",
        "no-example": "/datasets/algorithms/examples?query=ъъъъ",
        "example": "/datasets/algorithms/examples/one?example=xss%2Fone",
        "new-example": "/datasets/algorithms/examples/new",
        "questions": f"{base}/questions",
        "proposals": f"{base}/proposals",
        "unanswered": "/datasets/algorithms/unanswered",
        "none-dismissed": "/datasets/algorithms/unanswered?show=dismissed",
        "change": f"/changes/{change}",
    }


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_fault_on_a_teachers_pages(colleague, staff, language):
    page = colleague.page(BORIS, locale=language, **DESKTOP)
    faults = {}
    for place, name, path in turns_of(page_paths(staff), language):
        page.goto(staff.address + path)
        assert page.locator("html").get_attribute("lang") == language
        page.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")
        faults |= faults_of(page, name, place)
    assert faults == {}, json.dumps(faults, ensure_ascii=False, indent=1)
