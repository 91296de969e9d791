"""Chip: a state as icon, word and colour, in this order of weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merlin.api.pages.telling import word
from merlin.api.pages.visit import Visit


@dataclass(frozen=True, slots=True)
class Chip:
    """One state; `style` is ok, run, warn, bad or "" for one that asks for nothing."""

    style: str
    icon: str
    words: str


_OK, _RUN, _WAIT = ("ok", "check"), ("run", "run"), ("warn", "clock")
_BAD, _PLAIN = ("bad", "error"), ("", "minus")
_LOOKS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "job": {
        "launching": _RUN,
        "queued": _WAIT,
        "running": _RUN,
        "paused": _WAIT,
        "succeeded": _OK,
        "failed": _BAD,
        "cancelled": ("", "stop"),
    },
    "word": {
        "held": _WAIT,
        "built": ("run", "build"),
        "training": _RUN,
        "serving": _OK,
        "failed": _BAD,
        "rejected": _BAD,
    },
    "model": {
        "new": _WAIT,
        "good": ("", "check"),
        "serves": ("ok", "serve"),
        "refused": _BAD,
        "gone": ("", "close"),
    },
    "page-change": {
        "waiting": _WAIT,
        "working": _RUN,
        "committed": _OK,
        "conflict": ("bad", "warn"),
        "refused": _BAD,
    },
    "page-order": {
        "created": _WAIT,
        "asking": _WAIT,
        "pending": _WAIT,
        "held": _RUN,
        "canceled": ("", "close"),
        "expired": ("", "clock"),
        "paid": _OK,
        "refunded-in-part": ("warn", "undo"),
        "refunded": ("", "undo"),
    },
    "page-return": {
        "wanted": _WAIT,
        "sending": _RUN,
        "done": ("ok", "undo"),
        "refused": _BAD,
    },
    "page-asked": {"waiting": _WAIT, "working": _RUN, "done": _OK, "failed": _BAD},
}


def chip(visit: Visit, family: str, state: str) -> Chip:
    """Return a state of a family: job, word (of a verdict), model, page-<what>."""
    style, icon = _LOOKS[family].get(state, _PLAIN)
    return Chip(style, icon, word(visit, family, state))
