"""Tasks of the `lora` trainer on tiny bases, and what comes of them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from contextlib import closing, suppress
from pathlib import Path

from merlin.engine.trainers.base import (
    SUPERVISED,
    BaseFiles,
    Epoch,
    Task,
    TrainingDevices,
)
from merlin.engine.trainers.lora import trainer
from merlin.engine.trainers.lora.trainer import LoraTrainer
from tests.engine import tiny_base

TRAINER = LoraTrainer()


def task(folder, train, method=SUPERVISED, test=None, base=None, place=None, **hyper):
    """Return a task with its own folder; what is not given is "auto"."""
    return Task(
        method,
        train,
        test,
        TRAINER.hyperparameters(method, hyper),
        seed=42,
        folder=folder,
        base=base or BaseFiles(tiny_base.random_base()),
        place=place or TrainingDevices(),
    )


def training(made):
    """Train; yield what is told, without the silences, of which a busy machine has more."""
    with closing(TRAINER.train(made)) as told:
        yield from (each for each in told if each is not None)


def weights(folder):
    """Return the sha256 of an adapter's weights."""
    return hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()


def epochs(told):
    return [each for each in told if isinstance(each, Epoch)]


def children(folder):
    """Return the ids of the processes that were started for a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            said = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder).encode() in said and path.name != str(os.getpid()):
            found.append(int(path.name))
    return found


def kill(folder):
    """Kill a folder's child as the system's memory guard would."""
    for pid in children(folder):
        with suppress(ProcessLookupError):  # it has ended since
            os.kill(pid, signal.SIGKILL)


def in_this_process(made, leave_at=0):
    """Train as the child does, without starting it; return what it says.

    It is asked to stop when it tells of the epoch `leave_at`, as the engine would ask it.
    """
    from merlin.engine.trainers.lora.trainer import ProgressPipe
    from merlin.engine.trainers.lora.worker.__main__ import run

    made.folder.mkdir(parents=True, exist_ok=True)
    trainer.write_task(made)
    told, stop = [], threading.Event()

    def take(said):
        lines = [json.loads(line) for line in said.splitlines()]
        told.extend(lines)
        if any(line.get("number") == leave_at for line in lines):
            stop.set()

    run(made.folder, ProgressPipe(made.folder, take), stop)
    return told
