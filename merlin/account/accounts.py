"""User names and passwords: validation, hashing and storage.

A person without Telegram gets an id that Telegram never assigns: its ids are below 2^52.

Passwords have a least length, and common and breached ones are refused.
Sources: NIST SP 800-63B, 5.1.1.2; OWASP Password Storage Cheat Sheet (argon2id, 19 MiB, 2
passes). `passwords.xz` holds the passwords most used in breaches: the frequency list of zxcvbn
4.5.0 (MIT).
"""

import hashlib
import hmac
import lzma
import re
import secrets
import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from peewee import IntegrityError

from merlin.account.users import User, Users
from merlin.core.combining_marks import normalise_unicode
from merlin.core.errors import Refused
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Repository, transaction
from merlin.db.tables import ACCOUNT
from merlin.db.values import RowMap

# Integers that JavaScript represents exactly.
FIRST_ID = 2**52
LAST_ID = 2**53 - 1
MAX_NAME_LENGTH = 32
_NAME = re.compile(r"[a-z](?:[._-]?[a-z0-9]){1,31}")
_RESERVED = frozenset(
    {
        *(
            "admin",
            "administrator",
            "api",
            "bot",
            "merlin",
            "moderator",
            "owner",
            "root",
        ),
        *("security", "support", "system", "telegram", "webmaster"),
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account; `password` is its argon2id hash, "" without one."""

    user_id: int
    name: str
    password: str = field(repr=False)

    @property
    def has_password(self) -> bool:
        """Return whether its owner can sign in with a password."""
        return bool(self.password)


def fold_name(name: str) -> str:
    """Return the normalised name, in which names that look the same are equal."""
    return normalise_unicode("NFKC", name).strip().casefold()


def check_name(name: str) -> str:
    """Return the name as it is stored. Raises Refused for an invalid one."""
    folded = fold_name(name)
    if len(folded) > MAX_NAME_LENGTH or not _NAME.fullmatch(folded):
        raise Refused("no user name", "account-name-refused", limit=MAX_NAME_LENGTH)
    return folded


def check_own_name(name: str, reserved: frozenset[str]) -> str:
    """Return a name that people may choose themselves. Raises Refused for any other.

    `reserved` are names that only admins assign: those in a course.yaml.
    """
    folded = check_name(name)
    if folded in _RESERVED or folded in reserved:
        raise Refused("a name that admins give", "account-name-reserved", name=folded)
    return folded


def new_id() -> int:
    """Return an id for a person without Telegram; random, so that none is assigned twice."""
    return FIRST_ID + secrets.randbelow(LAST_ID - FIRST_ID + 1)


MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256
_PASSWORD_LIST = Path(__file__).with_name("passwords.xz")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified when there is no stored hash, so that the response takes as long.
_DUMMY_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$bWVybGluLW5vYm9keQ"
    "$sG1Xo9mKh0cW1l7D2w2r0m2Xf7k0Wm1JYb1o2Z3c4d4"
)
_MIN_KINDS = 5
_EDGES = string.digits + string.punctuation + " "


def normalise_password(password: str) -> str:
    """Return a password in NFKC, the form in which it is compared."""
    return normalise_unicode("NFKC", password)


def check_password_strength(password: str, name: str) -> None:
    """Raise Refused, with the reason, for a password that is too easy to guess.

    `name` is the account's: a password may not consist of it.
    """
    normalised = normalise_password(password)
    if not MIN_PASSWORD_LENGTH <= len(normalised) <= MAX_PASSWORD_LENGTH:
        raise Refused(
            "a wrong length",
            "account-password-length",
            least=MIN_PASSWORD_LENGTH,
            most=MAX_PASSWORD_LENGTH,
        )
    folded = normalised.casefold()
    # Also with digits and signs around it; a phone number or a date leaves nothing.
    core = folded.strip(_EDGES)
    is_guessable = core in {"", name.casefold()} or len(set(folded)) < _MIN_KINDS
    if is_guessable or not _common_passwords().isdisjoint({folded, core}):
        raise Refused("an easy password", "account-password-common")


def hash_new_password(password: str, name: str) -> str:
    """Return the hash of a new password; takes tens of milliseconds and 19 MiB.

    Raises Refused for one that is easy to guess.
    """
    check_password_strength(password, name)
    return _HASHER.hash(normalise_password(password))


def verify_password(stored: str, password: str) -> bool:
    """Return whether the password matches the stored hash; "" takes as long and is false."""
    try:
        _HASHER.verify(stored or _DUMMY_HASH, normalise_password(password))
    except (Argon2Error, InvalidHashError):
        return False
    return bool(stored)


# How long a browser in which a person has signed in is known as theirs.
KNOWN_BROWSER_LIFE = timedelta(days=180)
_BROWSER_ID_BYTES = 12


def sign_known_browser(account: Account, now: datetime) -> str:
    """Return the token by which a browser shows later that this account has signed in there.

    It signs nobody in. It is `<random id>.<end>.<HMAC-SHA-256>`; the key is the hash of the
    password, so that it ends with it.
    """
    end = int((now + KNOWN_BROWSER_LIFE).timestamp())
    payload = f"{secrets.token_urlsafe(_BROWSER_ID_BYTES)}.{end}"
    return f"{payload}.{_sign_browser(account, payload)}"


def find_known_browser(account: Account, token: str, now: datetime) -> str:
    """Return the id of a known browser of the account; "" for a forged, foreign or old token."""
    payload, _, signature = token.rpartition(".")
    expected = _sign_browser(account, payload)
    if not (
        account.has_password
        and hmac.compare_digest(signature.encode(), expected.encode())
    ):
        return ""
    browser_id, _, end = payload.partition(".")
    return browser_id if now.timestamp() < int(end) else ""


def _sign_browser(account: Account, payload: str) -> str:
    text = f"known browser {account.user_id} {payload}"
    return hmac.new(
        account.password.encode(), text.encode(), hashlib.sha256
    ).hexdigest()


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(
        lzma.decompress(_PASSWORD_LIST.read_bytes()).decode("ascii").split("\n")
    )


_ACCOUNTS = RowMap(Account)


class Accounts(Repository):
    """One row for each user name."""

    def find(self, user_id: int) -> Account | None:
        """Return a person's account, None without one."""
        return self._read(ACCOUNT.user_id == user_id)

    def list_names(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """Return the user names of those of these people who have one."""
        own = ACCOUNT.select(ACCOUNT.user_id, ACCOUNT.name)
        return dict(self.db.rows(own.where(ACCOUNT.user_id.in_([*user_ids]))))

    def list_ids(self, names: Sequence[str]) -> dict[str, int]:
        """Return the ids of those of these names, in any spelling, that are taken."""
        folded = {name: fold_name(name) for name in names}
        valid = [each for each in folded.values() if _NAME.fullmatch(each)]
        taken = ACCOUNT.select(ACCOUNT.name, ACCOUNT.user_id).where(
            ACCOUNT.name.in_(valid)
        )
        ids = dict[str, int](self.db.rows(taken))
        return {name: ids[each] for name, each in folded.items() if each in ids}

    def find_by_name(self, name: str) -> Account | None:
        """Return the account of a name in any spelling; PostgreSQL does not accept every string."""
        folded = fold_name(name)
        return self._read(ACCOUNT.name == folded) if _NAME.fullmatch(folded) else None

    @transaction
    def make(self, name: str, by: str) -> int:
        """Create a person without Telegram and return their id. Raises Refused for a taken name."""
        user_id = new_id()
        Users(self.db, self._clock).record([User(user_id)])
        self.set_name(user_id, name, by)
        return user_id

    @transaction
    def set_name(self, user_id: int, name: str, by: str) -> None:
        """Assign a name, which frees the previous one. Raises Refused for a taken name."""
        normalised = check_name(name)
        previous = self.find(user_id)
        if previous is not None and previous.name == normalised:
            return
        row = {"user_id": user_id, "name": normalised, "password": ""}
        is_own = ACCOUNT.user_id == user_id
        try:
            with self.db.atomic():  # PostgreSQL continues only after a rollback to here
                is_set = self.db.add_new(ACCOUNT, row) or self.db.update(
                    ACCOUNT, is_own, name=normalised
                )
        except IntegrityError:
            is_set = False
        if not is_set:
            raise Refused(
                f"the name {normalised} is taken", "account-name-taken", name=normalised
            )
        values = {"name": normalised, "before": previous.name if previous else ""}
        Audit(self.db, self._clock).note(
            by, "account.name", person_reference(user_id), values
        )

    def lock_password(self, user_id: int) -> str:
        """Return a person's password hash, "" without one; unchanged until the transaction ends."""
        account = ACCOUNT.select().where(ACCOUNT.user_id == user_id)
        row = self.db.row(self.db.for_update(account))
        return str(row.password) if row else ""

    @transaction
    def set_password(self, user_id: int, hashed: str, by: str) -> None:
        """Store a password hash. Raises Refused for a person without a name."""
        if not self.db.update(ACCOUNT, ACCOUNT.user_id == user_id, password=hashed):
            raise Refused("no user name", "account-no-name")
        Audit(self.db, self._clock).note(
            by, "account.password", person_reference(user_id)
        )

    def _read(self, condition: Any) -> Account | None:
        return _ACCOUNTS.find(self.db, ACCOUNT.select().where(condition))
