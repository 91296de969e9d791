"""A seccomp filter for a process that only computes.

The allowed system calls open no file, socket or process and do not access other processes: the
process can only use the descriptors that are open already, and exit. All others fail with EPERM.
Sources: seccomp(2), and the kernel's tables of call numbers.
"""

import ctypes
import platform
import struct

# The CPU limit of the child that reads documents, and the argument that makes it test its sandbox.
# Defined here, so that the parent process need not import the parsers.
CPU_S = 10
SELF_TEST = "walls"

_SET_SECCOMP, _SET_NO_NEW_PRIVILEGES, _MODE_FILTER = 22, 38, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
# Offsets of the call number and of the architecture in struct seccomp_data.
_NUMBER, _MACHINE = 0, 4
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refused: with EPERM, which is 1

# By architecture: its AUDIT_ARCH constant, and the allowed calls:
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


def forbid_system_calls() -> bool:
    """Forbid all system calls but those above, irrevocably, for this process.

    Returns False, and changes nothing, if the kernel or the architecture does not support it. The
    process must have only one thread.
    """
    known = _CALLS.get(platform.machine())
    if known is None or struct.calcsize("P") != 8:  # noqa: PLR2004 - bytes of an address
        return False
    code = _build_filter(*known)
    program = _Program(len(code) // 8, code)
    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(program), 0, 0) == 0)


def _build_filter(machine: int, calls: tuple[int, ...]) -> bytes:
    """Return the filter as classic BPF instructions of eight bytes each."""
    steps = [
        (_LOAD, 0, 0, _MACHINE),
        (_JUMP_IF_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _KILL),  # a call by another machine's numbers
        (_LOAD, 0, 0, _NUMBER),
    ]
    # Each jumps over the remaining comparisons and the refusal.
    steps += [(_JUMP_IF_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)]
    steps += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
