"""What a person has here: who is signed in, browsers, user name and password, keys, usage, export.

Keys are what a person's programs sign in with; people make and revoke them, a key never does.
Usage is what is left of the plan, what this month took, and all that is kept of the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.account.accounts import (
    LEAST,
    MOST,
    Accounts,
    check_own_name,
    check_password_strength,
    fold_name,
    hash_password,
    is_of_telegram,
)
from merlin.account.api_keys import ApiKey, ApiKeys, Scope, useless_scopes
from merlin.account.sign_ins import SignIn, SignInMethod, SignIns
from merlin.account.users import User, Users
from merlin.api.auth import (
    BROWSER,
    SIGN_IN,
    Caller,
    PasswordCheck,
    Person,
    check_password,
    delete_cookie,
    read_cookie,
    refuse_plain,
    require_access,
)
from merlin.api.problems import Problem, headers_of, language_of_request, problems
from merlin.api.rate_limits import LoginThrottle
from merlin.api.rest.sessions import CostShown, UsageShown, costs_shown
from merlin.api.schema import WHOLE
from merlin.api.services import ApiServices
from merlin.app.permissions import leads
from merlin.app.personal_data import PersonalRecords
from merlin.app.sessions import PrivateSessions, Spending
from merlin.billing.plan import Format, Source, plan_of
from merlin.billing.quota import Left, Quotas
from merlin.billing.subscriptions import Term
from merlin.core.clock import zone_of
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import PERMISSIONS, Authority, Permission, Role
from merlin.course.catalogue import Catalogue
from merlin.db.audit import Audit
from merlin.db.audit import person_reference as told_user


class Me(BaseModel):
    """A person, as only they see it."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str | None = Field(description="the user name, null without one")
    shown_name: str = Field(description="what Telegram says they are called, or the user name")
    language: str | None = Field(description="ru or en where they chose one in the bot")
    zone: str = Field(description="the time zone that their days turn in")
    role: Role
    scopes: list[str] = Field(description="the courses and datasets that a teacher was given")
    permissions: list[Permission] = Field(description="what the role allows, a teacher's in scope")
    courses: list[int] = Field(description="ids of the courses that they lead")
    plan: str | None = Field(description="the plan, null where nothing is limited")
    has_password: bool
    has_telegram: bool


def me(services: ApiServices, user: User, standing: Authority) -> Me:
    """Return what somebody is told of themselves; reads rows."""
    account = Accounts(services.db).of(user.user_id)
    name = account.name if account else ""
    plan = plan_of(services.plans, user.plans).name if services.plans else None
    return Me(
        id=user.user_id,
        name=name or None,
        shown_name=user.shown_name or name,
        language=user.language,
        zone=user.zone or services.timezone,
        role=standing.role,
        scopes=sorted(standing.scopes),
        permissions=sorted(PERMISSIONS[standing.role]),
        courses=_led(services, standing, name),
        plan=plan,
        has_password=account is not None and account.has_password,
        has_telegram=is_of_telegram(user.user_id),
    )


def me_of(services: ApiServices, user_id: int) -> Me:
    """Return what somebody is told of themselves, by their number; reads rows."""
    user = Users(services.db).get(user_id) or User(user_id)
    return me(services, user, services.roles.standing(user_id))


def _led(services: ApiServices, standing: Authority, name: str) -> list[int]:
    if not standing.may(Permission.EDIT_MATERIALS):
        return []
    courses = Catalogue(services.db).courses(active_only=False)
    return [each.course_id for each in courses if leads(standing, name, each)]


key_router = APIRouter(prefix="/api/user/keys", tags=["keys"])

LABEL_LENGTH = 80
MOST_DAYS = 3650
KeyId = Annotated[int, Path(ge=1, le=2**53 - 1)]


class KeyShown(BaseModel):
    """A key without its secret."""

    model_config = ConfigDict(frozen=True)

    id: int
    label: str
    hint: str = Field(description="how the secret begins")
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None = Field(description="null: it stays until it is revoked")
    used_at: datetime | None = Field(description="when it was used last, exact to a minute")


class KeysShown(BaseModel):
    """A person's keys that count, newest first."""

    model_config = ConfigDict(frozen=True)

    keys: list[KeyShown]


class KeyMade(KeyShown):
    """A new key, with its secret for the only time."""

    secret: str = Field(description="mrl_…; nobody can read it again")


class KeySaid(BaseModel):
    """What a new key is to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str = Field(min_length=1, max_length=LABEL_LENGTH, description="for its owner")
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    expires_in_days: Annotated[int, Field(ge=1, le=MOST_DAYS, strict=True), WHOLE] | None = Field(
        default=None, description="null: it stays until it is revoked"
    )


@key_router.get("", summary="List my keys", responses=problems(401, 403, 429))
async def list_keys(request: Request, caller: Person) -> KeysShown:
    """Return the keys that count, newest first."""
    services: ApiServices = request.app.state.services
    found = await services.store.read(lambda: ApiKeys(services.db).of(caller.user_id))
    return KeysShown(keys=[_key_shown(key) for key in found])


@key_router.post(
    "",
    summary="Make a key",
    status_code=HTTPStatus.CREATED,
    responses=problems(401, 403, 409, 422, 429),
)
async def make_key(request: Request, body: KeySaid, caller: Person) -> KeyMade:
    """Return a new key with its secret, which is shown this once.

    A key never does what its owner may not: scopes beyond the role are refused at once.
    """
    services: ApiServices = request.app.state.services
    _refuse_beyond(caller, body.scopes)
    ends = None
    if body.expires_in_days is not None:
        ends = services.clock() + timedelta(days=body.expires_in_days)
    keys, scopes = ApiKeys(services.db), frozenset(body.scopes)
    key, secret = await services.store.do(
        lambda: keys.make(caller.user_id, body.label, scopes, ends)
    )
    return KeyMade(**_key_shown(key).model_dump(), secret=secret)


@key_router.delete(
    "/{key_id}",
    summary="Revoke a key",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429),
)
async def revoke_key(request: Request, key_id: KeyId, caller: Person) -> None:
    """End a key; it counts no more from the next call on."""
    services: ApiServices = request.app.state.services
    keys = ApiKeys(services.db)
    if not await services.store.do(lambda: keys.revoke(caller.user_id, key_id)):
        raise NotFound("no such key", "account-no-key")


def _refuse_beyond(caller: Caller, scopes: list[Scope]) -> None:
    vain = useless_scopes(caller.standing, scopes)
    if vain:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        raise Problem(status, "scope-beyond-role", scopes=", ".join(vain))


def _key_shown(key: ApiKey) -> KeyShown:
    return KeyShown(
        id=key.key_id,
        label=key.label,
        hint=key.hint,
        scopes=sorted(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        used_at=key.used_at,
    )


usage_router = APIRouter(prefix="/api/user", tags=["usage"])

Reader = Annotated[Caller, Depends(require_access(Scope.ACCOUNT_READ))]
_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file with every row that is kept of the person, words opened",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class LeftShown(BaseModel):
    """What is left of one format."""

    model_config = ConfigDict(frozen=True)

    used: int
    limit: int | None = Field(description="null: any number, 0: not part of the plan")
    period: str = Field(description="day or month: whichever has less room")
    remaining: int | None = Field(description="gifts among them; null: any number")
    gifts: int
    resets_at: datetime


class MonthShown(BaseModel):
    """What this month took, of questions to the bots."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    questions: int
    usage: UsageShown
    costs: list[CostShown]


class TermShown(BaseModel):
    """A plan that somebody has for a time."""

    model_config = ConfigDict(frozen=True)

    plan: str
    title: str
    starts_at: datetime
    ends_at: datetime
    source: Source = Field(description="why they have it")


class UsageLeft(BaseModel):
    """A person's plan and what is left of it."""

    model_config = ConfigDict(frozen=True)

    plan: str = Field(description='"" where nothing is limited')
    title: str
    terms: list[TermShown] = Field(description="what runs or will run, the first to end first")
    formats: dict[Format, LeftShown]
    month: MonthShown


@usage_router.get(
    "/usage", summary="Show what is left of my plan", responses=problems(401, 403, 429)
)
async def show_usage(request: Request, response: Response, caller: Reader) -> UsageLeft:
    """Return what is left of each format and when it comes back, and what this month took."""
    services: ApiServices = request.app.state.services
    user = caller.user
    plan = plan_of(services.plans, user.plans if user else ())
    zone = zone_of((user.zone if user else None) or services.timezone)
    since = _month_began(services.clock(), zone)

    def read() -> tuple[Mapping[Format, Left], Spending, list[Term]]:
        left = Quotas(services.db, services.bot_id).left(caller.user_id, plan, zone)
        terms = services.billing.terms.of(caller.user_id)
        return left, PrivateSessions(services.db).spent(caller.user_id, since), terms

    left, spent, terms = await services.store.read(read)
    language = language_of_request(request)
    response.headers.update(headers_of(language))
    return UsageLeft(
        plan=plan.name,
        title=plan.titled(language),
        terms=_terms(services, language, terms),
        formats=_formats(left),
        month=_month(since, spent),
    )


@usage_router.get(
    "/export",
    summary="Take along all that is kept of me",
    responses={**problems(401, 403, 429), **_EXPORT},
)
async def export(request: Request, caller: Reader) -> Response:
    """Return everything that is kept of the person, as one JSON file."""
    services: ApiServices = request.app.state.services
    told = await services.store.read(lambda: PersonalRecords(services.db).told(caller.user_id))
    headers = {"Content-Disposition": f'attachment; filename="merlin-{caller.user_id}.json"'}
    return JSONResponse(told, HTTPStatus.OK, headers)


def _month_began(now: datetime, zone: tzinfo) -> datetime:
    first = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.astimezone(UTC)


def _month(since: datetime, spent: Spending) -> MonthShown:
    usage = UsageShown(
        input_tokens=spent.usage.input_tokens, output_tokens=spent.usage.output_tokens
    )
    costs = costs_shown(spent.costs)
    return MonthShown(since=since, questions=spent.questions, usage=usage, costs=costs)


def _terms(services: ApiServices, language: str, terms: Iterable[Term]) -> list[TermShown]:
    now, titles = services.clock(), {each.name: each.titled(language) for each in services.plans}
    counting = (each for each in terms if each.ends_at > max(now, each.starts_at))
    return [
        TermShown(
            plan=each.plan,
            title=titles.get(each.plan, each.plan),
            starts_at=each.starts_at,
            ends_at=each.ends_at,
            source=each.source,
        )
        for each in sorted(counting, key=lambda term: (term.ends_at, term.term_id))
    ]


def _formats(left: Mapping[Format, Left]) -> dict[Format, LeftShown]:
    return {
        kind: LeftShown(
            used=each.used,
            limit=each.limit,
            period=each.period.value,
            remaining=each.remaining,
            gifts=each.gifts,
            resets_at=each.resets_at,
        )
        for kind, each in left.items()
    }


me_router = APIRouter(prefix="/api/user", tags=["me"])
_Said = ConfigDict(frozen=True, extra="forbid")
# Who has just signed in by another way may set a password that replaces a forgotten one.
JUST_NOW = timedelta(minutes=10)
SignInId = Annotated[int, Path(ge=1, le=2**53 - 1)]


class SignInShown(BaseModel):
    """A browser that somebody is signed in with."""

    model_config = ConfigDict(frozen=True)

    id: int
    how: SignInMethod
    agent: str = Field(description="what the browser calls itself, such as Firefox, Linux")
    at: datetime
    seen_at: datetime
    expires_at: datetime
    is_current: bool = Field(description="the one that asks")


class SignInsShown(BaseModel):
    """All browsers of a person, the newest used first."""

    model_config = ConfigDict(frozen=True)

    sign_ins: list[SignInShown]


class ClosedShown(BaseModel):
    """How many sign-ins have ended."""

    model_config = ConfigDict(frozen=True)

    closed: int


class NameSaid(BaseModel):
    """A new user name."""

    model_config = _Said

    name: str = Field(min_length=2, max_length=64, description="a-z, 0-9, . _ -; a letter first")


class NewPasswordSaid(BaseModel):
    """A new password; `current` is the old one, where there is one."""

    model_config = _Said

    password: str = Field(min_length=LEAST, max_length=MOST)
    current: str | None = Field(default=None, min_length=1, max_length=MOST)


@me_router.get("", summary="Who I am here", responses=problems(401, 403, 429))
async def show_me(
    request: Request, caller: Annotated[Caller, Depends(require_access(Scope.ACCOUNT_READ))]
) -> Me:
    """Tell who is signed in, and what they may do."""
    return await _me(request, caller)


@me_router.get("/sign-ins", summary="My browsers", responses=problems(401, 403, 429))
async def list_sign_ins(request: Request, caller: Person) -> SignInsShown:
    """List the browsers that the person is signed in with."""
    found = await _sign_ins(request, caller)
    return SignInsShown(sign_ins=[_sign_in_shown(each, caller) for each in found])


@me_router.delete(
    "/sign-ins/{sign_in_id}",
    summary="Sign one browser out",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(401, 403, 404, 422, 429),
)
async def close_sign_in(
    request: Request, response: Response, sign_in_id: SignInId, caller: Person
) -> None:
    """Sign one browser out."""
    services: ApiServices = request.app.state.services
    sign_ins = SignIns(services.db)
    if not await services.store.do(lambda: sign_ins.close(caller.user_id, sign_in_id)):
        raise NotFound("no such sign-in", "account-no-sign-in")
    if sign_in_id == caller.credential:
        delete_cookie(request, response, SIGN_IN)


@me_router.delete("/sign-ins", summary="Sign out everywhere", responses=problems(401, 403, 429))
async def close_all_sign_ins(request: Request, response: Response, caller: Person) -> ClosedShown:
    """Sign out everywhere, here too."""
    services: ApiServices = request.app.state.services
    whose = told_user(caller.user_id)

    def work() -> int:
        closed = SignIns(services.db).close_all(caller.user_id)
        Audit(services.db).note(whose, "sign-in.close-all", whose, {"closed": closed})
        return closed

    closed = await services.store.do(work)
    delete_cookie(request, response, SIGN_IN)
    return ClosedShown(closed=closed)


@me_router.put("/name", summary="Take a user name", responses=problems(401, 403, 409, 422, 429))
async def set_name(request: Request, body: NameSaid, caller: Person) -> Me:
    """Take a user name; names that a course.yaml knows are given by admins alone."""
    services: ApiServices = request.app.state.services

    def work() -> None:
        courses = Catalogue(services.db).courses(active_only=False)
        given = frozenset(fold_name(name) for each in courses for name in each.teachers)
        name = check_own_name(body.name, given)
        Accounts(services.db).set_name(caller.user_id, name, told_user(caller.user_id))

    await services.store.do(work)
    return await _me(request, caller)


@me_router.put("/password", summary="Set my password", responses=problems(401, 403, 409, 422, 429))
async def set_password(request: Request, body: NewPasswordSaid, caller: Person) -> Me:
    """Set a password; every other browser is signed out.

    The current one is asked for, unless the person has just signed in by another way.
    """
    refuse_plain(request)
    services: ApiServices = request.app.state.services
    gate: LoginThrottle = request.app.state.gate
    who = told_user(caller.user_id)
    account = await services.store.read(lambda: Accounts(services.db).of(caller.user_id))
    if account is None:
        raise Refused("no user name", "account-no-name")
    if account.has_password and not await _has_just_come(request, caller):
        if body.current is None:
            raise Problem(HTTPStatus.FORBIDDEN, "current-password")
        await check_password(
            request, PasswordCheck(account.name, body.current, read_cookie(request, BROWSER))
        )
    stored = await gate.apart(lambda: _kept(body.password, account.name))

    def work() -> None:
        Accounts(services.db).set_password(caller.user_id, stored, who)
        SignIns(services.db).close_all(caller.user_id, but=caller.credential)

    await services.store.do(work)
    return await _me(request, caller)


def _kept(password: str, name: str) -> str:
    check_password_strength(password, name)
    return hash_password(password)


async def _has_just_come(request: Request, caller: Caller) -> bool:
    services: ApiServices = request.app.state.services
    here = [each for each in await _sign_ins(request, caller) if _is_here(each, caller)]
    others = (each for each in here if each.how is not SignInMethod.PASSWORD)
    return any(services.clock() - each.at <= JUST_NOW for each in others)


async def _sign_ins(request: Request, caller: Caller) -> list[SignIn]:
    services: ApiServices = request.app.state.services
    return await services.store.read(lambda: SignIns(services.db).of(caller.user_id))


async def _me(request: Request, caller: Caller) -> Me:
    services: ApiServices = request.app.state.services
    return await services.store.read(lambda: me_of(services, caller.user_id))


def _is_here(sign_in: SignIn, caller: Caller) -> bool:
    return sign_in.sign_in_id == caller.credential


def _sign_in_shown(sign_in: SignIn, caller: Caller) -> SignInShown:
    return SignInShown(
        id=sign_in.sign_in_id,
        how=sign_in.how,
        agent=sign_in.agent,
        at=sign_in.at,
        seen_at=sign_in.seen_at,
        expires_at=sign_in.expires_at,
        is_current=_is_here(sign_in, caller),
    )
