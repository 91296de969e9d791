"""What lies where in a dataset's folder, judged by names, modes and sizes before any reading.

    dataset.yaml · course.yaml · materials/*.md · examples/**/<name>.yaml

README files and git's own dot files may lie anywhere. Every file under `examples/` that ends in
.yaml or .yml counts as meant to be an example: it is taken or rejected with a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from merlin.dataset import naming
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.limits import Limits
from merlin.dataset.reading import too_large
from merlin.dataset.source import EXECUTABLE, FILE, GITLINK, SYMLINK, Entry

EXAMPLES = "examples/"
MATERIALS = "materials/"
DATASET_FILE = "dataset.yaml"
COURSE_FILE = "course.yaml"

_QUIET_NAMES = (".gitkeep", ".gitignore", ".gitattributes")
_NO_FILE = {SYMLINK: "symlink", GITLINK: "submodule"}


@dataclass(slots=True)
class Layout:
    """The entries by what they are; `examples` are fit to be read, ordered by path."""

    dataset: Entry | None = None
    course: Entry | None = None
    examples: list[Entry] = field(default_factory=list)
    materials: dict[str, Entry] = field(default_factory=dict)
    rejected: int = 0
    findings: list[Finding] = field(default_factory=list)


def lay_out(entries: Sequence[Entry], limits: Limits) -> Layout:
    """Return what lies where; files that cannot be used are counted or told, never skipped."""
    layout = Layout()
    for entry in sorted(entries, key=lambda each: each.path):
        if entry.path.startswith(EXAMPLES) and _ending(entry.path) in (".yaml", ".yml"):
            _take_example(entry, layout, limits)
        elif not _is_quiet(entry):
            _take_other(entry, layout, limits)
    _keep_within(layout, limits)
    return layout


def _take_example(entry: Entry, layout: Layout, limits: Limits) -> None:
    finding = _unfit(entry, limits) or _misnamed(entry)
    if finding:
        layout.rejected += 1
        layout.findings.append(finding)
        return
    layout.examples.append(entry)
    if entry.mode == EXECUTABLE:
        layout.findings.append(_about(entry, "executable", Severity.WARNING))


def _take_other(entry: Entry, layout: Layout, limits: Limits) -> None:
    finding = _unfit(entry, limits)
    if finding:
        layout.findings.append(finding)
    elif entry.path == DATASET_FILE:
        layout.dataset = entry
    elif entry.path == COURSE_FILE:
        layout.course = entry
    elif entry.path.startswith(MATERIALS):
        layout.materials[entry.path] = entry
    else:
        layout.findings.append(_stray(entry))


def _unfit(entry: Entry, limits: Limits) -> Finding | None:
    """Return what forbids reading this entry at all."""
    if entry.mode not in (FILE, EXECUTABLE):
        return _about(entry, _NO_FILE.get(entry.mode, "not-a-file"))
    if entry.size > limits.file_bytes:
        return too_large(entry.size, limits.file_bytes).at(entry.path)
    return None


def _misnamed(entry: Entry) -> Finding | None:
    steps = entry.path.removeprefix(EXAMPLES).split("/")
    stem, ending = steps[-1][: -len(_ending(entry.path))], _ending(entry.path)
    if ending == ".yaml" and all(naming.is_good(step) for step in (*steps[:-1], stem)):
        return None
    good = "/".join(naming.proposed(step) for step in (*steps[:-1], stem))
    return _about(entry, "bad-name", proposed=f"{EXAMPLES}{good}.yaml")


def _stray(entry: Entry) -> Finding:
    if not entry.path.startswith(EXAMPLES):
        return _about(entry, "stray-file", Severity.NOTE)
    steps = entry.path.removeprefix(EXAMPLES).split("/")
    good = "/".join(naming.proposed(step) for step in (*steps[:-1], steps[-1].rpartition(".")[0]))
    return _about(entry, "not-an-example", Severity.WARNING, proposed=f"{EXAMPLES}{good}.yaml")


def _is_quiet(entry: Entry) -> bool:
    name = entry.path.rpartition("/")[2]
    is_known = name in _QUIET_NAMES or name.upper().startswith("README")
    return is_known and entry.mode in (FILE, EXECUTABLE)


def _ending(path: str) -> str:
    # Only exactly these two: `.YAML` and the like are strangers with a proposed name.
    name = path.rpartition("/")[2]
    return next((each for each in (".yaml", ".yml") if name.endswith(each)), "")


def _keep_within(layout: Layout, limits: Limits) -> None:
    """Reject, with one finding, the examples beyond the number or the bytes that are allowed."""
    total = 0
    for place, entry in enumerate(layout.examples):
        total += entry.size
        if place >= limits.files or total > limits.total_bytes:
            rule = "too-many-files" if place >= limits.files else "too-many-bytes"
            beyond = len(layout.examples) - place
            limit = limits.files if place >= limits.files else limits.total_bytes
            arguments: dict[str, str | int] = {"limit": limit, "beyond": beyond}
            layout.findings.append(Finding(EXAMPLES[:-1], 1, 1, rule, arguments=arguments))
            layout.rejected += beyond
            del layout.examples[place:]
            return


def _about(
    entry: Entry, rule: str, severity: Severity = Severity.ERROR, **arguments: str | int
) -> Finding:
    return Finding("", 1, 1, rule, severity, arguments).at(entry.path)
