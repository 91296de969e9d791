"""Signing in within Telegram or by confirmation in the bot, and signing out."""

import pytest

from merlin.account.sign_ins import Logins, SignIns
from merlin.account.users import Users
from tests.api.running_api import ANNA, BORIS, check_problem, run_api
from tests.api.sign_in_data import (
    PASSWORD,
    TELEGRAM_PUBLIC_KEY,
    TOKEN,
    finish_login,
    freeze_login_throttle,
    get_user,
    set_bot_name,
    set_password,
    sign_in_by_password,
    signed_init_data,
    signed_out_browser,
    start_login,
)

pytestmark = pytest.mark.functional


@pytest.fixture
def site(tmp_path):
    with run_api(tmp_path, telegram_keys=(TELEGRAM_PUBLIC_KEY,)) as site:
        set_bot_name(site)
        yield site


@pytest.fixture
def browser(site):
    """A browser that is not signed in."""
    with signed_out_browser(site) as client:
        yield client


def answer_login(site, key, user_id, *, is_own=True):
    login = Logins(site.db).show(key, user_id)
    return Logins(site.db).settle(login.login_id, user_id, is_own=is_own)


def test_init_data_of_telegram_signs_the_user_in(site, browser):
    answer = browser.post("/api/auth/telegram", json={"init_data": signed_init_data()})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["user"]["id"], body["user"]["display_name"]) == (ANNA, "Анна А.")
    assert get_user(browser).json()["id"] == ANNA
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "Path=/" in cookie
    frame = site.client.get(
        "/api/user", headers={"Authorization": f"Bearer {body['token']}"}
    )
    assert frame.json()["id"] == ANNA


# What is valid: tests/account/test_sign_ins_telegram.py.
def test_init_data_without_a_valid_telegram_signature_is_refused(site):
    for data in (
        signed_init_data(key=None, token=TOKEN),
        signed_init_data(bot_id=17),
        "x",
    ):
        answer = site.client.post("/api/auth/telegram", json={"init_data": data})
        check_problem(answer, 401, "telegram-data")
        assert "set-cookie" not in answer.headers


def test_login_is_confirmed_in_the_bot_and_used_once(site, browser):
    site.add_user(ANNA)
    begun = start_login(browser)
    assert begun["url"] == f"https://t.me/merlin_test_bot?start=login_{begun['key']}"
    assert 10 <= begun["number"] <= 99
    assert finish_login(browser) == "pending"
    login = answer_login(site, begun["key"], ANNA)
    assert login.number == begun["number"]
    assert get_user(browser).status_code == 401  # opening the link does not sign in
    assert finish_login(browser) == "signed in"
    assert get_user(browser).json()["id"] == ANNA
    assert finish_login(browser) == "expired"


def test_login_belongs_to_the_browser_that_started_it(site):
    site.add_user(ANNA)
    with signed_out_browser(site) as browser, signed_out_browser(site) as thief:
        begun = start_login(browser)
        start_login(thief)
        answer_login(site, begun["key"], ANNA)
        assert finish_login(thief) == "pending"
        thief.cookies.clear()
        thief.cookies.set("merlin-login", begun["key"])
        assert finish_login(thief) == "expired"
        assert finish_login(browser) == "signed in"


def test_browser_that_signed_in_by_the_bot_is_known_for_the_password_too(site, browser):
    freeze_login_throttle(site)
    set_password(site, site.add_user(ANNA), "anna")
    answer_login(site, start_login(browser)["key"], ANNA)
    assert finish_login(browser) == "signed in"
    browser.post("/sign-out")
    with signed_out_browser(site) as stranger:
        guesses = [sign_in_by_password(stranger, "anna").status_code for _ in range(6)]
    assert guesses[-1] == 429
    assert sign_in_by_password(browser, "anna", PASSWORD).status_code == 303


def test_refused_login_does_not_sign_in(site, browser):
    answer_login(site, start_login(browser)["key"], ANNA, is_own=False)
    assert finish_login(browser) == "refused"
    assert get_user(browser).status_code == 401


def test_logins_per_address_are_limited(site, browser):
    freeze_login_throttle(site)
    answers = [browser.post("/sign-in/code") for _ in range(25)]
    assert [answer.status_code for answer in answers[:20]] == [200] * 20
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0


def test_signing_in_ends_the_previous_sign_in_of_the_browser(site, browser):
    set_password(site, site.add_user(BORIS), "boris")
    browser.post("/api/auth/telegram", json={"init_data": signed_init_data(ANNA)})
    before = browser.cookies["merlin"]
    assert sign_in_by_password(browser, "boris", PASSWORD).status_code == 303
    assert browser.cookies["merlin"] != before
    assert SignIns(site.db).find(before) is None
    assert get_user(browser).json()["id"] == BORIS


def test_signing_out_ends_only_this_browser(site):
    site.add_user(ANNA)
    with site.browser_client(ANNA) as browser, site.browser_client(ANNA) as other:
        answer = browser.post("/sign-out")
        assert answer.status_code == 303
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert get_user(browser).status_code == 401
        assert get_user(other).status_code == 200


@pytest.mark.parametrize("path", ["/sign-out", "/me/sign-ins/close-all"])
def test_back_button_shows_no_personal_page_after_signing_out(site, path):
    site.add_user(ANNA)
    with site.browser_client(ANNA) as browser:
        answer = browser.post(path)
        assert answer.headers["clear-site-data"] == '"cache"'
        assert get_user(browser).status_code == 401


def test_remote_sign_in_requires_https(site):
    elsewhere = {"X-Forwarded-For": "203.0.113.7"}
    with signed_out_browser(site, **elsewhere) as browser:
        assert browser.post("/sign-in/code").status_code == 403
        browser.headers["X-Forwarded-Proto"] = "https"
        browser.headers["Origin"] = site.address.replace("http:", "https:")
        answer = browser.post("/sign-in/code")
        assert answer.status_code == 200
        assert answer.headers["set-cookie"].startswith("__Host-merlin-login=")
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"]


def test_cookie_inside_telegram_frame_is_partitioned(site):
    secure = {"X-Forwarded-Proto": "https"}
    with signed_out_browser(site, **secure) as browser:
        answer = browser.post(
            "/api/auth/telegram", json={"init_data": signed_init_data()}
        )
        cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-merlin=")
    assert cookie.endswith("SameSite=None; Secure; Partitioned")


def test_unprefixed_cookie_is_ignored_over_https(site):
    site.add_user(ANNA)
    with site.browser_client(ANNA) as browser:
        assert get_user(browser).status_code == 200
        assert (
            get_user(browser, headers={"X-Forwarded-Proto": "https"}).status_code == 401
        )


def test_blocked_user_is_signed_out_and_cannot_sign_in(site):
    set_password(site, site.add_user(ANNA), "anna")
    with signed_out_browser(site) as browser:
        sign_in_by_password(browser, "anna", PASSWORD)
        Users(site.db).block(ANNA, "cli:vera")
        page = browser.get("/me", headers={"Accept": "text/html"})
        assert page.status_code == 403
        assert "Администратор закрыл вам доступ" in page.text
        assert sign_in_by_password(browser, "anna", PASSWORD).status_code == 403
        data = {"init_data": signed_init_data()}
        answer = browser.post("/api/auth/telegram", json=data)
        check_problem(answer, 403, "blocked")
    with signed_out_browser(site) as browser:
        answer_login(site, start_login(browser)["key"], ANNA)
        assert browser.post("/sign-in/code/finish").status_code == 403
    assert len(SignIns(site.db).list_open(ANNA)) == 1
