"""U8, U9, U12–U17: «+», «✔» and «−», the Sider and its messages."""

from __future__ import annotations

import json
import re

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


def star(page, name):
    return find_cards(page).filter(has_text=name).get_by_role("button")


def calls_of(page):
    """Return a list that grows with each call of the Sider's api."""
    calls: list[tuple] = []
    page.on(
        "request",
        lambda call: (
            calls.append((call.method, call.url.partition("/api/")[2], call.post_data))
            if "/api/user/courses" in call.url
            else None
        ),
    )
    return calls


def message(page):
    return page.locator("#toast")


def test_u8_u9_u12_u13_u14_plus_adds_a_course_to_the_sider_without_a_reload(visitor, courses):
    anna = visitor.add_user()
    page = stop_timers(wait_until_loaded(visitor.open("/", anna)))
    calls = calls_of(page)
    page.evaluate("window.isTheSame = true")
    expect(page.get_by_text("Нажмите «+» у курса, и он появится здесь.")).to_be_visible()
    with page.expect_response("**/api/user/courses") as answer:
        star(page, NETWORKS).click()
    number = courses.course_id("networks")
    assert answer.value.status == 201
    assert [(method, path, json.loads(body)) for method, path, body in calls] == [
        ("POST", "user/courses", {"course_id": number})
    ]
    expect(star(page, NETWORKS)).to_have_attribute("aria-pressed", "true")
    expect(star(page, NETWORKS)).to_have_accessible_name(f"Убрать «{NETWORKS}» из «Моих курсов»")
    expect(find_sidebar(page).get_by_role("link")).to_have_text([NETWORKS])
    expect(message(page)).to_have_text(f"Курс «{NETWORKS}» добавлен в «Мои курсы».")
    assert page.evaluate("window.isTheSame")
    assert courses.favourite_ids(anna) == [number]
    find_sidebar(page).get_by_role("link").click()
    wait_for_address(page, f"/courses/{number}")


def test_u15_u16_minus_takes_it_away_and_undo_brings_it_back(visitor, courses):
    anna = visitor.add_user()
    for slug in ("algorithms", "networks"):
        courses.add_favourite(anna, courses.course_id(slug))
    page = stop_timers(wait_until_loaded(visitor.open("/", anna)))
    calls = calls_of(page)
    with page.expect_response(re.compile("/api/user/courses/")) as answer:
        find_sidebar(page).get_by_role("button", name=f"Убрать «{NETWORKS}»").click()
    number = courses.course_id("networks")
    assert answer.value.status == 204
    assert calls == [("DELETE", f"user/courses/{number}", None)]
    expect(find_sidebar(page).get_by_role("link")).to_have_text(["Алгоритмы и структуры данных"])
    expect(message(page)).to_contain_text(f"Курс «{NETWORKS}» убран из «Моих курсов».")
    expect(star(page, NETWORKS)).to_have_attribute("aria-pressed", "false")
    assert courses.favourite_ids(anna) == [courses.course_id("algorithms")]
    expect(find_sidebar(page).get_by_role("button")).to_be_focused()
    with page.expect_response("**/api/user/courses"):
        page.get_by_role("button", name="Вернуть").click()
    expect(find_sidebar(page).get_by_role("link")).to_have_count(2)
    assert number in courses.favourite_ids(anna)


def test_u17_favourites_are_asked_for_on_page_load(visitor, courses):
    anna = visitor.add_user()
    courses.add_favourite(anna, courses.course_id("algorithms"))
    page = visitor.page(anna)
    with page.expect_response("**/api/user/courses") as answer:
        page.goto(courses.address + "/")
    assert (answer.value.request.method, answer.value.status) == ("GET", 200)
    expect(find_sidebar(page).get_by_role("link")).to_have_text(["Алгоритмы и структуры данных"])
    page.locator("#all > summary").click()
    expect(star(page, "Алгоритмы")).to_have_attribute("aria-pressed", "true")


def test_the_course_that_is_open_stands_out_in_the_sider(visitor, courses):
    anna = visitor.add_user()
    number = courses.course_id("algorithms")
    courses.add_favourite(anna, number)
    page = wait_until_loaded(visitor.open(f"/courses/{number}", anna))
    expect(find_sidebar(page).get_by_role("link")).to_have_attribute("aria-current", "page")


def test_what_the_server_refuses_goes_back_and_is_told(visitor, courses):
    anna = visitor.add_user()
    page = wait_until_loaded(visitor.open("/", anna))
    page.route("**/api/user/courses", lambda route: route.abort())
    star(page, NETWORKS).click()
    expect(message(page)).to_contain_text("Не получилось сохранить")
    expect(star(page, NETWORKS)).to_have_attribute("aria-pressed", "false")
    expect(find_sidebar(page).get_by_role("link")).to_have_count(0)


def test_quick_presses_end_as_the_last_one_said(visitor, courses):
    anna = visitor.add_user()
    page = wait_until_loaded(visitor.open("/", anna))
    answers = []

    def is_fifth(answer):
        answers.append(answer) if "/api/user/courses" in answer.url else None
        return len(answers) == 5

    # Each undoes the one before; the last answer is the fifth.
    with page.expect_response(is_fifth):
        for _ in range(5):
            star(page, NETWORKS).click()
    expect(star(page, NETWORKS)).to_have_attribute("aria-pressed", "true")
    assert courses.favourite_ids(anna) == [courses.course_id("networks")]


def test_who_is_not_signed_in_is_asked_to_and_comes_back_with_the_course(visitor, courses):
    page = stop_timers(wait_until_loaded(visitor.open("/?q=сети")))
    star(page, NETWORKS).click()
    expect(message(page)).to_contain_text("добавлен в этом браузере")
    expect(find_sidebar(page).get_by_role("link")).to_have_text([NETWORKS])
    message(page).get_by_role("button", name="Войти").click()
    expect(page.get_by_role("heading", name="Вход")).to_be_visible()
    anna = visitor.add_user()
    with courses.browser_client(anna) as client:
        cookie = {"name": "merlin", "value": client.cookies["merlin"], "url": courses.address}
    page.context.add_cookies([cookie])
    page.reload()
    wait_for_address(page, "/?q=сети")
    expect(find_sidebar(page).get_by_role("link")).to_have_text([NETWORKS])
    expect(message(page)).to_contain_text("добавлен в «Мои курсы»")


def test_on_a_phone_all_of_it_is_under_the_thumb(visitor, courses):
    anna = visitor.add_user()
    page = wait_until_loaded(visitor.open("/", anna, **PHONE))
    star(page, NETWORKS).tap()
    expect(find_sidebar(page).get_by_role("link")).to_have_text([NETWORKS])
    area = star(page, NETWORKS).evaluate(
        "(it) => getComputedStyle(it, '::after').inset + ' ' + it.offsetWidth"
    )
    assert area == "-5px 36"
    find_sidebar(page).get_by_role("button").tap()
    expect(find_sidebar(page).get_by_role("link")).to_have_count(0)
    wait_until(lambda: courses.favourite_ids(anna) == [])
