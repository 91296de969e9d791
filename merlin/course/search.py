"""Search in the active courses: their names and descriptions, their materials, and the texts.

All words of a query must match, each in any inflected form, in Russian or English; the last one
may be incomplete. Courses with the words in the name come first (they weigh five times those of a
description), then courses with the exact characters, then those with a material whose title or text
has the words. With few hits, words with one typo are corrected, and the query is tried as typed in
the other keyboard layout. With none, the nearest by meaning are found.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from merlin.core.vocabulary import (
    MAX_WORDS,
    Term,
    Vocabulary,
    fold,
    parse_terms,
    stem,
    terms_of,
    word_positions,
)
from merlin.db.search_index import Kind, Scope, SearchIndex

MAX_QUERY_LENGTH = 200
# With fewer hits, spelling corrections are tried.
FEW_HITS = 3
NAME_WEIGHT = 5
EVERYTHING = Scope((Kind.COURSE, Kind.MATERIAL, Kind.PASSAGE))
_COURSES = Scope((Kind.COURSE,))
_MATERIALS = Scope((Kind.MATERIAL, Kind.PASSAGE))
_MAX_COURSES = 100_000
_MAX_MATERIALS = 500
# By meaning at most so many entries are found, of at least this cosine.
_MAX_MEANT = 10
_MIN_COSINE = 0.4
# Dataset, and the id of the material, 0 for the course itself.
_Hit = tuple[str, int]
# Passages of listed materials only.
_HITS = """
SELECT entry.id, entry.dataset, material.place, entry.title, LENGTH(entry.text)
FROM {source} AS found JOIN search_entry AS entry ON entry.id = found.id
JOIN search_entry AS material ON material.dataset = entry.dataset AND material.path = entry.path
    AND material.kind = CASE entry.kind WHEN 'course' THEN 'course' ELSE 'material' END
    AND (entry.kind = 'passage' OR material.place = entry.place)
WHERE entry.kind <> 'example' ORDER BY entry.kind, entry.id LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The courses found by slug, best first, each with the ids of the materials that match.

    `terms` and `letters` are what they match. `suggestion` is the corrected query if the original
    had too few hits, else "".
    """

    hits: Mapping[str, Sequence[int]] = field(default_factory=dict)
    terms: tuple[Term, ...] = ()
    letters: str = ""
    suggestion: str = ""


def search(
    index: SearchIndex,
    query: str,
    most: int = 50,
    *,
    read_words: Callable[[], Vocabulary],
) -> SearchResult:
    """Return the hits of a query, none for a query without a letter or digit.

    Only the first `MAX_QUERY_LENGTH` characters and `MAX_WORDS` words are used. `read_words`
    returns the words of `EVERYTHING`.
    """
    letters = fold(query[:MAX_QUERY_LENGTH])
    terms = parse_terms(letters)
    hits = [
        *_find_courses(index, terms),
        *_find_containing(index, letters),
        *_find_materials(index, terms),
    ]
    found = SearchResult(_group(hits, most), terms, letters)
    if len(found.hits) >= min(FEW_HITS, most) or not terms:
        return found
    corrected = read_words().corrections(letters, MAX_WORDS)
    corrected_terms = terms_of(corrected or ())
    hits += _find_courses(index, corrected_terms)
    hits += _find_materials(index, corrected_terms)
    more = _group(hits, most)
    if corrected and len(more) > len(found.hits):
        suggestion = " ".join(word[0] for word in corrected)
        terms = (*terms, *corrected_terms)
        return replace(found, hits=more, terms=terms, suggestion=suggestion)
    return found if more else replace(found, hits=_find_meant(index, query, most))


def _group(hits: Iterable[_Hit], most: int) -> dict[str, list[int]]:
    """Return slug -> ids of materials, of the first `most` courses."""
    found: dict[str, list[int]] = {}
    for slug, material_id in hits:
        if slug in found or len(found) < most:
            materials = found.setdefault(slug, [])
            if material_id and material_id not in materials:
                materials.append(material_id)
    return found


def _find_courses(index: SearchIndex, terms: Sequence[Term]) -> list[_Hit]:
    def place(row: Sequence[Any]) -> tuple[int, int, int]:
        number, _, _, title, length = row
        words = title.split()
        return -sum(_weigh(term, words) for term in terms), length, number

    rows = _match(index, _COURSES, terms, _MAX_COURSES) if terms else []
    return [(slug, 0) for _, slug, *_ in sorted(rows, key=place)]


def _weigh(term: Term, words: Sequence[str]) -> int:
    is_named = any(
        word in term.stems or (term.prefix and word.startswith(term.prefix))
        for word in words
    )
    return NAME_WEIGHT if is_named else 1


def _find_containing(index: SearchIndex, letters: str) -> list[_Hit]:
    """Return the courses with these folded characters in their name or description."""
    position = "instr" if index.db.dialect == "sqlite" else "strpos"
    query = (
        "SELECT dataset FROM search_entry"  # noqa: S608 - our own name
        f" WHERE kind = 'course' AND {position}(text, ?) > 0 ORDER BY id"
    )
    return [(slug, 0) for (slug,) in index.db.sql(query, letters)] if letters else []


def _find_materials(index: SearchIndex, terms: Sequence[Term]) -> list[_Hit]:
    rows = _match(index, _MATERIALS, terms, _MAX_MATERIALS) if terms else []
    return [(slug, material_id) for _, slug, material_id, *_ in rows]


def _match(
    index: SearchIndex, scope: Scope, terms: Sequence[Term], limit: int
) -> Sequence[tuple[Any, ...]]:
    source, values = index.match(scope, terms)
    return index.db.sql(_HITS.format(source=source), *values, limit)


def _find_meant(index: SearchIndex, query: str, most: int) -> dict[str, list[int]]:
    meant = index.rank_by_meaning(EVERYTHING, query, _MAX_MEANT, _MIN_COSINE)
    if not meant:
        return {}
    marks = ", ".join("?" * len(meant))
    source = f"(SELECT id FROM search_entry WHERE id IN ({marks}))"  # noqa: S608 - marks
    rows = index.db.sql(_HITS.format(source=source), *meant, _MAX_MATERIALS)
    best = sorted(rows, key=lambda row: -meant[row[0]])
    return _group(((slug, material_id) for _, slug, material_id, *_ in best), most)


def highlight_spans(text: str, found: SearchResult) -> list[tuple[int, int]]:
    """Return the ranges of `text` to highlight, in order, not overlapping; in code points."""
    if not (found.terms or found.letters):
        return []
    spans: list[tuple[int, int]] = []
    for start, end in sorted(
        {*_term_matches(text, found.terms), *_exact_matches(text, found.letters)}
    ):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _term_matches(text: str, terms: Sequence[Term]) -> Iterator[tuple[int, int]]:
    stems = {stemmed for term in terms for stemmed in term.stems}
    prefixes = tuple(term.prefix for term in terms if term.prefix)
    for word, start, end in word_positions(text):
        if stem(word) in stems:
            yield start, end
        elif prefixes and word.startswith(prefixes):
            length = max(len(prefix) for prefix in prefixes if word.startswith(prefix))
            yield start, min(start + length, end)


def _exact_matches(text: str, letters: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges of exact matches; folding can remove or expand a character."""
    if not letters or letters not in fold(text):
        return
    characters: list[str] = []
    origin: list[
        tuple[int, int]
    ] = []  # of each folded character, the range in the original
    start = 0
    for end in range(1, len(text) + 1):
        # Keep combining accents with their character.
        if end < len(text) and unicodedata.combining(text[end]):
            continue
        part = fold(text[start:end]) or " "
        span = (start, end)
        start = end
        if part == " " and (not characters or characters[-1] == " "):
            continue
        characters += part
        origin += [span] * len(part)
    folded = "".join(characters)
    position = folded.find(letters)
    while position >= 0:
        last = position + len(letters) - 1
        yield origin[position][0], origin[last][1]
        position = folded.find(letters, last + 1)
