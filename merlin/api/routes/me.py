"""Me: who is signed in, their browsers, their user name and password."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.account import folded, own_name
from merlin.account.audit import user as told_user
from merlin.account.key import Scope
from merlin.account.password import LEAST, MOST, hashed, judge
from merlin.account.sign_in import How, SignIn
from merlin.api.caller import Caller, Person, holding
from merlin.api.cookies import BROWSER, SIGN_IN, forget, kept, refuse_plain
from merlin.api.described import problems
from merlin.api.entrance import Gate
from merlin.api.guessing import Guess, checked
from merlin.api.me import Me, me_of
from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.core.errors import NotFound, Refused

router = APIRouter(prefix="/api/user", tags=["me"])
_Said = ConfigDict(frozen=True, extra="forbid")
# Who has just signed in by another way may set a password that replaces a forgotten one.
JUST_NOW = timedelta(minutes=10)
SignInId = Annotated[int, Path(ge=1, le=2**53 - 1)]


class SignInShown(BaseModel):
    """A browser that somebody is signed in with."""

    model_config = ConfigDict(frozen=True)

    id: int
    how: How
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


@router.get("", summary="Who I am here", responses=problems(401, 403, 429))
async def show_me(
    request: Request, caller: Annotated[Caller, Depends(holding(Scope.ACCOUNT_READ))]
) -> Me:
    """Tell who is signed in, and what they may do."""
    return await _me(request, caller)


@router.get("/sign-ins", summary="My browsers", responses=problems(401, 403, 429))
async def list_sign_ins(request: Request, caller: Person) -> SignInsShown:
    """List the browsers that the person is signed in with."""
    found = await _sign_ins(request, caller)
    return SignInsShown(sign_ins=[_shown(each, caller) for each in found])


@router.delete(
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
    sign_ins = services.rows.sign_ins
    if not await services.store.do(lambda: sign_ins.close(caller.user_id, sign_in_id)):
        raise NotFound("no such sign-in", "account-no-sign-in")
    if sign_in_id == caller.credential:
        forget(request, response, SIGN_IN)


@router.delete("/sign-ins", summary="Sign out everywhere", responses=problems(401, 403, 429))
async def close_all_sign_ins(request: Request, response: Response, caller: Person) -> ClosedShown:
    """Sign out everywhere, here too."""
    services: ApiServices = request.app.state.services
    rows, whose = services.rows, told_user(caller.user_id)

    def work() -> int:
        closed = rows.sign_ins.close_all(caller.user_id)
        rows.audit.note(whose, "sign-in.close-all", whose, {"closed": closed})
        return closed

    closed = await services.store.do(work)
    forget(request, response, SIGN_IN)
    return ClosedShown(closed=closed)


@router.put("/name", summary="Take a user name", responses=problems(401, 403, 409, 422, 429))
async def set_name(request: Request, body: NameSaid, caller: Person) -> Me:
    """Take a user name; names that a course.yaml knows are given by admins alone."""
    services: ApiServices = request.app.state.services
    rows = services.rows

    def work() -> None:
        courses = rows.courses.courses(active_only=False)
        given = frozenset(folded(name) for each in courses for name in each.teachers)
        name = own_name(body.name, given)
        rows.accounts.set_name(caller.user_id, name, told_user(caller.user_id))

    await services.store.do(work)
    return await _me(request, caller)


@router.put("/password", summary="Set my password", responses=problems(401, 403, 409, 422, 429))
async def set_password(request: Request, body: NewPasswordSaid, caller: Person) -> Me:
    """Set a password; every other browser is signed out.

    The current one is asked for, unless the person has just signed in by another way.
    """
    refuse_plain(request)
    services: ApiServices = request.app.state.services
    gate: Gate = request.app.state.gate
    rows, who = services.rows, told_user(caller.user_id)
    account = await services.store.read(lambda: rows.accounts.of(caller.user_id))
    if account is None:
        raise Refused("no user name", "account-no-name")
    if account.has_password and not await _has_just_come(request, caller):
        if body.current is None:
            raise Problem(HTTPStatus.FORBIDDEN, "current-password")
        await checked(request, Guess(account.name, body.current, kept(request, BROWSER)))
    stored = await gate.apart(lambda: _kept(body.password, account.name))

    def work() -> None:
        rows.accounts.set_password(caller.user_id, stored, who)
        rows.sign_ins.close_all(caller.user_id, but=caller.credential)

    await services.store.do(work)
    return await _me(request, caller)


def _kept(password: str, name: str) -> str:
    judge(password, name)
    return hashed(password)


async def _has_just_come(request: Request, caller: Caller) -> bool:
    services: ApiServices = request.app.state.services
    here = [each for each in await _sign_ins(request, caller) if _is_here(each, caller)]
    others = (each for each in here if each.how is not How.PASSWORD)
    return any(services.clock() - each.at <= JUST_NOW for each in others)


async def _sign_ins(request: Request, caller: Caller) -> list[SignIn]:
    services: ApiServices = request.app.state.services
    return await services.store.read(lambda: services.rows.sign_ins.of(caller.user_id))


async def _me(request: Request, caller: Caller) -> Me:
    services: ApiServices = request.app.state.services
    return await services.store.read(lambda: me_of(services, caller.user_id))


def _is_here(sign_in: SignIn, caller: Caller) -> bool:
    return sign_in.sign_in_id == caller.credential


def _shown(sign_in: SignIn, caller: Caller) -> SignInShown:
    return SignInShown(
        id=sign_in.sign_in_id,
        how=sign_in.how,
        agent=sign_in.agent,
        at=sign_in.at,
        seen_at=sign_in.seen_at,
        expires_at=sign_in.expires_at,
        is_current=_is_here(sign_in, caller),
    )
