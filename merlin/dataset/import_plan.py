"""Import plan: what a file of another program would add to a dataset, before any commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merlin.dataset.change import Edit
from merlin.dataset.check import BlobCache
from merlin.dataset.declared import read_dataset
from merlin.dataset.editing import FileText
from merlin.dataset.finding import Finding, Severity, printable
from merlin.dataset.importing import Imported, edits_of
from merlin.dataset.layout import DATASET_FILE, EXAMPLES
from merlin.dataset.preview import Preview, preview
from merlin.dataset.subject import of_import


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What importing would do.

    `lines` is how many there were; `edits` add those that say something new. `duplicates`: line
    to the path, or to the line ("line 7"), that says the same. `findings` stand at lines, by line.
    `seen` is what the dataset would be with the edits, without what it knows already.
    """

    dataset: str
    lines: int
    edits: tuple[Edit, ...]
    duplicates: Mapping[int, str]
    findings: tuple[tuple[int, Finding], ...]
    seen: Preview

    @property
    def is_good(self) -> bool:
        """Return whether no line has an error."""
        return not any(each.severity is Severity.ERROR for _, each in self.findings)

    @property
    def rejected(self) -> int:
        """Return how many lines have errors."""
        bad = {line for line, each in self.findings if each.severity is Severity.ERROR}
        return len(bad)

    @property
    def subject(self) -> str:
        """Return the commit's first line."""
        return of_import(len(self.edits), self.dataset)


def plan(
    dataset: str,
    files: Sequence[FileText],
    lines: Sequence[Imported],
    cache: BlobCache | None = None,
    limit_tokens: Mapping[str, int] | None = None,
) -> ImportPlan:
    """Return the plan for lines that `read_lines` read, judged by the real checker."""
    taken = [each.example_id for each in files if each.path.startswith(EXAMPLES)]
    edits = edits_of(lines, _system(dataset, files), taken)
    texts = {path: text for path, (_, text) in edits.items()}
    known = cache or BlobCache()
    every = preview(dataset, files, texts, known, limit_tokens)
    new = {path: text for path, text in texts.items() if path not in every.duplicates}
    # What is known already is no part of the commit: nothing is to be told of its file.
    seen = preview(dataset, files, new, known, limit_tokens) if every.duplicates else every
    line_of = {printable(path): line for path, (line, _) in edits.items()}
    found = [(each.line, finding) for each in lines for finding in each.findings]
    found += [(line_of[each.path], each) for each in seen.findings]
    return ImportPlan(
        dataset=dataset,
        lines=len(lines),
        edits=tuple(Edit(path, None, text) for path, text in new.items()),
        duplicates={
            line_of[path]: f"line {line_of[other]}" if other in line_of else other
            for path, other in every.duplicates.items()
        },
        findings=tuple(sorted(found, key=lambda each: each[0])),
        seen=seen,
    )


def _system(dataset: str, files: Sequence[FileText]) -> str:
    text = next((each.text for each in files if each.path == DATASET_FILE), None)
    spec, _ = read_dataset(dataset, None if text is None else text.encode())
    return spec.system if spec else ""
