"""Adapters of the tiny base as other programs leave them, and broken ones."""

import math
import shutil

from tests.engine import tiny_base
from tests.engine.adapter_changes import (
    WEIGHTS,
    change_config,
    change_weights,
    narrow,
    put,
    rename,
    scale,
)

LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def train_by_trl(folder, steps=60):
    """Train the facts by TRL's own trainer as its documentation does; return the saved folder."""
    import torch
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from datasets import load_dataset

    examples = tiny_base.write_examples(folder / "facts.jsonl")
    torch.set_num_threads(1)
    arguments = SFTConfig(
        output_dir=str(folder / "trl"),
        max_steps=steps,
        per_device_train_batch_size=4,
        learning_rate=5e-3,
        use_cpu=True,
        bf16=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        seed=1,
    )
    lora = LoraConfig(r=8, lora_alpha=16, target_modules=LAYERS, task_type="CAUSAL_LM")
    trainer = SFTTrainer(
        model=str(tiny_base.get_tiny_base()),
        args=arguments,
        train_dataset=load_dataset("json", data_files=str(examples), split="train"),
        peft_config=lora,
    )
    trainer.train()
    trainer.save_model()
    return folder / "trl"


def shape_as_llama_factory(trl, folder):
    """Return a copy of an adapter with what LLaMA-Factory writes around it.

    Source: hiyouga/LLaMA-Factory, its `export` and `train/sft/workflow.py`: PEFT's own files with
    the local path of the base, its tokenizer, and logs; modules as a list in any order.
    """
    shutil.copytree(trl, folder)
    change_config(
        folder,
        base_model_name_or_path="/root/models/tiny",
        target_modules=LAYERS[::-1],
        modules_to_save=None,
        init_lora_weights=True,
        lora_dropout=0.1,
    )
    (folder / "README.md").write_text(
        "---\nlibrary_name: peft\nlicense: other\n---\n", "utf-8"
    )
    for name in ("all_results.json", "trainer_state.json", "train_results.json"):
        (folder / name).write_text("{}", "utf-8")
    (folder / "training_args.bin").write_bytes(b"a pickle that nobody reads")
    return folder


def _draw(tensors):
    """Return other tensors of the same sizes: those of an adapter of another base."""
    import torch

    torch.manual_seed(3)
    return {name: torch.randn_like(tensor) for name, tensor in tensors.items()}


def _cast(dtype):
    import torch

    return lambda tensors: {
        name: each.to(getattr(torch, dtype)) for name, each in tensors.items()
    }


def _drop(side):
    return lambda tensors: {
        name: each for name, each in tensors.items() if f"lora_{side}" not in name
    }


# What is wrong by name: how a sound adapter is spoilt, and the message that names it.
SPOILT = {
    "not-a-number": (
        lambda folder: change_weights(folder, put(math.nan, "lora_A")),
        "not-finite",
    ),
    "infinite": (
        lambda folder: change_weights(folder, put(math.inf, "lora_B")),
        "not-finite",
    ),
    "not-finite-together": (
        lambda folder: change_weights(folder, scale("", 1e18)),
        "too-large",
    ),
    "strange-scale": (
        lambda folder: change_config(folder, lora_alpha=1e30),
        "too-large",
    ),
    "infinite-scale": (
        lambda folder: change_config(folder, lora_alpha=1.7e308, use_rslora=True),
        "too-large",
    ),
    "scale-of-nan": (lambda folder: change_config(folder, lora_alpha=math.nan), "kind"),
    "scale-as-text": (lambda folder: change_config(folder, lora_alpha="16"), "kind"),
    "scale-of-400-digits": (
        lambda folder: change_config(folder, lora_alpha=int("9" * 400)),
        "kind",
    ),
    "float8": (lambda folder: change_weights(folder, _cast("float8_e4m3fn")), "dtype"),
    "complex": (lambda folder: change_weights(folder, _cast("complex64")), "dtype"),
    "untrained": (lambda folder: change_weights(folder, scale("", 0)), "inert"),
    "no-effect": (lambda folder: change_config(folder, lora_alpha=1e-6), "inert"),
    "other-hub-base": (
        lambda folder: change_config(folder, base_model_name_or_path="Qwen/Qwen3-0.6B"),
        "other-base",
    ),
    "other-layers": (
        lambda folder: change_weights(folder, rename("self_attn", "attention")),
        "other-base",
    ),
    "other-sizes": (lambda folder: change_weights(folder, narrow), "other-base"),
    "of-another-base": (lambda folder: change_weights(folder, _draw), "worse"),
    "saved-embeddings": (
        lambda folder: change_config(folder, modules_to_save=["embed_tokens"]),
        "parts",
    ),
    "head": (
        lambda folder: change_weights(
            folder, rename("model.model.layers.0.mlp.up_proj", "lm_head")
        ),
        "parts",
    ),
    "one-side": (lambda folder: change_weights(folder, _drop("B")), "damaged"),
    "half-a-file": (
        lambda folder: (folder / WEIGHTS).write_bytes(b"\x10" * 100),
        "damaged",
    ),
    "trained-bias": (lambda folder: change_config(folder, bias="all"), "parts"),
    "no-rank": (lambda folder: change_config(folder, r=None), "kind"),
    "prefix-tuning": (
        lambda folder: change_config(folder, peft_type="PREFIX_TUNING"),
        "kind",
    ),
}
