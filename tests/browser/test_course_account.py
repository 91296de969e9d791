"""Signing in and the account page in a browser."""

import pytest
from playwright.sync_api import expect

from merlin.account.accounts import Accounts
from merlin.account.sign_ins import Logins
from tests.browser.course_browser import wait_until_loaded

pytestmark = pytest.mark.integration


def find_region(page, name):
    return page.get_by_role("region", name=name)


def test_sign_in_page_waits_for_the_bot_and_continues_by_itself(visitor, course_site):
    anna = visitor.add_user()
    page = visitor.open("/sign-in?next=%2F%3Fq%3D%25D0%25B3%25D1%2580")
    page.get_by_role("button", name="Войти через Telegram").click()
    link = page.get_by_role("link", name="Открыть бота").get_attribute("href")
    assert link.startswith("https://t.me/merlin_test_bot?start=login_")
    expect(
        page.get_by_role("status").filter(has_text="Ждём, когда вы откроете бота")
    ).to_be_visible()
    login = Logins(course_site.db).show(link.partition("login_")[2], anna)
    expect(page.get_by_role("status").filter(has_text="Бот открыт")).to_be_visible()
    expect(page.locator(".number")).to_contain_text(str(login.number))
    Logins(course_site.db).settle(login.login_id, anna, is_own=True)
    page.wait_for_url("**/?q=*")
    expect(page.get_by_role("link", name="Мой кабинет: Анна")).to_be_visible()


def test_user_name_and_password_are_validated_and_set(visitor, course_site):
    anna = visitor.add_user()
    page = wait_until_loaded(visitor.open("/me", anna))
    form = find_region(page, "Логин и пароль")
    form.get_by_text("Задать логин и пароль").click()
    form.get_by_label("Логин", exact=True).fill("anna-of-me")
    form.get_by_label("Новый пароль").fill("1234567890")
    form.get_by_role("button", name="Сохранить").click()
    expect(form.get_by_role("alert")).to_be_focused()
    form.get_by_label("Новый пароль").fill("восемь тихих сов")
    form.get_by_role("button", name="Сохранить").click()
    expect(form).to_contain_text("Пароль задан")
    account = Accounts(course_site.db).find(anna)
    assert (account.name, account.has_password) == ("anna-of-me", True)
