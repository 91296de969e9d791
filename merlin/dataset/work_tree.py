"""Read datasets from a folder on disk as git would see them, without git.

Links are not followed: a link is an entry of its own and becomes a finding.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from merlin.core.errors import ConfigError
from merlin.dataset.yaml_io import MAX_FILE_BYTES
from merlin.git.source import (
    EXECUTABLE,
    FILE,
    GITLINK,
    MAX_LISTED,
    SYMLINK,
    TOO_MANY,
    BlobReader,
    TreeEntry,
)

HOME = "datasets"
_GIT = ".git"  # of a repository: of this one, or of another one in a folder of it
_OTHER = "000000"  # sockets, devices: git has no mode for them


@dataclass(frozen=True, slots=True)
class Folder:
    """One dataset's folder.

    `shown` is the folder's path as the person entered it: paths in findings begin with it. `path`
    is resolved, except that a link beside other datasets is a dataset that git does not have.
    """

    path: Path
    shown: str

    @property
    def name(self) -> str:
        """Return the dataset's name, which is the folder's."""
        return self.path.name


def find_folders(paths: Iterable[Path]) -> list[Folder]:
    """Return the datasets at the paths, each once, as it was entered first.

    A path is one dataset, something in one, or a folder or repository of several. Raises
    ConfigError if it does not exist or there is no dataset.
    """
    found: dict[Path, Folder] = {}
    for each in (folder for path in paths for folder in _find_folders(path)):
        found.setdefault(each.path, each)
    return list(found.values())


def _find_folders(path: Path) -> list[Folder]:
    if not os.path.lexists(path):
        raise ConfigError(f"no such path: {path}", "check-no-such-path", path=str(path))
    if _is_dataset(path):
        return [Folder(path.resolve(), "" if str(path) == "." else str(path))]
    containing = _find_containing(path)
    if containing:
        return [containing]
    below = _find_below(path)
    if not below:
        raise ConfigError(f"no dataset in {path}", "check-no-dataset", path=str(path))
    return [Folder(entry.parent.resolve() / entry.name, str(entry)) for entry in below]


def _find_below(path: Path) -> list[Path]:
    """Return the datasets in a folder; for a whole repository those in its folder `datasets`."""
    if not path.is_dir():
        return []
    home = path / HOME
    if not _is_dataset(home) and (there := _find_below(home)):
        return there
    every = (entry for entry in path.iterdir() if not entry.name.startswith("."))
    visible = sorted(
        entry
        for entry in every
        if entry.is_dir() and (not entry.is_symlink() or _is_dataset(entry))
    )
    return visible if any(_is_dataset(entry) for entry in visible) else []


def _is_dataset(path: Path) -> bool:
    return os.path.lexists(path / "dataset.yaml") or (path / "examples").is_dir()


def _find_containing(path: Path) -> Folder | None:
    """Return the dataset that contains `path`, if there is one."""
    # Not resolved: a link is checked itself, not its target.
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve follows links
    for parent in absolute.parents:
        if os.path.lexists(parent / "dataset.yaml"):
            shown = str(parent) if path.is_absolute() else os.path.relpath(parent)
            return Folder(parent.resolve(), "" if shown == "." else shown)
    return None


def work_tree(
    folder: Path, most: int = MAX_LISTED
) -> tuple[list[TreeEntry], BlobReader]:
    """Return the entries below `folder`, and a function that yields (blob, bytes) of given blobs.

    A number takes the place of git's id, so each file is read only once. Files larger than
    `MAX_FILE_BYTES` are listed, but not read. Of more than `most` files only `TOO_MANY`.
    """
    if folder.is_symlink():
        return [TreeEntry("", "", SYMLINK, 0)], lambda _: iter(())
    # Strings, because creating a Path for each file takes as long as reading it.
    entries = list[TreeEntry]()
    places = dict[str, str]()
    root = os.path.join(folder, "")  # noqa: PTH118
    for path, file_stat in _files_below(str(folder)):
        if len(entries) == most:
            return [TOO_MANY], lambda _: iter(())
        mode = _mode(file_stat)
        small = mode in (FILE, EXECUTABLE) and file_stat.st_size <= MAX_FILE_BYTES
        blob = str(len(entries)) if small else ""
        places[blob] = path
        relative = path.removeprefix(root).replace(os.sep, "/")
        entries.append(TreeEntry(relative, blob, mode, file_stat.st_size))
    return entries, lambda blobs: ((blob, _read(places[blob])) for blob in blobs)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


def _files_below(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name == _GIT:
            continue
        if entry.is_dir(follow_symlinks=False) and not os.path.lexists(
            f"{entry.path}/{_GIT}"
        ):
            yield from _files_below(entry.path)
        else:
            yield entry.path, entry.stat(follow_symlinks=False)


def _mode(file_stat: os.stat_result) -> str:
    if stat.S_ISLNK(file_stat.st_mode):
        return SYMLINK
    if stat.S_ISDIR(file_stat.st_mode):
        return GITLINK
    if not stat.S_ISREG(file_stat.st_mode):
        return _OTHER
    return EXECUTABLE if file_stat.st_mode & stat.S_IXUSR else FILE
