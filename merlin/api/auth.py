"""Authentication of a call, and protection against cross-site requests.

    Authorization: Bearer mrl_…    an API key: its owner's role, limited by the key's scopes
    Authorization: Bearer <token>  a page inside Telegram, where cookies cannot be stored
    Cookie: merlin=<token>         a signed-in browser

Nothing else in the request identifies the caller.

Cookies are HttpOnly. Over HTTPS their names begin with __Host-, so a sibling domain cannot set
them; over plain HTTP (on this machine, or with `allow_plain_http`) they have plain names.

What changes something is accepted from our own pages only, and a secret over HTTPS. Wrong passwords
are counted by name and network, those of a browser that has signed in before apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.accounts import (
    KNOWN_BROWSER_LIFE,
    Account,
    Accounts,
    find_known_browser,
    fold_name,
    hash_new_password,
    sign_known_browser,
    verify_password,
)
from merlin.account.api_keys import Scope, is_secret
from merlin.account.sign_ins import (
    LIFE as CODE_LIFE,
    LONGEST,
    WITHIN_TELEGRAM,
    Login,
    Logins,
    SignInMethod,
)
from merlin.account.users import User
from merlin.api.problems import ROOT, Problem, headers_of, language_of_request
from merlin.api.rate_limits import (
    LoginThrottle,
    make_too_many_requests_problem,
    network_of,
)
from merlin.api.services import ApiServices, services_of
from merlin.app import accounts, sign_in
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.sign_in import NewSignIn
from merlin.core.errors import MerlinError, Refused
from merlin.core.log import get_logger
from merlin.core.network import is_loopback
from merlin.core.permissions import Authority, Permission
from merlin.core.web.browser import cookie_name, is_foreign, is_secure, read_cookie

log = get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
SIGN_IN = "merlin"
# The cookie of a browser with a pending login in the bot.
LOGIN = "merlin-login"
# The cookie of a browser that has signed in before: other people's guesses do not lock it out.
KNOWN_BROWSER = "merlin-known"
# How often a page polls the state of a login.
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
    """Set a cookie for `lasts`; a zero duration deletes it.

    `is_framed`: also sent inside Telegram's frame, which is a third-party context.
    """
    parts = [
        f"{cookie_name(request, name)}={value}",
        f"Max-Age={int(lasts.total_seconds())}",
    ]
    parts += ["Path=/", "HttpOnly"]
    is_foreign = is_framed and is_secure(request)
    parts.append("SameSite=None" if is_foreign else "SameSite=Lax")
    parts += ["Secure"] if is_secure(request) else []
    parts += ["Partitioned"] if is_foreign else []
    response.headers.append("Set-Cookie", "; ".join(parts))


def delete_cookie(request: Request, response: Response, name: str) -> None:
    """Delete a cookie, including its variant for Telegram's frame."""
    set_cookie(request, response, name, "", timedelta())
    if is_secure(request):
        set_cookie(request, response, name, "", timedelta(), is_framed=True)


def forget_sign_in(request: Request, response: Response) -> None:
    """Delete the browser's sign-in, and the personal pages that its back button would show."""
    delete_cookie(request, response, SIGN_IN)
    response.headers["Clear-Site-Data"] = '"cache"'


def require_https(request: Request) -> None:
    """Raise Problem 403 if a secret would be sent unencrypted."""
    host = request.client.host if request.client else None
    is_allowed = services_of(request).config.allow_plain_http
    if not (is_secure(request) or is_loopback(host) or is_allowed):
        raise Problem(HTTPStatus.FORBIDDEN, "needs-https")


async def check_password(request: Request, name: str, password: str) -> Account:
    """Return the account with this name and password. Raises Problem 401, or 429 if throttled.

    An unknown name takes as long and is throttled like a known one.
    """
    throttle: LoginThrottle = request.app.state.login_throttle
    name = fold_name(name)
    account = await services_of(request).read(
        lambda ctx: Accounts(ctx.db).find_by_name(name)
    )
    buckets = throttle.buckets_of(
        name, network_of(request.scope), _known_browser(request, account)
    )
    wait_s = throttle.count(buckets)
    if wait_s > 0:
        raise make_too_many_requests_problem(wait_s)
    stored = account.password if account else ""
    try:
        is_right = await throttle.run_hashing(lambda: verify_password(stored, password))
    except Problem:  # too many wait: the password was not verified
        throttle.undo_count(buckets)
        raise
    if account is None or not is_right:
        log.warning("a wrong password", user=account.user_id if account else 0)
        raise Problem(HTTPStatus.UNAUTHORIZED, "wrong-password")
    throttle.undo_count(buckets)
    return account


def _known_browser(request: Request, account: Account | None) -> str:
    """Return the id of this browser if the account has signed in here before, else ""."""
    token = read_cookie(request, KNOWN_BROWSER)
    if account is None or not token:
        return ""
    return find_known_browser(account, token, services_of(request).clock())


def refuse_cross_site(request: Request) -> None:
    """Raise Problem 403 for a cross-site request that changes something."""
    if is_foreign(request, services_of(request).config.api.public_url):
        raise Problem(HTTPStatus.FORBIDDEN, "foreign-origin")


async def require_proof(
    request: Request, caller: Caller, current: str | None
) -> str | None:
    """Return the user name of a caller who has just signed in or knows the current password.

    A stolen browser session gives no lasting access. Raises Problem 403 if the password, or without
    one a new sign-in, is missing; 401 if the password is wrong.
    """
    require_https(request)
    me = await caller.read(accounts.read_own_account, caller.actor)
    if await caller.read(accounts.has_just_signed_in, caller.actor, caller.credential):
        return me.name
    if not (me.name and me.has_password):
        raise Problem(HTTPStatus.FORBIDDEN, "sign-in-again")
    if current is None:
        raise Problem(HTTPStatus.FORBIDDEN, "current-password")
    await check_password(request, me.name, current)
    return me.name


async def change_password(
    request: Request,
    response: Response,
    caller: Caller,
    password: str,
    current: str | None,
) -> None:
    """Set a password and sign out every other browser; this one stays a known one.

    Raises Problem as `require_proof` does; Refused for an account without a name and for a weak
    password.
    """
    login_throttle: LoginThrottle = request.app.state.login_throttle
    name = await require_proof(request, caller, current)
    if name is None:
        raise Refused("no user name", "account-no-name")
    hashed = await login_throttle.run_hashing(lambda: hash_new_password(password, name))
    await caller.write(accounts.set_password, caller.actor, hashed, caller.credential)
    account = Account(caller.user_id, name, hashed)
    known_browser = sign_known_browser(account, caller.services.clock())
    set_cookie(request, response, KNOWN_BROWSER, known_browser, KNOWN_BROWSER_LIFE)


def token_of(request: Request) -> str:
    """Return the token of this browser's current sign-in, which ends at the next one."""
    return read_cookie(request, SIGN_IN)


async def sign_in_by_password(
    request: Request, response: Response, name: str, password: str
) -> NewSignIn:
    """Sign this browser in by password. Raises Problem 401, or 429 after many attempts; Blocked."""
    account = await check_password(request, name, password)
    entered = await services_of(request).write(
        sign_in.sign_in_by_password, account, token_of(request)
    )
    if entered is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "wrong-password")
    remember_browser(request, response, entered)
    return entered


async def start_login(request: Request, response: Response) -> tuple[Login, str, str]:
    """Start a login that is confirmed in the bot; return it, its key and the link to the bot.

    The link is "" while the bot's name is unknown. Raises Problem 429 if the limit is exceeded.
    """
    services = services_of(request)
    limits = request.app.state.limits
    limits.count_login(request.scope)
    login, key, browser, link = await services.write(sign_in.start_login)
    set_cookie(request, response, LOGIN, browser, CODE_LIFE)
    return login, key, link


async def look_at_login(request: Request) -> Login | None:
    """Return the state of this browser's login, None once it has ended."""
    secret = read_cookie(request, LOGIN)
    return await services_of(request).read(
        lambda ctx: Logins(ctx.db, ctx.clock).of_browser(secret)
    )


async def finish_login(request: Request, response: Response) -> NewSignIn | None:
    """Sign this browser in if its login was confirmed in the bot. Raises Blocked."""
    new_sign_in = await services_of(request).write(
        sign_in.sign_in_by_code, read_cookie(request, LOGIN), token_of(request)
    )
    if new_sign_in is not None:
        remember_browser(request, response, new_sign_in)
        delete_cookie(request, response, LOGIN)
    return new_sign_in


def remember_browser(
    request: Request, response: Response, new_sign_in: NewSignIn
) -> None:
    """Set the sign-in cookie; for a Telegram sign-in, one that its frame accepts."""
    method = new_sign_in.sign_in.method
    log.info("a user signed in", user=new_sign_in.sign_in.user_id, how=method.value)
    is_framed = method is SignInMethod.TELEGRAM
    # The cookie lives for the maximum duration; the sign-in's row decides when it ends.
    longest = WITHIN_TELEGRAM if is_framed else LONGEST
    set_cookie(
        request, response, SIGN_IN, new_sign_in.token, longest, is_framed=is_framed
    )
    if new_sign_in.known_browser and not is_framed:
        set_cookie(
            request,
            response,
            KNOWN_BROWSER,
            new_sign_in.known_browser,
            KNOWN_BROWSER_LIFE,
        )


# Precision of the last use of a key or browser.
LAST_USE_PRECISION = timedelta(minutes=1)
_NO_AUTHORITY = Authority()


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated caller and the language of the request; `user` is None if not signed in.

    `scopes` are those of the API key, None if no key limits the caller. `credential` is the id of
    the key or of the sign-in.
    """

    services: ApiServices = field(repr=False)
    language: str
    user: User | None = None
    authority: Authority = _NO_AUTHORITY
    scopes: Collection[Scope] | None = None
    credential: int = 0
    token: str = ""

    @property
    def user_id(self) -> int:
        """Return the caller's user id, 0 if not signed in."""
        return self.user.user_id if self.user else 0

    @property
    def actor(self) -> Actor:
        """Return the actor on whose behalf operations run."""
        if self.user is None:
            return Actor()
        return Actor.person(self.user_id, self.authority, self.user.account)

    def may(self, permission: Permission, scope: str | None = None) -> bool:
        """Return whether the person has a permission, for this dataset or course."""
        return self.user is not None and self.authority.may(permission, scope)

    def has(self, scope: Scope) -> bool:
        """Return whether the credential covers a scope."""
        return self.user is not None and (self.scopes is None or scope in self.scopes)

    async def read(
        self,
        act: Callable[Concatenate[Context, P], T],
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        """Return the result of an operation that only reads, as `Context.read`."""
        return await self.services.read(act, *args, **named)

    async def write(
        self,
        act: Callable[Concatenate[Context, P], T],
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        """Return the result of an operation once it is committed, as `Context.write`."""
        return await self.services.write(act, *args, **named)


async def identify_caller(request: Request) -> Caller:
    """Return the caller of a request. Raises Problem for an invalid key or token.

    A cross-site request that changes something is refused.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        caller = request.state.caller = await _find_caller(request)
    return caller


async def find_user_id(request: Request) -> int:
    """Return the id of a request's caller, 0 for one without valid credentials."""
    try:
        return (await identify_caller(request)).user_id
    except (Problem, MerlinError):
        return 0


async def _find_caller(request: Request) -> Caller:
    services = services_of(request)
    anonymous = Caller(services, language_of_request(request))
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer" and bool(secret)
    if not is_bearer:
        refuse_cross_site(request)
    secret = secret.strip() if is_bearer else read_cookie(request, SIGN_IN)
    is_key = is_bearer and is_secret(secret)
    credential = None
    if is_bearer or secret:
        credential = await services.read(sign_in.find_credential, secret, is_key=is_key)
    if credential is None:
        if is_bearer:
            raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized")
        return anonymous
    if credential.user.is_blocked:
        raise Problem(HTTPStatus.FORBIDDEN, "blocked")
    if (
        credential.used_at is None
        or services.clock() - credential.used_at >= LAST_USE_PRECISION
    ):
        with suppress(MerlinError):  # reads are served also while nothing can be stored
            await services.write(sign_in.note_use, credential.number, is_key=is_key)
    return replace(
        anonymous,
        user=credential.user,
        authority=credential.authority,
        scopes=credential.scopes,
        credential=credential.number,
        token="" if is_key else secret,
    )


async def caller_of_route(request: Request, response: Response) -> Caller:
    """Return the caller; the answer's headers name their language. Raises as `identify_caller`."""
    caller = await identify_caller(request)
    response.headers.update(headers_of(caller.language))
    return caller


Anyone = Annotated[Caller, Depends(caller_of_route)]


async def require_signed_in(request: Request, caller: Anyone) -> Caller:
    """Return the caller. Raises Problem 401 if not signed in, or with no key in the header."""
    if caller.user is None:
        is_program = "authorization" in request.headers or request.scope[
            "path"
        ].startswith(ROOT)
        raise Problem(HTTPStatus.UNAUTHORIZED, "no-key" if is_program else "sign-in")
    return caller


SignedIn = Annotated[Caller, Depends(require_signed_in)]


def make_missing_scope_problem(*any_of: Scope) -> Problem:
    """Return the problem of a key without any of these scopes (RFC 6750, 3.1)."""
    challenge = f'Bearer error="insufficient_scope", scope="{" ".join(any_of)}"'
    headers = {"WWW-Authenticate": challenge}
    scopes = " / ".join(any_of)
    return Problem(HTTPStatus.FORBIDDEN, "missing-scope", headers, scopes=scopes)


@dataclass(frozen=True, slots=True)
class RequiredAccess:
    """Dependency of a route that requires a key scope and a permission of the person.

    The OpenAPI description states both.
    """

    scope: Scope
    permission: Permission | None = None

    async def __call__(self, caller: SignedIn) -> Caller:
        """Return the caller. Raises Problem 401 or 403."""
        if self.permission is not None and not caller.may(self.permission):
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden")
        require_scope(caller, self.scope)
        return caller


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise Problem 403 if the caller's key lacks a scope."""
    if not caller.has(scope):
        raise make_missing_scope_problem(scope)


async def require_person(caller: SignedIn) -> Caller:
    """Return the caller. Raises Problem 401, and 403 for an API key.

    A stolen key must not be able to create credentials or change the account.
    """
    if caller.scopes is not None:
        raise Problem(HTTPStatus.FORBIDDEN, "person-only")
    return caller


Person = Annotated[Caller, Depends(require_person)]
# Scope and permission; the operations check the dataset or course.
Reader = Annotated[Caller, Depends(RequiredAccess(Scope.ACCOUNT_READ))]
MaterialEditor = Annotated[Caller, Depends(RequiredAccess(Scope.MATERIALS_WRITE))]
JobViewer = Annotated[
    Caller, Depends(RequiredAccess(Scope.JOBS_READ, Permission.WATCH))
]
JobLauncher = Annotated[
    Caller, Depends(RequiredAccess(Scope.JOBS_ADMIN, Permission.LAUNCH))
]


def require_same_origin(request: Request) -> None:
    """Refuse cross-site requests, and secrets without HTTPS. Raises Problem 403."""
    refuse_cross_site(request)
    require_https(request)
