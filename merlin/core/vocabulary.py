"""Word forms, full-text queries and spelling correction for search in Russian and English.

Folding makes texts comparable: composed (NFC), lower case, ё as е, without stress accents, with
single blanks. Stemming removes each word's ending, by Snowball. Source: "An algorithm for suffix
stripping", M. Porter; the stemmers of snowballstem.org.

A term is one word of a query for the full-text indexes of SQLite and PostgreSQL. The vocabulary
holds the words of the catalogue and corrects those of a query.

One typing error per word is corrected: a letter wrong, missing, extra, or two swapped
(Damerau-Levenshtein distance 1). So are the wrong keyboard layout and Russian in Latin letters:
«fkujhbnv» and «algoritm» are «алгоритм».
"""

import re
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
    lists = yaml.safe_load(
        (Path(__file__).parent / "function_words.yaml").read_text("utf-8")
    )
    return {
        language: frozenset(map(stem, words.split()))
        for language, words in lists.items()
    }


def list_subject_stems(text: str) -> list[str]:
    """Return the stems of a text's words that are not function words, each once, in order."""
    stems = map(stem, split_words(fold(text)))
    function_words = frozenset[str]().union(*load_function_words().values())
    return [each for each in dict.fromkeys(stems) if each not in function_words]


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
    """One word of a query: matches any of `stems` or, unless "", the `prefix`."""

    stems: tuple[str, ...]
    prefix: str = ""


def parse_terms(folded: str) -> tuple[Term, ...]:
    """Return the terms of a folded query; the last word may be partially typed."""
    return terms_of([(word,) for word in split_words(folded)[:MAX_WORDS]])


def terms_of(alternatives: Sequence[Sequence[str]]) -> tuple[Term, ...]:
    """Return a term for each word, given as its alternatives; stop words are skipped."""
    last = len(alternatives) - 1
    kept = [
        index
        for index, words in enumerate(alternatives)
        if words[0] not in _STOP_WORDS or index == last
    ]
    return tuple(
        Term(
            tuple(dict.fromkeys(stem(word) for word in alternatives[index])),
            alternatives[index][0] if index == last else "",
        )
        for index in kept
    )


def match_query(terms: Sequence[Term]) -> str:
    """Return an FTS5 query for SQLite; terms contain only letters and digits."""
    alternatives = [" OR ".join(_alternatives(term, '"', '"*')) for term in terms]
    return " AND ".join(f"({alternative})" for alternative in alternatives)


def vector_query(terms: Sequence[Term]) -> str:
    """Return a `to_tsquery` query for PostgreSQL; terms contain only letters and digits."""
    alternatives = [" | ".join(_alternatives(term, "'", "':*")) for term in terms]
    return " & ".join(f"({alternative})" for alternative in alternatives)


def _alternatives(term: Term, quote: str, prefix_end: str) -> list[str]:
    """Return the query expressions for a term; its words are letters and digits only."""
    stems = [f"{quote}{stem}{quote}" for stem in term.stems]
    return [*stems, f"{quote}{term.prefix}{prefix_end}"] if term.prefix else stems


# One typing error turns a shorter word into too many others.
MIN_CORRECTED_LENGTH = 4
MAX_SUGGESTIONS = 5
_LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_RUSSIAN = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_SWAP_LAYOUT = str.maketrans(_LATIN + _RUSSIAN, _RUSSIAN + _LATIN)
# Russian in Latin letters, as people write it in chats.
_RUSSIAN_BY_LATIN = dict(
    pair.split("-")
    for pair in (
        "shch-щ sch-щ sh-ш ch-ч zh-ж kh-х ts-ц yu-ю ju-ю ya-я ja-я yo-е ye-е a-а b-б v-в w-в g-г"
        " d-д e-е z-з i-и j-й y-ы k-к l-л m-м n-н o-о p-п q-к r-р s-с t-т u-у f-ф h-х c-ц x-кс '-ь"
    ).split()
)
_LATIN_LETTERS = re.compile("|".join(_RUSSIAN_BY_LATIN))
_Y_AFTER_VOWEL = re.compile("(?<=[aeiou])y(?![aeou])")


class Vocabulary:
    """Folded words with their frequencies."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._sorted = sorted(counts)
        # The most frequent word of each stem.
        self._word_by_stem: dict[str, str] = {}
        for word, _ in reversed(counts.most_common()):
            self._word_by_stem[stem(word)] = word
        self._stems = [*self._word_by_stem]

    def contains(self, word: str, *, is_partial: bool) -> bool:
        """Return whether a form of the word occurs; `is_partial`: or a word it begins."""
        if word in self._counts or stem(word) in self._word_by_stem:
            return True
        index = bisect_left(self._sorted, word)
        return (
            is_partial
            and index < len(self._sorted)
            and self._sorted[index].startswith(word)
        )

    def similar_words(
        self, word: str, min_stem_length: int = MIN_CORRECTED_LENGTH
    ) -> tuple[str, ...]:
        """Return words within one typing error, or whose stems are, most frequent first."""
        if len(word) < MIN_CORRECTED_LENGTH:
            return ()
        similar = self._most_frequent(find_similar(word, self._sorted))
        if similar:
            return similar
        stemmed = stem(word)
        if len(stemmed) < min_stem_length:
            return ()
        return self._most_frequent(
            self._word_by_stem[other] for other in find_similar(stemmed, self._stems)
        )

    def completions(self, word: str) -> tuple[str, ...]:
        """Return words that begin with `word`, up to one typing error, most frequent first."""
        if len(word) < MIN_CORRECTED_LENGTH:
            return ()
        size = len(word)
        longer = [other for other in self._sorted if len(other) > size]
        prefixes = set(find_similar(word, {other[:size] for other in longer}))
        return self._most_frequent(
            other for other in longer if other[:size] in prefixes
        )

    def corrections(self, folded: str, max_words: int) -> list[tuple[str, ...]] | None:
        """Return the alternatives, best first, for the first `max_words` words of a folded query.

        None if no word needs correction, or if one has no similar word.
        """
        typed = split_words(folded)[:max_words]
        if self._knows_all(typed):
            return None
        corrections = [
            self._correct(word, is_partial=word is typed[-1]) for word in typed
        ]
        if all(corrections):
            return corrections
        read = (split_words(other)[:max_words] for other in read_otherwise(folded))
        found = next(
            (words for words in read if words and self._knows_all(words)), None
        )
        return [(word,) for word in found] if found else None

    def _knows_all(self, typed: Sequence[str]) -> bool:
        return all(self.contains(word, is_partial=word is typed[-1]) for word in typed)

    def _correct(self, word: str, *, is_partial: bool) -> tuple[str, ...]:
        if self.contains(word, is_partial=is_partial):
            return (word,)
        return self.similar_words(word) or (
            self.completions(word) if is_partial else ()
        )

    def _most_frequent(self, words: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            sorted(words, key=lambda word: (-self._counts[word], word))[
                :MAX_SUGGESTIONS
            ]
        )


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Return the words of folded texts with their frequencies."""
    return Counter(word for text in texts for word in split_words(text))


def read_otherwise(folded: str) -> Iterator[str]:
    """Yield a text as it is in the other keyboard layout, and its Latin letters as Russian ones."""
    swapped = folded.translate(_SWAP_LAYOUT).replace("ё", "е")
    # If letters became signs, the layout was not the error.
    if len("".join(split_words(swapped))) >= len("".join(split_words(folded))) > 0:
        yield swapped
    if folded.isascii() and len(folded) >= MIN_CORRECTED_LENGTH:
        letters = _Y_AFTER_VOWEL.sub("j", folded)
        yield _LATIN_LETTERS.sub(lambda found: _RUSSIAN_BY_LATIN[found[0]], letters)


def find_similar(word: str, others: Collection[str]) -> list[str]:
    """Return those of `others` within one typing error, most similar first."""
    # Imported here: processes that only read the catalogue, as the bot, save 3 MB.
    from rapidfuzz import process  # noqa: PLC0415
    from rapidfuzz.distance import OSA  # noqa: PLC0415

    matches = process.extract(
        word, others, scorer=OSA.distance, score_cutoff=1, limit=None
    )
    return [other for other, _, _ in matches]
