"""Contradictions by meaning: two questions that ask for the same, and two different answers."""

from collections.abc import Sequence

from merlin.core.encoder import encode
from merlin.core.opposites import are_opposed, split_content
from merlin.core.vocabulary import fold

# The least cosine of two questions for the same, and of one with a word more. In no shipped dataset
# two questions with different answers are so near.
MIN_COSINE, MIN_COSINE_WITH_MORE = 0.87, 0.94
# Answers with a higher cosine say the same in other words, unless they are opposed.
MAX_COSINE_OF_ANSWERS = 0.85
# What of an answer is compared, in characters.
_MAX_LENGTH = 300


def find_contradictions(questions: Sequence[str], answers: Sequence[str]) -> list[tuple[int, int]]:
    """Return the pairs of indices, smaller first, whose questions ask for the same.

    Their answers differ in substance. `answers[i]` is that of `questions[i]`. The encoder takes a
    millisecond or two for each question that it has not read before.
    """
    import numpy as np  # noqa: PLC0415 - not every command that imports this module compares

    if not questions:
        return []
    vectors = np.array(encode(questions), np.float32)
    likeness = vectors @ vectors.T
    return [
        (one, other)
        for one, other in np.argwhere(likeness >= MIN_COSINE).tolist()
        if one < other
        and _are_same(questions[one], questions[other], likeness[one, other])
        and _differ(answers[one], answers[other])
    ]


def _are_same(one: str, other: str, cosine: float) -> bool:
    if one.isascii() != other.isascii():
        return False  # in another language, as its answer
    mine, yours = split_content(one), split_content(other)
    has_more = bool(mine - yours) != bool(yours - mine)
    return (not has_more or cosine >= MIN_COSINE_WITH_MORE) and not are_opposed(one, [other])


def _differ(one: str, other: str) -> bool:
    if fold(one) == fold(other):
        return False
    parts = [one[:_MAX_LENGTH], other[:_MAX_LENGTH]]
    first, second = (vector.astype("float32") for vector in encode(parts))
    return are_opposed(one, [other]) or bool(first @ second < MAX_COSINE_OF_ANSWERS)
