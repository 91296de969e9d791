"""Links of an answer: which addresses Telegram opens.

Source: TDLib's LinkManager (check_link and its tests): http, https and tg, a host with a dot; mail
addresses are found by Telegram itself where they stand in the text.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MOST_CHARACTERS = 2048
_TELEGRAM = re.compile(r"tg://[a-z_-]+(?:[/?#]\S*)?", re.IGNORECASE | re.ASCII)
_MAIL = "mailto:"


def opens(address: str) -> bool:
    """Return whether Telegram takes `address` for a link."""
    if len(address) > MOST_CHARACTERS:
        return False
    if _TELEGRAM.fullmatch(address):
        return True
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in host and port != 0


def readable(address: str) -> str:
    """Return `address` as it is shown where it cannot be opened."""
    return address[len(_MAIL) :] if address.lower().startswith(_MAIL) else address
