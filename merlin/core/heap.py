"""Memory of a process: the heap of glibc (nothing is done with another malloc) and its objects."""

import ctypes
import gc
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


def exclude_loaded_objects() -> None:
    """Exclude what is loaded from garbage collection: it lives until the process ends.

    Looking at it again and again would cause long pauses.
    """
    gc.collect()
    gc.freeze()


def _call(name: str, *arguments: int) -> None:
    function: Any = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
