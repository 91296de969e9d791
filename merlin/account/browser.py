"""Browser: what a browser says of itself, in the few words that help to know it again."""

from __future__ import annotations

import ipaddress

# The first word found counts: newer browsers name the older ones too.
_PROGRAMS = (
    ("Telegram", "Telegram"),
    ("YaBrowser/", "Yandex Browser"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "Python"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_SHOWN_V6 = 2


def agent_of(header: str) -> str:
    """Return "Firefox, Linux" for a User-Agent header, "" where it names nothing known."""
    names = [
        next((name for sign, name in kinds if sign.lower() in header.lower()), "")
        for kinds in (_PROGRAMS, _SYSTEMS)
    ]
    return ", ".join(filter(None, names))


def place_of(address: str) -> str:
    """Return an IP address without its end, "203.0.*.*"; "" for what is none.

    Enough to see whether it is one's own network, too little to find a person.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if isinstance(found, ipaddress.IPv4Address):
        first, second, *_ = str(found).split(".")
        return f"{first}.{second}.*.*"
    parts = found.exploded.split(":")[:_SHOWN_V6]
    return ":".join(part.lstrip("0") or "0" for part in parts) + ":*"
