"""U8, U9, U12–U17: adding and removing favourites, the sidebar and its messages."""

import json
import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from tests.browser.course_browser import (
    PHONE,
    find_cards,
    find_sidebar,
    stop_timers,
    wait_for_address,
    wait_until_loaded,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

NETWORKS = "Компьютерные сети"


def find_star(page, name):
    return find_cards(page).filter(has_text=name).get_by_role("button")


def record_calls(page):
    """Return a list that grows with each request to the API of favourites."""
    calls: list[tuple] = []
    page.on(
        "request",
        lambda request: (
            calls.append(
                (request.method, request.url.partition("/api/")[2], request.post_data)
            )
            if "/api/user/courses" in request.url
            else None
        ),
    )
    return calls


def find_toast(page):
    return page.locator("#toast")


def test_u8_u9_u12_u13_u14_plus_adds_a_course_to_the_sidebar_without_reloading(
    visitor, course_site
):
    anna = visitor.add_user()
    page = stop_timers(wait_until_loaded(visitor.open("/", anna, is_new=True)))
    calls = record_calls(page)
    page.evaluate("window.isTheSame = true")
    expect(
        page.get_by_text("Нажмите «+» у курса, и он появится здесь.")
    ).to_be_visible()
    with page.expect_response("**/api/user/courses") as response:
        find_star(page, NETWORKS).click()
    course_id = course_site.course_id("networks")
    assert response.value.status == 201
    assert [(method, path, json.loads(body)) for method, path, body in calls] == [
        ("POST", "user/courses", {"course_id": course_id})
    ]
    expect(find_star(page, NETWORKS)).to_have_attribute("aria-pressed", "true")
    expect(find_star(page, NETWORKS)).to_have_accessible_name(
        f"Убрать «{NETWORKS}» из «Моих курсов»"
    )
    expect(find_sidebar(page).get_by_role("link")).to_have_text([NETWORKS])
    expect(find_toast(page)).to_have_text(f"Курс «{NETWORKS}» добавлен в «Мои курсы».")
    assert page.evaluate("window.isTheSame")
    assert course_site.favourite_ids(anna) == [course_id]
    find_sidebar(page).get_by_role("link").click()
    wait_for_address(page, f"/courses/{course_id}")


def test_u15_u16_u17_favourites_are_requested_and_minus_removes_and_undo_restores_one(
    visitor, course_site
):
    anna = visitor.add_user()
    for slug in ("algorithms", "networks"):
        course_site.add_favourite(anna, course_site.course_id(slug))
    page = visitor.page(anna, is_new=True)
    with page.expect_response("**/api/user/courses") as response:
        page.goto(course_site.address + "/")
    assert (response.value.request.method, response.value.status) == ("GET", 200)
    stop_timers(wait_until_loaded(page))
    expect(find_sidebar(page).get_by_role("link")).to_have_count(2)
    expect(find_star(page, NETWORKS)).to_have_attribute("aria-pressed", "true")
    calls = record_calls(page)
    with page.expect_response(re.compile("/api/user/courses/")) as response:
        find_sidebar(page).get_by_role("button", name=f"Убрать «{NETWORKS}»").click()
    course_id = course_site.course_id("networks")
    assert response.value.status == 204
    assert calls == [("DELETE", f"user/courses/{course_id}", None)]
    expect(find_sidebar(page).get_by_role("link")).to_have_text(
        ["Алгоритмы и структуры данных"]
    )
    expect(find_toast(page)).to_contain_text(
        f"Курс «{NETWORKS}» убран из «Моих курсов»."
    )
    expect(find_star(page, NETWORKS)).to_have_attribute("aria-pressed", "false")
    assert course_site.favourite_ids(anna) == [course_site.course_id("algorithms")]
    expect(find_sidebar(page).get_by_role("button")).to_be_focused()
    with page.expect_response("**/api/user/courses"):
        page.get_by_role("button", name="Вернуть").click()
    expect(find_sidebar(page).get_by_role("link")).to_have_count(2)
    assert course_id in course_site.favourite_ids(anna)


def test_failed_favourite_is_reverted_with_a_message(visitor, course_site):
    anna = visitor.add_user()
    page = wait_until_loaded(visitor.open("/", anna))
    page.route("**/api/user/courses", lambda route: route.abort())
    find_star(page, NETWORKS).click()
    expect(find_toast(page)).to_contain_text("Не получилось: нет связи")
    expect(find_star(page, NETWORKS)).to_have_attribute("aria-pressed", "false")
    expect(find_sidebar(page).get_by_role("link")).to_have_count(0)


def test_last_of_several_quick_presses_wins(visitor, course_site):
    anna = visitor.add_user()
    page = wait_until_loaded(visitor.open("/", anna))
    responses = []

    def is_fifth(response):
        responses.append(response) if "/api/user/courses" in response.url else None
        return len(responses) == 5

    # Each press undoes the one before; wait for the fifth response.
    with page.expect_response(is_fifth):
        for _ in range(5):
            find_star(page, NETWORKS).click()
    expect(find_star(page, NETWORKS)).to_have_attribute("aria-pressed", "true")
    assert course_site.favourite_ids(anna) == [course_site.course_id("networks")]


def test_favourite_of_a_stranger_leads_to_the_sign_in_page_and_back(visitor):
    page = wait_until_loaded(visitor.open("/?q=сети", is_new=True))
    find_star(page, NETWORKS).click()
    expect(page.get_by_role("heading", name="Вход")).to_be_visible()
    next_address = page.locator("input[name=next]").first.get_attribute("value")
    assert unquote(next_address) == "/?q=сети"


def test_favourites_work_by_touch_on_a_phone(visitor, course_site):
    anna = visitor.add_user()
    page = wait_until_loaded(visitor.open("/", anna, **PHONE))
    find_star(page, NETWORKS).tap()
    expect(find_sidebar(page).get_by_role("link")).to_have_text([NETWORKS])
    area = find_star(page, NETWORKS).evaluate(
        "(it) => getComputedStyle(it, '::after').inset + ' ' + it.offsetWidth"
    )
    assert area == "-5px 36"
    find_sidebar(page).get_by_role("button").tap()
    expect(find_sidebar(page).get_by_role("link")).to_have_count(0)
    wait_until(lambda: course_site.favourite_ids(anna) == [])
