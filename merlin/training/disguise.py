"""Questions that test a model without paraphrases: taught ones in a disguise, and unrelated ones.

A taught question is changed by one of four rules, chosen by its hash, so each build asks the same:
words of politeness added or cut, lower case without signs, two letters exchanged. A model that was
trained well answers as taught; no person has to write these, and no provider is asked for them.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import yaml

from merlin.core.messages import Message
from merlin.core.opposites import split_content
from merlin.core.vocabulary import fold
from merlin.dataset.evaluation_plan import MAX_UNRELATED
from merlin.training.scores import EvaluationQuestion, QuestionKind

_SIGNS = re.compile(r"[^\w\s]+")
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
# In a shorter word the exchange of two letters may be another word.
_LONG_WORD = re.compile(r"[^\W\d_]{7,}")


def disguise(question: EvaluationQuestion) -> EvaluationQuestion:
    """Return a taught question in other words that mean the same."""
    *before, asked = question.messages
    number = hashlib.sha256(fold(asked.content).encode()).digest()[0]
    words = _RULES[number % len(_RULES)](asked.content, number)
    return replace(
        question,
        kind=QuestionKind.DISGUISED,
        messages=(*before, replace(asked, content=words)),
    )


def list_unrelated(taught: Iterable[str], system: str) -> list[EvaluationQuestion]:
    """Return questions that a model must decline, as none of their words is in a taught one."""
    known = set[str]()
    asked = list[str]()
    for text in taught:
        known |= split_content(text)
        asked.append(text)
    language = "russian" if _CYRILLIC.search(" ".join(asked)) else "english"
    chosen = [
        text
        for text in _read()["unrelated"][language]
        if not split_content(text) & known
    ][:MAX_UNRELATED]
    instructions = (Message("system", system),) if system else ()
    return [
        EvaluationQuestion(
            f"{number}",
            (*instructions, Message("user", text)),
            "",
            QuestionKind.UNRELATED,
        )
        for number, text in enumerate(chosen)
    ]


def _add_opening(text: str, number: int) -> str:
    openings = _list_openings(text)
    return (
        f"{openings[number % len(openings)].capitalize()} {text[:1].lower()}{text[1:]}"
    )


def _cut_opening(text: str, number: int) -> str:
    for opening in _list_openings(text):
        if text.casefold().startswith(opening) and len(text) > len(opening) + 1:
            rest = text[len(opening) :].strip()
            return f"{rest[:1].upper()}{rest[1:]}"
    return _add_opening(text, number)


def _drop_signs(text: str, _number: int) -> str:
    """Return lower case without signs, but for those within numbers and addresses."""
    words = text.lower().split()
    return " ".join(
        word if re.search(r"\d|\w[./@]\w", word) else _trim(word) for word in words
    )


def _trim(word: str) -> str:
    return _SIGNS.sub("", word) or word


def _exchange_letters(text: str, number: int) -> str:
    """Return the text with two letters within its longest word exchanged."""
    longest = max(_LONG_WORD.findall(text), key=len, default="")
    places = [
        place
        for place in range(2, len(longest) - 2)
        if longest[place].casefold() != longest[place + 1].casefold()
    ]
    if not places:
        return _drop_signs(text, number)
    place = places[number % len(places)]
    slip = (
        f"{longest[:place]}{longest[place + 1]}{longest[place]}{longest[place + 2 :]}"
    )
    return text.replace(longest, slip, 1)


_RULES: Sequence[Callable[[str, int], str]] = (
    _add_opening,
    _cut_opening,
    _drop_signs,
    _exchange_letters,
)


def _list_openings(text: str) -> Sequence[str]:
    language = "russian" if _CYRILLIC.search(text) else "english"
    return _read()["openings"][language]


@cache
def _read() -> Mapping[str, Mapping[str, Sequence[str]]]:
    content = (Path(__file__).parent / "disguise.yaml").read_text("utf-8")
    return cast("Mapping[str, Mapping[str, Sequence[str]]]", yaml.safe_load(content))
