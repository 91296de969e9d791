"""The chat of a course in a real browser: an answer that grows, is stopped, fails, is judged."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from merlin.sandbox.faults import Fault, FaultKind
from tests.browser.axe_and_screenshots import faults_in
from tests.browser.course_browser import TWO_A_DAY, course_site, open_visitor
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def courses(tmp_path_factory):
    """A site where a student asks two questions a day."""
    with course_site(tmp_path_factory.mktemp("site"), plans=(TWO_A_DAY,)) as site:
        yield site


@pytest.fixture
def visitor(chromium, courses):
    yield from open_visitor(chromium, courses)


def chat(visitor, user_id=None, **options):
    number = visitor.site.course_id("algorithms")
    return visitor.open(f"/courses/{number}/chat", user_id, **options)


def field(page):
    return page.get_by_role("textbox", name="Вопрос")


def answers(page):
    return page.locator(".msg:not(.me)")


def test_a_question_is_answered_judged_and_found_again(visitor, courses):
    courses.provider.behave(fixed_answer="1. Вершины\n2. Рёбра", extension={"known": True})
    page = chat(visitor, visitor.add_user())
    expect(page.get_by_role("heading", name="О чём спросим?")).to_be_visible()
    expect(page.locator("#left")).to_contain_text("Осталось 2 вопроса")
    expect(page.get_by_text("отвечает algorithms-1")).to_be_visible()
    field(page).fill("Что такое граф?")
    page.keyboard.press("Enter")
    expect(page.locator(".msg.me")).to_have_text(["Что такое граф?"])
    expect(answers(page).locator(".version")).to_have_text("algorithms-1")
    expect(answers(page).get_by_role("listitem").first).to_have_text("Вершины")
    expect(page.locator(".caret, .dots")).to_have_count(0)
    expect(page.locator("#left")).to_contain_text("Остался 1 вопрос")
    expect(page.locator("#spoken")).to_contain_text("Вершины")
    expect(field(page)).to_be_focused()
    page.get_by_role("button", name="Верно", exact=True).click()
    expect(page.get_by_role("button", name="Верно", exact=True, pressed=True)).to_be_visible()
    page.get_by_role("link", name="Исправить").click()
    page.get_by_role("button", name="Разрешаю").click()
    better = page.get_by_role("textbox", name="Каким должен быть ответ")
    expect(better).to_be_visible()
    page.emulate_media(reduced_motion="reduce")
    assert faults_in(page, "correct", 360, "light") == {}
    assert faults_in(page, "correct", 1280, "dark") == {}
    better.fill("Вершины и рёбра.")
    page.get_by_role("button", name="Отправить редакторам").click()
    expect(page.get_by_text("Ваше исправление ждёт редактора.")).to_be_visible()
    page.get_by_role("button", name="Ещё раз").click()
    expect(page.locator("#left")).to_contain_text("Вопросы закончились")
    expect(page.locator(".turn")).to_have_count(1)
    field(page).fill("Ещё один")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Вопросы на сегодня закончились")
    page.get_by_role("link", name="Новый разговор").first.click()
    expect(page.locator(".turn")).to_have_count(0)
    page.get_by_role("link", name="Что такое граф? ").click()
    expect(page.locator(".msg")).to_have_count(2)
    courses.provider.behave(fixed_answer="", extension={})


def test_an_answer_that_takes_its_time_is_stopped_by_escape(visitor, courses):
    courses.provider.faults.add(Fault("*", FaultKind.HANG, times=1, seconds=20.0))
    asked = len(courses.provider.calls("chat.create"))
    page = chat(visitor, visitor.add_user())
    field(page).fill("Расскажи о графах подробно")
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_role("img", name="Готовлю ответ")).to_be_visible()
    expect(page.get_by_role("button", name="Остановить")).to_be_visible()
    wait_until(lambda: len(courses.provider.calls("chat.create")) > asked)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Отправить")).to_be_visible()
    expect(page.locator(".note", has_text="Остановлено.")).to_be_visible()
    page.get_by_role("button", name="Ответить до конца").click()
    expect(page.locator(".note", has_text="Остановлено.")).to_have_count(0)
    expect(answers(page).locator(".version")).to_have_text("algorithms-1")


def test_a_lost_connection_is_told_and_the_question_can_be_sent_again(visitor):
    page = chat(visitor, visitor.add_user())
    page.route("**/chat", lambda route: route.abort(), times=1)
    field(page).fill("Что такое граф?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Ответ не пришёл: нет связи.")
    page.get_by_role("button", name="Повторить").click()
    expect(answers(page).locator(".text")).not_to_be_empty()
    expect(page.locator(".msg")).to_have_count(2)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_shift_and_enter_make_a_line_and_hostile_words_stay_words(visitor):
    page = chat(visitor, visitor.add_user())
    field(page).press_sequentially("<img src=x onerror=alert(1)>")
    page.keyboard.press("Shift+Enter")
    field(page).press_sequentially("два")
    page.keyboard.press("Enter")
    expect(page.locator(".msg.me .text")).to_have_text("<img src=x onerror=alert(1)>\nдва")
    expect(answers(page).locator(".version")).to_have_text("algorithms-1")
    assert page.locator(".log img").count() == 0


def test_who_is_not_signed_in_is_asked_to_and_comes_back(visitor):
    page = chat(visitor)
    link = page.get_by_role("link", name="Войти").get_attribute("href")
    number = visitor.site.course_id("algorithms")
    assert link == f"/sign-in?next=%2Fcourses%2F{number}%2Fchat"
    expect(field(page)).to_be_hidden()
