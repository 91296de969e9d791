"""Word forms and full-text queries for search in Russian and English.

Folding makes texts comparable: composed (NFC), lower case, ё as е, without stress accents, with
single blanks. Stemming removes each word's ending, by Snowball. Source: "An algorithm for suffix
stripping", M. Porter; the stemmers of snowballstem.org.

A term is one word of a query for the full-text indexes of SQLite and PostgreSQL.
"""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from merlin.core.combining_marks import normalise_unicode

# Longer ones are truncated.
MAX_WORD_LENGTH = 64
# A query's further words are ignored.
MAX_WORDS = 8
_WORD = re.compile(r"[^\W_]+(?:\+\+|#)?")
_CYRILLIC = re.compile("[а-я]")
_STRESS = re.compile("[\u0300-\u036f]")
# «ошибок» and «ошибка», «чисел» and «число»: drop the fleeting vowel.
_FLEETING_VOWEL = re.compile("([бвгджзклмнпрстфхцчшщ])[ео]([клмнрц])$")
# «тестировать» and «тестирование».
_VERBAL_SUFFIX = re.compile("(?<=...в)ан?$")
# «систему» loses too much; «люди» and «дети» have another root in the singular.
_IRREGULAR = {"сист": "систм", "люд": "человк", "дет": "ребенк"}
# Characters that databases reject or that end a string.
_UNSTORABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
# Full-text indexes ignore the signs of «C++» and «C#».
_SIGN_NAMES = {"++": "plusplus", "#": "sharp"}
# A question that begins with one can leave out the subject of the turn before («а самокат?»).
CONJUNCTION = re.compile(r"(?:а|и|но|ну|тогда|and|but|then|what about|how about)\b")


def fold(text: str) -> str:
    """Return the text in its comparable form."""
    printable = _UNSTORABLE.sub(" ", text)
    composed = normalise_unicode("NFC", printable).casefold().replace("ё", "е")
    return " ".join(_STRESS.sub("", composed).split())


def split_words(text: str) -> list[str]:
    """Return the words of a folded text, in order."""
    return [_spell_out_sign(word)[:MAX_WORD_LENGTH] for word in _WORD.findall(text)]


def word_positions(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the folded words of a text with the start and end of each in the original."""
    for match in _ACCENTED_WORD.finditer(text):
        for word in _folded_words(match[0]):
            yield word, match.start(), match.end()


@lru_cache(65536)
def _folded_words(text: str) -> tuple[str, ...]:
    return tuple(split_words(fold(text)))


# `_WORD` with combining accents between the letters.
_ACCENTED_WORD = re.compile("(?:[^\\W_][\u0300-\u036f]*)+(?:\\+\\+|#)?")


def _spell_out_sign(word: str) -> str:
    for sign, name in _SIGN_NAMES.items():
        if word.endswith(sign):
            return word[: -len(sign)] + name
    return word


@lru_cache(65536)
def stem(word: str) -> str:
    """Return the stem of a folded word."""
    if _CYRILLIC.search(word):
        stemmed = _VERBAL_SUFFIX.sub("", _apply_snowball("russian", word))
        root = _FLEETING_VOWEL.sub(r"\1\2", stemmed)
        return _IRREGULAR.get(root, root)
    # Numbers have no endings, and would fill the cache.
    is_english = word.isascii() and not word.isdigit()
    return _apply_snowball("english", word) if is_english else word


@cache
def load_function_words() -> Mapping[str, frozenset[str]]:
    """Return the stems of words that say nothing of a question's subject, by language."""
    lists = yaml.safe_load((Path(__file__).parent / "function_words.yaml").read_text("utf-8"))
    return {language: frozenset(map(stem, words.split())) for language, words in lists.items()}


# The stemmer stores the word in itself.
_stemmer_lock = threading.Lock()


def _apply_snowball(language: str, word: str) -> str:
    with _stemmer_lock:
        return str(_load_stemmer(language).stemWord(word))


@cache
def _load_stemmer(language: str) -> Any:
    # Imported here because only searching processes need it.
    import snowballstemmer  # noqa: PLC0415 - see above

    return snowballstemmer.stemmer(language)


def index_words(text: str) -> str:
    """Return a text's stems and words as they are indexed.

    The words too, because a partially typed word is a prefix of a word but not always of its stem.
    """
    stems = [(stem(word), word) for word in split_words(fold(text))]
    return " ".join(token for pair in stems for token in dict.fromkeys(pair))


# ruff: noqa: SIM905 - lists of words read best as words
_STOP_WORDS = frozenset(
    "а без в во для до за и из или к как на над не о об от по под при про с со у я "
    "a an and at by for in into is of on or the to with".split()
)


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query: matches its stem or, unless "", the `prefix`."""

    stem: str
    prefix: str = ""


def parse_terms(folded: str) -> tuple[Term, ...]:
    """Return the terms of a folded query without stop words; the last word may be incomplete."""
    *words, last = split_words(folded)[:MAX_WORDS] or [""]
    terms = [Term(stem(word)) for word in words if word not in _STOP_WORDS]
    return (*terms, Term(stem(last), last)) if last else ()


def match_query(terms: Sequence[Term]) -> str:
    """Return an FTS5 query for SQLite; terms contain only letters and digits."""
    return " AND ".join(
        f'("{term.stem}" OR "{term.prefix}"*)' if term.prefix else f'"{term.stem}"'
        for term in terms
    )


def vector_query(terms: Sequence[Term]) -> str:
    """Return a `to_tsquery` query for PostgreSQL; terms contain only letters and digits."""
    return " & ".join(
        f"('{term.stem}' | '{term.prefix}':*)" if term.prefix else f"'{term.stem}'"
        for term in terms
    )
