"""Let each operation of processing a commit, an edit, a payment and an update fail once.

Full disk, lost database, missing program, no connection; processing must complete after each.
"""

import tempfile
from pathlib import Path


def run() -> None:
    """Print the number of operations of each kind of processing; a violation raises an error."""
    from tests.support.fault_injection import SCENARIOS

    for way in SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            print(
                f"{way.__name__}: {way(Path(folder))} operations failed in turn, all well after",
                flush=True,
            )
