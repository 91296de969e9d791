"""The store of base models: where each is, and whether it can be used.

A base is a folder of its owner, or a download in the folder `bases`, named after its source:
another hub id or revision is another folder. Nothing here loads or executes a model: only
safetensors, no remote code; a file that is damaged is found by whoever loads it.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from merlin.config.engine import EngineModelConfig
from merlin.core.json_fields import read_json_object
from merlin.engine.architectures import find_architecture
from merlin.engine.trainers.base import Untrainable

_TEMPLATES = ("chat_template.jinja", "chat_template.json")
# The files of a base's tokenizer, its chat template among them.
TOKENIZER_PATTERNS = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab.*",
    "merges.txt",
    "spiece.model",
)


def find_program(command: str) -> str | None:
    """Return a program of another environment: a path, or a name beside our Python or in PATH."""
    beside = shutil.which(Path(sys.executable).parent / command)
    return str(beside) if beside else shutil.which(command)


def find_fault(folder: Path) -> str:
    """Return the Fluent key that says what a base's folder lacks, "" for nothing."""
    if not folder.is_dir():
        return "library-no-folder"
    if not (folder / "config.json").is_file():
        return "library-no-config"
    if not any(folder.glob("*.safetensors")):
        return "library-no-weights"
    has_template = read_json_object(folder / "tokenizer_config.json").get(
        "chat_template"
    ) or any((folder / name).is_file() for name in _TEMPLATES)
    return "" if has_template else "library-no-template"


def list_warnings(
    models: Mapping[str, EngineModelConfig], engine: Path
) -> Iterator[tuple[str, str]]:
    """Yield names of bases that are here, each with the Fluent key of what is advised against."""
    for name, model in models.items():
        folder = model.locate(engine)
        known = (
            find_architecture(folder)
            if read_json_object(folder / "config.json")
            else None
        )
        if known is None or not known.is_delicate:
            continue
        if model.quantised == "4bit":
            yield name, "library-advises-no-4bit"
        # Questions without a temperature, as the bot's, take the base's own.
        own = read_json_object(folder / "generation_config.json")
        if not own.get("do_sample") or own.get("temperature") == 0:
            yield name, "library-advises-sampling"


def require_base_folder(name: str, model: EngineModelConfig, engine: Path) -> Path:
    """Return the folder of a base. Raises Untrainable that says what to do if it is unusable."""
    folder = model.locate(engine)
    if model.hub and not folder.is_dir():
        raise Untrainable("base_not_pulled", "library-not-pulled", "model", name=name)
    if fault := find_fault(folder):
        raise Untrainable("base_unusable", fault, "model", folder=str(folder))
    return folder
