"""The contents of a dataset's folder: allowed files, names and limits.

    dataset.yaml · course.yaml · imports.yaml · materials/*.md · examples/**/<name>.yaml

README files and git's own dot files are allowed anywhere. Every file under `examples/` that ends
in .yaml or .yml is meant as an example: it is accepted or rejected with a finding. The limits
protect memory and disk; they are checked by names, modes and sizes before anything is read.

Names consist of letters and digits of any script (NFC), ".", "_", "-": safe in paths, URLs, log
lines and every file system. For an invalid name a valid one is proposed; it is never changed
silently.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from merlin.core.names import MAX_NAME_BYTES, PLAIN_NAME, suggest_name
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.yaml_io import MAX_FILE_BYTES, too_large_finding
from merlin.git.source import EXECUTABLE, FILE, GITLINK, MAX_LISTED, SYMLINK, TreeEntry

# Of all examples together.
MAX_EXAMPLES = 100_000
MAX_EXAMPLE_BYTES = 200_000_000
# Of a path within a dataset: git recurses over it; at a thousand times this length it crashes.
MAX_PATH_BYTES = 1_000
MAX_NAME_WORDS = 7
MAX_GIVEN_NAME_LENGTH = 60
# They follow an emoji and show nothing.
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f]")


def name_dataset(folder: str) -> str:
    """Return the name under which a folder is recorded: printable, another one for each folder."""
    return escape_unprintable(folder.replace("\\", "\\\\"))


class NameAllocator:
    """Makes unused valid names; names that differ only by case count as equal."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.casefold() for name in taken}
        # The last number used for a name, so that numbering does not start at 1 each time.
        self._last_numbers: dict[str, int] = {}

    def allocate(self, question: str) -> str:
        """Return a name made of a question's first words, and mark it as used."""
        text = _VARIATION_SELECTORS.sub("", question.casefold())
        words = suggest_name(text).replace(".", "-").split("-")
        first_words = "-".join([word for word in words if word][:MAX_NAME_WORDS])
        name = suggest_name(first_words[:MAX_GIVEN_NAME_LENGTH])
        free = name
        number = self._last_numbers.get(name, 1)
        while free.casefold() in self._taken:
            number += 1
            free = f"{name}-{number}"
        self._last_numbers[name] = number
        self._taken.add(free.casefold())
        return free


EXAMPLES = "examples/"
# How the ids of people's rated answers begin, which builds have beside the examples.
RATED = "rated/"
MATERIALS = "materials/"
# Endings of the documents that texts of materials are made from: one may lie beside its text.
ORIGINALS = (".pdf", ".docx", ".html")
# How the name of the first of several texts of a document ends.
FIRST_PART = "-part-1"
DATASET_FILE = "dataset.yaml"
_PLAIN_PATH = re.compile(
    rf"{EXAMPLES}({PLAIN_NAME.pattern}/)*{PLAIN_NAME.pattern}\.yaml"
)
COURSE_FILE = "course.yaml"
IMPORTS_FILE = "imports.yaml"


def example_path(example_id: str) -> str:
    """Return the path of an example's file within its dataset."""
    return f"{EXAMPLES}{example_id}.yaml"


def example_id_of(path: str) -> str:
    """Return the id of the example in the file with this path."""
    return path.removeprefix(EXAMPLES).removesuffix(".yaml")


_IGNORED_NAMES = (".gitkeep", ".gitignore", ".gitattributes")
_KINDS = {SYMLINK: "link", GITLINK: "submodule"}


@dataclass(slots=True)
class Layout:
    """The classified entries of a dataset's folder.

    `examples` may be read and are ordered by path. `rejected` are files meant as examples that
    cannot be read; `beyond` counts the examples over the limits. `findings` are
    pairs of the original path and its finding.
    """

    dataset: TreeEntry | None = None
    course: TreeEntry | None = None
    imports: TreeEntry | None = None
    examples: list[TreeEntry] = field(default_factory=list)
    materials: dict[str, TreeEntry] = field(default_factory=dict)
    rejected: list[TreeEntry] = field(default_factory=list)
    beyond: int = 0
    findings: list[tuple[str, Finding]] = field(default_factory=list)


def read_layout(entries: Sequence[TreeEntry]) -> Layout:
    """Classify the entries; every unusable file is counted or has a finding."""
    layout = Layout()
    for entry in sorted(entries, key=lambda entry: entry.path):
        name = entry.path.rpartition("/")[2]
        is_ignored = name in _IGNORED_NAMES or name.upper().startswith("README")
        if is_meant_as_example(entry.path):
            _add_example(entry, layout)
        elif not (is_ignored and entry.mode in (FILE, EXECUTABLE)):
            _add_other(entry, layout)
    for path, entry in layout.materials.items():
        stem, dot, ending = path.rpartition(".")
        texts = {f"{stem}.md", f"{stem}{FIRST_PART}.md"}
        if f"{dot}{ending}" in ORIGINALS and texts.isdisjoint(layout.materials):
            finding = _entry_finding(entry, "unread-document", Severity.WARNING)
            layout.findings.append((path, finding))
    _apply_limits(layout)
    return layout


def _add_example(entry: TreeEntry, layout: Layout) -> None:
    finding = _find_entry_error(entry) or _find_name_error(entry)
    if finding:
        layout.rejected.append(entry)
        layout.findings.append((entry.path, finding))
        return
    layout.examples.append(entry)


def _add_other(entry: TreeEntry, layout: Layout) -> None:
    finding = _find_entry_error(entry)
    if finding:
        layout.findings.append((entry.path, finding))
    elif entry.path == DATASET_FILE:
        layout.dataset = entry
    elif entry.path == COURSE_FILE:
        layout.course = entry
    elif entry.path == IMPORTS_FILE:
        layout.imports = entry
    elif entry.path.startswith(MATERIALS):
        layout.materials[entry.path] = entry
    elif entry.path.startswith(EXAMPLES):
        proposed = _suggest_path(
            entry.path, entry.path.rpartition("/")[2].rpartition(".")[0]
        )
        finding = _entry_finding(
            entry, "not-an-example", Severity.WARNING, proposed=proposed
        )
        layout.findings.append((entry.path, finding))
    else:
        finding = _entry_finding(entry, "stray-file", Severity.NOTE)
        layout.findings.append((entry.path, finding))


def _find_entry_error(entry: TreeEntry) -> Finding | None:
    """Return the finding about an entry that cannot be read, None for a readable file."""
    if entry.mode not in (FILE, EXECUTABLE):
        return _entry_finding(entry, "not-a-file", kind=_KINDS.get(entry.mode, "other"))
    if entry.size > MAX_FILE_BYTES:
        return too_large_finding(entry.size).at(entry.path)
    return None


def _find_name_error(entry: TreeEntry) -> Finding | None:
    if len(entry.path) <= MAX_NAME_BYTES and _PLAIN_PATH.fullmatch(entry.path):
        return None
    proposed = _propose_path(entry.path)
    if proposed == entry.path:
        return None
    return _entry_finding(entry, "bad-name", proposed=proposed)


def is_meant_as_example(path: str) -> bool:
    """Return whether a file with this path is meant as an example."""
    return path.startswith(EXAMPLES) and bool(_yaml_suffix(path))


def _propose_path(path: str) -> str:
    """Return a similar valid path for an example, without the folders that make it too long."""
    return _suggest_path(path, path.rpartition("/")[2].removesuffix(_yaml_suffix(path)))


def _suggest_path(path: str, stem: str) -> str:
    *folders, name = map(
        suggest_name, (*path.removeprefix(EXAMPLES).split("/")[:-1], stem)
    )
    sizes = (len(folder.encode()) + 1 for folder in folders)
    lengths = accumulate(sizes, initial=len(example_path(name).encode()))
    depth = sum(length <= MAX_PATH_BYTES for length in lengths) - 1
    return example_path("/".join((*folders[:depth], name)))


def _yaml_suffix(path: str) -> str:
    # Exactly these two: for `.YAML` and others a name is proposed.
    return (
        ".yaml" if path.endswith(".yaml") else ".yml" if path.endswith(".yml") else ""
    )


def _apply_limits(layout: Layout) -> None:
    """Take none of the examples if they are too many or too large together, with one finding."""
    count = len(layout.examples)
    size = sum(entry.size for entry in layout.examples)
    if count > MAX_EXAMPLES or size > MAX_EXAMPLE_BYTES:
        layout.findings.append((EXAMPLES[:-1], too_many_files_finding(count, size)))
        layout.beyond = count
        layout.examples.clear()


def too_many_files_finding(count: int, size: int) -> Finding:
    """Return the finding about examples over the limits; 0: they could not even be listed."""
    limits = {"limit": MAX_EXAMPLES, "most": MAX_EXAMPLE_BYTES, "listed": MAX_LISTED}
    arguments: dict[str, str | int] = {"count": count, "size": size, **limits}
    return Finding(EXAMPLES[:-1], 1, 1, "too-many-files", arguments=arguments)


def _entry_finding(
    entry: TreeEntry,
    rule: str,
    severity: Severity = Severity.ERROR,
    **arguments: str | int,
) -> Finding:
    return Finding("", 1, 1, rule, severity, arguments).at(entry.path)
