"""Tasks of the `lora` trainer on tiny bases, and helpers to run them."""

import hashlib
import json
import os
import signal
from contextlib import closing, suppress
from pathlib import Path

from merlin.engine.trainers.base import (
    SUPERVISED,
    BaseFiles,
    Epoch,
    Task,
    check_hyperparameters,
)
from merlin.engine.trainers.lora import trainer
from merlin.engine.trainers.lora.trainer import HYPERPARAMETERS, LoraTrainer
from tests.engine import tiny_base

TRAINER = LoraTrainer()
TEN_FACTS = dict(list(tiny_base.FACTS.items())[:10])
# Enough to teach all ten by heart.
TEN_LEARNING = tiny_base.LEARNING | {"n_epochs": 30}


def build_task(
    folder, train, method=SUPERVISED, test=None, base=None, device="cpu", **hyper
):
    """Return a task with its own folder; settings that are not given are "auto"."""
    return Task(
        method,
        train,
        test,
        check_hyperparameters(method, HYPERPARAMETERS[method], hyper),
        seed=42,
        folder=folder,
        base=base or BaseFiles(tiny_base.get_random_base()),
        device=device,
    )


def run_training(task):
    """Train and yield progress without the Nones, whose number depends on the machine."""
    with closing(TRAINER.train(task)) as progress:
        yield from (part for part in progress if part is not None)


def digest_weights(folder):
    """Return the sha256 of an adapter's weights."""
    return hashlib.sha256(
        (folder / "adapter_model.safetensors").read_bytes()
    ).hexdigest()


def select_epochs(progress):
    return [part for part in progress if isinstance(part, Epoch)]


def list_children(folder):
    """Return the ids of the processes that were started for a folder."""
    pids = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder).encode() in arguments and path.name != str(os.getpid()):
            pids.append(int(path.name))
    return pids


def kill_children(folder, how=signal.SIGKILL):
    """Kill a folder's child, unless told otherwise as the kernel's OOM killer does."""
    for pid in list_children(folder):
        with suppress(ProcessLookupError):  # it has ended already
            os.kill(pid, how)


def train_in_process(task):
    """Train in this process as the child does; return its messages."""
    from merlin.engine.trainers.lora.worker.__main__ import start

    task.folder.mkdir(parents=True, exist_ok=True)
    trainer.write_task(task)
    messages = []
    start(task.folder, lambda message: messages.append(json.loads(json.dumps(message))))
    return messages


def read_progress(task, messages):
    """Return the progress that the engine reads in a child's messages."""
    told = [message for message in messages if message["tell"] != "done"]
    parts = [trainer.read_progress(task.folder, message) for message in told]
    return [part for part in parts if part is not None]
