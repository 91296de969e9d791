"""One task from its folder to its end: read, reckon, load, train."""

from __future__ import annotations

from collections.abc import Callable

import torch

from merlin.engine.trainers.base import DPO, Task
from merlin.engine.trainers.lora import hyperparameters
from merlin.engine.trainers.lora.worker.data import Example, Texts, batches, padding_share
from merlin.engine.trainers.lora.worker.model import (
    Base,
    Distributed,
    choose_threads,
    cores,
    find_base,
    free_bytes,
    is_tight,
    load_with_adapters,
)
from merlin.engine.trainers.lora.worker.progress import ProgressPipe
from merlin.engine.trainers.lora.worker.train import Plan, Progress, Training, TrainStep, restore

# Tokens worked on at once; a longer batch is cut into pieces whose gradients are added up.
_AT_ONCE = {"cpu": 2_048, "cuda": 16_384}
# A base and its activations are reckoned roughly: so much of the memory is left alone.
_SPARE = 0.95
# Examples a step, as `hyperparameters.resolve` has it for small files.
_SMALL_BATCH = 4


def work(
    task: Task, distributed: Distributed, pipe: ProgressPipe, is_asked_to_stop: Callable[[], bool]
) -> None:
    """Train the task to its end. Raises Stopped, Untrainable, BadFile, OSError."""
    if task.base is None:
        raise ValueError("a task of this trainer needs a base")
    _be_repeatable(task.seed)
    base = find_base(task.base, distributed.device)
    plan = _planned(task, base, distributed)
    model = load_with_adapters(base, plan.settings, distributed.device)
    train_step = TrainStep(plan, distributed, model)
    restored = restore(task.folder, train_step, distributed.device)
    progress = restored or Progress()
    resolved = {"hyperparameters": dict(plan.settings), "steps": plan.steps}
    pipe.send_once("settled", **resolved, done=progress.step)
    pipe.resend(progress.told)
    if restored is None and plan.settings["early_stop"] and not plan.test:
        pipe.send("remark", key="engine-lora-nothing-to-test", arguments={})
    progress.threads = progress.threads or _threads(plan, train_step, distributed)
    torch.set_num_threads(progress.threads)
    Training(plan, train_step, pipe, progress).run(is_asked_to_stop)


def _planned(task: Task, base: Base, distributed: Distributed) -> Plan:
    texts = Texts(base.tokenizer, base.longest)
    read = texts.preferred if task.method == DPO else texts.supervised
    train = read(task.train, "training_file")
    test = read(task.test, "validation_file") if task.test else []
    most = _AT_ONCE.get(distributed.device.type, _AT_ONCE["cpu"])
    rank, free = task.hyperparameters["rank"], _SPARE * free_bytes(distributed.device)
    size = hyperparameters.TrainingSize(
        examples=len(train),
        padding=padding_share(train, _SMALL_BATCH),
        parameters=base.parameters,
        is_tight=is_tight(base, rank if isinstance(rank, int) else 16, _at_once(train, most), free),
    )
    settings = hyperparameters.resolve(task.method, task.hyperparameters, size)
    return Plan(task.method, task.folder, task.seed, settings, train, test, most)


def _at_once(examples: list[Example], most: int) -> int:
    """Return how many tokens are worked on at once at worst; an example is never cut."""
    longest = max(sum(len(row) for row in example) for example in examples)
    return max(longest, min(most, _SMALL_BATCH * longest))


def _threads(plan: Plan, train_step: TrainStep, distributed: Distributed) -> int:
    if distributed.size > 1 or distributed.device.type != "cpu":
        return max(1, cores() // distributed.size)
    batch = batches(plan.train, range(len(plan.train)), plan.size)[0]

    def step() -> None:
        train_step.show(batch, 0)
        train_step.forget()

    return choose_threads(cores(), step)


def _be_repeatable(seed: int) -> None:
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # Set by the line above: every new tensor filled, for nothing.
    torch.utils.deterministic.fill_uninitialized_memory = False
