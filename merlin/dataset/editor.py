"""Editor: in whose name a commit is made; a name and an e-mail that git can write down.

Both become one line of a commit, so both are kept to an allow-list of letters: nobody's name
can begin a new line, a trailer or an option.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_NAME = 80
_MARKS = " .'-"
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,189}")
_NOT_MAILBOX = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Editor:
    """A name of letters, digits and blanks, and an e-mail address; made by the functions below."""

    name: str
    email: str

    @property
    def line(self) -> str:
        """Return both as git writes them: `Name <address>`."""
        return f"{self.name} <{self.email}>"


def editor_of(user_id: int, shown_name: str) -> Editor:
    """Return the editor that a Telegram user is; the address leads nowhere by design (RFC 2606)."""
    return Editor(_name(shown_name) or f"user {user_id}", f"{user_id}@telegram.invalid")


def editor_here(login: str, name: str = "", email: str = "") -> Editor:
    """Return the editor at this machine's keyboard: what their git says, else their login."""
    mailbox = _NOT_MAILBOX.sub("-", login).strip("-._") or "somebody"
    is_address = _EMAIL.fullmatch(email) is not None
    return Editor(
        _name(name) or _name(login) or mailbox, email if is_address else f"{mailbox}@cli.invalid"
    )


def _name(shown: str) -> str:
    """Return what of a name may stand in a commit: letters, digits, marks between them."""
    composed = unicodedata.normalize("NFC", shown)
    kept = "".join(letter if _is_fine(letter) else " " for letter in composed)
    name = " ".join(kept.split())[:MAX_NAME].strip(_MARKS)
    while name and unicodedata.category(name[0])[0] == "M":
        name = name[1:].lstrip(_MARKS)
    return name


def _is_fine(letter: str) -> bool:
    return letter in _MARKS or unicodedata.category(letter)[0] in "LNM"
