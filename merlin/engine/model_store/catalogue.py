"""The bases on this machine: list, check and remove them; `pull` brings one.

`engine` is the engine's folder, `root` the library in it (`library_of`). A base lies in
`<root>/<name>/` beside its card `merlin.json`; a folder that the configuration
names stays where it is. Nothing there is ever executed: safetensors only, no code of a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from merlin.core.durable_files import remove_durably
from merlin.core.errors import NotFound, Refused
from merlin.engine.model_store import store
from merlin.engine.model_store.pull import draft_of, library_of, lock_base, pull
from merlin.engine.model_store.store import (
    ModelCard,
    context_of,
    dependents_of,
    files_of,
    folder_of,
    is_in_place,
    parameters_of,
    read_card,
)
from merlin.engine.settings import CPU, ModelSettings
from merlin.engine.trainers.base import Untrainable

READY, LEFT_OVER = "ready", "left_over"


@dataclass(frozen=True, slots=True)
class Devices:
    """Where bases are trained and where they answer, for what they will need there."""

    training: str = CPU
    answering: str = CPU


@dataclass(frozen=True, slots=True)
class Entry:
    """One base. `state`: "ready", the code of `problem`, or "left_over" (in no configuration).

    Bytes and tokens are None where nothing is known; of memory they are estimates.
    """

    name: str
    source: str
    licence: str
    state: str
    folder: Path
    standing: Sequence[str]
    card: ModelCard | None = None
    parameters: int | None = None
    context: int | None = None
    training_bytes: int | None = None
    answering_bytes: int | None = None
    problem: Untrainable | None = None


def list_bases(
    models: Sequence[ModelSettings],
    engine: Path,
    devices: Devices,
    *,
    is_thorough: bool = False,
) -> Iterator[Entry]:
    """Yield every base of the configuration, then what lies here from an earlier one.

    `is_thorough` compares each file's bytes with its checksum, which reads them all.
    """
    root = library_of(engine)
    for model in models:
        yield _entry(model, engine, devices, is_thorough=is_thorough)
    known = {model.name for model in models}
    for folder in sorted(root.glob("[!.]*")):
        if folder.name not in known:
            yield _left_over(folder, engine)


def remove(
    name: str, models: Sequence[ModelSettings], engine: Path, *, is_forced: bool = False
) -> tuple[int, bool]:
    """Take a base away; return the bytes that are free now, and whether its own folder stays.

    A folder that the configuration names is its owner's: only the card goes. Raises NotFound,
    LeadTaken, and Refused where tuned models or jobs stand on it, unless forced.
    """
    root = library_of(engine)
    place, draft = root / name, draft_of(root, name)
    if not _is_name(name) or not (place.exists() or draft.exists()):
        raise NotFound(f"no base {name} lies here", "library-nothing-here", name=name)
    standing = dependents_of(name, engine / "engine.db")
    if standing and not is_forced:
        names = {"name": name, "standing": ", ".join(standing[:3])}
        detail = f"{standing} stand on {name}"
        raise Refused(detail, "library-stood-on", n=len(standing), **names)
    with lock_base(root, name):
        freed = _size(place) + _size(draft)
        remove_durably(place)
        remove_durably(draft)
    (root / f".{name}.lock").unlink(missing_ok=True)
    return freed, any(model.name == name and is_in_place(model) for model in models)


def _is_name(name: str) -> bool:
    return bool(name) and Path(name).name == name and not name.startswith(".")


def _entry(model: ModelSettings, engine: Path, devices: Devices, *, is_thorough: bool) -> Entry:
    root = library_of(engine)
    folder, card = files_of(model, root), read_card(root / model.name)
    problem = _problem(model, root, card, is_thorough=is_thorough)
    n = card.parameters if card else _count_parameters(folder)
    return Entry(
        name=model.name,
        source=model.source,
        licence=model.licence or (card.licence if card else ""),
        state=problem.code if problem else READY,
        folder=folder,
        standing=dependents_of(model.name, engine / "engine.db"),
        card=card,
        parameters=n or None,
        context=model.context or (card.context if card else context_of(folder)) or None,
        training_bytes=store.for_training(n, model, devices.training) if n else None,
        answering_bytes=store.for_answering(n, model, devices.answering) if n else None,
        problem=problem,
    )


def _left_over(folder: Path, engine: Path) -> Entry:
    card, name = read_card(folder), folder.name
    return Entry(
        name=name,
        source=card.source if card else "",
        licence=card.licence if card else "",
        state=LEFT_OVER,
        folder=folder,
        standing=dependents_of(name, engine / "engine.db"),
        card=card,
    )


def _problem(
    model: ModelSettings, root: Path, card: ModelCard | None, *, is_thorough: bool
) -> Untrainable | None:
    try:
        folder = folder_of(model, root)
    except Untrainable as error:
        return error
    damaged = next(card.damage(folder, is_thorough=True), None) if card and is_thorough else None
    if damaged is None:
        return None
    return Untrainable("base_damaged", "library-damaged", "model", name=model.name, file=damaged)


def _count_parameters(folder: Path) -> int:
    try:
        return parameters_of(folder)
    except Refused:
        return 0


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


__all__ = ["files_of", "folder_of", "library_of", "list_bases", "pull", "remove"]
