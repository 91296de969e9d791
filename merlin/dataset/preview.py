"""Preview edits of a dataset before any commit.

The checker runs on the whole dataset, with and without the edits. It therefore finds copies of
existing questions, and the effects of an edit on unedited files.
"""

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from merlin.dataset.check import (
    CheckedDataset,
    ParsedFile,
    ParsedFiles,
    ParsedKey,
    check,
)
from merlin.dataset.entries import FileText
from merlin.dataset.example import Example
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.lint import PERSONAL
from merlin.git.source import FILE, BlobReader, TreeEntry

_NO_TEXT = b"\xff"  # invalid UTF-8 for the checker, as in the file itself


@dataclass(frozen=True, slots=True)
class Preview:
    """The effects of edits.

    `findings` concern edited files, `around` are new findings in other files. `good` are the edited
    examples that would be accepted, by path.
    """

    findings: tuple[Finding, ...]
    around: tuple[Finding, ...]
    good: Mapping[str, Example] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Return whether the edited files have no error."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def personal(self) -> Mapping[str, frozenset[str]]:
        """Return the rules of personal data that edited files break; none beside other errors."""
        rules: dict[str, frozenset[str]] = {}
        for finding in self.findings:
            if finding.severity is Severity.ERROR:
                rules[finding.path] = rules.get(finding.path, frozenset()) | {
                    finding.rule
                }
        return rules if PERSONAL.issuperset(chain(*rules.values())) else {}


@dataclass(frozen=True, slots=True)
class EditChecker:
    """Checks edits; it remembers parsed files, so that a later check parses only what changed.

    With more than `most_parsed` it forgets them all. A large dataset takes a while: call it neither
    in the event loop nor in the writer thread.
    """

    most_parsed: int = 10_000
    _parsed: dict[ParsedKey, ParsedFile] = field(default_factory=dict)

    def check(
        self,
        dataset: str,
        files: Sequence[FileText],
        limit_tokens: Mapping[str, int] | None = None,
    ) -> CheckedDataset:
        """Return the checked dataset of these files; `limit_tokens` as in `preview`."""
        return check_files(dataset, files, limit_tokens, self._parsed)

    def preview(
        self,
        dataset: str,
        files: Sequence[FileText],
        edits: Mapping[str, str | None],
        limit_tokens: Mapping[str, int] | None = None,
    ) -> Preview:
        """Return the effects of `edits` (path to text, None: deleted) on the dataset's `files`.

        `limit_tokens`: base model -> the most tokens of a training example.
        """
        before = _contents(files)
        after = {path: content for path, content in before.items() if path not in edits}
        for path, text in edits.items():
            if text is not None:
                content = text.encode("utf-8", "surrogatepass")
                after[path] = (edited_blob(text), content)
        if len(self._parsed) > self.most_parsed:
            self._parsed.clear()
        old, new = (
            check(dataset, _entries(each), _reader(each), limit_tokens, self._parsed)
            for each in (before, after)
        )
        edited_paths = {escape_unprintable(path) for path in edits}
        known_findings = {(finding.path, finding.rule) for finding in old.findings}
        fresh = [
            each
            for each in new.findings
            if (each.path, each.rule) not in known_findings
        ]
        return Preview(
            findings=tuple(
                finding for finding in new.findings if finding.path in edited_paths
            ),
            around=tuple(
                finding for finding in fresh if finding.path not in edited_paths
            ),
            good={each.path: each for each in new.examples if each.path in edits},
        )


def edited_blob(text: str) -> str:
    """Return the blob that identifies the content of an edit; git has none of it yet."""
    return f"edit-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def check_files(
    dataset: str,
    files: Sequence[FileText],
    limit_tokens: Mapping[str, int] | None = None,
    parsed: ParsedFiles | None = None,
) -> CheckedDataset:
    """Return the checked dataset of these files; `parsed` as in `check`."""
    contents = _contents(files)
    return check(dataset, _entries(contents), _reader(contents), limit_tokens, parsed)


def _contents(files: Sequence[FileText]) -> dict[str, tuple[str, bytes]]:
    """Return path -> blob and content."""
    return {
        file.path: (
            file.blob,
            _NO_TEXT if file.text is None else file.text.encode("utf-8"),
        )
        for file in files
    }


def _entries(files: Mapping[str, tuple[str, bytes]]) -> list[TreeEntry]:
    return [
        TreeEntry(path, blob, FILE, len(content))
        for path, (blob, content) in files.items()
    ]


def _reader(files: Mapping[str, tuple[str, bytes]]) -> BlobReader:
    contents = dict(files.values())
    return lambda blobs: ((blob, contents[blob]) for blob in blobs)


def unified_diff(old: str | None, new: str | None, path: str = "") -> str:
    """Return the unified diff of two texts, "" if they are equal; None stands for no file.

    A missing line end at the end of a text is not added.
    """
    lines = difflib.unified_diff(
        (old or "").splitlines(),
        (new or "").splitlines(),
        f"a/{path}" if old is not None else "/dev/null",
        f"b/{path}" if new is not None else "/dev/null",
        lineterm="",
    )
    return "\n".join(lines)
