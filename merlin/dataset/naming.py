"""Names of files and datasets: letters and digits of any script (NFC), ".", "_", "-".

Such a name is safe in a path, an address, a log line and every file system we know, and looks
the same to everybody. What breaks the rule gets a proposed name, never a silent change.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

MAX_NAME_BYTES = 200
WORDS_OF_NAME, LETTERS_OF_NAME = 7, 60
_MARKS = "._-"
_EDGES = ".-"


def is_good(name: str) -> bool:
    """Return whether one step of a path keeps the rule.

    Every character is looked at, so a final line end is no letter either.
    """
    return (
        bool(name)
        and name[0] not in _EDGES
        and name[-1] not in _EDGES
        and all(_is_fine(letter) for letter in name)
        and unicodedata.category(name[0])[0] != "M"
        and unicodedata.is_normalized("NFC", name)
        and len(name.encode("utf-8")) <= MAX_NAME_BYTES
    )


def proposed(name: str) -> str:
    """Return the nearest good name: what is not allowed becomes "-"; a good name stays."""
    composed = unicodedata.normalize("NFC", name)
    letters = "".join(letter if _is_fine(letter) else " " for letter in composed)
    joined = "-".join(letters.split())
    while len(joined.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        joined = joined[:-1]
    joined = joined.strip(_EDGES)
    while joined and unicodedata.category(joined[0])[0] == "M":
        joined = joined[1:].lstrip(_EDGES)
    return joined or "unnamed"


class Names:
    """Gives good names that nobody has yet; those that differ by letter case alone are one."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {each.casefold() for each in taken}
        # The last number given to a name: what begins alike is not counted through anew each time.
        self._last: dict[str, int] = {}

    def new(self, question: str) -> str:
        """Return a name made of a question's first words; it counts as taken from now on."""
        words = proposed(question.casefold()).replace(".", "-").split("-")
        spoken = "-".join([word for word in words if word][:WORDS_OF_NAME])
        name = proposed(spoken[:LETTERS_OF_NAME])
        free, number = name, self._last.get(name, 1)
        while free.casefold() in self._taken:
            number += 1
            free = f"{name}-{number}"
        self._last[name] = number
        self._taken.add(free.casefold())
        return free


def _is_fine(letter: str) -> bool:
    # Letters, numbers, and the combining marks that many scripts write vowels with.
    return letter in _MARKS or unicodedata.category(letter)[0] in "LNM"
