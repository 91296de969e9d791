"""Pulling a base: resumable, skips complete files, and installs the base atomically.

A child process does the work: one request in, progress out.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from merlin.config.engine import EngineModelConfig
from merlin.core.durable_files import is_disk_full, remove_durably, rename_durably
from merlin.core.errors import MerlinError, Refused
from merlin.engine.child_process import build_environment
from merlin.engine.model_store.store import (
    DISK_FULL,
    ModelCard,
    Progress,
    check_files,
    count_parameters,
    digest_files,
    get_base_folder,
    get_draft_folder,
    get_library_folder,
    is_in_place,
    is_same_source,
    lock_base,
    read_card,
    read_context,
    require_no_dependents,
)

CHILD = "merlin.engine.model_store.worker"
# Disables telemetry and progress bars of the hub's client.
QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
# Runs a request in a child and returns its result.
Worker = Callable[[Mapping[str, str]], Mapping[str, str]]


def run_worker(
    log: Path, progress: Progress, lock: int, order: Mapping[str, str]
) -> Mapping[str, str]:
    """Run an order in a child process and return its result.

    `progress` is called for each of its progress lines. The child inherits `lock`, so the base
    stays locked until both processes have ended. Raises the child's Refused; MerlinError if the
    child died without a message (`log` then has its output).
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as output:
        child = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env=build_environment(HF_HUB_OFFLINE=os.environ.get("HF_HUB_OFFLINE", "0"), **QUIET),
            pass_fds=(lock,),
        )
        try:
            return _follow(child, order, log, progress)
        finally:
            # The child exits when stdin is closed; if the wait is interrupted, it is killed.
            child.kill()
            child.communicate()


def _follow(
    child: subprocess.Popen[str], order: Mapping[str, str], log: Path, progress: Progress
) -> Mapping[str, str]:
    assert child.stdin is not None  # noqa: S101 - both are pipes
    assert child.stdout is not None  # noqa: S101
    child.stdin.write(json.dumps(order) + "\n")
    child.stdin.flush()
    for line in child.stdout:
        message = json.loads(line)
        kind = message.pop("kind")
        if kind == "done":
            return dict(message)
        if kind == "failed":
            key, arguments = message["key"], message["arguments"]
            raise Refused(f"{key} {arguments}", key, **arguments)
        progress(message["what"], message["done"], message["total"])
    code = child.wait()
    raise MerlinError(f"exit {code}, see {log}", "library-child-died", code=code, log=str(log))


def pull(
    name: str, model: EngineModelConfig, engine: Path, progress: Progress
) -> tuple[ModelCard, bool]:
    """Pull a base into the engine's library; return its card, and whether anything was pulled.

    Raises LeadTaken while another pull of the same base runs, and Refused with a message that says
    what to do.
    """
    root = get_library_folder(engine)
    with lock_base(root, name) as lock:
        previous = _get_previous_folder(root, name)
        if previous.exists() and not (root / name).exists():  # killed while it was replaced
            previous.rename(root / name)
        remove_durably(previous)
        if card := _find_existing(name, model, root):
            return card, False
        _refuse_other_weights(name, model, engine)
        log = engine / "logs" / f"pull-{name}.log"
        try:
            return _obtain(name, model, root, partial(run_worker, log, progress, lock)), True
        except OSError as error:
            if not is_disk_full(error):
                raise
            remove_durably(get_draft_folder(root, name))
            raise Refused(str(error), DISK_FULL) from error


def _get_previous_folder(root: Path, name: str) -> Path:
    return root / f".{name}.old"


def _find_existing(name: str, model: EngineModelConfig, root: Path) -> ModelCard | None:
    """Return the card of a complete base, None if it must be pulled."""
    card = read_card(root / name)
    if card is None or not is_same_source(model, card):
        return None
    return None if any(card.find_damage(get_base_folder(name, model, root))) else card


def _refuse_other_weights(name: str, model: EngineModelConfig, engine: Path) -> None:
    """Raise Refused if tuned models depend on other weights than those to be pulled."""
    card = read_card(get_library_folder(engine) / name)
    if card is not None and not is_same_source(model, card) and not is_in_place(model):
        require_no_dependents(name, engine, "library-source-in-use")


def _obtain(name: str, model: EngineModelConfig, root: Path, work: Worker) -> ModelCard:
    draft = get_draft_folder(root, name)
    if is_in_place(model):
        remove_durably(draft)
        draft.mkdir()
        return _install(name, model, root, Path(model.source), {})
    return _install(name, model, root, draft, _fetch(name, model, root, work))


def _fetch(name: str, model: EngineModelConfig, root: Path, work: Worker) -> Mapping[str, str]:
    draft, card = get_draft_folder(root, name), read_card(root / name)
    draft.mkdir(exist_ok=True)
    # A damaged base is pulled again at its old commit, on which tuned models depend.
    revision = card.commit if card and is_same_source(model, card) else model.revision
    order = {"source": model.source, "revision": revision, "draft": str(draft)}
    try:
        return work(order)
    except Refused as error:
        # Downloaded files are kept for the next attempt, unless the disk is full.
        if error.key == DISK_FULL:
            remove_durably(draft)
        raise


def _install(
    name: str, model: EngineModelConfig, root: Path, files: Path, fetched: Mapping[str, str]
) -> ModelCard:
    """Validate the downloaded base, write its card and move it to its folder."""
    check_files(files)
    card = ModelCard(
        source=model.source,
        revision=model.revision,
        commit=fetched.get("commit", ""),
        licence=model.licence or fetched.get("licence", ""),
        parameters=count_parameters(files),
        context=read_context(files),
        files=digest_files(files),
    )
    draft, previous = get_draft_folder(root, name), _get_previous_folder(root, name)
    folder = root / name
    card.write(draft)
    if folder.exists():
        folder.rename(previous)
    rename_durably(draft, folder)
    remove_durably(previous)
    return card
