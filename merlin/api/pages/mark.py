"""Mark: what tells one form that was sent from another, so that one pressed twice acts once."""

from __future__ import annotations

import secrets

PATTERN = "^[0-9a-f]{32}$"


def mark() -> str:
    """Return the mark of a new form."""
    return secrets.token_hex(16)
