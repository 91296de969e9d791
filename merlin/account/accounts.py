"""User names and passwords: what they must be like, and their rows.

Somebody without Telegram gets a number that Telegram never gives: its ids end below 2^52.

Common and breached passwords are refused; nothing else is asked of a password but its length.
Sources: NIST SP 800-63B, 5.1.1.2; OWASP Password Storage Cheat Sheet (argon2id, 19 MiB, 2
passes). `passwords.xz` holds the most used passwords of breaches: the frequency list of zxcvbn
4.5.0 (MIT).
"""

from __future__ import annotations

import lzma
import re
import secrets
import string
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from merlin.account.api_keys import digest
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import Refused
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Database, Repository, transaction
from merlin.db.tables import ACCOUNT, USER
from merlin.db.values import read_row

# Numbers that JavaScript can still count with.
FIRST_ID, LAST_ID = 2**52, 2**53 - 1
MAX_NAME_LENGTH = 32
_NAME = re.compile(r"[a-z](?:[._-]?[a-z0-9]){1,31}")
_RESERVED = frozenset(
    {
        *("admin", "administrator", "api", "bot", "merlin", "moderator", "owner", "root"),
        *("security", "support", "system", "telegram", "webmaster"),
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """One account; `password` is its argon2id hash, "" without one."""

    user_id: int
    name: str
    password: str = field(repr=False)
    changed_at: datetime

    @property
    def has_password(self) -> bool:
        """Return whether its owner can sign in by a password."""
        return bool(self.password)


def fold_name(name: str) -> str:
    """Return a name as it is compared: the one spelling of all that look the same."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def check_name(name: str) -> str:
    """Return a name as it is stored. Raises Refused for one that nobody can have."""
    found = fold_name(name)
    if len(found) > MAX_NAME_LENGTH or not _NAME.fullmatch(found):
        raise Refused("no user name", "account-name-refused", limit=MAX_NAME_LENGTH)
    return found


def check_own_name(name: str, given: frozenset[str]) -> str:
    """Return a name that people may take by themselves. Raises Refused for any other.

    `given` are names that admins alone give: those that stand in a course.yaml.
    """
    found = check_name(name)
    if found in _RESERVED or found in given:
        raise Refused("a name that admins give", "account-name-reserved", name=found)
    return found


def new_id() -> int:
    """Return an id for somebody without Telegram; ids of those who left do not come again."""
    return FIRST_ID + secrets.randbelow(LAST_ID - FIRST_ID + 1)


def is_of_telegram(user_id: int) -> bool:
    """Return whether this is somebody whom Telegram knows."""
    return user_id < FIRST_ID


LEAST, MOST = 10, 256
_LIST = Path(__file__).with_name("passwords.xz")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# What is compared where there is nothing to compare with, so that both take the same time.
_NOBODYS = (
    "$argon2id$v=19$m=19456,t=2,p=1$bWVybGluLW5vYm9keQ$sG1Xo9mKh0cW1l7D2w2r0m2Xf7k0Wm1JYb1o2Z3c4d4"
)
_SITE = ("merlin", "мерлин", "telegram", "телеграм")
_MIN_KINDS, _MIN_DIGITS, _MIN_REST = 5, 16, 6
_EDGES = string.digits + string.punctuation + " "
_LEET = str.maketrans("@0134$5!", "aoieassi")
# The same keys under two layouts: a Russian word typed without switching is as common as it was.
_KEYS = str.maketrans("йцукенгшщзхъфывапролджэячсмитьбюё", "qwertyuiop[]asdfghjkl;'zxcvbnm,.`")


def normalise_password(password: str) -> str:
    """Return a password in the one form in which it is compared: NFKC."""
    return unicodedata.normalize("NFKC", password)


def check_password_strength(password: str, name: str) -> None:
    """Raise Refused, with the reason, for a password that is too easy to find.

    `name` is the account's, which nobody's password is made of.
    """
    given = normalise_password(password)
    if not LEAST <= len(given) <= MOST:
        raise Refused("a wrong length", "account-password-length", least=LEAST, most=MOST)
    small = given.casefold()
    if _is_common(small) or _is_plain(small) or _is_named(small, name):
        raise Refused("an easy password", "account-password-common")


def hash_password(password: str) -> str:
    """Return what is stored; takes tens of milliseconds and 19 MiB."""
    return _HASHER.hash(normalise_password(password))


def hash_new_password(password: str, name: str) -> str:
    """Return what is stored of a new password. Raises Refused for one that is easy to find."""
    check_password_strength(password, name)
    return hash_password(password)


def verify_password(stored: str, password: str) -> bool:
    """Return whether it is the password that was stored; "" stored takes as long, and is false."""
    try:
        _HASHER.verify(stored or _NOBODYS, normalise_password(password))
    except (Argon2Error, InvalidHashError):
        return False
    return bool(stored)


@cache
def _common() -> frozenset[str]:
    return frozenset(lzma.decompress(_LIST.read_bytes()).decode("ascii").split("\n"))


def _is_common(small: str) -> bool:
    """Return whether it is a common password, or one with ends, signs or layout changed."""
    forms = {small, small.translate(_KEYS)}
    forms |= {form.strip(_EDGES) for form in set(forms)}
    forms |= {form.translate(_LEET) for form in set(forms)}
    forms |= {form.strip(_EDGES) for form in set(forms)}
    return any(form in _common() or _half(form) in _common() for form in forms)


def _half(text: str) -> str:
    """Return what a text repeats ("abcabc" -> "abc"), else the text."""
    found = re.fullmatch(r"(.+?)\1+", text)
    return found.group(1) if found else text


def _is_plain(small: str) -> bool:
    """Return whether it is a date or a telephone, a few characters, neighbours in the alphabet."""
    if small.isdecimal() and len(small) < _MIN_DIGITS:
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(small)}
    return len(set(small)) < _MIN_KINDS or steps <= {1} or steps <= {-1}


def _is_named(small: str, name: str) -> bool:
    """Return whether little is left of it without the person's name and ours."""
    rest = small
    for word in (name.casefold(), *_SITE):
        rest = rest.replace(word, "") if word else rest
    return rest != small and len(rest.strip(_EDGES)) < _MIN_REST


MAX_BROWSERS = 10
_BROWSER_BYTES = 16


class Accounts(Repository):
    """One row a user name; of the browsers that its owner signed in with, the newest hashes."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._audit = Audit(db, clock)

    def of(self, user_id: int) -> Account | None:
        """Return a person's account."""
        return self._found(ACCOUNT.user_id == user_id)

    def named(self, name: str) -> Account | None:
        """Return the account of a name however it is written; PostgreSQL takes not every one."""
        found = fold_name(name)
        return self._found(ACCOUNT.name == found) if _NAME.fullmatch(found) else None

    @transaction
    def make(self, name: str, by: str) -> int:
        """Return the id of a new person without Telegram. Raises Refused for a taken name."""
        user_id = new_id()
        now = iso(self._clock())
        # No message of ours reaches somebody whom Telegram does not know.
        person = {"user_id": user_id, "language_code": "", "first_seen_at": now, "is_reachable": 0}
        self.db.put(USER.insert(person))
        self.set_name(user_id, name, by)
        return user_id

    @transaction
    def set_name(self, user_id: int, name: str, by: str) -> None:
        """Give a name, which frees the one before. Raises Refused for a taken name."""
        given = check_name(name)
        before = self.of(user_id)
        if before is not None and before.name == given:
            return
        owner = self.named(given)
        if owner is not None or not self._write(user_id, given):
            raise Refused(f"the name {given} is taken", "account-name-taken", name=given)
        values = {"name": given, "before": before.name if before else ""}
        self._audit.note(by, "account.name", person_reference(user_id), values)

    def _write(self, user_id: int, name: str) -> bool:
        """Write a name; False where somebody took it at the same moment."""
        new = {"user_id": user_id, "name": name, "password": "", "browsers": ""}
        made = ACCOUNT.insert({**new, "changed_at": iso(self._clock())}).on_conflict_ignore()
        if self.db.put(made):
            return True
        if self.named(name) is not None:
            return False
        renamed = ACCOUNT.update({"name": name}).where(ACCOUNT.user_id == user_id)
        return self.db.change(renamed) > 0

    @transaction
    def set_password(self, user_id: int, hashed: str, by: str) -> None:
        """Keep a password by its hash. Raises Refused for somebody without a name."""
        newest = {"password": hashed, "changed_at": iso(self._clock()), "browsers": ""}
        if not self.db.change(ACCOUNT.update(newest).where(ACCOUNT.user_id == user_id)):
            raise Refused("no user name", "account-no-name")
        self._audit.note(by, "account.password", person_reference(user_id))

    def knows(self, user_id: int, browser: str) -> bool:
        """Return whether the owner has signed in by the password in this browser before."""
        return bool(browser) and digest(browser) in self._browsers(user_id)

    @transaction
    def meet(self, user_id: int) -> str:
        """Return the secret of a browser that the owner has signed in with; the newest count."""
        secret = secrets.token_urlsafe(_BROWSER_BYTES)
        newest = [digest(secret), *self._browsers(user_id)][:MAX_BROWSERS]
        query = ACCOUNT.update({"browsers": " ".join(newest)})
        self.db.change(query.where(ACCOUNT.user_id == user_id))
        return secret

    def _browsers(self, user_id: int) -> list[str]:
        kept = self.db.value(ACCOUNT.select(ACCOUNT.browsers).where(ACCOUNT.user_id == user_id))
        return str(kept or "").split()

    def _found(self, this: Any) -> Account | None:
        row = self.db.row(ACCOUNT.select().where(this))
        return None if row is None else read_row(Account, row)
