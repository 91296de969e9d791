"""Contact: where a receipt goes: an e-mail address, or a telephone number as digits."""

from __future__ import annotations

import re

MOST_CONTACT = 254
# Whether there is such an address the till finds out; this keeps slips of the finger away.
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
_FILLING = re.compile(r"[\s().‐-―-]+")
# E.164: at most 15 digits with the country's.
_PHONE = re.compile(r"\+?([1-9][0-9]{9,14})")
_RUSSIAN = 11


def contact_of(said: str) -> str:
    """Return an address as it was written, or a number's digits ("79161234567"); "" for neither.

    A Russian number may begin with 8, or with nothing before its ten digits.
    """
    plain = said.strip()
    if len(plain) > MOST_CONTACT:
        return ""
    if "@" in plain:
        return plain if _EMAIL.fullmatch(plain) and ".." not in plain else ""
    number = _FILLING.sub("", plain)
    if len(number) == _RUSSIAN and number.startswith("8"):
        number = f"7{number[1:]}"
    if len(number) == _RUSSIAN - 1 and number.startswith("9"):
        number = f"7{number}"
    found = _PHONE.fullmatch(number)
    return found[1] if found else ""
