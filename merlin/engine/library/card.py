"""The card of a base: where it came from and what lies there, in `merlin.json` beside its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "merlin.json"
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """One file of a base: its bytes and their sha256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a base that lies here.

    `source` and `revision` are the configuration's words; `commit` is the hub's commit, or the
    sha256 of the .gguf file. `parameters` are counted in the weights; `context` is its window in
    tokens, 0 where its files do not say.
    """

    source: str
    revision: str
    commit: str
    licence: str
    parameters: int
    context: int
    files: Mapping[str, File]

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(file.size for file in self.files.values())

    def write(self, folder: Path) -> None:
        """Write the card into a folder that nobody uses yet."""
        told = json.dumps(asdict(self), ensure_ascii=False, indent=2)
        (folder / NAME).write_text(told + "\n", encoding="utf-8")

    def damage(self, folder: Path, *, is_thorough: bool = False) -> Iterator[str]:
        """Yield the files that are gone or have another size; where `is_thorough`, other bytes."""
        for name, file in self.files.items():
            path = folder / name
            is_whole = path.is_file() and path.stat().st_size == file.size
            if not is_whole or (is_thorough and sha256_of(path) != file.sha256):
                yield name


def read_card(folder: Path) -> Card | None:
    """Return the card in a folder, None where there is none or it cannot be read."""
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
        files = {name: File(**each) for name, each in said.pop("files").items()}
        return Card(**said, files=files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def files_in(folder: Path) -> dict[str, File]:
    """Return every file below a folder with its checksum, but the card."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    return {
        str(path.relative_to(folder)): File(path.stat().st_size, sha256_of(path)) for path in paths
    }


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
