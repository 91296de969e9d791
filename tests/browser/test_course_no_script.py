"""U2, U4–U9, U11, favourites, signing in and asking without JavaScript."""

import pytest
from playwright.sync_api import expect

from merlin.account.sign_ins import Logins
from tests.api.sign_in_data import PASSWORD, set_password
from tests.browser.course_browser import find_cards, find_sidebar, wait_for_address

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


def test_favourites_work_by_plain_forms(visitor, course_site):
    anna = visitor.add_user()
    page = visitor.open("/", anna, **PLAIN)
    page.get_by_role("button", name="Добавить «Базы данных» в «Мои курсы»").click()
    wait_for_address(page, "/")
    expect(find_sidebar(page).get_by_role("link")).to_have_text(["Базы данных"])
    find_sidebar(page).get_by_role("button", name="Убрать «Базы данных»").click()
    expect(find_sidebar(page).get_by_role("link")).to_have_count(0)
    assert course_site.favourite_ids(anna) == []


def test_anonymous_user_signs_in_and_returns(visitor, course_site):
    set_password(course_site, visitor.add_user(), "anna-plain")
    page = visitor.open("/?q=сети", **PLAIN)
    page.get_by_role("button", name="Добавить «Компьютерные сети»").click()
    page.get_by_label("Логин", exact=True).fill("anna-plain")
    page.get_by_label("Пароль").fill("не тот пароль")
    page.get_by_role("button", name="Войти", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(
        "Логин или пароль не подошёл: проверьте их и попробуйте ещё раз. "
        "Забыли пароль? Войдите через бота и задайте новый"
    )
    expect(page.get_by_label("Логин", exact=True)).to_have_value("anna-plain")
    page.get_by_label("Пароль").fill(PASSWORD)
    page.get_by_role("button", name="Войти", exact=True).click()
    wait_for_address(page, "/?q=сети")
    expect(page.get_by_role("link", name="Мой кабинет: Анна")).to_be_visible()


def test_login_is_confirmed_in_the_bot(visitor, course_site):
    anna = visitor.add_user()
    page = visitor.open("/sign-in?next=%2F%3Fall%3D1", **PLAIN)
    page.get_by_role("button", name="Войти через Telegram").click()
    link = page.get_by_role("link", name="Открыть бота").get_attribute("href")
    key = link.partition("login_")[2]
    # The next page has the same text as this one.
    with page.expect_navigation():
        page.get_by_role("button", name="Вход подтверждён, продолжить").click()
    expect(page.get_by_text("Ждём, когда вы откроете бота.")).to_be_visible()
    login = Logins(course_site.db).show(key, anna)
    assert page.locator(".number").inner_text().endswith(str(login.number))
    Logins(course_site.db).settle(login.login_id, anna, is_own=True)
    page.get_by_role("button", name="Вход подтверждён, продолжить").click()
    wait_for_address(page, "/?all=1")
    page.get_by_role("link", name="Мой кабинет: Анна").click()
    page.get_by_role("button", name="Выйти", exact=True).click()
    wait_for_address(page, "/")
    expect(page.get_by_role("link", name="Войти")).to_be_visible()


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
