"""Loading a base once: its weights, its tokenizer, what ends an answer, how it is gone through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from merlin.engine.answering.asking import Asking
from merlin.engine.answering.transformers.child.threads import choose_threads
from merlin.engine.answering.transformers.child.wire import Setup

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# Where neither the config nor the base says how much it reads.
WINDOW = 8192


class Unservable(Exception):
    """The base cannot be answered with; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base that is loaded; `window` in tokens, `ends` the tokens after which nothing comes."""

    model: Any
    tokenizer: Any
    window: int
    ends: frozenset[int]

    @property
    def device(self) -> torch.device:
        """Return where it is."""
        device: torch.device = self.model.device
        return device

    def manner(self, asking: Asking) -> tuple[float, float]:
        """Return temperature and top_p of an answer.

        A question that says neither is answered as the base's makers mean it to be: by its
        generation config, and greedily where that draws no lots. So a taught answer comes as it
        was taught.
        """
        if asking.temperature is None and asking.top_p is None:
            own = self.model.generation_config
            return (own.temperature or 1.0, own.top_p or 1.0) if own.do_sample else (0.0, 1.0)
        temperature = 1.0 if asking.temperature is None else asking.temperature
        return temperature, 1.0 if asking.top_p is None else asking.top_p


def load(setup: Setup) -> Base:
    """Load what lies in a folder: safetensors alone, no code of the base's own.

    Raises Unservable, and whatever transformers raises of files it cannot read.
    """
    _check(setup)
    tokenizer: Any = AutoTokenizer.from_pretrained(setup.folder, trust_remote_code=False)
    kind: Any = AutoModel if setup.is_embedding else AutoModelForCausalLM
    model = kind.from_pretrained(
        setup.folder,
        dtype=_dtype(setup),
        device_map={"": setup.device},
        quantization_config=_quantisation(setup.quantised),
        trust_remote_code=False,
        use_safetensors=True,
        local_files_only=True,
    ).eval()
    if not setup.is_embedding and not tokenizer.chat_template:
        raise Unservable("the base has no chat template; take one that is made for conversations")
    ends = frozenset() if setup.is_embedding else _ends(model, tokenizer)
    base = Base(model, tokenizer, _window(setup, model), ends)
    if setup.device == "cpu":
        choose_threads(lambda: model(input_ids=torch.ones(1, 16, dtype=torch.long)))
    return base


def _check(setup: Setup) -> None:
    if setup.device.startswith("cuda") and not torch.cuda.is_available():
        raise Unservable(
            f"engine.answering.device is {setup.device}, but torch sees no GPU here; set it to cpu,"
            " or install the driver and a torch built for it"
        )
    if setup.quantised != "none" and find_spec("bitsandbytes") is None:
        raise Unservable(f"quantised: {setup.quantised} needs bitsandbytes; pip install it")


def _dtype(setup: Setup) -> torch.dtype:
    if setup.dtype != "auto":
        return _DTYPES[setup.dtype]
    has_half = setup.device.startswith("cuda") and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if has_half else torch.float32


def _quantisation(quantised: str) -> BitsAndBytesConfig | None:
    if quantised == "none":
        return None
    if quantised == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )


def _window(setup: Setup, model: Any) -> int:
    """Return the window asked for, never more than the base has positions for."""
    config = model.config.get_text_config()
    own = int(getattr(config, "max_position_embeddings", 0) or setup.context or WINDOW)
    return min(setup.context or own, own)


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return every token that ends an answer: the base's own, and its template's end of a turn."""
    told = model.generation_config.eos_token_id
    own = told if isinstance(told, list) else [told, tokenizer.eos_token_id]
    return frozenset(one for one in [*own, *_turn_end(tokenizer)] if one is not None)


def _turn_end(tokenizer: Any) -> Sequence[int]:
    """Return the special token that the template puts after an answer, if there is one."""
    if not tokenizer.chat_template:
        return []
    said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "merlin"}]
    text = tokenizer.apply_chat_template(said, tokenize=False)
    after = tokenizer.encode(text.rpartition("merlin")[2], add_special_tokens=False)
    marks = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    return [token for token in after[:1] if token in marks]
