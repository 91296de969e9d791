"""Waiting for what the daemon does, or doing it where nobody leads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from merlin.config import Config
from merlin.db.processes import Lead

T = TypeVar("T")
Say = Callable[..., None]

LOOK_S = 0.1
LATE_S = 30.0
LEAD_LOOK_S = 1.0


def until(
    config: Config,
    look: Callable[[], T | None],
    work: Callable[[], object],
    say: Say,
    late: Callable[[], object],
) -> T:
    """Return the first thing that `look` finds: made by the daemon, or by `work` where none leads.

    `say` tells the person what is waited for, `late` that it takes long. What `work` raises
    passes through.
    """
    lead = Lead(config.state_dir, config.database)
    begun = time.monotonic()
    late_at, lead_at, is_told = begun + LATE_S, begun, False
    while (found := look()) is None:
        now = time.monotonic()
        if now >= lead_at:
            lead_at = now + LEAD_LOOK_S
            if lead.take():
                with lead:
                    say("no-daemon")
                    work()
                continue
            if not is_told:
                say("asked-daemon")
                is_told = True
        if now > late_at:
            late()
            late_at += LATE_S
        time.sleep(LOOK_S)
    return found
