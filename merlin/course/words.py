"""Words: a text as search compares it, Russian and English alike.

Folded: composed (NFC), lower case, ё as е, without accents that only mark the stress, blanks
single. Stemmed: each word without its ending, by Snowball.
Source: "An algorithm for suffix stripping", M. Porter; the stemmers of snowballstem.org.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import islice
from typing import Any

# A longer one is no word that anybody types.
LONGEST = 64
_AT_ONCE = 200
_WORD = re.compile(r"[^\W_]+(?:\+\+|#)?")
_CYRILLIC = re.compile("[а-я]")
_STRESS = re.compile("[\u0300-\u036f]")
# «ошибок» and «ошибка», «чисел» and «число»: a vowel that comes and goes is left out.
_FLEETING = re.compile("([бвгджзклмнпрстфхцчшщ])[ео]([клмнрц])$")
# «тестировать» and «тестирование».
_VERBAL = re.compile("(?<=...в)ан?$")
# «систему» loses too much; «люди» and «дети» are another word in the singular.
_IRREGULAR = {"сист": "систм", "люд": "человк", "дет": "ребенк"}
# What no database takes, or what ends a text within one.
_NO_SIGNS = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
# The signs of «C++» and «C#» are no letters to a database.
_SIGNS = {"++": "plusplus", "#": "sharp"}


def folded(text: str) -> str:
    """Return the text as it is compared."""
    plain = _NO_SIGNS.sub(" ", text)
    composed = unicodedata.normalize("NFC", plain).casefold().replace("ё", "е")
    return " ".join(_STRESS.sub("", composed).split())


def words(text: str) -> list[str]:
    """Return the words of a folded text, in order."""
    return [_named(word)[:LONGEST] for word in _WORD.findall(text)]


def tally(texts: Iterable[str]) -> Counter[str]:
    """Return how often each word is said in these folded texts."""
    raw: Counter[str] = Counter()
    left = iter(texts)
    # Many at once, since most of the time goes into calls; not all, since nobody else runs then.
    while chunk := "\n".join(islice(left, _AT_ONCE)):
        raw.update(_WORD.findall(chunk))
    counts: Counter[str] = Counter()
    for word, count in raw.items():
        counts[_named(word)[:LONGEST]] += count
    return counts


def places(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of any text, folded, with where each begins and ends in it."""
    for found in _MARKED.finditer(text):
        for word in _folded_words(found[0]):
            yield word, found.start(), found.end()


@lru_cache(65536)
def _folded_words(text: str) -> tuple[str, ...]:
    return tuple(words(folded(text)))


# As `_WORD`, with accents that a text may carry as signs of their own.
_MARKED = re.compile("(?:[^\\W_][\u0300-\u036f]*)+(?:\\+\\+|#)?")


def _named(word: str) -> str:
    for sign, name in _SIGNS.items():
        if word.endswith(sign):
            return word[: -len(sign)] + name
    return word


@lru_cache(65536)
def stem(word: str) -> str:
    """Return a folded word without its ending."""
    if _CYRILLIC.search(word):
        plain = _VERBAL.sub("", _stemmer("russian").stemWord(word))
        root = _FLEETING.sub(r"\1\2", plain)
        return _IRREGULAR.get(root, root)
    return str(_stemmer("english").stemWord(word)) if word.isascii() else word


@cache
def _stemmer(language: str) -> Any:
    # Imported here: only those who search need it.
    import snowballstemmer  # noqa: PLC0415 - see above

    return snowballstemmer.stemmer(language)


def searchable(text: str) -> str:
    """Return the words of a text as an index keeps them: each one's stem, and itself.

    Itself, because what is half typed begins a word and not always its stem.
    """
    said = [(stem(word), word) for word in words(folded(text))]
    return " ".join(each for pair in said for each in dict.fromkeys(pair))
