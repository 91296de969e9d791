"""A person's own account: who they are and may, settings, keys, browsers, quota, erasure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from merlin.account.accounts import Accounts, check_own_name, fold_name, is_of_telegram
from merlin.account.api_keys import NEEDS, ApiKey, ApiKeys, Scope, ScopeBeyondRole
from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import ERASED, User, Users
from merlin.app.actor import Actor
from merlin.app.ask import show_quota
from merlin.app.context import Context
from merlin.app.permissions import led_courses
from merlin.app.personal_data import PersonalRecords
from merlin.app.sessions import Spending, spent_since
from merlin.app.views import described, view_of
from merlin.billing.quota import Format, Source, allowance_of, plan_of, today
from merlin.billing.subscriptions import Terms
from merlin.core.errors import NotFound
from merlin.core.permissions import PERMISSIONS, Authority, Permission, Role
from merlin.course.catalogue import Catalogue
from merlin.dataset.proposals import Proposals
from merlin.db.audit import Audit

__all__ = ["Scope", "SignInMethod"]

# Who has just signed in by another way may set a password that replaces a forgotten one.
JUST_NOW = timedelta(minutes=10)
_ONE_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAccount:
    """A person, as only they see it."""

    id: int
    name: str | None = described("the user name, null without one")
    shown_name: str = described("what Telegram says they are called, or the user name")
    language: str | None = described("ru or en where they chose one in the bot")
    zone: str = described("the time zone that their days turn in")
    role: Role
    scopes: list[str] = described("the courses and datasets that a teacher was given")
    permissions: list[Permission] = described("what the role allows, a teacher's in scope")
    courses: list[int] = described("ids of the courses that they lead")
    plan: str | None = described("the plan, null where nothing is limited")
    has_password: bool
    has_telegram: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A key without its secret."""

    id: int
    label: str
    hint: str = described("how the secret begins")
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None = described("null: it stays until it is revoked")
    used_at: datetime | None = described("when it was used last, exact to a minute")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey(KeyView):
    """A new key, with its secret for the only time."""

    secret: str = field(repr=False, metadata={"description": "mrl_…; nobody can read it again"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInView:
    """A browser that somebody is signed in with."""

    id: int
    how: SignInMethod
    agent: str = described("what the browser calls itself, such as Firefox, Linux")
    at: datetime
    seen_at: datetime
    expires_at: datetime
    is_current: bool = described("the one that asks")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftView:
    """What is left of one format."""

    used: int
    limit: int | None = described("null: any number, 0: not part of the plan")
    period: str = described("day or month: whichever has less room")
    remaining: int | None = described("gifts among them; null: any number")
    gifts: int
    resets_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TermView:
    """A plan that somebody has for a time."""

    plan: str
    title: str
    starts_at: datetime
    ends_at: datetime
    source: Source = described("why they have it")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """A person's plan and what is left of it."""

    plan: str = described('"" where nothing is limited')
    title: str
    terms: list[TermView] = described("what runs or will run, the first to end first")
    formats: dict[Format, LeftView]
    month: Spending = described("what this month took, of questions to the bots")


def me(ctx: Context, actor: Actor) -> OwnAccount:
    """Return what somebody is told of themselves. Raises NotFound for nobody."""
    user, authority = _user(ctx, actor), actor.standing
    account = Accounts(ctx.db).of(user.user_id)
    name = account.name if account else ""
    return OwnAccount(
        id=user.user_id,
        name=name or None,
        shown_name=user.shown_name or name,
        language=user.language,
        zone=user.zone or ctx.config.timezone,
        role=authority.role,
        scopes=sorted(authority.scopes),
        permissions=sorted(PERMISSIONS[authority.role]),
        courses=[led_course.course_id for led_course in led_courses(ctx, actor)],
        plan=plan_of(ctx.plans, user.plans).name if ctx.plans else None,
        has_password=account is not None and account.has_password,
        has_telegram=is_of_telegram(user.user_id),
    )


def set_language(ctx: Context, actor: Actor, language: str | None) -> None:
    """Choose a language for pages and bot; None: the client's. Raises Refused for others."""
    Users(ctx.db, ctx.clock).set_language(actor.user_id, language)


def set_zone(ctx: Context, actor: Actor, zone: str | None) -> None:
    """Choose the zone in which one's day turns; None: the config's. Raises Refused for others."""
    Users(ctx.db, ctx.clock).set_zone(actor.user_id, zone)


def set_name(ctx: Context, actor: Actor, name: str) -> None:
    """Take a user name; names that a course.yaml knows are given by admins alone.

    Raises Refused for one that cannot be had.
    """
    courses = Catalogue(ctx.db).courses(active_only=False)
    given = frozenset(fold_name(teacher) for course in courses for teacher in course.teachers)
    Accounts(ctx.db, ctx.clock).set_name(actor.user_id, check_own_name(name, given), actor.name)


def set_password(ctx: Context, actor: Actor, hashed: str, current_sign_in: int) -> None:
    """Keep a password by its hash; every other browser is signed out.

    Raises Refused for somebody without a name.
    """
    Accounts(ctx.db, ctx.clock).set_password(actor.user_id, hashed, actor.name)
    SignIns(ctx.db, ctx.clock).close_all(actor.user_id, but=current_sign_in)


def has_just_signed_in(ctx: Context, actor: Actor, current_sign_in: int) -> bool:
    """Return whether this browser was just signed in by another way than the password."""
    found = SignIns(ctx.db, ctx.clock).of(actor.user_id)
    here = (each for each in found if each.sign_in_id == current_sign_in)
    others = (each for each in here if each.how is not SignInMethod.PASSWORD)
    return any(ctx.clock() - other.at <= JUST_NOW for other in others)


def list_keys(ctx: Context, actor: Actor) -> list[KeyView]:
    """Return the actor's keys that count, newest first."""
    return [
        view_of(KeyView, each, id=each.key_id, scopes=sorted(each.scopes))
        for each in ApiKeys(ctx.db, ctx.clock).of(actor.user_id)
    ]


def make_key(
    ctx: Context, actor: Actor, label: str, scopes: Collection[Scope], days: int | None = None
) -> NewKey:
    """Return a new key with its secret; `days` None: it stays until it is revoked.

    Raises ScopeBeyondRole, Refused for a key that cannot be.
    """
    key, secret = create_key(ctx, actor, actor.user_id, actor.standing, label, scopes, days)
    return view_of(NewKey, key, id=key.key_id, scopes=sorted(key.scopes), secret=secret)


def create_key(
    ctx: Context,
    actor: Actor,
    user_id: int,
    authority: Authority,
    label: str,
    scopes: Collection[Scope],
    days: int | None,
) -> tuple[ApiKey, str]:
    """Store a key of somebody who has this authority; return it with its secret.

    A key never does what its owner may not. Raises ScopeBeyondRole, Refused.
    """
    useless = {scope for scope in scopes if scope in NEEDS and not authority.may(NEEDS[scope])}
    if useless:
        raise ScopeBeyondRole(sorted(useless), is_own=actor.user_id == user_id)
    ends = ctx.clock() + timedelta(days=days) if days is not None else None
    return ApiKeys(ctx.db, ctx.clock).make(user_id, label, frozenset(scopes), ends)


def revoke_key(ctx: Context, actor: Actor, key_id: int) -> None:
    """End a key; it counts no more from the next call on. Raises NotFound."""
    if not ApiKeys(ctx.db, ctx.clock).revoke(actor.user_id, key_id):
        raise NotFound("no such key", "account-no-key")


def list_sign_ins(ctx: Context, actor: Actor, current_sign_in: int) -> list[SignInView]:
    """Return the browsers that the actor is signed in with, the newest used first."""
    found = SignIns(ctx.db, ctx.clock).of(actor.user_id)
    return [
        view_of(SignInView, each, id=each.sign_in_id, is_current=each.sign_in_id == current_sign_in)
        for each in found
    ]


def close_sign_in(ctx: Context, actor: Actor, sign_in_id: int) -> None:
    """Sign one browser out. Raises NotFound."""
    if not SignIns(ctx.db, ctx.clock).close(actor.user_id, sign_in_id):
        raise NotFound("no such sign-in", "account-no-sign-in")


def close_sign_ins(ctx: Context, actor: Actor) -> int:
    """Sign all browsers out; return how many there were."""
    closed = SignIns(ctx.db, ctx.clock).close_all(actor.user_id)
    Audit(ctx.db, ctx.clock).note(actor.name, "sign-in.close-all", actor.name, {"closed": closed})
    return closed


def usage(ctx: Context, actor: Actor, language: str) -> UsageView:
    """Return what is left of each format and when it comes back, and what this month took."""
    found, now = show_quota(ctx, actor), ctx.clock()
    first = now.astimezone(found.zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    titles = {plan.name: plan.titled(language) for plan in ctx.plans}
    terms = (
        each
        for each in Terms(ctx.db, ctx.clock).of(actor.user_id)
        if each.ends_at > max(now, each.starts_at)
    )
    return UsageView(
        plan=found.plan.name,
        title=found.plan.titled(language),
        terms=[
            view_of(TermView, each, title=titles.get(each.plan, each.plan))
            for each in sorted(terms, key=lambda term: (term.ends_at, term.term_id))
        ],
        formats={
            kind: view_of(LeftView, each, period=each.period.value)
            for kind, each in found.left.items()
        },
        month=spent_since(ctx, actor, first.astimezone(UTC)),
    )


def export(ctx: Context, actor: Actor) -> Mapping[str, object]:
    """Return everything that is kept of the actor, as plain JSON values."""
    return PersonalRecords(ctx.db, ctx.clock).export(actor.user_id)


def count_records(ctx: Context, actor: Actor) -> Mapping[str, int]:
    """Return how many rows of each table are the actor's, tables without any left out."""
    return PersonalRecords(ctx.db, ctx.clock).count(actor.user_id)


def erase(
    ctx: Context, actor: Actor, spared: int | None = None, *, is_resumed: bool = False
) -> tuple[Mapping[str, int], list[str]]:
    """Remove every trace of the actor; of a bot's updates `spared` stays, which asked for it.

    Return how many rows of each table went, and the models that had learnt their corrections.
    What they used of the plan counts on for a day, or for the month it counts by. `is_resumed`:
    it may have been done before, and was noted then.
    """
    user, until = _user(ctx, actor), ctx.clock() + _ONE_DAY
    plan = plan_of(ctx.plans, user.plans)
    if any(allowance_of(plan, kind).month is not None for kind in Format):
        until = today(ctx.clock(), user.time_zone(ctx.config.timezone)).month_ends
    models = Proposals(ctx.db, ctx.clock).withdraw(actor.user_id)
    rows = PersonalRecords(ctx.db, ctx.clock).forget(actor.user_id, until, spared)
    if not is_resumed:
        Audit(ctx.db, ctx.clock).note(ERASED, "user.erase", ERASED)
    return rows, models


def _user(ctx: Context, actor: Actor) -> User:
    """Return the actor's row, an empty one for somebody who never wrote."""
    if not actor.user_id:
        raise NotFound("nobody is signed in", "account-no-user", user="")
    return Users(ctx.db, ctx.clock).get(actor.user_id) or User(actor.user_id)
