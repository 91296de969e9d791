"""U1–U17 by keyboard alone; U2, U4–U7 and U11 without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.browser.course_browser import (
    PHONE,
    find_cards,
    find_sidebar,
    wait_for_address,
    wait_until_loaded,
)

pytestmark = pytest.mark.integration

FOCUS = """() => {
  const it = document.activeElement;
  const name = it.getAttribute("aria-label") ?? it.labels?.[0]?.innerText ?? it.innerText;
  return name.trim().replaceAll("\u00a0", " ");
}"""


def tab_to(page, wanted, limit=40):
    """Press Tab until the focused element has this text in its name; return all names."""
    names = []
    for _ in range(limit):
        page.keyboard.press("Tab")
        name = page.evaluate(FOCUS)
        names.append(name)
        if wanted in name:
            return names
    raise AssertionError(f"{wanted!r} is not reached: {names}")


def tab_and_press(page, wanted, key="Enter"):
    tab_to(page, wanted)
    page.keyboard.press(key)


def test_catalogue_and_materials_are_reachable_by_keyboard(visitor, course_site):
    anna = visitor.add_user()
    page = wait_until_loaded(visitor.open("/", anna))
    assert tab_to(page, "К содержимому") == ["К содержимому"]
    names = tab_to(page, "ВСЕ КУРСЫ")
    assert names == [
        *("Merlin, на главную", "Курсы", "EN\nEnglish version", "Включить тёмную тему"),
        *("Мой кабинет: Анна", "Найти курс"),
        "ВСЕ КУРСЫ\n7",
    ]
    tab_and_press(page, "Добавить «Базы данных»", "Space")
    expect(find_sidebar(page).get_by_role("link")).to_have_text(["Базы данных"])
    expect(page.locator("#toast")).to_contain_text("добавлен в «Мои курсы»")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Базы данных")
    tab_and_press(page, "Лекции")
    wait_for_address(
        page, f"/courses/{course_site.course_id('databases')}?type=lecture"
    )
    tab_and_press(page, "Введение")
    expect(page.get_by_role("heading", level=1)).to_have_text("Введение")
    tab_and_press(page, "Назад")
    expect(page.locator(".rows > li")).to_have_count(1)
    tab_and_press(page, "Убрать «Базы данных»", "Space")
    expect(page.locator("#toast")).to_contain_text("» убран из «Моих курсов»")


def test_menu_of_a_phone_holds_language_and_theme(visitor):
    page = visitor.open("/", visitor.add_user(), **PHONE)
    dark = page.get_by_role("link", name="Включить тёмную тему")
    expect(dark).to_be_hidden()
    tab_and_press(page, "Меню")
    expect(page.get_by_role("link", name="English version")).to_be_visible()
    tab_and_press(page, "Включить тёмную тему")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("Escape")
    expect(dark).to_be_hidden()
    expect(page.get_by_role("button", name="Меню")).to_be_focused()


def test_courses_are_opened_searched_and_lead_to_materials(visitor):
    page = visitor.open("/", java_script_enabled=False)
    expect(find_cards(page)).to_have_count(7)
    page.locator(".sem > summary").first.click()
    expect(find_cards(page).first).to_be_hidden()
    page.get_by_role("searchbox").fill("алгоритмов")
    page.get_by_role("searchbox").press("Enter")
    # The course, and one whose lecture says so.
    expect(find_cards(page)).to_have_count(2)
    expect(page.locator("mark").first).to_have_text("Алгоритмы")
    find_cards(page).first.get_by_role("link").first.click()
    page.get_by_role("link", name="Лекции").click()
    expect(page.locator(".rows > li")).to_have_count(4)
    page.get_by_role("link", name="Введение в алгоритмы").click()
    expect(page.get_by_role("article")).to_contain_text(
        "Алгоритм — это конечное описание"
    )
    page.get_by_role("link", name="Назад", exact=True).click()
    expect(page.locator(".rows > li")).to_have_count(9)
    page.get_by_role("link", name="Все курсы", exact=True).click()
    expect(find_cards(page)).to_have_count(7)
