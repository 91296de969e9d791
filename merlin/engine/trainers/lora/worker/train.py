"""The training loop of one task: losses, steps, checkpoints.

The order of the examples and all random numbers are functions of (seed, epoch, step), and the
learning rate is a function of the step, so a checkpoint contains only the adapter, the optimizer
and some sums. Each process takes its share of a batch, split into micro-batches that fit into
memory. The sums are reduced over all processes, so all of them make the same decision to stop.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from torch.nn import functional

from merlin.core import durable_files
from merlin.engine.torch_loading import choose_threads, count_cores
from merlin.engine.trainers.base import DPO, Task, Untrainable
from merlin.engine.trainers.lora import trainer
from merlin.engine.trainers.lora.worker.data import (
    Example,
    ExampleTokenizer,
    Layout,
    lay_out,
    shuffle,
    split_batches,
)
from merlin.engine.trainers.lora.worker.model import BaseInfo, inspect_base, load_with_adapters

# Tokens per micro-batch; larger batches use gradient accumulation.
_AT_ONCE = {"cpu": 2_048, "cuda": 16_384}
_WARM_UP_SHARE = 0.03
_MAX_GRADIENT_NORM = 1.0
# The sums that `compute_means` does not divide by `count`.
_COUNTS = frozenset({"count", "tokens", "stop"})
_REPORT_EVERY_S = 1.0
_SAVE_EVERY_S = 20.0
# A short epoch costs less than a checkpoint; at most this much is repeated after a kill.
_SAVE_AT_MOST_EVERY_S = 1.0

# The log probability of each target token, and whether it was the argmax.
Scored = tuple[torch.Tensor, torch.Tensor]
# The summed loss, and the sums of further metrics.
Loss = tuple[torch.Tensor, Mapping[str, torch.Tensor]]
# Sends a message to the engine: its kind and its fields.
Send = Callable[..., None]


def compute_supervised_loss(scored: Scored) -> Loss:
    """Return the negative log-likelihood summed over the target tokens."""
    logps, hits = scored
    return -logps.sum(), {"mean_token_accuracy": hits.sum()}


def compute_dpo_loss(scored: Scored, reference: Scored, layout: Layout, beta: float) -> Loss:
    """Return the DPO loss (sigmoid), summed over pairs; rows are better, worse, better, ...

    Source: Rafailov et al. 2023, "Direct Preference Optimization", equation 7.
    """
    gains = scored[0] - reference[0]
    rewards = beta * gains.new_zeros(len(layout.ids)).index_add(0, layout.row, gains)
    margins = rewards[0::2] - rewards[1::2]
    detached = margins.detach()
    sums = {"rewards_margins": detached.sum(), "rewards_accuracies": (detached > 0).sum()}
    return -functional.logsigmoid(margins).sum(), sums


@dataclass(frozen=True)
class Plan:
    """The settings and data of one training; `most` is the token limit of a micro-batch."""

    method: str
    folder: Path
    seed: int
    settings: Mapping[str, Any]
    train: Sequence[Example]
    test: Sequence[Example]
    most: int

    @property
    def batch_size(self) -> int:
        """Return the number of examples per step over all processes."""
        return int(self.settings["batch_size"])

    @property
    def epochs(self) -> int:
        """Return the maximum number of epochs."""
        return int(self.settings["n_epochs"])

    @property
    def steps_an_epoch(self) -> int:
        """Return the number of batches per epoch."""
        return -(-len(self.train) // self.batch_size)

    @property
    def steps(self) -> int:
        """Return the maximum number of steps."""
        return self.steps_an_epoch * self.epochs

    def get_rate(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up, then linear decay to 0."""
        steps = self.steps
        warm = max(1, int(steps * _WARM_UP_SHARE))
        highest = trainer.RATE[self.method] * float(self.settings["learning_rate_multiplier"])
        return highest * min((step + 1) / warm, (steps - step) / max(1, steps - warm), 1.0)


@dataclass
class Progress:
    """The state of a training in a checkpoint.

    `epochs` are the messages of the completed ones; `batch` counts within the current epoch, whose
    sums are `sums`, `step` over all epochs. `threads` 0: not measured yet.
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)
    batch: int = 0
    step: int = 0
    tokens: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    threads: int = 0

    @property
    def best_epoch(self) -> int:
        """Return the number of the first epoch with the lowest test loss, 0 without test data."""
        losses = [epoch["metrics"].get("valid_loss", math.inf) for epoch in self.epochs]
        return losses.index(min(losses)) + 1 if losses and min(losses) < math.inf else 0


def save_checkpoint(folder: Path, progress: Progress, train_step: TrainStep) -> None:
    """Write the checkpoint atomically: after a kill the old or the new one is complete."""
    checkpoint = {
        "progress": asdict(progress),
        "adapter": get_peft_model_state_dict(train_step.model, **_NO_EMBEDDINGS),
        "optimizer": train_step.optimizer.state_dict(),
    }

    def write(path: Path) -> None:
        with path.open("wb") as file:  # for a path, torch hides the error of a full disk
            torch.save(checkpoint, file)

    durable_files.write_durably(folder / trainer.STATE, write)


# "auto" would query the hub for the base's vocabulary size.
_NO_EMBEDDINGS = {"save_embedding_layers": False}


def restore(folder: Path, train_step: TrainStep, device: torch.device) -> Progress:
    """Load the checkpoint's weights; return its progress, that of the start without one."""
    path = folder / trainer.STATE
    if not path.exists():
        return Progress()
    checkpoint: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    set_peft_model_state_dict(train_step.model, checkpoint["adapter"])
    train_step.optimizer.load_state_dict(checkpoint["optimizer"])
    return Progress(**checkpoint["progress"])


def save_epoch(folder: Path, number: int, model: Any) -> None:
    """Write the adapter of an epoch durably in PEFT's layout, unless it exists."""
    target = trainer.get_epoch_folder(folder, number)
    if not target.exists():
        durable_files.remove_durably(target.with_name(f".{target.name}.part"))
        durable_files.write_durably(target, partial(_write_adapter, model))


def _write_adapter(model: Any, folder: Path) -> None:
    model.save_pretrained(folder, **_NO_EMBEDDINGS)
    (folder / "README.md").unlink()  # it would tell the base's local path


class TrainStep:
    """Forward, backward and optimizer steps, and evaluation.

    Returned sums are over all processes: `loss`, `count` (target tokens, or pairs), `tokens`, and
    further metrics of the method.
    """

    def __init__(self, plan: Plan, accelerator: Accelerator, model: Any) -> None:
        self._plan = plan
        self._accelerator = accelerator
        self.model = model
        self._parallel = (
            accelerator.prepare_model(model) if accelerator.num_processes > 1 else model
        )
        forward = model.get_base_model().forward
        self._can_select = "logits_to_keep" in inspect.signature(forward).parameters
        self._trainable = [part for part in model.parameters() if part.requires_grad]
        self.optimizer = torch.optim.AdamW(self._trainable, lr=plan.get_rate(0), weight_decay=0.0)

    def accumulate(
        self, batch: Sequence[Example], step: int, *, is_stop: bool = False
    ) -> dict[str, float]:
        """Accumulate the gradients of a batch; return its sums.

        `stop` is the number of processes that were asked to stop. Random numbers, if the base has
        dropout, are a function of the seed, the step and the process.
        """
        self.model.train()
        rank = self._accelerator.process_index
        torch.manual_seed(self._plan.seed * 1_000_003 + step * 1_009 + rank)
        divisor = max(1, self._count_targets(batch)) / self._accelerator.num_processes
        share, weight = self._select_share(batch)
        pieces = list(self._lay_out(share))
        losses = []
        for number, layout in enumerate(pieces, start=1):
            is_last = number == len(pieces)
            # Gradients are synchronised only with the last micro-batch.
            with nullcontext() if is_last else self._accelerator.no_sync(self._parallel):
                total, sums = self._compute_loss(self._parallel, layout)
                (total * weight / divisor).backward()
            losses.append((total.detach(), sums))
        return self._reduce({**self._compute_sums(losses, share, weight), "stop": float(is_stop)})

    def update(self, step: int) -> None:
        """Run the optimizer and reset the gradients."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._plan.get_rate(step)
        torch.nn.utils.clip_grad_norm_(self._trainable, _MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def evaluate(self, batch: Sequence[Example]) -> dict[str, float]:
        """Return the sums of a batch without training on it."""
        self.model.eval()
        share, weight = self._select_share(batch)
        with torch.no_grad():
            losses = [self._compute_loss(self.model, layout) for layout in self._lay_out(share)]
        return self._reduce(self._compute_sums(losses, share, weight))

    def _select_share(self, batch: Sequence[Example]) -> tuple[Sequence[Example], float]:
        """Return this process' share of a batch and its weight.

        A process without a share computes one example with weight 0, because the other processes
        wait for its gradients.
        """
        share = batch[self._accelerator.process_index :: self._accelerator.num_processes]
        return (share, 1.0) if share else (batch[:1], 0.0)

    def _lay_out(self, share: Sequence[Example]) -> Iterator[Layout]:
        return lay_out(share, self._plan.most, self._accelerator.device)

    def _compute_loss(self, model: Any, layout: Layout) -> Loss:
        if self._plan.method != DPO:
            with self._accelerator.autocast():
                return compute_supervised_loss(self._score(model, layout))
        with self._accelerator.autocast():
            # The base is the reference model.
            with torch.no_grad(), self.model.disable_adapter():
                reference = self._score(self.model, layout)
            scored = self._score(model, layout)
        return compute_dpo_loss(scored, reference, layout, float(self._plan.settings["beta"]))

    def _score(self, model: Any, layout: Layout) -> Scored:
        """Compute logits of the target tokens only: all would take most of a step's memory."""
        columns, options = torch.unique(layout.place), {}
        place = layout.place
        if self._can_select:
            options, place = {"logits_to_keep": columns}, torch.searchsorted(columns, place)
        logits = model(input_ids=layout.ids, use_cache=False, **options).logits
        chosen = logits[layout.row, place].float()
        logps = -functional.cross_entropy(chosen, layout.targets, reduction="none")
        return logps, chosen.detach().argmax(-1) == layout.targets

    def _compute_sums(
        self, losses: Sequence[Loss], share: Sequence[Example], weight: float
    ) -> dict[str, float]:
        tokens = sum(len(row) for example in share for row in example)
        sums = {"count": weight * self._count_targets(share), "tokens": weight * tokens}
        sums["loss"] = weight * sum(float(total) for total, _ in losses)
        for name in losses[0][1]:
            sums[name] = weight * sum(float(metrics[name]) for _, metrics in losses)
        return sums

    def _reduce(self, sums: dict[str, float]) -> dict[str, float]:
        """Return the sums reduced over all processes; the names are the same in each."""
        if self._accelerator.num_processes == 1:
            return sums
        # MPS does not support float64; gloo and nccl do.
        values = torch.tensor(
            list(sums.values()), dtype=torch.float64, device=self._accelerator.device
        )
        total = self._accelerator.reduce(values, "sum")
        return dict(zip(sums, total.tolist(), strict=True))

    def _count_targets(self, batch: Sequence[Example]) -> int:
        if self._plan.method == DPO:
            return len(batch)
        return sum(sum(row.loss_mask[1:]) for example in batch for row in example)


def add_sums(sums: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """Return the sums by name, added."""
    return {name: sums.get(name, 0.0) + value for name, value in more.items()}


def compute_means(sums: Mapping[str, float], prefix: str) -> dict[str, float]:
    """Return the metrics of some sums under the protocol's names."""
    count = max(1.0, sums["count"])
    return {f"{prefix}_{name}": sums[name] / count for name in sums if name not in _COUNTS}


class Training:
    """The loop over epochs and batches; `progress` is the start state."""

    def __init__(
        self, plan: Plan, train_step: TrainStep, send: Send, progress: Progress, *, is_first: bool
    ) -> None:
        """Of several processes only the first, `is_first`, writes files."""
        self._plan = plan
        self._train_step = train_step
        self._send = send
        self._progress = progress
        self._is_first = is_first
        self._reported_at = self._saved_at = time.monotonic()
        self._tokens_reported = progress.tokens

    def run(self, is_asked_to_stop: Callable[[], bool]) -> bool:
        """Train; return True at the end, False if stopped (state is saved). Raises Untrainable."""
        epochs, patience = self._progress.epochs, int(self._plan.settings["early_stop"])
        while len(epochs) < self._plan.epochs and not self._is_worse_for(patience):
            if not self._run_epoch(is_asked_to_stop):
                return False
        if patience and (best := self._progress.best_epoch):
            if len(epochs) < self._plan.epochs:
                found = {"epoch": len(epochs), "best": best}
                self._send("remark", key="engine-lora-early-stop", arguments=found)
            self._send("epoch", **epochs[best - 1])
        self._save(at_most_every_s=0)
        return True

    def _is_worse_for(self, patience: int) -> bool:
        """Return whether so many epochs (0: any number) have brought no better test loss."""
        best = self._progress.best_epoch
        return 0 < patience <= len(self._progress.epochs) - best if best else False

    def _run_epoch(self, is_asked_to_stop: Callable[[], bool]) -> bool:
        plan, progress = self._plan, self._progress
        chosen = shuffle(len(plan.train), plan.seed, len(progress.epochs))
        for batch in split_batches(plan.train, chosen, plan.batch_size)[progress.batch :]:
            sums = self._train_step.accumulate(batch, progress.step, is_stop=is_asked_to_stop())
            if not math.isfinite(sums["loss"]):
                step = progress.step + 1
                raise Untrainable("loss_not_finite", "engine-lora-not-finite", None, step=step)
            self._train_step.update(progress.step)
            self._record_step(sums)
            if sums["stop"]:
                self._save(at_most_every_s=0)
                return False
            self._save(at_most_every_s=_SAVE_EVERY_S)
        metrics = compute_means(progress.sums, "train") | self._evaluate_all()
        progress.batch, progress.sums = 0, {}
        number = len(progress.epochs) + 1
        if self._is_first:
            save_epoch(plan.folder, number, self._train_step.model)
        epoch = {"number": number, "step": progress.step, "metrics": metrics}
        progress.epochs.append({**epoch, "tokens": progress.tokens})
        self._send("epoch", **progress.epochs[-1])
        self._save(at_most_every_s=_SAVE_AT_MOST_EVERY_S)
        return True

    def _record_step(self, sums: dict[str, float]) -> None:
        """Count a step, and report its metrics at intervals."""
        progress = self._progress
        progress.step += 1
        progress.batch += 1
        progress.tokens += int(sums["tokens"])
        progress.sums = add_sums(progress.sums, sums)
        waited = time.monotonic() - self._reported_at
        if progress.step == 1 or waited >= _REPORT_EVERY_S:
            metrics = compute_means(sums, "train")
            metrics["tokens_per_s"] = (progress.tokens - self._tokens_reported) / max(waited, 1e-6)
            self._reported_at, self._tokens_reported = time.monotonic(), progress.tokens
            self._send("step", step=progress.step, metrics=metrics)

    def _evaluate_all(self) -> dict[str, float]:
        """Evaluate all test data; return its metrics as `valid_…` and `full_valid_…`."""
        test, sums = self._plan.test, dict[str, float]()
        if not test:
            return {}
        for batch in split_batches(test, range(len(test)), self._plan.batch_size):
            sums = add_sums(sums, self._train_step.evaluate(batch))
        metrics = compute_means(sums, "valid")
        return metrics | {f"full_{name}": value for name, value in metrics.items()}

    def _save(self, at_most_every_s: float) -> None:
        if time.monotonic() - self._saved_at < at_most_every_s:
            return
        if self._is_first:
            save_checkpoint(self._plan.folder, self._progress, self._train_step)
            self._send("kept", step=self._progress.step)
        self._saved_at = time.monotonic()


def train_task(
    task: Task, accelerator: Accelerator, send: Send, is_asked_to_stop: Callable[[], bool]
) -> bool:
    """Train the task; return whether it was completed. Raises Untrainable, BadFile, OSError."""
    if task.base is None:
        raise ValueError("a task of this trainer needs a base")
    torch.manual_seed(task.seed)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # Enabled by the line above; filling every new tensor is not needed.
    torch.utils.deterministic.fill_uninitialized_memory = False
    device = accelerator.device
    base = inspect_base(task.base, device)
    plan = _build_plan(task, base, device)
    model = load_with_adapters(base, plan.settings, device)
    train_step = TrainStep(plan, accelerator, model)
    progress = restore(task.folder, train_step, device)
    resolved = {"hyperparameters": dict(plan.settings), "steps": plan.steps}
    send("settled", **resolved, done=progress.step)
    if plan.settings["early_stop"] and not plan.test:
        send("remark", key="engine-lora-nothing-to-test", arguments={})
    for epoch in progress.epochs:  # the engine may have been killed too
        send("epoch", **epoch)
    progress.threads = progress.threads or _choose_thread_count(plan, train_step, accelerator)
    torch.set_num_threads(progress.threads)
    is_first = accelerator.is_main_process
    return Training(plan, train_step, send, progress, is_first=is_first).run(is_asked_to_stop)


def _build_plan(task: Task, base: BaseInfo, device: torch.device) -> Plan:
    tokenizer = ExampleTokenizer(base.tokenizer, base.longest)
    read_examples = tokenizer.read_preferences if task.method == DPO else tokenizer.read_supervised
    train = read_examples(task.train, "training_file")
    test = read_examples(task.test, "validation_file") if task.test else []
    most = _AT_ONCE.get(device.type, _AT_ONCE["cpu"])
    settings = trainer.resolve_hyperparameters(
        task.method, task.hyperparameters, examples=len(train), parameters=base.parameters
    )
    return Plan(task.method, task.folder, task.seed, settings, train, test, most)


def _choose_thread_count(plan: Plan, train_step: TrainStep, accelerator: Accelerator) -> int:
    if accelerator.num_processes > 1 or accelerator.device.type != "cpu":
        return max(1, count_cores() // int(accelerator.num_processes))
    batch = split_batches(plan.train, range(len(plan.train)), plan.batch_size)[0]

    def step() -> None:
        train_step.accumulate(batch, 0)
        train_step.optimizer.zero_grad()

    return choose_threads(step, tries=1)
