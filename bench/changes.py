"""Eight writers submit a hundred changes each of one dataset, which one daemon commits."""

import tempfile
from pathlib import Path

WRITERS = 8
CHANGES = 100
SEED = 20261120


def run() -> None:
    """Print the time, and how often a writer was refused; a lost or doubled change is an error."""
    from tests.e2e.concurrent_writers import write_at_once

    with tempfile.TemporaryDirectory() as folder:
        seconds, by_hand, refused = write_at_once(Path(folder), WRITERS, CHANGES, SEED)
    print(
        f"{WRITERS} writers x {CHANGES} changes committed once each, and {by_hand} commits by git"
    )
    print(f"{seconds:.0f} s; {refused} times a writer had to try again")
