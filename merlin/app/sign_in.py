"""Signing in and out: by Telegram, by a yes in the bot, by password, by OpenID; who calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from merlin.account.accounts import Account, Accounts
from merlin.account.api_keys import ApiKeys, Scope
from merlin.account.sign_ins import (
    Login,
    Logins,
    SignIn,
    SignInMethod,
    SignIns,
    TelegramPerson,
)
from merlin.account.users import User, Users
from merlin.app.accounts import OwnAccount, me
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.texts import BOT_NAME, Settings
from merlin.core.errors import Refused
from merlin.core.permissions import Authority
from merlin.db.audit import Audit, person_reference

__all__ = ["SignInMethod"]


class Blocked(Refused):
    """An admin has shut this person out."""

    def __init__(self) -> None:
        super().__init__("blocked", "api-problem-blocked-detail")


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser that signs in; `token` is that of the sign-in it has, which ends then."""

    agent: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NewSignIn:
    """A new sign-in with its token; `browser` is a secret by which the password's owner is known.

    "" where the browser has one.
    """

    sign_in: SignIn
    token: str = field(repr=False)
    user: OwnAccount
    browser: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """Who a key or a token stands for; `scopes` None where none limits what they may do."""

    user: User
    authority: Authority
    number: int
    used_at: datetime | None
    scopes: frozenset[Scope] | None = None


def find_credential(ctx: Context, secret: str, *, is_key: bool) -> Credential | None:
    """Return whose key this is, else whose browser; None for a secret that does not count."""
    if is_key:
        key = ApiKeys(ctx.db, ctx.clock).find(secret)
        if key is None:
            return None
        return Credential(*_who(ctx, key.user_id), key.key_id, key.used_at, key.scopes)
    found = SignIns(ctx.db, ctx.clock).find(secret)
    if found is None:
        return None
    return Credential(*_who(ctx, found.user_id), found.sign_in_id, found.seen_at)


def _who(ctx: Context, user_id: int) -> tuple[User, Authority]:
    user = Users(ctx.db, ctx.clock).get(user_id) or User(user_id)
    return user, ctx.roles.authority(user_id)


def note_use(ctx: Context, credential: int, *, is_key: bool) -> None:
    """Note that a key or a browser is used now."""
    if is_key:
        ApiKeys(ctx.db, ctx.clock).used(credential)
    else:
        SignIns(ctx.db, ctx.clock).seen(credential)


def by_telegram(ctx: Context, person: TelegramPerson, browser: Browser) -> NewSignIn:
    """Sign in the person for whom Telegram opened the page. Raises Blocked."""
    _meet(ctx, person.user_id, person.language_code, person.name)
    return _open(ctx, person.user_id, SignInMethod.TELEGRAM, browser, person.source)


def by_openid(ctx: Context, user_id: int, name: str, browser: Browser) -> NewSignIn:
    """Sign in whom the issuer knows. Raises Blocked."""
    known = Users(ctx.db, ctx.clock).get(user_id)
    _meet(ctx, user_id, known.language_code if known else "", name)
    return _open(ctx, user_id, SignInMethod.OPENID, browser)


def by_password(ctx: Context, account: Account, secret: str, browser: Browser) -> NewSignIn:
    """Sign in whose password was right; `secret` is this browser's from before. Raises Blocked."""
    accounts = Accounts(ctx.db, ctx.clock)
    is_known = accounts.knows(account.user_id, secret)
    made = "" if is_known else accounts.meet(account.user_id)
    return _open(ctx, account.user_id, SignInMethod.PASSWORD, browser, made=made)


def by_code(ctx: Context, secret: str, browser: Browser) -> NewSignIn | None:
    """Sign in who has said yes in the bot to this browser's login; None for no yes so far.

    Raises Blocked.
    """
    login = Logins(ctx.db, ctx.clock).take(secret)
    if login is None or login.user_id is None:
        return None
    return _open(ctx, login.user_id, SignInMethod.CODE, browser)


def start_login(ctx: Context, agent: str, place: str) -> tuple[Login, str, str, str]:
    """Begin a login that is confirmed in the bot.

    Return it, the secrets of link and browser, and the bot's name, "" if unknown.
    """
    return *Logins(ctx.db, ctx.clock).start(agent, place), Settings(ctx.db).get(BOT_NAME)


def look_at_login(ctx: Context, secret: str) -> Login | None:
    """Return the login that a browser has begun, None once it is over."""
    return Logins(ctx.db, ctx.clock).of_browser(secret)


def show_login(ctx: Context, actor: Actor, key: str) -> Login | None:
    """Return the login of a link that the actor opened in the bot; None for anybody else's."""
    return Logins(ctx.db, ctx.clock).show(key, actor.user_id)


def answer_login(ctx: Context, actor: Actor, login_id: int, *, is_own: bool) -> Login | None:
    """Let the browser in, or not; None where the actor has not opened it, and the second time."""
    return Logins(ctx.db, ctx.clock).settle(login_id, actor.user_id, is_own=is_own)


def find_account(ctx: Context, name: str, secret: str) -> tuple[Account | None, bool]:
    """Return a name's account, and whether its owner was signed in in this browser before."""
    accounts = Accounts(ctx.db, ctx.clock)
    account = accounts.named(name)
    return account, accounts.knows(account.user_id if account else 0, secret)


def sign_out(ctx: Context, actor: Actor, sign_in_id: int) -> None:
    """End this sign-in; other browsers stay signed in."""
    SignIns(ctx.db, ctx.clock).close(actor.user_id, sign_in_id)


def _meet(ctx: Context, user_id: int, language_code: str, name: str) -> None:
    users = Users(ctx.db, ctx.clock)
    users.met(User(user_id, language_code))
    if name:
        users.set_name(user_id, name)


def _open(
    ctx: Context,
    user_id: int,
    how: SignInMethod,
    browser: Browser,
    source: str | None = None,
    made: str = "",
) -> NewSignIn:
    """Open a sign-in; the one that this browser had ends. Raises Blocked."""
    user, authority = _who(ctx, user_id)
    if user.is_blocked:
        raise Blocked
    sign_ins, whose = SignIns(ctx.db, ctx.clock), person_reference(user_id)
    before = sign_ins.find(browser.token) if browser.token else None
    if before is not None:
        sign_ins.close(before.user_id, before.sign_in_id)
    sign_in, token = sign_ins.open(user_id, how, browser.agent, source)
    if how is SignInMethod.PASSWORD:
        values = {"sign_in": sign_in.sign_in_id}
        Audit(ctx.db, ctx.clock).note(whose, "sign-in.password", whose, values)
    return NewSignIn(sign_in, token, me(ctx, Actor.person(user_id, authority)), made)
