"""The chat of a course in a real browser: an answer that grows, is stopped, fails, is kept."""

from __future__ import annotations

import pytest
from axe_looks import faults_in
from course_browser import TWO_A_DAY, course_site, visiting
from playwright.sync_api import expect

from merlin.sandbox.faults import Fault, FaultKind

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def courses(tmp_path_factory):
    """A site where a student asks two questions a day."""
    with course_site(tmp_path_factory.mktemp("site"), plans=(TWO_A_DAY,)) as site:
        yield site


@pytest.fixture
def visitor(chromium, courses):
    yield from visiting(chromium, courses)


def chat(visitor, user_id=None, **options):
    number = visitor.site.course_id("algorithms")
    return visitor.open(f"/courses/{number}/chat", user_id, **options)


def field(page):
    return page.get_by_role("textbox", name="Вопрос")


def answers(page):
    return page.locator(".msg:not(.me)")


def test_a_question_is_answered_with_its_lineage_and_what_is_left(visitor):
    page = chat(visitor, visitor.person())
    expect(page.get_by_role("heading", name="Спросите о курсе «Алгоритмы")).to_be_visible()
    expect(page.locator("#left")).to_contain_text("Осталось 2 вопроса")
    expect(page.get_by_text("отвечает algorithms-1")).to_be_visible()
    field(page).fill("Что такое граф?")
    page.keyboard.press("Enter")
    expect(page.locator(".msg.me")).to_have_text(["Что такое граф?"])
    expect(answers(page).locator(".meta").last).to_contain_text("algorithms-1")
    expect(answers(page).locator(".text")).not_to_be_empty()
    expect(page.locator(".caret, .dots")).to_have_count(0)
    expect(page.locator("#left")).to_contain_text("Остался 1 вопрос")
    expect(field(page)).to_be_focused()
    page.reload()
    expect(page.locator(".msg")).to_have_count(2)


def test_who_signs_in_after_somebody_in_the_same_tab_does_not_find_their_talk(visitor, courses):
    page = chat(visitor, visitor.person())
    field(page).fill("Мой секрет")
    page.keyboard.press("Enter")
    expect(answers(page).locator(".meta").last).to_contain_text("algorithms-1")
    with courses.browser(visitor.person("Другой")) as other:
        token = other.cookies["merlin"]
    page.context.clear_cookies()
    page.reload()
    expect(page.get_by_role("link", name="Войти")).to_be_visible()
    expect(page.locator(".msg")).to_have_count(0)
    page.context.add_cookies([{"name": "merlin", "value": token, "url": courses.address}])
    page.reload()
    expect(page.get_by_role("heading", name="Спросите о курсе")).to_be_visible()
    expect(page.locator(".msg")).to_have_count(0)
    assert "секрет" not in page.evaluate("JSON.stringify(sessionStorage)")


def test_the_answer_grows_and_can_be_stopped(visitor, courses):
    courses.provider.faults.add(Fault("*", FaultKind.HANG, times=1, seconds=20.0))
    page = chat(visitor, visitor.person())
    field(page).fill("Расскажи о графах подробно")
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_role("img", name="Готовлю ответ")).to_be_visible()
    stop = page.get_by_role("button", name="Остановить")
    expect(stop).to_be_visible()
    stop.click()
    expect(page.get_by_role("button", name="Отправить")).to_be_visible()
    expect(page.get_by_role("img", name="Готовлю ответ")).to_have_count(0)


def test_a_spent_plan_is_told_in_words(visitor):
    page = chat(visitor, visitor.person())
    for place in range(1, 3):
        field(page).fill(f"Вопрос {place}")
        page.keyboard.press("Enter")
        expect(answers(page)).to_have_count(place)
        expect(page.get_by_role("button", name="Отправить")).to_be_visible()
    field(page).fill("Ещё один")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("alert")).not_to_have_text("Повторить")
    expect(answers(page)).to_have_count(2)


def test_a_lost_connection_is_told_and_the_question_can_be_sent_again(visitor):
    page = chat(visitor, visitor.person())
    page.route("**/v1/chat/completions", lambda route: route.abort(), times=1)
    field(page).fill("Что такое граф?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Ответ не пришёл: нет связи.")
    page.get_by_role("button", name="Повторить").click()
    expect(answers(page).locator(".text")).not_to_be_empty()
    expect(page.locator(".msg")).to_have_count(2)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_shift_and_enter_make_a_line_and_hostile_words_stay_words(visitor):
    page = chat(visitor, visitor.person())
    field(page).press_sequentially("<img src=x onerror=alert(1)>")
    page.keyboard.press("Shift+Enter")
    field(page).press_sequentially("два")
    page.keyboard.press("Enter")
    expect(page.locator(".msg.me .text")).to_have_text("<img src=x onerror=alert(1)>\nдва")
    expect(answers(page).locator(".meta").last).to_contain_text("algorithms-1")
    assert page.locator(".log img").count() == 0


def test_who_is_not_signed_in_is_asked_to_and_comes_back(visitor):
    page = chat(visitor)
    link = page.get_by_role("link", name="Войти").get_attribute("href")
    number = visitor.site.course_id("algorithms")
    assert link == f"/sign-in?next=%2Fcourses%2F{number}%2Fchat"
    expect(field(page)).to_be_hidden()


def test_a_refusal_offers_taught_questions_that_are_asked_by_a_tap(visitor, courses):
    offered = "Что такое двоичный поиск?"
    refusal = {"known": False, "nearest": [offered]}
    courses.provider.behave(fixed_answer="Не знаю.", extension=refusal)
    page = chat(visitor, visitor.person())
    field(page).fill("Двоичный?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Возможно, вы имели в виду:")).to_be_visible()
    page.emulate_media(reduced_motion="reduce")
    assert faults_in(page, "offers", 360, "light") == {}
    assert faults_in(page, "offers", 1280, "dark") == {}
    courses.provider.behave(fixed_answer="Делит пополам.", extension={"known": True})
    # What was said is kept, its buttons too.
    page.reload()
    page.get_by_role("button", name=offered).click()
    expect(page.locator(".msg.me")).to_have_text(["Двоичный?", offered])
    expect(answers(page).locator(".text")).to_have_text(["Не знаю.", "Делит пополам."])
    expect(page.locator("#left")).to_contain_text("Вопросы закончились")
    courses.provider.behave(fixed_answer="", extension={})


def test_the_editors_are_told_of_a_refused_question_after_the_consent(visitor, courses):
    courses.provider.behave(fixed_answer="Не знаю.", extension={"known": False})
    page = chat(visitor, visitor.person())
    asked = "Куда девать граф? Мой телефон +7 916 123-45-67"
    field(page).fill(asked)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Передать редакторам").click()
    expect(page.get_by_text("Куда девать граф? Мой телефон [телефон]")).to_be_visible()
    expect(page.get_by_text("Можно ли учить модель")).to_be_visible()
    page.emulate_media(reduced_motion="reduce")
    assert faults_in(page, "tell", 360, "light") == {}
    assert faults_in(page, "tell", 1280, "dark") == {}
    told = "SELECT dataset, turn_id FROM told_question"
    assert courses.db.sql(told) == []
    page.get_by_role("button", name="Разрешаю, отправить вопрос").click()
    expect(page.get_by_text("Вопрос отправлен")).to_be_visible()
    assert [tuple(row) for row in courses.db.sql(told)] == [("algorithms", None)]
    # What was said is there again, the button too; a consent is asked for once.
    page.get_by_role("link", name="К чату").click()
    page.get_by_role("button", name="Передать редакторам").click()
    page.get_by_role("button", name="Отправить вопрос").click()
    expect(page.get_by_text("Вопрос отправлен")).to_be_visible()
    assert len(courses.db.sql(told)) == 2
    courses.provider.behave(fixed_answer="", extension={})
