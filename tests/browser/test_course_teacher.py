"""A teacher edits a course by mouse, by keyboard and without JavaScript."""

import pytest
from playwright.sync_api import expect

from merlin.account.users import Consents
from merlin.app.consent import CONSENT_VERSION
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.course.catalogue import Catalogue
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Draft, Proposals
from tests.browser.axe_and_screenshots import require_no_faults
from tests.browser.course_browser import PHONE
from tests.browser.staff_browser import (
    ANNA,
    BORIS,
    VERA,
    XSS,
    make_example_file,
    propose_change,
)
from tests.support.pressed_wordings import add_presses
from tests.support.sample_documents import place_texts

pytestmark = pytest.mark.integration
BOT = 8


def get_course_id(staff_site):
    return staff_site.course_id("algorithms")


def edit_path(staff_site, slug="algorithms"):
    return f"/courses/{staff_site.course_id(slug)}/edit"


def find_file(staff_site, path, dataset="algorithms"):
    return next(
        file
        for file in FileIndex(staff_site.db).list_files(dataset)
        if file.path == path
    )


def expect_saving(page):
    note = page.locator("#change").get_by_text(
        "Сохранение обычно занимает несколько секунд."
    )
    expect(note).to_be_visible()


def test_new_lecture_is_previewed_saved_and_committed(staff_visitor, staff_site):
    page = staff_visitor.open(edit_path(staff_site, "neurotypology"), BORIS)
    page.get_by_role("link", name="Добавить материал").click()
    page.get_by_label("Заголовок по-русски").fill("Кучи")
    page.get_by_label("Номер").fill("9")
    page.get_by_label("Текст (Markdown)").fill(f"# Кучи\n\n**Куча** лежит. {XSS}")
    preview = page.locator("#preview")
    expect(preview.locator("strong")).to_have_text("Куча")
    expect(preview).to_contain_text("<img src=x")
    page.get_by_role("button", name="Сохранить").click()
    expect_saving(page)
    staff_site.committer.commit()
    expect(
        page.locator("#change").get_by_text("Правка сохранена в репозитории.")
    ).to_be_visible()
    assert find_file(
        staff_site, "materials/lecture-09.md", "neurotypology"
    ).text.startswith("# Кучи\n\n**Куча**")
    page.get_by_text("Отменить правку").click()
    page.get_by_role("button", name="Да, отменить").click()
    expect_saving(page)
    staff_site.committer.commit()
    expect(
        page.locator("#change").get_by_text("Правка сохранена в репозитории.")
    ).to_be_visible()
    assert "materials/lecture-09.md" not in {
        file.path for file in FileIndex(staff_site.db).list_files("neurotypology")
    }


def test_document_is_seen_saved_found_and_opened_at_its_page(staff_visitor, staff_site):
    page = staff_visitor.open(edit_path(staff_site, "neurotypology"), BORIS)
    page.get_by_role("link", name="Из документа").click()
    lines = [(50, 700 - 14 * at, f"Line {at} of the page.") for at in range(40)]
    last = [(50, 760, "Heaps", 20), (50, 700, "Zymurgy.")]
    content = place_texts(*[lines] * 8, last)
    pdf = {"name": "heaps.pdf", "mimeType": "application/pdf", "buffer": content}
    page.get_by_label("Документ").set_input_files(pdf)
    page.get_by_role("button", name="Показать его текст").click()
    expect(page.locator(".read")).to_contain_text("Zymurgy.")
    page.get_by_label("Номер").fill("9")
    page.get_by_role("button", name="Сохранить материал").click()
    expect(page.get_by_role("status")).to_contain_text("Новый материал: Лекция 9")
    staff_site.committer.commit()
    text = find_file(staff_site, "materials/lecture-09.md", "neurotypology").text
    assert text.endswith("<!-- page 9 -->\n\n# Heaps\n\nZymurgy.\n")
    page.goto(f"{staff_site.address}/?q=zymurgy")
    page.get_by_role("link", name="Heaps").click()
    page.goto(f"{page.url}#page-9")
    mark = page.get_by_text("С. 9", exact=True)
    expect(mark).to_be_in_viewport()
    expect(page.get_by_text("С. 1", exact=True)).not_to_be_in_viewport()


def test_material_is_edited_moved_and_removed_without_javascript(
    staff_visitor, staff_site
):
    page = staff_visitor.open(
        edit_path(staff_site), BORIS, java_script_enabled=False, **PHONE
    )
    page.get_by_role("link", name="Сортировки", exact=True).click()
    page.get_by_label("Заголовок по-английски").fill("Sorting it out")
    page.get_by_role("button", name="Сохранить").click()
    page.wait_for_url("**/changes/*")
    staff_site.committer.commit()
    page.reload()
    expect(
        page.locator("#change").get_by_text("Правка сохранена в репозитории.")
    ).to_be_visible()
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


def add_drafts(staff_site, *questions):
    """Add distilled drafts that wait for an editor."""
    source = {
        "origin": "distil",
        "model_id": XSS,
        "note": f"materials/graphs.md\n\n{XSS}",
    }
    answer = "Очередь отдаёт первым то, что первым пришло. " * 5
    Proposals(staff_site.db).add_drafts(
        [Draft(question, answer, "algorithms", **source) for question in questions]
    )


TAUGHT = "Что такое дек?"


def add_used_wordings(staff_site):
    """Teach two answers, and let people press them; return what three of them asked."""
    used = f"Дек это чего? {next(staff_site.numbers)} {XSS}"
    shared = "Дек или куча?"
    files = staff_site.committer.files["algorithms"]
    files["examples/deque.yaml"] = make_example_file(TAUGHT, "Очередь с двух концов.")
    files["examples/heap.yaml"] = make_example_file("Что такое куча?", "Дерево.")
    staff_site.committer.commit()
    db = staff_site.db
    add_presses(db, "algorithms", used, TAUGHT, [ANNA, BORIS, VERA])
    add_presses(db, "algorithms", "Про дек скажи", TAUGHT, [ANNA])
    add_presses(db, "algorithms", shared, TAUGHT, [ANNA])
    add_presses(db, "algorithms", shared, "Что такое куча?", [BORIS])
    return used


@pytest.mark.parametrize("has_script", [True, False])
def test_wordings_that_people_used_are_ticked_at_once(
    staff_visitor, staff_site, has_script
):
    words = add_used_wordings(staff_site)
    path = "/datasets/algorithms/proposals"
    page = staff_visitor.open(path, BORIS, java_script_enabled=has_script)
    used = page.locator("#wordings")
    expect(page.locator("#shared")).to_contain_text("Дек или куча?")
    used.get_by_label(words).check()
    used.get_by_role("button", name="Научить выбранным").click()
    page.wait_for_url("**/proposals?changed=*")
    staff_site.committer.commit()
    page.reload()
    expect(page.get_by_text(words)).to_have_count(0)
    (text,) = (
        file.text
        for file in FileIndex(staff_site.db).list_files("algorithms")
        if words in (file.text or "")
    )
    assert "Очередь с двух концов." in text


@pytest.mark.parametrize("has_script", [True, False])
def test_correction_is_changed_then_accepted_and_another_declined_with_a_reason(
    staff_visitor, staff_site, has_script
):
    rows = Proposals(staff_site.db)
    number = next(staff_site.numbers)
    texts = [(f"Где лекция {number}?", "В зале."), (f"Когда зачёт {number}?", "Зимой.")]
    first, second = (
        rows.add(ANNA, Draft(*each, "algorithms", number + place, split="test"))
        for place, each in enumerate(texts)
    )
    path = "/datasets/algorithms/proposals"
    page = staff_visitor.open(path, BORIS, java_script_enabled=has_script)
    row = page.locator(f"#proposal-{first}")
    if has_script:
        with page.expect_response(f"**/proposals/{first}/editing"):
            row.get_by_text("Изменить", exact=True).click()
        assert rows.list_editors([first]) == {first: [BORIS]}
    else:
        row.get_by_text("Изменить", exact=True).click()
    row.get_by_label("Ответ").fill("В большом зале.")
    row.get_by_text("Отклонить с причиной").click()
    row.get_by_label("Причина, для автора").press("Enter")
    expect(row.get_by_label("Ответ")).to_have_value("В большом зале.")
    row.get_by_role("button", name="Принять").click()
    expect(page.locator(f"#proposal-{first}")).to_have_count(0)
    assert rows.get(first).draft.answer == "В большом зале."
    row = page.locator(f"#proposal-{second}")
    row.get_by_text("Отклонить с причиной").click()
    row.get_by_label("Причина, для автора").fill("Нынешний ответ верен.")
    row.get_by_role("button", name="Отклонить").last.click()
    expect(page.locator(f"#proposal-{second}")).to_have_count(0)
    assert rows.get(second).state == "declined"


def add_editor_question(staff_site, question):
    """Add a refused question of a student who lets editors read it."""
    db = staff_site.db
    number = next(staff_site.numbers)
    session = Sessions(db, BOT).open(ChatPlace(ANNA, ANNA, dataset="algorithms"))
    Turns(db, BOT).ask(
        Question(session.session_id, number, ANNA, question, number), number
    )
    Turns(db, BOT).write(number, StoredAnswer("Не знаю.", known=False))
    Consents(db).give(ANNA, CONSENT_VERSION)


def list_pages(staff_site):
    add_editor_question(staff_site, f"Где дек? {XSS}")
    add_drafts(staff_site, f"Где стек? {XSS}", "Где куча?")
    add_used_wordings(staff_site)
    fields = {"turn_id": 1, "known_answer": "Соседи раньше дальних."}
    Proposals(staff_site.db).add(
        ANNA, Draft("А вширь?", "Слоями.", "algorithms", **fields)
    )
    change = propose_change(staff_site, "materials/new.md", None, f"# Новое {XSS}\n")
    material = Catalogue(staff_site.db).materials("algorithms")[0].material_id
    base = f"/courses/{get_course_id(staff_site)}"
    return {
        "teach": "/teach",
        "board": f"{base}/board",
        "edit": f"{base}/edit",
        "new": f"{base}/edit/materials/new",
        "document": f"{base}/edit/document",
        "material": f"{base}/edit/materials/{material}",
        "proposals": "/datasets/algorithms/proposals",
        "single": "/datasets/algorithms/proposals?single=true",
        "unanswered": "/datasets/algorithms/unanswered",
        "over-time": "/datasets/algorithms/over-time",
        "none-done": "/datasets/algorithms/unanswered?show=done",
        "change": f"/changes/{change}",
    }


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_violation_on_teacher_pages(staff_visitor, staff_site, language):
    pages = {name: (path, BORIS) for name, path in list_pages(staff_site).items()}
    require_no_faults(staff_visitor, pages, language)
