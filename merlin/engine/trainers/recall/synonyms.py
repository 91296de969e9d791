"""Words that people use for each other in questions, by language.

Each line of `synonyms.ru.txt` and `synonyms.en.txt` is a group: synonyms, the words of one family
(«осень», «осенний»), other spellings, irregular forms. A line that begins with `#` is a heading.
Russian words are the lemmas that `extract_terms` reads («вегана» for «веган»), Latin ones are
stemmed here. A group has only words that could replace each other in a question about the same
thing, because a wrong pair leads to a wrong answer.

In a Russian file a short Latin word is also known in Russian letters: «впн» is VPN.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain, product

from merlin.core import vocabulary
from merlin.engine.trainers.recall.text import extract_terms

_MAX_SPELLED_LENGTH = 4
_RUSSIAN_LETTERS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "а б цск д еэ ф г х и ж к л м н о п к р с т ую в в х ий з".split(),  # noqa: SIM905
        strict=True,
    )
)
# Terms by the stem of a word that has none of its own.
Synonyms = Mapping[str, Sequence[str]]


def find_synonyms(terms: Collection[str]) -> Synonyms:
    """Return the words that are not in `terms`, each with its synonyms in `terms`."""
    known: dict[str, list[str]] = {}
    for term in sorted(terms):
        kind, stem = term.split(":", 1)
        if kind in ("n", "v"):
            known.setdefault(stem, []).append(term)
    found: dict[str, dict[str, None]] = {}
    for group in read_groups():
        synonyms = [term for stem in group for term in known.get(stem, ())]
        for stem in group if synonyms else ():
            if stem not in known:
                found.setdefault(stem, {}).update(dict.fromkeys(synonyms))
    if not all(map(str.isascii, known)):
        for word, spelled in known.items():
            for stem in _spell_in_russian(word) - known.keys():
                found.setdefault(stem, {}).update(dict.fromkeys(spelled))
    return {stem: list(found[stem]) for stem in sorted(found)}


def _spell_in_russian(word: str) -> set[str]:
    """Return the stems of a short Latin word in Russian letters; none for any other word."""
    if not (1 < len(word) <= _MAX_SPELLED_LENGTH and set(word) <= _RUSSIAN_LETTERS.keys()):
        return set()
    spellings = map("".join, product(*(_RUSSIAN_LETTERS[letter] for letter in word)))
    terms = (extract_terms(spelling, question=False)[0] for spelling in spellings)
    return {term.removeprefix("n:") for term in terms if term.startswith("n:")}


@cache
def read_groups() -> tuple[tuple[str, ...], ...]:
    """Return the groups of both languages, as stems."""
    folder = files(__package__)
    texts = (folder.joinpath(f"synonyms.{name}.txt").read_text("utf-8") for name in ("ru", "en"))
    lines = (line for text in texts for line in text.splitlines() if not line.startswith("#"))
    return tuple(tuple(dict.fromkeys(map(_stem, line.split()))) for line in lines if line)


@cache
def list_known_stems() -> frozenset[str]:
    """Return all words of the lists, as stems."""
    return frozenset(chain.from_iterable(read_groups()))


def _stem(word: str) -> str:
    return vocabulary.stem(word) if word.isascii() else word
