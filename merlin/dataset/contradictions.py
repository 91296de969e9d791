"""Near questions with different answers, which an editor judges.

No threshold finds those that ask for the same: their cosines are 0.47 to 0.87, and so are those of
other questions about one subject (docs/adr/0051). So the nearest are shown. Half of the cosine of
the answers counts, too: with another number or a "not" in it an answer stays near the old one,
however far its question is in words.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from merlin.core.encoder import encode
from merlin.core.opposites import are_opposed
from merlin.core.vocabulary import fold
from merlin.dataset.check import CheckedDataset
from merlin.dataset.example import Example, normalise

if TYPE_CHECKING:
    from merlin.core.encoder import Floats

# The rule in `allow` and `check.off` of examples and datasets whose editor said: other questions.
SAME_MEANING = "same-meaning"
MAX_SHOWN = 2
MAX_PAIRS = 10
# Encoding a text takes some milliseconds, so only those with the most similar words are compared.
MAX_COMPARED = 500
ANSWER_WEIGHT = 0.5
# Texts of other subjects have less. It is no limit between the same and another question.
LEAST_LIKENESS = 0.5
# Answers with a higher cosine say the same in other words, unless they are opposed.
MAX_COSINE_OF_ANSWERS = 0.85
# A question with a higher cosine to a taught one than to those of its own answer draws it there.
LEAST_CONFUSED = 0.8
# What of an answer is compared, in characters.
_MAX_LENGTH = 300


def list_alone(good: Sequence[Example]) -> list[Example]:
    """Return the examples that are one question and its answer, which are compared by meaning."""
    return [
        each
        for each in good
        if [m.role for m in each.messages] == ["user", "assistant"]
    ]


def find_nearest(
    question: str,
    answer: str,
    examples: Sequence[Example],
    offered: Collection[str] = (),
) -> list[Example]:
    """Return the examples that may ask this question, best first: one of each other answer.

    They are the nearest `MAX_SHOWN`, then those with a question of `offered`, in normal form. None
    if an example has this very answer: it is another wording of a known question.
    """
    alone = list_alone(examples)
    if not alone or normalise(answer) in {normalise(each.answer) for each in alone}:
        return []
    some = _choose_compared(f"{question} {answer}", alone)
    asked, answers = _encode(
        [question, *(each.question for each in some)], [answer, *map(_answer, some)]
    )
    likeness = asked[1:] @ asked[0] + ANSWER_WEIGHT * (answers[1:] @ answers[0])
    best: dict[str, Example] = {}
    for place in (-likeness).argsort():
        if likeness[place] >= LEAST_LIKENESS:
            best.setdefault(normalise(some[place].answer), some[place])
    shown = dict([*best.items()][:MAX_SHOWN])
    for each in alone:
        if each.normal_question in offered:
            shown.setdefault(normalise(each.answer), each)
    return [*shown.values()]


def find_confused(
    question: str, answer: str, examples: Sequence[Example]
) -> Example | None:
    """Return the example of another answer to whose question this one is nearer than to its own.

    None unless it asks nearly that: taught, it would pull the two answers together.
    """
    alone = list_alone(examples)
    is_own = normalise(answer).__eq__
    own = [each for each in alone if is_own(normalise(each.answer))]
    others = [each for each in alone if not is_own(normalise(each.answer))]
    if not others:
        return None
    some = _choose_compared(question, others)
    questions = [each.question for each in (*own, *some)]
    asked, *known = (each.astype("float32") for each in encode([question, *questions]))
    likeness = [float(asked @ each) for each in known]
    nearest = max(range(len(own), len(known)), key=likeness.__getitem__)
    least = max(LEAST_CONFUSED, *likeness[: len(own)], 0)
    return some[nearest - len(own)] if likeness[nearest] >= least else None


def _choose_compared(text: str, alone: Sequence[Example]) -> Sequence[Example]:
    """Return those with the most similar words, which are worth the time to encode."""
    if len(alone) <= MAX_COMPARED:
        return alone
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - only for a large dataset

    texts = [f"{each.question} {each.answer}" for each in alone]
    matches = process.extract(
        text, texts, scorer=fuzz.token_sort_ratio, limit=MAX_COMPARED
    )
    return [alone[place] for _, _, place in matches]


def can_list_pairs(checked: CheckedDataset) -> bool:
    """Return whether a dataset is small enough to compare all, and has not turned it off."""
    is_off = SAME_MEANING in checked.rules_off
    return not is_off and len(list_alone(checked.examples)) <= MAX_COMPARED


def list_near_pairs(checked: CheckedDataset) -> list[tuple[Example, Example]]:
    """Return the nearest pairs of a dataset with different answers, as `find_pairs`."""
    return find_pairs(checked.examples) if can_list_pairs(checked) else []


def find_pairs(examples: Sequence[Example]) -> list[tuple[Example, Example]]:
    """Return the nearest pairs with different answers, best first, at most `MAX_PAIRS`.

    Two answers are one pair, however many wordings each has. Without those of which both allow it
    (in any of their examples), opposites, and what is in another language.
    """
    import numpy as np  # noqa: PLC0415 - not every command that imports this module compares

    alone = list_alone(examples)
    if not alone:
        return []
    asked, answers = _encode([each.question for each in alone], [*map(_answer, alone)])
    alike = answers @ answers.T
    likeness = np.triu(asked @ asked.T + ANSWER_WEIGHT * alike, 1)
    dismissed = {
        normalise(each.answer) for each in alone if SAME_MEANING in dict(each.allow)
    }
    pairs = dict[frozenset[str], tuple[Example, Example]]()
    for place in (-likeness).argsort(None):
        row, column = divmod(int(place), len(alone))
        pair = alone[row], alone[column]
        if likeness[row, column] < LEAST_LIKENESS or len(pairs) == MAX_PAIRS:
            break
        said = frozenset(normalise(each.answer) for each in pair)
        is_open = not said <= dismissed and _may_be_same(*pair)
        if said not in pairs and is_open and _differ(*pair, float(alike[row, column])):
            pairs[said] = pair
    return [*pairs.values()]


def _answer(example: Example) -> str:
    return example.answer


def _encode(questions: Sequence[str], answers: Sequence[str]) -> tuple[Floats, Floats]:
    import numpy as np  # noqa: PLC0415 - as above

    begun = [answer[:_MAX_LENGTH] for answer in answers]
    return np.array(encode(questions), np.float32), np.array(encode(begun), np.float32)


def _may_be_same(one: Example, other: Example) -> bool:
    if one.question.isascii() != other.question.isascii():
        return False  # in another language, as its answer
    return not are_opposed(one.question, [other.question])


def _differ(one: Example, other: Example, likeness: float) -> bool:
    if fold(one.answer) == fold(other.answer):
        return False
    return likeness < MAX_COSINE_OF_ANSWERS or are_opposed(one.answer, [other.answer])
