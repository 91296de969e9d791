"""Repositories that git makes once per process, and that are copied from then on."""

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory


def read_files(folder):
    """Return path -> content of everything in a folder, None for a folder, in order."""
    return {
        path.relative_to(folder): None if path.is_dir() else path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
    }


def write_files(folder, files):
    """Write what `read_files` returned of another folder."""
    for path, content in files.items():
        if content is None:
            (folder / path).mkdir(parents=True, exist_ok=True)
        else:
            (folder / path).write_bytes(content)


@cache
def _read_empty(options):
    with TemporaryDirectory() as folder:
        command = ["git", "init", "-q", "-b", "main", "--template=", *options, folder]
        subprocess.run(command, check=True)
        return read_files(folder)


def make_repository(folder, *options):
    """Make an empty repository by these options of `git init`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_files(folder, _read_empty(options))
