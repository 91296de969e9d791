"""The store of base models: list, check and remove them.

A base is in a folder of its owner, or under its name in the library, the folder `bases`; its card,
`merlin.json`, contains its source and checksums. Nothing here loads or executes a model: only
safetensors, no remote code. `pull` downloads one.
"""

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
from merlin.core.json_fields import get_object, read_json_object
from merlin.engine.trainers.base import Untrainable

# Arguments: a file, the amount done, and the total.
Progress = Callable[[str, int, int], None]
DISK_FULL = "library-disk-full"
WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
TEMPLATES = ("chat_template.jinja", "chat_template.json")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
WINDOWS = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
# Two of their positions are for padding. Source: transformers, XLMRobertaEmbeddings.
PADDED = ("roberta", "xlm-roberta", "camembert", "mpnet")
# Source: safetensors' format: eight bytes of length, little-endian, then a header in JSON.
HEADER_LENGTH = struct.Struct("<Q")
MAX_HEADER_BYTES = 100_000_000


def check_files(folder: Path) -> None:
    """Raise Refused, saying what is missing and what to do, if the folder cannot be loaded."""
    if not folder.is_dir():
        raise _make_refusal("library-no-folder", folder)
    if not (folder / "config.json").is_file():
        raise _make_refusal("library-no-config", folder)
    count_parameters(folder)
    _check_weights(folder)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise _make_refusal("library-no-tokenizer", folder)
    has_template = read_json_object(folder / "tokenizer_config.json").get("chat_template") or any(
        (folder / name).is_file() for name in TEMPLATES
    )
    if not has_template:
        raise _make_refusal("library-no-template", folder)


def count_parameters(folder: Path) -> int:
    """Return the parameter count of a folder's safetensors. Raises Refused for a broken file."""
    return sum(_count_in_file(path) for path in sorted(folder.glob("*.safetensors")))


def read_context(folder: Path) -> int:
    """Return the context window in tokens from config.json, 0 if it names none."""
    config = read_json_object(folder / "config.json")
    config |= get_object(config, "text_config")
    windows = (config.get(name) for name in WINDOWS)
    window = next((window for window in windows if isinstance(window, int)), 0)
    return max(window - 2 * (config.get("model_type") in PADDED), 0)


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


def _count_in_file(path: Path) -> int:
    try:
        with path.open("rb") as file:
            (length,) = HEADER_LENGTH.unpack(file.read(HEADER_LENGTH.size))
            header = json.loads(file.read(min(length, MAX_HEADER_BYTES)))
        header.pop("__metadata__", None)
        ends = [tensor["data_offsets"][1] for tensor in header.values()]
        size = HEADER_LENGTH.size + length + max(ends, default=0)
        n: int = sum(math.prod(tensor["shape"]) for tensor in header.values())
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _make_refusal("library-broken-weights", path.parent, file=path.name) from error
    if path.stat().st_size != size:
        raise _make_refusal("library-broken-weights", path.parent, file=path.name)
    return n


def _make_refusal(key: str, folder: Path, **arguments: object) -> Refused:
    return Refused(f"{folder}: {key} {arguments or ''}", key, folder=str(folder), **arguments)


CARD_NAME = "merlin.json"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The metadata of a stored base.

    `source` and `revision` are those of the configuration; `commit` is the hub's. `parameters` are
    counted in the weights; `context` is the window in
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
        (folder / CARD_NAME).write_bytes(_CARD.dump_json(self, indent=2) + b"\n")

    def find_damage(self, folder: Path, *, is_thorough: bool = False) -> Iterator[str]:
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
        return _CARD.validate_json((folder / CARD_NAME).read_bytes())
    except (OSError, ValueError):
        return None


def digest_files(folder: Path) -> dict[str, FileDigest]:
    """Return all files below a folder with their checksums, without the card."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD_NAME)
    return {
        str(path.relative_to(folder)): FileDigest(path.stat().st_size, sha256_of(path))
        for path in paths
    }


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
    return card.source == model.source and (is_in_place(model) or card.revision == model.revision)


def require_base_folder(
    name: str, model: EngineModelConfig, root: Path, *, is_thorough: bool = False
) -> Path:
    """Return the folder of a base after checking it; `root` is the library.

    Checks file sizes, and checksums only if `is_thorough`. Raises Untrainable with the command to
    run.
    """
    folder = get_base_folder(name, model, root)
    card = read_card(root / name)
    if not is_in_place(model):
        if card is None:
            raise _untrainable("base_not_pulled", "library-not-pulled", name)
        if not is_same_source(model, card):
            raise _untrainable("base_not_pulled", "library-other-source", name)
    if card is not None and is_same_source(model, card):
        damaged = next(card.find_damage(folder, is_thorough=is_thorough), None)
        if damaged:
            raise _untrainable("base_damaged", "library-damaged", name, file=damaged)
    try:
        check_files(folder)
    except Refused as error:
        raise Untrainable("base_unusable", error.key, "model", **error.arguments) from error
    return folder


def _untrainable(code: str, key: str, name: str, **arguments: object) -> Untrainable:
    return Untrainable(code, key, "model", name=name, **arguments)


def get_library_folder(engine: Path) -> Path:
    """Return the library: the folder of bases in the engine's folder."""
    return engine / "bases"


def get_draft_folder(root: Path, name: str) -> Path:
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
class BaseEntry:
    """One base. `state`: "ready", the code of `problem`, or "left_over" (in no configuration).

    Bytes and tokens are None if unknown.
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
    dependents: Sequence[str]
    problem: Untrainable | None = None


def list_bases(
    models: Mapping[str, EngineModelConfig], engine: Path, *, is_thorough: bool = False
) -> Iterator[BaseEntry]:
    """Yield every configured base, then stored ones that are no longer configured.

    `is_thorough` verifies checksums, which reads all files.
    """
    root = get_library_folder(engine)
    for name, model in models.items():
        folder, card = get_base_folder(name, model, root), read_card(root / name)
        problem = _find_problem(name, model, root, is_thorough=is_thorough)
        n = card.parameters if card else 0 if problem else count_parameters(folder)
        yield BaseEntry(
            name=name,
            source=model.source,
            state=problem.code if problem else READY,
            folder=folder,
            commit=card.commit if card else None,
            licence=model.licence or (card.licence if card else ""),
            size_bytes=card.size if card else None,
            parameters=n or None,
            context=model.context or (card.context if card else read_context(folder)) or None,
            dependents=list_dependents(name, engine / "engine.db"),
            problem=problem,
        )
    for folder in sorted(root.glob("[!.]*")):
        if folder.name not in models:
            yield _build_left_over(folder, engine)


def remove(
    name: str, models: Mapping[str, EngineModelConfig], engine: Path, *, is_forced: bool = False
) -> tuple[int, bool]:
    """Remove a base; return the freed bytes, and whether its source folder stays.

    Of a local folder named in the configuration only the card is removed. Raises NotFound,
    LeadTaken, and Refused if tuned models or jobs depend on it, unless forced.
    """
    root = get_library_folder(engine)
    folder, draft = root / name, get_draft_folder(root, name)
    is_name = name and Path(name).name == name and not name.startswith(".")
    if not is_name or not (folder.exists() or draft.exists()):
        raise NotFound(f"no base {name} lies here", "library-base-not-found", name=name)
    if not is_forced:
        require_no_dependents(name, engine, "library-in-use")
    with lock_base(root, name):
        freed = folder_bytes(folder) + folder_bytes(draft)
        remove_durably(folder)
        remove_durably(draft)
    return freed, name in models and is_in_place(models[name])


def _build_left_over(folder: Path, engine: Path) -> BaseEntry:
    card, name = read_card(folder), folder.name
    return BaseEntry(
        name=name,
        source=card.source if card else "",
        state=LEFT_OVER,
        folder=folder,
        commit=card.commit if card else None,
        licence=card.licence if card else "",
        size_bytes=card.size if card else None,
        dependents=list_dependents(name, engine / "engine.db"),
    )


def _find_problem(
    name: str, model: EngineModelConfig, root: Path, *, is_thorough: bool
) -> Untrainable | None:
    try:
        require_base_folder(name, model, root, is_thorough=is_thorough)
    except Untrainable as error:
        return error
    return None
