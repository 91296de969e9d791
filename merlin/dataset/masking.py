"""Masking: personal data and secrets taken out of a person's words before anybody learns them.

Cheap patterns, no guesses: what they miss a reviewer still sees, and the person is shown the
masked words before they are sent. What is found is replaced by a word for what stood there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from merlin.core.text import text
from merlin.dataset.lint import MAIL, PHONE, SECRET

# A phone number without its country: 8 (999) 123-45-67, 999 123 45 67.
_LOCAL_PHONE = re.compile(
    r"(?<![\d.])(?:8[ (-]{0,2})?\(?\d{3}\)?[ -]{1,2}\d{3}[ -]?\d{2}[ -]?\d{2}(?![\d.])"
    r"|(?<![\d.])8[ -]?\d{10}(?!\d)"
)
_CARD = re.compile(r"(?<!\d)\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}(?!\d)")
_HANDLE = re.compile(r"(?<![\w@/.])@[A-Za-z]\w{4,31}\b|\b(?:https?://)?t\.me/[\w+/-]{3,64}")
_NAME = re.compile(
    r"(?i:\b(?:меня зовут|моё имя|мое имя|моя фамилия|my name is|my name's|call me))"
    r"(?P<gap>[\s:—–-]{1,4})(?P<name>[^\W\d_][\w'’-]*(?: [A-ZА-ЯЁ][\w'’-]*){0,2})"
)
# In this order: a card is no phone, an e-mail address no handle.
_KINDS = (
    ("secret", SECRET),
    ("mail", MAIL),
    ("card", _CARD),
    ("phone", PHONE),
    ("phone", _LOCAL_PHONE),
    ("handle", _HANDLE),
)


@dataclass(frozen=True, slots=True)
class Masked:
    """The words without what was found in them, and what that was (secret, mail, card …)."""

    words: str
    found: tuple[str, ...] = ()


def mask(words: str, language: str) -> Masked:
    """Return the words with personal data and secrets replaced by words of `language`."""
    found: dict[str, None] = {}

    def replaced(kind: str, pattern: re.Pattern[str], said: str) -> str:
        masked = pattern.sub(lambda _: text(language, f"mask-{kind}"), said)
        if masked != said:
            found[kind] = None
        return masked

    for kind, pattern in _KINDS:
        words = replaced(kind, pattern, words)
    unnamed = _NAME.sub(
        lambda met: met.group().removesuffix(met["name"]) + text(language, "mask-name"), words
    )
    if unnamed != words:
        found["name"] = None
    return Masked(unnamed, tuple(found))
