"""Run a plain TRL SFTTrainer script once with the same settings; print the figures as JSON."""

import json
import resource
import sys
import time
from pathlib import Path

from bench.engine_train import TrainingSettings, format_figures


def main(settings: TrainingSettings) -> None:
    """Train on rows that are tokenised in advance, with the loss on the completion only."""
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
    is_cpu = settings.device == "cpu"
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
        use_cpu=is_cpu,
        bf16=settings.dtype == "bfloat16",
        disable_tqdm=True,
    )
    step_times = StepTimes()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(
            settings.base, dtype=getattr(torch, settings.dtype)
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
    print(format_figures(settings, step_times.step_times, peak, losses[-1]))


def _tokenise(tokenizer: object, messages: list[dict[str, str]]) -> dict[str, list[int]]:
    apply_template = tokenizer.apply_chat_template  # type: ignore[attr-defined]
    prompt = apply_template(messages[:-1], add_generation_prompt=True, return_dict=True)[
        "input_ids"
    ]
    conversation = apply_template(messages, return_dict=True)["input_ids"]
    mask = [0] * len(prompt) + [1] * (len(conversation) - len(prompt))
    return {"input_ids": conversation, "completion_mask": mask}


if __name__ == "__main__":
    main(TrainingSettings(**json.loads(sys.argv[1])))
