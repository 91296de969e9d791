"""A library of bases for tests: an engine's folder, and one base from wherever a test says."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from merlin.config.engine import EngineModelConfig
from merlin.core.durable_files import try_lock
from merlin.engine.model_store.pull import pull
from merlin.engine.model_store.store import folder_of, library_folder, remove
from tests.engine.hub_standin import REPOSITORY, base_files


def written(folder, files=None, without=()):
    """Write a base's files, all but some; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (base_files() if files is None else files).items():
        if name not in without:
            (folder / name).write_bytes(content)
    return folder


@dataclass
class Library:
    """What tests do with one base in one engine's folder."""

    engine: Path
    model: EngineModelConfig

    @classmethod
    def of(cls, engine, source=REPOSITORY, **other):
        place = "path" if Path(source).is_absolute() else "hub"
        return cls(engine, EngineModelConfig(**{place: str(source)}, **other))

    @property
    def root(self):
        return library_folder(self.engine)

    @property
    def lies(self):
        """Return what lies in the library but locks."""
        found = {path.name for path in self.root.glob("*")} if self.root.exists() else set()
        return {name for name in found if not name.endswith(".lock")}

    def pull(self, told=None):
        told = [] if told is None else told
        return pull("tiny", self.model, self.engine, lambda *each: told.append(each))

    def folder(self):
        return folder_of("tiny", self.model, self.root)

    def remove(self, **other):
        return remove("tiny", {"tiny": self.model}, self.engine, **other)

    @contextmanager
    def taken(self):
        """Hold the base's lock, as a pull of another process does; raise where one does."""
        self.root.mkdir(parents=True, exist_ok=True)
        lock = try_lock(self.root / ".tiny.lock")
        assert lock is not None
        try:
            yield
        finally:
            os.close(lock)

    def is_free(self):
        """Return whether nobody pulls the base."""
        try:
            with self.taken():
                return True
        except AssertionError:
            return False

    def stands(self, *names):
        """Write tuned models that stand on the base, as the engine keeps them."""
        from merlin.engine.database import Rows

        self.engine.mkdir(parents=True, exist_ok=True)
        Rows(self.engine / "engine.db").close()
        with sqlite3.connect(self.engine / "engine.db") as rows:
            for name in names:
                rows.execute(
                    "INSERT INTO model (id, name, job_id, base, path, created_at, metrics, digest)"
                    " VALUES (?, ?, 'job', 'tiny', '', 0, '{}', '')",
                    (name, name),
                )
