"""Names: which are safe everywhere, and which known one a misspelt word means.

A name consists of letters and digits of any script (NFC), ".", "_", "-". It is safe in paths, URLs,
log lines and every file system.
"""

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

from merlin.core.combining_marks import normalise_unicode

MAX_NAME_BYTES = 200
# Windows opens a device by such a name, with any ending, and git cannot check it out there.
_DEVICE = re.compile(r"(?i:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:[./]|\Z)")
# A fast check that accepts most valid names.
PLAIN_NAME = re.compile(
    rf"(?!{_DEVICE.pattern})[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?"
)
_MARKS = "._-"
_EDGES = ".-"
_NEAR = 0.7  # `images` is no misspelt `tags`


def find_nearest(word: str, known: Iterable[str]) -> str:
    """Return the most similar one of the `known` words, "" if none is similar."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=_NEAR)), "")


def is_valid_name(name: str) -> bool:
    """Return whether one component of a path is a valid name."""
    if len(name) <= MAX_NAME_BYTES and PLAIN_NAME.fullmatch(name):
        return True
    return (
        0 < len(name) <= MAX_NAME_BYTES
        and name[0] not in _EDGES
        and name[-1] not in _EDGES
        and all(_is_allowed(letter) for letter in name)
        and unicodedata.category(name[0])[0] != "M"
        and unicodedata.is_normalized("NFC", name)
        and len(name.encode("utf-8")) <= MAX_NAME_BYTES
        and _DEVICE.match(name) is None
    )


def suggest_name(name: str) -> str:
    """Return a similar valid name: characters that are not allowed become "-", aux is aux-1."""
    if is_valid_name(name):
        return name
    composed = normalise_unicode("NFC", name)
    letters = "".join(letter if _is_allowed(letter) else " " for letter in composed)
    joined = "-".join(letters.split()).encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    joined = joined.strip(_EDGES)
    while joined and unicodedata.category(joined[0])[0] == "M":
        joined = joined[1:].lstrip(_EDGES)
    if _DEVICE.match(joined):
        return f"{joined.partition('.')[0]}-1"
    return joined or "unnamed"


@lru_cache(maxsize=1000)
def _is_allowed(letter: str) -> bool:
    # Letters, numbers, and the combining marks that many scripts use for vowels.
    return letter in _MARKS or unicodedata.category(letter)[0] in "LNM"
