"""A marked text while it is read: the plain part so far, open marks, finished entities."""

from __future__ import annotations

from typing import Any

from merlin.core.utf16 import units
from merlin.sandbox.telegram.errors import BotApiError, bad_request

Entity = dict[str, Any]


def cannot_parse(reason: str) -> BotApiError:
    """Return Telegram's answer to marks that do not fit."""
    return bad_request(f"can't parse entities: {reason}")


class Plain:
    """The text read so far and the marks that are open."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.units = 0
        self.open: list[tuple[str, int, Entity]] = []
        self.entities: list[Entity] = []

    def add(self, text: str) -> None:
        """Read on."""
        self.parts.append(text)
        self.units += units(text)

    def start(self, mark: str, **entity: Any) -> None:
        """Open a mark; `entity` is what it will become."""
        self.open.append((mark, self.units, entity))

    def end(self) -> None:
        """Close the mark opened last; one around nothing leaves nothing."""
        _mark, start, entity = self.open.pop()
        if self.units > start:
            self.entities.append({**entity, "offset": start, "length": self.units - start})

    def done(self) -> tuple[str, list[Entity]]:
        """Return the plain text and its entities."""
        return "".join(self.parts), self.entities
