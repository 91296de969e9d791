"""Adapters that do something, in PEFT's layout, for what measures answering: made in a child."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from merlin.engine.serving.base import Adapter

RANK, SPREAD = 16, 0.002
WEIGHTS = "adapter_model.safetensors"


def adapters(base: Path, place: Path, count: int) -> Sequence[Adapter]:
    """Return so many different adapters of a base, under `place`."""
    command = [sys.executable, "-m", "bench.engine_adapters", str(base), str(place), str(count)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    folders = [place / str(number) for number in range(count)]
    return [
        Adapter(hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(), folder)
        for folder in folders
    ]


def main(base: str, place: str, count: int) -> None:
    """Write adapters whose weights are small and random, each from its own seed."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    shape = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    tuned = get_peft_model(model, shape)
    for number in range(count):
        torch.manual_seed(number)
        for name, weights in tuned.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weights, std=SPREAD)
        tuned.save_pretrained(f"{place}/{number}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
