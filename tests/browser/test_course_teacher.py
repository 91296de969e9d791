"""A teacher edits a course by mouse, by keyboard and without JavaScript."""

import re

import pytest
import yaml
from playwright.sync_api import expect

from merlin.api.rest.teaching import MAX_CHARACTERS
from merlin.chat.feedback import EditorQuestions
from merlin.course.catalogue import Catalogue
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Draft, Proposals
from tests.browser.axe_and_screenshots import require_no_faults
from tests.browser.course_browser import DESKTOP, PHONE, expect_spoken, note_regions
from tests.browser.staff_browser import ANNA, BORIS, VERA, XSS, propose_change

pytestmark = pytest.mark.integration


def get_course_id(staff_site):
    return staff_site.course_id("algorithms")


def edit_path(staff_site, slug="algorithms"):
    return f"/courses/{staff_site.course_id(slug)}/edit"


def find_file(staff_site, path, dataset="algorithms"):
    return next(file for file in FileIndex(staff_site.db).list_files(dataset) if file.path == path)


def expect_saving(page):
    note = page.locator("#change").get_by_text("Сохранение обычно занимает несколько секунд.")
    expect(note).to_be_visible()


def count_files_with(staff_site, text, dataset="algorithms"):
    """Return how many files in folders of a dataset contain this text."""
    files = FileIndex(staff_site.db).list_files(dataset)
    return sum(text in (file.text or "") for file in files if "/" in file.path)


def commit_change(staff_site, dataset, path, before, after):
    """Commit a change of a file by somebody else."""
    files = staff_site.committer.files[dataset]
    assert before in files[path]
    files[path] = files[path].replace(before, after)
    staff_site.committer.commit()


def commit_no_materials(staff_site, dataset):
    """Commit the removal of all materials of a course by somebody else."""
    files = staff_site.committer.files[dataset]
    card = {**yaml.safe_load(files["course.yaml"]), "materials": []}
    files["course.yaml"] = yaml.safe_dump(card, allow_unicode=True)
    staff_site.committer.commit()


def test_new_lecture_is_checked_saved_and_committed(staff_visitor, staff_site):
    page = staff_visitor.open(edit_path(staff_site, "neurotypology"), BORIS)
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
    expect_saving(page)
    staff_site.committer.commit()
    expect(page.locator("#change").get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    assert find_file(staff_site, "materials/lecture-09.md", "neurotypology").text.startswith(
        "# Кучи\n\n**Куча**"
    )
    page.get_by_text("Отменить правку").click()
    page.get_by_role("button", name="Да, отменить").click()
    expect_saving(page)
    staff_site.committer.commit()
    expect(page.locator("#change").get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    assert "materials/lecture-09.md" not in {
        file.path for file in FileIndex(staff_site.db).list_files("neurotypology")
    }


def test_material_is_edited_moved_and_removed_without_javascript(staff_visitor, staff_site):
    page = staff_visitor.open(edit_path(staff_site), BORIS, java_script_enabled=False, **PHONE)
    page.get_by_role("link", name="Сортировки", exact=True).click()
    page.get_by_label("Заголовок по-английски").fill("Sorting it out")
    page.get_by_role("button", name="Проверить").click()
    expect(page.get_by_role("region", name="Изменения в course.yaml")).to_contain_text(
        "Sorting it out"
    )
    page.get_by_role("button", name="Сохранить").click()
    page.wait_for_url("**/changes/*")
    staff_site.committer.commit()
    page.reload()
    expect(page.locator("#change").get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    page.goto(staff_site.address + edit_path(staff_site))
    before = page.locator(".edits .what").all_inner_texts()
    page.get_by_role("button", name="Ниже: «Введение в алгоритмы»").click()
    expect(page.get_by_role("link", name="Правка материала")).to_be_visible()
    after = page.locator(".edits .what").all_inner_texts()
    assert after[:2] == [before[1], before[0]]
    staff_site.committer.commit()
    page.goto(staff_site.address + edit_path(staff_site))
    row = page.locator(".edits li").filter(has_text="Практика: графы")
    row.get_by_text("Удалить", exact=True).click()
    row.get_by_role("button", name="Да, удалить").click()
    page.get_by_role("button", name="Отозвать правку").click()
    expect(page.get_by_text("Правка не сохранена.")).to_be_visible()
    page.goto(staff_site.address + edit_path(staff_site))
    expect(page.get_by_role("link", name="Практика: графы")).to_be_visible()


def test_forced_colours_underline_what_is_chosen_and_nothing_else(staff_visitor, staff_site):
    view = {**DESKTOP, "forced_colors": "active"}
    page = staff_visitor.open(f"{edit_path(staff_site).rpartition('/')[0]}/board", BORIS, **view)
    links = page.locator("header nav a, .rooms a, .seg a")
    chosen = links.evaluate_all("all => all.filter(a => a.ariaCurrent).map(a => a.pathname)")
    line = "getComputedStyle(a).textDecorationLine"
    lined = links.evaluate_all(f"all => all.filter(a => {line} != 'none').map(a => a.pathname)")
    assert lined == chosen
    assert len(chosen) == 3
    edges = links.evaluate_all("all => all.map(a => getComputedStyle(a).borderBottomWidth)")
    assert set(edges) == {"0px"}


def test_fields_of_a_material_are_in_one_line_on_a_tablet(staff_visitor, staff_site):
    viewport = {"viewport": {"width": 768, "height": 1000}}
    page = staff_visitor.open(f"{edit_path(staff_site)}/materials/new", BORIS, **viewport)
    boxes = [field.bounding_box() for field in page.locator(".fields :is(input, select)").all()]
    assert len(boxes) == 4
    assert len({round(box["y"]) for box in boxes}) == 1
    labels = [label.bounding_box() for label in page.locator(".fields label").all()]
    assert len({round(box["height"]) for box in labels}) == 1, "none takes two lines"


def test_longest_allowed_lecture_is_accepted(staff_visitor, staff_site):
    page = staff_visitor.open(f"{edit_path(staff_site)}/materials/new", BORIS)
    page.get_by_label("Заголовок по-русски").fill("Длинная лекция")
    page.get_by_label("Номер").fill("77")
    line = "Слово за словом, и лекция длинна.\n"
    text = line * (MAX_CHARACTERS // len(line) - 1)
    # Set by script: typing so much takes a browser half a minute.
    page.evaluate("(text) => { document.querySelector('[name=text]').value = text; }", text)
    page.get_by_role("button", name="Сохранить").click()
    page.get_by_role("button", name="Отозвать правку").click()
    expect(page.get_by_text("Правка не сохранена.")).to_be_visible()


def test_missing_title_is_reported_and_typed_text_is_kept(staff_visitor, staff_site):
    page = staff_visitor.open(f"{edit_path(staff_site)}/materials/new", BORIS)
    page.get_by_label("Текст (Markdown)").fill("Слова")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("alert")).to_have_text("Назовите материал хотя бы на одном языке.")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Текст (Markdown)")).to_have_value("Слова")


# A browser that keeps the page of a form that failed shows it again as it was.
GO_BACK = "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"


def test_text_that_failed_to_save_is_there_after_going_back(staff_visitor, staff_site):
    page = staff_visitor.open(edit_path(staff_site, "neurotypology") + "/materials/new", BORIS)
    page.get_by_label("Текст (Markdown)").fill("Набранный текст")
    page.route("**/edit/materials", lambda route: route.fulfill(status=204))
    check = page.get_by_role("button", name="Проверить")
    check.click()
    expect(check).to_be_disabled()
    page.evaluate(GO_BACK)
    expect(check).to_be_enabled()
    expect(page.get_by_label("Текст (Markdown)")).to_have_value("Набранный текст")
    page.get_by_label("Текст (Markdown)").fill("")
    with page.expect_navigation():
        page.evaluate(GO_BACK)


def test_conflict_shows_both_texts_and_own_text_can_win(staff_visitor, staff_site):
    path = "materials/seminar-01.md"
    before = find_file(staff_site, path)
    change = propose_change(staff_site, path, before.blob, "# Моё\n")
    staff_site.committer.files["algorithms"][path] = f"# Их {XSS}\n"
    page = staff_visitor.open(f"/changes/{change}", BORIS)
    expect_saving(page)
    note_regions(page)
    staff_site.committer.commit()
    expect(page.get_by_role("region", name="Ваш вариант")).to_have_text("# Моё\n")
    expect_spoken(page, "тем временем изменила другая правка")
    expect(page.get_by_role("region", name="Нынешний вариант")).to_have_text(f"# Их {XSS}\n")
    page.get_by_role("button", name="Сохранить мой вариант").click()
    expect_saving(page)
    staff_site.committer.commit()
    expect(page.locator("#change").get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    assert find_file(staff_site, path).text == "# Моё\n"


def test_edit_of_a_text_changed_meanwhile_is_kept(staff_visitor, staff_site):
    path = "materials/lecture-04.md"
    page = staff_visitor.open(edit_path(staff_site), BORIS)
    page.get_by_role("link", name="Графы и обходы").click()
    page.get_by_label("Текст (Markdown)").fill("# Мои графы\n")
    staff_site.committer.files["algorithms"][path] = "# Их графы\n"
    staff_site.committer.commit()
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("alert")).to_contain_text("изменила другая правка")
    expect(page.get_by_role("region", name="Нынешний вариант")).to_have_text("# Их графы\n")
    expect(page.get_by_role("textbox", name="Текст (Markdown)")).to_have_value("# Мои графы\n")
    page.get_by_role("button", name="Сохранить мой вариант").click()
    expect_saving(page)
    staff_site.committer.commit()
    expect(page.locator("#change").get_by_text("Правка сохранена в репозитории.")).to_be_visible()
    assert find_file(staff_site, path).text == "# Мои графы\n"


def test_conflicting_card_edit_keeps_the_input_and_shows_both_versions(staff_visitor, staff_site):
    page = staff_visitor.open(edit_path(staff_site, "python"), VERA)
    page.locator("summary", has_text="Карточка курса").click()
    page.get_by_label("Описание по-русски").fill("Моё описание")
    commit_change(staff_site, "python", "course.yaml", "Программирование на Python", "Питон")
    page.get_by_role("button", name="Сохранить карточку").click()
    expect(page.get_by_role("alert")).to_contain_text(
        "Пока вы правили, курс изменила другая правка. Ничего не сохранено; ваш вариант в форме"
    )
    expect(page.get_by_role("textbox", name="Описание по-русски")).to_have_value("Моё описание")
    mine = page.get_by_role("region", name="Ваш вариант: Название по-русски")
    theirs = page.get_by_role("region", name="Нынешний вариант: Название по-русски")
    expect(mine).to_have_text("Программирование на Python")
    expect(theirs.locator("mark")).to_have_text("Питон")
    page.get_by_role("textbox", name="Название по-русски").fill("Питон")
    page.get_by_role("button", name="Сохранить мой вариант").click()
    expect(page.get_by_role("link", name="Правка карточки курса")).to_be_visible()
    staff_site.committer.commit()
    card = find_file(staff_site, "course.yaml", "python").text
    assert "Моё описание" in card
    assert "Питон" in card


def test_edit_of_a_removed_material_is_saved_as_a_new_one(staff_visitor, staff_site):
    page = staff_visitor.open(edit_path(staff_site, "statistics"), VERA)
    page.locator(".edits .what a").first.click()
    page.get_by_label("Текст (Markdown)").fill("# Моё\n\nСлова, которых нигде больше нет.")
    commit_no_materials(staff_site, "statistics")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("alert")).to_contain_text("удалила другая правка")
    expect(page.get_by_label("Текст (Markdown)")).to_have_value(re.compile("нигде больше нет"))
    page.get_by_role("button", name="Сохранить").click()
    expect_saving(page)


def test_card_is_edited_by_keyboard_alone(staff_visitor, staff_site):
    page = staff_visitor.open(edit_path(staff_site), BORIS)
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
    expect(page.get_by_role("link", name="Правка карточки курса")).to_be_visible()
    staff_site.committer.commit()
    expect(page.get_by_text("сохранена")).to_be_visible()
    assert "New words" in find_file(staff_site, "course.yaml").text


def test_question_statistics_are_shown_as_a_chart_and_a_table(staff_visitor, staff_site):
    page = staff_visitor.open(f"/courses/{get_course_id(staff_site)}/questions", BORIS)
    picture = page.get_by_role("img", name="Вопросы")
    expect(picture).to_be_visible()
    page.locator("summary", has_text="Таблица").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("9")
    page.get_by_role("link", name="Полгода").click()
    expect(picture).to_be_visible()


def add_drafts(staff_site, *questions):
    """Add distilled drafts that wait for an editor."""
    source = {"origin": "distil", "model_id": XSS, "note": f"materials/graphs.md\n\n{XSS}"}
    answer = "Очередь отдаёт первым то, что первым пришло. " * 5
    Proposals(staff_site.db).add_drafts(
        [Draft(question, answer, "algorithms", **source) for question in questions]
    )


def test_selected_proposals_become_one_commit(staff_visitor, staff_site):
    add_drafts(staff_site, "Чья очередь?", f"Что такое очередь? {XSS}", "Зачем очередь?")
    page = staff_visitor.open(
        "/datasets/algorithms/proposals",
        BORIS,
        java_script_enabled=False,
        **PHONE,
    )
    for question in ("Чья очередь?", "Зачем очередь?"):
        page.get_by_label(f"Выбрать «{question}»").first.check()
    page.get_by_role("button", name="Принять выбранные").click()
    expect_saving(page)
    assert count_files_with(staff_site, "Чья очередь?") == 0
    page.goto(f"{staff_site.address}/datasets/algorithms/proposals")
    page.get_by_role("link", name="Выбрать все").click()
    page.get_by_role("button", name="Отклонить выбранные").click()
    expect(page.get_by_text("Ничего не ждёт")).to_be_visible()


def test_correction_of_a_trained_answer_shows_what_it_replaces(staff_visitor, staff_site):
    draft = Draft("Что такое обход в ширину?", "Сначала все соседи.", "algorithms", 1)
    Proposals(staff_site.db).add(ANNA, draft)
    page = staff_visitor.open("/datasets/algorithms/proposals", BORIS)
    expect(page.get_by_text("Заменит прежний ответ: Соседи раньше дальних.")).to_be_visible()
    page.get_by_label("Выбрать «Что такое обход в ширину?»").check()
    page.get_by_role("button", name="Отклонить выбранные").click()
    expect(page.get_by_text("Ничего не ждёт")).to_be_visible()


def add_editor_question(staff_site, question):
    """Add a question that a student sent to the editors of the course."""
    assert EditorQuestions(staff_site.db).add(ANNA, "algorithms", question, 0, 99)


def test_unanswered_question_becomes_a_draft_or_is_dismissed(staff_visitor, staff_site):
    question, other = "Кто моет дек?", "Как покрасить граф?"
    add_editor_question(staff_site, question)
    add_editor_question(staff_site, other)
    path = "/datasets/algorithms/unanswered"
    page = staff_visitor.open(path, BORIS, **PHONE)
    # The newest is open.
    group = page.locator("details", has_text=other)
    expect(group.locator("[name=question]")).to_have_value(other)
    group.get_by_role("button", name="Отклонить вопрос").click()
    expect(page.locator("summary", has_text=other)).to_have_count(0)
    group = page.locator("details", has_text=question)
    group.locator("[name=answer]").fill("Никто.")
    group.get_by_role("button", name="Добавить в правки").click()
    expect(page.get_by_text(question).first).to_be_visible()
    page.goto(f"{staff_site.address}{path}?show=dismissed")
    page.locator("summary", has_text=other).click()
    page.get_by_role("button", name="Вернуть вопрос").first.click()
    page.goto(f"{staff_site.address}{path}")
    expect(page.locator("summary", has_text=other)).to_have_count(1)


def list_pages(staff_site):
    add_editor_question(staff_site, f"Где дек? {XSS}")
    add_drafts(staff_site, f"Где стек? {XSS}", "Где куча?")
    change = propose_change(staff_site, "materials/new.md", None, f"# Новое {XSS}\n")
    material = Catalogue(staff_site.db).materials("algorithms")[0].material_id
    base = f"/courses/{get_course_id(staff_site)}"
    return {
        "teach": "/teach",
        "board": f"{base}/board",
        "edit": f"{base}/edit",
        "new": f"{base}/edit/materials/new",
        "material": f"{base}/edit/materials/{material}",
        "questions": f"{base}/questions",
        "proposals": "/datasets/algorithms/proposals",
        "unanswered": "/datasets/algorithms/unanswered",
        "none-dismissed": "/datasets/algorithms/unanswered?show=dismissed",
        "change": f"/changes/{change}",
    }


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_violation_on_teacher_pages(staff_visitor, staff_site, language):
    page = staff_visitor.page(BORIS, locale=language, **DESKTOP)
    require_no_faults(page, staff_site.address, list_pages(staff_site), language)
