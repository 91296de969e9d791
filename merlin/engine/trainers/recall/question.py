"""Which question a conversation asks: its last turn, alone and together with what was before.

A follow-up («А если наоборот?») has too few words of its own, so it is also read together with
the user's earlier turns, marked as earlier and weighing less. System texts are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merlin.core.message import Message
from merlin.engine.trainers.recall.text import terms

DEEPEST = 2
# An answer to a follow-up must score at least so much with the follow-up alone: else «спасибо»
# after a taught question would get the answer that was taught to follow it. Taught follow-ups
# score 0.35 and more alone, words of another subject 0.03 and less (the shipped sets).
LEAST_ALONE = 0.1
EARLIER = "<"

Terms = tuple[str, ...]


def questions(messages: Sequence[Message]) -> Iterator[Terms]:
    """Yield the terms of the last question alone, then joined with one and two earlier turns.

    Yields nothing when no user speaks in `messages`.
    """
    asked = [message.content for message in messages if message.role == "user"]
    joined: Terms = ()
    for back, said in enumerate(reversed(asked[-DEEPEST - 1 :])):
        joined += tuple(EARLIER * back + term for term in terms(said))
        yield joined


@dataclass(frozen=True, slots=True)
class Taught:
    """One taught turn: the question's text, how it may be read, and its answer.

    `readings[d]` joins the question with d earlier turns; it is taught by the last of them.
    """

    text: str
    readings: tuple[Terms, ...]
    answer: str

    @property
    def back(self) -> int:
        """How many earlier turns belong to the question as taught."""
        return len(self.readings) - 1


def taught(conversation: Sequence[Message]) -> Iterator[Taught]:
    """Yield every (question so far, answer) that one training conversation teaches.

    An assistant's message of weight 0, or without text, is not taught.
    """
    for place, message in enumerate(conversation):
        if message.role != "assistant" or message.extra.get("weight") == 0:
            continue
        before = conversation[:place]
        readings = tuple(questions(before))
        if readings and message.content.strip():
            said = next(past.content for past in reversed(before) if past.role == "user")
            yield Taught(said, readings, message.content)
