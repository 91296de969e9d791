"""Preview: what a dataset would be if some of its files were other ones, before any commit.

The real checker looks at the whole dataset, as it is and as it would be: so a copy of a known
question is found, and so is what an edit does to files that nobody edited.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from merlin.dataset.check import BlobCache, CheckedDataset, check
from merlin.dataset.example import Example, count_example
from merlin.dataset.files import FileText
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.spec import DatasetSpec
from merlin.git.source import FILE, Entry

_NO_TEXT = b"\xff"  # what the checker finds to be no UTF-8, as it was in the file


@dataclass(frozen=True, slots=True)
class Preview:
    """What the edits would lead to.

    `findings` stand at edited files, `around` are those that the edits would bring to the rest.
    `good` are the edited examples that would be taken, by path. `added` and `added_tokens`: how
    the number of good examples and their tokens would change by the edited ones.
    """

    findings: tuple[Finding, ...]
    around: tuple[Finding, ...]
    spec: DatasetSpec | None
    good: Mapping[str, Example] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    added: int = 0
    added_tokens: int = 0

    @property
    def is_good(self) -> bool:
        """Return whether nothing at the edited files is an error."""
        return not any(each.severity is Severity.ERROR for each in self.findings)


# Examples of which the reading is remembered, so that the next check is quick.
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class EditChecker:
    """What checks edits in a process: it remembers the examples that it has read.

    A large dataset takes a while: neither in the event loop nor in the thread that writes.
    """

    _cache: BlobCache = field(default_factory=lambda: BlobCache(_REMEMBERED))
    _lock: Lock = field(default_factory=Lock)

    def check(
        self,
        dataset: str,
        files: Sequence[FileText],
        limit_tokens: Mapping[str, int] | None = None,
    ) -> CheckedDataset:
        """Return the dataset as its `files` lie, checked. One caller at a time."""
        contents = {each.path: (each.blob, _bytes(each.text)) for each in files}
        with self._lock:
            return _checked(dataset, contents, self._cache, limit_tokens)

    def preview(
        self,
        dataset: str,
        files: Sequence[FileText],
        edits: Mapping[str, str | None],
        limit_tokens: Mapping[str, int] | None = None,
    ) -> Preview:
        """Return what the dataset's `files` would be with `edits` (path to text, None: deleted).

        `limit_tokens`: base model -> how many tokens one training example may have. One caller at
        a time.
        """
        before = {each.path: (each.blob, _bytes(each.text)) for each in files}
        after = {path: told for path, told in before.items() if path not in edits}
        for path, text in edits.items():
            if text is not None:
                content = text.encode("utf-8", "surrogatepass")
                # The blob tells their bytes apart.
                after[path] = (f"edit-{hashlib.sha256(content).hexdigest()}", content)
        with self._lock:
            old = _checked(dataset, before, self._cache, limit_tokens)
            new = _checked(dataset, after, self._cache, limit_tokens)
        own = {escape_unprintable(path) for path in edits}
        told = {(each.path, each.rule) for each in old.findings}
        good = {each.path: each for each in new.examples if each.path in edits}
        tokens = {path: _count(each, new.spec) for path, each in good.items()}
        gone = [_count(each, new.spec) for each in old.examples if each.path in edits]
        return Preview(
            findings=tuple(each for each in new.findings if each.path in own),
            around=tuple(
                each
                for each in new.findings
                if each.path not in own and (each.path, each.rule) not in told
            ),
            spec=new.spec,
            good=good,
            tokens=tokens,
            added=len(good) - len(gone),
            added_tokens=sum(tokens.values()) - sum(gone),
        )


def check_files(
    dataset: str, files: Sequence[FileText], limit_tokens: Mapping[str, int]
) -> CheckedDataset:
    """Return the dataset that these files make, checked."""
    contents = {each.path: (each.blob, _bytes(each.text)) for each in files}
    return _checked(dataset, contents, BlobCache(), limit_tokens)


def _bytes(text: str | None) -> bytes:
    return _NO_TEXT if text is None else text.encode("utf-8")


def _checked(
    dataset: str,
    files: Mapping[str, tuple[str, bytes]],
    cache: BlobCache,
    limit_tokens: Mapping[str, int] | None,
) -> CheckedDataset:
    entries = [Entry(path, blob, FILE, len(content)) for path, (blob, content) in files.items()]
    contents = dict(files.values())

    def read(blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        return ((blob, contents[blob]) for blob in blobs)

    return check(dataset, entries, read, cache, limit_tokens=limit_tokens)


def _count(example: Example, spec: DatasetSpec | None) -> int:
    if spec is None:
        return count_example(example, "")
    return count_example(example.trained_by(spec.recipe.method), spec.system)


def unified_diff(old: str | None, new: str | None, path: str = "") -> str:
    """Return what leads from one text to the other as a unified diff; "" when nothing does.

    None: there is no such file. No line end is added where a text has none.
    """
    lines = difflib.unified_diff(
        (old or "").splitlines(),
        (new or "").splitlines(),
        f"a/{path}" if old is not None else "/dev/null",
        f"b/{path}" if new is not None else "/dev/null",
        lineterm="",
    )
    return "\n".join(lines)
