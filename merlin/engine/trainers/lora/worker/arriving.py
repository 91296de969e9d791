"""An adapter that another program trained: checked against the base, proved, then a model of ours.

unsloth, TRL, axolotl and LLaMA-Factory all write PEFT's layout. What decides are the tensors: their
names and shapes against the layers of the base, their numbers, and how probable they make taught
answers. The name of a base decides only where both are the hub's: a path, or a copy of it that
somebody has quantised, is another name of the same.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from merlin.core.json_fields import parse_object
from merlin.engine.adapter_weights import are_sound, read_sizes
from merlin.engine.proof import Proof
from merlin.engine.trainers.base import SUPERVISED, BaseFiles, Task, Untrainable
from merlin.engine.trainers.lora import trainer
from merlin.engine.trainers.lora.worker.data import ExampleTokenizer
from merlin.engine.trainers.lora.worker.model import (
    check_device,
    inspect_base,
    load_base,
)
from merlin.engine.trainers.lora.worker.proving import Prover

CODE = "invalid_adapter"
# What an adapter can have beside low-rank matrices of linear layers. vLLM loads none of it, so a
# model with it would answer otherwise on another backend. Source: vllm/lora/peft_helper.py.
_EXTRA_PARTS = (
    *("use_dora", "modules_to_save", "lora_bias", "rank_pattern", "alpha_pattern"),
    *("trainable_token_indices", "layer_replication", "target_parameters"),
)
_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
# Names of one layer in the classes that load one base: its language model alone, or with towers.
_RENAMED = (
    ("model.language_model.", "model."),
    ("language_model.model.", "model.language_model."),
    ("model.", "model.language_model."),
)
# What unsloth and others append to the name of a base that they have quantised or converted.
_COPIES = re.compile(
    r"(-(unsloth|bnb|4bit|8bit|bf16|fp8|awq|gptq|int4|int8|dynamic))+$"
)
_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
Tensors = Mapping[str, torch.Tensor]


def adopt_adapter(task: Task, weights: Path, send: Callable[..., None]) -> None:
    """Write an adapter as the only epoch of its job, with its proof.

    Raises Untrainable if it is not one of the base, or changes nothing or for the worse; BadFile,
    OSError.
    """
    if task.base is None:
        raise ValueError("an adapter needs a base")
    check_device(task.device)
    config = read_config(str(task.hyperparameters["config"]), task.base)
    tensors = read_weights(weights)
    base = inspect_base(task.base)
    train, test = ExampleTokenizer(base.tokenizer, base.longest).read_task(task)
    model = load_base(task.base, torch.device(task.device))
    if task.base.quantised == "none":
        model.to(task.device)
    layers = dict(model.named_modules())
    trained = {*base.architecture.select_modules(layers)}
    fitted = fit_names(tensors, layers, trained, config, task.base)
    folder = trainer.get_epoch_folder(task.folder, 1)
    _write_adapter(fitted, config, task.base, folder)
    check_numbers(folder)
    prover = Prover(train, test, task.base.quantised)
    proof = prover.write(PeftModel.from_pretrained(model, folder), folder, 1)
    check_effect(proof, task.method)
    send("settled", hyperparameters=dict(task.hyperparameters))
    send("epoch", number=1, step=1, metrics={}, tokens=0)


def read_config(text: str, base: BaseFiles) -> Mapping[str, Any]:
    """Return an `adapter_config.json`. Raises Untrainable for one of another kind or base."""
    config: Mapping[str, Any] = {}
    try:
        config = parse_object(text)
        read_sizes(config)
        is_lora = config["peft_type"] == "LORA"
    except (ValueError, KeyError):
        is_lora = False
    if not is_lora:
        raise Untrainable(CODE, "engine-adapter-kind", "method")
    parts = [name for name in _EXTRA_PARTS if config.get(name)]
    if config.get("bias", "none") != "none":
        parts.append("bias")
    if parts:
        raise Untrainable(
            CODE, "engine-adapter-parts", "method", parts=", ".join(parts)
        )
    theirs = str(config.get("base_model_name_or_path") or "")
    if names_another(theirs, base.source):
        raise _other_base(theirs, base)
    return config


def names_another(theirs: str, ours: str) -> bool:
    """Return whether two names at the hub are of different bases; any other name tells nothing."""
    if not (_HUB_ID.fullmatch(theirs) and _HUB_ID.fullmatch(ours)):
        return False
    plain = [
        _COPIES.sub("", name.lower().rpartition("/")[2]) for name in (theirs, ours)
    ]
    return plain[0] != plain[1]


def read_weights(path: Path) -> Tensors:
    """Return an adapter's tensors.

    Raises Untrainable if they are damaged, of a type that servers don't load, or no numbers.
    """
    try:
        tensors: Tensors = load_file(path)
    except SafetensorError as error:
        raise Untrainable(
            CODE, "engine-adapter-damaged", "method", reason=str(error)
        ) from error
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise Untrainable(
                CODE, "engine-adapter-dtype", "method", tensor=name, dtype=kind
            )
        if not torch.isfinite(tensor).all():
            raise Untrainable(CODE, "engine-adapter-not-finite", "method", tensor=name)
    return tensors


def fit_names(
    tensors: Tensors,
    layers: Mapping[str, Any],
    trained: Collection[str],
    config: Mapping[str, Any],
    base: BaseFiles,
) -> Tensors:
    """Return the tensors under the names of the base's layers.

    Raises Untrainable unless each belongs to one of those that are `trained` in bases of this
    class, and has its size and the rank.
    """
    fitted = {}
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(key)
        name = _find_layer(match["module"], layers) if match else ""
        if match is None or (name is not None and name not in trained):
            raise Untrainable(CODE, "engine-adapter-parts", "method", parts=key)
        rank = int(config["r"])
        if name is None or list(tensor.shape) != _expect_shape(
            layers[name], match["side"], rank
        ):
            raise _other_base(str(config.get("base_model_name_or_path")), base)
        fitted[f"base_model.model.{name}.lora_{match['side']}.weight"] = tensor
    names = {key.rpartition(".lora_")[0] for key in fitted}
    if not fitted or len(fitted) != 2 * len(names):
        reason = "lora_A or lora_B is missing"
        raise Untrainable(CODE, "engine-adapter-damaged", "method", reason=reason)
    return fitted


def _find_layer(name: str, layers: Mapping[str, Any]) -> str | None:
    renamed = (
        name.replace(old, new, 1) for old, new in _RENAMED if name.startswith(old)
    )
    return next((each for each in chain([name], renamed) if each in layers), None)


def _expect_shape(layer: Any, side: str, rank: int) -> list[int]:
    return [rank, layer.in_features] if side == "A" else [layer.out_features, rank]


def _other_base(theirs: str, base: BaseFiles) -> Untrainable:
    return Untrainable(
        CODE,
        "engine-adapter-other-base",
        "method",
        theirs=theirs or "–",
        ours=base.source,
    )


def _write_adapter(
    tensors: Tensors, config: Mapping[str, Any], base: BaseFiles, folder: Path
) -> None:
    """Write PEFT's layout anew: a strange configuration could name code or another start."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        key.removeprefix("base_model.model.").rpartition(".lora_")[0] for key in tensors
    }
    rank = int(config["r"])
    alpha = config["lora_alpha"]
    if config.get(
        "use_rslora"
    ):  # it divides by the root of the rank, which not every program does
        alpha *= math.sqrt(rank)
    LoraConfig(
        task_type="CAUSAL_LM",
        inference_mode=True,
        base_model_name_or_path=base.folder.name,
        r=rank,
        lora_alpha=alpha,
        target_modules=sorted(names),
    ).save_pretrained(folder)
    save_file(
        dict(tensors), folder / "adapter_model.safetensors", metadata={"format": "pt"}
    )


def check_numbers(folder: Path) -> None:
    """Raise Untrainable if an adapter that was written adds far too large numbers."""
    try:
        is_sound = are_sound(folder)
    except ValueError:  # lora_alpha became infinite
        is_sound = False
    if not is_sound:
        raise Untrainable(CODE, "engine-adapter-too-large", "method")


def check_effect(proof: Proof, method: str) -> None:
    """Raise Untrainable if an adapter changes nothing measurable, or makes taught answers rarer.

    Preferred answers may become rarer: training on preferences only moves them above the others.
    """
    if not proof.is_decidable:
        raise Untrainable(CODE, "engine-adapter-inert", "method")
    base, tuned = (
        fmean(chain.from_iterable(scores)) for scores in (proof.base, proof.tuned)
    )
    if method == SUPERVISED and tuned < base:
        raise Untrainable(CODE, "engine-adapter-worse", "method")
