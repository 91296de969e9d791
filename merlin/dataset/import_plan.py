"""What importing would do: which lines say something new, judged by the real checker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from merlin.core.errors import Refused
from merlin.dataset.changes import MAX_BATCH_SIZE, Edit
from merlin.dataset.commit_message import import_subject
from merlin.dataset.example import Example, detect_language, normalise, write_example
from merlin.dataset.files import FileText
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.import_lines import ImportedLine
from merlin.dataset.layout import EXAMPLES, NameAllocator, example_path
from merlin.dataset.preview import EditChecker, Preview, check_files


class Place(NamedTuple):
    """A line and column of a file, counted from 1: a list may stand in one line."""

    file: str
    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What importing would do.

    `lines` is how many there were, `unread` how many of them are no example; `edits` add those
    that say something new. `duplicates`: a line, and the path or the line that says the same.
    `findings` stand at lines of the files, in their order. `seen` is what the dataset would be
    with the edits, without what it knows already.
    """

    dataset: str
    lines: int
    unread: int
    edits: tuple[Edit, ...]
    duplicates: tuple[tuple[Place, str | Place], ...]
    findings: tuple[Finding, ...]
    seen: Preview

    @property
    def good_edits(self) -> list[Edit]:
        """Return the edits without an error."""
        bad = {finding.path for finding in self.seen.findings if finding.severity is Severity.ERROR}
        return [edit for edit in self.edits if escape_unprintable(edit.path) not in bad]

    @property
    def rejected(self) -> int:
        """Return how many lines have errors."""
        return self.unread + len(self.edits) - len(self.good_edits)

    @property
    def subject(self) -> str:
        """Return the first line of the commit of the good edits."""
        return import_subject(len(self.good_edits), self.dataset)

    def count_tags(self) -> dict[str, int]:
        """Return how many good new examples have each tag, the most frequent first; "": none."""
        counter = Counter(tag for each in self._good() for tag in each.tags or ("",))
        return dict(sorted(counter.items(), key=lambda each: (-each[1], each[0])))

    def count_languages(self) -> dict[str, int]:
        """Return how many good new examples ask in each language: ru, en, "" for neither."""
        counter = Counter(detect_language(each.question, 1) for each in self._good())
        return dict(sorted(counter.items(), key=lambda each: (-each[1], each[0])))

    def _good(self) -> list[Example]:
        good = self.seen.good
        return [good[good_edit.path] for good_edit in self.good_edits if good_edit.path in good]


def without_system(example: Example, system: str) -> Example:
    """Return the example without a system text that is the dataset's own."""
    first = example.messages[0]
    if first.role == "system" and not first.extra and normalise(first.content) == normalise(system):
        return replace(example, messages=example.messages[1:])
    return example


@dataclass(slots=True)
class _LineCollector:
    """What the lines said so far: new examples as files, what is known, what is wrong.

    `known`: content to the path or the line that says it. Only what is new keeps its words.
    """

    system: str
    names: NameAllocator
    known: dict[bytes, str | Place]
    lines: int = 0
    unread: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    duplicates: list[tuple[Place, str | Place]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)

    def add(self, each: ImportedLine) -> None:
        """Take one line. Raises Refused when there is too much for one commit."""
        self.lines += 1
        self.files.setdefault(escape_unprintable(each.file), len(self.files))
        self.findings += each.findings
        if each.example is None:
            self.unread += 1
        else:
            self._add_example(Place(each.file, each.line, each.column), each.example)
        if max(len(self.texts), len(self.findings)) > MAX_BATCH_SIZE:
            raise Refused("too much at once", "import-too-much", limit=MAX_BATCH_SIZE)

    def _add_example(self, place: Place, example: Example) -> None:
        example = without_system(example, self.system)
        other = self.known.setdefault(example.facts.content, place)
        if other is not place:
            self.duplicates.append((place, other))
            return
        path = example_path(self.names.new(example.question))
        self.texts[path] = write_example(example)
        self.places[escape_unprintable(path)] = place

    def at_line(self, finding: Finding) -> Finding:
        """Return what was found in a new example's file, at the line that it came from."""
        place = self.places[finding.path]
        return replace(finding, line=place.line, column=place.column).at(place.file)

    def order(self, finding: Finding) -> tuple[int, int, int]:
        """Return what findings are ordered by: the files as they came, then lines."""
        return self.files[finding.path], finding.line, finding.column


def plan_import(
    dataset: str,
    files: Sequence[FileText],
    lines: Iterable[ImportedLine],
    limit_tokens: Mapping[str, int] | None = None,
    checker: EditChecker | None = None,
) -> ImportPlan:
    """Return the plan for lines that `read_import_lines` yields, judged by the real checker.

    What the dataset says already is no part of it, nor what an earlier line says. Raises Refused
    when more would be new, or wrong, than one commit takes.
    """
    checker = checker or EditChecker()
    taken = [file.example_id for file in files if file.path.startswith(EXAMPLES)]
    there = check_files(dataset, files, limit_tokens)
    system = there.spec.system if there.spec else ""
    known: dict[bytes, str | Place] = {}
    for each in (*there.examples, *there.duplicates):
        known.setdefault(without_system(each, system).facts.content, each.path)
    collector = _LineCollector(system, NameAllocator(taken), known)
    for line in lines:
        collector.add(line)
    seen = checker.preview(dataset, files, collector.texts, limit_tokens)
    off = there.spec.rules_off if there.spec else {}
    findings = (finding for finding in collector.findings if finding.rule not in off)
    found = [*findings, *(collector.at_line(finding) for finding in seen.findings)]
    return ImportPlan(
        dataset=dataset,
        lines=collector.lines,
        unread=collector.unread,
        edits=tuple(Edit(path, None, text) for path, text in collector.texts.items()),
        duplicates=tuple(collector.duplicates),
        findings=tuple(sorted(found, key=collector.order)),
        seen=seen,
    )
