"""Memory of a process: optional dependencies, garbage collection, glibc's heap.

Libraries import what they find: peewee every database driver, structlog rich for its colours, httpx
its command line. Unused ones cost 12 MB of a bot's memory. For that reason this module imports none
of them.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_M_ARENA_MAX = -8  # of glibc's malloc.h


@contextmanager
def without_modules(*names: str) -> Iterator[None]:
    """Make `import` of these modules fail inside the block; afterwards it works again.

    Modules that are loaded already stay loaded.
    """
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        # None in sys.modules makes Python raise ModuleNotFoundError.
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Disable garbage collection while new objects stay, which saves a tenth of the time and more.

    Imported modules stay, and the contents of files have no reference cycles.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # else the next collection would look at all of them
        gc.enable()


def exclude_loaded_objects() -> None:
    """Exclude what is loaded from garbage collection: it lives until the process ends.

    Looking at it again and again would cause long pauses.
    """
    gc.collect()
    gc.freeze()


def share_one_heap() -> None:
    """Let the threads of this process share one heap; call it before they start.

    By default glibc gives every thread its own, each of which keeps what it once used.
    """
    _call_glibc("mallopt", _M_ARENA_MAX, 1)


def release_free_memory() -> None:
    """Return freed memory to the system; call it after large work, as it takes milliseconds."""
    _call_glibc("malloc_trim", 0)


def _call_glibc(name: str, *arguments: int) -> None:
    """Call a function of glibc; nothing is done with another malloc."""
    import ctypes  # noqa: PLC0415 - short commands do without it

    function: Any = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
