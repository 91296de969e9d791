"""Grounding: an answer composed from what a dataset teaches, and its sources by name.

If the model of a dataset does not know an answer, another model can compose it from sources: the
taught examples and course passages nearest to the question, by words (BM25, by SQLite's FTS5 or
PostgreSQL's text search) and by meaning (`merlin.core.encoder`). The answer starts with the numbers
of the sources it used, or states that they do not contain it; an answer without citations is not
shown.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from merlin.core.encoder import encode
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.core.vocabulary import fold, split_words, stem
from merlin.course.catalogue import Catalogue, Material
from merlin.course.search import VersionCache
from merlin.dataset.entries import ExampleEntries
from merlin.dataset.example import find_first
from merlin.db.database import Database

if TYPE_CHECKING:
    from merlin.core.encoder import Floats

MAX_EXAMPLES = 8
MAX_PASSAGES = 4
# Characters of each source in the prompt.
MAX_CHARACTERS = 1_000
# Examples found by words, which are compared by meaning: one is encoded in a millisecond or two.
_COMPARED = 100
_MAX_WORDS = 60
_MIN_WORD_LENGTH = 2
_GRAM = 4
_MAX_STEMS = 24
_MIN_STEM_SHARE = 0.6
# A question without any stem of a course is compared by meaning from this cosine on: the highest of
# twelve everyday questions with the shipped courses was 0.21.
_MIN_COSINE = 0.25
# Reciprocal rank fusion adds 1 / (_FUSION + place) of each ranking. Source: Cormack, Clarke,
# Buettcher (SIGIR 2009), who take 60, for rankings of a thousand.
_FUSION = 5
# Words of how one asks.
_ASKING_WORDS = """
почему отчего зачем как какой какая какие какое каком какую каких что чего чем кто кого где когда
сколько ли можно нужно надо если это то же мне мой из за над под при для про или но не ни бы так там
на по от до об со во ко тут есть быть будет бывает означает значит называют скажи объясните дайте
what how why which are is do does the an of to in it and when who my
"""
# Blocks only: inline Markdown is what takes time.
_PARSER = MarkdownIt("commonmark").enable("table").disable("inline")
_LEADING_CITATIONS = re.compile(r"\s*((?:\[\d{1,3}\][\s,;:]*)+)")
_CITATION = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A block of a material's text as a reader counts them, from 1: headings do not count."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Paragraphs of one section; `text` begins with its headings, the last one is `heading`."""

    text: str
    paragraphs: Sequence[Paragraph]
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A taught example, by its question, or a passage of a material, by its paragraphs.

    `number` is the citation number, from 1.
    """

    number: int
    text: str
    question: str = ""
    material: Material | None = None
    paragraphs: Sequence[Paragraph] = ()

    def cited_for(self, content: str) -> Source:
        """Return the source with only its paragraph that shares most words with `content`."""
        words = {
            word
            for word in split_words(fold(content))
            if len(word) >= _MIN_WORD_LENGTH or word.isdigit()
        }
        stems = set(map(stem, words))
        best = sorted(
            self.paragraphs,
            key=lambda each: -len(stems.intersection(_split_stems(each.text))),
        )
        return replace(self, paragraphs=best[:1])


class Passages:
    """A search index of one course's materials; thread-safe."""

    def __init__(self, materials: Sequence[tuple[Material, str]]) -> None:
        self._passages = [
            (material, passage)
            for material, content in materials
            for passage in split_passages(content)
        ]
        texts = [
            f"{material.name} {passage.text}" for material, passage in self._passages
        ]
        self._stems = set[str]().union(*map(_split_stems, texts))
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(
            "CREATE VIRTUAL TABLE passage USING fts5(words, tokenize=\"unicode61 tokenchars '_'\")"
        )
        rows = ((" ".join((*_split_stems(each), *_grams(each))),) for each in texts)
        self._db.executemany("INSERT INTO passage VALUES (?)", rows)

    @cached_property
    def _vectors(self) -> tuple[Floats, list[int]]:
        """Return the vectors of all paragraphs under their headings, and their passages' places."""
        pairs = [
            (f"{passage.heading}. {paragraph.text}", place)
            for place, (_, passage) in enumerate(self._passages)
            for paragraph in passage.paragraphs
        ]
        return encode_units([text for text, _ in pairs]), [place for _, place in pairs]

    def find_by_words(self, terms: Sequence[str]) -> list[int]:
        """Return the places of the passages with any of these terms, best first."""
        expression = " OR ".join(f'"{term}"' for term in terms)
        query = "SELECT rowid FROM passage WHERE passage MATCH ? ORDER BY rank, rowid"
        with self._lock:
            return [
                row - 1 for (row,) in self._db.execute(query, (expression,)).fetchall()
            ]

    def nearest(self, stems: Sequence[str]) -> tuple[Material, Passage] | None:
        """Return the passage nearest by words, None without any of the stems."""
        return next(
            (self._passages[place] for place in self.find_by_words(stems)), None
        )

    def search(self, question: str, example: str) -> list[tuple[Material, Passage]]:
        """Return the passages nearest to a question by words and meaning, best first.

        The words of `example`, the nearest taught one, count as well: it says in the subject's
        words what was asked.
        """
        stems = find_stems(question)
        if not self._passages:
            return []
        vectors, places = self._vectors
        cosines = vectors @ encode_units([question])[0]
        # Not `<`: an encoder of one's own may measure NaN, and every comparison with it is false.
        if not self._stems.intersection(stems) and not cosines.max() >= _MIN_COSINE:
            return []
        by_meaning = list(dict.fromkeys(places[row] for row in (-cosines).argsort()))
        by_words = self.find_by_words(
            [*stems, *_grams(" ".join(_asked_words(question)))]
        )
        by_example = self.find_by_words(find_stems(example)) if example else []
        fused = fuse(by_words, by_meaning, by_example)
        return [self._passages[place] for place in fused[:MAX_PASSAGES]]


def fuse(*rankings: Sequence[int]) -> list[int]:
    """Return the numbers of several rankings by reciprocal rank fusion, best first."""
    scores = defaultdict[int, float](float)
    for ranking in rankings:
        for place, number in enumerate(ranking, 1):
            scores[number] += 1 / (_FUSION + place)
    return sorted(scores, key=lambda number: -scores[number])


def encode_units(texts: Sequence[str]) -> Floats:
    """Return the vectors of texts, of length 1, in rows."""
    import numpy as np  # noqa: PLC0415 - only where answers are composed

    rows = np.array(encode([text[:MAX_CHARACTERS] for text in texts]), np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def split_passages(markdown: str) -> Iterator[Passage]:
    """Yield the passages of a Markdown text; short paragraphs of a section are joined."""
    headings: list[tuple[int, str]] = []
    joined: list[Paragraph] = []
    number = 0
    for level, block in _split_blocks(markdown):
        if joined and (
            level or len(_passage(headings, joined).text) + len(block) > MAX_CHARACTERS
        ):
            yield _passage(headings, joined)
            joined = []
        if level:
            headings = [each for each in headings if each[0] < level] + [(level, block)]
        else:
            number += 1
            joined.append(Paragraph(number, block))
    if joined:
        yield _passage(headings, joined)


def _split_blocks(markdown: str) -> Iterator[tuple[int, str]]:
    """Yield the outermost blocks of a Markdown text, each with its level as a heading, else 0."""
    lines = markdown.split("\n")
    for token in _PARSER.parse(markdown):
        if token.level == 0 and token.map and token.nesting >= 0 and token.type != "hr":
            first, end = token.map
            level = int(token.tag[1:]) if token.type == "heading_open" else 0
            yield level, "\n".join(lines[first:end]).strip()


def _passage(
    headings: Sequence[tuple[int, str]], paragraphs: Sequence[Paragraph]
) -> Passage:
    above = [heading for _, heading in headings]
    blocks = [*above, *(each.text for each in paragraphs)]
    heading = above[-1].strip("#= -\n") if above else ""
    return Passage("\n\n".join(blocks), tuple(paragraphs), heading)


# The passages of each dataset's course at one version of the catalogue.
PassageCache = VersionCache[dict[str, Passages]]


def _read_passages(db: Database, cache: PassageCache, dataset: str) -> Passages:
    """Return the passages of a dataset's course; none where it has no course."""
    catalogue = Catalogue(db)
    passages: dict[str, Passages] = cache.read(catalogue.version(), dict)
    if dataset not in passages:
        materials = (each for each in catalogue.materials(dataset) if each.has_text)
        texts = ((each, catalogue.text(dataset, each.text)) for each in materials)
        passages[dataset] = Passages(
            [(each, content) for each, content in texts if content]
        )
    return passages[dataset]


@cache
def _asking_stems() -> frozenset[str]:
    """Return the stems of `_ASKING_WORDS`; the first call loads the stemmers, 5 MB."""
    return frozenset(map(stem, _ASKING_WORDS.split()))


def _asked_words(content: str) -> list[str]:
    words = (
        word for word in split_words(fold(content)) if len(word) >= _MIN_WORD_LENGTH
    )
    return [word for word in dict.fromkeys(words) if stem(word) not in _asking_stems()][
        :_MAX_WORDS
    ]


def find_stems(content: str) -> list[str]:
    """Return the first stems of a text that do not only say how it asks."""
    return list(dict.fromkeys(map(stem, _asked_words(content))))


def _grams(content: str) -> Iterator[str]:
    """Yield the runs of letters of each word, which other forms and compounds share."""
    for word in split_words(fold(content)):
        marked = f"_{word}_"
        for start in range(len(marked) - _GRAM + 1):
            yield marked[start : start + _GRAM]


def _split_stems(content: str) -> list[str]:
    return list(map(stem, split_words(fold(content))))


def find_passage(
    db: Database, cache: PassageCache, dataset: str, question: str
) -> Source | None:
    """Return the nearest course passage, None if it has too few of the question's stems.

    With `_MIN_STEM_SHARE` nearly all passages found for the shipped examples were right.
    """
    stems = find_stems(question)[:_MAX_STEMS]
    found = _read_passages(db, cache, dataset).nearest(stems) if stems else None
    if found is None:
        return None
    material, passage = found
    passage_stems = _split_stems(passage.text)
    if sum(word_stem in passage_stems for word_stem in stems) < _MIN_STEM_SHARE * len(
        stems
    ):
        return None
    source = Source(1, passage.text, material=material, paragraphs=passage.paragraphs)
    return source.cited_for(question)


def find_sources(
    db: Database, cache: PassageCache, dataset: str, question: str
) -> list[Source]:
    """Return the sources for a question, the nearest examples before the nearest passages."""
    stems = find_stems(question)
    if not stems:
        return []
    examples = ExampleEntries(db).nearest(dataset, stems, _COMPARED)
    asked = [find_first(messages, "user") for messages in examples]
    by_meaning: list[int] = []
    if asked:
        cosines = encode_units(asked) @ encode_units([question])[0]
        by_meaning = (-cosines).argsort().tolist()
    sources: list[Source] = []
    for place in fuse(range(len(asked)), by_meaning)[:MAX_EXAMPLES]:
        excerpt = f"{asked[place]}\n{examples[place][-1].content}"[:MAX_CHARACTERS]
        sources.append(Source(len(sources) + 1, excerpt, question=asked[place]))
    nearest = sources[0].text if sources else ""
    for material, passage in _read_passages(db, cache, dataset).search(
        question, nearest
    ):
        found = Source(
            len(sources) + 1, passage.text[:MAX_CHARACTERS], material=material
        )
        sources.append(replace(found, paragraphs=passage.paragraphs))
    return sources


def grounding_prompt(sources: Sequence[Source], language: str) -> Message:
    """Return the system message of the composing model: the rules, then the numbered sources."""
    numbered = "\n\n".join(f"[{source.number}] {source.text}" for source in sources)
    return Message("system", f"{text(language, 'grounding-prompt')}\n\n{numbered}")


def read_citations(answer: str, sources: Sequence[Source]) -> tuple[list[Source], str]:
    """Return the sources that an answer cites, and the answer without its leading numbers.

    The list is empty if the answer cites no existing source, or states by [0] that they do not
    contain it. If there are no leading numbers, citations within the text count. Of a passage the
    paragraph is named that shares most words with the answer.
    """
    head = _LEADING_CITATIONS.match(answer)
    body = answer[head.end() :] if head else answer
    numbers = {int(number) for number in _CITATION.findall(head[1] if head else answer)}
    if 0 in numbers:
        return [], body.strip()
    cited = [source.cited_for(body) for source in sources if source.number in numbers]
    return cited, body.strip()


def are_citations_complete(answer: str) -> bool:
    """Return whether the leading citations of a streamed answer are complete."""
    head = _LEADING_CITATIONS.match(answer)
    return head is not None and head.end() < len(answer)


def source_name(source: Source, language: str) -> str:
    """Return the display name of a source."""
    if source.material is None:
        return text(language, "grounding-example", question=source.question)
    paragraph = source.paragraphs[0].number
    title_values = {"title": source.material.title(language), "paragraph": paragraph}
    lesson_values = {"kind": source.material.kind, "lesson": source.material.lesson}
    return text(language, "grounding-passage", **title_values, **lesson_values)


def sources_note(sources: Sequence[Source], language: str) -> str:
    """Return the line under a composed answer."""
    names = "; ".join(source_name(source, language) for source in sources)
    return text(language, "grounding-note", sources=names)
