"""Plan an import: find the new examples among the lines and check them as a commit would be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from merlin.core.errors import Refused
from merlin.dataset.changes import MAX_BATCH_SIZE, Edit
from merlin.dataset.commit_message import Subject, import_subject
from merlin.dataset.entries import FileText
from merlin.dataset.example import Example, normalise, write_example
from merlin.dataset.finding import Finding, Severity, escape_unprintable, shorten
from merlin.dataset.import_lines import ImportedLine, locate
from merlin.dataset.layout import EXAMPLES, NameAllocator, example_path
from merlin.dataset.preview import EditChecker, Preview, check_files


class Place(NamedTuple):
    """A line and column of a file, counted from 1; a JSON list may be a single line."""

    file: str
    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The result of planning an import.

    `lines` is the number of lines, `unread` how many of them are not an example; `edits` add the
    new examples. `duplicates` counts the lines with the content of an example or an earlier line.
    `findings` refer to lines of the imported files, in file order. `preview` is the dataset with
    the edits applied; its findings are those that the edits cause.
    """

    dataset: str
    lines: int
    unread: int
    edits: tuple[Edit, ...]
    duplicates: int
    findings: tuple[Finding, ...]
    preview: Preview

    @property
    def good_edits(self) -> list[Edit]:
        """Return the edits without an error."""
        findings = self.preview.findings
        bad = {finding.path for finding in findings if finding.severity is Severity.ERROR}
        return [edit for edit in self.edits if edit.path not in bad]

    @property
    def rejected(self) -> int:
        """Return the number of lines with errors."""
        return self.unread + len(self.edits) - len(self.good_edits)

    @property
    def subject(self) -> Subject:
        """Return the subject of the commit with the good edits."""
        return import_subject(len(self.good_edits), self.dataset)


def strip_system(example: Example, system: str) -> Example:
    """Return the example without its system text if that equals the dataset's."""
    first = example.messages[0]
    if first.role == "system" and not first.extra and normalise(first.content) == normalise(system):
        return replace(example, messages=example.messages[1:])
    return example


@dataclass(slots=True)
class _LineCollector:
    """Collects the lines of an import: new examples as files, duplicates, findings.

    `known` are the digests of the contents so far. `texts` are those of new examples, by
    path, `places` where they come from. `left` are the lines from which each key
    of a file was left out: the first, and how many.
    """

    system: str
    names: NameAllocator
    known: set[bytes]
    lines: int = 0
    unread: int = 0
    duplicates: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    left: dict[tuple[str, str], tuple[ImportedLine, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)

    def add(self, line: ImportedLine) -> None:
        """Add one line. Raises Refused if there are too many for one commit."""
        self.lines += 1
        self.files.setdefault(escape_unprintable(line.file), len(self.files))
        self.findings += line.findings
        for key in line.left:
            first, count = self.left.get((line.file, key), (line, 0))
            self.left[line.file, key] = first, count + 1
        if line.example is None:
            self.unread += 1
        else:
            self._add_example(line, strip_system(line.example, self.system))
        if max(len(self.texts), len(self.findings)) > MAX_BATCH_SIZE:
            raise Refused("too much at once", "import-too-much", limit=MAX_BATCH_SIZE)

    def _add_example(self, line: ImportedLine, example: Example) -> None:
        if example.content_digest in self.known:
            self.duplicates += 1
            return
        self.known.add(example.content_digest)
        path = example_path(self.names.allocate(example.question))
        self.texts[path] = write_example(example)
        self.places[path] = Place(line.file, line.line, line.column)

    def list_left(self) -> Iterator[Finding]:
        """Yield what was left out, of how many records, at the first of them."""
        for (file, key), (line, count) in self.left.items():
            values: dict[str, str | int] = {"keys": shorten(key), "count": count}
            place = (line.line, line.column, "import-left-keys", Severity.WARNING)
            yield Finding("", *place, values).at(file)

    def at_line(self, finding: Finding) -> Finding:
        """Return a finding about a new example's file at the line that the example came from.

        Another new example that it names is named by its line too: its file does not exist yet.
        """
        place, arguments = self.places[finding.path], finding.arguments
        if other := self.places.get(str(arguments.get("other"))):
            arguments = {**arguments, "other": escape_unprintable(":".join(map(str, other)))}
        content = self.texts[finding.path].encode()
        moved = locate(replace(finding, arguments=arguments), content, place.line, place.column)
        return moved.at(place.file)

    def order(self, finding: Finding) -> tuple[int, int, int]:
        """Return the sort key of a finding: files in their given order, then the position."""
        return self.files[finding.path], finding.line, finding.column


def plan_import(
    dataset: str,
    files: Sequence[FileText],
    lines: Iterable[ImportedLine],
    limit_tokens: Mapping[str, int] | None = None,
    checker: EditChecker | None = None,
) -> ImportPlan:
    """Return the plan for lines from `read_import_lines`.

    Lines that equal an example of the dataset or an earlier line are duplicates. Raises Refused if
    there are more new examples, or more findings, than fit into one commit.
    """
    checker = checker or EditChecker()
    taken = [file.example_id for file in files if file.path.startswith(EXAMPLES)]
    current = check_files(dataset, files, limit_tokens)
    system = current.spec.system if current.spec else ""
    known = {strip_system(example, system).content_digest for example in current.examples}
    collector = _LineCollector(system, NameAllocator(taken), known)
    for line in lines:
        collector.add(line)
    preview = checker.preview(dataset, files, collector.texts, limit_tokens)
    off = current.spec.rules_off if current.spec else {}
    found = (*collector.findings, *collector.list_left())
    findings = [finding for finding in found if finding.rule not in off]
    findings += [collector.at_line(finding) for finding in preview.findings]
    return ImportPlan(
        dataset=dataset,
        lines=collector.lines,
        unread=collector.unread,
        edits=tuple(Edit(path, None, text) for path, text in collector.texts.items()),
        duplicates=collector.duplicates,
        findings=tuple(sorted(findings, key=collector.order)),
        preview=preview,
    )
