"""Near questions: questions of the same words but for an ending, a typing error, or their order.

Two questions are near when their words are the same, or all but two and these are forms of each
other (`_is_form`); words that ask for nothing (`_FILLERS`) do not count, numbers and signs must
be the same. Never all pairs are compared: forms of a word have one first letter, so only questions
of one key (`near_key`) can be near. Of hundreds with one key, those meet that have all but one
word beginning in common, each with the next few in the order of their words; so a near one may
be missed there.

Source: the sorted neighbourhood method (Hernández, Stolfo, 1995).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

# Words, and the signs that make a difference in code.
_WORD = re.compile(r"\w+|[^\w\s?!.,:;«»\"'„“”()…—–-]")
_FILLERS = """
а и же ли ну вот мне я пожалуйста подскажите подскажи скажите скажи расскажите расскажи объясните
объясни интересно хочу узнать знать можете можешь будет это
какой какая какое какие какую каких каком какого
a an the do does did i me you can could would please tell so is are to
"""
_NO_CONTENT = frozenset(_FILLERS.split())
_MAX_FORMS = 2  # words of a question that may differ
_MAX_ENDING_LENGTH = 2  # letters
_BEGINNING = 4  # letters: forms of one word share them
_MAX_PAIRED = 64  # questions of which all pairs are compared
_WINDOW = 8  # questions of a larger number that one is compared with
_LONG = 8  # letters: from here on two typing errors are one word still


def near_key(question: str) -> str:
    """Return what all questions near to this one have in common.

    `question` is in normal form, as `normalise` returns it.
    """
    return " ".join(sorted(map(_initial, content_words(question))))


def find_near_questions(questions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the places (later, earlier) of near questions, one pair for each later one at most.

    Equal questions are no pair. All have one `near_key`, and are in normal form.
    """
    bags = [content_words(question) for question in questions]
    earlier: dict[int, int] = {}
    for one, other in sorted(_pairs(bags), key=lambda pair: (pair[1], pair[0])):
        is_new = other not in earlier and questions[one] != questions[other]
        if is_new and _are_near(bags[one], bags[other]):
            earlier[other] = one
    yield from earlier.items()


def nearest_questions(question: str, questions: Sequence[str], count: int) -> list[int]:
    """Return the places of the `count` questions that are most like this one, best first.

    All are in normal form; likeness is that of the words, in whatever order.
    """
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - loaded at the first question

    found = process.extract(question, questions, scorer=fuzz.token_sort_ratio, limit=count)
    return [place for _, _, place in found]


def content_words(question: str) -> frozenset[str]:
    """Return the words of a question in normal form that it is about."""
    words = _WORD.findall(question)
    # "What does it do?" asks for another thing than "What is it?".
    kept_words = words[-1:] if words[-1:] == ["do"] else []
    return frozenset(words) - _NO_CONTENT | frozenset(kept_words) or frozenset(words)


def _initial(word: str) -> str:
    """Return what all forms of a word have in common."""
    return word[0] if len(word) >= _BEGINNING and word.isalpha() else f"={word}"


def _pairs(bags: Sequence[frozenset[str]]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places (earlier, later) that are worth comparing; some come twice."""
    if len(bags) <= _MAX_PAIRED:
        yield from combinations(range(len(bags)), 2)
        return
    blocks: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, bag in enumerate(bags):
        words = sorted(bag)
        beginnings = [word[:_BEGINNING] for word in words]
        blocks[tuple(beginnings)].append(place)
        for at, word in enumerate(words):
            if (initial := _initial(word)) != beginnings[at]:
                others = beginnings[:at] + beginnings[at + 1 :]
                blocks[(*sorted(others), f"{initial}*")].append(place)
    for places in blocks.values():
        if len(places) > _WINDOW:
            places.sort(key=lambda place: sorted(bags[place]))
        for at, place in enumerate(places):
            for other in places[at + 1 : at + 1 + _WINDOW]:
                yield min(place, other), max(place, other)


def _are_near(one: frozenset[str], other: frozenset[str]) -> bool:
    left = one - other
    if len(one) != len(other) or len(left) > _MAX_FORMS:
        return False
    return all(map(_is_form, sorted(left), sorted(other - one)))


def _is_form(one: str, other: str) -> bool:
    """Tell whether two words differ by a short ending or a typing error alone.

    The first letter is kept, and no letter stands before the second: включить, выключить.
    """
    if one[0] != other[0] or not (one.isalpha() and other.isalpha()):
        return False
    shorter, longer = sorted((len(one), len(other)))
    if shorter < _BEGINNING:
        return False
    from rapidfuzz.distance import OSA, Prefix  # noqa: PLC0415 - loaded at the first pair

    common = Prefix.similarity(one, other)
    if common >= _BEGINNING and longer - common <= _MAX_ENDING_LENGTH:
        return True
    if shorter == _BEGINNING or (one[1] != other[1] and shorter != longer):
        return False
    return OSA.distance(one, other) <= (2 if shorter >= _LONG else 1)
