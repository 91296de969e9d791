"""A model store for tests: an engine's folder with one configured base."""

import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from merlin.config.engine import EngineModelConfig
from merlin.core.durable_files import try_lock
from merlin.engine.model_store.pull import pull
from merlin.engine.model_store.store import get_library_folder, remove, require_base_folder
from tests.engine.hub_standin import REPOSITORY, make_base_files


def write_base(folder, files=None):
    """Write a base's files; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (make_base_files() if files is None else files).items():
        (folder / name).write_bytes(content)
    return folder


@dataclass
class Library:
    """The model store of one engine, with one base."""

    engine: Path
    model: EngineModelConfig

    @classmethod
    def create(cls, engine, source=REPOSITORY, **options):
        key = "path" if Path(source).is_absolute() else "hub"
        return cls(engine, EngineModelConfig(**{key: str(source)}, **options))

    @property
    def root(self):
        return get_library_folder(self.engine)

    @property
    def entries(self):
        """Return the names of files and folders in the library except locks."""
        names = {path.name for path in self.root.glob("*")} if self.root.exists() else set()
        return {name for name in names if not name.endswith(".lock")}

    def pull(self, progress=None):
        progress = [] if progress is None else progress
        return pull("tiny", self.model, self.engine, lambda *report: progress.append(report))

    def folder(self):
        return require_base_folder("tiny", self.model, self.root)

    def remove(self, **options):
        return remove("tiny", {"tiny": self.model}, self.engine, **options)

    @contextmanager
    def hold_lock(self):
        """Hold the base's lock, as a pull of another process does; fail if it is held."""
        self.root.mkdir(parents=True, exist_ok=True)
        lock = try_lock(self.root / ".tiny.lock")
        assert lock is not None
        try:
            yield
        finally:
            os.close(lock)

    def is_free(self):
        """Return whether the base is not locked."""
        try:
            with self.hold_lock():
                return True
        except AssertionError:
            return False

    def add_tuned_models(self, *names):
        """Insert tuned models that depend on the base into the engine's database."""
        from merlin.engine.database import Database

        self.engine.mkdir(parents=True, exist_ok=True)
        Database(self.engine / "engine.db").close()
        with sqlite3.connect(self.engine / "engine.db") as rows:
            for name in names:
                rows.execute(
                    "INSERT INTO model (id, name, job_id, base, path, created_at, metrics, digest)"
                    " VALUES (?, ?, 'job', 'tiny', '', 0, '{}', '')",
                    (name, name),
                )
