"""What admins do with people: who may, what is audited and notified, whichever interface asks."""

from functools import partial

import pytest

from merlin.account.accounts import Accounts
from merlin.account.api_keys import Scope
from merlin.account.sign_ins import SignIns
from merlin.account.users import User, Users
from merlin.app import accounts, sign_in, users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.config.shop import Pack
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Authority, Role
from merlin.db.audit import Audit
from merlin.db.notices import Notices
from tests.db.pipeline_rows import BOT
from tests.support.config import make_config
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.integration

ANNA = 1001
BORIS = 1002
VERA = 1003
STUDENT = Actor.person(BORIS, Authority())
TEACHER = Actor.person(BORIS, Authority(Role.TEACHER, frozenset({"trial"})))
EDITOR = Actor.person(BORIS, Authority(Role.EDITOR))
ADMIN = Actor.person(VERA, Authority(Role.ADMIN))
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


def test_operator_can_grant_a_role_to_a_user_who_has_never_written(ctx):
    assert perform(ctx, users.grant_role, OPERATOR, 77, Role.EDITOR).role is Role.EDITOR
    with pytest.raises(NotFound):
        perform(ctx, users.grant_role, ADMIN, 78, Role.EDITOR)


def test_default_plan_is_stored_as_no_plan(ctx):
    assert perform(ctx, users.set_plan, ADMIN, ANNA, "full").plan == "full"
    assert perform(ctx, users.set_plan, OPERATOR, ANNA, "free").plan is None
    for name in ("golden", "pack"):
        with pytest.raises(NotFound):
            perform(ctx, users.set_plan, ADMIN, ANNA, name)


def test_password_changed_during_its_verification_admits_no_other_browser(ctx):
    rows = Accounts(ctx.db, ctx.clock)
    anna = Actor.person(ANNA, Authority())
    rows.set_name(ANNA, "anna", "cli:vera")
    rows.set_password(ANNA, "old", "cli:vera")
    verified = rows.find(ANNA)
    own, other = (
        perform(ctx, sign_in.sign_in_by_password, verified, "") for _ in range(2)
    )
    perform(ctx, accounts.set_password, anna, "new", own.sign_in.id)
    assert perform(ctx, sign_in.sign_in_by_password, verified, "") is None
    with pytest.raises(Refused):
        perform(ctx, accounts.set_password, anna, "newer", other.sign_in.id)
    assert rows.find(ANNA).password == "new"
    assert [each.id for each in SignIns(ctx.db, ctx.clock).list_open(ANNA)] == [
        own.sign_in.id
    ]


def test_user_can_access_only_their_own_account(ctx):
    key = perform(ctx, accounts.make_key, STUDENT, "mine", [Scope.CHAT_WRITE])
    anna = Actor.person(ANNA, Authority())
    assert accounts.list_keys(ctx, anna) == []
    with pytest.raises(NotFound):
        perform(ctx, accounts.revoke_key, anna, key.id)
    with pytest.raises(Refused):
        perform(ctx, accounts.make_key, STUDENT, "too much", [Scope.JOBS_ADMIN])
    with pytest.raises(NotFound):
        accounts.read_own_account(ctx, Actor())
    assert accounts.read_own_account(ctx, STUDENT).id == BORIS


def test_teacher_has_the_name_that_an_admin_gave(ctx):
    with pytest.raises(Refused) as caught:
        perform(ctx, accounts.set_name, TEACHER, "Boris")
    assert caught.value.key == "account-name-reserved"
    assert Accounts(ctx.db, ctx.clock).find(BORIS) is None
