"""A base model in memory and the adapters beside it.

An adapter is a folder in PEFT's layout, validated against its base. Source of the layout:
huggingface/peft, docs/source/developer_guides/checkpoint.md. Whether a base supports batched
forward passes is tested at load time, not looked up in a list of architectures.
"""

import json
import math
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
import transformers.modeling_utils  # noqa: F401 - else imported with the model, which takes longer
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from merlin.engine.serving.base import Adapter, GenerationRequest, Setup
from merlin.engine.serving.worker.forward import (
    AdapterStack,
    BatchedPasses,
    ForwardPasses,
    LoraLayer,
    LoraWeights,
    SequentialPasses,
    take_last,
)
from merlin.engine.torch_loading import build_quantisation_config, choose_dtype, choose_threads

_WEIGHT = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")
# Options that change more than linear layers by a low-rank product.
_UNSUPPORTED = ("use_dora", "modules_to_save", "trainable_token_indices", "lora_bias", "use_qalora")


# Timed steps per number of threads.
_MAX_TRIES = 3


class Unservable(Exception):
    """The base or an adapter cannot be served; the message says why."""


def _build_layers(
    weights: Mapping[str, Tensor], config: Mapping[str, Any], stack: AdapterStack
) -> dict[str, LoraLayer]:
    sides: dict[str, dict[str, Tensor]] = {}
    for name, weight in weights.items():
        match = _WEIGHT.fullmatch(name)
        if not match:
            raise Unservable(f"it contains {name}, which is not a LoRA weight of a linear layer")
        sides.setdefault(match["layer"], {})[match["side"]] = weight
    return {layer: _build_layer(layer, pair, config, stack) for layer, pair in sides.items()}


def _build_layer(
    layer: str, sides: Mapping[str, Tensor], config: Mapping[str, Any], stack: AdapterStack
) -> LoraLayer:
    base = stack.layers.get(layer)
    if base is None or not hasattr(base, "in_features"):
        raise Unservable(f"the base has no linear layer {layer}")
    down, up = sides.get("A"), sides.get("B")
    if down is None or up is None or down.shape[0] != up.shape[1]:
        raise Unservable(f"its matrices for {layer} are incomplete or of different ranks")
    if (down.shape[1], up.shape[0]) != (base.in_features, base.out_features):
        raise Unservable(f"it does not fit the layer {layer} of the base")
    if not (torch.isfinite(down).all() and torch.isfinite(up).all()):
        raise Unservable(f"its weights for {layer} are not finite")
    rank = down.shape[0]
    scaled = up.T * _compute_scale(layer, rank, config)
    # The weights of a quantised layer are not floating point.
    dtype = base.weight.dtype if base.weight.dtype.is_floating_point else stack.dtype
    return LoraLayer(down.to(dtype), scaled.contiguous().to(dtype), (rank,))


def _compute_scale(layer: str, rank: int, config: Mapping[str, Any]) -> float:
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
class LoadedBase:
    """A loaded base; `window` in tokens, `end_tokens` are the end-of-sequence tokens."""

    model: Any
    tokenizer: Any
    window: int
    end_tokens: frozenset[int]

    def choose_sampling(self, request: GenerationRequest) -> tuple[float, float]:
        """Return temperature and top_p of a request.

        If the request sets neither, the base's generation config applies, greedy if that does not
        sample, so that a trained answer is returned as it was trained.
        """
        if request.temperature is None and request.top_p is None:
            own = self.model.generation_config
            return (own.temperature or 1.0, own.top_p or 1.0) if own.do_sample else (0.0, 1.0)
        temperature = 1.0 if request.temperature is None else request.temperature
        return temperature, 1.0 if request.top_p is None else request.top_p


def load(setup: Setup) -> LoadedBase:
    """Load a base from its folder: only safetensors, no remote code.

    Raises Unservable, and any exception of transformers for unreadable files.
    """
    _check_setup(setup)
    dtype = choose_dtype(setup.dtype, torch.device(setup.device))
    tokenizer: Any = AutoTokenizer.from_pretrained(setup.folder, trust_remote_code=False)
    model: Any = AutoModelForCausalLM.from_pretrained(
        setup.folder,
        dtype=dtype,
        device_map={"": setup.device},
        quantization_config=build_quantisation_config(setup.quantised, dtype),
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
    ).eval()
    if not tokenizer.chat_template:
        raise Unservable("the base has no chat template; take one that is made for conversations")
    config = model.config.get_text_config()
    own = int(getattr(config, "max_position_embeddings", 0) or setup.context or WINDOW)
    # The configured window, at most the base's number of positions.
    window = min(setup.context or own, own)
    base = LoadedBase(model, tokenizer, window, _find_end_tokens(model, tokenizer))
    if setup.device == "cpu":
        ids = torch.ones(1, 16, dtype=torch.long)
        torch.set_num_threads(choose_threads(lambda: model(input_ids=ids), _MAX_TRIES))
    return base


def _check_setup(setup: Setup) -> None:
    if setup.device.startswith("cuda") and not torch.cuda.is_available():
        raise Unservable(
            f"engine.answering.device is {setup.device}, but torch sees no GPU here; set it to cpu,"
            " or install the driver and a torch built for it"
        )
    if setup.quantised != "none" and find_spec("bitsandbytes") is None:
        raise Unservable(f"quantised: {setup.quantised} needs bitsandbytes; pip install it")


def _find_end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer: the base's EOS and the template's end of turn."""
    tokens = model.generation_config.eos_token_id
    own = tokens if isinstance(tokens, list) else [tokens, tokenizer.eos_token_id]
    return frozenset(token for token in [*own, *_find_turn_end(tokenizer)] if token is not None)


def _find_turn_end(tokenizer: Any) -> Sequence[int]:
    """Return the special token that the template appends to an answer, if any."""
    conversation = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "merlin"}]
    text = tokenizer.apply_chat_template(conversation, tokenize=False)
    after = tokenizer.encode(text.rpartition("merlin")[2], add_special_tokens=False)
    marks = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    return [token for token in after[:1] if token in marks]


# Tolerated difference from the reference, as a share of the range of the logits.
_TOLERANCE, _HALF_TOLERANCE = 1e-3, 0.05
_SIMPLE = {"full_attention", "sliding_attention"}
# Two test rows, and the tokens that follow them.
_TEST_ROWS, _NEXT_TOKENS = ([1, 2, 3], [4, 3, 2, 1, 0]), ([5], [6])


def choose_passes(model: Any, stack: AdapterStack) -> tuple[ForwardPasses, str]:
    """Return the forward strategy for this model, and why batching is not possible ("" if it is).

    A strategy must give the same logits for two rows, the second of which joined later, as a pass
    without a cache over each of them. Raises Unservable if none does.
    """
    reasons: list[str] = []
    for kind in (BatchedPasses, SequentialPasses):
        why = _find_obstacle(kind, model, stack)
        if not why:
            return kind(model, stack), "; ".join(reasons)
        reasons.append(why)
    raise Unservable(f"this base cannot be served: {'; '.join(reasons)}")


def _find_obstacle(
    kind: type[BatchedPasses | SequentialPasses], model: Any, stack: AdapterStack
) -> str:
    config = model.config.get_text_config()
    kinds: set[str] = set(getattr(config, "layer_types", None) or ())
    # A short text does not reveal a sliding window, so such layers are recognised by name.
    is_simple = kinds <= _SIMPLE and not getattr(config, "num_kv_shared_layers", None)
    if kind is BatchedPasses and not is_simple:
        return "its layers cache more than keys and values"
    try:
        logits, truth = (_compute_logits(kind(model, stack)), _compute_reference(model))
        gap = float((logits - truth).abs().max() / (truth.max() - truth.min()))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a model's own code
        return f"{kind.__name__}: {type(error).__name__}: {error}"
    tolerance = _TOLERANCE if model.dtype == torch.float32 else _HALF_TOLERANCE
    return "" if gap < tolerance else f"{kind.__name__}: logits differ by {gap:.2g}"


def _compute_logits(passes: ForwardPasses) -> Tensor:
    cache, joining = passes.create_cache(1), passes.create_cache(1)
    first = passes.run(cache, [_TEST_ROWS[0]], [None])
    second = passes.run(joining, [_TEST_ROWS[1]], [None])
    cache.append_rows(joining)
    return torch.cat([first, second, passes.run(cache, _NEXT_TOKENS, [None, None])])


def _compute_reference(model: Any) -> Tensor:
    rows = [row + more for row, more in zip(_TEST_ROWS, _NEXT_TOKENS, strict=True)]
    ids = [torch.tensor([row], device=model.device) for row in (*_TEST_ROWS, *rows)]
    return torch.cat([take_last(model(input_ids=row, use_cache=False).logits) for row in ids])


class AdapterCache:
    """LRU cache of `most` adapters by digest; adapters in use are never evicted."""

    def __init__(self, stack: AdapterStack, device: torch.device, most: int) -> None:
        self._stack = stack
        self._device = device
        self._most = most
        self._cached: OrderedDict[str, LoraWeights] = OrderedDict()
        self.load_count = 0

    def __len__(self) -> int:
        return len(self._cached)

    def get(self, adapter: Adapter, in_use: Collection[LoraWeights | None]) -> LoraWeights:
        """Return an adapter, loading it if it is not cached. Raises Unservable."""
        if adapter.digest not in self._cached:
            try:
                config = json.loads((adapter.path / "adapter_config.json").read_text("utf-8"))
                tensors = load_file(
                    adapter.path / "adapter_model.safetensors", device=str(self._device)
                )
            except Exception as error:
                raise Unservable(f"its files cannot be read: {error}") from error
            if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none":
                raise Unservable("it is not a LoRA adapter without bias")
            if beyond := [name for name in _UNSUPPORTED if config.get(name)]:
                raise Unservable(f"it uses unsupported options: {', '.join(beyond)}")
            weights = LoraWeights(adapter.digest, _build_layers(tensors, config, self._stack))
            self._stack.hook(weights)
            self._cached[adapter.digest] = weights
            self.load_count += 1
        self._cached.move_to_end(adapter.digest)
        needed = {adapter.digest, *(used.digest for used in in_use if used)}
        for digest in [digest for digest in self._cached if digest not in needed]:
            if len(self._cached) <= self._most:
                break
            self._stack.forget(self._cached.pop(digest))
        return self._cached[adapter.digest]
