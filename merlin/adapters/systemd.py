"""What a process tells systemd, and what it asks of it; nothing at all without systemd.

Source: sd_notify(3) and sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import socket

READY = "READY=1"
WATCHDOG = "WATCHDOG=1"
STOPPING = "STOPPING=1"


def notify(*words: str) -> bool:
    """Tell systemd `words`, such as READY or `status(...)`; return whether somebody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # a name in the kernel's own space, not a file
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.sendto("\n".join(words).encode(), address)
    except OSError:  # a service must not fail because nobody wants to hear that it lives
        return False
    return True


def status(text: str) -> str:
    """Return the word that `systemctl status` shows; one line."""
    return "STATUS=" + " ".join(text.split())


def watchdog_s() -> float | None:
    """Return within how many seconds WATCHDOG must be told, None when nobody waits for it.

    Telling it at half of that time is what systemd advises.
    """
    told = os.environ.get("WATCHDOG_USEC", "")
    meant_for = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not told.isdigit() or int(told) == 0 or meant_for != str(os.getpid()):
        return None
    return int(told) / 1_000_000
