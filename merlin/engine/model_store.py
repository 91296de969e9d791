"""The store of base models: check them; `model_download` fetches them.

A base is in a folder of its owner, or under its name in the library, the folder `bases`; a card,
`merlin.json`, tells where a downloaded one came from. Nothing here loads or executes a model: only
safetensors, no remote code.
"""

import json
import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from merlin.config.engine import EngineModelConfig
from merlin.core.errors import Refused
from merlin.core.json_fields import get_object, read_json_object
from merlin.engine.trainers.base import Untrainable

# The folder of bases in the engine's folder.
LIBRARY = "bases"
WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
TEMPLATES = ("chat_template.jinja", "chat_template.json")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
WINDOWS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
# Source: safetensors' format: eight bytes of length, little-endian, then a header in JSON.
HEADER_LENGTH = struct.Struct("<Q")
MAX_HEADER_BYTES = 100_000_000


def check_files(folder: Path) -> None:
    """Raise Refused, saying what is missing and what to do, if the folder cannot be loaded."""
    if not folder.is_dir():
        raise _make_refusal("library-no-folder", folder)
    if not (folder / "config.json").is_file():
        raise _make_refusal("library-no-config", folder)
    for path in folder.glob("*.safetensors"):
        _check_length(path)
    _check_weights(folder)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise _make_refusal("library-no-tokenizer", folder)
    has_template = read_json_object(folder / "tokenizer_config.json").get("chat_template") or any(
        (folder / name).is_file() for name in TEMPLATES
    )
    if not has_template:
        raise _make_refusal("library-no-template", folder)


def read_context(folder: Path) -> int:
    """Return the context window in tokens from config.json, 0 if it names none."""
    config = read_json_object(folder / "config.json")
    config |= get_object(config, "text_config")
    windows = (config.get(name) for name in WINDOWS)
    return next((window for window in windows if isinstance(window, int)), 0)


def _check_weights(folder: Path) -> None:
    if (folder / SHARDS).is_file():
        named = get_object(read_json_object(folder / SHARDS), "weight_map")
        shards = set(map(str, named.values()))
        missing = sorted(name for name in shards if not (folder / name).is_file())
        if missing or not shards:
            raise _make_refusal("library-no-shard", folder, file=", ".join(missing) or SHARDS)
    elif not (folder / WEIGHTS).is_file():
        pickled = any(True for pattern in PICKLED for _ in folder.glob(pattern))
        raise _make_refusal("library-pickled" if pickled else "library-no-weights", folder)


def _check_length(path: Path) -> None:
    """Raise Refused unless a safetensors file is as long as its header says."""
    try:
        with path.open("rb") as file:
            (length,) = HEADER_LENGTH.unpack(file.read(HEADER_LENGTH.size))
            header = json.loads(file.read(min(length, MAX_HEADER_BYTES)))
        header.pop("__metadata__", None)
        end = max((tensor["data_offsets"][1] for tensor in header.values()), default=0)
        is_whole = path.stat().st_size == HEADER_LENGTH.size + length + end
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise _make_refusal("library-broken-weights", path.parent, file=path.name)


def _make_refusal(key: str, folder: Path, **arguments: object) -> Refused:
    return Refused(f"{folder}: {key} {arguments or ''}", key, folder=str(folder), **arguments)


CARD_NAME = "merlin.json"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Where a downloaded base came from.

    `source` and `revision` are those of the configuration; `commit` is the hub's.
    """

    source: str
    revision: str
    commit: str


_CARD = TypeAdapter(ModelCard)


def write_card(card: ModelCard, folder: Path) -> None:
    """Write the card into a folder that is not in use yet."""
    (folder / CARD_NAME).write_bytes(_CARD.dump_json(card, indent=2) + b"\n")


def read_card(folder: Path) -> ModelCard | None:
    """Return the card in a folder, None if there is none or it cannot be read."""
    try:
        return _CARD.validate_json((folder / CARD_NAME).read_bytes())
    except (OSError, ValueError):
        return None


_TUNED_MODELS = "SELECT name FROM model WHERE base = ? AND step IS NULL ORDER BY seq"
_UNFINISHED_JOBS = (
    "SELECT id FROM job WHERE base = ? AND status NOT IN ('succeeded', 'failed', 'cancelled')"
    " ORDER BY seq"
)


def list_dependents(base: str, database: Path) -> Sequence[str]:
    """Return the ids of tuned models and unfinished jobs that need a base, oldest first."""
    if not database.exists():
        return ()
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)) as rows:
        names = [*rows.execute(_TUNED_MODELS, (base,)), *rows.execute(_UNFINISHED_JOBS, (base,))]
    return [str(name) for (name,) in names]


def require_no_dependents(base: str, engine: Path, key: str) -> None:
    """Raise Refused with the text `key` if tuned models or unfinished jobs need a base."""
    if dependents := list_dependents(base, engine / "engine.db"):
        names = {"name": base, "dependents": ", ".join(dependents[:3])}
        raise Refused(f"{dependents} depend on {base}", key, n=len(dependents), **names)


def is_in_place(model: EngineModelConfig) -> bool:
    """Return whether the base is a local folder that is used without a copy; else a hub's."""
    return Path(model.source).is_absolute()


def get_base_folder(name: str, model: EngineModelConfig, root: Path) -> Path:
    """Return the folder of the base's files, which need not exist."""
    return Path(model.source) if is_in_place(model) else root / name


def is_same_source(model: EngineModelConfig, card: ModelCard) -> bool:
    """Return whether the stored base is the one that the configuration names."""
    return (card.source, card.revision) == (model.source, model.revision)


def require_base_folder(name: str, model: EngineModelConfig, root: Path) -> Path:
    """Return the folder of a base after checking it; `root` is the library.

    Raises Untrainable with the command to run.
    """
    folder = get_base_folder(name, model, root)
    if not is_in_place(model):
        card = read_card(folder)
        if card is None:
            raise Untrainable("base_not_pulled", "library-not-pulled", "model", name=name)
        if not is_same_source(model, card):
            raise Untrainable("base_not_pulled", "library-other-source", "model", name=name)
    try:
        check_files(folder)
    except Refused as error:
        if is_in_place(model):
            raise Untrainable("base_unusable", error.key, "model", **error.arguments) from error
        raise Untrainable("base_damaged", "library-damaged", "model", name=name) from error
    return folder
