"""An append-only file of JSON lines: what a stand-in keeps over its own end.

A line is written whole before the stand-in goes on, so `kill -9` loses nothing that was
answered; a line torn by the kill is cut off at the next start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Journal:
    """One file of JSON objects, oldest first; without a path nothing is kept."""

    def __init__(self, path: Path | None, *, fsync: bool = False) -> None:
        self._path = path
        self._fsync = fsync
        self._descriptor: int | None = None

    def replay(self) -> Iterator[dict[str, Any]]:
        """Yield what was written before, and cut off a torn last line."""
        if self._path is None or not self._path.exists():
            return
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self._path, whole)
        for line in content[:whole].splitlines():
            yield json.loads(line)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one object; it is with the operating system (or on disk) on return."""
        if self._path is None:
            return
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._descriptor = os.open(self._path, flags, 0o600)
        os.write(self._descriptor, json.dumps(record, ensure_ascii=False).encode() + b"\n")
        if self._fsync:
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; a later `append` opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
