"""Compare training speed and memory with a plain script on TRL, on the same base and file.

SmolLM2 and the sample English dataset, LoRA of rank 16 on every linear layer, batches of 4, the
same learning rate, loss on the answers only. Each run is a separate process; the sides alternate.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.smollm import DEVICE, DTYPE, unpack
from merlin.dataset.builds import TRAIN_FILE, make_build, write_build
from merlin.dataset.check import check
from merlin.dataset.work_tree import work_tree
from merlin.sandbox.demo.place import samples

ROUNDS = 3
EPOCHS = 2


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings of both sides; `folder` is where a run may write."""

    base: str
    train: str
    folder: str
    epochs: int = EPOCHS
    batch: int = 4
    rank: int = 16
    rate: float = 1e-3
    seed: int = 42


def run(_: Sequence[str] = ()) -> None:
    """Print a row for each run, then the medians of the ratios."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        entries, read = work_tree(samples("datasets-lora") / "english")
        build = make_build(check("english", entries, read))
        train = write_build(build, folder, 1) / TRAIN_FILE
        base = str(unpack())
        print("side | steps/s | peak MiB | loss of the last epoch")
        rounds = []
        for number in range(ROUNDS):
            place = folder / str(number)
            settings = TrainingSettings(base, str(train), str(place))
            rounds.append({side: _run_side(side, settings) for side in SIDES})
    for what, unit in (("steps_s", "steps/s"), ("peak_mib", "peak memory")):
        ratios = [figures["ours"][what] / figures["trl"][what] for figures in rounds]
        all_ratios = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{unit}, ours to TRL: {statistics.median(ratios):.2f} (of {all_ratios})")


def _run_side(side: str, settings: TrainingSettings) -> Mapping[str, float]:
    folder = Path(settings.folder, side)
    folder.mkdir(parents=True)
    own = json.dumps({**asdict(settings), "folder": str(folder)})
    command = [sys.executable, "-m", "bench.engine_train", side, own]
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=errors, check=False
        )
    if process.returncode:
        sys.exit(log.read_text(errors="replace")[-2000:])
    values: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    print(
        f"{side} | {' | '.join(f'{value:.3f}' for value in values.values())}",
        flush=True,
    )
    return values


def print_figures(
    step_times: Sequence[tuple[int, float]], peak_kib: int, loss: float
) -> None:
    """Print a run's figures as JSON; of steps with their times the first one is a warm-up."""
    (first, started_at) = step_times[0]
    (last, ended_at) = step_times[-1]
    speed = (last - first) / (ended_at - started_at)
    print(json.dumps({"steps_s": speed, "peak_mib": peak_kib / 1024, "loss": loss}))


def train_ours(settings: TrainingSettings) -> None:
    """Train as the engine does; the peak memory is that of the child process, which uses torch."""
    from merlin.engine.trainers.base import (
        SUPERVISED,
        BaseFiles,
        Epoch,
        Step,
        Task,
        check_hyperparameters,
    )
    from merlin.engine.trainers.lora.trainer import LoraHyperparameters, LoraTrainer

    trainer = LoraTrainer()
    step_times = list[tuple[int, float]]()
    loss = 0.0
    hyperparameters = {
        "n_epochs": settings.epochs,
        "batch_size": settings.batch,
        "rank": settings.rank,
        "learning_rate_multiplier": settings.rate / 1e-3,
        "gradient_checkpointing": False,
    }
    task = Task(
        method=SUPERVISED,
        train=Path(settings.train),
        test=None,
        hyperparameters=check_hyperparameters(
            SUPERVISED, LoraHyperparameters, hyperparameters
        ),
        seed=settings.seed,
        folder=Path(settings.folder),
        base=BaseFiles(Path(settings.base), DTYPE),
        device=DEVICE,
    )
    for progress in trainer.train(task):
        if isinstance(progress, Step | Epoch):
            step_times.append((progress.step, time.monotonic()))
        if isinstance(progress, Epoch):
            loss = progress.metrics["train_loss"]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print_figures(step_times, peak, loss)


def train_trl(settings: TrainingSettings) -> None:
    """Train by a plain script on tokenised rows, with the loss on the completion only."""
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from datasets import Dataset

    class StepTimes(TrainerCallback):  # type: ignore[misc]
        """Stores when each step was completed."""

        def __init__(self) -> None:
            self.step_times: list[tuple[int, float]] = []

        def on_step_end(self, *arguments: object, **_: object) -> None:
            """Store the step and the time; the second argument is the trainer's state."""
            self.step_times.append((arguments[1].global_step, time.monotonic()))  # type: ignore[attr-defined]

    tokenizer = AutoTokenizer.from_pretrained(settings.base)
    lines = Path(settings.train).read_text(encoding="utf-8").splitlines()
    rows = [_tokenise(tokenizer, json.loads(line)["messages"]) for line in lines]
    training_arguments = SFTConfig(
        output_dir=settings.folder,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.rate,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        weight_decay=0.0,
        completion_only_loss=True,
        max_length=None,
        gradient_checkpointing=False,
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        seed=settings.seed,
        use_cpu=True,
        disable_tqdm=True,
    )
    step_times = StepTimes()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(
            settings.base, dtype=getattr(torch, DTYPE)
        ),
        args=training_arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=settings.rank,
            lora_alpha=2 * settings.rank,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        callbacks=[step_times],
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print_figures(step_times.step_times, peak, losses[-1])


def _tokenise(
    tokenizer: object, messages: list[dict[str, str]]
) -> dict[str, list[int]]:
    apply_template = tokenizer.apply_chat_template  # type: ignore[attr-defined]
    prompt = apply_template(
        messages[:-1], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    conversation = apply_template(messages, return_dict=True)["input_ids"]
    mask = [0] * len(prompt) + [1] * (len(conversation) - len(prompt))
    return {"input_ids": conversation, "completion_mask": mask}


SIDES = {"ours": train_ours, "trl": train_trl}

if __name__ == "__main__":
    SIDES[sys.argv[1]](TrainingSettings(**json.loads(sys.argv[2])))
