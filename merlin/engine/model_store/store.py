"""The store of base models: list, check and remove them, and estimate their memory.

A base is in a folder of its owner, or in the library (`library_folder`) under its name; its card,
`merlin.json`, contains its source and checksums. Nothing here loads or executes a model: only
safetensors, no remote code. `pull` downloads one. A memory estimate is the weights in their dtype,
a quarter more for activations, and torch's own memory: for SmolLM2-135M in float32 2.2 GB for
training and 1.3 GB for serving; measured were 1.8 to 2.5 GB and 1 GB. Long examples and large
batches need more.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from merlin.config.engine import EngineModelConfig
from merlin.core.durable_files import FileDigest, folder_bytes, remove_durably, sha256_of, try_lock
from merlin.core.errors import LeadTaken, NotFound, Refused
from merlin.engine.encoder_files import onnx_of
from merlin.engine.trainers.base import Untrainable

# Arguments: a file or stage, the amount done, and the total.
Progress = Callable[[str, int, int], None]
DISK_FULL = "library-disk-full"
CPU = "cpu"
WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
TEMPLATES = ("chat_template.jinja", "chat_template.json")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
WINDOWS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
# Source: safetensors' format: eight bytes of length, little-endian, then a header in JSON.
LENGTH = struct.Struct("<Q")
MAX_HEADER_BYTES = 100_000_000


def check(folder: Path, model: EngineModelConfig) -> None:
    """Raise Refused, saying what is missing and what to do, if the folder cannot be loaded."""
    if not folder.is_dir():
        raise _refused("library-no-folder", folder)
    if not (folder / "config.json").is_file():
        raise _refused("library-no-config", folder)
    if model.backend == "onnx":
        if onnx_of(folder) is None:
            raise _refused("library-no-onnx", folder)
        if not (folder / "tokenizer.json").is_file():
            raise _refused("library-no-tokenizer-json", folder)
        return
    _check_weights(folder)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise _refused("library-no-tokenizer", folder)
    has_template = _json(folder / "tokenizer_config.json").get("chat_template") or any(
        (folder / name).is_file() for name in TEMPLATES
    )
    if not model.embeddings and not has_template:
        raise _refused("library-no-template", folder)


def parameters_of(folder: Path) -> int:
    """Return the parameter count of a folder's safetensors. Raises Refused for a broken file."""
    return sum(_parameters(path) for path in sorted(folder.glob("*.safetensors")))


def context_of(folder: Path) -> int:
    """Return the context window in tokens from config.json, 0 if it names none."""
    config = _json(folder / "config.json")
    inside = config.get("text_config")
    config |= inside if isinstance(inside, dict) else {}
    windows = (config.get(name) for name in WINDOWS)
    return next((window for window in windows if isinstance(window, int)), 0)


def _check_weights(folder: Path) -> None:
    if (folder / SHARDS).is_file():
        named = _json(folder / SHARDS).get("weight_map")
        shards = set(named.values()) if isinstance(named, dict) else set()
        missing = sorted(name for name in shards if not (folder / str(name)).is_file())
        if missing or not shards:
            raise _refused("library-no-shard", folder, file=", ".join(missing) or SHARDS)
    elif not (folder / WEIGHTS).is_file():
        pickled = any(True for pattern in PICKLED for _ in folder.glob(pattern))
        raise _refused("library-pickled" if pickled else "library-no-weights", folder)


def _parameters(path: Path) -> int:
    try:
        with path.open("rb") as file:
            (length,) = LENGTH.unpack(file.read(LENGTH.size))
            header = json.loads(file.read(min(length, MAX_HEADER_BYTES)))
        shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
        return sum(math.prod(shape) for shape in shapes)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused("library-broken-weights", path.parent, file=path.name) from error


def _json(path: Path) -> dict[str, object]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _refused(key: str, folder: Path, **arguments: object) -> Refused:
    return Refused(f"{folder}: {key} {arguments or ''}", key, folder=str(folder), **arguments)


NAME = "merlin.json"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The metadata of a stored base.

    `source` and `revision` are those of the configuration; `commit` is the hub's commit, or the
    sha256 of the .gguf file. `parameters` are counted in the weights; `context` is the window in
    tokens, 0 if its files do not name it.
    """

    source: str
    revision: str
    commit: str
    licence: str
    parameters: int
    context: int
    files: Mapping[str, FileDigest]

    @property
    def size(self) -> int:
        """Return the total size in bytes."""
        return sum(file.size for file in self.files.values())

    def write(self, folder: Path) -> None:
        """Write the card into a folder that is not in use yet."""
        (folder / NAME).write_bytes(_CARD.dump_json(self, indent=2) + b"\n")

    def damage(self, folder: Path, *, is_thorough: bool = False) -> Iterator[str]:
        """Yield missing files and those of another size; if `is_thorough`, compare checksums."""
        for name, file in self.files.items():
            path = folder / name
            is_whole = path.is_file() and path.stat().st_size == file.size
            if not is_whole or (is_thorough and sha256_of(path) != file.sha256):
                yield name


_CARD = TypeAdapter(ModelCard)


def read_card(folder: Path) -> ModelCard | None:
    """Return the card in a folder, None if there is none or it cannot be read."""
    try:
        return _CARD.validate_json((folder / NAME).read_bytes())
    except (OSError, ValueError):
        return None


def files_in(folder: Path) -> dict[str, FileDigest]:
    """Return all files below a folder with their checksums, without the card."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    return {
        str(path.relative_to(folder)): FileDigest(path.stat().st_size, sha256_of(path))
        for path in paths
    }


# Bytes per parameter; embeddings and norms of a quantised base are not quantised.
BYTES = {"float32": 4.0, "bfloat16": 2.0, "8bit": 1.1, "4bit": 0.6}
# The factor on the weights, and torch's own memory in bytes.
TRAINING, ANSWERING = (1.25, 1.5e9), (1.1, 0.7e9)


def memory_for(
    use: tuple[float, float], parameters: int, model: EngineModelConfig, device: str
) -> int | None:
    """Return the estimated bytes of a LoRA job, or of our own backend, on a device.

    None if the number of parameters is unknown.
    """
    factor, itself = use
    return round(parameters * BYTES[_kind(model, device)] * factor + itself) if parameters else None


def _kind(model: EngineModelConfig, device: str) -> str:
    if model.quantised != "none":
        return model.quantised
    if model.dtype != "auto":
        return model.dtype
    return "float32" if device == CPU else "bfloat16"


TUNED = "SELECT name FROM model WHERE base = ? AND step IS NULL ORDER BY seq"
WAITING = (
    "SELECT id FROM job WHERE base = ? AND status NOT IN ('succeeded', 'failed', 'cancelled')"
    " ORDER BY seq"
)


def dependents_of(base: str, database: Path) -> Sequence[str]:
    """Return the ids of tuned models and unfinished jobs that need a base, oldest first."""
    if not database.exists():
        return ()
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)) as rows:
        names = [*rows.execute(TUNED, (base,)), *rows.execute(WAITING, (base,))]
    return [str(name) for (name,) in names]


def is_gguf(model: EngineModelConfig) -> bool:
    """Return whether the base is one .gguf file."""
    return is_here(model) and Path(model.source).suffix.lower() == ".gguf"


def is_here(model: EngineModelConfig) -> bool:
    """Return whether the source of the base is a local path; else it is on the hub."""
    return Path(model.source).is_absolute()


def is_in_place(model: EngineModelConfig) -> bool:
    """Return whether the base is a local folder that is used without a copy."""
    return is_here(model) and not is_gguf(model)


def files_of(name: str, model: EngineModelConfig, root: Path) -> Path:
    """Return the folder of the base's files, which need not exist."""
    return Path(model.source) if is_in_place(model) else root / name


def fits(model: EngineModelConfig, card: ModelCard) -> bool:
    """Return whether the stored base is the one that the configuration names.

    A .gguf file is not needed after its conversion.
    """
    return card.source == model.source and (is_here(model) or card.revision == model.revision)


def folder_of(
    name: str, model: EngineModelConfig, root: Path, *, is_thorough: bool = False
) -> Path:
    """Return the folder of a base after checking it; `root` is the library.

    Checks file sizes, and checksums only if `is_thorough`. Raises Untrainable with the command to
    run.
    """
    folder = files_of(name, model, root)
    card = read_card(root / name)
    if not is_in_place(model):
        if card is None:
            raise _untrainable("base_not_pulled", "library-not-pulled", name)
        if not fits(model, card):
            raise _untrainable("base_not_pulled", "library-other-source", name)
    if card is not None and fits(model, card):
        damaged = next(card.damage(folder, is_thorough=is_thorough), None)
        if damaged:
            raise _untrainable("base_damaged", "library-damaged", name, file=damaged)
    try:
        check(folder, model)
    except Refused as error:
        raise Untrainable("base_unusable", error.key, "model", **error.arguments) from error
    return folder


def _untrainable(code: str, key: str, name: str, **arguments: object) -> Untrainable:
    return Untrainable(code, key, "model", name=name, **arguments)


def library_folder(engine: Path) -> Path:
    """Return the library: the folder of bases in the engine's folder."""
    return engine / "bases"


def draft_of(root: Path, name: str) -> Path:
    """Return the folder of an incomplete base; names of bases never begin with a dot."""
    return root / f".{name}.part"


@contextmanager
def lock_base(root: Path, name: str) -> Iterator[int]:
    """Lock a base against other pulls and removals; yield the lock. Raises LeadTaken."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = try_lock(root / f".{name}.lock")
    if lock is None:
        raise LeadTaken(f"another process pulls {name}", "library-busy", name=name)
    try:
        yield lock
    finally:
        os.close(lock)


READY, LEFT_OVER = "ready", "left_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One base. `state`: "ready", the code of `problem`, or "left_over" (in no configuration).

    Bytes and tokens are None if unknown; memory sizes are estimates.
    """

    name: str
    source: str
    state: str
    folder: Path
    commit: str | None = None
    licence: str
    size_bytes: int | None = None
    parameters: int | None = None
    context: int | None = None
    training_bytes: int | None = None
    answering_bytes: int | None = None
    standing: Sequence[str]
    problem: Untrainable | None = None


def list_bases(
    models: Mapping[str, EngineModelConfig],
    engine: Path,
    training: str = CPU,
    answering: str = CPU,
    *,
    is_thorough: bool = False,
) -> Iterator[Entry]:
    """Yield every configured base, then stored ones that are no longer configured.

    Memory is estimated for the devices `training` and `answering`. `is_thorough` verifies
    checksums, which reads all files.
    """
    root = library_folder(engine)
    for name, model in models.items():
        folder, card = files_of(name, model, root), read_card(root / name)
        problem = _problem(name, model, root, is_thorough=is_thorough)
        n = card.parameters if card else _count_parameters(folder)
        yield Entry(
            name=name,
            source=model.source,
            state=problem.code if problem else READY,
            folder=folder,
            commit=card.commit if card else None,
            licence=model.licence or (card.licence if card else ""),
            size_bytes=card.size if card else None,
            parameters=n or None,
            context=model.context or (card.context if card else context_of(folder)) or None,
            training_bytes=None if model.embeddings else memory_for(TRAINING, n, model, training),
            answering_bytes=memory_for(ANSWERING, n, model, answering),
            standing=dependents_of(name, engine / "engine.db"),
            problem=problem,
        )
    for folder in sorted(root.glob("[!.]*")):
        if folder.name not in models:
            yield _left_over(folder, engine)


def remove(
    name: str, models: Mapping[str, EngineModelConfig], engine: Path, *, is_forced: bool = False
) -> tuple[int, bool]:
    """Remove a base; return the freed bytes, and whether its source folder stays.

    Of a local folder named in the configuration only the card is removed. Raises NotFound,
    LeadTaken, and Refused if tuned models or jobs depend on it, unless forced.
    """
    root = library_folder(engine)
    place, draft = root / name, draft_of(root, name)
    is_name = name and Path(name).name == name and not name.startswith(".")
    if not is_name or not (place.exists() or draft.exists()):
        raise NotFound(f"no base {name} lies here", "library-nothing-here", name=name)
    standing = dependents_of(name, engine / "engine.db")
    if standing and not is_forced:
        names = {"name": name, "standing": ", ".join(standing[:3])}
        detail = f"{standing} stand on {name}"
        raise Refused(detail, "library-stood-on", n=len(standing), **names)
    with lock_base(root, name):
        freed = folder_bytes(place) + folder_bytes(draft)
        remove_durably(place)
        remove_durably(draft)
    (root / f".{name}.lock").unlink(missing_ok=True)
    return freed, name in models and is_in_place(models[name])


def _left_over(folder: Path, engine: Path) -> Entry:
    card, name = read_card(folder), folder.name
    return Entry(
        name=name,
        source=card.source if card else "",
        state=LEFT_OVER,
        folder=folder,
        commit=card.commit if card else None,
        licence=card.licence if card else "",
        size_bytes=card.size if card else None,
        standing=dependents_of(name, engine / "engine.db"),
    )


def _problem(
    name: str, model: EngineModelConfig, root: Path, *, is_thorough: bool
) -> Untrainable | None:
    try:
        folder_of(name, model, root, is_thorough=is_thorough)
    except Untrainable as error:
        return error
    return None


def _count_parameters(folder: Path) -> int:
    try:
        return parameters_of(folder)
    except Refused:
        return 0
