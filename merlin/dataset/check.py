"""Check: from a dataset's tree entries to good examples and findings.

Nothing is dropped in silence: files meant as examples = good (train + test) + rejected +
duplicate. Only blobs not seen before are read. Never raises for anything that lies in the
repository; what `read` raises (SourceError) passes through.

What only warns is in `merlin.dataset.lint`. Comparing examples may reject:

- the same content twice: the later path is a duplicate (a taught one is kept before a test one);
- a test example whose question is also taught: an error, it would measure memory.

Questions are compared by their normal form (`normalise`), as in the split.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from sys import getsizeof

from merlin.core.process_pool import map_many
from merlin.dataset.example import (
    PER_CONVERSATION,
    Example,
    count_example,
    normalise,
    read_example,
)
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.layout import (
    EXAMPLES,
    Layout,
    Limits,
    estimate_memory,
    example_id_of,
    read_layout,
)
from merlin.dataset.lint import lint_dataset, lint_example, report_pair
from merlin.dataset.spec import DPO, CourseSpec, DatasetSpec, read_course, read_dataset
from merlin.git.source import Entry

__all__ = [
    "FEWEST",
    "TOO_MUCH_MEMORY",
    "BlobCache",
    "CheckedDataset",
    "Limits",
    "Read",
    "check",
    "normalise",
]


def _without_duplicates(
    examples: Sequence[Example], findings: list[Finding]
) -> tuple[list[Example], list[Example]]:
    first: dict[bytes, Example] = {}
    duplicates = []
    for example in sorted(examples, key=lambda each: (each.split == "test", each.path)):
        kept = first.setdefault(example.facts.content, example)
        if kept is not example:
            duplicates.append(example)
            findings.append(report_pair(example, "duplicate", kept))
    return list(first.values()), duplicates


def _without_leaks(examples: Sequence[Example], findings: list[Finding]) -> list[Example]:
    taught = {each.facts.question: each for each in examples if each.split != "test"}
    good = []
    for example in examples:
        twin = taught.get(example.facts.question) if example.split == "test" else None
        if twin is None:
            good.append(example)
        else:
            findings.append(report_pair(example, "leak", twin, Severity.ERROR))
    return good


Read = Callable[[Sequence[str]], Iterator[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What one file says, and about how many bytes of memory that takes."""

    example: Example | None
    findings: tuple[Finding, ...]
    weight: int = 0


class _TooMuch(Exception):
    """The examples need more memory than they may: about so many bytes."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


FEWEST = 10  # providers refuse a job with fewer examples (OpenAI SFT guide)
ADVISED = 50  # the advised start (the same)
TOO_MUCH_MEMORY = "too-much-memory"
# Bytes of memory: a message beside its words, a letter of JSON as Python keeps it, a finding.
_PER_MESSAGE, _PER_LETTER, _PER_FINDING = 150, 10, 500
# Fewer are read before processes have started.
_MANY = 20_000
_FRAME_TOKENS = 20  # more than the framing of one message takes


class BlobCache:
    """What was read from the newest `size` blobs, by blob id; a file's bytes say it all."""

    def __init__(self, size: int = 200_000) -> None:
        self._size = size
        self._readings: OrderedDict[str, ParsedFile] = OrderedDict()
        self._weight = 0

    def recall(self, blob: str) -> ParsedFile | None:
        """Return what was read from `blob`, or None; it counts as used now."""
        if blob in self._readings:
            self._readings.move_to_end(blob)
        return self._readings.get(blob)

    def keep(self, blob: str, reading: ParsedFile) -> None:
        """Keep what was read; the longest unused blob is forgotten when there are too many."""
        if blob not in self._readings:
            self._weight += reading.weight
        self._readings[blob] = reading
        if len(self._readings) > self._size:
            self._weight -= self._readings.popitem(last=False)[1].weight

    def keep_within(self, weight: int) -> None:
        """Forget the longest unused blobs until all weigh at most so much."""
        while self._readings and self._weight > weight:
            self._weight -= self._readings.popitem(last=False)[1].weight


@dataclass(frozen=True, slots=True)
class CheckedDataset:
    """A checked dataset.

    `examples` are good and unique, ordered by id; `duplicates` said the same as one of them;
    `rejected` counts files meant as examples that cannot be used. `spec` is None when dataset.yaml
    is missing or wrong, `course` when there is none or it is wrong. `findings` are ordered by
    path and place. `is_read`: the examples were read; False where memory does not take them.
    """

    name: str
    spec: DatasetSpec | None
    course: CourseSpec | None
    examples: tuple[Example, ...]
    duplicates: tuple[Example, ...]
    rejected: int
    findings: tuple[Finding, ...]
    is_read: bool = True

    @property
    def found(self) -> int:
        """Return how many files were meant as examples."""
        return len(self.examples) + len(self.duplicates) + self.rejected

    @property
    def is_buildable(self) -> bool:
        """Return whether a build may be made: a spec, enough examples, and strictness kept."""
        if self.spec is None or len(self.examples) < FEWEST:
            return False
        return not (self.spec.strict and self.rejected)

    def without_examples(self) -> CheckedDataset:
        """Return the same without what takes memory."""
        return replace(self, examples=(), duplicates=())

    def count(self, severity: Severity) -> int:
        """Return how many findings are of this severity."""
        return sum(each.severity is severity for each in self.findings)


def check(
    name: str,
    entries: Sequence[Entry],
    read: Read,
    cache: BlobCache | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    limit_tokens: Mapping[str, int] | None = None,
) -> CheckedDataset:
    """Return what is good in the dataset `name` and what is wrong with it.

    `entries` are the leaves below its folder; `read` yields (blob, bytes) in the order asked.
    `limit_tokens`: base model -> how many tokens one training example may have.
    """
    layout = read_layout(entries, limits)
    spec, course = _read_specs(name, layout, read)
    try:
        good = _readable(layout, read, cache or BlobCache(), limits)
    except _TooMuch as refusal:  # all its examples are rejected, because memory would end
        needed, limit = refusal.needed // 1_000_000, limits.memory_bytes // 1_000_000
        megabytes = {"needed": needed, "limit": limit}
        finding = Finding(EXAMPLES.rstrip("/"), 1, 1, TOO_MUCH_MEMORY, arguments=megabytes)
        findings = _without_rules_off([*layout.findings, finding], spec)
        rejected = layout.rejected + len(layout.examples)
        return CheckedDataset(name, spec, course, (), (), rejected, findings, is_read=False)
    good = _trainable(good, spec, layout)
    good = _short_enough(good, spec, limit_tokens or {}, layout)
    unique, duplicates = _without_duplicates(good, layout.findings)
    good = _without_leaks(unique, layout.findings)
    layout.rejected += len(unique) - len(good)
    good.sort(key=lambda each: each.id)
    layout.findings += [*lint_dataset(good, spec), *_few(good)]
    return CheckedDataset(
        name=name,
        spec=spec,
        course=course,
        examples=tuple(good),
        duplicates=tuple(duplicates),
        rejected=layout.rejected,
        findings=_without_rules_off(layout.findings, spec),
    )


def _without_rules_off(
    findings: Sequence[Finding], spec: DatasetSpec | None
) -> tuple[Finding, ...]:
    """Return the findings by path and place, without those of rules that the dataset has off."""
    off = spec.rules_off if spec else {}
    told = (each for each in findings if each.rule not in off)
    return tuple(sorted(told, key=lambda each: (each.path, each.line, each.column, each.rule)))


def _read_specs(
    name: str, layout: Layout, read: Read
) -> tuple[DatasetSpec | None, CourseSpec | None]:
    """Return what dataset.yaml and course.yaml say; adds their findings to the layout."""
    asked = [entry.blob for entry in (layout.dataset, layout.course) if entry]
    contents = dict(read(asked))
    dataset = contents.get(layout.dataset.blob) if layout.dataset else None
    course = contents.get(layout.course.blob) if layout.course else None
    spec, dataset_findings = read_dataset(name, dataset)
    card, course_findings = read_course(course, layout.materials)
    layout.findings += [*dataset_findings, *course_findings]
    return spec, card


def _readable(layout: Layout, read: Read, cache: BlobCache, limits: Limits) -> list[Example]:
    """Return the examples that their files say; adds findings and rejections to the layout.

    Raises _TooMuch before they need more memory than `limits` allow.
    """
    readings = _readings(layout.examples, read, cache, limits)
    good = []
    nothing = ParsedFile(None, (Finding("", 1, 1, "unreadable"),))
    for entry in layout.examples:
        reading = readings.get(entry.blob, nothing)
        example = reading.example
        layout.findings += [finding.at(entry.path) for finding in reading.findings]
        if example is None:
            layout.rejected += 1
        else:
            example_id = unicodedata.normalize("NFC", example_id_of(entry.path))
            good.append(example.at(example_id, entry.path, entry.blob))
    return good


def _readings(
    entries: Sequence[Entry], read: Read, cache: BlobCache, limits: Limits
) -> dict[str, ParsedFile]:
    known = {entry.blob: cache.recall(entry.blob) for entry in entries}
    readings = {blob: reading for blob, reading in known.items() if reading is not None}
    weight = sum(reading.weight for reading in readings.values())
    size = sum(entry.size for entry in entries)
    if limits.is_too_much(len(entries), size):
        raise _TooMuch(estimate_memory(len(entries), size))
    if limits.memory_bytes:
        # What fits beside this dataset is kept of others.
        spare = limits.memory_bytes - estimate_memory(len(entries), size)
        cache.keep_within(weight + spare)
    unread = [blob for blob, reading in known.items() if reading is None]
    parse = map_many if len(unread) >= _MANY else map
    for blob, reading in parse(_parse, read(unread)):
        readings[blob] = reading
        weight += reading.weight
        if limits.is_too_much(len(entries), weight):
            raise _TooMuch(estimate_memory(len(entries), weight))
        cache.keep(blob, reading)
    return readings


def _parse(file: tuple[str, bytes]) -> tuple[str, ParsedFile]:
    blob, content = file
    example, findings = read_example(content)
    findings = findings + lint_example(example) if example else findings
    return blob, ParsedFile(example, findings, _weight(example, findings))


def _weight(example: Example | None, findings: Sequence[Finding]) -> int:
    """Return about how many bytes of memory a reading takes: an emoji makes letters four."""
    words = 0
    if example is not None:
        spoken = [each for each in (*example.messages, example.rejected) if each]
        said = sum(getsizeof(message.content) for message in spoken)
        others = [*(each.extra for each in spoken if each.extra), *example.tools]
        words = said + _PER_MESSAGE * len(spoken) + _PER_LETTER * len(str(others))
    return words + _PER_FINDING * len(findings)


def _trainable(examples: list[Example], spec: DatasetSpec | None, layout: Layout) -> list[Example]:
    """Return the examples that the recipe's method can train; tells of worse answers in vain."""
    good = []
    for example in examples:
        finding = _judge_pair(example, spec.recipe.method) if spec else None
        if finding is not None:
            layout.findings.append(finding.at(example.path))
        if finding is None or finding.severity is not Severity.ERROR:
            good.append(example)
        else:
            layout.rejected += 1
    return good


def _judge_pair(example: Example, method: str) -> Finding | None:
    """Return what is wrong with an example's pair of answers: DPO needs one, and no other does."""
    worse = example.rejected
    if method != DPO:
        is_told = worse is not None
        where = example.rejected_mark
        return Finding("", *where, "unused-rejected", Severity.NOTE) if is_told else None
    if worse is None:
        return Finding("", *(example.marks or ((1, 1),))[-1], "no-rejected")
    better = example.messages[-1]
    is_same = normalise(better.content) == normalise(worse.content)
    is_same = is_same and better.extra.get("tool_calls") == worse.extra.get("tool_calls")
    return Finding("", *example.rejected_mark, "same-rejected") if is_same else None


def _short_enough(
    examples: list[Example],
    spec: DatasetSpec | None,
    limit_tokens: Mapping[str, int],
    layout: Layout,
) -> list[Example]:
    """Return the examples within the base model's token limit; tells of the others."""
    limit = limit_tokens.get(spec.recipe.base_model) if spec else None
    if limit is None or spec is None:
        return examples
    good = []
    for example in examples:
        trained = example.trained_by(spec.recipe.method)
        tokens = _tokens_if_near(trained, spec.system, limit)
        if tokens <= limit:
            good.append(example)
            continue
        arguments: dict[str, str | int] = {"tokens": tokens, "limit": limit}
        finding = Finding("", 1, 1, "too-many-tokens", arguments=arguments)
        layout.findings.append(finding.at(example.path))
        layout.rejected += 1
    return good


def _tokens_if_near(example: Example, system: str, limit: int) -> int:
    """Return the example's tokens, or an upper bound when that already keeps the limit.

    A token is at least one byte, so short texts need no counting (and no vocabulary).
    """
    messages = example.with_system(system)
    if example.rejected is not None:
        messages = (*messages, example.rejected)
    if not example.tools and not any(each.extra for each in messages):
        size = sum(len(each.content.encode()) + _FRAME_TOKENS for each in messages)
        if size + PER_CONVERSATION <= limit:
            return size
    return count_example(example, system)


def _few(examples: Sequence[Example]) -> list[Finding]:
    arguments: dict[str, str | int] = {"good": len(examples), "fewest": FEWEST, "advised": ADVISED}
    folder = EXAMPLES.rstrip("/")
    if len(examples) < FEWEST:
        return [Finding(folder, 1, 1, "too-few-examples", arguments=arguments)]
    if len(examples) < ADVISED:
        return [Finding(folder, 1, 1, "few-examples", Severity.WARNING, arguments)]
    return []
