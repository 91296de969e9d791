"""Caller: who makes a call, and what they may do with it.

    Authorization: Bearer mrl_…    a program with a key: its owner's role, capped by the scopes
    Authorization: Bearer <token>  a page within Telegram, where no cookie can be kept
    Cookie: merlin=<token>         a browser that somebody is signed in with

Who is signed in is known from these alone, never from anything else that the call says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from merlin.account.key import Scope, is_secret
from merlin.account.role import Permission, Standing
from merlin.account.user import User
from merlin.api.cookies import SIGN_IN, kept
from merlin.api.limits import Limits
from merlin.api.origin import refuse_foreign
from merlin.api.problems import Problem
from merlin.api.services import ApiServices

# How exactly it is known when a key or a browser was used last.
SEEN = timedelta(minutes=1)
_NOBODY = Standing()


class By(StrEnum):
    """What a caller is known by."""

    NOTHING = "nothing"
    COOKIE = "cookie"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; `user` None: nobody is signed in.

    `scopes` are those of the key, None where no key limits what the person may do. `credential`
    is the number of the key or of the sign-in.
    """

    user: User | None = None
    standing: Standing = _NOBODY
    by: By = By.NOTHING
    scopes: frozenset[Scope] | None = None
    credential: int = 0
    token: str = ""

    @property
    def user_id(self) -> int:
        """Return who calls; 0: nobody is signed in."""
        return self.user.user_id if self.user else 0

    def may(self, permission: Permission, where: str | None = None) -> bool:
        """Return whether this person may do this, at this dataset or course."""
        return self.user is not None and self.standing.may(permission, where)

    def has(self, scope: Scope) -> bool:
        """Return whether what the caller is known by may be used for this."""
        return self.user is not None and (self.scopes is None or scope in self.scopes)


async def caller_of(request: Request) -> Caller:
    """Return who makes this call. Raises Problem for a key or token that does not count.

    A call that changes something is refused when a page of another site sent it.
    """
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        known = request.state.caller = await _read(request)
    return known


async def _read(request: Request) -> Caller:
    services: ApiServices = request.app.state.services
    limits: Limits = request.app.state.limits
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        found = await services.store.read(lambda: _of_bearer(services, secret.strip()))
        if found is None:
            limits.forget(request.scope)
            raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized")
    else:
        refuse_foreign(request)
        token = kept(request, SIGN_IN)
        look = partial(_of_token, services, token, By.COOKIE)
        found = await services.store.read(look) if token else None
        if found is None:
            limits.forget(request.scope)
    caller, seen_at = found or (Caller(), None)
    if caller.user is not None and caller.user.is_blocked:
        limits.forget(request.scope)
        raise Problem(HTTPStatus.FORBIDDEN, "blocked")
    if caller.user is not None:
        limits.recognise(request.scope, caller.user_id)
        await _note(services, caller, seen_at)
    return caller


Found = tuple[Caller, datetime | None]


def _of_bearer(services: ApiServices, secret: str) -> Found | None:
    if not is_secret(secret):
        return _of_token(services, secret, By.TOKEN)
    key = services.rows.keys.find(secret)
    if key is None:
        return None
    user = services.rows.users.get(key.user_id) or User(key.user_id)
    standing = services.rows.roles.standing(key.user_id)
    return Caller(user, standing, By.KEY, key.scopes, key.key_id), key.used_at


def _of_token(services: ApiServices, token: str, by: By) -> Found | None:
    sign_in = services.rows.sign_ins.find(token)
    if sign_in is None:
        return None
    user = services.rows.users.get(sign_in.user_id) or User(sign_in.user_id)
    standing = services.rows.roles.standing(sign_in.user_id)
    return Caller(user, standing, by, None, sign_in.sign_in_id, token), sign_in.seen_at


async def _note(services: ApiServices, caller: Caller, seen_at: datetime | None) -> None:
    """Note when a key or browser was used, once in `SEEN`."""
    if seen_at is not None and services.clock() - seen_at < SEEN:
        return
    rows = services.rows
    note = rows.keys.used if caller.by is By.KEY else rows.sign_ins.seen
    await services.store.do(lambda: note(caller.credential))


async def person(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
    """Return who is signed in in person. Raises Problem 401, and 403 for a program with a key.

    What opens and closes doors is no program's: a stolen key must not make itself at home.
    """
    if caller.user is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "sign-in")
    if caller.by is By.KEY:
        raise Problem(HTTPStatus.FORBIDDEN, "person-only")
    return caller


async def signed_in(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
    """Return the caller. Raises Problem 401 where nobody is signed in."""
    if caller.user is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "sign-in")
    return caller


def missing_scope(*any_of: Scope) -> Problem:
    """Return the problem of a key that has none of these scopes (RFC 6750, 3.1)."""
    problem = Problem(HTTPStatus.FORBIDDEN, "missing-scope", scopes=" / ".join(any_of))
    challenge = f'Bearer error="insufficient_scope", scope="{" ".join(any_of)}"'
    problem.headers["WWW-Authenticate"] = challenge
    return problem


@dataclass(frozen=True, slots=True)
class Needed:
    """What a route needs: a scope of a key, and a right of a person."""

    scope: Scope
    permission: Permission | None = None


# What each dependency of `holding` asks for, so that the description of the api can tell it.
_NEEDED: dict[Callable[..., object], Needed] = {}


def needed_by(dependency: Callable[..., object]) -> Needed | None:
    """Return what a dependency made by `holding` needs, None for any other."""
    return _NEEDED.get(dependency)


def holding(
    scope: Scope, permission: Permission | None = None
) -> Callable[[Caller], Awaitable[Caller]]:
    """Return the dependency of a route that needs this scope of a key, and this right of a person.

    Raises Problem 401 or 403.
    """

    async def allowed(caller: Annotated[Caller, Depends(signed_in)]) -> Caller:
        if permission is not None and not caller.may(permission):
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
        if not caller.has(scope):
            raise missing_scope(scope)
        return caller

    _NEEDED[allowed] = Needed(scope, permission)
    return allowed


Anyone = Annotated[Caller, Depends(caller_of)]
SignedIn = Annotated[Caller, Depends(signed_in)]
Person = Annotated[Caller, Depends(person)]
