"""Training of one task by TRL's trainers (docs/adr/0016).

TRL does steps, evaluation and checkpoints, PEFT the adapters, accelerate the device. Ours are the
settings, the loss on a CPU, and the reports: an epoch's message is computed from the trainer's own
log, which is part of each checkpoint, so a resumed training repeats the epochs before it.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from torch.nn import functional
from transformers import PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from datasets import Dataset
from merlin.engine.torch_loading import choose_threads
from merlin.engine.trainers.base import DPO, KTO, SUPERVISED, Task
from merlin.engine.trainers.lora import trainer
from merlin.engine.trainers.lora.worker.data import CONTEXT, ExampleTokenizer, Row
from merlin.engine.trainers.lora.worker.model import (
    BaseInfo,
    check_device,
    inspect_base,
    load_base,
)
from merlin.engine.trainers.lora.worker.proving import Prover, check_finite

# Rows at a time; larger batches are accumulated.
_AT_ONCE = 8
_WARM_UP_SHARE = 0.03
_REPORT_EVERY_S = 1.0
# Checkpoints within an epoch, in steps.
_SAVE_EVERY = 50
_STATE = "trainer_state.json"
# The adapter that a training on ratings begins with.
_TUNED = "tuned"
# TRL's names of metrics, and the protocol's; tests have them after `eval_`.
_METRICS = {
    "loss": "loss",
    "mean_token_accuracy": "mean_token_accuracy",
    "rewards/margins": "rewards_margins",
    "rewards/accuracies": "rewards_accuracies",
}
# Sends a message to the engine: its kind and its fields.
Send = Callable[..., None]


class SupervisedTrainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer, with a loss that scores the target tokens only on a CPU too.

    Without Triton, TRL scores every token against the whole vocabulary: 0.76 times the speed.
    """

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: Any = None,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the mean loss of the target tokens of a batch."""
        if self.accelerator.device.type != "cpu":
            return super().compute_loss(
                model, inputs, return_outputs, num_items_in_batch
            )
        labels = inputs.pop("labels")[:, 1:]
        is_target = labels != CONTEXT
        row, place = is_target.nonzero(as_tuple=True)
        columns, place = place.unique(return_inverse=True)
        logits = model(**inputs, use_cache=False, logits_to_keep=columns).logits[
            row, place
        ]
        targets = labels[is_target]
        hits = (logits.detach().argmax(-1) == targets).float().mean().item()
        metrics = self._metrics["train" if self.model.training else "eval"]
        metrics["mean_token_accuracy"].append(hits)
        total = functional.cross_entropy(logits.float(), targets, reduction="sum")
        return total / (
            len(targets) if num_items_in_batch is None else num_items_in_batch
        )


class PreferenceTrainer(DPOTrainer):  # type: ignore[misc]
    """TRL's trainer on rows that are tokenised already; the base is the reference."""

    def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
        return dataset


class RatingTrainer(KTOTrainer):  # type: ignore[misc]
    """TRL's trainer on rows that are tokenised already, from the adapter that is given."""

    def _prepare_dataset(
        self, dataset: Dataset, _: Any, args: KTOConfig, __: str
    ) -> Dataset:
        # As TRL does after its own tokenising: each prompt gets the answer before it in its batch.
        size = args.per_device_train_batch_size
        answers = dataset["completion_ids"]
        batches = (answers[at : at + size] for at in range(0, len(answers), size))
        others = [answer for batch in batches for answer in (batch[-1], *batch[:-1])]
        return dataset.add_column("KL_completion_ids", others)


_TRAINERS: Mapping[str, tuple[Any, Any]] = {
    SUPERVISED: (SupervisedTrainer, SFTConfig),
    DPO: (PreferenceTrainer, DPOConfig),
    KTO: (RatingTrainer, KTOConfig),
}


class Reports(TrainerCallback):  # type: ignore[misc]
    """Sends the training's progress, and writes the adapter of each epoch."""

    def __init__(
        self, send: Send, folder: Path, settings: Mapping[str, Any], prover: Prover
    ) -> None:
        self._send = send
        self._prover = prover
        self._folder = folder
        self._settings = settings

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Send the settings, and the epochs that a resumed training has behind it."""
        self._reported_at = time.monotonic()
        self._send("settled", hyperparameters=dict(self._settings))
        for number in range(1, int(state.epoch or 0) + 1):
            self._send("epoch", **summarise_epoch(state.log_history, number))

    def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask for a checkpoint at intervals; the end of an epoch has its own."""
        if state.global_step % _SAVE_EVERY == 0 and state.epoch % 1:
            control.should_save = True

    def on_log(
        self, _args: Any, state: Any, _control: Any, logs: Any, **_: Any
    ) -> None:
        """Report a step's metrics at intervals. Raises Untrainable if a loss is no number."""
        check_finite(
            (logs[name] for name in ("loss", "eval_loss") if name in logs),
            state.global_step,
        )
        if "loss" not in logs:  # of an evaluation, or of the whole training
            return
        now = time.monotonic()
        if now - self._reported_at >= _REPORT_EVERY_S or state.global_step == 1:
            metrics = dict(_rename_metrics(logs, "", "train"))
            self._send("step", step=state.global_step, metrics=metrics)
            self._reported_at = now

    def on_epoch_end(
        self, _args: Any, state: Any, _control: Any, model: Any, **_: Any
    ) -> None:
        """Write the epoch's adapter in PEFT's layout, with its proof."""
        folder = trainer.get_epoch_folder(self._folder, round(state.epoch))
        _save_adapter(model, folder)
        proof = self._prover.write(model, folder, state.global_step)
        is_last = state.epoch >= self._settings["n_epochs"]
        if is_last and not proof.is_decidable:
            self._send("remark", key="engine-lora-unproved", arguments={})

    def on_save(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        """Report a checkpoint, and the epoch that ended with it."""
        if state.epoch % 1 == 0:
            self._send(
                "epoch", **summarise_epoch(state.log_history, round(state.epoch))
            )
        self._send("kept", step=state.global_step)


def summarise_epoch(
    history: Sequence[Mapping[str, Any]], number: int
) -> dict[str, Any]:
    """Return the message of a completed epoch: its mean training metrics, and those of its test."""
    steps = [
        row for row in history if "loss" in row and number - 1 < row["epoch"] <= number
    ]
    named = [dict(_rename_metrics(row, "", "train")) for row in steps]
    # A batch of good answers alone has no margin to bad ones.
    names = dict.fromkeys(name for row in named for name in row)
    metrics = {name: mean(row[name] for row in named if name in row) for name in names}
    for row in history:
        if "eval_loss" in row and row["epoch"] == number:
            metrics |= _rename_metrics(row, "eval_", "valid")
    step = steps[-1]["step"]
    tokens = steps[-1]["num_input_tokens_seen"]
    return {"number": number, "step": step, "metrics": metrics, "tokens": tokens}


def _rename_metrics(
    row: Mapping[str, Any], prefix: str, ours: str
) -> Iterator[tuple[str, float]]:
    for theirs, name in _METRICS.items():
        if f"{prefix}{theirs}" in row:
            yield f"{ours}_{name}", row[f"{prefix}{theirs}"]


def train_task(task: Task, send: Send) -> None:
    """Train the task from its last checkpoint on. Raises Untrainable, BadFile, OSError."""
    if task.base is None:
        raise ValueError("a task of this trainer needs a base")
    check_device(task.device)
    base = inspect_base(task.base)
    train, test = ExampleTokenizer(base.tokenizer, base.longest).read_task(task)
    settings: Mapping[str, Any] = trainer.resolve_hyperparameters(
        task.method,
        task.hyperparameters,
        examples=len(train),
        parameters=base.parameters,
    )
    arguments = _build_arguments(task, settings, has_test=bool(test))
    trains, configures = _TRAINERS[task.method]
    if "beta" in settings:
        arguments["beta"] = settings["beta"]
    config = configures(**arguments)
    model: Any = load_base(task.base, config.device)
    if config.device.type == "cpu":
        ids = torch.tensor([next(iter(train[0].values()))])
        torch.set_num_threads(choose_threads(lambda: model(input_ids=ids)))
    prover = Prover(train, test, task.base.quantised)
    checkpoint = find_checkpoint(task.folder)
    lora = _plan_adapter(base, model, settings["rank"])
    taught = [row for row in train if row.get("is_taught")]
    if task.method == KTO:
        random.Random(task.seed).shuffle(train)  # noqa: S311 - TRL takes such rows in their order
    if taught and checkpoint:
        model = PeftModel.from_pretrained(
            model, task.folder / _TUNED, is_trainable=True
        )
    elif taught:
        model = _teach_examples(task, settings, base.tokenizer, model, lora, taught)
        _save_adapter(model, task.folder / _TUNED)
    training = trains(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(train),
        eval_dataset=Dataset.from_list(test) if test else None,
        processing_class=base.tokenizer,
        peft_config=None if taught else lora,
        callbacks=[Reports(send, task.folder, settings, prover)],
    )
    training.remove_callback(PrinterCallback)
    training.train(resume_from_checkpoint=checkpoint)


def _plan_adapter(base: BaseInfo, model: Any, rank: int) -> LoraConfig:
    """Return the settings of an adapter of the layers that bases of this class train."""
    names = (name for name, _ in model.named_modules())
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=rank,
        lora_alpha=2 * rank,
        target_modules=base.architecture.select_modules(names),
    )


def _teach_examples(
    task: Task,
    settings: Mapping[str, Any],
    tokenizer: Any,
    model: Any,
    lora: LoraConfig,
    rows: Sequence[Row],
) -> Any:
    """Return the model tuned on the examples among rated answers.

    Ratings say which of its answers a model should prefer; alone they do not teach it any.
    """
    examples = [
        {
            "input_ids": row["prompt_ids"] + row["completion_ids"],
            "labels": [CONTEXT] * len(row["prompt_ids"]) + row["completion_ids"],
        }
        for row in rows
    ]
    rate = trainer.RATE[SUPERVISED] * settings["learning_rate_multiplier"]
    arguments = _build_arguments(task, settings, has_test=False)
    arguments |= {"learning_rate": rate, "save_strategy": "no"}
    training = SupervisedTrainer(
        model=model,
        args=SFTConfig(**arguments),
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
        peft_config=lora,
    )
    training.remove_callback(PrinterCallback)
    training.train()
    return training.model


def _save_adapter(model: Any, folder: Path) -> None:
    """Write the adapter in PEFT's layout, without TRL's copy of the one that it began with."""
    # "auto" would query the hub for the base's vocabulary size.
    model.save_pretrained(
        folder, selected_adapters=["default"], save_embedding_layers=False
    )
    (folder / "README.md").unlink()


def find_checkpoint(folder: Path) -> str | None:
    """Return the newest complete checkpoint, None without one; its last file is the state."""
    steps = [
        int(path.parent.name.partition("-")[2]) for path in folder.glob(f"*/{_STATE}")
    ]
    return str(folder / f"checkpoint-{max(steps)}") if steps else None


def _build_arguments(
    task: Task, settings: Mapping[str, Any], *, has_test: bool
) -> dict[str, Any]:
    """Return what the configurations of TRL have in common."""
    is_cpu = task.device == "cpu"
    share = settings["batch_size"]
    at_once = next(
        rows for rows in range(min(share, _AT_ONCE), 0, -1) if share % rows == 0
    )
    wants_bf16 = not is_cpu and task.base and task.base.dtype != "float32"
    return {
        "output_dir": str(task.folder),
        "seed": task.seed,
        "num_train_epochs": settings["n_epochs"],
        "per_device_train_batch_size": at_once,
        "per_device_eval_batch_size": at_once,
        "gradient_accumulation_steps": share // at_once,
        "learning_rate": trainer.RATE[task.method]
        * settings["learning_rate_multiplier"],
        "lr_scheduler_type": "linear",
        "warmup_steps": _WARM_UP_SHARE,
        "max_length": None,
        "gradient_checkpointing": settings["gradient_checkpointing"],
        "use_cpu": is_cpu,
        "bf16": bool(wants_bf16 and torch.cuda.is_bf16_supported()),
        "eval_strategy": "epoch" if has_test else "no",
        "save_strategy": "epoch",
        "save_total_limit": 1,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "include_num_input_tokens_seen": "non_padding",
        "disable_tqdm": True,
        "report_to": "none",
    }
