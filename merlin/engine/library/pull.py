"""Pulling a base: what is already whole stays, what broke off goes on, nothing is there by half."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from merlin.core.durable import remove, settle
from merlin.core.errors import LeadTaken, NotFound, Refused
from merlin.core.lock import taken
from merlin.engine.failure import is_full
from merlin.engine.library.anatomy import check, context_of, parameters_of
from merlin.engine.library.card import Card, files_in, read_card, sha256_of
from merlin.engine.library.place import files_of, fits, is_gguf, is_in_place
from merlin.engine.library.standing import standing_on
from merlin.engine.library.worker import Tell, Trouble, carried_out
from merlin.engine.settings import ModelSettings

DISK_FULL = "library-disk-full"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where one pull works: the engine's folder, who hears of progress, the lock it holds."""

    engine: Path
    tell: Tell
    lock: int

    def let(self, model: ModelSettings, **order: str) -> Mapping[str, str]:
        """Let a child carry an order out; see worker.carried_out."""
        log = self.engine / "logs" / f"pull-{model.name}.log"
        return carried_out(order, log, self.tell, self.lock)


def pull(model: ModelSettings, engine: Path, tell: Tell) -> tuple[Card, bool]:
    """Bring a base into the engine's library; return its card, and whether it had to be brought.

    `tell` hears (file or stage, done, of how many). Raises LeadTaken while another pull of the
    same base runs, NotFound and Refused with words that say what to do.
    """
    root = library_of(engine)
    with held(root, model.name) as lock:
        remove(_old(root, model.name))
        if card := _here(model, root):
            return card, False
        _refuse_to_swap(model, engine)
        try:
            return _brought(model, Bench(engine, tell, lock)), True
        except OSError as error:
            if not is_full(error):
                raise
            remove(draft_of(root, model.name))
            raise Refused(str(error), DISK_FULL) from error


def library_of(engine: Path) -> Path:
    """Return the folder of bases in the engine's folder."""
    return engine / "bases"


def draft_of(root: Path, name: str) -> Path:
    """Return where a base lies until it is whole; no base's name begins with a dot."""
    return root / f".{name}.part"


@contextmanager
def held(root: Path, name: str) -> Iterator[int]:
    """Keep other pulls and removals of one base away; yield the lock. Raises LeadTaken."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = taken(root / f".{name}.lock")
    if lock is None:
        raise LeadTaken(f"another process pulls {name}", "library-busy", name=name)
    try:
        yield lock
    finally:
        os.close(lock)


def _old(root: Path, name: str) -> Path:
    return root / f".{name}.old"


def _here(model: ModelSettings, root: Path) -> Card | None:
    """Return the card of a base that is whole, None where it must be brought."""
    card = read_card(root / model.name)
    if card is None or not fits(model, card) or any(card.damage(files_of(model, root))):
        return None
    source = Path(model.source)
    if is_gguf(model) and source.exists() and sha256_of(source) != card.commit:
        return None
    return card


def _refuse_to_swap(model: ModelSettings, engine: Path) -> None:
    """Raise Refused where tuned models stand on other weights than those that would come."""
    card = read_card(library_of(engine) / model.name)
    if card is None or fits(model, card) or is_in_place(model):
        return
    if standing := standing_on(model.name, engine / "engine.db"):
        told = {"name": model.name, "n": len(standing), "standing": ", ".join(standing[:3])}
        raise Refused(f"{model.name}: {standing} stand on it", "library-swapped", **told)


def _brought(model: ModelSettings, bench: Bench) -> Card:
    root = library_of(bench.engine)
    draft = draft_of(root, model.name)
    if is_in_place(model):
        remove(draft)
        draft.mkdir()
        return _shelved(model, root, Path(model.source), {})
    found = (_converted if is_gguf(model) else _fetched)(model, draft, bench)
    return _shelved(model, root, draft, found)


def _converted(model: ModelSettings, draft: Path, bench: Bench) -> Mapping[str, str]:
    source = Path(model.source)
    if not source.is_file():
        raise NotFound(f"{source} does not exist", "library-no-file", path=str(source))
    remove(draft)
    draft.mkdir()
    try:
        bench.let(model, work="convert", source=str(source), draft=str(draft))
    except BaseException:
        remove(draft)
        raise
    return {"commit": sha256_of(source)}


def _fetched(model: ModelSettings, draft: Path, bench: Bench) -> Mapping[str, str]:
    draft.mkdir(exist_ok=True)
    card = read_card(library_of(bench.engine) / model.name)
    # What is damaged comes again as it was: models that were tuned on it stand on its commit.
    revision = card.commit if card and fits(model, card) else model.revision
    order = {"work": "fetch", "source": model.source, "revision": revision}
    try:
        return bench.let(model, **order, draft=str(draft))
    except Trouble as trouble:
        # What has come stays for the next try, unless it is what filled the disk.
        if trouble.key == DISK_FULL:
            remove(draft)
        raise


def _shelved(model: ModelSettings, root: Path, files: Path, found: Mapping[str, str]) -> Card:
    """Check what came, write its card and give it its place."""
    check(files, is_embedding=model.is_embedding)
    card = Card(
        source=model.source,
        revision=model.revision,
        commit=found.get("commit", ""),
        licence=model.licence or found.get("licence", ""),
        parameters=parameters_of(files),
        context=context_of(files),
        files=files_in(files),
    )
    draft, place, old = draft_of(root, model.name), root / model.name, _old(root, model.name)
    card.write(draft)
    if place.exists():
        place.rename(old)
    settle(draft, place)
    remove(old)
    return card
