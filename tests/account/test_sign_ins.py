"""User names, logins and sign-ins, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest

from merlin.account.accounts import FIRST_ID, Accounts
from merlin.account.sign_ins import (
    IDLE,
    LIFE,
    LONGEST,
    WITHIN_TELEGRAM,
    Logins,
    LoginState,
    SignInMethod,
    SignIns,
)
from merlin.account.users import Users
from merlin.core.errors import Refused
from merlin.db.audit import Audit
from tests.support.migrated_databases import on_both_databases
from tests.support.people import ANNA, BORIS
from tests.support.refusals import refusal_key
from tests.support.waiting import longest

pytestmark = pytest.mark.integration

BY = "cli:vera"


@pytest.fixture
def accounts(database, clock):
    return Accounts(database, clock)


@pytest.fixture
def logins(database, clock):
    return Logins(database, clock)


@pytest.fixture
def sign_ins(database, clock):
    return SignIns(database, clock)


def run_at_once(function):
    """Call a function with each of eight numbers at once, on one database; return the results."""
    gate = Barrier(8)

    def run(number):
        gate.wait(longest())
        return function(number)

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(run, range(8)))


@on_both_databases
def test_name_set_by_many_at_once_gets_one_owner(accounts):
    def take(number):
        try:
            accounts.set_name(ANNA + number, "petrova", BY)
        except Refused:
            return None
        return ANNA + number

    (owner,) = filter(None, run_at_once(take))
    assert accounts.find_by_name(" PETROVA ").user_id == owner
    (entry,) = Audit(accounts.db).list_newest()
    assert (entry.action, entry.target) == ("account.name", f"user:{owner}")


def test_names_in_any_spelling_are_found_where_they_are_somebodys(accounts):
    accounts.set_name(ANNA, "petrova", BY)
    found = accounts.list_ids([" PETROVA ", "sidorov", "no name"])
    assert found == {" PETROVA ": ANNA}


def test_password_is_that_of_the_person(accounts):
    accounts.set_name(ANNA, "petrova", BY)
    accounts.set_name(BORIS, "sidorov", BY)
    accounts.set_password(ANNA, "a hash", BY)
    assert [accounts.lock_password(each) for each in (ANNA, BORIS)] == ["a hash", ""]


@on_both_databases
def test_rename_to_one_name_by_many_at_once_succeeds_for_one(accounts):
    run_at_once(lambda number: accounts.set_name(ANNA + number, f"person{number}", BY))

    def take(number):
        with suppress(Refused):
            accounts.set_name(ANNA + number, "petrova", BY)

    run_at_once(take)
    names = [accounts.find(ANNA + number).name for number in range(8)]
    assert names.count("petrova") == 1
    assert len(set(names)) == 8


def test_rename_frees_the_old_name_and_keeps_the_password(accounts):
    accounts.set_name(ANNA, "anna", BY)
    accounts.set_password(ANNA, "$hash", BY)
    accounts.set_name(ANNA, "petrova", BY)
    accounts.set_name(BORIS, "anna", BY)
    assert accounts.find_by_name("petrova").password == "$hash"
    assert accounts.find_by_name("anna").user_id == BORIS
    assert not accounts.find(BORIS).has_password
    with pytest.raises(Refused):
        accounts.set_name(BORIS, "petrova", BY)
    assert accounts.find(BORIS).name == "anna"


def test_name_that_a_person_has_already_is_not_audited_again(accounts):
    accounts.set_name(ANNA, "anna", BY)
    accounts.set_name(ANNA, "Anna", BY)
    assert len(Audit(accounts.db).list_newest()) == 1


def test_password_needs_a_name(accounts):
    assert (
        refusal_key(Refused, accounts.set_password, ANNA, "$hash", BY)
        == "account-no-name"
    )
    assert Audit(accounts.db).list_newest() == []


def test_account_without_telegram_is_a_user(accounts):
    user_id = accounts.make("petrova", BY)
    assert user_id >= FIRST_ID
    with pytest.raises(Refused):
        accounts.make("petrova", BY)
    assert Users(accounts.db).count() == 1


@on_both_databases
def test_concurrent_requests_use_a_confirmed_login_once(logins):
    _, key, browser = logins.start()
    login = logins.show(key, ANNA)
    answers = run_at_once(lambda _: logins.settle(login.login_id, ANNA, is_own=True))
    assert sum(answer is not None for answer in answers) == 1
    (taken,) = filter(None, run_at_once(lambda _: logins.take(browser)))
    assert taken.user_id == ANNA
    assert logins.of_browser(browser) is None


def test_login_expires(logins, clock):
    _, key, browser = logins.start()
    login = logins.of_browser(browser)
    assert login.state is LoginState.PENDING
    assert logins.take(browser) is None
    clock.move(LIFE.total_seconds())
    assert logins.of_browser(browser) is None
    assert logins.show(key, ANNA) is None
    logins.start()
    assert logins.db.sql("SELECT COUNT(*) FROM login_code") == [(1,)]


def test_login_of_before_the_clock_was_set_back_is_void(logins, clock):
    _, key, browser = logins.start()
    clock.move(-3600)
    assert (logins.of_browser(browser), logins.show(key, ANNA)) == (None, None)


def test_sign_ins_of_one_source_replace_each_other(sign_ins):
    tokens = run_at_once(
        lambda _: sign_ins.open(ANNA, SignInMethod.TELEGRAM, "the-source")[1]
    )
    assert sum(sign_ins.find(token) is not None for token in tokens) == 1
    assert len(sign_ins.list_open(ANNA)) == 1
    for _ in range(2):
        sign_ins.open(ANNA, SignInMethod.CODE)
    assert len(sign_ins.list_open(ANNA)) == 3


def test_only_the_person_who_opened_a_login_answers_it_and_only_once(logins):
    """Else who started it confirms it too, and is signed in as the person who opened the link."""
    _, key, browser = logins.start()
    number = logins.of_browser(browser).login_id
    assert logins.settle(number, ANNA, is_own=True) is None, "not opened yet"
    assert logins.show(key, ANNA) == logins.show(key, ANNA)
    assert logins.show(key, BORIS) is None
    for is_own in (True, False):
        assert logins.settle(number, BORIS, is_own=is_own) is None
    assert logins.of_browser(browser).state is LoginState.SHOWN
    other = logins.show(logins.start()[1], BORIS)
    assert logins.settle(number, ANNA, is_own=False).state is LoginState.REFUSED
    assert logins.settle(number, ANNA, is_own=True) is None
    assert logins.show(key, ANNA) is None
    assert (
        logins.settle(other.login_id, BORIS, is_own=True).state is LoginState.CONFIRMED
    )


def test_confirmed_login_confirms_no_other_that_the_person_opened(logins):
    opened = [logins.start() for _ in range(2)]
    mine, _ = [logins.show(key, ANNA) for _, key, _ in opened]
    logins.settle(mine.login_id, ANNA, is_own=True)
    states = [logins.of_browser(browser).state for *_, browser in opened]
    assert states == [LoginState.CONFIRMED, LoginState.SHOWN]


def test_login_that_expired_is_not_confirmed(logins, clock):
    _, key, _ = logins.start()
    login = logins.show(key, ANNA)
    clock.move(LIFE.total_seconds())
    assert logins.settle(login.login_id, ANNA, is_own=True) is None


DAY = 86_400


@pytest.mark.parametrize(
    ("method", "used_every", "lives"),
    [
        (SignInMethod.PASSWORD, IDLE / 2, LONGEST),
        (SignInMethod.CODE, IDLE / 2, LONGEST),
        (SignInMethod.CODE, LONGEST, IDLE),
        (SignInMethod.TELEGRAM, WITHIN_TELEGRAM / 12, WITHIN_TELEGRAM),
    ],
)
def test_sign_in_ends_when_unused_and_at_the_latest_after_its_time(
    sign_ins, clock, method, used_every, lives
):
    sign_in, token = sign_ins.open(ANNA, method)
    end = sign_in.at + lives
    while clock() + used_every < end:
        clock.move(used_every.total_seconds())
        sign_ins.record_use(sign_in.id)
    clock.move((end - clock()).total_seconds() - 1)
    assert sign_ins.find(token)
    clock.move(1)
    assert sign_ins.find(token) is None
    assert sign_ins.list_open(ANNA) == []
    sign_ins.record_use(sign_in.id)
    assert sign_ins.find(token) is None, "a use does not bring it back"


def test_person_ends_own_sign_ins_only(sign_ins):
    mine = sign_ins.open(ANNA, SignInMethod.CODE)
    yours = sign_ins.open(BORIS, SignInMethod.CODE)
    assert not sign_ins.close(ANNA, yours[0].id)
    here, _ = sign_ins.open(ANNA, SignInMethod.CODE)
    assert sign_ins.close_all(ANNA, but=here.id) == 1
    assert sign_ins.find(mine[1]) is None
    assert sign_ins.find(yours[1])
    assert sign_ins.close(ANNA, here.id)
