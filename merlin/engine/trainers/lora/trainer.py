"""The LoRA trainer: fine-tunes open language models with low-rank adapters in a child process.

This side validates hyper-parameters, resolves "auto", starts the child (one process per device),
forwards its progress, and restarts it after a crash. Only the child (`lora.worker`) imports torch,
so the engine stays small and survives its crashes. The child sends JSON lines (`ProgressPipe`).
Files in a job's folder:

`task.json` the task · `state.pt` the newest checkpoint · `told.jsonl` the progress messages up to
it, sent again by a child that resumes · `epochs/<n>/` the adapter of each epoch · `log` the child's
stderr · `lock` held by the running child.
"""

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
from typing import IO, Annotated, Any, BinaryIO, ClassVar, Literal, cast

from pydantic import AfterValidator, Field, TypeAdapter

from merlin.core import durable_files
from merlin.core.log import get_logger
from merlin.engine.child_process import build_environment
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
    classify_error,
)

log = get_logger(__name__)

ALL_LINEAR = "all-linear"
# The learning rate at a multiplier of 1, by method.
RATE = {SUPERVISED: 1e-3, DPO: 1e-4}
MAX_EPOCHS = 50
# The default learning rate multiplier from a number of parameters on.
_RATE_SCALES = ((3_000_000_000, 0.2), (1_000_000_000, 0.5))

# Names of layers ("q_proj"), each once.
Layers = Annotated[
    list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")]],
    Field(min_length=1),
    AfterValidator(lambda names: sorted(set(names))),
]


def resolve_hyperparameters(
    method: str,
    requested: Mapping[str, object],
    *,
    examples: int,
    padding: float,
    parameters: int,
) -> dict[str, object]:
    """Return the hyper-parameters with every "auto" replaced.

    `padding` is the share of padding tokens without packing; `parameters` is the number of the
    base's parameters.

    - n_epochs: 3, or more so that 300 examples are seen in total (measured: 50 short answers need
      6 epochs), at most 25; for large files fewer, so that at most 25,000 are seen. OpenAI's rule
      has 100 instead of 300.
    - batch_size: 4 up to 1,000 examples, then one in 250 of them, at most 32.
    - learning_rate_multiplier: 1 is 1e-3 (supervised; measured on 135M parameters) or 1e-4 (dpo);
      0.5 from a billion parameters on, 0.2 from three: larger models need smaller steps.
    - beta (dpo): 0.1. rank: 16. alpha: twice the rank. dropout: 0. targets: "all-linear".
    - packing: on if padding would be more than a third of all tokens.
    - gradient_checkpointing: off. early_stop: 0, which is off.
    """
    rank = requested["rank"] if isinstance(requested["rank"], int) else 16
    slower = next((slower for least, slower in _RATE_SCALES if parameters >= least), 1.0)
    epochs = min(max(3, -(-300 // max(examples, 1))), 25, 25_000 // max(examples, 1))
    automatic: dict[str, object] = {
        "n_epochs": max(1, epochs),
        "batch_size": max(4, min(32, examples // 250)),
        "learning_rate_multiplier": slower,
        "beta": 0.1,
        "rank": rank,
        "alpha": 2 * rank,
        "dropout": 0.0,
        "targets": ALL_LINEAR,
        "packing": padding > 1 / 3,
        "gradient_checkpointing": False,
        "early_stop": 0,
    }
    known = HYPERPARAMETERS[method].model_fields
    return {name: automatic[name] if requested[name] == AUTO else requested[name] for name in known}


class LoraHyperparameters(Hyperparameters):
    """The hyper-parameters of supervised training."""

    n_epochs: Auto | Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = AUTO
    rank: Auto | Annotated[int, Field(ge=1, le=256)] = AUTO
    alpha: Auto | Annotated[int, Field(ge=1, le=1024)] = AUTO
    dropout: Auto | Annotated[float, Field(ge=0, le=0.9)] = AUTO
    targets: Auto | Literal["all-linear"] | Layers = AUTO
    packing: Auto | bool = AUTO
    gradient_checkpointing: Auto | bool = AUTO
    early_stop: Auto | Annotated[int, Field(ge=0, le=MAX_EPOCHS)] = AUTO


class DpoHyperparameters(LoraHyperparameters):
    """The hyper-parameters of preference training."""

    beta: Auto | Annotated[float, Field(gt=0, le=2)] = AUTO


HYPERPARAMETERS: Mapping[str, type[Hyperparameters]] = {
    SUPERVISED: LoraHyperparameters,
    DPO: DpoHyperparameters,
}


_PACKAGES = ("torch", "transformers", "peft", "accelerate")
_CHILD = "merlin.engine.trainers.lora.worker"
_CUDA = "cuda"
_TASK = TypeAdapter(Task)
TASK, STATE, SENT_LINES = "task.json", "state.pt", "told.jsonl"
EPOCHS, LOG, LOCK = "epochs", "log", "lock"
# The command on the child's stdin: finish the step, save the state, exit.
STOP = "stop"
# The shutdown timeout: a step and a checkpoint on a busy machine.
_STOPPING_S = 60.0
# The poll timeout, after which the caller gets control.
_POLL_MS = 500
_READ_BYTES = 65_536
# The job fails after this many crashes without a checkpoint in between.
MAX_CRASHES = 3
# The message of a child that has finished loading; before it there is no state to save.
_SETTLED = "settled"


class LoraTrainer:
    """The Trainer Protocol for open language models."""

    hyperparameters: ClassVar = HYPERPARAMETERS

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Train in a child process, which is restarted from its last checkpoint after a crash.

        Closing the iterator lets the child finish its step and save its state: seconds, at most a
        minute. A child that is still loading is killed.
        """
        missing = [part for part in _PACKAGES if find_spec(part) is None]
        if missing:
            raise Untrainable(
                "trainer_not_installed", "engine-lora-missing", None, parts=", ".join(missing)
            )
        task.folder.mkdir(parents=True, exist_ok=True)
        write_task(task)
        reader = ProgressReader(task.folder)
        while True:
            child = TrainingProcess(task)
            try:
                for line in child.read_messages():
                    yield reader.read(line) if line is not None else None
            finally:
                code = child.stop()
            if reader.is_done:
                return
            log.warning("training process died", code=code, kept=reader.saved_step)
            reader.note_crash(code)


def build_command(place: TrainingDevices, folder: Path) -> list[str]:
    """Return the child's command line for the task in `folder`.

    Its stdin and stdout are those of the training's first process.
    """
    if len(place.devices) > 1:
        count = f"--nproc-per-node={len(place.devices)}"
        run = ["torch.distributed.run", "--standalone", count, "-m"]
        return [sys.executable, "-m", *run, _CHILD, str(folder)]
    return [sys.executable, "-m", _CHILD, str(folder)]


def build_child_environment(place: TrainingDevices) -> dict[str, str]:
    """Return the child's environment, in which only these devices are visible."""
    # cuBLAS is deterministic only with this workspace setting.
    variables = {"PYTHONHASHSEED": "0", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    parts = [device.partition(":") for device in place.devices]
    numbers = [number for _, _, number in parts if number]
    if not all(kind == _CUDA for kind, _, _ in parts):
        variables["CUDA_VISIBLE_DEVICES"] = ""
    elif numbers:  # plain "cuda": the GPUs that the engine sees
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(numbers)
    return build_environment(**variables)


def get_epoch_folder(folder: Path, number: int) -> Path:
    """Return the folder of the adapter of an epoch."""
    return folder / EPOCHS / str(number)


def write_task(task: Task) -> None:
    """Write the task into its folder atomically."""
    content = _TASK.dump_json(task, indent=1)
    durable_files.write_durably(
        task.folder / TASK, lambda temporary: temporary.write_bytes(content)
    )


def read_task(folder: Path) -> Task:
    """Read the task of a job's folder, which can have been moved."""
    return replace(_TASK.validate_json((folder / TASK).read_bytes()), folder=folder)


class TrainingProcess:
    """The training process of one task; it exits when this process dies."""

    def __init__(self, task: Task) -> None:
        with (task.folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                build_command(task.place, task.folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=build_child_environment(task.place),
                # Only the engine handles Ctrl-C; it stops the child in order.
                start_new_session=True,
            )
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)
        self._is_loading = True

    def read_messages(self) -> Iterator[dict[str, object] | None]:
        """Yield the child's messages until it exits, and None after each poll timeout.

        Lines that are not JSON objects are skipped.
        """
        for line in self._read_lines():
            if line is None:
                yield None
                continue
            with suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict):
                    self._is_loading &= message.get("tell") != _SETTLED
                    yield message
        # The pipe is closed: wait for the child's own exit code instead of killing it.
        self._is_loading = False

    def _read_lines(self) -> Iterator[bytes | None]:
        """Yield complete lines, and None after each poll timeout."""
        poll, partial = select.poll(), b""
        poll.register(self._output, select.POLLIN)
        while True:
            if not poll.poll(_POLL_MS):
                yield None
            elif more := os.read(self._output.fileno(), _READ_BYTES):
                *lines, partial = (partial + more).split(b"\n")
                yield from lines
            else:
                return

    def stop(self) -> int:
        """Stop the child after its step, kill it after a timeout; return its exit code.

        A child that is still loading has no state to save and is killed at once.
        """
        process = self._process
        with suppress(OSError):
            self._input.write(f"{STOP}\n".encode())
            self._input.flush()
        # Nothing reads from now on: a child blocked on a full pipe would never exit.
        self._output.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(0 if self._is_loading else _STOPPING_S)
        # Kills the whole process group: the processes of the other devices too.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        with suppress(OSError):
            self._input.close()
        return code


@dataclass
class ProgressReader:
    """Deduplicates the progress of a child and of the crashed ones before it."""

    folder: Path
    is_done: bool = False
    saved_step: int = -1
    _step: int = -1
    _epochs: dict[int, Epoch] = field(default_factory=dict)
    _is_settled: bool = False
    _notes: set[str] = field(default_factory=set)
    _crashes: int = 0

    def read(self, line: Mapping[str, Any]) -> Progress | None:
        """Return the new progress in a message. Raises Untrainable if the child failed."""
        match line.get("tell"):
            case "failed":
                raise Untrainable(line["code"], line["key"], line["param"], **line["arguments"])
            case "done":
                self.is_done = True
            case "kept" if line["step"] > self.saved_step:
                self.saved_step, self._crashes = line["step"], 0
            case "settled" if not self._is_settled:
                self._is_settled = True
                return ResolvedHyperparameters(line["hyperparameters"], line["steps"], line["done"])
            case "step" if line["step"] > self._step:
                self._step = line["step"]
                return Step(line["step"], line["metrics"])
            case "epoch" if line["number"] not in self._epochs:
                number = line["number"]
                save = partial(_link_files, get_epoch_folder(self.folder, number))
                epoch = Epoch(number, line["step"], line["metrics"], save, line["tokens"])
                self._epochs[number] = epoch
                return epoch
            case "best":
                return self._epochs[line["number"]]
            case "remark" if repr(line) not in self._notes:
                self._notes.add(repr(line))
                return TrainerNote(line["key"], line["arguments"])
        return None

    def note_crash(self, code: int) -> None:
        """Count a crash. Raises Untrainable if there were too many without progress."""
        self._crashes += 1
        if self._crashes < MAX_CRASHES:
            return
        if code == -signal.SIGKILL:
            raise Untrainable("out_of_memory", "engine-lora-killed", None)
        raise Untrainable("trainer_died", "engine-lora-died", None, n=MAX_CRASHES)


def _link_files(source: Path, folder: Path) -> None:
    """Hard-link an epoch's adapter into a new folder in PEFT's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        target = folder / file.name
        target.unlink(missing_ok=True)
        try:
            os.link(file, target)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(file, target)


_MEMORY_ERRORS = ("not enough memory", "can't allocate memory", "out of memory", "Cannot allocate")


def classify_training_error(error: Exception) -> Untrainable | None:
    """Return the job's failure for an exception; None for a bug."""
    message = str(error)
    # torch raises a RuntimeError if memory is exhausted.
    is_memory = isinstance(error, RuntimeError) and any(part in message for part in _MEMORY_ERRORS)
    return classify_error(MemoryError() if is_memory else error, "engine-lora-out-of-memory")


def send_line(out: BinaryIO, content: bytes) -> None:
    """Send a line to the engine; a closed pipe is ignored here and detected elsewhere."""
    with suppress(BrokenPipeError):
        out.write(content)
        out.flush()


class ProgressPipe:
    """Sends the progress of a training; `out` is None in all processes but the first."""

    def __init__(self, folder: Path, out: Callable[[bytes], object] | None) -> None:
        self._path = folder / SENT_LINES
        self._out = out

    @property
    def is_first(self) -> bool:
        """Return whether this process sends progress and writes files."""
        return self._out is not None

    def resend(self, length: int) -> None:
        """Truncate the file to `length` bytes and send it again."""
        if self._out is None:
            return
        with self._path.open("ab") as file:
            file.truncate(length)
        self._out(self._path.read_bytes())

    def send(self, kind: str, **fields: object) -> None:
        """Send a message and store it, so that a later child sends it again."""
        if self._out is not None:
            line = _build_progress_line(kind, fields)
            with self._path.open("ab") as file:
                file.write(line)
            self._out(line)

    def send_once(self, kind: str, **fields: object) -> None:
        """Send a message without storing it."""
        if self._out is not None:
            self._out(_build_progress_line(kind, fields))

    def send_failure(self, failure: Untrainable) -> None:
        """Send the reason why the training failed."""
        fields = {"code": failure.code, "key": failure.key, "param": failure.param}
        self.send_once("failed", **fields, arguments=dict(failure.arguments))

    def sync(self) -> int:
        """Sync the file and return its size in bytes."""
        if self._out is None or not self._path.exists():
            return 0
        durable_files.sync_file(self._path)
        return self._path.stat().st_size


def _build_progress_line(kind: str, fields: dict[str, object]) -> bytes:
    return json.dumps({"tell": kind, **fields}, ensure_ascii=False).encode() + b"\n"
