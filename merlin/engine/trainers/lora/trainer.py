"""The LoRA trainer: open language models, tuned by low-rank adapters in a process of their own.

This side reads the hyper-parameters and decides what "auto" comes to, starts the process, which is
one a device or a cluster's driver, passes on its progress and replaces it where it dies; torch is
imported in the process alone (`lora.worker`), so the engine stays small and outlives it. The
process sends lines of JSON (`ProgressPipe`). In a job's folder lie:

`task.json` what to train · `state.pt` the newest checkpoint · `told.jsonl` what was told up to it,
sent again by a later process that goes on from there · `epochs/<n>/` an adapter an epoch · `log`
the child's words · `lock` held by the child at work.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Annotated, Any, BinaryIO, Literal, cast

from pydantic import AfterValidator, Field, TypeAdapter

from merlin.core import durable_files
from merlin.core.log import get_logger
from merlin.engine.child_process import child_environment
from merlin.engine.trainers.base import (
    AUTO,
    DPO,
    SUPERVISED,
    Auto,
    Epoch,
    Hyperparameters,
    Progress,
    ResolvedHyperparameters,
    Step,
    Task,
    TrainerNote,
    TrainingDevices,
    Untrainable,
    check_hyperparameters,
    untrainable_of,
)

ALL_LINEAR = "all-linear"
# The learning rate at a multiplier of 1, by method.
RATE = {SUPERVISED: 1e-3, DPO: 1e-4}
MAX_EPOCHS = 50
# From so many parameters on, the multiplier where none is asked for.
_SLOWER = ((3_000_000_000, 0.2), (1_000_000_000, 0.5))

# Names of layers ("q_proj"), each once.
Layers = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")]],
    Field(min_length=1),
    AfterValidator(lambda names: sorted(set(names))),
]


def resolve(
    method: str,
    asked: Mapping[str, object],
    *,
    examples: int,
    padding: float,
    parameters: int,
    is_tight: bool = False,
) -> dict[str, object]:
    """Return the hyper-parameters with every "auto" replaced.

    `padding` is the share of padded tokens when every example has a row of its own; `parameters`
    those of the base; `is_tight` whether its activations leave no room in memory.

    - n_epochs: 3, but as many that 300 examples are shown (measured: 50 short answers need 6
      epochs), at most 25; for large files fewer, so that at most 25,000 are. The hosted
      protocol's rule has 100 instead of 300.
    - batch_size: 4 up to 1,000 examples, then one in 250 of them, at most 32.
    - learning_rate_multiplier: 1 is 1e-3 (supervised; measured on 135M parameters) or 1e-4 (dpo);
      0.5 from a billion parameters on, 0.2 from three: larger models want smaller steps.
    - beta (dpo): 0.1. rank: 16. alpha: twice the rank. dropout: 0. targets: "all-linear".
    - packing: on where padding would be more than a third of all tokens.
    - gradient_checkpointing: on where the memory is tight. early_stop: 0, which is off.
    """
    rank = asked["rank"] if isinstance(asked["rank"], int) else 16
    slower = next((slower for least, slower in _SLOWER if parameters >= least), 1.0)
    automatic: dict[str, object] = {
        "n_epochs": _epochs(examples),
        "batch_size": max(4, min(32, examples // 250)),
        "learning_rate_multiplier": slower,
        "beta": 0.1,
        "rank": rank,
        "alpha": 2 * rank,
        "dropout": 0.0,
        "targets": ALL_LINEAR,
        "packing": padding > 1 / 3,
        "gradient_checkpointing": is_tight,
        "early_stop": 0,
    }
    known = KNOBS[method].model_fields
    return {name: automatic[name] if asked[name] == AUTO else asked[name] for name in known}


def _epochs(examples: int) -> int:
    requested = max(3, -(-300 // max(examples, 1)))
    return max(1, min(requested, 25, 25_000 // max(examples, 1)))


class LoraHyperparameters(Hyperparameters):
    """What supervised training takes."""

    n_epochs: Auto | Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = AUTO
    rank: Auto | Annotated[int, Field(ge=1, le=256)] = AUTO
    alpha: Auto | Annotated[int, Field(ge=1, le=1024)] = AUTO
    dropout: Auto | Annotated[float, Field(ge=0, le=0.9)] = AUTO
    targets: Auto | Literal["all-linear"] | Layers = AUTO
    packing: Auto | bool = AUTO
    gradient_checkpointing: Auto | bool = AUTO
    early_stop: Auto | Annotated[int, Field(ge=0, le=MAX_EPOCHS)] = AUTO


class DpoHyperparameters(LoraHyperparameters):
    """What preference training takes."""

    beta: Auto | Annotated[float, Field(gt=0, le=2)] = AUTO


KNOBS = {SUPERVISED: LoraHyperparameters, DPO: DpoHyperparameters}


_PARTS = ("torch", "transformers", "peft", "accelerate")
_CHILD = "merlin.engine.trainers.lora.worker"
_CLUSTER = "merlin.engine.trainers.lora.cluster"
_CUDA = "cuda"
_TASK = TypeAdapter(Task)
TASK, STATE, TOLD = "task.json", "state.pt", "told.jsonl"
EPOCHS, LOG, LOCK = "epochs", "log", "lock"
# What the child is sent on its standard input: end the step, keep the state, leave.
STOP = "stop"
# A step and the writing of a checkpoint, on a machine that is busy with something else.
_STOPPING_S = 60.0
# How long a child may be silent before whoever listens may look about.
_SILENT_MS = 500
_MAX_READ = 65_536
# So many deaths without a checkpoint between them, and the job is given up.
MAX_CRASHES = 3
# What a child says once it has loaded all it needs: only then is there work to keep.
_SETTLED = "settled"
log = get_logger(__name__)


class LoraTrainer:
    """The Trainer Protocol for open language models."""

    def hyperparameters(self, method: str, given: Mapping[str, object]) -> dict[str, object]:
        """Return all hyper-parameters of a method, "auto" where not given; see `KNOBS`."""
        return check_hyperparameters(method, KNOBS[method], given)

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
        yield from train_in_child(task)


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
    parts = [device.partition(":") for device in place.devices]
    numbers = [number for _, _, number in parts if number]
    if not all(kind == _CUDA for kind, _, _ in parts):
        added["CUDA_VISIBLE_DEVICES"] = ""
    elif numbers:  # without them: as the engine sees the GPUs
        added["CUDA_VISIBLE_DEVICES"] = ",".join(numbers)
    return child_environment(**added)


def epoch_folder(folder: Path, number: int) -> Path:
    """Return where the adapter after an epoch lies."""
    return folder / EPOCHS / str(number)


def write_task(task: Task) -> None:
    """Write the task into its folder, whole or not at all."""
    content = _TASK.dump_json(task, indent=1)
    durable_files.write_durably(task.folder / TASK, lambda beside: beside.write_bytes(content))


def read_task(folder: Path) -> Task:
    """Read the task of a job's folder, wherever that lies now."""
    return replace(_TASK.validate_json((folder / TASK).read_bytes()), folder=folder)


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
        self._orders = cast("IO[bytes]", self._process.stdin)
        self._lines = cast("IO[bytes]", self._process.stdout)
        self._is_loading = True

    def lines(self) -> Iterator[dict[str, object] | None]:
        """Yield what the child says until it leaves, None where it is silent for a while.

        What is no JSON object is left out.
        """
        for line in self._whole_lines():
            if line is None:
                yield None
                continue
            with suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict):
                    self._is_loading &= message.get("tell") != _SETTLED
                    yield message
        # Its exit code tells how it ended: it is let to leave by itself.
        self._is_loading = False

    def _whole_lines(self) -> Iterator[bytes | None]:
        """Yield whole lines as they come, None where none came for a while."""
        poll, rest = select.poll(), b""
        poll.register(self._lines, select.POLLIN)
        while True:
            if not poll.poll(_SILENT_MS):
                yield None
            elif more := os.read(self._lines.fileno(), _MAX_READ):
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
            self._orders.write(f"{STOP}\n".encode())
            self._orders.flush()
        # Nobody reads any more: a child that waits for a reader would never leave.
        self._lines.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(0 if self._is_loading else _STOPPING_S)
        # Also what it may have started: the processes of the other devices.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        with suppress(OSError):
            self._orders.close()
        return code


def train_in_child(task: Task) -> Generator[Progress, None, None]:
    """Train in a child; yield what it tells, each once. Raises Untrainable."""
    task.folder.mkdir(parents=True, exist_ok=True)
    write_task(task)
    reader = _ProgressReader(task.folder)
    while True:
        child = Child(task)
        try:
            for line in child.lines():
                yield reader.take(line) if line is not None else None
        finally:
            code = child.end()
        if reader.is_done:
            return
        log.warning("a training process died", code=code, kept=reader.kept)
        reader.note_death(code)


@dataclass
class _ProgressReader:
    """What came so far, from a child and from those that died before it, each once."""

    folder: Path
    is_done: bool = False
    kept: int = -1
    _step: int = -1
    _epochs: dict[int, Epoch] = field(default_factory=dict)
    _is_settled: bool = False
    _remarks: set[str] = field(default_factory=set)
    _deaths: int = 0

    def take(self, line: Mapping[str, Any]) -> Progress | None:
        """Return what is new in a line. Raises Untrainable where the child says so."""
        match line.get("tell"):
            case "failed":
                raise Untrainable(line["code"], line["key"], line["param"], **line["arguments"])
            case "done":
                self.is_done = True
            case "kept" if line["step"] > self.kept:
                self.kept, self._deaths = line["step"], 0
            case "settled" if not self._is_settled:
                self._is_settled = True
                return ResolvedHyperparameters(line["hyperparameters"], line["steps"], line["done"])
            case "step" if line["step"] > self._step:
                self._step = line["step"]
                return Step(line["step"], line["metrics"])
            case "epoch" if line["number"] not in self._epochs:
                number = line["number"]
                save = partial(_link_files, epoch_folder(self.folder, number))
                epoch = Epoch(number, line["step"], line["metrics"], save, line["tokens"])
                self._epochs[number] = epoch
                return epoch
            case "best":
                return self._epochs[line["number"]]
            case "remark" if repr(line) not in self._remarks:
                self._remarks.add(repr(line))
                return TrainerNote(line["key"], line["arguments"])
        return None

    def note_death(self, code: int) -> None:
        """Raise Untrainable when too many children died at the same place."""
        self._deaths += 1
        if self._deaths < MAX_CRASHES:
            return
        if code == -signal.SIGKILL:
            raise Untrainable("out_of_memory", "engine-lora-killed", None)
        raise Untrainable("trainer_died", "engine-lora-died", None, n=MAX_CRASHES)


def _link_files(source: Path, folder: Path) -> None:
    """Write an epoch's adapter to a new folder, in PEFT's layout; the bytes are shared."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        target = folder / file.name
        target.unlink(missing_ok=True)
        try:
            os.link(file, target)
        except OSError:  # another disk, or one that knows no links
            shutil.copyfile(file, target)


_ALLOCATOR = ("not enough memory", "can't allocate memory", "out of memory", "Cannot allocate")


def untrainable(error: Exception) -> Untrainable | None:
    """Return what to tell of an exception; None for a bug."""
    words = str(error)
    # Torch's own error of memory is a RuntimeError as well.
    is_memory = isinstance(error, RuntimeError) and any(part in words for part in _ALLOCATOR)
    return untrainable_of(MemoryError() if is_memory else error, "engine-lora-out-of-memory")


def send_line(out: BinaryIO, content: bytes) -> None:
    """Send a line to the engine, or to nobody: that it does not listen is seen elsewhere."""
    with suppress(BrokenPipeError):
        out.write(content)
        out.flush()


class ProgressPipe:
    """Sends the progress of a training; `out` is None for the processes of further devices."""

    def __init__(self, folder: Path, out: Callable[[bytes], object] | None) -> None:
        self._path = folder / TOLD
        self._out = out

    @property
    def is_first(self) -> bool:
        """Whether this process sends, and writes."""
        return self._out is not None

    def resend(self, length: int) -> None:
        """Send the first `length` bytes of the file again; what follows them is forgotten."""
        if self._out is None:
            return
        with self._path.open("ab") as file:
            file.truncate(length)
        self._out(self._path.read_bytes())

    def send(self, kind: str, **fields: object) -> None:
        """Send something of the training, to be sent again by a later child."""
        if self._out is not None:
            line = _progress_line(kind, fields)
            with self._path.open("ab") as file:
                file.write(line)
            self._out(line)

    def send_once(self, kind: str, **fields: object) -> None:
        """Send something that matters now alone."""
        if self._out is not None:
            self._out(_progress_line(kind, fields))

    def send_failure(self, failure: Untrainable) -> None:
        """Send why nothing comes of the training."""
        fields = {"code": failure.code, "key": failure.key, "param": failure.param}
        self.send_once("failed", **fields, arguments=dict(failure.arguments))

    def written_bytes(self) -> int:
        """Return how many bytes the file has, once they are on the disk."""
        if self._out is None or not self._path.exists():
            return 0
        durable_files.sync_file(self._path)
        return self._path.stat().st_size


def _progress_line(kind: str, fields: dict[str, object]) -> bytes:
    return json.dumps({"tell": kind, **fields}, ensure_ascii=False).encode() + b"\n"
