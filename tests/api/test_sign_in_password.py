"""Signing in by user name and password, and throttling of guesses."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from merlin.account.accounts import Accounts
from merlin.account.users import Users
from merlin.api import rate_limits
from merlin.db.audit import Audit
from tests.api.running_api import BORIS
from tests.api.sign_in_data import (
    PASSWORD,
    freeze_login_throttle,
    get_user,
    set_password,
    sign_in_by_password,
    signed_out_browser,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


def test_password_sign_in_ignores_the_case_of_the_name(site):
    set_password(site, site.add_user(BORIS), "boris")
    with signed_out_browser(site) as browser:
        assert sign_in_by_password(browser, " Boris ", PASSWORD).status_code == 303
        account = get_user(browser).json()
        assert (account["name"], account["has_password"]) == ("boris", True)
    entries = Audit(site.db).list_newest()
    assert [(entry.by, entry.action) for entry in entries][:1] == [
        ("user:1002", "sign-in.password")
    ]


@pytest.mark.parametrize("name", ["boris", "nobody-here"])
def test_password_guesses_are_throttled_equally_for_unknown_names(site, name):
    freeze_login_throttle(site)
    set_password(site, site.add_user(BORIS), "boris")
    with signed_out_browser(site) as browser:
        answers = [sign_in_by_password(browser, name) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert all("Логин или пароль не подошёл" in answer.text for answer in answers[:5])
    assert "Слишком много запросов" in answers[-1].text


def test_sign_in_attempts_are_logged_with_the_user_and_without_the_password(site):
    set_password(site, site.add_user(BORIS), "boris")
    answered = "request answered"
    with signed_out_browser(site) as browser, capture_logs() as logs:
        sign_in_by_password(browser, "boris", "не тот пароль")
        sign_in_by_password(browser, "boris", PASSWORD)
        get_user(browser)
        Users(site.db).block(BORIS, "cli:vera")
        get_user(browser)
        # The log line of a call is written after its response.
        wait_until(lambda: sum(log["event"] == answered for log in logs) == 4)
    calls = [(log["path"], log["status"], log["user"]) for log in logs if log["event"] == answered]
    tries = [log for log in logs if "user" in log and log["event"] != answered]
    assert [(log["event"], log["user"]) for log in tries] == [
        ("a wrong password", BORIS),
        ("a user signed in", BORIS),
    ]
    assert ("/api/user", 200, BORIS) in calls
    assert ("/api/user", 403, 0) in calls
    assert "пароль" not in str(logs)
    assert PASSWORD not in str(logs)


def test_concurrent_password_guesses_are_all_counted(site):
    freeze_login_throttle(site)
    set_password(site, site.add_user(BORIS), "boris")
    with signed_out_browser(site) as browser, ThreadPoolExecutor(10) as pool:
        statuses = [
            response.status_code
            for response in pool.map(lambda _: sign_in_by_password(browser, "boris"), range(10))
        ]
    assert statuses.count(401) == 5
    assert statuses.count(429) == 5


def test_guesses_from_one_address_are_throttled_across_names(site):
    freeze_login_throttle(site)
    with signed_out_browser(site) as browser:
        statuses = [
            sign_in_by_password(browser, f"name{number}").status_code for number in range(31)
        ]
    assert statuses == [401] * 30 + [429]


def test_own_success_does_not_clear_the_guesses_of_others_from_the_same_address(database):
    """Else who guesses from an address signs in to an account of their own each thirtieth time."""
    throttle = rate_limits.LoginThrottle()
    throttle.clock = lambda: 0.0
    for number in range(rate_limits.FREE_AT_ADDRESS - 1):
        assert throttle.count(f"name{number}", "192.0.2.7") == 0
    assert throttle.count("boris", "192.0.2.7") == 0
    throttle.undo_count("boris", "192.0.2.7")
    assert throttle.count("name-last", "192.0.2.7") == 0
    assert throttle.count("name-more", "192.0.2.7") > 0


def test_account_without_a_password_cannot_sign_in_by_password(site):
    Accounts(site.db).set_name(site.add_user(BORIS), "boris", "cli:vera")
    with signed_out_browser(site) as browser:
        assert sign_in_by_password(browser, "boris", "любой пароль").status_code == 401
        assert sign_in_by_password(browser, "boris", "").status_code == 422
