"""Tokens of a conversation, counted offline.

The vocabulary `o200k_base` (gpt-4o and 4.1 families) ships compressed with the package and is
checked against its hash after decompression. tiktoken receives the ranks directly: its own loader
would use the network and write a cache. The first count loads the vocabulary in about 0.15 s. For
other base models the count is an estimate.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.core.messages import Message

if TYPE_CHECKING:
    from tiktoken import Encoding


FRAME_TOKENS = 20  # more than the framing of one message takes
VOCABULARY_SHA256 = "75a984bf59dfb77b03d00f651cb144e88345efa853f75797f4fdb2eb674a1c7e"
VOCABULARY = Path(__file__).parent / "vocabulary" / "o200k_base.zlib"
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


def count_messages(
    messages: Sequence[Message], tools: Sequence[Mapping[str, object]] = ()
) -> int:
    """Return the token count of a conversation, framing included.

    3 + for each message 3 + role + content (+ name + 1). Tool calls and tools are counted as JSON,
    an estimate: their real framing is not published.
    Source: openai-cookbook, "How to count tokens with tiktoken" and "Data preparation and
    analysis for chat model fine-tuning".
    """
    total = PER_CONVERSATION
    total += sum(count_tokens(json.dumps(tool, ensure_ascii=False)) for tool in tools)
    for message in messages:
        total += (
            PER_MESSAGE + count_tokens(message.role) + count_tokens(message.content)
        )
        for key, value in message.extra.items():
            if key == "name":
                total += PER_NAME + count_tokens(str(value))
            elif key != "weight":
                total += count_tokens(json.dumps(value, ensure_ascii=False))
    return total


def count_tokens(text: str) -> int:
    """Return the token count of `text`; special tokens in it count as plain text."""
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    return sum(len(load_vocabulary().encode_ordinary(piece)) for piece in pieces)


@cache
def load_vocabulary(path: Path = VOCABULARY) -> Encoding:
    """Return the tokenizer; the first call takes 0.15 s and 75 MB."""
    from tiktoken import Encoding  # noqa: PLC0415 - loaded at the first count only

    content = zlib.decompress(path.read_bytes())
    if hashlib.sha256(content).hexdigest() != VOCABULARY_SHA256:
        raise RuntimeError(
            f"the vocabulary {path.name} is damaged: install Merlin again"
        )
    # The words by rank; UTF-8 never has the byte between them, which is a word itself, left empty.
    ranks = {word or b"\xff": rank for rank, word in enumerate(content.split(b"\xff"))}
    return Encoding(
        "o200k_base", pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens=_SPECIAL
    )
