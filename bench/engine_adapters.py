"""Create random LoRA adapters in PEFT's layout, in a child process."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from merlin.engine.proof import Proof, ProofQuestion, write_proof
from merlin.engine.serving.base import Adapter

RANK, SPREAD = 16, 0.002
WEIGHTS = "adapter_model.safetensors"


def make_adapters(
    base: Path, folder: Path, count: int, spread: float = SPREAD
) -> Sequence[Adapter]:
    """Create different adapters of a base model in `folder`; `spread`: how much they change it."""
    arguments = (str(base), str(folder), str(count), str(spread))
    command = [sys.executable, "-m", "bench.engine_adapters", *arguments]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    folders = [folder / str(number) for number in range(count)]
    return [
        Adapter(hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(), folder)
        for folder in folders
    ]


def main(base: str, folder: str, count: int, spread: float) -> None:
    """Write adapters with random weights of this standard deviation, each from its own seed."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from merlin.engine.torch_loading import score_tokens

    model = AutoModelForCausalLM.from_pretrained(base)
    lora_config = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    model_with_adapters = get_peft_model(model, lora_config)
    for number in range(count):
        torch.manual_seed(number)
        for name, weights in model_with_adapters.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weights, std=spread)
        model_with_adapters.save_pretrained(f"{folder}/{number}")
        questions = [ProofQuestion(range(8, 40), 8)]
        with model_with_adapters.disable_adapter():
            base_scores = score_tokens(model_with_adapters, questions)
        tuned = score_tokens(model_with_adapters, questions)
        write_proof(Proof(questions, base_scores, tuned, "none"), Path(folder, str(number)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
