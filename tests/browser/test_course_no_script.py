"""U2, U4–U9, U11, favourites, signing in and asking without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.browser.course_browser import find_cards

pytestmark = pytest.mark.integration

PLAIN = {"java_script_enabled": False}


def test_courses_are_opened_searched_and_lead_to_materials(visitor):
    page = visitor.open("/", **PLAIN)
    expect(find_cards(page)).to_have_count(7)
    page.locator(".sem > summary").first.click()
    expect(find_cards(page).first).to_be_hidden()
    page.get_by_role("searchbox").fill("алгоритмов")
    page.get_by_role("searchbox").press("Enter")
    expect(find_cards(page)).to_have_count(1)
    expect(page.locator("mark").first).to_have_text("Алгоритмы")
    find_cards(page).get_by_role("link").click()
    page.get_by_role("link", name="Лекции").click()
    expect(page.locator(".rows > li")).to_have_count(4)
    page.get_by_role("link", name="Введение в алгоритмы").click()
    expect(page.get_by_role("article")).to_contain_text("Алгоритм — это конечное описание")
    page.get_by_role("link", name="Назад", exact=True).click()
    expect(page.locator(".rows > li")).to_have_count(9)
    page.get_by_role("link", name="Все курсы", exact=True).click()
    expect(find_cards(page)).to_have_count(7)


def test_question_is_asked_and_answered(visitor, course_site):
    page = visitor.open(
        f"/courses/{course_site.course_id('algorithms')}/chat", visitor.add_user(), **PLAIN
    )
    page.get_by_role("textbox", name="Вопрос").fill("Что такое граф?")
    page.get_by_role("button", name="Отправить").click()
    expect(page.locator(".msg.me")).to_have_text(["Что такое граф?"])
    expect(page.locator(".msg:not(.me)")).to_have_count(1)
    page.get_by_role("textbox", name="Вопрос").fill("А дерево?")
    page.get_by_role("button", name="Отправить").click()
    expect(page.locator(".msg")).to_have_count(4)
