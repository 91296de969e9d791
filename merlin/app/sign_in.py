"""Signing in and out: by Telegram, by a confirmation in the bot, by password."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from merlin.account.accounts import Account, Accounts, sign_known_browser
from merlin.account.api_keys import ApiKeys, Scope
from merlin.account.sign_ins import (
    PAYLOAD,
    Login,
    Logins,
    SignIn,
    SignInMethod,
    SignIns,
    TelegramPerson,
)
from merlin.account.users import User, Users
from merlin.app.accounts import OwnAccount, read_own_account
from merlin.app.actor import Actor
from merlin.app.bot_settings import bot_link
from merlin.app.context import Context
from merlin.core.errors import Refused
from merlin.core.permissions import Authority
from merlin.db.audit import Audit, person_reference


class Blocked(Refused):
    """An admin has blocked this user."""

    def __init__(self) -> None:
        super().__init__("blocked", "api-problem-blocked")


@dataclass(frozen=True, slots=True)
class NewSignIn:
    """A new sign-in with its token; `known_browser` is "" for an account without a password."""

    sign_in: SignIn
    token: str = field(repr=False)
    user: OwnAccount
    known_browser: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """The user that a key or a token belongs to; `scopes` None: no limits beyond the role."""

    user: User
    authority: Authority
    number: int
    used_at: datetime | None
    scopes: Collection[Scope] | None = None


def find_credential(ctx: Context, secret: str, *, is_key: bool) -> Credential | None:
    """Return the user of an API key or of a browser's token, or None if it is invalid."""
    if is_key:
        key = ApiKeys(ctx.db, ctx.clock).find(secret)
        if key is None:
            return None
        return Credential(
            *_load_user(ctx, key.user_id), key.id, key.last_used_at, key.scopes
        )
    sign_in = SignIns(ctx.db, ctx.clock).find(secret)
    if sign_in is None:
        return None
    return Credential(*_load_user(ctx, sign_in.user_id), sign_in.id, sign_in.seen_at)


def _load_user(ctx: Context, user_id: int) -> tuple[User, Authority]:
    return Users(ctx.db, ctx.clock).get_with_authority(user_id, ctx.roles)


def note_use(ctx: Context, credential: int, *, is_key: bool) -> None:
    """Record that a key or a browser is used now."""
    if is_key:
        ApiKeys(ctx.db, ctx.clock).record_use(credential)
    else:
        SignIns(ctx.db, ctx.clock).record_use(credential)


def sign_in_by_telegram(
    ctx: Context, person: TelegramPerson, previous_token: str
) -> NewSignIn | None:
    """Sign in the user of a Telegram Mini App; None for data from before they signed out.

    Raises Blocked.
    """
    if SignIns(ctx.db, ctx.clock).is_refused(person):
        return None
    _record_user(ctx, person.user_id, person.language_code, person.name)
    return _open_sign_in(
        ctx, person.user_id, SignInMethod.TELEGRAM, previous_token, person.source
    )


def sign_in_to_demo(
    ctx: Context, user_id: int, name: str, previous_token: str
) -> NewSignIn:
    """Sign in a person of the demo, who needs no proof. Raises Blocked."""
    user = Users(ctx.db, ctx.clock).get(user_id)
    _record_user(ctx, user_id, user.language_code if user else "", name)
    return _open_sign_in(ctx, user_id, SignInMethod.CODE, previous_token)


def sign_in_by_password(
    ctx: Context, account: Account, previous_token: str
) -> NewSignIn | None:
    """Sign in a user with a correct password; None if it was changed while it was verified.

    Raises Blocked.
    """
    accounts = Accounts(ctx.db, ctx.clock)
    if accounts.lock_password(account.user_id) != account.password:
        return None
    return _open_sign_in(ctx, account.user_id, SignInMethod.PASSWORD, previous_token)


def sign_in_by_code(ctx: Context, secret: str, previous_token: str) -> NewSignIn | None:
    """Sign in the user who confirmed this browser's login in the bot; None before that.

    Raises Blocked.
    """
    login = Logins(ctx.db, ctx.clock).take(secret)
    if login is None or login.user_id is None:
        return None
    return _open_sign_in(ctx, login.user_id, SignInMethod.CODE, previous_token)


def start_login(ctx: Context) -> tuple[Login, str, str, str]:
    """Start a login that is confirmed in the bot.

    Return it, the secrets of its link and of the browser, and the link ("" for an unknown bot).
    """
    login, key, browser = Logins(ctx.db, ctx.clock).start()
    return login, key, browser, bot_link(ctx, f"{PAYLOAD}{key}")


def _record_user(ctx: Context, user_id: int, language_code: str, name: str) -> None:
    users = Users(ctx.db, ctx.clock)
    users.record([User(user_id, language_code)])
    if name:
        users.set_name(user_id, name)


def _open_sign_in(
    ctx: Context,
    user_id: int,
    method: SignInMethod,
    previous_token: str,
    source: str | None = None,
) -> NewSignIn:
    """Open a sign-in, and close the previous one of this browser. Raises Blocked."""
    user, authority = _load_user(ctx, user_id)
    if user.is_blocked:
        raise Blocked
    sign_ins = SignIns(ctx.db, ctx.clock)
    reference = person_reference(user_id)
    previous = sign_ins.find(previous_token) if previous_token else None
    if previous is not None:
        sign_ins.close(previous.user_id, previous.id)
    sign_in, token = sign_ins.open(user_id, method, source)
    if method is SignInMethod.PASSWORD:
        values = {"sign_in": sign_in.id}
        Audit(ctx.db, ctx.clock).note(reference, "sign-in.password", reference, values)
    account = Accounts(ctx.db).find(user_id)
    known_browser = ""
    if account is not None and account.has_password:
        known_browser = sign_known_browser(account, ctx.clock())
    own_account = read_own_account(ctx, Actor.person(user_id, authority), user)
    return NewSignIn(sign_in, token, own_account, known_browser)
