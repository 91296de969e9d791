"""The LoRA trainer: fine-tunes open language models with low-rank adapters in a child process.

This side validates hyper-parameters, resolves "auto", starts the child, forwards its progress, and
restarts it after a crash. Only the child (`lora.worker`) imports torch, so the engine stays small
and survives its crashes. The child sends JSON lines, each with its kind as `tell`: settled, step,
epoch, remark, kept (a checkpoint), failed, done. Files in a job's folder:

`task.json` the task · `checkpoint-<step>/` the newest checkpoint · `epochs/<n>/` the adapter of
each epoch · `log` the child's stderr.
"""

import json
import math
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, TypeAdapter

from merlin.core.log import get_logger
from merlin.engine.child_process import build_environment
from merlin.engine.trainers.base import (
    ADAPTER,
    AUTO,
    DPO,
    KTO,
    SUPERVISED,
    Auto,
    Epoch,
    Hyperparameters,
    MethodSettings,
    Progress,
    ResolvedHyperparameters,
    Step,
    Task,
    TrainerNote,
    Untrainable,
)

log = get_logger(__name__)

# The learning rate at a multiplier of 1, by method.
RATE = {SUPERVISED: 1e-3, DPO: 1e-4, KTO: 1e-4}
MAX_EPOCHS = 50
# Characters of an `adapter_config.json`; one that names each module of a large base has 40,000.
MAX_CONFIG_LENGTH = 200_000
# The default learning rate multiplier from a number of parameters on.
_RATE_SCALES = ((3_000_000_000, 0.2), (1_000_000_000, 0.5))


def resolve_hyperparameters(
    method: str,
    requested: Mapping[str, object],
    *,
    examples: int,
    parameters: int,
) -> dict[str, object]:
    """Return the hyper-parameters with every "auto" replaced.

    `parameters` is the number of the base's parameters.

    - n_epochs: 3, or more so that 300 examples are seen in total (measured: 50 short answers need
      6 epochs), at most 25; for large files fewer, so that at most 25,000 are seen. OpenAI's rule
      has 100 instead of 300.
    - batch_size: 4 up to 1,000 examples, then one in 250 of them, at most 32.
    - learning_rate_multiplier: 1 is 1e-3 (supervised; measured on 135M parameters) or 1e-4 (dpo,
      kto); 0.5 from a billion parameters on, 0.2 from three: larger models need smaller steps.
    - beta (dpo, kto): 0.1. rank: 16.
    - gradient_checkpointing: off.
    """
    slower = next(
        (slower for least, slower in _RATE_SCALES if parameters >= least), 1.0
    )
    epochs = min(max(3, -(-300 // max(examples, 1))), 25, 25_000 // max(examples, 1))
    automatic: dict[str, object] = {
        "n_epochs": max(1, epochs),
        "batch_size": max(4, min(32, examples // 250)),
        "learning_rate_multiplier": slower,
        "beta": 0.1,
        "rank": 16,
        "gradient_checkpointing": False,
    }
    known = HYPERPARAMETERS[method].model_fields
    return {
        name: automatic[name] if requested[name] == AUTO else requested[name]
        for name in known
    }


# Who answers what `recall` does not.
ExactFirst = dict[Literal["else"], Literal["offer", "model"]]


class LoraHyperparameters(Hyperparameters):
    """The hyper-parameters of supervised training."""

    n_epochs: Auto | Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = AUTO
    rank: Auto | Annotated[int, Field(ge=1, le=256)] = AUTO
    gradient_checkpointing: Auto | bool = AUTO
    exact_first: bool | Annotated[ExactFirst, Field(min_length=1)] = (
        False  # ExactFirstTrainer
    )


class DpoHyperparameters(LoraHyperparameters):
    """The hyper-parameters of preference training."""

    beta: Auto | Annotated[float, Field(gt=0, le=2)] = AUTO


class KtoHyperparameters(DpoHyperparameters):
    """The hyper-parameters of training on ratings; TRL compares the answers of a batch."""

    batch_size: Auto | Annotated[int, Field(ge=2, le=256)] = AUTO


class AdapterSettings(MethodSettings):
    """An adapter that was trained elsewhere.

    `weights` is the id of the upload, `config` the text of its `adapter_config.json`, `form` the
    method of whose form the job's files are.
    """

    weights: Annotated[str, Field(pattern=r"^file-[0-9a-f]{24}$")]
    config: Annotated[str, Field(max_length=MAX_CONFIG_LENGTH)]
    form: Literal["supervised", "dpo", "kto"] = SUPERVISED
    exact_first: bool | Annotated[ExactFirst, Field(min_length=1)] = False


HYPERPARAMETERS: Mapping[str, type[MethodSettings]] = {
    SUPERVISED: LoraHyperparameters,
    DPO: DpoHyperparameters,
    KTO: KtoHyperparameters,
    ADAPTER: AdapterSettings,
}


_PACKAGES = ("torch", "transformers", "peft", "accelerate", "trl")
_CHILD = "merlin.engine.trainers.lora.worker"
_TASK = TypeAdapter(Task)
TASK = "task.json"
EPOCHS = "epochs"
LOG = "log"
# The poll timeout, after which the caller gets control.
_POLL_MS = 500
_READ_BYTES = 65_536
# The job fails after this many crashes without a checkpoint in between.
MAX_CRASHES = 3


def find_missing_packages() -> list[str]:
    """Return the packages of the extra `engine` that aren't installed, [] if it can train."""
    return [package for package in _PACKAGES if find_spec(package) is None]


class LoraTrainer:
    """The Trainer Protocol for open language models."""

    hyperparameters: ClassVar = HYPERPARAMETERS

    def train(self, task: Task) -> Generator[Progress, None, None]:
        """Train in a child process, which is restarted from its last checkpoint after a crash.

        Closing the iterator kills the child; what it did since its last checkpoint is repeated.
        """
        if missing := find_missing_packages():
            raise Untrainable(
                "trainer_not_installed",
                "engine-lora-missing",
                None,
                parts=", ".join(missing),
            )
        task.folder.mkdir(parents=True, exist_ok=True)
        write_task(task)
        crashes = 0
        while True:
            child = TrainingProcess(task)
            try:
                for message in child.read_messages():
                    if message and message["tell"] == "done":
                        return
                    if message and message["tell"] == "kept":
                        crashes = 0
                    yield read_progress(task.folder, message) if message else None
            finally:
                code = child.stop()
            crashes += 1
            log.warning("training process died", code=code, crashes=crashes)
            if crashes == MAX_CRASHES and code == -signal.SIGKILL:
                raise Untrainable("out_of_memory", "engine-lora-killed", None)
            if crashes == MAX_CRASHES:
                raise Untrainable(
                    "trainer_died", "engine-lora-died", None, n=MAX_CRASHES
                )


def build_child_environment(device: str) -> dict[str, str]:
    """Return the child's environment, in which only this device is visible."""
    kind, _, number = device.partition(":")
    if kind == "cuda" and not number:  # the GPUs that the engine sees
        return build_environment()
    return build_environment(CUDA_VISIBLE_DEVICES=number)


def get_epoch_folder(folder: Path, number: int) -> Path:
    """Return the folder of the adapter of an epoch."""
    return folder / EPOCHS / str(number)


def write_task(task: Task) -> None:
    """Write the task into its folder, for the child that is started next."""
    (task.folder / TASK).write_bytes(_TASK.dump_json(task, indent=1))


def read_task(folder: Path) -> Task:
    """Read the task of a job's folder."""
    return _TASK.validate_json((folder / TASK).read_bytes())


class TrainingProcess:
    """The training process of one task; it exits when this process dies."""

    def __init__(self, task: Task) -> None:
        with (task.folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", _CHILD, str(task.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=build_child_environment(task.device),
                # Only the engine handles Ctrl-C; it stops the child in order.
                start_new_session=True,
            )
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)

    def read_messages(self) -> Iterator[dict[str, Any] | None]:
        """Yield the child's messages until it exits, and None after each poll timeout."""
        poll = select.poll()
        partial_line = b""
        poll.register(self._output, select.POLLIN)
        while True:
            if not poll.poll(_POLL_MS):
                yield None
                continue
            more = os.read(self._output.fileno(), _READ_BYTES)
            if not more:
                break
            *lines, partial_line = (partial_line + more).split(b"\n")
            for line in lines:
                yield json.loads(line)
        # The pipe is closed: wait for the child's own exit code instead of killing it.
        self._process.wait()

    def stop(self) -> int:
        """Kill the child; return its exit code. At the end of stdin all its processes exit."""
        self._input.close()
        self._process.kill()
        self._output.close()
        return self._process.wait()


def _drop_nan(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that are numbers: a job's events are JSON, which has no NaN."""
    return {name: each for name, each in metrics.items() if math.isfinite(each)}


def read_progress(folder: Path, message: Mapping[str, Any]) -> Progress:
    """Return the progress in a child's message. Raises Untrainable if the child failed."""
    match message["tell"]:
        case "failed":
            raise Untrainable(
                message["code"],
                message["key"],
                message["param"],
                **message["arguments"],
            )
        case "settled":
            return ResolvedHyperparameters(message["hyperparameters"])
        case "step":
            return Step(message["step"], _drop_nan(message["metrics"]))
        case "epoch":
            number = message["number"]
            save = partial(shutil.copytree, get_epoch_folder(folder, number))
            metrics = _drop_nan(message["metrics"])
            return Epoch(number, message["step"], metrics, save, message["tokens"])
        case "remark":
            return TrainerNote(message["key"], message["arguments"])
        case _:  # "kept"
            return None
