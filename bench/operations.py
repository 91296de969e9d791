"""Each operation on the way of a commit, an edit, a payment and an update fails once.

Full disk, lost database, no program, no connection; after each all must end well.
"""

from __future__ import annotations

import tempfile
from pathlib import Path


def run() -> None:
    """Print how many operations each way has; what is wrong after one of them raises."""
    from merlin.core.log import set_up_logging
    from tests.support.fault_injection import WAYS

    set_up_logging("bench", quiet=True)
    for way in WAYS:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{way.__name__}: {way(Path(folder))} operations failed in turn, all well after")
