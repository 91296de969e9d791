"""Rating: what a person thinks of an answer; a second press of the same button takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Rating(StrEnum):
    """What may be thought of an answer; the values are what is stored."""

    UP = "up"
    DOWN = "down"


# Skin tones follow the thumb as a sign of their own.
_BY_EMOJI = {"👍": Rating.UP, "👎": Rating.DOWN}


@dataclass(frozen=True, slots=True)
class Thumbs:
    """How many people thought what of a model's answers."""

    up: int = 0
    down: int = 0


class Ratings(Protocol):
    """Where ratings are kept; each method is one transaction."""

    def rate(self, turn_id: int, user_id: int, rating: Rating | None) -> None:
        """Keep what the person thinks of a turn; None forgets it."""

    def of(self, turn_id: int, user_id: int) -> Rating | None:
        """Return what the person thinks of a turn, None for nothing."""

    def turn_at(self, chat_id: int, message_id: int) -> int | None:
        """Return the turn that a message of the bot's shows, None for any other message."""

    def thumbs(self, model_id: str) -> Thumbs:
        """Return what people thought of a model's answers."""


def rating_of(word: str) -> Rating | None:
    """Return the rating that a button names, None for no such word."""
    return Rating(word) if word in set(Rating) else None


def after_press(before: Rating | None, pressed: Rating) -> Rating | None:
    """Return what counts after a button was pressed: the same one again takes it back."""
    return None if before is pressed else pressed


def of_reactions(emojis: Sequence[str]) -> Rating | None:
    """Return the rating that reactions say; the newest thumb counts, None without any."""
    thumbs = [_BY_EMOJI[emoji[:1]] for emoji in emojis if emoji[:1] in _BY_EMOJI]
    return thumbs[-1] if thumbs else None
