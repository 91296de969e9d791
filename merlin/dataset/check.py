"""Check: from a dataset's tree entries to good examples and findings.

Nothing is dropped in silence: files meant as examples = good (train + test) + rejected +
duplicate. Only blobs not seen before are read. Never raises for anything that lies in the
repository; what `read` raises (SourceError) passes through.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from merlin.dataset.declared import read_course, read_dataset
from merlin.dataset.example import Example, read_example
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.layout import EXAMPLES, Layout, lay_out
from merlin.dataset.limits import Limits
from merlin.dataset.lint import lint_together, lint_words
from merlin.dataset.source import Entry
from merlin.dataset.spec import CourseSpec, DatasetSpec
from merlin.dataset.tokens import PER_CONVERSATION, count_messages
from merlin.dataset.twins import compare

__all__ = ["FEWEST", "BlobCache", "Checked", "Limits", "Read", "check"]

Read = Callable[[Sequence[str]], Iterator[tuple[str, bytes]]]
_Reading = tuple[Example | None, tuple[Finding, ...]]

FEWEST = 10  # providers refuse a job with fewer examples (OpenAI SFT guide)
ADVISED = 50  # the advised start (the same)
_FRAME_TOKENS = 20  # more than the framing of one message takes


class BlobCache:
    """What was read from the newest `size` blobs, by blob id; a file's bytes say it all."""

    def __init__(self, size: int = 200_000) -> None:
        self._size = size
        self._readings: OrderedDict[str, _Reading] = OrderedDict()

    def recall(self, blob: str) -> _Reading | None:
        """Return what was read from `blob`, or None; it counts as used now."""
        if blob in self._readings:
            self._readings.move_to_end(blob)
        return self._readings.get(blob)

    def keep(self, blob: str, reading: _Reading) -> None:
        """Keep what was read; the longest unused blob is forgotten when there are too many."""
        self._readings[blob] = reading
        if len(self._readings) > self._size:
            self._readings.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked dataset.

    `examples` are good and unique, ordered by id; `duplicates` said the same as one of them;
    `rejected` counts files meant as examples that cannot be used. `spec` is None when dataset.yaml
    is missing or wrong, `course` when there is none or it is wrong. `findings` are ordered by
    path and place.
    """

    name: str
    spec: DatasetSpec | None
    course: CourseSpec | None
    examples: tuple[Example, ...]
    duplicates: tuple[Example, ...]
    rejected: int
    findings: tuple[Finding, ...]

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
) -> Checked:
    """Return what is good in the dataset `name` and what is wrong with it.

    `entries` are the leaves below its folder; `read` yields (blob, bytes) in the order asked.
    `limit_tokens`: base model -> how many tokens one training example may have.
    """
    layout = lay_out(entries, limits)
    spec, course = _declared(name, layout, read)
    good = _readable(layout, read, cache or BlobCache())
    good = _short_enough(good, spec, limit_tokens or {}, layout)
    twins = compare(good)
    layout.rejected += len(twins.leaks)
    layout.findings += [*twins.findings, *lint_together(twins.good, spec), *_few(twins.good)]
    return Checked(
        name=name,
        spec=spec,
        course=course,
        examples=twins.good,
        duplicates=twins.duplicates,
        rejected=layout.rejected,
        findings=tuple(
            sorted(layout.findings, key=lambda each: (each.path, each.line, each.column, each.rule))
        ),
    )


def _declared(
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


def _readable(layout: Layout, read: Read, cache: BlobCache) -> list[Example]:
    """Return the examples that their files say; adds findings and rejections to the layout."""
    readings = _readings([entry.blob for entry in layout.examples], read, cache)
    good = []
    for entry in layout.examples:
        nothing = (None, (Finding("", 1, 1, "unreadable"),))
        example, findings = readings.get(entry.blob, nothing)
        layout.findings += [finding.at(entry.path) for finding in findings]
        if example is None:
            layout.rejected += 1
        else:
            good.append(replace(example, id=_id(entry.path), path=entry.path, blob=entry.blob))
    return good


def _readings(blobs: Sequence[str], read: Read, cache: BlobCache) -> dict[str, _Reading]:
    known = {blob: cache.recall(blob) for blob in blobs}
    readings = {blob: reading for blob, reading in known.items() if reading is not None}
    for blob, content in read([blob for blob, reading in known.items() if reading is None]):
        example, findings = read_example(content)
        reading = (example, findings + lint_words(example) if example else findings)
        readings[blob] = reading
        cache.keep(blob, reading)
    return readings


def _id(path: str) -> str:
    return unicodedata.normalize("NFC", path.removeprefix(EXAMPLES).removesuffix(".yaml"))


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
        tokens = _tokens_if_near(example, spec.system, limit)
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
    if not example.tools and not any(each.extra for each in messages):
        size = sum(len(each.content.encode()) + _FRAME_TOKENS for each in messages)
        if size + PER_CONVERSATION <= limit:
            return size
    return count_messages(messages, example.tools)


def _few(examples: Sequence[Example]) -> list[Finding]:
    arguments: dict[str, str | int] = {"good": len(examples), "fewest": FEWEST, "advised": ADVISED}
    folder = EXAMPLES.rstrip("/")
    if len(examples) < FEWEST:
        return [Finding(folder, 1, 1, "too-few-examples", arguments=arguments)]
    if len(examples) < ADVISED:
        return [Finding(folder, 1, 1, "few-examples", Severity.WARNING, arguments)]
    return []
