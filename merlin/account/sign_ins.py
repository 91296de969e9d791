"""Signing in: login codes, signed-in browsers, data signed by Telegram.

A browser requests a login, and its owner confirms it in the bot:

    pending ──opened in the bot──> shown ──«Это я»──> confirmed ──the browser takes it──> (gone)
                                     └──«Это не я»──> refused

The browser keeps one secret in a cookie, the link to the bot contains another: the link alone
signs nobody in, and the cookie alone confirms nothing. Tokens of signed-in browsers are stored as
SHA-256.

A Mini App sends `initData`, signed by Telegram with Ed25519, which needs the bot's id and no token.
Source: core.telegram.org/bots/webapps, "Validating data for Third-Party Use".
"""

import base64
import hashlib
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from merlin.billing.quota import pseudonyms
from merlin.core.clock import SKEW, from_iso, iso
from merlin.core.formatted_text import join_surrogates
from merlin.core.json_fields import is_telegram_id, parse_object
from merlin.db.database import Repository, transaction
from merlin.db.encryption import digest
from merlin.db.tables import LOGIN_CODE, SIGN_IN
from merlin.db.values import RowMap

LIFE = timedelta(minutes=5)
# Prefix of the key in a link to the bot.
PAYLOAD = "login_"


class LoginState(StrEnum):
    """The state of a sign-in through the bot."""

    # The values are stored in the database.
    PENDING = "pending"
    SHOWN = "shown"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Login:
    """One login; `number` is two digits that browser and bot both show.

    `user_id` is the person who opened it in the bot, None before.
    """

    login_id: int
    number: int
    state: LoginState
    expires_at: datetime
    user_id: int | None = None


# A sign-in ends when unused for this long, and at the latest after this time.
IDLE = timedelta(days=14)
LONGEST = timedelta(days=90)
# Telegram signs a person in at each opening of the Mini App.
WITHIN_TELEGRAM = timedelta(hours=12)


class SignInMethod(StrEnum):
    """The method of a sign-in."""

    # The values are stored in the database.
    TELEGRAM = "telegram"
    CODE = "code"
    PASSWORD = "password"  # noqa: S105 - a word, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A browser in which a person is signed in."""

    id: int
    user_id: int
    method: SignInMethod
    at: datetime
    seen_at: datetime
    expires_at: datetime


# Telegram's public key, in hexadecimal.
PRODUCTION = "e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d"
# Maximum age of the data at sign-in; and how far Telegram's clock may be ahead of ours.
FRESH = timedelta(hours=1)
AHEAD = timedelta(seconds=30)
MAX_BYTES = 4096
MAX_FIELDS = 32
_NAME_LENGTH = 129
_PROOFS = ("hash", "signature")
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TelegramPerson:
    """The person that Telegram vouches for.

    `source` identifies the data in any encoding; `at` is when Telegram signed it.
    """

    user_id: int
    name: str
    language_code: str
    source: str
    at: datetime = _NEVER


def read_telegram_data(
    text: str, now: datetime, bot_id: int, keys: Collection[str] = (PRODUCTION,)
) -> TelegramPerson | None:
    """Return the person who opened the page; None for forged, damaged or old data, or no person."""
    try:
        fields = _parse_fields(text)
        auth_date = fields["auth_date"]
        is_believed = _is_signed(fields, bot_id, keys)
        if not (is_believed and auth_date.isascii() and auth_date.isdecimal()):
            return None
        at = datetime.fromtimestamp(int(auth_date), UTC)
        return _read_person(fields, at) if at - AHEAD <= now <= at + FRESH else None
    except (ValueError, KeyError, OverflowError):
        return None


def _parse_fields(text: str) -> dict[str, str]:
    """Return the fields. Raises ValueError for a format that Telegram never sends."""
    if len(text.encode()) > MAX_BYTES:
        raise ValueError("too long")
    pairs = parse_qsl(
        text,
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=MAX_FIELDS,
    )
    fields = dict(pairs)
    # The signed text is joined by line ends: a line end in a value would be ambiguous.
    if len(fields) < len(pairs) or any("\n" in name + value for name, value in pairs):
        raise ValueError("not as Telegram writes")
    return fields


def _is_signed(fields: Mapping[str, str], bot_id: int, keys: Collection[str]) -> bool:
    text = fields["signature"]
    signature = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    payload = f"{bot_id}:WebAppData\n{_join_fields(fields)}".encode()
    for key in keys:
        with suppress(InvalidSignature):
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
                signature, payload
            )
            return True
    return False


def _join_fields(fields: Mapping[str, str]) -> str:
    return "\n".join(
        f"{name}={fields[name]}" for name in sorted(fields) if name not in _PROOFS
    )


def _read_person(fields: Mapping[str, str], at: datetime) -> TelegramPerson | None:
    user = parse_object(fields["user"])
    if user.get("is_bot"):
        return None
    user_id = user.get("id")
    if not is_telegram_id(user_id):
        return None
    named = [user.get(name) for name in ("first_name", "last_name")]
    name = " ".join(each for each in named if isinstance(each, str) and each)
    language = user.get("language_code")
    return TelegramPerson(
        user_id=user_id,
        name=join_surrogates(name)[:_NAME_LENGTH],
        language_code=join_surrogates(language)[:35]
        if isinstance(language, str)
        else "",
        source=hashlib.sha256(_join_fields(fields).encode()).hexdigest(),
        at=at,
    )


_LOGINS = RowMap(Login, columns={"login_id": "id"})
_KEY_BYTES = 16
_BROWSER_BYTES = 32
_FIRST_NUMBER = 10
_NUMBERS = 90


class Logins(Repository):
    """One row for each login."""

    @transaction
    def start(self) -> tuple[Login, str, str]:
        """Return a new login and the secrets of link and browser, which cannot be read again."""
        now = self._clock()
        self.db.delete(LOGIN_CODE, LOGIN_CODE.expires_at <= iso(now))
        key = secrets.token_urlsafe(_KEY_BYTES)
        browser = secrets.token_urlsafe(_BROWSER_BYTES)
        number = _FIRST_NUMBER + secrets.randbelow(_NUMBERS)
        login = Login(0, number, LoginState.PENDING, now + LIFE)
        row = {
            "code_hash": digest(key),
            "browser_hash": digest(browser),
            "at": iso(now),
        }
        row |= _LOGINS.write(login, self.db, but=("login_id",))
        return replace(login, login_id=self.db.add(LOGIN_CODE, row)), key, browser

    def of_browser(self, browser: str) -> Login | None:
        """Return the login that a browser requested."""
        return (
            self._find_login(LOGIN_CODE.browser_hash == digest(browser))
            if browser
            else None
        )

    @transaction
    def show(self, key: str, user_id: int) -> Login | None:
        """Store who opened the link; None if another person did, or if it has been answered."""
        condition = LOGIN_CODE.code_hash == digest(key)
        is_new = (
            LOGIN_CODE.state == LoginState.PENDING.value
        ) & LOGIN_CODE.user_id.is_null()
        is_mine = (LOGIN_CODE.state == LoginState.SHOWN.value) & (
            LOGIN_CODE.user_id == user_id
        )
        values = {"state": LoginState.SHOWN.value, "user_id": user_id}
        return self._change_login(condition & (is_new | is_mine), values, condition)

    @transaction
    def settle(self, login_id: int, user_id: int, *, is_own: bool) -> Login | None:
        """Confirm or refuse for the person who opened it; None for others, and when repeated."""
        condition = (LOGIN_CODE.id == login_id) & (LOGIN_CODE.user_id == user_id)
        state = LoginState.CONFIRMED if is_own else LoginState.REFUSED
        is_shown = LOGIN_CODE.state == LoginState.SHOWN.value
        return self._change_login(
            condition & is_shown, {"state": state.value}, condition
        )

    @transaction
    def take(self, browser: str) -> Login | None:
        """Return a confirmed login to the browser that requested it, once; then it is deleted."""
        login = self.of_browser(browser)
        if login is None or login.state is not LoginState.CONFIRMED:
            return None
        is_taken = self.db.delete(LOGIN_CODE, LOGIN_CODE.id == login.login_id) > 0
        return login if is_taken else None

    def _change_login(
        self, condition: Any, values: dict[str, object], changed: Any
    ) -> Login | None:
        is_moved = self.db.update(LOGIN_CODE, condition & self._counts(), **values)
        return self._find_login(changed) if is_moved else None

    def _find_login(self, changed: Any) -> Login | None:
        return _LOGINS.find(
            self.db, LOGIN_CODE.select().where(changed & self._counts())
        )

    def _counts(self) -> Any:
        now = self._clock()
        # Of the longest life at most: also after the clock was set back.
        is_usual = LOGIN_CODE.expires_at <= iso(now + LIFE + SKEW)
        return (LOGIN_CODE.expires_at > iso(now)) & is_usual


_SIGN_INS = RowMap(SignIn)
_TOKEN_BYTES = 32


class SignIns(Repository):
    """One row for each signed-in browser."""

    @transaction
    def open(
        self, user_id: int, how: SignInMethod, source: str | None = None
    ) -> tuple[SignIn, str]:
        """Return a new sign-in and its token, which cannot be read again.

        A previous sign-in by the same `source` ends.
        """
        now = self._clock()
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        ended = SIGN_IN.expires_at <= iso(now)
        if source:
            ended |= SIGN_IN.source == source
        self.db.delete(SIGN_IN, ended)
        times = {"at": now, "seen_at": now, "expires_at": _end(how, now, now)}
        new = SignIn(id=0, user_id=user_id, method=how, **times)
        row = {
            "token_hash": digest(token),
            **_SIGN_INS.write(new, self.db, but=("id",)),
        }
        # Of two concurrent ones by one source, the later one stays.
        self.db.upsert(SIGN_IN, {"source": source}, row)
        stored = SIGN_IN.select(SIGN_IN.id).where(
            SIGN_IN.token_hash == row["token_hash"]
        )
        return replace(new, id=self.db.value(stored)), token

    def find(self, token: str) -> SignIn | None:
        """Return the sign-in in effect; None for an unknown token and an ended one."""
        condition = (SIGN_IN.token_hash == digest(token)) & self._counts()
        return _SIGN_INS.find(self.db, SIGN_IN.select().where(condition))

    @transaction
    def record_use(self, sign_in_id: int) -> None:
        """Store the time of use, which extends it."""
        row = self.db.row(
            SIGN_IN.select().where((SIGN_IN.id == sign_in_id) & self._counts())
        )
        if row is not None:
            now = self._clock()
            end = _end(SignInMethod(row.method), from_iso(row.at), now)
            self.db.update(
                SIGN_IN, SIGN_IN.id == sign_in_id, seen_at=iso(now), expires_at=iso(end)
            )

    def list_open(self, user_id: int) -> list[SignIn]:
        """Return a person's sign-ins in effect."""
        query = SIGN_IN.select().where((SIGN_IN.user_id == user_id) & self._counts())
        return _SIGN_INS.read_all(self.db, query)

    @transaction
    def close(self, user_id: int, sign_in_id: int) -> bool:
        """End one; False if the person has no such sign-in."""
        condition = (SIGN_IN.id == sign_in_id) & (SIGN_IN.user_id == user_id)
        return self.db.delete(SIGN_IN, condition) > 0

    @transaction
    def close_all(self, user_id: int, but: int | None = None) -> int:
        """End all of a person, except one if given; return how many ended."""
        condition = SIGN_IN.user_id == user_id
        if but is not None:
            condition &= SIGN_IN.id != but
        return self.db.delete(SIGN_IN, condition)

    @transaction
    def refuse_older(self, user_id: int) -> None:
        """Let nothing that was signed or confirmed until now sign the person in.

        The mark is a sign-in that nobody has, under the person's pseudonym: it outlives what it
        guards, also the person's data.
        """
        self.db.delete(LOGIN_CODE, LOGIN_CODE.user_id == user_id)
        now = self._clock()
        for pseudonym in pseudonyms(self.db, user_id)[:1]:
            mark = SignIn(
                id=0,
                user_id=pseudonym,
                method=SignInMethod.TELEGRAM,
                at=now,
                seen_at=now,
                expires_at=now + FRESH,
            )
            row = {"token_hash": digest(secrets.token_urlsafe(_TOKEN_BYTES))}
            row |= _SIGN_INS.write(mark, self.db, but=("id",))
            self.db.upsert(SIGN_IN, {"source": str(pseudonym)}, row)

    def is_refused(self, person: TelegramPerson) -> bool:
        """Return whether the person has signed out everywhere since Telegram signed the data."""
        is_mark = SIGN_IN.user_id.in_(pseudonyms(self.db, person.user_id))
        # A mark of the future is of before the clock was set back.
        latest = iso(self._clock() + SKEW)
        is_newer = SIGN_IN.at.between(iso(person.at), latest)
        return self.db.has(SIGN_IN, is_mark & is_newer)

    def _counts(self) -> Any:
        return SIGN_IN.expires_at > iso(self._clock())


def _end(how: SignInMethod, began: datetime, now: datetime) -> datetime:
    """Return when a sign-in used now ends."""
    if how is SignInMethod.TELEGRAM:
        return began + WITHIN_TELEGRAM
    return min(now + IDLE, began + LONGEST)
