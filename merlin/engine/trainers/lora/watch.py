"""Watching a training: what the child says becomes what the job hears; a dead child is replaced."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merlin.core.log import get_logger
from merlin.engine.trainers import Epoch, Quiet, Remark, Settled, Step, Task, Told, Untrainable
from merlin.engine.trainers.lora import papers
from merlin.engine.trainers.lora.process import Child

log = get_logger(__name__)

# So many deaths without a checkpoint between them, and the job is given up.
MOST_DEATHS = 3
_DONE, _KEPT, _FAILED = "done", "kept", "failed"


def watched(task: Task) -> Generator[Told, None, None]:
    """Train in a child; yield what it tells, each once. Raises Untrainable."""
    task.folder.mkdir(parents=True, exist_ok=True)
    papers.write_task(task)
    hearing = _Hearing(task.folder)
    while True:
        child = Child(task)
        try:
            for said in child.lines():
                told = Quiet() if said is None else hearing.take(said)
                if told is not None:
                    yield told
        finally:
            code = child.end()
        if hearing.is_done:
            return
        log.warning("a training process died", code=code, kept=hearing.kept)
        hearing.note_death(code)


@dataclass
class _Hearing:
    """What was heard so far, from a child and from those that died before it."""

    folder: Path
    is_done: bool = False
    kept: int = -1
    _step: int = -1
    _epochs: dict[int, Epoch] = field(default_factory=dict)
    _is_settled: bool = False
    _remarked: set[str] = field(default_factory=set)
    _deaths: int = 0

    def take(self, said: Mapping[str, Any]) -> Told | None:
        """Return what to pass on of a line. Raises Untrainable where the child says so."""
        kind = said.get("tell")
        if kind == _FAILED:
            raise Untrainable(said["code"], said["key"], said["param"], **said["arguments"])
        if kind == _DONE:
            self.is_done = True
        elif kind == _KEPT and said["step"] > self.kept:
            self.kept, self._deaths = said["step"], 0
        read = _READ.get(str(kind))
        return read(self, said) if read else None

    def note_death(self, code: int) -> None:
        """Raise Untrainable when too many children died at the same place."""
        self._deaths += 1
        if self._deaths < MOST_DEATHS:
            return
        if code == -signal.SIGKILL:
            raise Untrainable("out_of_memory", "engine-lora-killed", None)
        raise Untrainable("trainer_died", "engine-lora-died", None, n=MOST_DEATHS)

    def step(self, said: Mapping[str, Any]) -> Step | None:
        """Return a step that was not told yet."""
        if said["step"] <= self._step:
            return None
        self._step = said["step"]
        return Step(said["step"], said["metrics"])

    def epoch(self, said: Mapping[str, Any]) -> Epoch | None:
        """Return an epoch that was not told yet."""
        number = said["number"]
        if number in self._epochs:
            return None
        saved = _Saved(papers.epoch_folder(self.folder, number))
        epoch = Epoch(number, said["step"], said["metrics"], saved, said["tokens"])
        self._epochs[number] = epoch
        return epoch

    def best(self, said: Mapping[str, Any]) -> Epoch:
        """Return the epoch that is the final model, told again."""
        return self._epochs[said["number"]]

    def remark(self, said: Mapping[str, Any]) -> Remark | None:
        """Return a remark that was not told yet."""
        before = len(self._remarked)
        self._remarked.add(repr(said))
        is_new = len(self._remarked) > before
        return Remark(said["key"], said["arguments"]) if is_new else None

    def settled(self, said: Mapping[str, Any]) -> Settled | None:
        """Return what was settled, as the first child says it."""
        if self._is_settled:
            return None
        self._is_settled = True
        return Settled(said["hyperparameters"], said["steps"], said["done"])


_READ: Mapping[str, Callable[[_Hearing, Mapping[str, Any]], Told | None]] = {
    "step": _Hearing.step,
    "epoch": _Hearing.epoch,
    "best": _Hearing.best,
    "remark": _Hearing.remark,
    "settled": _Hearing.settled,
}


@dataclass(frozen=True, slots=True)
class _Saved:
    """Writes an epoch's adapter to a new folder, in PEFT's layout; the bytes are shared."""

    source: Path

    def __call__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        for file in sorted(self.source.iterdir()):
            target = path / file.name
            target.unlink(missing_ok=True)
            try:
                os.link(file, target)
            except OSError:  # another disk, or one that knows no links
                shutil.copyfile(file, target)
