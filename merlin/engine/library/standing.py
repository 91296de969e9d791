"""What stands on a base: the tuned models and unfinished jobs that an engine's rows tell of.

Read beside a running engine or without one, and never written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

TUNED = "SELECT name FROM model WHERE base = ? AND step IS NULL ORDER BY seq"
WAITING = (
    "SELECT id FROM job WHERE base = ? AND status NOT IN ('succeeded', 'failed', 'cancelled')"
    " ORDER BY seq"
)


def standing_on(base: str, database: Path) -> Sequence[str]:
    """Return the tuned models and the jobs, not ended yet, that need a base; ids, oldest first."""
    if not database.exists():
        return ()
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)) as rows:
        found = [*rows.execute(TUNED, (base,)), *rows.execute(WAITING, (base,))]
    return [str(name) for (name,) in found]
