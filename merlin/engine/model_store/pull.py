"""The pull of a base, from the side of the process that starts the child.

The child that brings a base, from its parent's side: one order in, progress out.

Pulling a base: what is already whole stays, what broke off goes on, nothing is there by half.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from merlin.core.durable_files import remove_durably, rename_durably, try_lock
from merlin.core.errors import LeadTaken, MerlinError, NotFound, Refused
from merlin.engine.job_events import is_full
from merlin.engine.model_store.store import (
    ModelCard,
    check,
    context_of,
    dependents_of,
    files_in,
    files_of,
    fits,
    is_gguf,
    is_in_place,
    parameters_of,
    read_card,
    sha256_of,
)
from merlin.engine.settings import ModelSettings

Tell = Callable[[str, int, int], None]
CHILD = "merlin.engine.model_store.child"
# It calls nobody but the hub, and tells us its progress itself.
QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


class Trouble(Refused):
    """The child could not bring the base, and said why."""


def carried_out(order: Mapping[str, str], log: Path, tell: Tell, lock: int) -> Mapping[str, str]:
    """Let a child carry an order out and return what it found.

    `tell` hears (file or stage, done, of how many). The child holds our `lock` too, so that it is
    taken until the last of us has ended. Raises Trouble with the child's words, MerlinError when
    it died without any; `log` then holds what it printed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as printed:
        child = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            text=True,
            env={**os.environ, **QUIET},
            pass_fds=(lock,),
        )
        try:
            return _heard(child, order, log, tell)
        finally:
            # The end of its stdin ends it; whoever waits no longer, kills it.
            child.kill()
            child.communicate()


def _heard(
    child: subprocess.Popen[str], order: Mapping[str, str], log: Path, tell: Tell
) -> Mapping[str, str]:
    assert child.stdin is not None  # noqa: S101 - both are pipes
    assert child.stdout is not None  # noqa: S101
    child.stdin.write(json.dumps(order) + "\n")
    child.stdin.flush()
    for line in child.stdout:
        said = json.loads(line)
        kind = said.pop("told")
        if kind == "done":
            return dict(said)
        if kind == "trouble":
            raise Trouble(f"{said['key']} {said['arguments']}", said["key"], **said["arguments"])
        tell(said["what"], said["done"], said["total"])
    code = child.wait()
    raise MerlinError(f"exit {code}, see {log}", "library-child-died", code=code, log=str(log))


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


def pull(model: ModelSettings, engine: Path, tell: Tell) -> tuple[ModelCard, bool]:
    """Bring a base into the engine's library; return its card, and whether it had to be brought.

    `tell` hears (file or stage, done, of how many). Raises LeadTaken while another pull of the
    same base runs, NotFound and Refused with words that say what to do.
    """
    root = library_of(engine)
    with held(root, model.name) as lock:
        remove_durably(_old(root, model.name))
        if card := _here(model, root):
            return card, False
        _refuse_to_swap(model, engine)
        try:
            return _brought(model, Bench(engine, tell, lock)), True
        except OSError as error:
            if not is_full(error):
                raise
            remove_durably(draft_of(root, model.name))
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
    lock = try_lock(root / f".{name}.lock")
    if lock is None:
        raise LeadTaken(f"another process pulls {name}", "library-busy", name=name)
    try:
        yield lock
    finally:
        os.close(lock)


def _old(root: Path, name: str) -> Path:
    return root / f".{name}.old"


def _here(model: ModelSettings, root: Path) -> ModelCard | None:
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
    if standing := dependents_of(model.name, engine / "engine.db"):
        told = {"name": model.name, "n": len(standing), "standing": ", ".join(standing[:3])}
        raise Refused(f"{model.name}: {standing} stand on it", "library-swapped", **told)


def _brought(model: ModelSettings, bench: Bench) -> ModelCard:
    root = library_of(bench.engine)
    draft = draft_of(root, model.name)
    if is_in_place(model):
        remove_durably(draft)
        draft.mkdir()
        return _shelved(model, root, Path(model.source), {})
    found = (_converted if is_gguf(model) else _fetched)(model, draft, bench)
    return _shelved(model, root, draft, found)


def _converted(model: ModelSettings, draft: Path, bench: Bench) -> Mapping[str, str]:
    source = Path(model.source)
    if not source.is_file():
        raise NotFound(f"{source} does not exist", "library-no-file", path=str(source))
    remove_durably(draft)
    draft.mkdir()
    try:
        bench.let(model, work="convert", source=str(source), draft=str(draft))
    except BaseException:
        remove_durably(draft)
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
            remove_durably(draft)
        raise


def _shelved(model: ModelSettings, root: Path, files: Path, found: Mapping[str, str]) -> ModelCard:
    """Check what came, write its card and give it its place."""
    check(files, is_embedding=model.is_embedding)
    card = ModelCard(
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
    rename_durably(draft, place)
    remove_durably(old)
    return card
