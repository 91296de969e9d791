"""What admins do with people: who may, what is audited and notified, whichever interface asks."""

from datetime import timedelta
from functools import partial

import pytest

from merlin.account.accounts import Accounts, verify_password
from merlin.account.api_keys import Scope
from merlin.account.sign_ins import SignIns
from merlin.account.users import User, Users
from merlin.app import accounts, sign_in, users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing.terms import MAX_DAYS
from merlin.config.shop import Pack
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Authority, Role
from merlin.dataset.files import FileIndex
from merlin.db.audit import Audit
from merlin.db.notices import Notices
from tests.db.pipeline_rows import BOT
from tests.support.config import make_config
from tests.support.people import (
    ADMIN,
    ANNA,
    BORIS,
    EDITOR,
    STUDENT,
    VERA,
    make_teacher,
)
from tests.support.plan_config import make_plan
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration

TEACHER = make_teacher("trial")
OPERATOR = Actor("cli:root", Authority(Role.ADMIN), is_operator=True)


@pytest.fixture
def ctx(database, clock):
    Users(database, clock).record(
        [User(user_id, "ru") for user_id in (ANNA, BORIS, VERA)]
    )
    pack = make_plan("pack", pack=Pack(text=5))
    plans = {"free": make_plan("free"), "full": make_plan("full"), "pack": pack}
    config = make_config(telegram={"admins": (VERA,)}).model_copy(
        update={"plans": plans}
    )
    return Context(config=config, db=database, clock=clock, bot_id=BOT)


def perform(ctx, act, *args, **options):
    return ctx.db.transact(partial(act, ctx, *args, **options))


def audit_entries(ctx):
    return [(entry.action, entry.by) for entry in Audit(ctx.db).list_newest()]


@pytest.mark.parametrize("actor", [STUDENT, TEACHER, EDITOR, Actor()])
def test_only_admins_can_see_and_change_users(ctx, actor):
    acts = [
        partial(users.get, ctx, actor, ANNA),
        partial(users.read_details, ctx, actor, ANNA),
        partial(users.grant_role, ctx, actor, ANNA, Role.ADMIN),
        partial(users.revoke_role, ctx, actor, VERA),
        partial(users.block, ctx, actor, ANNA),
        partial(users.unblock, ctx, actor, ANNA),
        partial(users.set_plan, ctx, actor, ANNA, "full"),
        partial(users.give_plan, ctx, actor, ANNA, "full", 3),
        partial(users.add_account, ctx, actor, "clara", ""),
        partial(users.set_name, ctx, actor, ANNA, "clara"),
        partial(users.set_password, ctx, actor, "clara"),
        partial(users.give_key, ctx, actor, ANNA, "a key", [Scope.CHAT_WRITE], 30),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            ctx.db.transact(act)
    assert users.list_users(ctx, actor).users == users.list_audit(ctx, actor) == []
    assert audit_entries(ctx) == []


def test_admin_can_change_neither_themselves_nor_another_admin(ctx):
    perform(ctx, users.grant_role, OPERATOR, BORIS, Role.ADMIN)
    for act in (
        partial(users.block, ctx, ADMIN, VERA),
        partial(users.block, ctx, ADMIN, BORIS),
        partial(users.grant_role, ctx, ADMIN, VERA, Role.STUDENT),
        partial(users.revoke_role, ctx, ADMIN, VERA),
    ):
        with pytest.raises(Refused):
            ctx.db.transact(act)
    perform(ctx, users.block, OPERATOR, BORIS)
    assert users.get(ctx, ADMIN, BORIS).blocked


def test_role_granted_by_an_admin_notifies_the_user_but_by_the_operator_does_not(ctx):
    perform(ctx, users.grant_role, OPERATOR, ANNA, Role.EDITOR)
    assert Notices(ctx.db).list_newest(str(ANNA), 5) == []
    perform(ctx, users.grant_role, ADMIN, ANNA, Role.STUDENT)
    assert [notice.key for notice in Notices(ctx.db).list_newest(str(ANNA), 5)] == [
        "notice-role"
    ]
    with pytest.raises(NotFound):
        perform(ctx, users.grant_role, ADMIN, ANNA, Role.TEACHER, "nowhere")
    perform(ctx, users.grant_role, OPERATOR, ANNA, Role.EDITOR)
    assert perform(ctx, users.revoke_role, ADMIN, ANNA).role is Role.STUDENT
    assert len(Notices(ctx.db).list_newest(str(ANNA), 5)) == 2


def test_operator_can_grant_a_role_to_a_user_who_has_never_written(ctx):
    assert perform(ctx, users.grant_role, OPERATOR, 77, Role.EDITOR).role is Role.EDITOR
    with pytest.raises(NotFound):
        perform(ctx, users.grant_role, ADMIN, 78, Role.EDITOR)


def test_default_plan_is_stored_as_no_plan(ctx):
    assert perform(ctx, users.set_plan, ADMIN, ANNA, "full").plan == "full"
    (entry,) = Audit(ctx.db).list_newest()
    assert entry.arguments == {"from": None, "to": "full"}
    assert perform(ctx, users.set_plan, OPERATOR, ANNA, "free").plan is None
    for name in ("golden", "pack"):
        with pytest.raises(NotFound):
            perform(ctx, users.set_plan, ADMIN, ANNA, name)


def test_password_changed_during_its_verification_admits_no_other_browser(ctx):
    rows = Accounts(ctx.db, ctx.clock)
    rows.set_name(ANNA, "anna", "cli:vera")
    rows.set_password(ANNA, "old", "cli:vera")
    verified = rows.find(ANNA)
    own, other = (
        perform(ctx, sign_in.sign_in_by_password, verified, "") for _ in range(2)
    )
    perform(ctx, accounts.set_password, STUDENT, "new", own.sign_in.id)
    assert perform(ctx, sign_in.sign_in_by_password, verified, "") is None
    with pytest.raises(Refused):
        perform(ctx, accounts.set_password, STUDENT, "newer", other.sign_in.id)
    assert rows.find(ANNA).password == "new"
    assert [each.id for each in SignIns(ctx.db, ctx.clock).list_open(ANNA)] == [
        own.sign_in.id
    ]


def test_user_can_access_only_their_own_account(ctx):
    key = perform(ctx, accounts.make_key, STUDENT, "mine", [Scope.CHAT_WRITE])
    assert accounts.list_keys(ctx, EDITOR) == []
    with pytest.raises(NotFound):
        perform(ctx, accounts.revoke_key, EDITOR, key.id)
    with pytest.raises(Refused):
        perform(ctx, accounts.make_key, STUDENT, "too much", [Scope.JOBS_ADMIN])
    with pytest.raises(NotFound):
        accounts.read_own_account(ctx, Actor())
    assert accounts.read_own_account(ctx, STUDENT).id == ANNA


def test_teacher_has_the_name_that_an_admin_gave(ctx):
    assert (
        refusal_key(Refused, perform, ctx, accounts.set_name, TEACHER, "Boris")
        == "account-name-reserved"
    )
    assert Accounts(ctx.db, ctx.clock).find(BORIS) is None


def test_people_are_found_by_their_user_name_first_and_by_their_own(ctx):
    rows = Users(ctx.db, ctx.clock)
    for user_id, name in ((ANNA, "anna"), (BORIS, "Anna's brother"), (VERA, "")):
        rows.set_name(user_id, name)
    perform(ctx, users.set_name, OPERATOR, VERA, "anna")

    def find(text, **page):
        return [each.id for each in users.list_users(ctx, ADMIN, text, **page).users]

    assert find("@anna") == [VERA]
    assert find(" anna ") == [VERA, BORIS, ANNA]
    assert find("anna", offset=1, limit=1) == [BORIS]
    assert sorted(find("")) == [ANNA, BORIS, VERA]
    assert users.list_users(ctx, ADMIN, "nobody").users == []


def test_admin_sees_a_person_with_what_was_done_to_them(ctx):
    Users(ctx.db, ctx.clock).set_name(VERA, "Vera")
    perform(ctx, users.set_plan, ADMIN, ANNA, "full")
    perform(ctx, users.block, ADMIN, ANNA)
    perform(ctx, users.unblock, ADMIN, ANNA)
    details = users.read_details(ctx, ADMIN, ANNA)
    assert (details.id, details.plan, details.blocked) == (ANNA, "full", False)
    assert [(entry.action, entry.by_name) for entry in details.entries] == [
        ("user.unblock", "Vera"),
        ("user.block", "Vera"),
        ("user.plan", "Vera"),
    ]


def test_teacher_can_be_assigned_the_datasets_that_exist(ctx):
    FileIndex(ctx.db).keep("trial", "tree", {})
    assert users.list_grantable_scopes(ctx, ADMIN) == ["trial"]
    assert users.list_grantable_scopes(ctx, EDITOR) == []


@pytest.mark.parametrize("days", [0, MAX_DAYS + 1])
def test_plan_is_given_for_some_days_only(ctx, clock, days):
    term = perform(ctx, users.give_plan, ADMIN, ANNA, "full", 3)
    assert (term.plan, term.ends_at) == ("full", clock() + timedelta(days=3))
    with pytest.raises(Refused):
        perform(ctx, users.give_plan, ADMIN, ANNA, "full", days)
    assert users.get(ctx, ADMIN, ANNA).plan is None


def test_account_without_telegram_gets_a_password_that_ends_its_sign_ins(ctx):
    made = perform(ctx, users.add_account, ADMIN, "clara", None, Role.TEACHER, "trial")
    assert (made.role, made.scopes) == (Role.TEACHER, ["trial"])
    rows = Accounts(ctx.db, ctx.clock)
    assert verify_password(rows.find_by_name("clara").password, made.password)
    perform(ctx, sign_in.sign_in_by_password, rows.find_by_name("clara"), "")
    changed = perform(ctx, users.set_password, ADMIN, "clara")
    assert changed.password != made.password
    assert verify_password(rows.find_by_name("clara").password, changed.password)
    assert SignIns(ctx.db, ctx.clock).list_open(made.user) == []
    with pytest.raises(NotFound):
        perform(ctx, users.set_password, ADMIN, "nobody")


def test_given_password_is_not_shown_again(ctx):
    made = perform(ctx, users.add_account, ADMIN, "clara", "a very long phrase")
    assert (made.role, made.password) == (Role.STUDENT, None)


def test_data_of_a_person_who_asked_for_it_is_deleted_by_an_admin(ctx):
    assert perform(ctx, users.prepare_erasure, ADMIN, ANNA) == ""
    counts, _ = perform(ctx, users.erase, ADMIN, ANNA)
    assert counts["person"] == 1
    with pytest.raises(NotFound):
        users.get(ctx, ADMIN, ANNA)


def test_key_is_given_within_the_role_of_its_owner(ctx):
    key = perform(ctx, users.give_key, ADMIN, ANNA, "mine", [Scope.CHAT_WRITE], 30)
    found = sign_in.find_credential(ctx, key.secret, is_key=True)
    assert found.user.user_id == ANNA
    assert ("key.give", ADMIN.name) in audit_entries(ctx)
    with pytest.raises(Refused):
        perform(ctx, users.give_key, ADMIN, ANNA, "more", [Scope.JOBS_ADMIN], 30)
