"""What lies in a job's folder, by name, and how its task is written there and read again.

`task.json` what to train · `state.pt` the newest checkpoint · `told.jsonl` what was told up to it
· `epochs/<n>/` an adapter an epoch · `log` the child's words · `lock` held by the child at work.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from merlin.core import durable
from merlin.engine.trainers import BaseFiles, Place, Task

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
    durable.write(task.folder / TASK, lambda beside: beside.write_text(text, "utf-8"))


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
        place=Place(**told["place"]),
    )
