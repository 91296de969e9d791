"""Opposites and near misses: questions that a sentence encoder holds for the same, but are not.

"How do I open a sick leave?" and "How do I close a sick leave?" differ in one word, and have near
vectors. So the words that differ are compared: opposites (`opposites.yaml`), numbers, a word with
and without "not", a direction (from A to B); and one place with other words, by their own vectors.
A near miss asks a taught question with one thing more («Когда вы открываетесь 8 марта?»), or
whether there is something that no taught question names.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from merlin.core.encoder import encode
from merlin.core.vocabulary import find_similar, fold, load_function_words, stem

# Words in one place with a higher cosine may be two names of the same.
MIN_COSINE = 0.76
# The least words that a question shares with one from which it differs in one place.
MIN_SAME = 2
# The same for a question that asks one thing more.
MIN_SAME_WITH_MORE = 3

_WORD = re.compile(r"\d+(?:[.,]\d+)?|[a-z]+|[а-я]+")
_ARTICLES = frozenset(("a", "an", "the", "my", "your"))
_NEGATIONS = frozenset(("не", "без", "not", "without"))
# «Не подскажете», «не могли бы вы» and "don't know" negate nothing that is asked for.
_POLITE = re.compile(
    "подска|скаж|мог(?:ли|ут|у)?$|можете|зна[ею]|поним|помн|виж|know$|understand|remember|sure$"
)
# What is asked to be there, up to a preposition: «Есть ли у вас душ для гостей?»
_HAVING = re.compile(
    r"\b(?:(?:есть|имеется) ли(?: у \w+)?|do you have|have you got|(?:is|are) there)\b(.*?)"
    r"(?:\b(?:у|в|во|на|по|для|с|со|за|от|до|из|при|о|об|про|между"
    r"|in|on|at|near|for|with|named|to|of|from|by)\b|$)"
)
# What is to be explained, and who is: each of its words counts.
_DEFINING = re.compile(
    r"(?:что такое|кто (?:такой|такая|такие|у нас|у вас)|(?:what|who) (?:is|are))\b(.*)"
)
# An answer for all days, or for some by their short names.
_DAYS_OF_ANSWER = re.compile(
    r"ежедневно|кажд\w+ день|без выходных|круглосуточно|every day|daily|24/7"
    r"|\b(?:пн|вт|ср|чт|пт|сб|вс|mon|tue|wed|thu|fri|sat|sun)\b"
)
_CLAUSE = re.compile("[.,:;!?]+")
# In the other clauses is what happened: «Я не успеваю дочитать, как продлить книгу?»
_ASKING = re.compile(
    r"\b(?:как\w*|кто|что|где|куда|когда|почему|зачем|сколько|можно|нужно|ли"
    r"|how|what|where|when|why|who|which|can|do|does|is|are|may|must)\b"
)
_NEGATIVE_PREFIX = re.compile("(?:бес|без|вне|не|un|dis|non)(?=...)")
# «закрепить» and «открепить»
_PREFIX = re.compile("(?:(за|при|под)|от|раз|рас|вы)(?=....)")
_DIRECTIONS = {
    **dict.fromkeys(("с", "со", "из", "от", "from"), "from"),
    **dict.fromkeys(("на", "в", "во", "до", "к", "to", "into"), "to"),
}
# Shorter words are negated without another meaning («не то»), and one wrong letter is another word.
_SHORT = 3


def are_opposed(question: str, taught: Sequence[str], answer: str = "") -> bool:
    """Return whether a question asks for something else than the taught wordings of one answer.

    It does where it has another opposite or number than they all have together, a "not" that none
    of them has, a day where neither they nor the answer name one, or where it is one of them with
    other words in one place.
    """
    asked = _collect([question])
    known = _collect(taught)
    if _is_negated(question) and not any(map(_find_negated, map(_split, taught))):
        return True
    if any(
        asked[key] - known[key] and known[key] - asked[key]
        for key in asked.keys() & known
    ):
        return True
    days = set(_load_lists()["days"])
    if not days.isdisjoint(asked) and days.isdisjoint(known):
        is_of_days = _DAYS_OF_ANSWER.search(fold(answer))
        if not is_of_days and days.isdisjoint(_collect([answer])):
            return True
    return any(
        _is_replaced(_split(question), _split(wording), known) for wording in taught
    )


def asks_more(
    question: str, taught: Sequence[str], is_new: Callable[[str], bool]
) -> bool:
    """Return whether a question asks for a thing that no taught wording of an answer names.

    It is one of the wordings with more or other words in one place, or asks whether there is the
    thing. `is_new`: whether a word is a noun that no taught text of any answer has. So on the
    sample sets 9 of 12 near misses are found, and 5 of 219 right answers lost.
    """
    words = _split(question)
    if not any(map(is_new, words)):
        return False
    things = [_find_more(words, _split(wording), is_new) for wording in taught]
    if found := _HAVING.search(fold(question)):
        things.append(_split(found[1]))
    if found := _DEFINING.match(fold(question)):
        things += [[word] for word in _split(found[1])]
    named = [word for wording in taught for word in _split(wording)]
    return any(
        any(map(is_new, thing))
        and {*map(stem, thing)}.isdisjoint(map(stem, named))
        and not any(_are_alike(word, other) for word in thing for other in named)
        for thing in things
    )


def names_other(
    question: str, taught: Sequence[str], is_of_other: Callable[[str], bool]
) -> bool:
    """Return whether a question is a taught wording with one word of another answer in its place.

    `is_of_other`: whether a word is a noun that only wordings of other answers have. Their vectors
    may be near all the same: heapsort and quicksort.
    """
    words = _split(question)
    is_russian = _is_russian(words)
    return any(
        same >= MIN_SAME_WITH_MORE
        and [[*map(len, each)] for each in places] == [[1, 1]]
        and _drop_function_words(places[0][0], is_russian=is_russian)
        and is_of_other(places[0][0][0])
        and not find_similar(places[0][0][0], places[0][1])
        for same, places in (_compare(words, _split(each)) for each in taught)
    )


def split_content(question: str) -> set[str]:
    """Return the stems of a question's words that are not function words."""
    words = _split(question)
    return {
        stem(word)
        for word in _drop_function_words(words, is_russian=_is_russian(words))
    }


def _collect(questions: Sequence[str]) -> Mapping[str, set[str]]:
    """Return what excludes another of its kind, by its kind, as {"number": {"3"}}."""
    found = defaultdict(set)
    for question in questions:
        for kind, value in _list_features(_split(question)):
            found[kind].add(value)
    return found


def _is_negated(question: str) -> bool:
    """Return whether a "not" stands in a clause that asks, or if none does, in any."""
    clauses = _CLAUSE.split(fold(question))
    asking = [clause for clause in clauses if _ASKING.search(clause)]
    return any(_find_negated(_split(clause)) for clause in asking or clauses)


def _find_negated(words: Sequence[str]) -> list[str]:
    """Return the words after "not" that are no courtesy."""
    return [
        word
        for before, word in pairwise(words)
        if before in _NEGATIONS and not _POLITE.match(word)
    ]


def _split(question: str) -> list[str]:
    plain = (
        fold(question)
        .replace("n't", " not")
        .replace("n’t", " not")
        .replace("cannot", "can not")
    )
    return [word for word in _WORD.findall(plain) if word not in _ARTICLES]


def find_opposites(words: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Return the listed opposites and written numbers among folded words, as (their line, side)."""
    text = f" {' '.join(words)} , {' '.join(map(stem, words))} "
    return frozenset(
        (kind, value)
        for kind, value, parts in _load_opposites()
        if any(part in text for part in parts)
    )


def _list_features(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    stems = [stem(word) for word in words]
    yield from find_opposites(words)
    for before, word, root, after in zip(
        ["", *words], words, stems, [*words[1:], ""], strict=False
    ):
        if word[0].isdigit():
            yield "number", word.replace(",", ".")
        elif len(word) > _SHORT:
            yield f"not {root}", str(before in _NEGATIONS)
        if prefix := _NEGATIVE_PREFIX.match(word):
            yield f"not {stem(word[prefix.end() :])}", "True"
        if prefix := _PREFIX.match(word):
            yield f"prefix {stem(word[prefix.end() :])}", str(prefix[1] is None)
        if before in _DIRECTIONS:
            yield f"way {root}", _DIRECTIONS[before]
        elif after in ("to", "into"):
            yield f"way {root}", "from"


@cache
def _load_lists() -> Any:
    """Return the lists of opposites, numbers and days."""
    return yaml.safe_load((Path(__file__).parent / "opposites.yaml").read_text("utf-8"))


@cache
def _load_opposites() -> Sequence[tuple[str, str, Sequence[str]]]:
    """Return kind, value, and the parts of a text by which it is found."""
    lists = _load_lists()
    lines = [
        (line, side)
        for line in (*lists["opposites"], *lists["days"])
        for side in line.split("|")
    ]
    return [
        *((line, side, [*map(_find_by, side.split())]) for line, side in lines),
        *(
            ("number", str(number), [*map(_find_by, words.split())])
            for number, words in enumerate(lists["numbers"], 1)
        ),
    ]


def _find_by(entry: str) -> str:
    return (
        f" {entry[:-1]}"
        if entry.endswith("*")
        else f" {' '.join(map(stem, entry.split('_')))} "
    )


def _is_replaced(
    asked: Sequence[str], taught: Sequence[str], known: Mapping[str, object]
) -> bool:
    """Return whether the words differ in one place, and mean different things there.

    `known` is of all taught wordings: what one of them has is nothing else.
    """
    same, places = _compare(asked, taught)
    if len(places) != 1 or same < max(MIN_SAME, *map(len, places[0])):
        return False
    is_russian = _is_russian(asked)
    one, other = (
        _drop_function_words(words, is_russian=is_russian) for words in places[0]
    )
    if not one or not other or all(f"not {stem(word)}" in known for word in one):
        return False  # a word more or less, a pronoun, or what another wording has
    return not _are_alike(" ".join(one), " ".join(other))


def _find_more(
    asked: Sequence[str], taught: Sequence[str], is_new: Callable[[str], bool]
) -> Sequence[str]:
    """Return the content words of the one place where a question has something new."""
    same, places = _compare(asked, taught)
    is_russian = _is_russian(asked)
    parts = [_drop_function_words(one, is_russian=is_russian) for one, _ in places]
    more = [words for words in parts if any(map(is_new, words))]
    is_one = len(more) == 1 and same >= max(MIN_SAME_WITH_MORE, len(more[0]))
    return more[0] if is_one else ()


def _compare(
    asked: Sequence[str], taught: Sequence[str]
) -> tuple[int, Sequence[tuple[Sequence[str], Sequence[str]]]]:
    """Return how many words are the same, and both sides of each place with other content.

    No places if the first of them comes first: asked in another form («Перечисли виды …»).
    """
    same = 0
    places = []
    is_russian = _is_russian(asked)
    matcher = SequenceMatcher(
        None, [*map(stem, asked)], [*map(stem, taught)], autojunk=False
    )
    for kind, *ends in matcher.get_opcodes():
        one = asked[slice(*ends[:2])]
        other = taught[slice(*ends[2:])]
        if kind == "equal":
            same += len(one)
        elif _drop_function_words([*one, *other], is_russian=is_russian):
            if not same:
                return 0, ()
            places.append((one, other))
    return same, places


def _is_russian(words: Sequence[str]) -> bool:
    return not " ".join(words).isascii()


def _drop_function_words(words: Sequence[str], *, is_russian: bool) -> list[str]:
    listed = load_function_words()["russian" if is_russian else "english"]
    return [word for word in words if stem(word) not in listed]


def _are_alike(one: str, other: str) -> bool:
    if len(one) > _SHORT and find_similar(one, [other]):  # a typing error
        return True
    first, second = (vector.astype("float32") for vector in encode([one, other]))
    return bool(first @ second >= MIN_COSINE)
