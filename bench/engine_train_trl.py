"""One run of a plain TRL SFTTrainer script on the same lesson; prints its figures as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from bench.engine_train import Lesson, told


def main(lesson: Lesson) -> None:
    """Train on rows tokenised beforehand, loss on the completion alone."""
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from datasets import Dataset

    class Marks(TrainerCallback):  # type: ignore[misc]
        """Notes when each step was done."""

        def __init__(self) -> None:
            self.marks: list[tuple[int, float]] = []

        def on_step_end(self, *given: object, **_: object) -> None:
            """Note the step; the second argument is the trainer's state."""
            self.marks.append((given[1].global_step, time.monotonic()))  # type: ignore[attr-defined]

    tokenizer = AutoTokenizer.from_pretrained(lesson.base)
    lines = Path(lesson.train).read_text(encoding="utf-8").splitlines()
    rows = [_row(tokenizer, json.loads(line)["messages"]) for line in lines]
    is_cpu = lesson.device == "cpu"
    settings = SFTConfig(
        output_dir=lesson.place,
        num_train_epochs=lesson.epochs,
        per_device_train_batch_size=lesson.batch,
        learning_rate=lesson.rate,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        weight_decay=0.0,
        completion_only_loss=True,
        max_length=None,
        gradient_checkpointing=False,
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        seed=lesson.seed,
        use_cpu=is_cpu,
        bf16=False,
        disable_tqdm=True,
    )
    marks = Marks()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(lesson.base, dtype=torch.float32),
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=lesson.rank,
            lora_alpha=2 * lesson.rank,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        callbacks=[marks],
    )
    trainer.train()
    losses = [each["loss"] for each in trainer.state.log_history if "loss" in each]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(told(lesson, marks.marks, peak, losses[-1]))


def _row(tokenizer: object, messages: list[dict[str, str]]) -> dict[str, list[int]]:
    rendered = tokenizer.apply_chat_template  # type: ignore[attr-defined]
    prompt = rendered(messages[:-1], add_generation_prompt=True, return_dict=True)["input_ids"]
    whole = rendered(messages, return_dict=True)["input_ids"]
    mask = [0] * len(prompt) + [1] * (len(whole) - len(prompt))
    return {"input_ids": whole, "completion_mask": mask}


if __name__ == "__main__":
    main(Lesson(**json.loads(sys.argv[1])))
