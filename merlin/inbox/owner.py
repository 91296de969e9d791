"""Owner: the process that holds a chat by a lease, named so that its death can be seen.

A lease lasts `LEASE_S` and is renewed well before. The lease of a dead process on the same host is
void at once: process ids are compared with the start time, so a number used again misleads nobody.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

LEASE_S = 10.0
RENEW_S = 3.0
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Owner:
    """One process: host (with its view of process ids), boot id, pid and start time in ticks."""

    host: str
    boot: str
    pid: int
    started: int

    def __str__(self) -> str:
        return "|".join((self.host, self.boot, str(self.pid), str(self.started)))

    def outlived(self, word: str) -> bool:
        """Return whether the owner that `word` names is surely dead, as seen from here.

        Of another host nothing is known; a word that cannot be read is not called dead.
        """
        host, _, rest = word.partition("|")
        boot, _, process = rest.partition("|")
        pid, _, started = process.partition("|")
        if host != self.host or not (pid.isdecimal() and started.isdecimal()):
            return False
        return boot != self.boot or _start_of(int(pid)) != int(started)


def this_process() -> Owner:
    """Return this process as an owner."""
    return process(os.getpid())


def process(pid: int) -> Owner:
    """Return a process of this host as an owner."""
    # Containers may share a host name but not their process ids.
    host = f"{socket.gethostname()}/{_namespace()}".replace("|", "-")
    boot = _read(_PROC / "sys/kernel/random/boot_id").strip()
    return Owner(host, boot, pid, _start_of(pid))


def _start_of(pid: int) -> int:
    """Return when a process started, in ticks since boot; 0 when there is none.

    Source: proc(5), /proc/[pid]/stat, field 22; the name in field 2 may hold spaces. A zombie
    (state Z, X) does nothing any more.
    """
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in {"Z", "X"}:  # noqa: PLR2004 - place of field 22
        return 0
    return int(fields[19])


def _namespace() -> str:
    try:
        return Path.readlink(_PROC / "self/ns/pid").name
    except OSError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
