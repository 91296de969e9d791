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
