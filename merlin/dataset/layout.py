"""What a dataset's folder may hold: files, names, limits.

    dataset.yaml · course.yaml · materials/*.md · examples/**/<name>.yaml

README files and git's own dot files may lie anywhere. Every file under `examples/` that ends in
.yaml or .yml counts as meant to be an example: it is taken or rejected with a finding. Limits
keep any repository from filling memory or disk; they are judged by names, modes and sizes before
anything is read.

Names have letters and digits of any script (NFC), ".", "_", "-": safe in a path, an address, a
log line and every file system. A name that breaks the rule gets a proposed one, never a silent
change.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from merlin.dataset.finding import Finding, Severity
from merlin.dataset.yaml_io import too_large_finding
from merlin.git.source import EXECUTABLE, FILE, GITLINK, SYMLINK, Entry


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of one file, number and bytes of all examples; known before anything is read."""

    file_bytes: int = 1_000_000
    files: int = 100_000
    total_bytes: int = 200_000_000


MAX_NAME_BYTES = 200
WORDS_OF_NAME, LETTERS_OF_NAME = 7, 60
_MARKS = "._-"
_EDGES = ".-"
# What keeps the rule at first sight, as most names do.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")


def is_valid_name(name: str) -> bool:
    """Return whether one step of a path keeps the rule.

    Every character is looked at, so a final line end is no letter either.
    """
    if len(name) <= MAX_NAME_BYTES and _PLAIN_NAME.fullmatch(name):
        return True
    return (
        bool(name)
        and name[0] not in _EDGES
        and name[-1] not in _EDGES
        and all(_is_fine(letter) for letter in name)
        and unicodedata.category(name[0])[0] != "M"
        and unicodedata.is_normalized("NFC", name)
        and len(name.encode("utf-8")) <= MAX_NAME_BYTES
    )


def suggest_name(name: str) -> str:
    """Return the nearest good name: what is not allowed becomes "-"; a good name stays."""
    if is_valid_name(name):
        return name
    composed = unicodedata.normalize("NFC", name)
    letters = "".join(letter if _is_fine(letter) else " " for letter in composed)
    joined = "-".join(letters.split())
    while len(joined.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        joined = joined[:-1]
    joined = joined.strip(_EDGES)
    while joined and unicodedata.category(joined[0])[0] == "M":
        joined = joined[1:].lstrip(_EDGES)
    return joined or "unnamed"


class NameAllocator:
    """Gives good names that nobody has yet; those that differ by letter case alone are one."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {each.casefold() for each in taken}
        # The last number given to a name: what begins alike is not counted through anew each time.
        self._last: dict[str, int] = {}

    def new(self, question: str) -> str:
        """Return a name made of a question's first words; it counts as taken from now on."""
        words = suggest_name(question.casefold()).replace(".", "-").split("-")
        spoken = "-".join([word for word in words if word][:WORDS_OF_NAME])
        name = suggest_name(spoken[:LETTERS_OF_NAME])
        free, number = name, self._last.get(name, 1)
        while free.casefold() in self._taken:
            number += 1
            free = f"{name}-{number}"
        self._last[name] = number
        self._taken.add(free.casefold())
        return free


def _is_fine(letter: str) -> bool:
    # Letters, numbers, and the combining marks that many scripts write vowels with.
    return letter in _MARKS or unicodedata.category(letter)[0] in "LNM"


EXAMPLES = "examples/"
MATERIALS = "materials/"
DATASET_FILE = "dataset.yaml"
COURSE_FILE = "course.yaml"


def example_path(example_id: str) -> str:
    """Return the path of an example's file within its dataset."""
    return f"{EXAMPLES}{example_id}.yaml"


def example_id_of(path: str) -> str:
    """Return the id of the example whose file this is."""
    return path.removeprefix(EXAMPLES).removesuffix(".yaml")


_QUIET_NAMES = (".gitkeep", ".gitignore", ".gitattributes")
_NO_FILE = {SYMLINK: "symlink", GITLINK: "submodule"}


@dataclass(slots=True)
class Layout:
    """The entries by what they are; `examples` are fit to be read, ordered by path.

    `rejected` are meant as examples and cannot be one, `beyond` is how many more are over the
    limits. `findings` stand beside the path that they come from.
    """

    dataset: Entry | None = None
    course: Entry | None = None
    examples: list[Entry] = field(default_factory=list)
    materials: dict[str, Entry] = field(default_factory=dict)
    rejected: list[Entry] = field(default_factory=list)
    beyond: int = 0
    findings: list[tuple[str, Finding]] = field(default_factory=list)

    def report(self, entry: Entry, finding: Finding) -> None:
        """Add what was found of an entry."""
        self.findings.append((entry.path, finding))


def read_layout(entries: Sequence[Entry], limits: Limits) -> Layout:
    """Return what lies where; files that cannot be used are counted or told, never skipped."""
    layout = Layout()
    for entry in sorted(entries, key=lambda each: each.path):
        name = entry.path.rpartition("/")[2]
        is_quiet = name in _QUIET_NAMES or name.upper().startswith("README")
        if is_meant_as_example(entry.path):
            _take_example(entry, layout, limits)
        elif not (is_quiet and entry.mode in (FILE, EXECUTABLE)):
            _take_other(entry, layout, limits)
    _keep_within(layout, limits)
    return layout


def _take_example(entry: Entry, layout: Layout, limits: Limits) -> None:
    finding = _unfit(entry, limits) or _misnamed(entry)
    if finding:
        layout.rejected.append(entry)
        layout.report(entry, finding)
        return
    layout.examples.append(entry)
    if entry.mode == EXECUTABLE:
        layout.report(entry, _about(entry, "executable", Severity.WARNING))


def _take_other(entry: Entry, layout: Layout, limits: Limits) -> None:
    finding = _unfit(entry, limits)
    if finding:
        layout.report(entry, finding)
    elif entry.path == DATASET_FILE:
        layout.dataset = entry
    elif entry.path == COURSE_FILE:
        layout.course = entry
    elif entry.path.startswith(MATERIALS):
        layout.materials[entry.path] = entry
    elif entry.path.startswith(EXAMPLES):
        proposed = _suggest_path(entry.path, entry.path.rpartition("/")[2].rpartition(".")[0])
        layout.report(entry, _about(entry, "not-an-example", Severity.WARNING, proposed=proposed))
    else:
        layout.report(entry, _about(entry, "stray-file", Severity.NOTE))


def _unfit(entry: Entry, limits: Limits) -> Finding | None:
    """Return what forbids reading this entry at all."""
    if entry.mode not in (FILE, EXECUTABLE):
        return _about(entry, _NO_FILE.get(entry.mode, "not-a-file"))
    if entry.size > limits.file_bytes:
        return too_large_finding(entry.size, limits.file_bytes).at(entry.path)
    return None


def _misnamed(entry: Entry) -> Finding | None:
    proposed = suggest_path(entry.path)
    return None if proposed == entry.path else _about(entry, "bad-name", proposed=proposed)


def is_meant_as_example(path: str) -> bool:
    """Return whether a file with this path is taken for an example, or rejected as one."""
    return path.startswith(EXAMPLES) and bool(_ending(path))


def suggest_path(path: str) -> str:
    """Return the nearest good path to that of an example; a good one stays."""
    return _suggest_path(path, path.rpartition("/")[2].removesuffix(_ending(path)))


def _suggest_path(path: str, stem: str) -> str:
    folders = path.removeprefix(EXAMPLES).split("/")[:-1]
    return example_path("/".join(suggest_name(step) for step in (*folders, stem)))


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
            finding = Finding(EXAMPLES[:-1], 1, 1, rule, arguments=arguments)
            layout.findings.append((EXAMPLES[:-1], finding))
            layout.beyond = beyond
            del layout.examples[place:]
            return


def _about(
    entry: Entry, rule: str, severity: Severity = Severity.ERROR, **arguments: str | int
) -> Finding:
    return Finding("", 1, 1, rule, severity, arguments).at(entry.path)
