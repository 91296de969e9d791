"""The index of what is searched: courses, their materials, passages of texts, and examples.

An entry is written in the transaction that writes what it is of. It is found by words: all of
them in any form, the last one may be incomplete (`match`), or those of a question, of which rare
ones weigh more (`rank_by_words`). It is found by meaning (`rank_by_meaning`) once the daemon has
encoded its text: 512 bytes a line. People's texts are not in it.

`python -m merlin.db.search_index` encodes texts, for the daemon: the encoder takes 130 MB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from peewee import fn

from merlin.core.encoder import digest_encoder, encode
from merlin.core.vocabulary import (
    Term,
    Vocabulary,
    list_subject_stems,
    match_query,
    split_words,
    stem,
    vector_query,
)
from merlin.db.database import CHUNK, Columns, Repository, in_portions
from merlin.db.tables import SEARCH_ENTRY

if TYPE_CHECKING:
    from merlin.core.encoder import Floats

# Entries that say what misspelt words may be.
_MAX_READ = 100_000
# The length of the encoder's digest before a vector: those of another encoder are not compared.
_MARK = 8
_SCALE = 127
# Of a text by whose meaning entries are found.
MAX_CHARACTERS = 1_000
_MAX_CHILD_S = 600
# The length of a ranking of a question, and how many of its words count.
_RANKED = 200
_MAX_STEMS = 60
# What shares no word with a question is near to it from this cosine on: the highest of twelve
# everyday questions with the shipped courses was 0.21.
_MIN_COSINE = 0.25
# Reciprocal rank fusion adds 1 / (_FUSION + place) of each ranking. Source: Cormack, Clarke,
# Buettcher (SIGIR 2009), who take 60, for rankings of a thousand.
_FUSION = 5


class Kind(StrEnum):
    """What an entry is of; `TREE` says up to which git tree a dataset's files were indexed."""

    # The values are stored in the database.
    COURSE = "course"
    MATERIAL = "material"
    PASSAGE = "passage"
    EXAMPLE = "example"
    TREE = "tree"


@dataclass(frozen=True, slots=True)
class Scope:
    """The kinds of entries to search, of one dataset or ("") of all."""

    kinds: tuple[Kind, ...]
    dataset: str = ""


# ruff: noqa: S608 - only our own names are put into these statements
# In an order, so that a query stops when its page is full.
_MATCHES = "(SELECT rowid AS id, rank FROM search_words WHERE search_words MATCH ?)"
# Matched before it is joined: otherwise PostgreSQL may scan a whole dataset in descending order.
_MATCHES_POSTGRESQL = (
    "(WITH said AS MATERIALIZED (SELECT id FROM search_entry WHERE {within}"
    " AND to_tsvector('simple', words) @@ to_tsquery('simple', ?))"
    " SELECT id FROM said)"
)
# A rare word weighs more than a common one, as in FTS5's rank; ts_rank has no such weights.
_RANKED_POSTGRESQL = """
WITH found AS (
    SELECT term.place, entry.id, LENGTH(entry.words) AS size
    FROM unnest(?::text[]) WITH ORDINALITY AS term (words, place)
    JOIN search_entry AS entry
        ON to_tsvector('simple', entry.words) @@ to_tsquery('simple', term.words)
    WHERE entry.kind IN ({kinds}) AND entry.dataset = ?
), weight AS (
    SELECT place, ln(1 + (
        SELECT COUNT(*) FROM search_entry WHERE kind IN ({kinds}) AND dataset = ?
    ) / COUNT(*)::float) AS rarity FROM found GROUP BY place
)
SELECT id FROM found JOIN weight USING (place)
GROUP BY id ORDER BY SUM(rarity) DESC, MIN(size), id LIMIT ?
"""


# For thousands of entries at once: peewee takes five times as long.
_ADD = """
INSERT INTO search_entry (kind, dataset, path, place, name, blob, tags, title, text, words)
VALUES (:kind, :dataset, :path, :place, :name, :blob, :tags, :title, :text, :words)
"""
_EMPTY = {"place": 0, **dict.fromkeys(("name", "blob", "tags", "title", "text"), "")}


class SearchIndex(Repository):
    """The entries of all datasets at the newest commit."""

    def replace(
        self, scope: Scope, paths: Sequence[str] | None, entries: Iterable[Columns]
    ) -> None:
        """Put entries in the place of those of some paths, None for all, of one dataset.

        A column that an entry lacks is empty.
        """
        table = SEARCH_ENTRY
        old = (table.dataset == scope.dataset) & table.kind.in_(scope.kinds)
        portions = [None] if paths is None else in_portions(paths, CHUNK)
        for portion in portions:
            is_old = old if portion is None else old & table.path.in_(portion)
            self.db.delete(table, is_old)
        for new in in_portions(entries):
            self.db.run_many(_ADD, ({**_EMPTY, **entry} for entry in new))

    def match(self, scope: Scope, terms: Sequence[Term]) -> tuple[str, list[object]]:
        """Return a source in SQL with the `id` of what has every term, and its values."""
        if self.db.dialect == "sqlite":
            return _MATCHES, [_match_in(scope, match_query(terms))]
        within, values = _select_within(scope)
        source = _MATCHES_POSTGRESQL.format(within=within)
        return source, [*values, vector_query(terms)]

    def rank(self, scope: Scope, question: str, example: str = "") -> list[int]:
        """Return the ids of entries near to a question by words and meaning, best first.

        The words of `example`, the nearest taught one, count as well: it says in the subject's
        words what was asked. None for a question of function words.
        """
        stems = list_subject_stems(question)[:_MAX_STEMS]
        if not stems:
            return []
        by_words = self.rank_by_words(scope, stems)
        meant = self.rank_by_meaning(scope, question, _RANKED, least=-1)
        near = [
            number
            for number, cosine in meant.items()
            if number in by_words or cosine >= _MIN_COSINE
        ]
        scores = defaultdict[int, float](float)
        if by_words or near:
            by_example = self.rank_by_words(
                scope, list_subject_stems(example)[:_MAX_STEMS]
            )
            for ranking in (by_words, near, by_example):
                for place, number in enumerate(ranking, 1):
                    scores[number] += 1 / (_FUSION + place)
        return sorted(scores, key=lambda number: -scores[number])

    def rank_by_words(
        self, scope: Scope, stems: Sequence[str], limit: int = _RANKED
    ) -> list[int]:
        """Return the ids of a dataset's entries with any of the stems, best first."""
        if not stems:
            return []
        terms = [Term((stem,)) for stem in stems]
        if self.db.dialect == "sqlite":
            either = " OR ".join(f"({match_query([term])})" for term in terms)
            query = (
                f"SELECT found.id FROM {_MATCHES} AS found"
                " CROSS JOIN search_entry AS entry ON entry.id = found.id"
                " WHERE entry.dataset = ? ORDER BY found.rank, found.id LIMIT ?"
            )
            rows = self.db.sql(query, _match_in(scope, either), scope.dataset, limit)
        else:
            query = _RANKED_POSTGRESQL.format(kinds=_quote(scope))
            words = [vector_query([term]) for term in terms]
            rows = self.db.sql(query, words, scope.dataset, scope.dataset, limit)
        return [number for (number,) in rows]

    def rank_by_meaning(
        self, scope: Scope, text: str, limit: int, least: float
    ) -> dict[int, float]:
        """Return id -> cosine of the entries with a line near to a text, best first.

        `least` is the least cosine. An entry is found once it is encoded.
        """
        import numpy as np  # noqa: PLC0415 - only where something is searched by meaning

        mark = digest_encoder().encode()[:_MARK]
        within, values = _select_within(scope)
        query = (
            f"SELECT id, vector FROM search_entry WHERE {within} AND vector IS NOT NULL"
        )
        rows = self.db.sql(query, *values)
        vectors = [
            (number, bytes(vector)[_MARK:])
            for number, vector in rows
            if bytes(vector)[:_MARK] == mark
        ]
        if not vectors:
            return {}
        (asked,) = encode_units([text[:MAX_CHARACTERS]])
        lines = np.frombuffer(b"".join(vector for _, vector in vectors), np.int8)
        cosines = lines.reshape(-1, len(asked)).astype(np.float32) @ asked / _SCALE
        owners = [
            number
            for number, vector in vectors
            for _ in range(len(vector) // len(asked))
        ]
        best = dict[int, float]()
        for place in (-cosines).argsort():
            # Not `<`: an encoder of one's own may measure NaN, and comparisons with it are false.
            if len(best) == limit or not cosines[place] >= least:
                break
            best.setdefault(owners[place], float(cosines[place]))
        return best

    def find_places(self, numbers: Sequence[int]) -> list[tuple[str, int]]:
        """Return path and place within it of entries, in their order."""
        table = SEARCH_ENTRY
        found: dict[int, tuple[str, int]] = {}
        for portion in in_portions(numbers, CHUNK):
            query = table.select(table.id, table.path, table.place)
            rows = self.db.rows(query.where(table.id.in_(portion)))
            found.update((number, (path, place)) for number, path, place in rows)
        return [found[number] for number in numbers if number in found]

    def read_vocabulary(self, scope: Scope) -> Vocabulary:
        """Return the words of these entries, by which those of a query are corrected."""
        within, values = _select_within(scope)
        query = f"SELECT words FROM search_entry WHERE {within} LIMIT ?"
        rows = self.db.sql(query, *values, _MAX_READ)
        counts = Counter[str]()
        for (words,) in rows:
            counts.update(words.split())
        # A form is indexed with its stem, which alone is no word that somebody wrote.
        for word, count in [*counts.items()]:
            stemmed = stem(word)
            if stemmed != word:
                counts[stemmed] -= count
        return Vocabulary(+counts)

    def list_unencoded(self, limit: int) -> list[tuple[int, str]]:
        """Return id and text of entries that have no vector yet, newest first."""
        query = (
            "SELECT id, text FROM search_entry WHERE vector IS NULL AND text <> ''"
            " ORDER BY id DESC LIMIT ?"
        )
        return [(number, text) for number, text in self.db.sql(query, limit)]

    def store_vectors(self, vectors: Iterable[tuple[int, bytes]]) -> None:
        """Store the vectors of entries that still exist."""
        for portion in in_portions(vectors):
            with self.db.atomic():
                for number, vector in portion:
                    is_entry = SEARCH_ENTRY.id == number
                    self.db.update(SEARCH_ENTRY, is_entry, vector=vector)

    def forget_vectors(self) -> bool:
        """Delete the vectors of another encoder; return whether there were any."""
        mark = digest_encoder().encode()[:_MARK]
        is_other = fn.SUBSTR(SEARCH_ENTRY.vector, 1, _MARK) != mark
        query = SEARCH_ENTRY.update({"vector": None}).where(is_other)
        return self.db.run_in_transaction(lambda: self.db.change(query)) > 0


def encode_units(texts: Sequence[str]) -> Floats:
    """Return the vectors of texts, of length 1, in rows."""
    import numpy as np  # noqa: PLC0415 - as above

    rows = np.array(encode(texts), np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def encode_entry(text: str) -> bytes:
    """Return the vectors of the lines of an entry's text, as they are stored."""
    rows = encode_units(text.split("\n")) * _SCALE
    return digest_encoder().encode()[:_MARK] + rows.round().astype("int8").tobytes()


def encode_in_child(texts: Sequence[str]) -> list[bytes]:
    """Return what `encode_entry` does, from a process that ends with its memory."""
    child = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", __name__],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=_MAX_CHILD_S,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    return [bytes.fromhex(line) for line in child.stdout.split()]


def _select_within(scope: Scope) -> tuple[str, list[object]]:
    """Return the condition of a scope in SQL, and its values."""
    kinds = f"kind IN ({_quote(scope)})"
    if not scope.dataset:
        return kinds, []
    return f"{kinds} AND dataset = ?", [scope.dataset]


def _quote(scope: Scope) -> str:
    return ", ".join(f"'{kind}'" for kind in scope.kinds)


def _match_in(scope: Scope, terms: str) -> str:
    """Return the FTS5 query for terms within a scope; a dataset may be named by signs only."""
    kinds = " OR ".join(f'"{kind}"' for kind in scope.kinds)
    # Not folded: the index does that itself, and distinguishes «ё» from «е» in names.
    named = " AND ".join(f'"{word}"' for word in split_words(scope.dataset))
    within = f"dataset : ({named}) AND " if named else ""
    return f"kind : ({kinds}) AND {within}words : ({terms})"


if __name__ == "__main__":
    # People and trainings first; the sandbox of systemd's units refuses it (@resources).
    with suppress(PermissionError):
        os.nice(5)
    for each in json.load(sys.stdin):
        sys.stdout.write(f"{encode_entry(each).hex()}\n")
