"""U1–U4, U10, U18: the catalogue: opening the list, filtering, descriptions on hover."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.course_browser import PHONE, find_cards, find_menu, wait_for_address

pytestmark = pytest.mark.integration


def test_u1_u2_u18_courses_are_listed_by_semester_and_a_click_requests_them(visitor):
    page = visitor.open("/")
    expect(page.get_by_role("heading", name="ВСЕ КУРСЫ")).to_be_visible()
    expect(find_menu(page)).to_contain_text("7")
    expect(find_cards(page)).to_have_count(7)
    expect(page.get_by_role("heading", level=3)).to_have_text(
        ["1-й семестр", "2-й семестр", "3-й семестр"]
    )
    first = page.locator(".sem").first
    expect(first.locator(".card > a")).to_have_text(
        ["Алгоритмы и структуры данных", "Программирование на Python"]
    )
    expect(first.locator(".card .chip")).to_have_text(
        ["можно спросить", "модели пока нет"]
    )
    find_menu(page).click()
    expect(find_cards(page).first).to_be_hidden()
    with page.expect_response(re.compile(r"/\?q=")) as answer:
        find_menu(page).click()
    assert answer.value.ok
    expect(find_cards(page).first).to_be_visible()


def test_u3_list_opens_smoothly_or_at_once_with_reduced_motion(visitor):
    assert len(record_heights(visitor.open("/", reduced_motion="no-preference"))) > 5
    assert len(record_heights(visitor.open("/"))) <= 2


def record_heights(page):
    """Return the heights of the list while it opens; they only grow."""
    page.evaluate("document.getElementById('all').open = false")
    expect(find_cards(page).first).to_be_hidden()
    page.evaluate(WATCH_HEIGHT)
    find_menu(page).click()
    expect(find_cards(page)).to_have_count(7)
    heights = page.evaluate("window.seen.done")
    assert heights == sorted(heights)
    return heights


# The animation lasts a minute, so that a slow machine renders enough frames of it.
WATCH_HEIGHT = """() => {
  document.documentElement.style.setProperty("--slow", "60s");
  const all = document.getElementById("all");
  const heights = [];
  let still = 0;
  window.seen = {done: new Promise((resolve) => {
    const look = () => {
      const height = all.getBoundingClientRect().height;
      if (height !== heights.at(-1)) { heights.push(height); still = 0; }
      else if (all.open) still += 1;
      if (still > 20 || heights.length > 6) resolve(heights);
      else requestAnimationFrame(look);
    };
    look();
  })};
}"""


def test_u4_courses_are_filtered_while_typing(visitor):
    typed = "СТРУКТУРЫ ДАН"
    name = "Алгоритмы и структуры данных"
    page = visitor.open("/")
    page.get_by_role("searchbox", name="Найти курс").press_sequentially(typed)
    expect(find_menu(page)).to_contain_text("1 из 7")
    expect(find_cards(page)).to_have_count(1)
    expect(find_cards(page).get_by_role("link")).to_have_text(name)
    expect(page.locator("mark").first).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Найден 1 курс")).to_be_attached()
    wait_for_address(page, f"/?q={typed}")
    page.reload()
    expect(find_cards(page).get_by_role("link")).to_have_text(name)
    expect(page.get_by_role("searchbox")).to_have_value(typed)


def test_u4_late_search_response_is_dropped(visitor):
    page = visitor.open("/")
    routes = []
    page.route("**/?q=%D0%B1", lambda route: routes.extend([route]))
    search = page.get_by_role("searchbox")
    with page.expect_request("**/?q=%D0%B1"):
        search.press_sequentially("б")
    search.press_sequentially("азы")
    # The course, and two whose materials say so.
    expect(find_cards(page)).to_have_count(3)
    for route in routes:
        route.abort()
    expect(find_cards(page)).to_have_count(3)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_failed_course_request_shows_its_error_code_and_can_be_retried(visitor):
    page = visitor.open("/")
    page.route(
        "**/?q=*",
        lambda route: route.fulfill(status=503, headers={"X-Request-Id": "7f3k-case"}),
        times=1,
    )
    page.get_by_role("searchbox").fill("базы")
    expect(page.get_by_role("alert")).to_contain_text("Не удалось загрузить курсы")
    expect(page.get_by_role("alert")).to_contain_text("Код ошибки: 7f3k-case")
    page.get_by_role("button", name="Повторить").click()
    expect(find_cards(page)).to_have_count(3)


def test_u10_hover_and_focus_show_a_description_and_escape_hides_it(visitor):
    page = visitor.open("/")
    card = find_cards(page).filter(has_text="Базы данных")
    about = card.locator(".mini")
    expect(about).to_be_hidden()
    card.hover()
    expect(about).to_be_visible()
    expect(about).to_contain_text("Модель данных, SQL")
    about.hover(force=True)  # its card is one link, which lies above it
    expect(about).to_be_visible()
    page.keyboard.press("Escape")
    expect(about).to_be_hidden()
    page.mouse.move(5, 5)
    link = card.get_by_role("link")
    link.focus()
    expect(about).to_be_visible()
    described = link.get_attribute("aria-describedby")
    expect(page.locator(f"#{described}")).to_contain_text("Модель данных")


def test_u10_description_is_shown_on_the_card_on_a_phone(visitor):
    page = visitor.open("/", **PHONE)
    expect(
        find_cards(page).filter(has_text="Базы данных").locator(".mini")
    ).to_be_visible()
