"""Signing in by user name and password, and throttling of guesses."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from merlin.account.accounts import Account, Accounts, sign_known_browser
from merlin.account.users import Users
from merlin.api import rate_limits
from merlin.api.auth import KNOWN_BROWSER
from merlin.core.clock import utc_now
from merlin.db.audit import Audit
from tests.api.running_api import BORIS, VERA
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


@pytest.fixture
def site(site):
    """An API with boris, who has PASSWORD; no time passes for its throttle."""
    freeze_login_throttle(site)
    set_password(site, site.add_user(BORIS), "boris")
    return site


@pytest.fixture
def browser(site):
    """A browser that is not signed in and of no known person."""
    with signed_out_browser(site) as client:
        yield client


def test_password_sign_in_ignores_the_case_of_the_name(site, browser):
    assert sign_in_by_password(browser, " Boris ", PASSWORD).status_code == 303
    account = get_user(browser).json()
    assert (account["name"], account["has_password"]) == ("boris", True)
    entry = Audit(site.db).list_newest()[0]
    assert (entry.by, entry.action) == ("user:1002", "sign-in.password")


@pytest.mark.parametrize("name", ["boris", "nobody-here"])
def test_password_guesses_are_throttled_equally_for_unknown_names(site, name, browser):
    answers = [sign_in_by_password(browser, name) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert all("Логин или пароль не подошёл" in answer.text for answer in answers[:5])
    assert "Слишком много запросов" in answers[-1].text


def test_sign_in_attempts_are_logged_with_the_user_and_without_the_password(
    site, browser
):
    answered = "request answered"
    with capture_logs() as logs:
        sign_in_by_password(browser, "boris", "не тот пароль")
        sign_in_by_password(browser, "boris", PASSWORD)
        get_user(browser)
        Users(site.db).block(BORIS, "cli:vera")
        get_user(browser)
        # The log line of a call is written after its response.
        wait_until(lambda: sum(log["event"] == answered for log in logs) == 4)
    calls = [
        (log["path"], log["status"], log["user"])
        for log in logs
        if log["event"] == answered
    ]
    tries = [log for log in logs if "user" in log and log["event"] != answered]
    assert [(log["event"], log["user"]) for log in tries] == [
        ("a wrong password", BORIS),
        ("a user signed in", BORIS),
    ]
    assert ("/api/user", 200, BORIS) in calls
    assert ("/api/user", 403, 0) in calls
    assert "пароль" not in str(logs)
    assert PASSWORD not in str(logs)


def test_concurrent_password_guesses_are_all_counted(site, browser):
    with ThreadPoolExecutor(10) as pool:
        answers = pool.map(lambda _: sign_in_by_password(browser, "boris"), range(10))
        statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [401] * 5 + [429] * 5


def test_guesses_from_one_address_are_throttled_across_names(site, browser):
    statuses = [
        sign_in_by_password(browser, f"name{number}").status_code
        for number in range(31)
    ]
    assert statuses == [401] * 30 + [429]


def test_own_success_does_not_clear_the_guesses_of_others_from_the_same_address(
    database,
):
    """Else who guesses from an address signs in to an account of their own each thirtieth time."""
    throttle = fill_address(but=1)
    own = throttle.buckets_of("boris", ADDRESS)
    assert throttle.count(own) == 0
    throttle.undo_count(own)
    assert throttle.count(throttle.buckets_of("name-last", ADDRESS)) == 0
    assert throttle.count(throttle.buckets_of("name-more", ADDRESS)) > 0


def test_name_does_not_pay_for_attempts_that_the_limit_of_the_address_refused():
    throttle = fill_address()
    tries = [throttle.count(throttle.buckets_of("boris", ADDRESS)) for _ in range(9)]
    assert min(tries) > 0
    assert throttle.count(throttle.buckets_of("boris", "198.51.100.1")) == 0


ADDRESS = "192.0.2.7"


def fill_address(but=0):
    """Return a throttle with a stopped clock, that allows ADDRESS no attempt more, or `but` few."""
    throttle = rate_limits.LoginThrottle()
    throttle.clock = lambda: 0.0
    for number in range(rate_limits.FREE_AT_ADDRESS - but):
        assert throttle.count(throttle.buckets_of(f"name{number}", ADDRESS)) == 0
    return throttle


def guess_until_refused(site, name, right=PASSWORD):
    """Guess as a stranger until even the correct password is refused."""
    with signed_out_browser(site) as stranger:
        assert [sign_in_by_password(stranger, name).status_code for _ in range(5)] == [
            401
        ] * 5
        assert sign_in_by_password(stranger, name, right).status_code == 429


@pytest.fixture
def owner(site):
    """Return boris's browser, in which he has signed in by his password and out again."""
    with signed_out_browser(site) as browser:
        assert sign_in_by_password(browser, "boris", PASSWORD).status_code == 303
        browser.post("/sign-out")
        assert get_user(browser).status_code == 401
        yield browser


def use_cookie(browser, token):
    browser.cookies.clear()
    browser.cookies.set(KNOWN_BROWSER, token)


@pytest.mark.parametrize(
    "names", [["boris"] * 6, [f"name{number}" for number in range(31)]]
)
def test_guesses_of_strangers_do_not_keep_the_owner_out_of_a_known_browser(
    owner, browser, names
):
    answers = [sign_in_by_password(browser, name) for name in names]
    assert answers[-1].status_code == 429
    assert sign_in_by_password(owner, "boris", PASSWORD).status_code == 303


def test_known_browsers_have_five_guesses_each_apart_from_those_of_strangers(
    site, owner, browser
):
    assert sign_in_by_password(browser, "boris", PASSWORD).status_code == 303
    for known in (owner, browser):
        answers = [sign_in_by_password(known, "boris").status_code for _ in range(6)]
        assert answers == [401] * 5 + [429]
        assert sign_in_by_password(known, "boris", PASSWORD).status_code == 429
    guess_until_refused(site, "boris")


def test_stolen_cookie_of_a_known_browser_signs_nobody_in(site, owner):
    with signed_out_browser(site) as thief:
        use_cookie(thief, owner.cookies[KNOWN_BROWSER])
        assert get_user(thief).status_code == 401
        answers = [sign_in_by_password(thief, "boris").status_code for _ in range(6)]
        assert answers == [401] * 5 + [429]
    with signed_out_browser(site) as another:
        assert sign_in_by_password(another, "boris", PASSWORD).status_code == 303


FORGED = {
    "signature": lambda browser_id, end, mac: f"{browser_id}.{end}.{mac[::-1]}",
    "end": lambda browser_id, end, mac: f"{browser_id}.{int(end) + 86_400}.{mac}",
    "browser": lambda _, end, mac: f"another.{end}.{mac}",
    "nothing": lambda *_: "..",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_forged_cookie_is_of_no_known_browser(site, owner, forge):
    guess_until_refused(site, "boris")
    use_cookie(owner, forge(*owner.cookies[KNOWN_BROWSER].split(".")))
    assert sign_in_by_password(owner, "boris", PASSWORD).status_code == 429


def test_browser_of_one_user_is_not_known_for_another(site, owner):
    set_password(site, site.add_user(VERA), "vera")  # with the same hash
    guess_until_refused(site, "vera")
    assert sign_in_by_password(owner, "vera", PASSWORD).status_code == 429


@pytest.mark.parametrize(("days", "status"), [(179, 303), (181, 429)])
def test_browser_is_known_for_half_a_year_after_its_last_sign_in(
    site, owner, days, status
):
    guess_until_refused(site, "boris")
    account = Accounts(site.db).find(BORIS)
    use_cookie(owner, sign_known_browser(account, utc_now() - timedelta(days=days)))
    assert sign_in_by_password(owner, "boris", PASSWORD).status_code == status


def test_new_password_ends_every_known_browser_but_the_one_that_set_it(
    site, owner, browser
):
    new = "восемь синих слонов"
    sign_in_by_password(browser, "boris", PASSWORD)
    words = {"name": "boris", "current": PASSWORD, "password": new}
    assert browser.post("/me/password", data=words).status_code == 303
    guess_until_refused(site, "boris", new)
    assert sign_in_by_password(owner, "boris", new).status_code == 429
    assert sign_in_by_password(browser, "boris", new).status_code == 303


def test_cookie_signed_without_a_password_is_of_no_known_browser(site, browser):
    """Anybody could sign it, and learn by its count that the account exists."""
    Accounts(site.db).set_name(site.add_user(VERA), "vera", "cli:vera")
    use_cookie(browser, sign_known_browser(Account(VERA, "vera", ""), utc_now()))
    for _ in range(5):
        sign_in_by_password(browser, "vera")
    browser.cookies.clear()
    assert sign_in_by_password(browser, "vera").status_code == 429


def test_account_without_a_password_cannot_sign_in_by_password(site, browser):
    Accounts(site.db).set_name(site.add_user(VERA), "vera", "cli:vera")
    assert sign_in_by_password(browser, "vera", "любой пароль").status_code == 401
    assert sign_in_by_password(browser, "vera", "").status_code == 422
