"""The chat of a course in a browser: streaming, stopping, failures, ratings, corrections."""

import pytest
from playwright.sync_api import expect

from tests.api.chat_api import TWO_A_DAY
from tests.browser.axe_and_screenshots import find_faults
from tests.browser.course_browser import run_course_site
from tests.support.faults import Fault, FaultKind
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def course_site(tmp_path_factory):
    """A site whose plan allows two questions a day."""
    with run_course_site(tmp_path_factory.mktemp("site"), plans=(TWO_A_DAY,)) as site:
        yield site


def open_chat(visitor, user_id=None, **options):
    course_id = visitor.site.course_id("algorithms")
    return visitor.open(f"/courses/{course_id}/chat", user_id, **options)


def find_field(page):
    return page.get_by_role("textbox", name="Вопрос")


def send(page, question):
    find_field(page).fill(question)
    page.keyboard.press("Enter")


def find_answers(page):
    return page.locator(".msg:not(.me)")


def test_question_is_answered_rated_and_found_again(visitor, course_site):
    course_site.provider.behave(fixed_answer="1. Вершины\n2. Рёбра")
    page = open_chat(visitor, visitor.add_user())
    expect(page.get_by_role("heading", name="О чём спросим?")).to_be_visible()
    expect(page.locator("#left")).to_contain_text("Осталось 2 вопроса")
    expect(page.get_by_text("отвечает algorithms-1")).to_be_visible()
    find_field(page).fill("Что такое граф?")
    page.evaluate(
        "addEventListener('invalid', () => document.body.append('invalid'), true)"
    )
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".msg.me")).to_have_text(["Что такое граф?"])
    expect(page.get_by_text("invalid")).to_have_count(0)
    expect(find_answers(page).locator(".version")).to_have_text("algorithms-1")
    expect(find_answers(page).get_by_role("listitem").first).to_have_text("Вершины")
    expect(page.locator(".caret, .dots")).to_have_count(0)
    expect(page.locator("#left")).to_contain_text("Остался 1 вопрос")
    expect(page.locator("#spoken")).to_contain_text("Вершины")
    expect(find_field(page)).to_be_focused()
    page.get_by_role("button", name="Верно", exact=True).click()
    expect(
        page.get_by_role("button", name="Верно", exact=True, pressed=True)
    ).to_be_visible()
    page.get_by_role("link", name="Исправить").click()
    page.get_by_role("button", name="Разрешаю").click()
    correction = page.get_by_role("textbox", name="Каким должен быть ответ")
    expect(correction).to_be_visible()
    assert find_faults(page, "correct", 360, "light") == {}
    assert find_faults(page, "correct", 1280, "dark") == {}
    correction.fill("Вершины и рёбра.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Ваше исправление ждёт редактора.")).to_be_visible()
    expect(page.get_by_role("link", name="Исправить")).to_be_focused()
    page.get_by_role("button", name="Ещё раз").click()
    expect(page.locator("#left")).to_contain_text("Вопросы закончились")
    expect(page.locator(".turn")).to_have_count(1)
    send(page, "Ещё один")
    expect(page.get_by_role("alert")).to_contain_text("Вопросы на сегодня закончились")
    page.get_by_role("link", name="Новый разговор").first.click()
    expect(page.locator(".turn")).to_have_count(0)
    page.get_by_role("link", name="Что такое граф? ").click()
    expect(page.locator(".msg")).to_have_count(2)
    course_site.provider.behave(fixed_answer="")


def test_slow_answer_is_stopped_by_escape(visitor, course_site):
    course_site.provider.faults.add(Fault("*", FaultKind.HANG, times=1, seconds=20.0))
    calls_before = len(course_site.provider.calls("chat.create"))
    page = open_chat(visitor, visitor.add_user())
    find_field(page).fill("Расскажи о графах подробно")
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_role("img", name="Готовлю ответ")).to_be_visible()
    expect(page.get_by_role("button", name="Остановить")).to_be_visible()
    wait_until(lambda: len(course_site.provider.calls("chat.create")) > calls_before)
    expect(page.locator("[id^=turn-]")).to_be_visible()  # the page knows what it stops
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Отправить")).to_be_visible()
    expect(page.locator(".note", has_text="Остановлено.")).to_be_visible()
    page.get_by_role("button", name="Ответить до конца").click()
    expect(page.locator(".note", has_text="Остановлено.")).to_have_count(0)
    expect(find_answers(page).locator(".version")).to_have_text("algorithms-1")


def test_lost_connection_is_shown_and_the_question_can_be_sent_again(visitor):
    page = open_chat(visitor, visitor.add_user())
    page.route("**/chat", lambda route: route.abort(), times=1)
    send(page, "Что такое граф?")
    expect(page.get_by_role("alert")).to_contain_text("Ответ не пришёл: нет связи.")
    page.get_by_role("button", name="Повторить").click()
    expect(find_answers(page).locator(".text")).not_to_be_empty()
    expect(page.locator(".msg")).to_have_count(2)
    expect(page.get_by_role("alert")).to_have_count(0)
    # The answer came, and its turn does not: the page stays until it does.
    page.route("**/chat/*", lambda route: route.abort(), times=2)
    send(page, "Что такое граф?")
    page.get_by_role("button", name="Повторить").click()
    page.get_by_role("button", name="Повторить").click()
    expect(find_answers(page).locator(".version")).to_have_count(2)
    expect(page.get_by_role("alert")).to_have_count(0)
    # Nothing answers: what is shown stays, and two questions are not asked at once.
    page.route("**/chat", lambda route: route.abort(), times=1)
    send(page, "Что такое дерево?")
    expect(page.get_by_role("alert")).to_be_visible()
    held = []

    def hold(route):
        held.append(route)

    page.route("**/chat", hold)
    page.get_by_role("button", name="Ещё раз").first.click()
    expect(page.get_by_role("img", name="Готовлю ответ")).to_be_visible()
    page.get_by_role("button", name="Повторить").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("img", name="Готовлю ответ")).to_have_count(0)
    expect(page.locator(".turn")).to_have_count(3)
    expect(find_answers(page).locator(".version")).to_have_count(2)
    assert len(held) == 1


def test_question_whose_answer_was_lost_is_not_asked_twice(visitor):
    page = open_chat(visitor, visitor.add_user())

    def lose_answer(route):
        route.fetch(timeout=0)
        route.abort()

    page.route("**/chat", lose_answer, times=1)
    send(page, "Что такое граф?")
    page.get_by_role("button", name="Повторить").click()
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.get_by_text("Остался 1 вопрос")).to_be_visible()
    send(page, "Что такое граф?")
    expect(page.locator(".turn")).to_have_count(2)


def test_shift_enter_adds_a_line_and_markup_is_shown_as_text(visitor):
    page = open_chat(visitor, visitor.add_user())
    find_field(page).press_sequentially("<img src=x onerror=alert(1)>")
    page.keyboard.press("Shift+Enter")
    find_field(page).press_sequentially("два")
    page.keyboard.press("Enter")
    expect(page.locator(".msg.me .text")).to_have_text(
        "<img src=x onerror=alert(1)>\nдва"
    )
    expect(find_answers(page).locator(".version")).to_have_text("algorithms-1")
    assert page.locator(".log img").count() == 0


def test_pressed_offer_and_none_of_these_say_what_was_meant(visitor, course_site):
    def read_kinds():
        return [row.kind for row in course_site.db.sql("SELECT kind FROM wording")]

    offer = "Что такое двоичный поиск?"
    extension = {"known": False, "nearest": [offer]}
    provider = course_site.provider
    provider.behave(fixed_answer="Не знаю.", extension=extension)
    page = open_chat(visitor, visitor.add_user())
    send(page, "Куда делить граф?")
    page.get_by_role("button", name="Ничего из этого").click()
    page.get_by_role("button", name="Разрешаю").click()
    expect(page.get_by_text("Редакторы увидят вопрос")).to_be_visible()
    assert read_kinds() == ["none"]
    provider.behave(fixed_answer="Делит пополам.", extension={"known": True})
    page.get_by_role("button", name=offer).click()
    expect(page.get_by_text("Делит пополам.")).to_be_visible()
    assert read_kinds() == ["pressed"]
