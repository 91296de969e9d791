"""Check: from a dataset's tree entries to good examples and findings.

Every file is accounted for: files meant as examples = good (train + test) + rejected + duplicate.
No repository content makes a check raise; errors of `read` (SourceError) are not caught.

Rules that reject by comparing examples are in `merlin.dataset.judge`, warnings in
`merlin.dataset.lint`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import NamedTuple, Protocol

from merlin.core.combining_marks import normalise_unicode
from merlin.dataset.evaluation_plan import plan_test
from merlin.dataset.example import Example
from merlin.dataset.example_file import read_example
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.judge import TokenLimit, judge, judge_answers, judge_tools
from merlin.dataset.layout import (
    COURSE_FILE,
    DATASET_FILE,
    EXAMPLES,
    IMPORTS_FILE,
    Layout,
    example_id_of,
    read_layout,
    too_many_files_finding,
)
from merlin.dataset.lint import lint_example
from merlin.dataset.sensitive import contact_key
from merlin.dataset.spec import (
    NO_GATE,
    RECALL,
    CourseSpec,
    DatasetSpec,
    Recipe,
    read_course,
    read_dataset,
    read_imports,
)
from merlin.dataset.split import FEWEST, split
from merlin.dataset.yaml_io import decode_text
from merlin.git.source import TOO_MANY, BlobReader, TreeEntry

ADVISED = 50  # the recommended minimum (OpenAI SFT guide)


class ParseSettings(NamedTuple):
    """What the findings about a single file depend on; `allowed` is allowed personal data."""

    method: str
    takes_tools: bool
    allowed: frozenset[str]


class ParsedFile(NamedTuple):
    """The example of one file, None if a finding is an error."""

    example: Example | None
    findings: tuple[Finding, ...]


# The path of a file, its blob, and what else its findings depend on.
ParsedKey = tuple[str, str, ParseSettings]


class ParsedFiles(Protocol):
    """Files that were parsed before: a dict, or `kept_files.KeptFiles`."""

    def __contains__(self, key: ParsedKey, /) -> bool: ...

    def get(self, key: ParsedKey, /) -> ParsedFile | None:
        """Return the file if it was parsed."""

    def __setitem__(self, key: ParsedKey, file: ParsedFile, /) -> None: ...


@dataclass(frozen=True, slots=True)
class CheckedDataset:
    """A checked dataset.

    `examples` are the good ones by id, `duplicates` those whose content equals that of a good one,
    `rejected` counts files meant as examples that cannot be used. `sides` has the side of the split
    of each good example. `spec` is None when dataset.yaml is missing or invalid, `course` when
    course.yaml is. `findings` are ordered by path and position.
    """

    name: str
    spec: DatasetSpec | None
    course: CourseSpec | None
    findings: tuple[Finding, ...]
    rejected: int = 0
    examples: tuple[Example, ...] = ()
    duplicates: tuple[Example, ...] = ()
    sides: Mapping[str, str] = field(default_factory=dict)

    @property
    def good(self) -> int:
        """Return the number of good examples."""
        return len(self.examples)

    @property
    def found(self) -> int:
        """Return how many files were meant as examples."""
        return self.good + len(self.duplicates) + self.rejected

    @property
    def system(self) -> str:
        """Return the dataset's system text, "" without a spec."""
        return self.spec.system if self.spec else ""

    @property
    def rules_off(self) -> Collection[str]:
        """Return the rules whose findings the dataset does not want."""
        return self.spec.rules_off if self.spec else ()

    @property
    def is_buildable(self) -> bool:
        """Return whether it has a spec, enough examples and, if strict, no rejected ones."""
        if self.spec is None or self.good < FEWEST:
            return False
        return not (self.spec.strict and self.rejected)

    def count(self, severity: Severity) -> int:
        """Return the number of findings of this severity."""
        return sum(finding.severity is severity for finding in self.findings)


def check(
    name: str,
    entries: Sequence[TreeEntry],
    read: BlobReader,
    limit_tokens: Mapping[str, int] | None = None,
    parsed: ParsedFiles | None = None,
) -> CheckedDataset:
    """Check the dataset `name`.

    `entries` are the leaves below its folder; `read` yields (blob, bytes) in the requested order.
    `limit_tokens`: base model -> maximum tokens of a training example. What is in `parsed` is not
    read again, and what is read is added to it.
    """
    if TOO_MANY in entries[:1]:
        return CheckedDataset(name, None, None, (too_many_files_finding(0, 0),))
    layout = read_layout(entries)
    spec, course, findings = _read_settings(name, layout, read)
    findings += [finding.at(path) for path, finding in layout.findings]
    findings += _find_broken_texts(layout, read)
    recipe = spec.recipe if spec else Recipe("", "")
    allowed = frozenset(map(contact_key, spec.allow if spec else ()))
    settings = ParseSettings(recipe.method, recipe.takes_tools, allowed)
    files = _parse_files(
        layout.examples, read, settings, {} if parsed is None else parsed
    )
    findings += chain.from_iterable(file.findings for file in files)
    examples = [file.example for file in files if file.example]
    limit = (limit_tokens or {}).get(recipe.base_model)
    system = spec.system if spec else ""
    good, duplicates, compared = judge(
        examples, recipe.method, TokenLimit(system, limit)
    )
    is_recall = recipe.base_model == RECALL
    sides = split(good, spec.split, is_recall=is_recall) if spec else {}
    findings += [*compared, *_few(len(good)), *_few_tests(sides, spec)]
    off = spec.rules_off if spec else {}
    enabled = (finding for finding in findings if finding.rule not in off)
    meant = len(layout.examples) + len(layout.rejected) + layout.beyond
    return CheckedDataset(
        name=name,
        spec=spec,
        course=course,
        findings=tuple(
            sorted(enabled, key=attrgetter("path", "line", "column", "rule"))
        ),
        rejected=meant - len(good) - len(duplicates),
        examples=good,
        duplicates=duplicates,
        sides=sides,
    )


def check_settings(
    name: str, entries: Sequence[TreeEntry], read: BlobReader
) -> CheckedDataset:
    """Check dataset.yaml, course.yaml and imports.yaml only, without examples."""
    if TOO_MANY in entries[:1]:
        return CheckedDataset(name, None, None, (too_many_files_finding(0, 0),))
    spec, course, findings = _read_settings(name, read_layout(entries), read)
    return CheckedDataset(name, spec, course, tuple(findings))


def _read_settings(
    name: str, layout: Layout, read: BlobReader
) -> tuple[DatasetSpec | None, CourseSpec | None, list[Finding]]:
    settings = (layout.dataset, layout.course, layout.imports)
    files = [each for each in settings if each]
    found = dict(read([file.blob for file in files]))
    contents = {file.path: found.get(file.blob) for file in files}
    spec, of_dataset = read_dataset(name, contents.get(DATASET_FILE))
    course, of_course = read_course(contents.get(COURSE_FILE), layout.materials)
    _, of_imports = read_imports(contents.get(IMPORTS_FILE))
    return spec, course, [*of_dataset, *of_course, *of_imports]


def _find_broken_texts(layout: Layout, read: BlobReader) -> Iterator[Finding]:
    """Yield the findings about materials that are no text."""
    texts = {
        path: entry.blob
        for path, entry in layout.materials.items()
        if path.endswith(".md")
    }
    decoded = {blob: decode_text(content) for blob, content in read([*texts.values()])}
    for path, blob in texts.items():
        found = decoded.get(blob)
        if isinstance(found, Finding):
            yield found.at(path)


def _parse_files(
    entries: Sequence[TreeEntry],
    read: BlobReader,
    settings: ParseSettings,
    known: ParsedFiles,
) -> list[ParsedFile]:
    """Return the parsed files, with a finding for each that cannot be read."""
    missing: dict[str, list[TreeEntry]] = {}
    for entry in entries:
        if (entry.path, entry.blob, settings) not in known:
            missing.setdefault(entry.blob, []).append(entry)
    for blob, content in read([*missing]):
        for entry in missing[blob]:
            known[entry.path, blob, settings] = _parse(settings, entry, content)
    found = (
        (entry, known.get((entry.path, entry.blob, settings))) for entry in entries
    )
    return [
        file or ParsedFile(None, (Finding("", 1, 1, "unreadable").at(entry.path),))
        for entry, file in found
    ]


def _parse(settings: ParseSettings, entry: TreeEntry, content: bytes) -> ParsedFile:
    """Return a file parsed for a recipe."""
    example, findings = read_example(content)
    if example is not None:
        judged = [judge_answers(example, settings.method)]
        judged += (
            [] if settings.takes_tools else [judge_tools(example, settings.method)]
        )
        findings += (*lint_example(example, settings.allowed), *filter(None, judged))
        example_id = normalise_unicode("NFC", example_id_of(entry.path))
        example = example.at(example_id, entry.path, entry.blob)
    is_rejected = any(finding.severity is Severity.ERROR for finding in findings)
    located = tuple(finding.at(entry.path) for finding in findings)
    return ParsedFile(None if is_rejected else example, located)


def _few(good: int) -> Iterator[Finding]:
    arguments: dict[str, str | int] = {
        "good": good,
        "fewest": FEWEST,
        "advised": ADVISED,
    }
    folder = EXAMPLES.rstrip("/")
    if good < ADVISED:
        rule = "too-few-examples" if good < FEWEST else "few-examples"
        yield Finding(folder, 1, 1, rule, Severity.WARNING, arguments)


def _few_tests(sides: Mapping[str, str], spec: DatasetSpec | None) -> Iterator[Finding]:
    """Yield a note if the gate is not applied because there are too few test examples."""
    if spec is None or spec.gate.kind == NO_GATE:
        return
    plan = plan_test(sides.values(), spec)
    if plan.taught >= FEWEST and not plan.has_gate:
        arguments: dict[str, str | int] = {
            "tests": plan.tests + plan.disguised,
            "least": plan.least,
        }
        yield Finding(DATASET_FILE, 1, 1, "few-tests", Severity.NOTE, arguments)
