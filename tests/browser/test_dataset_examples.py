"""An editor finds, changes and saves examples of a dataset, with and without JavaScript."""

import pytest
from playwright.sync_api import expect

from merlin.dataset.files import FileIndex
from tests.browser.axe_and_screenshots import require_no_faults
from tests.browser.course_browser import PHONE, expect_spoken, note_regions
from tests.browser.staff_browser import VERA, make_example_file

pytestmark = pytest.mark.integration

BASE = "/datasets/algorithms/examples"
PLAIN = {"java_script_enabled": False, **PHONE}


@pytest.fixture
def dataset(staff_site):
    """The path of the examples page of a new dataset without a course."""
    name = f"plain-{next(staff_site.numbers)}"
    files = {
        "examples/stack.yaml": make_example_file(
            "Что такое стек?", "Последний пришёл, первый ушёл.", "структуры"
        ),
        "examples/queue.yaml": make_example_file(
            "Что такое очередь?", "Первый пришёл, первый ушёл.", "структуры"
        ),
        "examples/broken.yaml": "messages: [\n",
    }
    staff_site.committer.files[name] = dict(files)
    staff_site.committer.files["empty"] = {"dataset.yaml": "system: x\n"}
    staff_site.committer.commit()
    return f"/datasets/{name}/examples"


def read_examples(staff_site, base):
    """Return id -> text of a dataset's examples."""
    files = FileIndex(staff_site.db).list_files(base.split("/")[2])
    return {
        file.example_id: file.text
        for file in files
        if file.path.startswith("examples/")
    }


def save_edit(page, staff_site, name="Сохранить"):
    """Save the open example and make the commit as the daemon does."""
    page.get_by_role("button", name=name).click()
    expect(page.get_by_text("сохраняется", exact=False).first).to_be_visible()
    staff_site.committer.commit()


def test_edit_addition_and_removal_become_a_commit_each(
    staff_visitor, staff_site, dataset
):
    commits = staff_site.committer.commits
    page = staff_visitor.open(dataset, VERA, **PLAIN)
    page.get_by_role("link", name="Что такое стек?").click()
    page.get_by_label("Ответ").fill("Стопка тарелок.")
    page.locator("#edit select").select_option("test")
    save_edit(page, staff_site)
    page.get_by_role("link", name="Что такое очередь?").click()
    save_edit(page, staff_site, "Удалить")
    page.get_by_role("link", name="Добавить пример").click()
    page.get_by_label("Вопрос").fill("Что такое куча?")
    page.get_by_label("Ответ").fill("Дерево, где родитель не меньше детей.")
    page.locator("#edit").get_by_label("Теги").fill("деревья, кучи")
    page.get_by_role("button", name="Сохранить").click()
    save_edit(page, staff_site, "Это другой вопрос, сохранить")
    page.get_by_role("link", name="Обновить").click()
    expect(page.locator(".exs")).to_contain_text("Стопка тарелок.")
    texts = read_examples(staff_site, dataset)
    assert staff_site.committer.commits == commits + 3
    assert "Стопка тарелок." in texts["stack"]
    assert "split: test" in texts["stack"]
    assert "queue" not in texts
    assert sum("родитель" in (text or "") for text in texts.values()) == 1


def test_saved_edit_is_shown_and_spoken_once_committed_in_a_list_that_was_continued(
    staff_visitor, staff_site, dataset
):
    files = staff_site.committer.files[dataset.split("/")[2]]
    for number in range(60):
        text = make_example_file(f"Что значит {number}?", f"Число {number}.")
        files[f"examples/number-{number}.yaml"] = text
    staff_site.committer.commit()
    page = staff_visitor.open(f"{dataset}/one?example=stack", VERA)
    page.get_by_label("Ответ").fill("Стопка тарелок.")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("status").filter(has_text="сохраняется")).to_be_visible()
    page.get_by_role("link", name="Показать ещё 50").click()
    expect(page.locator(".exs .ex")).to_have_count(63)
    assert "changed=" in page.url
    note_regions(page)
    staff_site.committer.commit()
    expect(page.get_by_text("сохранён", exact=True)).to_be_visible()
    expect_spoken(page, "сохранён")
    expect(page.locator(".exs .ex").first).to_contain_text("Стопка тарелок.")
    expect(page.locator(".exs .ex")).to_have_count(63)


def test_several_rows_are_tagged_marked_and_removed_in_a_commit_each(
    staff_visitor, staff_site, dataset
):
    commits = staff_site.committer.commits
    page = staff_visitor.open(f"{dataset}?tag=структуры", VERA)
    page.get_by_label("Выбрать все").check()
    expect(page.locator(".several")).to_contain_text("Выбрано: 2")
    page.get_by_placeholder("Теги").fill("основы, память")
    page.keyboard.press("Enter")
    expect(page.get_by_text("сохраняется", exact=False).first).to_be_visible()
    assert "tag=" in page.url
    staff_site.committer.commit()
    page.get_by_role("link", name="основы").first.wait_for()
    page.get_by_label("Выбрать «Что такое стек?»").check()
    save_edit(page, staff_site, "для теста")
    page.get_by_role("link", name="Обновить").or_(
        page.get_by_text("сохранён")
    ).first.wait_for()
    texts = read_examples(staff_site, dataset)
    assert all(
        "основы" in texts[each] and "память" in texts[each]
        for each in ("stack", "queue")
    )
    assert ("split: test" in texts["stack"], "split: test" in texts["queue"]) == (
        True,
        False,
    )
    page.goto(staff_site.address + dataset)
    page.get_by_label("Выбрать все").check()
    page.get_by_label("Выбрать «broken»").uncheck()
    page.locator(".several summary").click()
    expect(page.locator(".several details")).to_contain_text("Выбрано: 2")
    save_edit(page, staff_site, "Да, удалить")
    assert [*read_examples(staff_site, dataset)] == ["broken"]
    assert staff_site.committer.commits == commits + 3


def test_example_is_found_edited_and_saved_by_keyboard_alone(
    staff_visitor, staff_site, dataset
):
    page = staff_visitor.open(f"{dataset}?query=стек", VERA)
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_label("Выбрать «Что такое стек?»")).to_be_checked()
    page.keyboard.press("e")
    expect(page.get_by_label("Ответ")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Стопка.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("сохраняется", exact=False).first).to_be_visible()
    staff_site.committer.commit()
    assert "Стопка." in read_examples(staff_site, dataset)["stack"]


def test_selection_stays_while_an_example_is_opened_and_searched_for(
    staff_visitor, dataset
):
    page = staff_visitor.open(dataset, VERA)
    stack, queue = (
        page.get_by_label(f"Выбрать «Что такое {each}?»")
        for each in ("стек", "очередь")
    )
    stack.check()
    queue.focus()
    page.keyboard.press("e")
    expect(page.get_by_label("Ответ")).to_be_focused()
    expect(stack).to_be_checked()
    page.get_by_role("link", name="Закрыть").click()
    expect(stack).to_be_checked()
    expect(page.locator(".several")).to_contain_text("Выбрано: 1")
    queue.check()
    page.get_by_role("searchbox").press_sequentially("стек")
    expect(queue).to_have_count(0)
    expect(stack).to_be_checked()
    counts = page.locator("#facets .num")
    expect(counts.first).to_have_text("3")
    page.get_by_role("searchbox").fill("")
    expect(queue).to_be_checked()
    page.get_by_role("button", name="Снять выбор").click()
    page.reload()
    expect(stack).not_to_be_checked()
    expect(queue).not_to_be_checked()


def test_unsaved_text_is_not_left_without_a_question(
    staff_visitor, staff_site, dataset
):
    """The browser asks on a link and on a search; not when nothing is typed or it is sent."""
    page = staff_visitor.open(f"{dataset}/one?example=stack", VERA)
    answer = page.get_by_label("Ответ")
    for asked in (0, 1):
        answer.press_sequentially("Стопка. " * asked)
        page.get_by_role("link", name="Закрыть").click()
        page.get_by_role("link", name="Что такое стек?").click()
        assert staff_visitor.asked == asked
    answer.press_sequentially("Стопка. ")
    page.get_by_role("searchbox").press_sequentially("стек")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("link", name="Что такое стек?").click()
    answer.press_sequentially("Стопка. ")
    save_edit(page, staff_site)
    assert staff_visitor.asked == 2
    assert "Стопка." in read_examples(staff_site, dataset)["stack"]


@pytest.mark.parametrize(
    ("path", "label"),
    [
        (f"{BASE}/new", "Вопрос"),
        ("/courses/{}/edit", "Название по-русски"),
        ("/courses/{}/edit/materials/new", "Текст (Markdown)"),
        ("/datasets/algorithms/unanswered", "Ответ"),
    ],
)
def test_every_form_of_an_editor_asks_before_its_text_is_lost(
    staff_visitor, staff_site, path, label
):
    page = staff_visitor.open(path.format(staff_site.course_id("algorithms")), VERA)
    page.reload()
    assert not staff_visitor.asked
    for fold in page.locator("details.fold summary").all():
        fold.click()
    page.get_by_label(label).first.press_sequentially("Слова")
    page.reload()
    assert staff_visitor.asked == 1


def test_expired_sign_in_while_writing_loses_no_text(staff_visitor, dataset):
    page = staff_visitor.open(f"{dataset}/new", VERA)
    page.get_by_label("Вопрос").fill("Что такое лес?")
    page.get_by_label("Ответ").fill("Много деревьев.")
    (cookie,) = [
        cookie for cookie in page.context.cookies() if cookie["name"] == "merlin"
    ]
    page.context.clear_cookies(name="merlin")
    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_role("heading", name="Войдите ещё раз")).to_be_visible()
    link = page.get_by_role("link", name="Войти в новой вкладке")
    expect(link).to_have_attribute("target", "_blank")
    page.context.add_cookies([cookie])
    page.reload()
    expect(page.get_by_text("сохраняется", exact=False).first).to_be_visible()


def list_pages(dataset):
    return {
        "examples-list": BASE,
        "examples-one": f"{BASE}/one?example=xss%2Fone",
        "examples-new": f"{BASE}/new",
        "examples-nothing": f"{BASE}?query=ъъъъ",
        "examples-plain": dataset,
        "examples-empty": "/datasets/empty/examples",
        "import": dataset.replace("/examples", "/import"),
    }


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_violation_on_example_pages(staff_visitor, dataset, language):
    pages = {name: (path, VERA) for name, path in list_pages(dataset).items()}
    require_no_faults(staff_visitor, pages, language)
