"""The kernel's filter of system calls, for a process that from then on only computes.

None of the calls that are left opens a file, a socket or a process, or reaches another process:
it reads and writes what it was given open, and ends. Every other call fails with EPERM. Sources:
seccomp(2), and the kernel's tables of call numbers.
"""

from __future__ import annotations

import ctypes
import platform
import struct

# What the child that reads documents may take, and what it is asked in the place of a kind to try
# its own limits; here its parent finds them without the parsers.
CPU_S = 20
WALLS = "walls"

_SET_SECCOMP, _SET_NO_NEW_PRIVILEGES, _MODE_FILTER = 22, 38, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
# Where the number of the call and the machine stand in what a filter is given.
_NUMBER, _MACHINE = 0, 4
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refused: with EPERM, which is 1

# By machine, as the kernel calls it: its mark in a filter, and the calls that stay:
#   read write readv writev close fstat lseek · mmap mprotect munmap mremap madvise brk
#   rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack · getrandom getpid gettid getrusage
#   sysinfo sched_yield sched_getaffinity futex restart_syscall nanosleep clock_nanosleep
#   clock_gettime clock_getres gettimeofday (and time) · exit exit_group
_CALLS = {
    "x86_64": (
        0xC000003E,
        (
            *(0, 1, 19, 20, 3, 5, 8, 9, 10, 11, 25, 28, 12),
            *(13, 14, 15, 131, 318, 39, 186, 98),
            *(99, 24, 204, 202, 219, 35, 230),
            *(228, 229, 96, 201, 60, 231),
        ),
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(63, 64, 65, 66, 57, 80, 62, 222, 226, 215, 216, 233, 214),
            *(134, 135, 139, 132, 278, 172, 178, 165),
            *(179, 124, 123, 98, 128, 101, 115),
            *(113, 114, 169, 93, 94),
        ),
    ),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def compute_only() -> bool:
    """Give up, for this process and for ever, every call but those above.

    Return False where the kernel or the machine has no such filter; nothing is given up then.
    To be called by a process with one thread.
    """
    known = _CALLS.get(platform.machine())
    if known is None or struct.calcsize("P") != 8:  # noqa: PLR2004 - bytes of an address
        return False
    code = _filter(*known)
    program = _Program(len(code) // 8, code)
    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(program), 0, 0) == 0)


def _filter(machine: int, calls: tuple[int, ...]) -> bytes:
    """Return the filter as instructions of the classic BPF, eight bytes each."""
    steps = [
        (_LOAD, 0, 0, _MACHINE),
        (_JUMP_IF_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _KILL),  # a call by another machine's numbers
        (_LOAD, 0, 0, _NUMBER),
    ]
    # Each jumps over those behind it and over the refusal.
    steps += [(_JUMP_IF_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)]
    steps += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
