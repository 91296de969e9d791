"""Chip: a state as icon, word and colour, in this order of weight."""

from __future__ import annotations

from collections.abc import Mapping

from merlin.api.pages.telling import word
from merlin.api.pages.visit import Visit
from merlin.core.web.chip import BAD, JOB, OK, PLAIN, RUN, WAIT, Chip, Look

_LOOKS: Mapping[str, Mapping[str, Look]] = {
    "job": JOB,
    "word": {
        "held": WAIT,
        "built": ("run", "build"),
        "training": RUN,
        "serving": OK,
        "failed": BAD,
        "rejected": BAD,
    },
    "model": {
        "new": WAIT,
        "good": ("", "check"),
        "serves": ("ok", "serve"),
        "refused": BAD,
        "gone": ("", "close"),
        "revoked": BAD,
    },
    "page-change": {
        "waiting": WAIT,
        "working": RUN,
        "committed": OK,
        "conflict": ("bad", "warn"),
        "parked": ("bad", "warn"),
        "refused": BAD,
    },
    "page-order": {
        "created": WAIT,
        "asking": WAIT,
        "pending": WAIT,
        "held": RUN,
        "canceled": ("", "close"),
        "expired": ("", "clock"),
        "paid": OK,
        "refunded-in-part": ("warn", "undo"),
        "refunded": ("", "undo"),
    },
    "page-return": {
        "wanted": WAIT,
        "sending": RUN,
        "done": ("ok", "undo"),
        "refused": BAD,
    },
    "page-asked": {"waiting": WAIT, "working": RUN, "done": OK, "failed": BAD},
}


def chip(visit: Visit, family: str, state: str) -> Chip:
    """Return a state of a family: job, word (of a verdict), model, page-<what>."""
    style, icon = _LOOKS[family].get(state, PLAIN)
    return Chip(style, icon, word(visit, family, state))
