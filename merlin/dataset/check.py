"""Check: from a dataset's tree entries to good examples and findings.

Every file is accounted for: files meant as examples = good (train + test) + rejected + duplicate.
The result is stored in an `ExampleIndex`, temporary for a single check. The daemon keeps its index
between commits, so only changed files are read and judged. No repository content makes a check
raise; errors of `read` (SourceError) are not caught.

Rules that reject by comparing examples are in `merlin.dataset.judge`, warnings in
`merlin.dataset.lint`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

from merlin.core.combining_marks import normalise_unicode
from merlin.core.process_pool import map_many
from merlin.dataset.chat_formats import training_line
from merlin.dataset.example import Example, read_example
from merlin.dataset.example_index import DUPLICATE, GOOD, LEAK, TOO_LONG, ExampleIndex, ExampleRow
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.judge import TokenLimit, judge, judge_answers, judge_tools
from merlin.dataset.layout import (
    COURSE_FILE,
    DATASET_FILE,
    EXAMPLES,
    Layout,
    example_id_of,
    example_path,
    exceeds_limits,
    read_layout,
)
from merlin.dataset.lint import (
    asks_translation,
    describe_ending,
    is_learned,
    lint_dataset,
    lint_example,
    make_finding,
)
from merlin.dataset.near_questions import near_key
from merlin.dataset.sensitive import contact_key
from merlin.dataset.spec import (
    NO_GATE,
    CourseSpec,
    DatasetSpec,
    Recipe,
    read_course,
    read_dataset,
)
from merlin.dataset.split import FEWEST, TEST, has_gate
from merlin.dataset.yaml_io import decode_text
from merlin.git.source import BlobReader, Entry

ADVISED = 50  # the recommended minimum (OpenAI SFT guide)
_CHUNK = 500  # examples per insert
_PARSED_AT_ONCE = 50
_ONE_TURN = 3  # a system text, a question, an answer
# Kinds of files in the index.
_DATASET, _COURSE, _MATERIAL = "dataset", "course", "material"
_REJECTED, _BROKEN = "rejected", "broken"


class ParsedFile(NamedTuple):  # half the time of a dataclass from process to process
    """The result of parsing one file; `row` is None if the file has errors.

    `example` is set only if it was requested, `system_tokens` only with a row for a build.
    """

    example: Example | None
    findings: tuple[Finding, ...]
    row: ExampleRow | None = None
    system_tokens: int = 0


@dataclass(frozen=True, slots=True)
class CheckedDataset:
    """A checked dataset.

    `good` and `duplicate` count examples, `rejected` files meant as examples that cannot be used.
    `spec` is None when dataset.yaml is missing or invalid, `course` when course.yaml is. `findings`
    are ordered by path and position. `index` contains the examples, `tokens` counts those of the
    system text. Only `check` sets `examples`, the good ones by id, and `duplicates`, whose content
    equals that of a good one.
    """

    name: str
    spec: DatasetSpec | None
    course: CourseSpec | None
    good: int
    duplicate: int
    rejected: int
    findings: tuple[Finding, ...]
    index: ExampleIndex | None = field(default=None, compare=False, repr=False)
    tokens: TokenLimit | None = field(default=None, compare=False, repr=False)
    examples: tuple[Example, ...] = ()
    duplicates: tuple[Example, ...] = ()

    @property
    def found(self) -> int:
        """Return how many files were meant as examples."""
        return self.good + self.duplicate + self.rejected

    @property
    def is_buildable(self) -> bool:
        """Return whether it has a spec, enough examples and, if strict, no rejected ones."""
        if self.spec is None or self.good < FEWEST:
            return False
        return not (self.spec.strict and self.rejected)

    def good_paths(self) -> Iterator[str]:
        """Yield the paths of the good examples."""
        if self.index is not None:
            yield from map(example_path, self.index.ids_of(GOOD))

    def count(self, severity: Severity) -> int:
        """Return the number of findings of this severity."""
        return sum(finding.severity is severity for finding in self.findings)


def check(
    name: str,
    entries: Sequence[Entry],
    read: BlobReader,
    limit_tokens: Mapping[str, int] | None = None,
    *,
    keeps_examples: bool = True,
) -> CheckedDataset:
    """Check the dataset `name` and return the result with its examples; it cannot be built.

    `entries` are the leaves below its folder; `read` yields (blob, bytes) in the requested order.
    `limit_tokens`: base model -> maximum tokens of a training example. Without `keeps_examples` it
    takes half the time, and the result has none.
    """
    index, known = ExampleIndex(), dict[str, Example]() if keeps_examples else None
    checked = check_whole(name, index, entries, read, limit_tokens, known, for_build=False)
    if known is None:
        return checked
    good, duplicates = (
        tuple(known[each] for each in index.ids_of(status)) for status in (GOOD, DUPLICATE)
    )
    return replace(checked, examples=good, duplicates=duplicates)


def check_whole(
    name: str,
    index: ExampleIndex,
    entries: Sequence[Entry],
    read: BlobReader,
    limit_tokens: Mapping[str, int] | None = None,
    known: dict[str, Example] | None = None,
    *,
    for_build: bool = True,
) -> CheckedDataset:
    """Read a complete dataset into an empty index, or missing leaves into an existing one.

    `known` collects the examples by id. Without `for_build` it takes half the time, and the result
    cannot be built.
    """
    layout = read_layout(entries)
    _store_files(index, layout, read)
    contents = dict(index.contents(_DATASET, _COURSE))
    spec, findings = read_dataset(name, contents.get(_DATASET))
    materials = [entry.path for entry in index.files(_MATERIAL)]
    course, of_course = read_course(contents.get(_COURSE), materials)
    limit = (limit_tokens or {}).get(spec.recipe.base_model) if spec else None
    tokens = TokenLimit(spec.system if spec else "", limit)
    recipe = spec.recipe if spec else Recipe("", "")
    allowed = frozenset(map(contact_key, spec.allow)) if spec else frozenset[str]()
    settings = json.dumps([recipe.method, recipe.takes_tools, *sorted(allowed)])
    if not index.is_new and settings != index.state("parsed with"):
        raise _OtherSettings
    index.set_state("parsed with", settings)
    parse = partial(
        _parse, recipe, allowed, tokens, for_build=for_build, keeps_example=known is not None
    )
    _store_examples(index, layout.examples, read, parse, known, tokens)
    if index.is_new:
        index.set_state("tree is read", "yes")
    else:
        index.touch(example_id_of(entry.path) for entry in layout.examples)
    judge(index, spec, tokens)
    statuses = index.statuses()
    good = statuses.get(GOOD, 0)
    findings += [*of_course, *index.findings(), *_pairs(index), *_find_too_long(index, tokens)]
    findings += [*lint_dataset(index, spec), *_few(good), *_few_tests(index, spec)]
    off = spec.rules_off if spec else {}
    enabled = (finding for finding in findings if finding.rule not in off)
    unread = "SELECT count(*) FROM file WHERE kind IN (?, ?)"
    files = index.value(unread, _REJECTED, _BROKEN) + int(index.state("beyond") or 0)
    return CheckedDataset(
        name=name,
        spec=spec,
        course=course,
        good=good,
        duplicate=statuses.get(DUPLICATE, 0),
        rejected=files + statuses.get(TOO_LONG, 0) + statuses.get(LEAK, 0),
        findings=tuple(
            sorted(enabled, key=lambda each: (each.path, each.line, each.column, each.rule))
        ),
        index=index,
        tokens=tokens,
    )


def check_changes(
    name: str,
    index: ExampleIndex,
    changes: Mapping[str, Entry | None],
    read: BlobReader,
    limit_tokens: Mapping[str, int] | None = None,
    *,
    for_build: bool = True,
) -> CheckedDataset | None:
    """Apply `changes` (path -> leaf, None: deleted) to the index; return the checked dataset.

    None if the complete dataset must be read instead: its trainer or the personal data that it
    allows changed, or its files exceed the limits, so that a change affects which other
    files are included.
    """
    if index.state("beyond"):
        return None
    index.remove(changes)
    leaves = [entry for entry in changes.values() if entry]
    try:
        checked = check_whole(name, index, leaves, read, limit_tokens, for_build=for_build)
    except _OtherSettings:
        return None
    return None if exceeds_limits(*index.sizes()) else checked


def check_settings(name: str, entries: Sequence[Entry], read: BlobReader) -> CheckedDataset:
    """Check dataset.yaml and course.yaml only, without examples."""
    layout = read_layout(entries)
    files = [each for each in (layout.dataset, layout.course) if each]
    found = dict(read([file.blob for file in files]))
    contents = {file.path: found.get(file.blob) for file in files}
    spec, of_dataset = read_dataset(name, contents.get(DATASET_FILE))
    card, of_course = read_course(contents.get(COURSE_FILE), layout.materials)
    return CheckedDataset(name, spec, card, 0, 0, 0, (*of_dataset, *of_course))


class _OtherSettings(Exception):
    """The index was read for another trainer, or with other personal data allowed."""


def _parse(
    recipe: Recipe,
    allowed: frozenset[str],
    limit: TokenLimit,
    files: Sequence[tuple[str, bytes]],
    *,
    for_build: bool,
    keeps_example: bool,
) -> list[tuple[str, ParsedFile]]:
    """Return the blobs of the files, and the files parsed for a recipe."""
    parsed = list[tuple[str, ParsedFile]]()
    for blob, content in files:
        example, findings = _lint(*read_example(content), recipe, allowed)
        if example is None:
            parsed.append((blob, ParsedFile(None, findings)))
            continue
        row = index_row(example, recipe.method, None if for_build else limit)
        kept = example if keeps_example else None
        system_tokens = limit.system_tokens if for_build else 0
        parsed.append((blob, ParsedFile(kept, findings, row, system_tokens)))
    return parsed


def _lint(
    example: Example | None,
    findings: tuple[Finding, ...],
    recipe: Recipe,
    allowed: frozenset[str],
) -> tuple[Example | None, tuple[Finding, ...]]:
    """Return the example, None if a finding is an error, and all findings about its file."""
    if example is None:
        return None, findings
    judged = judge_answers(example, recipe.method), judge_tools(example, recipe)
    findings += (*lint_example(example, allowed), *filter(None, judged))
    is_rejected = any(finding.severity is Severity.ERROR for finding in findings)
    return None if is_rejected else example, findings


def _store_files(index: ExampleIndex, layout: Layout, read: BlobReader) -> None:
    """Store all files except examples."""
    settings = {_DATASET: layout.dataset, _COURSE: layout.course}
    contents = dict(read([entry.blob for entry in settings.values() if entry]))
    for kind, entry in settings.items():
        if entry:
            index.add_file(entry, kind, contents.get(entry.blob))
    texts = read([entry.blob for path, entry in layout.materials.items() if path.endswith(".md")])
    decoded = ((blob, decode_text(content)) for blob, content in texts)
    broken = {blob: result for blob, result in decoded if isinstance(result, Finding)}
    for path, entry in layout.materials.items():
        index.add_file(entry, _MATERIAL)
        if entry.blob in broken:
            index.add_findings(path, [broken[entry.blob].at(path)])
    for entry in layout.rejected:
        index.add_file(entry, _REJECTED)
    for source, finding in layout.findings:
        index.add_findings(source, [finding])
    if layout.beyond:
        index.set_state("beyond", str(layout.beyond))


def _store_examples(
    index: ExampleIndex,
    entries: Sequence[Entry],
    read: BlobReader,
    parse: Callable[[Sequence[tuple[str, bytes]]], list[tuple[str, ParsedFile]]],
    known: dict[str, Example] | None,
    tokens: TokenLimit,
) -> None:
    """Store the examples in these files; other files are stored as broken."""
    places: dict[str, list[Entry]] = {}
    for entry in entries:
        places.setdefault(entry.blob, []).append(entry)
    contents = iter(read([*places]))
    portions = iter(lambda: list(islice(contents, _PARSED_AT_ONCE)), [])
    parsed = map_many(parse, portions, len(places), chunk_size=1)
    readings = chain.from_iterable(parsed)
    while some := list(islice(readings, _CHUNK)):
        # Counted by a process that has loaded the vocabulary, so that this one need not.
        if counted := max(reading.system_tokens for _, reading in some):
            tokens.system_tokens = counted
        rows = (
            _store_file(index, entry, reading, known)
            for blob, reading in some
            for entry in places.pop(blob)
        )
        index.add_examples([row for row in rows if row])
    for place in places.values():
        for entry in place:
            index.add_findings(entry.path, [Finding("", 1, 1, "unreadable")])
            index.add_file(entry, _BROKEN)


def _store_file(
    index: ExampleIndex, entry: Entry, reading: ParsedFile, known: dict[str, Example] | None
) -> ExampleRow | None:
    """Store the findings of one file; return the row of its example, None for a broken one."""
    if reading.findings:
        index.add_findings(entry.path, reading.findings)
    if reading.row is None:
        index.add_file(entry, _BROKEN)
        return None
    example_id = normalise_unicode("NFC", example_id_of(entry.path))
    if known is not None and reading.example is not None:
        known[example_id] = reading.example.at(example_id, entry.path, entry.blob)
    return reading.row._replace(id=example_id, blob=entry.blob, size=entry.size)


def index_row(example: Example, method: str, limit: TokenLimit | None = None) -> ExampleRow:
    """Return the index row of an example, without the values that depend on its path.

    Without a `limit` the row is for a build, with a line and a token count; with a `limit` it has
    an estimate of the tokens only.
    """
    trained = example.adapt_to_method(method)
    facts = example.facts
    question_language, answer_language = facts.languages
    line = training_line(trained) if limit is None else None
    marks = example.marks or ((1, 1),)
    return ExampleRow(
        id=example.id,
        blob=example.blob,
        size=0,
        mark=example.split or "",
        places=json.dumps([marks[0], example.question_mark, marks[-1]]),
        question=facts.question,
        content=facts.content,
        answer=facts.answer,
        system=facts.system,
        question_language=question_language,
        answer_language=answer_language,
        ending=describe_ending(example.answer),
        is_learned=is_learned(example.messages[-1]),
        is_single=len(example.messages) <= _ONE_TURN,
        translates=bool(
            question_language
            and answer_language
            and question_language != answer_language
            and asks_translation(example.question)
        ),
        tokens=trained.facts.tokens if limit is None else limit.estimate(trained),
        words=near_key(facts.question),
        at=line.at if line else None,
        line=line.line if line else None,
    )


_SEVERITIES = {"leak": Severity.ERROR}


def _pairs(index: ExampleIndex) -> Iterator[Finding]:
    """Yield the findings about two examples, positioned at the question of one."""
    for example_id, rule, other, places in index.pairs():
        severity = _SEVERITIES.get(rule, Severity.WARNING)
        other_path = escape_unprintable(example_path(other))
        yield make_finding(example_id, json.loads(places)[1], rule, severity, other=other_path)


def _find_too_long(index: ExampleIndex, limit: TokenLimit) -> Iterator[Finding]:
    over = "SELECT id, tokens, system FROM example WHERE status = ?"
    for example_id, tokens, system in index.rows(over, TOO_LONG):
        arguments = {
            "tokens": limit.total(tokens, has_system=bool(system)),
            "limit": limit.most or 0,
        }
        yield make_finding(example_id, (1, 1), "too-many-tokens", Severity.ERROR, **arguments)


def _few(good: int) -> Iterator[Finding]:
    arguments: dict[str, str | int] = {"good": good, "fewest": FEWEST, "advised": ADVISED}
    folder = EXAMPLES.rstrip("/")
    if good < ADVISED:
        rule = "too-few-examples" if good < FEWEST else "few-examples"
        yield Finding(folder, 1, 1, rule, Severity.WARNING, arguments)


def _few_tests(index: ExampleIndex, spec: DatasetSpec | None) -> Iterator[Finding]:
    """Yield a note if the gate is not applied because there are too few test examples."""
    if spec is None or spec.gate.kind == NO_GATE:
        return
    tests, least = index.sides().get(TEST, (0, 0, 0))[0], max(spec.split.min_test, 1)
    if not has_gate(tests, spec.split):
        arguments: dict[str, str | int] = {"tests": tests, "least": least}
        yield Finding(DATASET_FILE, 1, 1, "few-tests", Severity.NOTE, arguments)
