"""Deeds: who did what to whom, as people read it; the audit says "user:1003" and "role.grant"."""

from __future__ import annotations

from merlin.bot.services import BotServices
from merlin.core.text import keys, text


def named(services: BotServices, word: str, language: str) -> str:
    """Return how people read who did something, or what it was done to; in the store's work."""
    kind, _, name = word.partition(":")
    if kind == "user" and name.isdecimal():
        user = services.rows.users.get(int(name))
        if user is not None and user.shown_name:
            return f"{user.shown_name} · {name}"
    if word == "user:erased":
        return text(language, "page-erased")
    key = f"page-deed-{kind}"
    return text(language, key, name=name) if name and key in keys(language) else word


def deed(action: str, language: str) -> str:
    """Return what was done; an action that has no words yet stays as it is."""
    key = f"audit-{action.replace('.', '-')}"
    return text(language, key) if key in keys(language) else action
