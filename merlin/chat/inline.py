"""Inline: what stands under the field where somebody types `@bot words` in any chat.

Nothing of it asks a model: it is what was said before, what was taught, and a way to ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from merlin.dataset.sameness import normal

# How many words of a question must stand in what is close to it.
CLOSE_SHARE = 0.6
_SHORT = 3


@dataclass(frozen=True, slots=True)
class Said:
    """A question and its answer."""

    question: str
    answer: str


class InlineWords(Protocol):
    """What inline mode reads and keeps; each method is one transaction."""

    def own(self, user_id: int, words: str, limit: int) -> Sequence[Said]:
        """Return the person's newest answers that these words are about."""

    def taught(self, build_id: int, words: str, limit: int) -> Sequence[Said]:
        """Return a build's examples whose questions are close to these words, closest first."""

    def keep(self, user_id: int, question: str) -> str:
        """Keep a question; return the token that leads to it, of A-Z a-z 0-9 _ and -."""

    def question(self, token: str) -> str | None:
        """Return the question that a token leads to, None where it was not kept that long."""


def stems(words: str) -> list[str]:
    """Return the words that tell what a question is about, without endings, each once."""
    told = normal("".join(each if each.isalnum() else " " for each in words)).split()
    long = [word for word in told if len(word) >= _SHORT] or told
    # Without its last letters a Russian word is found in its other cases too.
    return list(dict.fromkeys(word[: max(_SHORT, len(word) - 2)] for word in long))


def closeness(wanted: Sequence[str], said: str) -> float:
    """Return which share of the stems begins a word of `said` (normal form), 0 to 1."""
    if not wanted:
        return 0.0
    words = "".join(each if each.isalnum() else " " for each in said).split()
    return sum(any(_begins(word, stem) for word in words) for stem in wanted) / len(wanted)


def _begins(word: str, stem: str) -> bool:
    return word.startswith(stem) if len(stem) >= _SHORT else word == stem
