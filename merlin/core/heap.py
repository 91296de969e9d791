"""The heap of glibc, which keeps freed memory for later; with another malloc nothing is done."""

import ctypes
from typing import Any

_M_ARENA_MAX = -8  # of glibc's malloc.h


def share_one_heap() -> None:
    """Let the threads of this process share one heap; call it before they start.

    By default glibc gives every thread its own, each of which keeps what it once used.
    """
    _call("mallopt", _M_ARENA_MAX, 1)


def release_free_memory() -> None:
    """Return freed memory to the system; call it after large work, as it takes milliseconds."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    function: Any = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
