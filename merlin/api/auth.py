"""Who calls, and whether the call comes from an own page.

    Authorization: Bearer mrl_…    a program with a key: its owner's role, capped by the scopes
    Authorization: Bearer <token>  a page within Telegram, where no cookie can be kept
    Cookie: merlin=<token>         a browser that somebody is signed in with

Who is signed in is known from these alone, never from anything else that the call says.

No cookie can be read by a script or be set from elsewhere. On https their names begin with
__Host-, so that no neighbouring site can set them; on plain http, which is for this machine alone,
they have plain names.

A page of another site must not act in the name of who is signed in here: what signs in or out is
taken from our own pages alone, and over https. Who tries many passwords waits ever longer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.accounts import Account, fold_name, hash_new_password, verify_password
from merlin.account.api_keys import Scope, digest, is_secret
from merlin.account.sign_ins import LIFE as CODE_LIFE
from merlin.account.sign_ins import (
    LONGEST,
    PAYLOAD,
    WITHIN_TELEGRAM,
    Login,
    SignInMethod,
    browser_name,
    mask_ip_address,
)
from merlin.account.users import User
from merlin.api.problems import Problem, language_of_request
from merlin.api.rate_limits import Limits, LoginThrottle, network_of, too_many
from merlin.api.services import ApiServices, services_of
from merlin.app import accounts, sign_in
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.sign_in import Browser, NewSignIn
from merlin.core.errors import Refused
from merlin.core.log import get_logger
from merlin.core.loopback import is_loopback
from merlin.core.permissions import Authority, Permission
from merlin.core.web.browser import cookie_name, is_foreign, is_secure, read_cookie

log = get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
SIGN_IN = "merlin"
# The browser that waits for a yes in the bot; the browser that a password was right in before.
LOGIN = "merlin-login"
BROWSER = "merlin-browser"
_YEAR = timedelta(days=365)
# How often a page asks whether somebody has said yes in the bot.
POLL_S = 3


def set_cookie(
    request: Request,
    response: Response,
    name: str,
    value: str,
    lasts: timedelta,
    *,
    is_framed: bool = False,
) -> None:
    """Let the browser keep a cookie so long; no time at all: let it forget it.

    `is_framed`: also within Telegram's frame, which is another site.
    """
    parts = [f"{cookie_name(request, name)}={value}", f"Max-Age={int(lasts.total_seconds())}"]
    parts += ["Path=/", "HttpOnly"]
    is_foreign = is_framed and is_secure(request)
    parts.append("SameSite=None" if is_foreign else "SameSite=Lax")
    parts += ["Secure"] if is_secure(request) else []
    parts += ["Partitioned"] if is_foreign else []
    response.headers.append("Set-Cookie", "; ".join(parts))


def delete_cookie(request: Request, response: Response, name: str) -> None:
    """Let the browser forget a cookie, the one within Telegram's frame too."""
    set_cookie(request, response, name, "", timedelta())
    if is_secure(request):
        set_cookie(request, response, name, "", timedelta(), is_framed=True)


def refuse_plain(request: Request) -> None:
    """Raise Problem 403 where a secret would go over the network unencrypted."""
    host = request.client.host if request.client else None
    is_allowed = services_of(request).config.allow_plain_http
    if not (is_secure(request) or is_loopback(host) or is_allowed):
        raise Problem(HTTPStatus.FORBIDDEN, "needs-https")


async def check_password(request: Request, name: str, password: str, browser: str) -> Account:
    """Return the account whose password this is. Raises Problem 401, 429 for too many tries.

    `browser` is the secret of a browser in which the owner was right before, or "". A name that
    nobody has takes as long and waits as long as any other.
    """
    gate: LoginThrottle = request.app.state.gate
    name = fold_name(name)
    account, is_known = await services_of(request).read(sign_in.find_account, name, browser)
    # In a browser of the owner strangers' tries do not count, nor do the owner's elsewhere.
    whose = f"{name} {digest(browser) if is_known else ''}"
    store, network = services_of(request).store, network_of(request.scope)
    wait_s = await gate.together(store, gate.count, whose, network)
    if wait_s > 0:
        raise too_many(wait_s)
    stored = account.password if account else ""
    is_right = await gate.apart(lambda: verify_password(stored, password))
    if account is None or not is_right:
        place = mask_ip_address(request.client.host if request.client else "")
        log.warning("a wrong password", user=account.user_id if account else 0, place=place)
        raise Problem(HTTPStatus.UNAUTHORIZED, "wrong-password")
    await gate.together(store, gate.uncount, whose, network)
    return account


def refuse_foreign(request: Request) -> None:
    """Raise Problem 403 for a call that changes something and comes from another site's page."""
    if is_foreign(request, services_of(request).config.api.public_url):
        raise Problem(HTTPStatus.FORBIDDEN, "foreign-origin")


async def require_password(request: Request, caller: Caller, current: str | None) -> str | None:
    """Return the caller's user name, once the current password was right.

    It is not asked for where there is none, and of who has just signed in by another way. Raises
    Problem 403 without it, 401 for a wrong one.
    """
    refuse_plain(request)
    me = await caller.read(accounts.me)
    if not (me.name and me.has_password):
        return me.name
    if not await caller.read(accounts.has_just_signed_in, caller.credential):
        if current is None:
            raise Problem(HTTPStatus.FORBIDDEN, "current-password")
        await check_password(request, me.name, current, read_cookie(request, BROWSER))
    return me.name


async def change_password(
    request: Request, caller: Caller, password: str, current: str | None
) -> None:
    """Set a password; every other browser is signed out.

    Raises Problem as `require_password` does; Refused for somebody without a name and for a
    password that is easy to find.
    """
    gate: LoginThrottle = request.app.state.gate
    name = await require_password(request, caller, current)
    if name is None:
        raise Refused("no user name", "account-no-name")
    hashed = await gate.apart(lambda: hash_new_password(password, name))
    await caller.write(accounts.set_password, hashed, caller.credential)


def browser_of(request: Request) -> Browser:
    """Return the browser of this call, with the sign-in that it has."""
    return Browser(
        browser_name(request.headers.get("user-agent", "")), read_cookie(request, SIGN_IN)
    )


async def sign_in_by_password(
    request: Request, response: Response, name: str, password: str
) -> NewSignIn:
    """Sign this browser in by a password. Raises Problem 401, 429 for too many tries; Blocked."""
    cookie = read_cookie(request, BROWSER)
    account = await check_password(request, name, password, cookie)
    entered = await services_of(request).write(
        sign_in.by_password, account, cookie, browser_of(request)
    )
    remember_browser(request, response, entered)
    if entered.browser:
        set_cookie(request, response, BROWSER, entered.browser, _YEAR)
    return entered


async def start_login(request: Request, response: Response) -> tuple[Login, str, str | None]:
    """Begin a login that is confirmed in the bot; return it, its key, and the link to the bot.

    None for a link while the bot's name is not known. Raises Problem 429 for too many.
    """
    services, limits = services_of(request), request.app.state.limits
    limits.count_login(request.scope)
    place = mask_ip_address(request.client.host if request.client else "")
    agent = browser_of(request).agent
    login, key, browser, name = await services.write(sign_in.start_login, agent, place)
    set_cookie(request, response, LOGIN, browser, CODE_LIFE)
    link = f"{services.config.telegram.link_url.rstrip('/')}/{name}?start={PAYLOAD}{key}"
    return login, key, link if name else None


async def look_at_login(request: Request) -> Login | None:
    """Return how far the login of this browser has come, None once it is over."""
    return await services_of(request).read(sign_in.look_at_login, read_cookie(request, LOGIN))


async def finish_login(request: Request, response: Response) -> NewSignIn | None:
    """Sign this browser in where its login was confirmed in the bot. Raises Blocked."""
    known, browser = read_cookie(request, LOGIN), browser_of(request)
    entered = await services_of(request).write(sign_in.by_code, known, browser)
    if entered is not None:
        remember_browser(request, response, entered)
        delete_cookie(request, response, LOGIN)
    return entered


def remember_browser(request: Request, response: Response, entered: NewSignIn) -> None:
    """Give the browser its cookie; within Telegram one that its frame may keep."""
    how = entered.sign_in.how
    log.info("somebody signed in", user=entered.sign_in.user_id, how=how.value)
    is_framed = how is SignInMethod.TELEGRAM
    # It is kept for as long as a sign-in can last; when it ends, the rows know.
    longest = WITHIN_TELEGRAM if is_framed else LONGEST
    set_cookie(request, response, SIGN_IN, entered.token, longest, is_framed=is_framed)


# How exactly it is known when a key or a browser was used last.
SEEN = timedelta(minutes=1)
_NOBODY = Authority()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in which language; `user` None: nobody is signed in.

    `scopes` are those of the key, None where no key limits what the person may do. `credential`
    is the number of the key or of the sign-in.
    """

    services: ApiServices = field(repr=False)
    language: str
    user: User | None = None
    standing: Authority = _NOBODY
    scopes: frozenset[Scope] | None = None
    credential: int = 0
    token: str = ""

    @property
    def user_id(self) -> int:
        """Return who calls; 0: nobody is signed in."""
        return self.user.user_id if self.user else 0

    @property
    def actor(self) -> Actor:
        """Return who performs the acts that this call asks for."""
        return Actor.person(self.user_id, self.standing) if self.user else Actor()

    def may(self, permission: Permission, where: str | None = None) -> bool:
        """Return whether this person may do this, at this dataset or course."""
        return self.user is not None and self.standing.may(permission, where)

    def has(self, scope: Scope) -> bool:
        """Return whether what the caller is known by may be used for this."""
        return self.user is not None and (self.scopes is None or scope in self.scopes)

    async def read(
        self, act: Callable[Concatenate[Context, Actor, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """Return what an act that only reads returns for this caller."""
        return await self.services.read(act, self.actor, *args, **named)

    async def write(
        self, act: Callable[Concatenate[Context, Actor, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """Return what an act returns that this caller asks for, once it is stored."""
        return await self.services.write(act, self.actor, *args, **named)


async def identify_caller(request: Request) -> Caller:
    """Return who makes this call. Raises Problem for a key or token that does not count.

    A call that changes something is refused when a page of another site sent it.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        caller = request.state.caller = await _look_up(request)
    return caller


async def _look_up(request: Request) -> Caller:
    services = services_of(request)
    limits: Limits = request.app.state.limits
    nobody = Caller(services, language_of_request(request))
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer" and bool(secret)
    if not is_bearer:
        refuse_foreign(request)
    secret = secret.strip() if is_bearer else read_cookie(request, SIGN_IN)
    is_key = is_bearer and is_secret(secret)
    found = None
    if is_bearer or secret:
        found = await services.read(sign_in.find_credential, secret, is_key=is_key)
    if found is None:
        limits.forget(request.scope)
        if is_bearer:
            raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized")
        return nobody
    if found.user.is_blocked:
        limits.forget(request.scope)
        raise Problem(HTTPStatus.FORBIDDEN, "blocked")
    limits.recognise(request.scope, found.user.user_id)
    if found.used_at is None or services.clock() - found.used_at >= SEEN:
        await services.write(sign_in.note_use, found.number, is_key=is_key)
    return replace(
        nobody,
        user=found.user,
        standing=found.authority,
        scopes=found.scopes,
        credential=found.number,
        token="" if is_key else secret,
    )


async def require_signed_in(caller: Annotated[Caller, Depends(identify_caller)]) -> Caller:
    """Return the caller. Raises Problem 401 where nobody is signed in."""
    if caller.user is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "sign-in")
    return caller


async def require_person(caller: Annotated[Caller, Depends(require_signed_in)]) -> Caller:
    """Return who is signed in in person. Raises Problem 401, and 403 for a program with a key.

    What opens and closes doors is no program's: a stolen key must not make itself at home.
    """
    if caller.scopes is not None:
        raise Problem(HTTPStatus.FORBIDDEN, "person-only")
    return caller


def missing_scope(*any_of: Scope) -> Problem:
    """Return the problem of a key that has none of these scopes (RFC 6750, 3.1)."""
    problem = Problem(HTTPStatus.FORBIDDEN, "missing-scope", scopes=" / ".join(any_of))
    challenge = f'Bearer error="insufficient_scope", scope="{" ".join(any_of)}"'
    problem.headers["WWW-Authenticate"] = challenge
    return problem


@dataclass(frozen=True, slots=True)
class RequiredAccess:
    """The dependency of a route that needs this scope of a key, and this right of a person.

    The description of the api tells what it asks for.
    """

    scope: Scope
    permission: Permission | None = None

    async def __call__(self, caller: Annotated[Caller, Depends(require_signed_in)]) -> Caller:
        """Return the caller. Raises Problem 401 or 403."""
        if self.permission is not None and not caller.may(self.permission):
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
        need(caller, self.scope)
        return caller


def require_person_who_may(permission: Permission) -> Callable[[Caller], Awaitable[Caller]]:
    """Return the dependency of a route for people with a right. Raises Problem; no key opens it."""

    async def allowed(caller: Annotated[Caller, Depends(require_person)]) -> Caller:
        if not caller.may(permission):
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
        return caller

    return allowed


def need(caller: Caller, scope: Scope) -> None:
    """Raise Problem 403 where the caller's key was not made for this."""
    if not caller.has(scope):
        raise missing_scope(scope)


Anyone = Annotated[Caller, Depends(identify_caller)]
SignedIn = Annotated[Caller, Depends(require_signed_in)]
Person = Annotated[Caller, Depends(require_person)]
# What a key and its person need; of which dataset or course, the acts say.
Reader = Annotated[Caller, Depends(RequiredAccess(Scope.ACCOUNT_READ))]
Leading = Annotated[Caller, Depends(RequiredAccess(Scope.MATERIALS_WRITE))]
Watching = Annotated[Caller, Depends(RequiredAccess(Scope.JOBS_READ, Permission.WATCH))]
Launching = Annotated[Caller, Depends(RequiredAccess(Scope.JOBS_ADMIN, Permission.LAUNCH))]
Promoting = Annotated[Caller, Depends(RequiredAccess(Scope.JOBS_ADMIN, Permission.PROMOTE))]
Caring = Annotated[Caller, Depends(RequiredAccess(Scope.JOBS_READ, Permission.USERS))]
Keeping = Annotated[Caller, Depends(require_person_who_may(Permission.USERS))]
Refunding = Annotated[Caller, Depends(require_person_who_may(Permission.REFUNDS))]


def require_same_origin(request: Request) -> None:
    """Refuse what another site's page sends, and secrets without https. Raises Problem 403."""
    refuse_foreign(request)
    refuse_plain(request)
