"""Grounding: an answer composed from what a dataset teaches, and its sources by name.

If the model of a dataset does not know an answer, another model can compose it from sources: the
taught examples and course passages nearest to the question, by words and by meaning
(`merlin.db.search_index`). The answer starts with the numbers of the sources it used, or states
that they do not contain it; an answer without citations is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.core.vocabulary import fold, list_subject_stems, split_words, stem
from merlin.course.catalogue import Catalogue, Material
from merlin.dataset.entries import ExampleEntries
from merlin.dataset.example import find_first
from merlin.dataset.passages import MAX_CHARACTERS, Paragraph, Passage, split_passages
from merlin.db.database import Database
from merlin.db.search_index import Kind, Scope, SearchIndex

MAX_EXAMPLES = 8
MAX_PASSAGES = 4
_MIN_WORD_LENGTH = 2
_MAX_STEMS = 24
_MIN_STEM_SHARE = 0.6
_LEADING_CITATIONS = re.compile(r"\s*((?:\[\d{1,3}\][\s,;:]*)+)")
_CITATION = re.compile(r"\[(\d{1,3})\]")
_BEGUN_CITATION = re.compile(r"\[\d{0,3}\Z")


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


def _read_passages(
    db: Database, dataset: str, numbers: Sequence[int]
) -> list[tuple[Material, Passage]]:
    """Return those of these passages whose material the course lists, in their order."""
    catalogue = Catalogue(db)
    materials = {each.text: each for each in catalogue.materials(dataset) if each.text}
    passages: dict[str, list[Passage]] = {}
    found = []
    for path, place in SearchIndex(db).find_places(numbers):
        if path in materials and path not in passages:
            passages[path] = [*split_passages(catalogue.text(dataset, path) or "")]
        if place < len(passages.get(path, ())):
            found.append((materials[path], passages[path][place]))
    return found


def _split_stems(content: str) -> list[str]:
    return list(map(stem, split_words(fold(content))))


def find_passage(db: Database, dataset: str, question: str) -> Source | None:
    """Return the nearest course passage, None if it has too few of the question's stems.

    With `_MIN_STEM_SHARE` nearly all passages found for the shipped examples were right.
    """
    stems = list_subject_stems(question)[:_MAX_STEMS]
    numbers = SearchIndex(db).rank_by_words(_passages_of(dataset), stems)
    found = next(iter(_read_passages(db, dataset, numbers)), None)
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


def find_sources(db: Database, dataset: str, question: str) -> list[Source]:
    """Return the sources for a question, the nearest examples before the nearest passages."""
    numbers = SearchIndex(db).rank(Scope((Kind.EXAMPLE,), dataset), question)
    trained = ExampleEntries(db).read_trained(dataset, numbers)
    sources: list[Source] = []
    for messages in [*trained.values()][:MAX_EXAMPLES]:
        asked = find_first(messages, "user")
        excerpt = f"{asked}\n{messages[-1].content}"[:MAX_CHARACTERS]
        sources.append(Source(len(sources) + 1, excerpt, question=asked))
    # The nearest example says in the subject's words what was asked.
    example = sources[0].text if sources else ""
    numbers = SearchIndex(db).rank(_passages_of(dataset), question, example)
    for material, passage in _read_passages(db, dataset, numbers)[:MAX_PASSAGES]:
        found = Source(
            len(sources) + 1, passage.text[:MAX_CHARACTERS], material=material
        )
        sources.append(replace(found, paragraphs=passage.paragraphs))
    return sources


def _passages_of(dataset: str) -> Scope:
    return Scope((Kind.PASSAGE,), dataset)


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
    if head is None or head.end() == len(answer):
        return False
    return not _BEGUN_CITATION.match(answer, head.end())


def source_name(source: Source, language: str) -> str:
    """Return the display name of a source."""
    if source.material is None:
        return text(language, "grounding-example", question=source.question)
    paragraph = source.paragraphs[0]
    place = {"page": paragraph.page, "paragraph": paragraph.number}
    title_values = {"title": source.material.title(language), **place}
    lesson_values = {"kind": source.material.kind, "lesson": source.material.lesson}
    return text(language, "grounding-passage", **title_values, **lesson_values)


def sources_note(sources: Sequence[Source], language: str) -> str:
    """Return the line under a composed answer."""
    names = "; ".join(source_name(source, language) for source in sources)
    return text(language, "grounding-note", sources=names)
