"""Signing in by each way, and the keys and browsers of a person afterwards."""

from dataclasses import replace
from functools import partial

import pytest

from merlin.account.accounts import Accounts
from merlin.account.api_keys import ApiKeys, Scope
from merlin.account.sign_ins import FRESH, Logins, SignIns, TelegramPerson
from merlin.account.users import User, Users
from merlin.app import accounts, sign_in, users
from merlin.app.actor import Actor
from merlin.app.sign_in import Blocked
from merlin.db.audit import Audit
from merlin.db.tables import SIGN_IN
from tests.support.people import ANNA, BORIS, STUDENT

pytestmark = pytest.mark.integration


def perform(ctx, act, *args, **options):
    return ctx.db.transact(partial(act, ctx, *args, **options))


def sign_in_by_telegram(ctx, previous="", **data):
    known = TelegramPerson(ANNA, "Anna", "ru", "mini-app", ctx.clock())
    person = replace(known, **data)
    return perform(ctx, sign_in.sign_in_by_telegram, person, previous)


def list_open(ctx):
    return [each.id for each in SignIns(ctx.db, ctx.clock).list_open(ANNA)]


@pytest.fixture
def anna(ctx):
    """Anna is known."""
    Users(ctx.db, ctx.clock).record([User(ANNA, "ru")])


def test_telegram_person_is_known_from_their_sign_in_on(ctx):
    opened = sign_in_by_telegram(ctx)
    assert (opened.user.id, opened.known_browser) == (ANNA, "")
    users = Users(ctx.db, ctx.clock)
    assert users.get(ANNA).language_code == "ru"
    assert users.list_names([ANNA])[ANNA][0] == "Anna"
    found = sign_in.find_credential(ctx, opened.token, is_key=False)
    assert (found.user.user_id, found.number) == (ANNA, opened.sign_in.id)
    assert sign_in.find_credential(ctx, "another token", is_key=False) is None


def test_new_sign_in_of_a_browser_closes_its_previous_one(ctx):
    first = sign_in_by_telegram(ctx)
    second = sign_in_by_telegram(ctx, first.token)
    assert list_open(ctx) == [second.sign_in.id]


def test_demo_signs_in_without_a_proof_and_keeps_the_language(ctx):
    Users(ctx.db, ctx.clock).record([User(ANNA, "en")])
    opened = perform(ctx, sign_in.sign_in_to_demo, ANNA, "", "")
    assert opened.user.id == ANNA
    assert Users(ctx.db, ctx.clock).get(ANNA).language_code == "en"


def test_code_signs_in_once_it_is_confirmed_in_the_bot(ctx, anna):
    login, key, browser, link = perform(ctx, sign_in.start_login)
    assert link == "", "the bot's name is unknown"
    assert perform(ctx, sign_in.sign_in_by_code, browser, "") is None
    logins = Logins(ctx.db, ctx.clock)
    assert logins.show(key, ANNA).login_id == login.login_id
    assert perform(ctx, sign_in.sign_in_by_code, browser, "") is None
    assert logins.settle(login.login_id, ANNA, is_own=True)
    opened = perform(ctx, sign_in.sign_in_by_code, browser, "")
    assert opened.user.id == ANNA
    assert perform(ctx, sign_in.sign_in_by_code, browser, "") is None


def test_password_sign_in_is_audited_and_its_browser_known_later(ctx, anna):
    rows = Accounts(ctx.db, ctx.clock)
    rows.set_name(ANNA, "anna", "cli:vera")
    rows.set_password(ANNA, "hash", "cli:vera")
    opened = perform(ctx, sign_in.sign_in_by_password, rows.find(ANNA), "")
    assert opened.known_browser
    assert Audit(ctx.db).list_newest()[0].action == "sign-in.password"
    rows.set_password(ANNA, "newer", "cli:vera")
    old = rows.find(ANNA)
    rows.set_password(ANNA, "newest", "cli:vera")
    assert perform(ctx, sign_in.sign_in_by_password, old, "") is None


def test_blocked_person_cannot_sign_in(ctx, anna):
    Users(ctx.db, ctx.clock).block(ANNA, "cli:vera")
    with pytest.raises(Blocked):
        sign_in_by_telegram(ctx)
    assert list_open(ctx) == []


@pytest.mark.parametrize("end", ["everywhere", "blocked", "erased"])
def test_what_signed_in_before_does_not_sign_in_again(ctx, clock, end):
    """The mark that data was used lay in the row of the sign-in, and went with it."""
    opened = sign_in_by_telegram(ctx)
    _, key, browser, _ = perform(ctx, sign_in.start_login)
    logins = Logins(ctx.db, clock)
    assert logins.settle(logins.show(key, ANNA).login_id, ANNA, is_own=True)
    before = {"at": clock(), "source": "another that was never used"}
    clock.move(60)
    if end == "everywhere":
        perform(ctx, accounts.close_sign_ins, STUDENT)
    elif end == "blocked":
        perform(ctx, users.block, Actor.operator(), ANNA)
        perform(ctx, users.unblock, Actor.operator(), ANNA)
    else:
        perform(ctx, accounts.erase, STUDENT)
    for data in ({"at": opened.sign_in.at}, before):
        assert sign_in_by_telegram(ctx, **data) is None
    assert perform(ctx, sign_in.sign_in_by_code, browser, "") is None
    assert sign_in_by_telegram(ctx, at=clock(), user_id=BORIS)
    clock.move(1)
    assert sign_in_by_telegram(ctx)
    clock.move(FRESH.total_seconds())
    assert sign_in_by_telegram(ctx)
    assert ctx.db.count(SIGN_IN, SIGN_IN.user_id < 0) == 0, "it is kept for an hour"


def test_mark_of_before_the_clock_was_set_back_refuses_nobody(ctx, clock):
    clock.move(86400)
    perform(ctx, accounts.close_sign_ins, STUDENT)
    clock.move(-86400)
    assert sign_in_by_telegram(ctx)


def test_use_of_a_key_and_of_a_browser_is_recorded(ctx, clock):
    opened = sign_in_by_telegram(ctx)
    key = perform(ctx, accounts.make_key, STUDENT, "mine", [Scope.CHAT_WRITE])
    found = sign_in.find_credential(ctx, key.secret, is_key=True)
    assert (found.number, found.used_at, [*found.scopes]) == (
        key.id,
        None,
        [Scope.CHAT_WRITE],
    )
    assert sign_in.find_credential(ctx, "mrl_other", is_key=True) is None
    clock.move(3600)
    perform(ctx, sign_in.note_use, key.id, is_key=True)
    perform(ctx, sign_in.note_use, opened.sign_in.id, is_key=False)
    assert ApiKeys(ctx.db, clock).find(key.secret).last_used_at == clock()
    assert SignIns(ctx.db, clock).find(opened.token).seen_at == clock()
