"""Grounding: an answer composed from what a dataset teaches, and its sources by name.

If the model of a dataset does not know an answer, another model can compose it from sources: the
taught examples and course passages that best match the question (BM25, by SQLite's FTS5 or
PostgreSQL's text search). The answer starts with the numbers of the sources it used, or states that
they do not contain it; an answer without citations is not shown.
"""

import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt

from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.core.vocabulary import fold, index_words, split_words, stem
from merlin.course.catalogue import Catalogue, Material
from merlin.course.search import VersionCache
from merlin.dataset.entries import ExampleEntries
from merlin.dataset.example import find_first
from merlin.db.database import Database

MAX_EXAMPLES, MAX_PASSAGES = 8, 4
# Characters of each source in the prompt.
MAX_CHARACTERS = 1_000
_MIN_PASSAGE_LENGTH, _MAX_STEMS, _MIN_WORD_LENGTH = 200, 24, 3
_MIN_STEM_SHARE = 0.6
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
    """Paragraphs of one section; `text` begins with its headings."""

    text: str
    paragraphs: Sequence[Paragraph]


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

    def cited_for(self, content: str) -> "Source":
        """Return the source with only its paragraph that shares most words with `content`."""
        words = {
            word
            for word in split_words(fold(content))
            if len(word) >= _MIN_WORD_LENGTH or word.isdigit()
        }
        stems = set(map(stem, words))
        best = sorted(self.paragraphs, key=lambda each: -len(stems & _all_stems(each.text)))
        return replace(self, paragraphs=best[:1])


class Passages:
    """A search index of one course's materials; thread-safe."""

    def __init__(self, materials: Sequence[tuple[Material, str]]) -> None:
        self._passages = [
            (material, passage)
            for material, content in materials
            for passage in split_passages(content)
        ]
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute("CREATE VIRTUAL TABLE passage USING fts5(words)")
        rows = ((index_words(f"{material.name} {each.text}"),) for material, each in self._passages)
        self._db.executemany("INSERT INTO passage VALUES (?)", rows)

    def nearest(self, stems: Sequence[str], limit: int) -> list[tuple[Material, Passage]]:
        """Return the nearest passages with their materials, best first."""
        expression = " OR ".join(f'"{word_stem}"' for word_stem in stems)
        query = "SELECT rowid FROM passage WHERE passage MATCH ? ORDER BY rank, rowid LIMIT ?"
        with self._lock:
            matches = self._db.execute(query, (expression, limit)).fetchall()
        return [self._passages[row - 1] for (row,) in matches]


def split_passages(markdown: str) -> Iterator[Passage]:
    """Yield the passages of a Markdown text; short paragraphs of a section are joined."""
    headings: list[str] = []
    joined: list[Paragraph] = []
    number = 0
    for is_heading, block in _split_blocks(markdown):
        if joined and (is_heading or _length(joined) >= _MIN_PASSAGE_LENGTH):
            yield _passage(headings, joined)
            headings, joined = [], []
        if is_heading:
            headings.append(block)
        else:
            number += 1
            joined.append(Paragraph(number, block))
    if joined:
        yield _passage(headings, joined)


def _split_blocks(markdown: str) -> Iterator[tuple[bool, str]]:
    """Yield the outermost blocks of a Markdown text, and whether they are headings."""
    lines = markdown.split("\n")
    for token in _PARSER.parse(markdown):
        if token.level == 0 and token.map and token.nesting >= 0 and token.type != "hr":
            first, end = token.map
            yield token.type == "heading_open", "\n".join(lines[first:end]).strip()


def _length(paragraphs: Sequence[Paragraph]) -> int:
    return sum(len(each.text) for each in paragraphs)


def _passage(headings: Sequence[str], paragraphs: Sequence[Paragraph]) -> Passage:
    blocks = [*headings, *(each.text for each in paragraphs)]
    return Passage("\n\n".join(blocks), tuple(paragraphs))


# The passages of each dataset's course at one version of the catalogue.
PassageCache = VersionCache[dict[str, Passages]]


def _read_passages(db: Database, cache: PassageCache, dataset: str) -> Passages:
    """Return the passages of a dataset's course; none where it has no course."""
    catalogue = Catalogue(db)
    passages: dict[str, Passages] = cache.read(catalogue.version(), dict)
    if dataset not in passages:
        materials = (each for each in catalogue.materials(dataset) if each.has_text)
        texts = ((each, catalogue.text(dataset, each.text)) for each in materials)
        passages[dataset] = Passages([(each, content) for each, content in texts if content])
    return passages[dataset]


def _stems(content: str) -> list[str]:
    long_enough = (word for word in split_words(fold(content)) if len(word) >= _MIN_WORD_LENGTH)
    return list(dict.fromkeys(map(stem, long_enough)))[:_MAX_STEMS]


def _all_stems(content: str) -> set[str]:
    return set(map(stem, split_words(fold(content))))


def find_passage(db: Database, cache: PassageCache, dataset: str, question: str) -> Source | None:
    """Return the nearest course passage, None if it has too few of the question's stems.

    With `_MIN_STEM_SHARE` nearly all passages found for the shipped examples were right.
    """
    stems = _stems(question)
    if not stems:
        return None
    for material, passage in _read_passages(db, cache, dataset).nearest(stems, 1):
        passage_stems = _all_stems(passage.text)
        if sum(word_stem in passage_stems for word_stem in stems) >= _MIN_STEM_SHARE * len(stems):
            source = Source(1, passage.text, material=material, paragraphs=passage.paragraphs)
            return source.cited_for(question)
    return None


def find_sources(db: Database, cache: PassageCache, dataset: str, question: str) -> list[Source]:
    """Return the sources for a question, the nearest examples before the nearest passages."""
    stems = _stems(question)
    if not stems:
        return []
    sources: list[Source] = []
    for messages in ExampleEntries(db).nearest(dataset, stems, MAX_EXAMPLES):
        question = find_first(messages, "user")
        excerpt = f"{question}\n{messages[-1].content}"[:MAX_CHARACTERS]
        sources.append(Source(len(sources) + 1, excerpt, question=question))
    for material, passage in _read_passages(db, cache, dataset).nearest(stems, MAX_PASSAGES):
        found = Source(len(sources) + 1, passage.text[:MAX_CHARACTERS], material=material)
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
