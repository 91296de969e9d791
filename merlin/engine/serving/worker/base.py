"""A base model in memory, the adapters beside it, and embeddings.

An adapter is a folder in PEFT's layout, validated against its base. Source of the layout:
huggingface/peft, docs/source/developer_guides/checkpoint.md. Whether a base supports batched
forward passes is tested at load time, not looked up in a list of architectures.
"""

from __future__ import annotations

import json
import math
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from merlin.engine.encoder_files import takes_first_token
from merlin.engine.serving.base import Adapter, GenerationRequest, Setup, too_long
from merlin.engine.serving.worker.forward import (
    AdapterStack,
    LoraLayer,
    LoraWeights,
    OneByOne,
    Passes,
    Together,
    as_read,
)
from merlin.engine.torch_loading import choose_threads, dtype_of, quantisation_of

_WEIGHT = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")
# Options that change more than linear layers by a low-rank product.
_UNSUPPORTED = ("use_dora", "modules_to_save", "trainable_token_indices", "lora_bias", "use_qalora")


# Timed steps per number of threads.
_MAX_TRIES = 3
# Texts per batch.
_TEXTS_AT_ONCE = 16


class Unservable(Exception):
    """The base or an adapter cannot be served; the message says why."""


def read_adapter(digest: str, folder: Path, mix: AdapterStack, device: torch.device) -> LoraWeights:
    """Return the adapter, scaled and on its device. Raises Unservable."""
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        weights = load_file(folder / "adapter_model.safetensors", device=str(device))
    except Exception as error:
        raise Unservable(f"its files cannot be read: {error}") from error
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none":
        raise Unservable("it is no LoRA adapter without bias")
    if beyond := [name for name in _UNSUPPORTED if config.get(name)]:
        raise Unservable(f"it uses what this backend has not: {', '.join(beyond)}")
    return LoraWeights(digest, _pairs(weights, config, mix))


def _pairs(
    weights: Mapping[str, Tensor], config: Mapping[str, Any], mix: AdapterStack
) -> dict[str, LoraLayer]:
    sides: dict[str, dict[str, Tensor]] = {}
    for name, weight in weights.items():
        match = _WEIGHT.fullmatch(name)
        if not match:
            raise Unservable(f"it changes {name}, which is no linear layer's product")
        sides.setdefault(match["layer"], {})[match["side"]] = weight
    return {layer: _pair(layer, both, config, mix) for layer, both in sides.items()}


def _pair(
    layer: str, both: Mapping[str, Tensor], config: Mapping[str, Any], mix: AdapterStack
) -> LoraLayer:
    base = mix.layer(layer)
    if base is None or not hasattr(base, "in_features"):
        raise Unservable(f"the base has no linear layer {layer}")
    down, up = both.get("A"), both.get("B")
    if down is None or up is None or down.shape[0] != up.shape[1]:
        raise Unservable(f"the two parts for {layer} do not fit together")
    if (down.shape[1], up.shape[0]) != (base.in_features, base.out_features):
        raise Unservable(f"it does not fit the layer {layer} of the base")
    if not (torch.isfinite(down).all() and torch.isfinite(up).all()):
        raise Unservable(f"it holds numbers that are none, for {layer}")
    rank = down.shape[0]
    scaled = up.T * _scale(layer, rank, config)
    # The weights of a quantised layer are not floating point.
    dtype = base.weight.dtype if base.weight.dtype.is_floating_point else mix.dtype
    return LoraLayer(down.to(dtype), scaled.contiguous().to(dtype), (rank,))


def _scale(layer: str, rank: int, config: Mapping[str, Any]) -> float:
    """Source: huggingface/peft, src/peft/tuners/lora/layer.py, update_layer."""
    alpha = config["lora_alpha"]
    for pattern, own in (config.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", layer):
            alpha = own
            break
    return float(alpha / (math.sqrt(rank) if config.get("use_rslora") else rank))


# The context window if neither the config nor the base names one, in tokens.
WINDOW = 8192


@dataclass(frozen=True, slots=True)
class Base:
    """A loaded base; `window` in tokens, `ends` are the end-of-sequence tokens.

    `takes_first_token`: an encoder's pooling takes the first token's vector instead of the mean.
    """

    model: Any
    tokenizer: Any
    window: int
    ends: frozenset[int]
    takes_first_token: bool = False

    @property
    def device(self) -> torch.device:
        """Return the model's device."""
        device: torch.device = self.model.device
        return device

    def sampling(self, asking: GenerationRequest) -> tuple[float, float]:
        """Return temperature and top_p of a request.

        If the request sets neither, the base's generation config applies, greedy if that does not
        sample, so that a trained answer is returned as it was trained.
        """
        if asking.temperature is None and asking.top_p is None:
            own = self.model.generation_config
            return (own.temperature or 1.0, own.top_p or 1.0) if own.do_sample else (0.0, 1.0)
        temperature = 1.0 if asking.temperature is None else asking.temperature
        return temperature, 1.0 if asking.top_p is None else asking.top_p


def load(setup: Setup) -> Base:
    """Load a base from its folder: only safetensors, no remote code.

    Raises Unservable, and any exception of transformers for unreadable files.
    """
    _check(setup)
    dtype = dtype_of(setup.dtype, torch.device(setup.device))
    tokenizer: Any = AutoTokenizer.from_pretrained(setup.folder, trust_remote_code=False)
    kind: Any = AutoModel if setup.is_embedding else AutoModelForCausalLM
    model = kind.from_pretrained(
        setup.folder,
        dtype=dtype,
        device_map={"": setup.device},
        quantization_config=quantisation_of(setup.quantised, dtype),
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
    ).eval()
    if not setup.is_embedding and not tokenizer.chat_template:
        raise Unservable("the base has no chat template; take one that is made for conversations")
    ends = frozenset() if setup.is_embedding else _ends(model, tokenizer)
    config = model.config.get_text_config()
    own = int(getattr(config, "max_position_embeddings", 0) or setup.context or WINDOW)
    # The configured window, at most the base's number of positions.
    takes_first = setup.is_embedding and takes_first_token(Path(setup.folder))
    base = Base(model, tokenizer, min(setup.context or own, own), ends, takes_first)
    if setup.device == "cpu":
        ids = torch.ones(1, 16, dtype=torch.long)
        torch.set_num_threads(choose_threads(lambda: model(input_ids=ids), _MAX_TRIES))
    return base


def _check(setup: Setup) -> None:
    if setup.device.startswith("cuda") and not torch.cuda.is_available():
        raise Unservable(
            f"engine.answering.device is {setup.device}, but torch sees no GPU here; set it to cpu,"
            " or install the driver and a torch built for it"
        )
    if setup.quantised != "none" and find_spec("bitsandbytes") is None:
        raise Unservable(f"quantised: {setup.quantised} needs bitsandbytes; pip install it")


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer: the base's EOS and the template's end of turn."""
    ends = model.generation_config.eos_token_id
    own = ends if isinstance(ends, list) else [ends, tokenizer.eos_token_id]
    return frozenset(token for token in [*own, *_turn_end(tokenizer)] if token is not None)


def _turn_end(tokenizer: Any) -> Sequence[int]:
    """Return the special token that the template appends to an answer, if any."""
    if not tokenizer.chat_template:
        return []
    conversation = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "merlin"}]
    text = tokenizer.apply_chat_template(conversation, tokenize=False)
    after = tokenizer.encode(text.rpartition("merlin")[2], add_special_tokens=False)
    marks = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    return [token for token in after[:1] if token in marks]


# Tolerated difference from the reference, as a share of the range of the logits.
_CLOSE, _CLOSE_HALF = 1e-3, 0.05
_SIMPLE = {"full_attention", "sliding_attention"}
# Two test rows, and the tokens that follow them.
_ROWS, _MORE = ([1, 2, 3], [4, 3, 2, 1, 0]), ([5], [6])


def choose_passes(model: Any, mix: AdapterStack) -> tuple[Passes, str]:
    """Return the forward strategy for this model, and why batching is not possible ("" if it is).

    A strategy must give the same logits for two rows, the second of which joined later, as a pass
    without a cache over each of them. Raises Unservable if none does.
    """
    reasons: list[str] = []
    for kind in (Together, OneByOne):
        why = _why_not(kind, model, mix)
        if not why:
            return kind(model, mix), "; ".join(reasons)
        reasons.append(why)
    raise Unservable(f"this base cannot be answered with: {'; '.join(reasons)}")


def _why_not(kind: type[Together | OneByOne], model: Any, mix: AdapterStack) -> str:
    config = model.config.get_text_config()
    kinds: set[str] = set(getattr(config, "layer_types", None) or ())
    # A short text does not reveal a sliding window, so such layers are recognised by name.
    is_simple = kinds <= _SIMPLE and not getattr(config, "num_kv_shared_layers", None)
    if kind is Together and not is_simple:
        return "its layers keep more than keys and values"
    try:
        logits, truth = _read(kind(model, mix)), _read_anew(model)
        gap = float((logits - truth).abs().max() / (truth.max() - truth.min()))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a model's own code
        return f"{kind.__name__}: {type(error).__name__}: {error}"
    tolerance = _CLOSE if model.dtype == torch.float32 else _CLOSE_HALF
    return "" if gap < tolerance else f"{kind.__name__}: logits differ by {gap:.2g}"


def _read(passes: Passes) -> Tensor:
    memory, joining = passes.memory(1), passes.memory(1)
    first = passes.read(memory, [_ROWS[0]], [None])
    second = passes.read(joining, [_ROWS[1]], [None])
    memory.take(joining)
    return torch.cat([first, second, passes.read(memory, _MORE, [None, None])])


def _read_anew(model: Any) -> Tensor:
    rows = [row + more for row, more in zip(_ROWS, _MORE, strict=True)]
    ids = [torch.tensor([row], device=model.device) for row in (*_ROWS, *rows)]
    return torch.cat([as_read(model(input_ids=row, use_cache=False).logits) for row in ids])


class AdapterCache:
    """LRU cache of `most` adapters by digest; adapters in use are never evicted."""

    def __init__(self, mix: AdapterStack, device: torch.device, most: int) -> None:
        self._mix = mix
        self._device = device
        self._most = most
        self._kept: OrderedDict[str, LoraWeights] = OrderedDict()
        self.read = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, adapter: Adapter, at_work: Collection[LoraWeights | None]) -> LoraWeights:
        """Return an adapter, loading it if it is not cached. Raises Unservable."""
        if adapter.digest not in self._kept:
            low = read_adapter(adapter.digest, adapter.path, self._mix, self._device)
            self._mix.hook(low)
            self._kept[adapter.digest] = low
            self.read += 1
        self._kept.move_to_end(adapter.digest)
        needed = {adapter.digest, *(used.digest for used in at_work if used)}
        for digest in [digest for digest in self._kept if digest not in needed]:
            if len(self._kept) <= self._most:
                break
            self._mix.forget(self._kept.pop(digest))
        return self._kept[adapter.digest]


def embed(base: Base, texts: Sequence[str]) -> tuple[list[list[float]], int]:
    """Return one vector per text and the token count. Raises ApiError 400 over the window."""
    tokens = [base.tokenizer(text)["input_ids"] for text in texts]
    longest = max((len(row) for row in tokens), default=0)
    if longest > base.window:
        raise too_long(base.window, longest)
    parts = [
        tokens[start : start + _TEXTS_AT_ONCE] for start in range(0, len(tokens), _TEXTS_AT_ONCE)
    ]
    vectors = [vector for part in parts for vector in _vectors(base, part)]
    return vectors, sum(len(row) for row in tokens)


def _vectors(base: Base, tokens: Sequence[Sequence[int]]) -> list[list[float]]:
    longest = max(1, *(len(row) for row in tokens))
    padded = [[*row, *[0] * (longest - len(row))] for row in tokens]
    own = [[1] * len(row) + [0] * (longest - len(row)) for row in tokens]
    mask = torch.tensor(own, device=base.device)
    ids = torch.tensor(padded, device=base.device)
    last = base.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    mean = (last * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    pooled = last[:, 0] if base.takes_first_token else mean
    vectors: list[list[float]] = torch.nn.functional.normalize(pooled, dim=-1).tolist()
    return vectors
