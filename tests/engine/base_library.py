"""A model store for tests: an engine's folder with one configured base."""

import json
from dataclasses import dataclass
from pathlib import Path

from merlin.config.engine import LIBRARY, EngineModelConfig
from merlin.engine.model_download import pull
from merlin.engine.model_store import require_base_folder
from tests.engine.hub_standin import REPOSITORY, make_base_files


def write_base(folder, files=None):
    """Write a base's files; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (make_base_files() if files is None else files).items():
        (folder / name).write_bytes(content)
    return folder


def write_qwen35(folder):
    """Write a base whose makers advise against some settings; return the folder."""
    config = json.dumps({"architectures": ["Qwen3_5ForConditionalGeneration"]}).encode()
    return write_base(folder, {**make_base_files(), "config.json": config})


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
        return self.engine / LIBRARY

    @property
    def entries(self):
        """Return the names of the folders in the library."""
        return {path.name for path in self.root.glob("*")}

    def pull(self):
        return pull(self.model, self.engine)

    def folder(self):
        return require_base_folder("tiny", self.model, self.engine)
