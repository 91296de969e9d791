"""Vocabulary: the words of the catalogue, and which of them somebody meant.

One slip of the finger is forgiven: a letter wrong, missing, too many, or two that changed places
(Damerau-Levenshtein distance 1). So is the wrong keyboard: «fkujhbnv» is «алгоритм».
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

from merlin.course.words import stem, tally, words

# A slip in a shorter word may be any other word.
SHORTEST = 4
MOST = 5
_LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_RUSSIAN = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_SWAPPED = str.maketrans(_LATIN + _RUSSIAN, _RUSSIAN + _LATIN)


class Vocabulary:
    """The words of these folded texts, with how often each is said."""

    def __init__(self, texts: Iterable[str]) -> None:
        counts = self._counts = tally(texts)
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
        said = words(letters)[:most]
        if self._knows_all(said):
            return None
        meant = [self._meant(word, half=word is said[-1]) for word in said]
        if all(meant):
            return meant
        swapped = words(letters.translate(_SWAPPED).replace("ё", "е"))[:most]
        return [(word,) for word in swapped] if swapped and self._knows_all(swapped) else None

    def _knows_all(self, said: Sequence[str]) -> bool:
        return all(self.knows(word, half=word is said[-1]) for word in said)

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
    found = process.extract(word, others, scorer=OSA.distance, score_cutoff=1, limit=None)
    return [other for other, _, _ in found]
