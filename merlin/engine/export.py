"""A model of the engine in a new folder, in a form that other programs load.

    adapter   PEFT's layout with the base's own name, its tokenizer and its chat template
    merged    the base with the adapter's changes, in the class of its own config
    ollama    the same with a Modelfile

A child process merges, and compares the two by the tokens of the proof. The folder appears whole or
not at all. A `recall` has no such form: its file leaves as it is.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merlin.config.engine import RECALL, EngineModelConfig
from merlin.core.durable_files import remove_durably, write_durably
from merlin.core.errors import Refused
from merlin.engine import ollama, proof
from merlin.engine.architectures import read_class
from merlin.engine.chat_template import write_adapted
from merlin.engine.child_process import build_environment
from merlin.engine.database import Database
from merlin.engine.model_store import TOKENIZER_PATTERNS
from merlin.engine.storage import Repositories
from merlin.engine.trainers.exact_first import RECALL_FILE
from merlin.openai_protocol.errors import ApiError

ADAPTER_CONFIG = "adapter_config.json"
_CHILD = "merlin.engine.export_child"
# The most that the scores of the two forms may differ by in the mean: one set of weights.
TOLERANCE = proof.TOLERANCE
_TEMPLATE = "chat_template.jinja"


# The forms.
ADAPTER = "adapter"
MERGED = "merged"
OLLAMA = "ollama"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model of the engine; `weights` is the folder of an adapter, or the file of a `recall`."""

    name: str
    base: str
    weights: Path

    @property
    def is_recall(self) -> bool:
        """Return whether it is a `recall` alone."""
        return self.base == RECALL


def find_stored(engine: Path, name: str) -> StoredModel | None:
    """Return a model of the engine's folder, None if it has none of this name.

    A running engine is not disturbed.
    """
    path = engine / "engine.db"
    if not path.is_file():
        return None
    database = Database(path)
    try:
        models = Repositories(database, engine).models
        row = models.get(name)
        return StoredModel(name, row["base"], models.path(row))
    except ApiError:
        return None
    finally:
        database.close()


def write_whole(to: Path, fill: Callable[[Path], None]) -> None:
    """Write a new folder by `fill`, which gets an empty one, durably or not at all.

    Raises Refused if it exists, OSError if the disk refuses.
    """
    if to.exists():
        raise Refused(f"{to} exists", "export-exists", folder=str(to))

    def write(part: Path) -> None:
        remove_durably(part)  # of a killed command
        part.mkdir()
        fill(part)

    write_durably(to, write)


def write_adapter(
    stored: StoredModel, base: EngineModelConfig, base_folder: Path, folder: Path
) -> None:
    """Write an adapter into a folder so that PEFT finds its base by name.

    Raises OSError.
    """
    shutil.copytree(stored.weights, folder, dirs_exist_ok=True)
    path = folder / ADAPTER_CONFIG
    config = json.loads(path.read_bytes())
    # The trainer writes the name of the base's folder, by which nobody else finds it.
    config |= {
        "base_model_name_or_path": base.source,
        "revision": base.revision if base.hub else None,
    }
    path.write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    copy_tokenizer(base_folder, folder)


def write_merged(
    stored: StoredModel,
    base: EngineModelConfig,
    base_folder: Path,
    folder: Path,
    device: str,
    system: str | None = None,
) -> float:
    """Write the base with an adapter's changes, with `system` also a Modelfile.

    Returns by how much the scores of the two differ in the mean. Raises Refused if that is more
    than the tolerance, if the base's class has no place in Ollama, or if they cannot be merged;
    OSError.
    """
    if system is not None and (known := read_class(base_folder)) not in ollama.CLASSES:
        raise Refused(f"Ollama takes no {known}", "export-no-ollama", kind=known)
    task = {
        "base": str(base_folder),
        "adapter": str(stored.weights),
        "folder": str(folder),
        "dtype": base.dtype,
        "device": device,
        "system": system,
    }
    command = [sys.executable, "-m", _CHILD, json.dumps(task)]
    log = folder.with_suffix(".log")
    with log.open("wb") as errors:
        child = subprocess.run(  # noqa: S603 - our own module
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=build_environment(),
        )
    result: dict[str, Any] = {"failed": _describe_end(child, log)}
    if child.returncode == 0:
        result = json.loads(child.stdout.decode().splitlines()[-1])
    log.unlink()
    if "failed" in result:
        raise Refused(result["failed"], "export-not-merged", reason=result["failed"])
    distance = float(result["distance"])
    if not distance <= TOLERANCE:
        named = {"distance": distance, "most": TOLERANCE}
        raise Refused(f"they differ by {distance}", "export-differs", **named)
    copy_tokenizer(base_folder, folder)
    shutil.copy(stored.weights / proof.FILE, folder)
    return distance


def _describe_end(child: subprocess.CompletedProcess[bytes], log: Path) -> str:
    """Return why a child has ended without a result."""
    if child.returncode == -signal.SIGKILL:
        return "the process was killed, most likely for want of memory"
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {child.returncode}"


def copy_tokenizer(base_folder: Path, folder: Path) -> None:
    """Copy a base's tokenizer, with the chat template by which its models are trained and asked."""
    for pattern in TOKENIZER_PATTERNS:
        for path in base_folder.glob(pattern):
            shutil.copy(path, folder)
    adapted = folder / f".{_TEMPLATE}"
    if write_adapted(base_folder, adapted):
        adapted.replace(folder / _TEMPLATE)


def write_recall(stored: StoredModel, folder: Path) -> None:
    """Copy the file of a `recall`. Raises OSError."""
    shutil.copy(stored.weights, folder / RECALL_FILE)
