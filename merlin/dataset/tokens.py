"""Counting tokens offline, and how many a job will train.

The vocabulary `o200k_base` (gpt-4o and 4.1 families) ships with the package, compressed, and is
checked against the published hash after unpacking. tiktoken is handed the ranks; its own loader,
which would reach for the network and write a cache, is not used. Loading takes about 0.2 s and
happens at the first count. For other base models the count is an estimate.

Source: openai-cookbook, "Data preparation and analysis for chat model fine-tuning".
"""

from __future__ import annotations

import binascii
import hashlib
import json
import lzma
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.core.messages import Message
from merlin.dataset.spec import Hyperparameter

if TYPE_CHECKING:
    from tiktoken import Encoding


_EPOCHS = 3
_FEWEST_SHOWN, _MOST_SHOWN = 100, 25_000
_MOST_EPOCHS = 25


def count_epochs(examples: int, n_epochs: Hyperparameter = "auto") -> int:
    """Return how often each of `examples` (at least 1) will be shown.

    With "auto": 3 times, but so that all showings together lie in 100..25,000 where 1..25
    epochs allow that.
    """
    if isinstance(n_epochs, int):
        return n_epochs
    if examples * _EPOCHS < _FEWEST_SHOWN:
        return min(_MOST_EPOCHS, _FEWEST_SHOWN // examples)
    if examples * _EPOCHS > _MOST_SHOWN:
        return max(1, _MOST_SHOWN // examples)
    return _EPOCHS


def count_training_tokens(tokens: int, examples: int, n_epochs: Hyperparameter = "auto") -> int:
    """Return how many tokens a job on `examples` with `tokens` in all will be billed for."""
    return tokens * count_epochs(examples, n_epochs)


VOCABULARY_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
VOCABULARY = Path(__file__).parent / "vocabulary" / "o200k_base.tiktoken.xz"

PER_CONVERSATION = 3  # every reply is primed with <|start|>assistant<|message|>
PER_MESSAGE = 3  # <|start|>, <|message|>, <|end|>
PER_NAME = 1

# tiktoken's regular expression overflows its stack at a million blanks in a row and then ends
# the thread; pieces of this length are safe, and shorter texts are counted exactly.
_PIECE = 100_000

# Source: tiktoken 0.14, tiktoken_ext/openai_public.py, o200k_base.
_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPECIAL = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}


def count_messages(messages: Sequence[Message], tools: Sequence[Mapping[str, object]] = ()) -> int:
    """Return how many tokens a conversation is, framing included.

    3 + for each message 3 + role + content (+ name + 1). Calls and tools are counted as their
    JSON, an estimate: their real framing is not published.
    Source: openai-cookbook, "How to count tokens with tiktoken" and "Data preparation and
    analysis for chat model fine-tuning".
    """
    extras = sum(count_tokens(json.dumps(tool, ensure_ascii=False)) for tool in tools)
    return PER_CONVERSATION + extras + sum(_count_message(each) for each in messages)


def _count_message(message: Message) -> int:
    total = PER_MESSAGE + count_tokens(message.role) + count_tokens(message.content)
    for key, value in message.extra.items():
        if key == "name":
            total += PER_NAME + count_tokens(str(value))
        elif key != "weight":
            total += count_tokens(json.dumps(value, ensure_ascii=False))
    return total


@lru_cache(maxsize=1 << 15)
def count_tokens(text: str) -> int:
    """Return how many tokens `text` is; special tokens in it are counted as plain words."""
    encoding = _encoding()
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    return sum(len(encoding.encode_ordinary(piece)) for piece in pieces)


@cache
def _encoding() -> Encoding:
    from tiktoken import Encoding  # noqa: PLC0415 - loaded at the first count only

    return Encoding(
        "o200k_base", pat_str=_PATTERN, mergeable_ranks=_ranks(), special_tokens=_SPECIAL
    )


def _ranks() -> dict[bytes, int]:
    listing = lzma.decompress(VOCABULARY.read_bytes())
    if hashlib.sha256(listing).hexdigest() != VOCABULARY_SHA256:
        raise RuntimeError(f"the vocabulary {VOCABULARY.name} is damaged: install Merlin again")
    words = (line.partition(b" ") for line in listing.splitlines())
    return {binascii.a2b_base64(word): int(rank) for word, _, rank in words}
