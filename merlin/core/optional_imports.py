"""Optional libraries: where one that is installed is left out, to save memory and time at start.

Libraries load what they find: peewee each driver of a database, structlog rich for its colours,
httpx its own command line. What nobody uses costs 12 MB of a bot's memory. This module imports
nothing of them for that reason.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_modules(*names: str) -> Iterator[None]:
    """Make `import` of these modules fail meanwhile; afterwards who asks for one gets it.

    What is loaded already stays, and changes nothing.
    """
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        # Python's own way of saying that a module is not to be had.
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
