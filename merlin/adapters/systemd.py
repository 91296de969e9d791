"""What a process tells systemd; nothing at all without systemd.

Source: sd_notify(3).
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
