"""Plan an import: find the new examples among the lines and check them as a commit would be.

A record whose id is known is the example that it became: another answer changes that file. Known
examples whose record is gone are offered as removals.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from merlin.core.errors import Refused
from merlin.core.table_cells import plain_name
from merlin.dataset.changes import MAX_BATCH_SIZE, Edit
from merlin.dataset.check import CheckedDataset
from merlin.dataset.commit_message import Subject, import_subject
from merlin.dataset.entries import FileText
from merlin.dataset.example import Example, normalise
from merlin.dataset.example_file import write_example
from merlin.dataset.example_rewording import rewrite_example
from merlin.dataset.finding import Finding, Severity, escape_unprintable, shorten
from merlin.dataset.import_fields import (
    NO_CHOICES,
    FieldChoices,
    FieldQuestion,
    describe_choices,
    list_questions,
)
from merlin.dataset.import_known import (
    ID_FIELDS,
    KnownExample,
    KnownExamples,
    Origin,
    digest_parts,
    list_parts,
    mark_origin,
    merge_record,
)
from merlin.dataset.import_lines import ImportedLine, locate
from merlin.dataset.import_memory import remember
from merlin.dataset.layout import EXAMPLES, NameAllocator, example_path
from merlin.dataset.preview import EditChecker, Preview


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The result of planning an import.

    `lines` is the number of lines, `unread` how many of them are not an example; `edits` add the
    new examples and change known ones, `held` lines would change one that an editor has changed.
    `findings` refer to lines of the imported files, in file order. `preview` is the
    dataset with the edits applied; its findings are those that the edits cause. `questions` are the
    fields of which a person has yet to say what they mean; `excluded` records have another value
    than those that a person takes. `gone` removes the examples whose records are gone,
    `removes_gone`: a person wants that. `memory` stores the `choices`, `decided` are their fields
    with the values that they have. `earlier` are the texts of the dataset's files.
    """

    dataset: str
    lines: int
    unread: int
    edits: tuple[Edit, ...]
    findings: tuple[Finding, ...]
    preview: Preview
    questions: tuple[FieldQuestion, ...] = ()
    excluded: int = 0
    held: int = 0
    gone: tuple[Edit, ...] = ()
    removes_gone: bool = False
    memory: tuple[Edit, ...] = ()
    choices: FieldChoices = NO_CHOICES
    decided: tuple[FieldQuestion, ...] = ()
    earlier: Mapping[str, str] = field(default_factory=dict)

    @property
    def good_edits(self) -> list[Edit]:
        """Return the edits without an error; none as long as something is to be asked."""
        return [] if self.questions else self.proposed_edits

    @property
    def proposed_edits(self) -> list[Edit]:
        """Return the edits without an error, as they are if no field means anything."""
        findings = self.preview.findings
        bad = {
            finding.path for finding in findings if finding.severity is Severity.ERROR
        }
        return [edit for edit in self.edits if edit.path not in bad]

    @property
    def committed(self) -> list[Edit]:
        """Return all that one commit has; none if no example is new, changed or removed."""
        removed = self.gone if self.removes_gone and not self.questions else ()
        edits = [*self.good_edits, *removed]
        return [*edits, *self.memory] if edits else []

    @property
    def counts(self) -> dict[str, int]:
        """Return how many examples are new, changed, unchanged and gone."""
        new = sum(edit.before is None for edit in self.good_edits)
        return {
            "new": new,
            "changed": len(self.good_edits) - new,
            "unchanged": self.duplicates,
            "gone": len(self.gone),
        }

    @property
    def rejected(self) -> int:
        """Return the number of lines with errors."""
        return self.unread + len(self.edits) - len(self.good_edits)

    @property
    def duplicates(self) -> int:
        """Return the number of lines that say what an example or an earlier line says."""
        return self.lines - self.unread - len(self.edits) - self.held

    @property
    def subject(self) -> Subject:
        """Return the subject of the commit."""
        counts = self.counts
        return import_subject(
            counts["new"],
            self.dataset,
            counts["changed"],
            counts["gone"] if self.removes_gone else 0,
            self.choices.name if self.memory else "",
        )


def strip_system(example: Example, system: str) -> Example:
    """Return the example without its system text if that equals the dataset's."""
    first = example.messages[0]
    if (
        first.role == "system"
        and not first.extra
        and normalise(first.content) == normalise(system)
    ):
        return replace(example, messages=example.messages[1:])
    return example


def plan_import(
    dataset: str,
    files: Sequence[FileText],
    lines: Iterable[ImportedLine],
    limit_tokens: Mapping[str, int] | None = None,
    checker: EditChecker | None = None,
    choices: FieldChoices = NO_CHOICES,
    most: int = MAX_BATCH_SIZE,
    *,
    removes_gone: bool = False,
) -> ImportPlan:
    """Return the plan for lines from `read_import_files`, which was given the same `choices`.

    Lines that equal an example of the dataset or an earlier line are duplicates. Raises Refused if
    there are more new examples, or more findings, than `most`, which fit into one commit, and for
    records with the same id.
    """
    lines = [*lines]
    checker = checker or EditChecker()
    current = checker.check(dataset, files, limit_tokens)
    drafts = _Drafts(files, current, choices)
    ids, are_others = drafts.known.list_ids(lines, choices)
    excluded = Counter[str]()
    for line, record_id in zip(lines, ids, strict=True):
        if not choices.takes(line.fields):
            excluded[line.file] += 1
            continue
        drafts.add(line, record_id)
        if max(len(drafts.texts), len(drafts.found)) > most:
            raise Refused("too much at once", "import-too-much", limit=most)
    gone = drafts.list_gone(lines) if all(ids) else []
    if are_others:
        drafts.hold("others", lines[0])
    removed = dict.fromkeys((each.path for each in gone if removes_gone), None)
    preview = checker.preview(dataset, files, drafts.texts | removed, limit_tokens)
    records = [(line.file, line.fields) for line in drafts.read if line.example]
    questions = [*list_questions(records, choices)]
    findings = [
        *drafts.list_findings(questions, preview, has_ids=any(ids)),
        *_list_excluded(excluded),
        *map(_ask, questions),
    ]
    return ImportPlan(
        dataset=dataset,
        questions=tuple(questions),
        excluded=excluded.total(),
        lines=len(drafts.read),
        unread=sum(line.example is None for line in drafts.read),
        edits=tuple(
            Edit(path, drafts.blobs.get(path), text)
            for path, text in drafts.texts.items()
        ),
        findings=_in_file_order(findings, dict.fromkeys(line.file for line in lines)),
        preview=preview,
        held=drafts.held,
        gone=tuple(gone),
        removes_gone=removes_gone,
        memory=tuple(remember(files, lines, choices)),
        choices=choices,
        decided=tuple(describe_choices((line.fields for line in lines), choices)),
        earlier={file.path: file.text or "" for file in files},
    )


class _Drafts:
    """The files that an import writes, by path, with the lines that they come from."""

    def __init__(
        self,
        files: Sequence[FileText],
        current: CheckedDataset,
        choices: FieldChoices,
    ) -> None:
        self.texts: dict[str, str | None] = {}
        self.sources: dict[str, ImportedLine] = {}
        self.blobs: dict[str, str] = {}
        self.read: list[ImportedLine] = []
        self.found: list[Finding] = []
        self.held = 0
        self.known = KnownExamples(files, current, choices.name)
        self._choices = choices
        self._system = current.system
        self._off = current.rules_off
        self._seen = set[str]()
        self._names = NameAllocator(
            file.example_id for file in files if file.path.startswith(EXAMPLES)
        )
        self._contents = {
            strip_system(example, current.system).content_digest
            for example in current.examples
        }

    def add(self, line: ImportedLine, record_id: str) -> None:
        """Add a record, whose id is "" without one. Raises Refused for an id that was there."""
        self.read.append(line)
        self.found += line.findings
        known = self.known.find(record_id)
        if known:
            if known.file.path in self._seen:
                raise Refused("same id", "import-same-id", id=shorten(record_id))
            self._seen.add(known.file.path)
        if line.example is None:
            return
        example = strip_system(line.example, self._system)
        if known:
            self._change(known, example, line, record_id)
        elif example.content_digest not in self._contents:
            if record_id and self._choices.name:
                digest = digest_parts(example, list_parts(line, self._choices))
                origin = Origin(self._choices.name, record_id, digest)
                example = mark_origin(example, origin)
            path = example_path(self._names.allocate(example.question))
            self._write(path, write_example(example), example, line)

    def _change(
        self, known: KnownExample, given: Example, line: ImportedLine, record_id: str
    ) -> None:
        """Change an example as its record says, unless an editor and the source both have."""
        parts = list_parts(line, self._choices)
        wanted = merge_record(known.example, given, parts)
        if wanted == known.example:
            return
        if line.revision not in ("", known.file.blob):
            self.held += 1
            self.hold("edited", line, known)
            return
        is_imported = self.known.imported.get(record_id) is known
        if known.origin and is_imported:
            digest = digest_parts(given, parts)
            if digest == known.origin.digest:
                return
            if known.is_edited(parts):
                self.held += 1
                self.hold("edited", line, known)
                return
            wanted = mark_origin(wanted, known.origin._replace(digest=digest))
        self.blobs[known.file.path] = known.file.blob
        text = rewrite_example(known.file.text, wanted)
        self._write(known.file.path, text, wanted, line)

    def _write(
        self, path: str, text: str, example: Example, line: ImportedLine
    ) -> None:
        self.texts[path] = text
        self.sources[path] = line
        self._contents.add(strip_system(example, self._system).content_digest)

    def list_gone(self, lines: Sequence[ImportedLine]) -> list[Edit]:
        """Return the edits that remove examples whose records are gone; of an edited one, none."""
        gone = []
        for known in self.known.imported.values():
            if known.file.path in self._seen:
                continue
            if known.is_edited(list_parts(lines[0], self._choices)):
                self.hold("gone", lines[0], known)
            else:
                gone.append(Edit(known.file.path, known.file.blob, None))
        return gone

    def list_findings(
        self, questions: Iterable[FieldQuestion], preview: Preview, *, has_ids: bool
    ) -> list[Finding]:
        """Return what was found in the lines, and in the files that they become."""
        choices = self._choices
        meant = [*(question.name for question in questions), *choices.only]
        if choices.name and has_ids:  # then they are not left out
            meant += [*ID_FIELDS, choices.parts.get("id", "")]
        found = (*self.found, *_list_left(self.read, meant))
        return [
            *(each for each in found if each.rule not in self._off),
            *(
                _locate_finding(each, self.texts, self.sources)
                for each in preview.findings
                if each.path in self.sources
            ),
        ]

    def hold(
        self, kind: str, line: ImportedLine, known: KnownExample | None = None
    ) -> None:
        """Add the finding that says why a record, or all, do not change what is known."""
        example = known.file.path if known else ""
        values: dict[str, str | int] = {"kind": kind, "example": shorten(example)}
        self.found.append(
            Finding(
                "", line.line, line.column, "import-held", Severity.WARNING, values
            ).at(line.file)
        )


def _list_excluded(excluded: Mapping[str, int]) -> Iterator[Finding]:
    for file, count in excluded.items():
        values: dict[str, str | int] = {"kind": "excluded", "count": count}
        yield Finding("", 1, 1, "import-left", Severity.WARNING, values).at(file)


def _ask(question: FieldQuestion) -> Finding:
    """Return the finding that asks what a field means."""
    values = ", ".join(
        f"{shorten(value) or '–'} ({count})" for value, count in question.values
    )
    arguments: dict[str, str | int] = {
        "name": shorten(question.name),
        "kind": question.kind,
        "values": shorten(values, 300),
    }
    return Finding("", 1, 1, "import-field", arguments=arguments).at(question.file)


def _list_left(
    lines: Iterable[ImportedLine], meant: Iterable[str]
) -> Iterator[Finding]:
    """Yield what was left out of each file, of how many records, at the first of them.

    Fields that are asked about, or choose the records, are not among it.
    """
    names = [f"{plain_name(name)}." for name in meant]
    left: dict[tuple[str, str], list[ImportedLine]] = {}
    for line in lines:
        for key in line.left:
            plain = plain_name(key)
            if any(name.startswith((f"{plain}.", f"{plain}[")) for name in names):
                continue
            left.setdefault((line.file, key), []).append(line)
    for (file, key), (first, *others) in left.items():
        values: dict[str, str | int] = {"keys": shorten(key), "count": len(others) + 1}
        yield Finding(
            "", first.line, first.column, "import-left-keys", Severity.WARNING, values
        ).at(file)


def _in_file_order(
    findings: Iterable[Finding], files: Iterable[str]
) -> tuple[Finding, ...]:
    """Return the findings in the order of the files and of the places in them."""
    paths = [escape_unprintable(file) for file in files]
    return tuple(
        sorted(
            findings, key=lambda each: (paths.index(each.path), each.line, each.column)
        )
    )


def _locate_finding(
    finding: Finding,
    texts: Mapping[str, str | None],
    sources: Mapping[str, ImportedLine],
) -> Finding:
    """Return a finding about a new example's file at the line that the example came from.

    Another new example that it names is named by its line too: its file does not exist yet.
    """
    line = sources[finding.path]
    arguments = finding.arguments
    if other := sources.get(str(arguments.get("other"))):
        place = escape_unprintable(f"{other.file}:{other.line}:{other.column}")
        arguments = {**arguments, "other": place}
    content = (texts[finding.path] or "").encode()
    moved = locate(
        replace(finding, arguments=arguments), content, line.line, line.column
    )
    return moved.at(line.file)
