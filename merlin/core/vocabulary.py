"""Stems, typing errors and wrong keyboard layouts.

Words: a text as search compares it, Russian and English alike.

Folded: composed (NFC), lower case, ё as е, without accents that only mark the stress, blanks
single. Stemmed: each word without its ending, by Snowball. Source: "An algorithm for suffix
stripping", M. Porter; the stemmers of snowballstem.org.

Term: one word of a query, as the indexes of SQLite and PostgreSQL are asked for it.

Vocabulary: the words of the catalogue, and which of them somebody meant.

One slip of the finger is forgiven: a letter wrong, missing, too many, or two that changed places
(Damerau-Levenshtein distance 1). So is the wrong keyboard: «fkujhbnv» is «алгоритм».
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import Any

# A longer one is no word that anybody types.
LONGEST = 64
# Of a query so many count.
MAX_WORDS = 8
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


def fold(text: str) -> str:
    """Return the text as it is compared."""
    plain = _NO_SIGNS.sub(" ", text)
    composed = unicodedata.normalize("NFC", plain).casefold().replace("ё", "е")
    return " ".join(_STRESS.sub("", composed).split())


def split_words(text: str) -> list[str]:
    """Return the words of a folded text, in order."""
    return [_named(word)[:LONGEST] for word in _WORD.findall(text)]


def count_words(texts: Iterable[str]) -> Counter[str]:
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


def word_positions(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of any text, folded, with where each begins and ends in it."""
    for found in _MARKED.finditer(text):
        for word in _folded_words(found[0]):
            yield word, found.start(), found.end()


@lru_cache(65536)
def _folded_words(text: str) -> tuple[str, ...]:
    return tuple(split_words(fold(text)))


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
    # Numbers have no endings, and are as many as the examples of some datasets.
    is_english = word.isascii() and not word.isdigit()
    return str(_stemmer("english").stemWord(word)) if is_english else word


@cache
def _stemmer(language: str) -> Any:
    # Imported here: only those who search need it.
    import snowballstemmer  # noqa: PLC0415 - see above

    return snowballstemmer.stemmer(language)


def index_words(text: str) -> str:
    """Return the words of a text as an index keeps them: each one's stem, and itself.

    Itself, because what is half typed begins a word and not always its stem.
    """
    stems = [(stem(word), word) for word in split_words(fold(text))]
    return " ".join(fromkey for pair in stems for fromkey in dict.fromkeys(pair))


# ruff: noqa: SIM905 - lists of words read best as words
_SMALL = frozenset(
    "а без в во для до за и из или к как на над не о об от по под при про с со у я "
    "a an and at by for in into is of on or the to with".split()
)


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a query: any of these `stems`, or what begins with `prefix` ("": nothing)."""

    stems: tuple[str, ...]
    prefix: str = ""


def parse_terms(letters: str) -> tuple[Term, ...]:
    """Return the terms of a folded query; the last word may be half typed."""
    return terms_of([(word,) for word in split_words(letters)[:MAX_WORDS]])


def terms_of(sentences: Sequence[Sequence[str]]) -> tuple[Term, ...]:
    """Return a term for each word, which may be one of several; small words say nothing."""
    last = len(sentences) - 1
    telling = [
        place for place, each in enumerate(sentences) if each[0] not in _SMALL or place == last
    ]
    return tuple(
        Term(
            tuple(dict.fromkeys(stem(word) for word in sentences[place])),
            sentences[place][0] if place == last else "",
        )
        for place in telling
    )


def match_query(terms: Sequence[Term]) -> str:
    """Return what FTS5 of SQLite is asked for; a term's words are letters and digits alone."""
    either = [" OR ".join(_either(term, '"', '"*')) for term in terms]
    return " AND ".join(f"({one})" for one in either)


def vector_query(terms: Sequence[Term]) -> str:
    """Return what `to_tsquery` of PostgreSQL is asked for."""
    either = [" | ".join(_either(term, "'", "':*")) for term in terms]
    return " & ".join(f"({one})" for one in either)


def _either(term: Term, quote: str, begins: str) -> list[str]:
    """Return what a term may be met by; its words are letters and digits alone."""
    stems = [f"{quote}{stem}{quote}" for stem in term.stems]
    return [*stems, f"{quote}{term.prefix}{begins}"] if term.prefix else stems


# A slip in a shorter word may be any other word.
SHORTEST = 4
MOST = 5
_LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_RUSSIAN = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_SWAPPED = str.maketrans(_LATIN + _RUSSIAN, _RUSSIAN + _LATIN)


class Vocabulary:
    """The words of these folded texts, with how often each is said."""

    def __init__(self, texts: Iterable[str]) -> None:
        counts = self._counts = count_words(texts)
        self._sorted = sorted(counts)
        self._words = _by_length(counts)
        # Stem -> the word that says it most often.
        self._said: dict[str, str] = {}
        for word, _ in reversed(counts.most_common()):
            self._said[stem(word)] = word
        self._stems = _by_length(self._said)

    def knows(self, word: str, *, half: bool = False) -> bool:
        """Return whether some form of a word is said anywhere; `half`: or what begins with it."""
        if word in self._counts or stem(word) in self._said:
            return True
        place = bisect_left(self._sorted, word)
        return half and place < len(self._sorted) and self._sorted[place].startswith(word)

    def near(self, word: str) -> tuple[str, ...]:
        """Return words that differ by one slip, or whose stems do, those said most often first."""
        if len(word) < SHORTEST:
            return ()
        alike = self._first(_near(word, self._words))
        if alike:
            return alike
        root = stem(word)
        if len(root) < SHORTEST:
            return ()
        return self._first(self._said[each] for each in _near(root, self._stems))

    def begun(self, word: str) -> tuple[str, ...]:
        """Return words that begin with `word` but for one slip, those said most often first."""
        if len(word) < SHORTEST:
            return ()
        size = len(word)
        longer = [other for other in self._sorted if len(other) > size]
        alike = set(_slips(word, {other[:size] for other in longer}))
        return self._first(other for other in longer if other[:size] in alike)

    def meant(self, letters: str, most: int) -> list[tuple[str, ...]] | None:
        """Return, for each of the first `most` words of a folded query, the words it may stand for.

        The likeliest come first. None where no word is mistyped, or one is like nothing known.
        """
        typed = split_words(letters)[:most]
        if self._knows_all(typed):
            return None
        meant = [self._meant(word, half=word is typed[-1]) for word in typed]
        if all(meant):
            return meant
        swapped = split_words(letters.translate(_SWAPPED).replace("ё", "е"))[:most]
        # Signs in place of letters were typed by another slip.
        is_whole = len("".join(swapped)) >= len("".join(typed)) > 0
        return [(word,) for word in swapped] if is_whole and self._knows_all(swapped) else None

    def _knows_all(self, typed: Sequence[str]) -> bool:
        return all(self.knows(word, half=word is typed[-1]) for word in typed)

    def _meant(self, word: str, *, half: bool) -> tuple[str, ...]:
        if self.knows(word, half=half):
            return (word,)
        return self.near(word) or (self.begun(word) if half else ())

    def _first(self, alike: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(alike, key=lambda one: (-self._counts[one], one))[:MOST])


_ByLength = Mapping[int, Sequence[str]]


def _by_length(all_: Iterable[str]) -> _ByLength:
    found: dict[int, list[str]] = defaultdict(list)
    for each in all_:
        found[len(each)].append(each)
    return found


def _near(word: str, known: _ByLength) -> list[str]:
    """Return the known words that are one slip away."""
    lengths = range(len(word) - 1, len(word) + 2)
    return _slips(word, [other for length in lengths for other in known.get(length, ())])


def _slips(word: str, others: Collection[str]) -> list[str]:
    # Who only reads the catalogue, as the bot, does without its 3 MB.
    from rapidfuzz import process  # noqa: PLC0415
    from rapidfuzz.distance import OSA  # noqa: PLC0415

    found = process.extract(word, others, scorer=OSA.distance, score_cutoff=1, limit=None)
    return [other for other, _, _ in found]
