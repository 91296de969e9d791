"""The bytes of the files that a stand-in keeps, by their ids."""

from __future__ import annotations

from pathlib import Path

from merlin.core import durable


class Contents:
    """Whole files below `folder`, on disk before `keep` returns; without a folder in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._in_memory: dict[str, bytes] = {}

    def keep(self, file_id: str, content: bytes) -> None:
        """Keep a file's bytes; `file_id` is one of ours."""
        if self._folder is None:
            self._in_memory[file_id] = content
        else:
            durable.write(self._folder / file_id, lambda path: path.write_bytes(content))

    def read(self, file_id: str) -> bytes:
        """Return a kept file's bytes."""
        if self._folder is None:
            return self._in_memory[file_id]
        return (self._folder / file_id).read_bytes()
