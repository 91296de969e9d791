"""The actor's own account: profile, settings, API keys, browser sessions, quota, erasure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from merlin.account.accounts import Accounts, check_own_name, fold_name
from merlin.account.api_keys import REQUIRED_PERMISSIONS, ApiKey, ApiKeys, Scope
from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import ERASED, User, Users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.limits import show_quota
from merlin.app.permissions import list_led_courses
from merlin.app.personal_data import PersonalRecords
from merlin.app.subscriptions import stop_renewals
from merlin.billing.quota import Format, Left, plan_of
from merlin.billing.refunds import Refunds
from merlin.billing.terms import Terms
from merlin.chat.turns import TurnState
from merlin.core.clock import is_recent, iso
from merlin.core.errors import NotFound, Refused
from merlin.core.json_fields import is_telegram_id
from merlin.core.permissions import PERMISSIONS, Authority, Permission, Role
from merlin.core.views import described, view_of
from merlin.db.audit import Audit
from merlin.db.notices import Notices
from merlin.db.processes import CALL_LIMIT
from merlin.db.tables import TURN
from merlin.training.promote import Promotions

# A user who signed in this recently without the password needs no other proof of who they are.
JUST_NOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAccount:
    """The account of the caller."""

    id: int
    name: str | None = described("Username; null if none is set.")
    display_name: str = described("Name in Telegram, else the username.")
    language: str | None = described(
        "Language chosen in the bot, `ru` or `en`; null if none."
    )
    zone: str = described("IANA time zone in which daily limits reset.")
    role: Role
    scopes: list[str] = described("Courses and datasets granted to a teacher.")
    permissions: list[Permission] = described(
        "Permissions of the role; a teacher's apply to `scopes`."
    )
    courses: list[int] = described("Ids of the courses that the person teaches.")
    plan: str | None = described(
        "Name of the current plan; null if nothing is limited."
    )
    has_password: bool
    has_telegram: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey(ApiKey):
    """A new API key with its secret."""

    secret: str = field(
        repr=False,
        metadata={
            "description": "Secret of the key, `mrl_…`; it cannot be retrieved again."
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TermView:
    """A period in which a person has a plan."""

    plan: str
    title: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """A person's plan with its limits."""

    plan: str = described('Name of the current plan; "" if nothing is limited.')
    title: str
    terms: list[TermView] = described(
        "Current and future periods of plans, sorted by end."
    )
    formats: Mapping[Format, Left]


def read_own_account(
    ctx: Context, actor: Actor, user: User | None = None
) -> OwnAccount:
    """Return the actor's own profile; `user` if their row is read. Raises NotFound for a guest."""
    user = user or _user(ctx, actor)
    authority = actor.authority
    account = Accounts(ctx.db).find(user.user_id)
    name = account.name if account else ""
    return OwnAccount(
        id=user.user_id,
        name=name or None,
        display_name=user.shown_name or name,
        language=user.language,
        zone=user.zone or ctx.config.timezone,
        role=authority.role,
        scopes=sorted(authority.scopes),
        permissions=sorted(PERMISSIONS[authority.role]),
        courses=[led_course.course_id for led_course in list_led_courses(ctx, actor)],
        plan=plan_of(ctx.plans, user.plans).name if ctx.plans else None,
        has_password=account is not None and account.has_password,
        has_telegram=is_telegram_id(user.user_id),
    )


def set_name(ctx: Context, actor: Actor, name: str) -> None:
    """Set the user name. Raises Refused for an invalid or taken name.

    Only admins give names that a course.yaml lists as teachers, and the names of teachers: a later
    course.yaml may list the name that a teacher has chosen.
    """
    if actor.authority.role is Role.TEACHER:
        raise Refused("a teacher's name", "account-name-reserved", name=fold_name(name))
    courses = ctx.read_courses().every.values()
    reserved = frozenset(
        fold_name(teacher) for course in courses for teacher in course.teachers
    )
    own_name = check_own_name(name, reserved)
    Accounts(ctx.db, ctx.clock).set_name(actor.user_id, own_name, actor.name)


def set_password(ctx: Context, actor: Actor, hashed: str, current_sign_in: int) -> None:
    """Store a password hash and sign out every other browser.

    Raises Refused for a user without a name, and for a browser that was signed out meanwhile.
    """
    sign_ins = SignIns(ctx.db, ctx.clock)
    Accounts(ctx.db, ctx.clock).set_password(actor.user_id, hashed, actor.name)
    # Another browser may have set a password while this one was verified.
    if current_sign_in not in {each.id for each in sign_ins.list_open(actor.user_id)}:
        raise Refused("signed out", "api-problem-sign-in")
    sign_ins.close_all(actor.user_id, but=current_sign_in)
    _notify(ctx, actor, "notice-password-set")


def has_just_signed_in(ctx: Context, actor: Actor, current_sign_in: int) -> bool:
    """Return whether this browser signed in recently by a method other than the password."""
    return any(
        sign_in.id == current_sign_in
        and sign_in.method is not SignInMethod.PASSWORD
        and is_recent(sign_in.at, ctx.clock(), JUST_NOW)
        for sign_in in SignIns(ctx.db, ctx.clock).list_open(actor.user_id)
    )


def list_keys(ctx: Context, actor: Actor) -> list[ApiKey]:
    """Return the actor's valid keys, newest first."""
    return ApiKeys(ctx.db, ctx.clock).list_valid(actor.user_id)


def make_key(
    ctx: Context,
    actor: Actor,
    label: str,
    scopes: Collection[Scope],
    days: int | None = None,
) -> NewKey:
    """Create a key and return it with its secret; `days` None: it does not expire.

    Raises Refused as `create_key`.
    """
    key = create_key(ctx, actor.user_id, actor.authority, label, scopes, days)
    _notify(ctx, actor, "notice-key-made", hint=key.hint)
    return key


def create_key(
    ctx: Context,
    user_id: int,
    authority: Authority,
    label: str,
    scopes: Collection[Scope],
    days: int | None,
) -> NewKey:
    """Create a key for a user with this authority; return it with its secret.

    A key cannot do what its owner may not. Raises Refused, also for invalid values.
    """
    forbidden = sorted(
        scope
        for scope in scopes
        if scope in REQUIRED_PERMISSIONS
        and not authority.may(REQUIRED_PERMISSIONS[scope])
    )
    if forbidden:
        raise Refused(
            "beyond the role", "account-key-beyond", scopes=", ".join(forbidden)
        )
    expires_at = ctx.clock() + timedelta(days=days) if days is not None else None
    key, secret = ApiKeys(ctx.db, ctx.clock).make(
        user_id, label, frozenset(scopes), expires_at
    )
    return view_of(NewKey, key, secret=secret)


def revoke_key(ctx: Context, actor: Actor, key_id: int) -> None:
    """Revoke a key, effective from the next request. Raises NotFound."""
    if not ApiKeys(ctx.db, ctx.clock).revoke(actor.user_id, key_id):
        raise NotFound("no such key", "account-no-key")


def close_sign_ins(ctx: Context, actor: Actor) -> None:
    """Sign all browsers out and revoke all keys."""
    keys = ApiKeys(ctx.db, ctx.clock).revoke_all(actor.user_id)
    sign_ins = SignIns(ctx.db, ctx.clock)
    sign_ins.refuse_older(actor.user_id)
    counts = {"closed": sign_ins.close_all(actor.user_id), "keys": keys}
    Audit(ctx.db, ctx.clock).note(actor.name, "sign-in.close-all", actor.name, counts)


def read_usage(ctx: Context, actor: Actor, language: str) -> UsageView:
    """Return the remaining quota of each format, and when it resets."""
    quota = show_quota(ctx, actor)
    now = ctx.clock()
    titles = {plan.name: plan.title_in(language) for plan in ctx.plans}
    terms = (
        term
        for term in Terms(ctx.db, ctx.clock).list_of_user(actor.user_id)
        if term.is_open(now)
    )
    return UsageView(
        plan=quota.plan.name,
        title=quota.plan.title_in(language),
        terms=[
            view_of(TermView, term, title=titles.get(term.plan, term.plan))
            for term in sorted(terms, key=lambda term: (term.ends_at, term.term_id))
        ],
        formats=quota.left,
    )


def export(ctx: Context, actor: Actor) -> Mapping[str, object]:
    """Return all stored data of the actor as plain JSON values."""
    return PersonalRecords(ctx.db, ctx.clock).export(actor.user_id)


def count_records(ctx: Context, actor: Actor) -> Mapping[str, int]:
    """Return the number of rows that `erase` deletes by table, without tables that have none."""
    return PersonalRecords(ctx.db, ctx.clock).count(actor.user_id)


# The kinds of records that are named to people, in this order; their texts are `my-data-kind`.
_NAMED_RECORDS = (
    *("turn", "chat_session", "rating", "proposal", "favourite", "consent"),
    *(
        "quota_use",
        "question_pack",
        "plan_term",
        "role_grant",
        "change",
        "api_key",
        "sign_in",
    ),
)


def list_record_kinds(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the named kinds of counted records with their numbers, and `other` for the rest."""
    named = [(name, counts[name]) for name in _NAMED_RECORDS if counts.get(name)]
    others = sum(count for name, count in counts.items() if name not in _NAMED_RECORDS)
    return [*named, *([("other", others)] if others else [])]


def prepare_erasure(ctx: Context, actor: Actor) -> str:
    """Stop what may not outlive the actor's data; return the key of what to wait for, "" for none.

    Only the bot can refund Stars and end their renewal, and an answer that is on its way would be
    stored after the erasure: outside the bot, all have to be over first.
    """
    if Refunds(ctx.db).is_owed_stars(actor.user_id):
        return "my-data-refund"
    if stop_renewals(ctx, actor.user_id):
        return "my-data-renewal"
    is_asked = (TURN.user_id == actor.user_id) & (TURN.state == TurnState.ASKED.value)
    is_asked &= TURN.asked_at > iso(ctx.clock() - CALL_LIMIT)
    return "my-data-answering" if ctx.db.count(TURN, is_asked) else ""


def erase(
    ctx: Context,
    actor: Actor,
    kept_update: int | None = None,
    *,
    is_resumed: bool = False,
    by: str = ERASED,
) -> tuple[Mapping[str, int], list[str]]:
    """Delete all data of the actor, except the bot's update `kept_update`, the request itself.

    Return the number of deleted rows by table, and the models that had learnt the actor's
    corrections. Their used quota of this month still counts. `is_resumed`: the erasure may have run
    before and is in the audit log already. `by`: who erases, in that log.
    """
    _user(ctx, actor)
    models = Promotions(ctx.db, ctx.clock).withdraw_examples(actor.user_id)
    rows = PersonalRecords(ctx.db, ctx.clock).forget(actor.user_id, kept_update)
    SignIns(ctx.db, ctx.clock).refuse_older(actor.user_id)
    if not is_resumed:
        Audit(ctx.db, ctx.clock).note(by, "user.erase", ERASED)
    return rows, models


def erase_from_browser(
    ctx: Context, actor: Actor
) -> tuple[Mapping[str, int], list[str]]:
    """Do what `erase` does, and say so in the bot."""
    erased = erase(ctx, actor)
    _notify(ctx, actor, "notice-erased")
    return erased


def _notify(ctx: Context, actor: Actor, key: str, **arguments: object) -> None:
    """Tell the actor in the bot what was done from a browser, which may be in other hands."""
    Notices(ctx.db, ctx.clock).notify(str(actor.user_id), key, arguments)


def _user(ctx: Context, actor: Actor) -> User:
    """Return the actor's row, or an empty one for a user who never wrote. Raises NotFound."""
    if not actor.user_id:
        raise NotFound("not signed in", "account-no-user", user="")
    return Users(ctx.db, ctx.clock).get_or_new(actor.user_id)
