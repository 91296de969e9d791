"""Plan an import: find the new examples among the lines and check them as a commit would be."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from merlin.core.errors import Refused
from merlin.core.table_cells import plain_name
from merlin.dataset.changes import MAX_BATCH_SIZE, Edit
from merlin.dataset.commit_message import Subject, import_subject
from merlin.dataset.entries import FileText
from merlin.dataset.example import Example, normalise
from merlin.dataset.example_file import write_example
from merlin.dataset.finding import Finding, Severity, escape_unprintable, shorten
from merlin.dataset.import_fields import (
    NO_CHOICES,
    FieldChoices,
    FieldQuestion,
    list_questions,
)
from merlin.dataset.import_lines import ImportedLine, locate
from merlin.dataset.layout import EXAMPLES, NameAllocator, example_path
from merlin.dataset.preview import EditChecker, Preview


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The result of planning an import.

    `lines` is the number of lines, `unread` how many of them are not an example; `edits` add the
    new examples. `findings` refer to lines of the imported files, in file order. `preview` is the
    dataset with the edits applied; its findings are those that the edits cause. `questions` are the
    fields of which a person has yet to say what they mean; `excluded` records have another value
    than those that a person takes.
    """

    dataset: str
    lines: int
    unread: int
    edits: tuple[Edit, ...]
    findings: tuple[Finding, ...]
    preview: Preview
    questions: tuple[FieldQuestion, ...] = ()
    excluded: int = 0

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
    def rejected(self) -> int:
        """Return the number of lines with errors."""
        return self.unread + len(self.edits) - len(self.good_edits)

    @property
    def duplicates(self) -> int:
        """Return the number of lines with the content of an example or an earlier line."""
        return self.lines - self.unread - len(self.edits)

    @property
    def subject(self) -> Subject:
        """Return the subject of the commit with the good edits."""
        return import_subject(len(self.good_edits), self.dataset)


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
) -> ImportPlan:
    """Return the plan for lines from `read_import_files`, which was given the same `choices`.

    Lines that equal an example of the dataset or an earlier line are duplicates. Raises Refused if
    there are more new examples, or more findings, than `most`, which fit into one commit.
    """
    names = NameAllocator(
        file.example_id for file in files if file.path.startswith(EXAMPLES)
    )
    checker = checker or EditChecker()
    current = checker.check(dataset, files, limit_tokens)
    known = {
        strip_system(example, current.system).content_digest
        for example in current.examples
    }
    read = list[ImportedLine]()
    found = list[Finding]()
    # The new examples' files, and where they come from, by path.
    texts = dict[str, str]()
    sources = dict[str, ImportedLine]()
    excluded = Counter[str]()
    # In their order.
    names_of_files = dict[str, None]()
    for line in lines:
        names_of_files[line.file] = None
        if not choices.takes(line.fields):
            excluded[line.file] += 1
            continue
        read.append(line)
        found += line.findings
        example = line.example and strip_system(line.example, current.system)
        if example and example.content_digest not in known:
            known.add(example.content_digest)
            path = example_path(names.allocate(example.question))
            texts[path] = write_example(example)
            sources[path] = line
        if max(len(texts), len(found)) > most:
            raise Refused("too much at once", "import-too-much", limit=most)
    preview = checker.preview(dataset, files, texts, limit_tokens)
    off = current.rules_off
    records = ((line.file, line.fields) for line in read if line.example)
    questions = [*list_questions(records, choices)]
    meant = [*(question.name for question in questions), *choices.only]
    left = _list_left(read, meant)
    findings = [each for each in (*found, *left) if each.rule not in off]
    findings += [_locate_finding(each, texts, sources) for each in preview.findings]
    findings += [*_list_excluded(excluded), *map(_ask, questions)]
    return ImportPlan(
        dataset=dataset,
        questions=tuple(questions),
        excluded=excluded.total(),
        lines=len(read),
        unread=sum(line.example is None for line in read),
        edits=tuple(Edit(path, None, text) for path, text in texts.items()),
        findings=_in_file_order(findings, names_of_files),
        preview=preview,
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
    finding: Finding, texts: Mapping[str, str], sources: Mapping[str, ImportedLine]
) -> Finding:
    """Return a finding about a new example's file at the line that the example came from.

    Another new example that it names is named by its line too: its file does not exist yet.
    """
    line = sources[finding.path]
    arguments = finding.arguments
    if other := sources.get(str(arguments.get("other"))):
        place = escape_unprintable(f"{other.file}:{other.line}:{other.column}")
        arguments = {**arguments, "other": place}
    content = texts[finding.path].encode()
    moved = locate(
        replace(finding, arguments=arguments), content, line.line, line.column
    )
    return moved.at(line.file)
