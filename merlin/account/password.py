"""Password: which ones are good enough, and how they are kept.

What is common or was breached is refused, nothing else is asked of a password but its length.
Sources: NIST SP 800-63B, 5.1.1.2; OWASP Password Storage Cheat Sheet (argon2id, 19 MiB, 2 passes).
`passwords.xz` holds the most used passwords of breaches: the frequency list of zxcvbn 4.5.0 (MIT).
"""

from __future__ import annotations

import lzma
import re
import string
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from merlin.core.errors import Refused

LEAST, MOST = 10, 256
_LIST = Path(__file__).with_name("passwords.xz")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# What is compared where there is nothing to compare with, so that both take the same time.
_NOBODYS = (
    "$argon2id$v=19$m=19456,t=2,p=1$bWVybGluLW5vYm9keQ$sG1Xo9mKh0cW1l7D2w2r0m2Xf7k0Wm1JYb1o2Z3c4d4"
)
_SITE = ("merlin", "мерлин", "telegram", "телеграм")
_FEWEST_KINDS, _FEWEST_DIGITS, _LEAST_REST = 5, 16, 6
_EDGES = string.digits + string.punctuation + " "
_LEET = str.maketrans("@0134$5!", "aoieassi")
# The same keys under two layouts: a Russian word typed without switching is as common as it was.
_KEYS = str.maketrans("йцукенгшщзхъфывапролджэячсмитьбюё", "qwertyuiop[]asdfghjkl;'zxcvbnm,.`")


def normal(password: str) -> str:
    """Return a password in the one form in which it is compared: NFKC."""
    return unicodedata.normalize("NFKC", password)


def judge(password: str, name: str) -> None:
    """Raise Refused, with the reason, for a password that is too easy to find.

    `name` is the account's, which nobody's password is made of.
    """
    given = normal(password)
    if not LEAST <= len(given) <= MOST:
        raise Refused("a wrong length", "account-password-length", least=LEAST, most=MOST)
    small = given.casefold()
    if _is_common(small) or _is_plain(small) or _is_named(small, name):
        raise Refused("an easy password", "account-password-common")


def hashed(password: str) -> str:
    """Return what is stored; takes tens of milliseconds and 19 MiB."""
    return _HASHER.hash(normal(password))


def matches(stored: str, password: str) -> bool:
    """Return whether it is the password that was stored; "" stored takes as long, and is false."""
    try:
        _HASHER.verify(stored or _NOBODYS, normal(password))
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
    if small.isdecimal() and len(small) < _FEWEST_DIGITS:
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(small)}
    return len(set(small)) < _FEWEST_KINDS or steps <= {1} or steps <= {-1}


def _is_named(small: str, name: str) -> bool:
    """Return whether little is left of it without the person's name and ours."""
    rest = small
    for word in (name.casefold(), *_SITE):
        rest = rest.replace(word, "") if word else rest
    return rest != small and len(rest.strip(_EDGES)) < _LEAST_REST
