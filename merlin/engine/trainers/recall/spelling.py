"""Spelling of `recall`: a question as it was meant, in the words of the taught questions.

A word of four letters or more that no trained text has is corrected by one typing error, unless
the encoder knows it as a word: «sell» would become «tell». Two words that the taught questions have
as one are joined. Where more words are known then, a question is read in the other keyboard layout,
or as Russian in Latin letters.
"""

import re
from collections.abc import Iterable
from functools import cached_property

from merlin.core.encoder import count_pieces
from merlin.core.vocabulary import (
    MIN_CORRECTED_LENGTH,
    Vocabulary,
    count_words,
    fold,
    read_otherwise,
)
from merlin.engine.trainers.recall.space import Space
from merlin.engine.trainers.recall.text import (
    MAX_TEXT_LENGTH,
    build_term,
    select_subject,
)

# A typing error turns a shorter stem into another word: «прода(ёте)» would become «продл(ить)».
_MIN_STEM_LENGTH = 6
_WORD = re.compile(f"[^\\W\\d_]{{{MIN_CORRECTED_LENGTH},}}")
_SHORT_WORD = re.compile("[^\\W\\d_]+")
# A word, and the next one: «heap sort» of «heapsort».
_APART = re.compile(rf"\b({_WORD.pattern})[ -](?=({_WORD.pattern})\b)")


class Spelling:
    """The words of the taught questions, by which those of a question are corrected."""

    def __init__(self, space: Space, questions: Iterable[str]) -> None:
        self._space = space
        self._questions = questions

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(count_words(map(fold, self._questions)))

    def correct(self, text: str) -> str:
        """Return the text with its typing errors corrected; a longer one than is encoded stays."""
        if len(text) > MAX_TEXT_LENGTH:
            return text
        text = _APART.sub(self._join, text)
        if self._measure_known(text) == 1:
            return text
        best = max((text, *read_otherwise(fold(text))), key=self._measure_known)
        return _WORD.sub(lambda found: self._correct_word(found[0]), best)

    def _join(self, found: re.Match[str]) -> str:
        """Return a word without what follows it, if a trained question has both as one word."""
        both = fold(found[1] + found[2])
        return (
            found[1] if self._vocabulary.contains(both, is_partial=False) else found[0]
        )

    def _measure_known(self, text: str) -> float:
        """Return the share of known ones among the longer words of a text, or all if none is."""
        words = _WORD.findall(fold(text)) or _SHORT_WORD.findall(fold(text))
        return sum(map(self.is_known, words)) / len(words) if words else 1

    def is_known(self, word: str) -> bool:
        """Return whether a trained text has a folded word, or it says nothing of a subject."""
        term = build_term(word, is_russian=False)
        return not select_subject([term]) or self._space.knows(term)

    def _correct_word(self, word: str) -> str:
        folded = fold(word)
        if self.is_known(folded) or count_pieces(folded) == 1:
            return word
        similar = self._vocabulary.similar_words(folded, _MIN_STEM_LENGTH)
        return similar[0] if similar else word
