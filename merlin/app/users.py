"""User administration: find, show, roles, blocks, plans, packs, names, the audit log.

Every grant and revocation is written to the audit log; the person is notified of those made by an
admin. The operator at the command line may also act on their own account, and nobody is notified.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from merlin.account.accounts import Accounts, check_name, hash_new_password
from merlin.account.api_keys import Scope
from merlin.account.sign_ins import SignIns
from merlin.account.users import User, Users
from merlin.app import accounts, models
from merlin.app.accounts import NewKey, create_key
from merlin.app.actor import Actor, missing_dataset
from merlin.app.context import Context
from merlin.app.subscriptions import stop_renewals
from merlin.billing.quota import Format, Left, Quotas, get_plan, plan_of
from merlin.billing.terms import MAX_DAYS, PlanTerm, Terms
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Authority, Permission, Role
from merlin.core.views import INTERNAL, described, make_finite, view_of
from merlin.dataset.files import FileIndex
from merlin.db.audit import Audit, AuditEntry, person_reference
from merlin.db.notices import Notices

_ENTRIES = 20
_PASSWORD_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """A user."""

    id: int
    name: str | None = described("Username; null if none is set.")
    display_name: str = described("Name in Telegram.")
    role: Role
    scopes: list[str] = described("Courses and datasets granted to a teacher.")
    plan: str | None = described("Plan assigned by an admin; null if none is assigned.")
    terms: list[str] = described("Names of the plans whose period is running.")
    blocked: bool
    # The name of the effective plan, "" if nothing is limited.
    current_plan: str = field(metadata=INTERNAL)
    # The language of messages to them.
    language: str = field(metadata=INTERNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserList:
    """A list of users, newest first."""

    users: list[UserView]
    count: int = described("Total number of users.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntryView(AuditEntry):
    """One entry of the audit log."""

    # Names of the people mentioned, "" if they have none.
    by_name: str | None = field(default=None, metadata=INTERNAL)
    target_name: str | None = field(default=None, metadata=INTERNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDetails(UserView):
    """A person with remaining quota and audit log."""

    left: Mapping[Format, Left]
    entries: Sequence[AuditEntryView]


def list_users(
    ctx: Context,
    actor: Actor,
    text: str = "",
    offset: int = 0,
    limit: int = 50,
) -> UserList:
    """Return one page of the people, newest first; with a text those whose id or name match.

    Their user name matches as a whole, first.
    """
    if not actor.may(Permission.USERS):
        return UserList(users=[], count=0)
    users = Users(ctx.db, ctx.clock)
    text = text.strip()
    if text:
        account = Accounts(ctx.db).find_by_name(text.removeprefix("@"))
        owner = users.get(account.user_id) if account else None
        others = [user for user in users.find(text, offset + limit) if user != owner]
        found = ([owner, *others] if owner else others)[offset : offset + limit]
    else:
        found = users.list_newest(offset, limit)
    return UserList(users=_views(ctx, found), count=users.count())


def get(ctx: Context, actor: Actor, user_id: int) -> UserView:
    """Return a person. Raises NotFound, also without the permission."""
    return _view(ctx, _require_user(ctx, actor, user_id))


def read_details(ctx: Context, actor: Actor, user_id: int) -> UserDetails:
    """Return a person with the newest entries of their audit log. Raises NotFound."""
    user = _require_user(ctx, actor, user_id)
    plan = plan_of(ctx.plans, user.plans)
    zone = user.counting_zone(ctx.config.timezone, ctx.clock())
    return view_of(
        UserDetails,
        _view(ctx, user),
        left=Quotas(ctx.db, ctx.bot_id, ctx.clock).read_left(user_id, plan, zone),
        entries=list_audit(ctx, actor, person_reference(user_id), _ENTRIES),
    )


def list_audit(
    ctx: Context,
    actor: Actor,
    target: str = "",
    limit: int = 50,
    before: int = 0,
    by: str = "",
) -> list[AuditEntryView]:
    """Return the audit log: about one target, by one person; ids below `before`."""
    if not actor.may(Permission.USERS):
        return []
    found = Audit(ctx.db).list_newest(limit, target or None, by or None, before)
    called = find_display_names(
        ctx, [name for each in found for name in (each.by, each.target)]
    )
    return [
        view_of(
            AuditEntryView,
            each,
            arguments=make_finite(dict(each.arguments)),
            by_name=called.get(each.by),
            target_name=called.get(each.target),
        )
        for each in found
    ]


def find_display_names(ctx: Context, references: Sequence[str]) -> Mapping[str, str]:
    """Return the names of the people in audit entries: "user:1001" -> "Anna", else "anna"."""
    people = (
        each.removeprefix("user:") for each in references if each.startswith("user:")
    )
    ids = {
        int(each) for each in people if each.isdecimal() and len(each) < len(str(2**63))
    }
    names = Users(ctx.db).list_names(ids)
    return {
        person_reference(each): shown or name for each, (shown, name) in names.items()
    }


def list_grantable_scopes(ctx: Context, actor: Actor) -> list[str]:
    """Return the datasets that a teacher can be assigned, by name."""
    if not actor.may(Permission.USERS):
        return []
    names = models.list_dataset_names(ctx, actor)
    return sorted({*names, *FileIndex(ctx.db).read_trees()})


def grant_role(
    ctx: Context, actor: Actor, user_id: int, role: Role, scope: str | None = None
) -> UserView:
    """Grant a role in place of the previous one; a teacher's scopes accumulate.

    The operator may grant one to a person who has not written yet, and a scope that does not exist
    yet. Raises NotFound for a missing person or dataset, Refused for oneself, for a role without
    its scope, and for an admin of the configuration.
    """
    user = _another(ctx, actor, user_id)
    if (
        scope is not None
        and not actor.is_operator
        and scope not in list_grantable_scopes(ctx, actor)
    ):
        raise missing_dataset(scope)
    if ctx.roles.grant(user_id, role, actor.name, scope):
        _notify_role(ctx, actor, user_id)
    return _view(ctx, user)


def revoke_role(
    ctx: Context, actor: Actor, user_id: int, scope: str | None = None
) -> UserView:
    """Revoke a role, or one scope of a teacher; revoking what is not granted is no error.

    Raises NotFound, Refused for oneself and for an admin of the configuration.
    """
    user = _another(ctx, actor, user_id)
    if ctx.roles.revoke(user_id, actor.name, scope):
        _notify_role(ctx, actor, user_id)
    return _view(ctx, user)


def block(ctx: Context, actor: Actor, user_id: int) -> UserView:
    """Block a person, who is charged for no renewal any more.

    Raises NotFound, Refused for oneself and for another admin.
    """
    _another(ctx, actor, user_id)
    if not actor.is_operator and ctx.roles.authority(user_id).may(Permission.USERS):
        raise Refused("an admin", "people-not-admin")
    Users(ctx.db, ctx.clock).block(user_id, actor.name)
    stop_renewals(ctx, user_id)
    SignIns(ctx.db, ctx.clock).refuse_older(user_id)
    return get(ctx, actor, user_id)


def unblock(ctx: Context, actor: Actor, user_id: int) -> UserView:
    """Unblock a person. Raises NotFound."""
    _require_user(ctx, actor, user_id)
    Users(ctx.db, ctx.clock).block(user_id, actor.name, is_blocked=False)
    return get(ctx, actor, user_id)


def prepare_erasure(ctx: Context, actor: Actor, user_id: int) -> str:
    """Do what `accounts.prepare_erasure` does, for another person. Raises NotFound."""
    _require_user(ctx, actor, user_id)
    return accounts.prepare_erasure(ctx, Actor.person(user_id, Authority()))


def erase(
    ctx: Context, actor: Actor, user_id: int
) -> tuple[Mapping[str, int], list[str]]:
    """Delete all data of a person who asked for it, as `accounts.erase`. Raises NotFound."""
    _require_user(ctx, actor, user_id)
    return accounts.erase(ctx, Actor.person(user_id, Authority()), by=actor.name)


def set_plan(ctx: Context, actor: Actor, user_id: int, name: str) -> UserView:
    """Assign a plan of the configuration; the first one is the default and removes the assignment.

    Raises NotFound for an unknown plan, a pack, and an unknown person.
    """
    _require_user(ctx, actor, user_id)
    stored = None if get_plan(ctx.plans, name) is ctx.plans[0] else name
    Users(ctx.db, ctx.clock).set_plan(user_id, stored, actor.name)
    return get(ctx, actor, user_id)


def give_plan(
    ctx: Context, actor: Actor, user_id: int, name: str, days: int
) -> PlanTerm:
    """Grant a plan for some days, starting when the same plan ends.

    Raises NotFound for an unknown plan, a pack, and an unknown person; Refused for the days.
    """
    _require_user(ctx, actor, user_id)
    get_plan(ctx.plans, name)
    if not 1 <= days <= MAX_DAYS:
        raise Refused(f"a plan for {days} days", "bot-button-old")
    terms = Terms(ctx.db, ctx.clock)
    key = f"gift:{secrets.token_hex(8)}"
    terms.add(user_id, name, days, key, actor.name)
    return next(each for each in terms.list_of_user(user_id) if each.key == key)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account; `password` is the generated one, None if it was given."""

    user: int
    name: str
    role: Role = Role.STUDENT
    scopes: list[str] = field(default_factory=list)
    password: str | None = field(repr=False)


def add_account(
    ctx: Context,
    actor: Actor,
    name: str,
    password: str | None,
    role: Role = Role.STUDENT,
    scope: str | None = None,
) -> NewAccount:
    """Add an account without Telegram; the password is generated if none is given.

    Raises Refused for an invalid name, password or role; then nothing is added.
    """
    _require(actor)
    given = check_name(name)
    first, hashed = _password(password, given)
    accounts = Accounts(ctx.db, ctx.clock)
    roles = ctx.roles
    user_id = accounts.make(given, actor.name)
    accounts.set_password(user_id, hashed, actor.name)
    if role is not Role.STUDENT or scope:
        roles.grant(user_id, role, actor.name, scope)
    authority = roles.authority(user_id)
    return NewAccount(
        user=user_id,
        name=given,
        role=authority.role,
        scopes=sorted(authority.scopes),
        password=None if password else first,
    )


def set_name(ctx: Context, actor: Actor, user_id: int, name: str) -> str:
    """Set a user name; return it. Raises NotFound, Refused for a taken one."""
    given = check_name(name)
    _require_user(ctx, actor, user_id)
    Accounts(ctx.db, ctx.clock).set_name(user_id, given, actor.name)
    return given


def set_password(
    ctx: Context, actor: Actor, name: str, password: str | None = None
) -> NewAccount:
    """Set a password and end the account's sign-ins; the password is generated if none is given.

    Raises NotFound for an unknown name, Refused for a weak password.
    """
    _require(actor)
    accounts = Accounts(ctx.db, ctx.clock)
    account = accounts.find_by_name(name)
    if account is None:
        raise NotFound(f"no account {name}", "account-no-account", name=name)
    given, hashed = _password(password, account.name)
    accounts.set_password(account.user_id, hashed, actor.name)
    SignIns(ctx.db, ctx.clock).close_all(account.user_id)
    made_up = None if password else given
    return NewAccount(user=account.user_id, name=account.name, password=made_up)


def give_key(
    ctx: Context,
    actor: Actor,
    user_id: int,
    label: str,
    scopes: Sequence[Scope],
    days: int | None,
) -> NewKey:
    """Return a new API key with its secret, which cannot be read again.

    Raises NotFound, Refused for a scope beyond their role.
    """
    _require_user(ctx, actor, user_id)
    key = create_key(ctx, user_id, ctx.roles.authority(user_id), label, scopes, days)
    values = {"key": key.id}
    Audit(ctx.db, ctx.clock).note(
        actor.name, "key.give", person_reference(user_id), values
    )
    return key


def _password(given: str | None, name: str) -> tuple[str, str]:
    password = given if given is not None else secrets.token_urlsafe(_PASSWORD_BYTES)
    return password, hash_new_password(password, name)


def _require(actor: Actor) -> None:
    if not actor.may(Permission.USERS):
        raise _nobody("")


def _require_user(ctx: Context, actor: Actor, user_id: int) -> User:
    user = (
        Users(ctx.db, ctx.clock).get(user_id) if actor.may(Permission.USERS) else None
    )
    if user is None:
        raise _nobody(str(user_id))
    return user


def _another(ctx: Context, actor: Actor, user_id: int) -> User:
    if actor.is_operator:
        return Users(ctx.db, ctx.clock).get_or_new(user_id)
    user = _require_user(ctx, actor, user_id)
    if user_id == actor.user_id:
        raise Refused("themselves", "people-not-self")
    return user


def _nobody(user: str) -> NotFound:
    return NotFound(f"no user {user}", "account-no-user", user=user)


def _view(ctx: Context, user: User) -> UserView:
    (view,) = _views(ctx, [user])
    return view


def _views(ctx: Context, users: Sequence[User]) -> list[UserView]:
    ids = [user.user_id for user in users]
    authorities = ctx.roles.list_authorities(ids)
    names = Accounts(ctx.db).list_names(ids)
    return [
        UserView(
            id=user.user_id,
            name=names.get(user.user_id),
            display_name=user.shown_name,
            role=authorities[user.user_id].role,
            scopes=sorted(authorities[user.user_id].scopes),
            plan=user.plan,
            terms=list(user.terms),
            blocked=user.is_blocked,
            current_plan=plan_of(ctx.plans, user.plans).name,
            language=user.speaks(ctx.config.language),
        )
        for user in users
    ]


def _notify_role(ctx: Context, actor: Actor, user_id: int) -> None:
    """Notify the person of their new role."""
    if actor.is_operator:
        return
    authority = ctx.roles.authority(user_id)
    role = {"key": f"role-{authority.role.value}", "arguments": {}}
    scopes = ", ".join(sorted(authority.scopes)) or "–"
    key = "notice-role-scopes" if authority.scopes else "notice-role"
    Notices(ctx.db, ctx.clock).notify(
        str(user_id), key, {"role": role, "scopes": scopes}
    )
