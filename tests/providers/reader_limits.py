"""Try, as native code in a taken-over parser would, what reaches other files and processes.

    reader_limits.py ROOT USER_ID [unlimited | CALL ...]

Limits itself as the reader of documents does, unless `unlimited`, and prints as JSON the actions
that the kernel allowed it. CALL: a system call that the machine refuses already, as the profile of
a container or the filter of a systemd service does.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

root, user_id, *refused = sys.argv[1:]
sys.path.append(root)
from merlin.providers.document_child import limit_resources  # noqa: E402

_SLEEPER = (
    "import ctypes, time; secret = ctypes.create_string_buffer(b'TOKEN-123456');"
    "print(ctypes.addressof(secret), flush=True); time.sleep(600)"
)


class Span(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = [("start", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def start_victim():
    """Return a process that has a secret in its memory, and the secret's address."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SLEEPER], stdout=subprocess.PIPE, text=True
    )
    return process, int(process.stdout.readline())


def refuse(names):
    """Load a filter that refuses these calls and allows all others."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(0x7FFF0000))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        library.seccomp_rule_add_array(rules, 0x50001, number, 0, None)
    assert library.seccomp_load(rules) == 0


def read_memory():
    found = ctypes.create_string_buffer(12)
    here = Span(ctypes.addressof(found), 12)
    there = Span(address, 12)
    libc.process_vm_readv(victim.pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    assert found.raw == b"TOKEN-123456"


def fork():
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)


def raise_own_limit():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    Path("/etc/passwd").read_bytes()


ACTIONS = {
    "read memory": read_memory,
    "limit another": lambda: resource.prlimit(
        victim.pid, resource.RLIMIT_CPU, (900, 900)
    ),
    "kill": lambda: os.kill(other.pid, signal.SIGKILL),
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "socket": socket.socket,
    "unlink": lambda: Path("a.db").unlink(),
    "truncate": lambda: os.truncate("b.db", 0),
    "rename": lambda: Path("c.key").rename("gone"),
    "chmod": lambda: Path("d.txt").chmod(0o700),
    "mkdir": lambda: Path("new").mkdir(),
    "symlink": lambda: Path("link").symlink_to("/etc/passwd"),
    "readlink": lambda: Path("/proc/self/exe").readlink(),
    "stat": lambda: Path("/etc/shadow").stat(),
    "fork": fork,
    "raise own limit": raise_own_limit,
}

is_unlimited = refused == ["unlimited"]
if refused and not is_unlimited:
    refuse(refused)
    os.execv(sys.executable, [sys.executable, __file__, root, user_id])  # noqa: S606 - itself
libc = ctypes.CDLL(None)
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for name in ("a.db", "b.db", "c.key", "d.txt"):
        Path(name).write_text("precious")
        os.chown(name, int(user_id), -1)
    os.chown(folder, int(user_id), -1)
    os.setuid(int(user_id))
    (victim, address) = start_victim()
    (other, _) = start_victim()
    allowed = []
    try:
        report, write_end = os.pipe()
        if (reader := os.fork()) == 0:
            if not is_unlimited:
                limit_resources()
            for name, action in ACTIONS.items():
                try:
                    action()
                except Exception:  # noqa: S112, BLE001 - refused, by whatever error
                    continue
                allowed.append(name)
            os.write(write_end, json.dumps(allowed).encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(report) as lines:
            sys.stdout.write(lines.read())
        os.waitpid(reader, 0)
    finally:
        for process in (victim, other):
            process.kill()
            process.wait(timeout=60)
