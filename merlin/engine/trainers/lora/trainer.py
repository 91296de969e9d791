"""The LoRA trainer: starts the child process, follows its progress.

`lora`: open language models, tuned by low-rank adapters in a process of their own.

This side reads what is asked for, starts the process and passes on what it tells; torch is
imported in the process alone (`lora.child`), so the engine stays small and outlives it.

The child's command line and environment: one process, one a device, or a cluster's driver.

What lies in a job's folder, by name, and how its task is written there and read again.

`task.json` what to train · `state.pt` the newest checkpoint · `told.jsonl` what was told up to it
· `epochs/<n>/` an adapter an epoch · `log` the child's words · `lock` held by the child at work.

One child at work: its lines, and its end.

Watching a training: what the child says becomes what the job hears; a dead child is replaced.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, cast

from merlin.core import durable_files
from merlin.core.log import get_logger
from merlin.engine.child_process import child_environment
from merlin.engine.trainers.base import (
    BaseFiles,
    Epoch,
    NoProgress,
    Progress,
    ResolvedHyperparameters,
    Step,
    Task,
    TrainerNote,
    TrainingDevices,
    Untrainable,
)
from merlin.engine.trainers.lora import hyperparameters

_PARTS = ("torch", "transformers", "peft", "accelerate")


class LoraTrainer:
    """The Trainer Protocol for open language models."""

    def hyperparameters(self, method: str, given: Mapping[str, object]) -> dict[str, object]:
        """Return all hyper-parameters of a method, "auto" where not given; see `hyper.KNOBS`."""
        return hyperparameters.checked(method, given)

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Train in a child process, begun again from its last checkpoint where it dies.

        Closing the iterator lets the child end its step and keep its state: seconds, at most a
        minute. A child that still loads is ended at once.
        """
        missing = [part for part in _PARTS if find_spec(part) is None]
        if missing:
            raise Untrainable(
                "trainer_not_installed", "engine-lora-missing", None, parts=", ".join(missing)
            )

        yield from watched(task)


_CHILD = "merlin.engine.trainers.lora.worker"
_CLUSTER = "merlin.engine.trainers.lora.cluster"
_CUDA = "cuda"


def command(place: TrainingDevices, folder: Path) -> list[str]:
    """Return what to run for the task that lies in `folder`.

    Whatever it is, its standard input and output are those of the first process of the training.
    """
    if place.cluster or place.workers:
        return [sys.executable, "-m", _CLUSTER, str(folder)]
    if len(place.devices) > 1:
        count = f"--nproc-per-node={len(place.devices)}"
        run = ["torch.distributed.run", "--standalone", count, "-m"]
        return [sys.executable, "-m", *run, _CHILD, str(folder)]
    return [sys.executable, "-m", _CHILD, str(folder)]


def environment(place: TrainingDevices) -> dict[str, str]:
    """Return the child's environment: these devices alone."""
    # Without the workspace cuBLAS does not promise the same sums twice.
    added = {"PYTHONHASHSEED": "0", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    visible = _visible(place.devices)
    return child_environment(
        **added, **({"CUDA_VISIBLE_DEVICES": visible} if visible is not None else {})
    )


def _visible(devices: Sequence[str]) -> str | None:
    """Return the GPUs to be seen; None: as the engine sees them."""
    parts = [device.partition(":") for device in devices]
    if not all(kind == _CUDA for kind, _, _ in parts):
        return ""
    numbers = [number for _, _, number in parts if number]
    return ",".join(numbers) if numbers else None


TASK, STATE, TOLD, EPOCHS, LOG, LOCK = (
    "task.json",
    "state.pt",
    "told.jsonl",
    "epochs",
    "log",
    "lock",
)
# What the child is told on its standard input: end the step, keep the state, leave.
STOP = "stop"


def epoch_folder(folder: Path, number: int) -> Path:
    """Return where the adapter after an epoch lies."""
    return folder / EPOCHS / str(number)


def write_task(task: Task) -> None:
    """Write the task into its folder, whole or not at all."""
    text = json.dumps(asdict(task), default=str, ensure_ascii=False, indent=1)
    durable_files.write_durably(task.folder / TASK, lambda beside: beside.write_text(text, "utf-8"))


def read_task(folder: Path) -> Task:
    """Read the task of a job's folder."""
    told = json.loads((folder / TASK).read_text("utf-8"))
    base = told.pop("base")
    return Task(
        method=told["method"],
        train=Path(told["train"]),
        test=Path(told["test"]) if told["test"] else None,
        hyperparameters=told["hyperparameters"],
        seed=told["seed"],
        folder=folder,
        base=BaseFiles(**{**base, "folder": Path(base["folder"])}) if base else None,
        place=TrainingDevices(**told["place"]),
    )


# A step and the writing of a checkpoint, on a machine that is busy with something else.
_STOPPING_S = 60.0
# How long a child may be silent before whoever listens may look about.
_SILENT_MS = 500
_MOST_READ = 65_536
# What a child says once it has loaded all it needs: only then is there work to keep.
_SETTLED = "settled"


class Child:
    """The process that trains one task; it leaves by itself when this process dies."""

    def __init__(self, task: Task) -> None:
        with (task.folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command(task.place, task.folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(task.place),
                # Ctrl-C in a terminal is for the engine, which stops the child in order.
                start_new_session=True,
            )
        self._ear = cast("IO[bytes]", self._process.stdin)
        self._said = cast("IO[bytes]", self._process.stdout)
        self._is_loading = True

    def lines(self) -> Iterator[dict[str, object] | None]:
        """Yield what the child says until it leaves, None where it is silent for a while.

        What is no JSON object is left out.
        """
        for line in self._heard():
            if line is None:
                yield None
                continue
            with suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict):
                    self._is_loading &= said.get("tell") != _SETTLED
                    yield said
        # Its exit code tells how it ended: it is let to leave by itself.
        self._is_loading = False

    def _heard(self) -> Iterator[bytes | None]:
        """Yield whole lines as they come, None where none came for a while."""
        poll, rest = select.poll(), b""
        poll.register(self._said, select.POLLIN)
        while True:
            if not poll.poll(_SILENT_MS):
                yield None
            elif more := os.read(self._said.fileno(), _MOST_READ):
                *lines, rest = (rest + more).split(b"\n")
                yield from lines
            else:
                return

    def end(self) -> int:
        """Let it end its step and leave; kill it where it does not. Return its exit code.

        One that still loads has nothing to keep: it is killed at once.
        """
        process = self._process
        with suppress(OSError):
            self._ear.write(f"{STOP}\n".encode())
            self._ear.flush()
        # Nobody reads any more: a child that waits for a reader would never leave.
        self._said.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(0 if self._is_loading else _STOPPING_S)
        # Also what it may have started: the processes of the other devices.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        with suppress(OSError):
            self._ear.close()
        return code


log = get_logger(__name__)

# So many deaths without a checkpoint between them, and the job is given up.
MOST_DEATHS = 3
_DONE, _KEPT, _FAILED = "done", "kept", "failed"


def watched(task: Task) -> Generator[Progress, None, None]:
    """Train in a child; yield what it tells, each once. Raises Untrainable."""
    task.folder.mkdir(parents=True, exist_ok=True)
    write_task(task)
    reader = _ProgressReader(task.folder)
    while True:
        child = Child(task)
        try:
            for said in child.lines():
                told = NoProgress() if said is None else reader.take(said)
                if told is not None:
                    yield told
        finally:
            code = child.end()
        if reader.is_done:
            return
        log.warning("a training process died", code=code, kept=reader.kept)
        reader.note_death(code)


@dataclass
class _ProgressReader:
    """What was heard so far, from a child and from those that died before it."""

    folder: Path
    is_done: bool = False
    kept: int = -1
    _step: int = -1
    _epochs: dict[int, Epoch] = field(default_factory=dict)
    _is_settled: bool = False
    _remarked: set[str] = field(default_factory=set)
    _deaths: int = 0

    def take(self, said: Mapping[str, Any]) -> Progress | None:
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
        saved = _Saved(epoch_folder(self.folder, number))
        epoch = Epoch(number, said["step"], said["metrics"], saved, said["tokens"])
        self._epochs[number] = epoch
        return epoch

    def best(self, said: Mapping[str, Any]) -> Epoch:
        """Return the epoch that is the final model, told again."""
        return self._epochs[said["number"]]

    def remark(self, said: Mapping[str, Any]) -> TrainerNote | None:
        """Return a remark that was not told yet."""
        before = len(self._remarked)
        self._remarked.add(repr(said))
        is_new = len(self._remarked) > before
        return TrainerNote(said["key"], said["arguments"]) if is_new else None

    def settled(self, said: Mapping[str, Any]) -> ResolvedHyperparameters | None:
        """Return what was settled, as the first child says it."""
        if self._is_settled:
            return None
        self._is_settled = True
        return ResolvedHyperparameters(said["hyperparameters"], said["steps"], said["done"])


_READ: Mapping[str, Callable[[_ProgressReader, Mapping[str, Any]], Progress | None]] = {
    "step": _ProgressReader.step,
    "epoch": _ProgressReader.epoch,
    "best": _ProgressReader.best,
    "remark": _ProgressReader.remark,
    "settled": _ProgressReader.settled,
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
