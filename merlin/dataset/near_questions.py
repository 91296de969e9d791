"""Near questions: questions that differ only in word endings, typing errors or word order.

Two questions are near if they have the same words, or if at most two words differ and are forms
of each other (`_is_form`). Filler words (`_FILLERS`) are ignored; numbers and punctuation in code
must be equal. Not all pairs are compared: forms of a word have the same first letter, so only
questions with the same `near_key` can be near. In a larger group each is compared with the next
`_WINDOW` in the order of their words, so a near question may be missed there.

Source: the sorted neighbourhood method (Hernández, Stolfo, 1995).
"""

import re
from collections.abc import Iterator, Sequence

from merlin.core.vocabulary import CONJUNCTION

# Words, and the symbols that matter in code.
_WORD = re.compile(r"\w+|[^\w\s?!.,:;«»\"'„“”()…—–-]")
_FILLERS = """
а и же ли ну вот мне я пожалуйста подскажите подскажи скажите скажи расскажите расскажи объясните
объясни интересно хочу узнать знать можете можешь будет это
какой какая какое какие какую каких каком какого
a an the do does did i me you can could would please tell so is s are to
"""
# Words that can be asked of any subject.
_GENERAL = """
почему зачем еще раз подробнее проще дай дайте приведи приведите покажи покажите пример примеры
why explain give show one more another again simpler in for of detail details example examples
"""
_NO_CONTENT, _NO_SUBJECT = (frozenset(words.split()) for words in (_FILLERS, _GENERAL))
_MAX_FORMS = 2  # words of a question that may differ
_MAX_ENDING_LENGTH = 2  # letters
_BEGINNING = 4  # letters that all forms of a word share
_WINDOW = 64  # how many others a question is compared with
_LONG = 8  # letters of a word that may contain two typing errors


def near_key(question: str) -> str:
    """Return a key that is equal for near questions.

    `question` is in normal form, as `normalise` returns it.
    """
    return " ".join(sorted(map(_initial, content_words(question))))


def find_near_questions(questions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the indices (later, earlier) of near questions, at most one pair per later question.

    Equal questions are not a pair. All must be in normal form and have the same `near_key`.
    """
    bags = [content_words(question) for question in questions]
    earlier: dict[int, int] = {}
    for one, other in sorted(_pairs(bags), key=lambda pair: (pair[1], pair[0])):
        is_new = other not in earlier and questions[one] != questions[other]
        if is_new and _are_near(bags[one], bags[other]):
            earlier[other] = one
    yield from earlier.items()


def are_nearly_equal(one: str, other: str) -> bool:
    """Return whether two questions in normal form are equal or near."""
    if one == other:
        return True
    return near_key(one) == near_key(other) and any(find_near_questions([one, other]))


def content_words(question: str) -> frozenset[str]:
    """Return the words of a question, in normal form, without filler words."""
    words = _WORD.findall(question)
    # "What does it do?" and "What is it?" differ, although "do" is a filler elsewhere.
    kept_words = words[-1:] if words[-1:] == ["do"] else []
    return frozenset(words) - _NO_CONTENT | frozenset(kept_words) or frozenset(words)


def needs_turn_before(question: str) -> bool:
    """Return whether a question, in normal form, may mean nothing without the turn before it."""
    words = content_words(question)
    return bool(CONJUNCTION.match(question)) or len(words) <= 1 or words <= _NO_SUBJECT


def _initial(word: str) -> str:
    """Return the first letter of a word that may have forms, else the whole word after "="."""
    return word[0] if len(word) >= _BEGINNING and word.isalpha() else f"={word}"


def _pairs(bags: Sequence[frozenset[str]]) -> Iterator[tuple[int, int]]:
    """Yield pairs of indices (earlier, later) to compare."""
    places = sorted(range(len(bags)), key=lambda place: sorted(bags[place]))
    for at, place in enumerate(places):
        for other in places[at + 1 : at + 1 + _WINDOW]:
            yield min(place, other), max(place, other)


def _are_near(one: frozenset[str], other: frozenset[str]) -> bool:
    left = one - other
    if len(one) != len(other) or len(left) > _MAX_FORMS:
        return False
    return all(map(_is_form, sorted(left), sorted(other - one)))


def _is_form(one: str, other: str) -> bool:
    """Return whether two words differ only by a short ending or a typing error.

    The first letter must be equal, and the second too in words of different lengths, which are
    often opposites: включить, выключить.
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
