"""Tokens to text, piece by piece; embeddings.

Texts to vectors: the mean of the last layer over a text's tokens, of length 1.

From tokens to text: as they come, never half a character; and the bytes of single tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from merlin.engine.serving.worker.base import Base
from merlin.openai_protocol.errors import bad_field

_AT_ONCE = 16


def embed(base: Base, texts: Sequence[str]) -> tuple[list[list[float]], int]:
    """Return a vector a text, and the count of tokens. Raises ApiError 400 over the window."""
    tokens = [base.tokenizer(text)["input_ids"] for text in texts]
    longest = max((len(row) for row in tokens), default=0)
    if longest > base.window:
        words = f"This model reads at most {base.window} tokens a text; one has {longest}."
        raise bad_field("input", words, "context_length_exceeded")
    parts = [tokens[start : start + _AT_ONCE] for start in range(0, len(tokens), _AT_ONCE)]
    vectors = [vector for part in parts for vector in _embedded(base, part)]
    return vectors, sum(len(row) for row in tokens)


def _embedded(base: Base, tokens: Sequence[Sequence[int]]) -> list[list[float]]:
    longest = max(1, *(len(row) for row in tokens))
    padded = [[*row, *[0] * (longest - len(row))] for row in tokens]
    own = [[1] * len(row) + [0] * (longest - len(row)) for row in tokens]
    mask = torch.tensor(own, device=base.device)
    ids = torch.tensor(padded, device=base.device)
    last = base.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    summed = (last * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    vectors: list[list[float]] = torch.nn.functional.normalize(summed, dim=-1).tolist()
    return vectors


_HALF = "�"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"


class Detokenizer:
    """The text of one answer, token by token.

    A window of the last tokens is decoded anew with each, because what a token says may hang on
    the one before it (spaces, characters of several tokens).
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._from = self._told = 0

    def add(self, token: int) -> str:
        """Return the text that is new with this token; "" while a character is not whole."""
        self._tokens.append(token)
        before = self._text(self._tokens[self._from : self._told])
        now = self._text(self._tokens[self._from :])
        if len(now) <= len(before) or now.endswith(_HALF):
            return ""
        self._from, self._told = self._told, len(self._tokens)
        return now[len(before) :]

    def rest(self) -> str:
        """Return what is still to be told at the end; half a character is left out."""
        before = self._text(self._tokens[self._from : self._told])
        return self._text(self._tokens[self._from :])[len(before) :].rstrip(_HALF)

    def _text(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return text


class TokenBytes:
    """The bytes of each token of a vocabulary; those of special tokens are none."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._special = set(tokenizer.all_special_ids)
        self._letters = _letters() if _is_byte_level(tokenizer) else None
        self._known: dict[int, bytes] = {}

    def bytes_of(self, token: int) -> bytes:
        """Return what the token adds to the answer."""
        if token not in self._known:
            self._known[token] = b"" if token in self._special else self._spelt(token)
        return self._known[token]

    def single(self, byte: int) -> int | None:
        """Return the token that is this one byte, None where the vocabulary has none."""
        for name in (self._letter(byte), f"<0x{byte:02X}>"):
            token = self._tokenizer.get_vocab().get(name)
            if token is not None:
                return int(token)
        return None

    def _letter(self, byte: int) -> str:
        if self._letters:
            return next(letter for letter, code in self._letters.items() if code == byte)
        return chr(byte)

    def _spelt(self, token: int) -> bytes:
        name = self._tokenizer.convert_ids_to_tokens(token)
        if name is None:
            return b""
        if self._letters and all(letter in self._letters for letter in name):
            return bytes(self._letters[letter] for letter in name)
        if found := _BYTE.fullmatch(name):
            return bytes([int(found[1], 16)])
        return str(name).replace(_SPACE, " ").encode()


def _is_byte_level(tokenizer: Any) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and "ByteLevel" in json.dumps(
        json.loads(backend.to_str())["decoder"]
    )


def _letters() -> Mapping[str, int]:
    """Return the letter that a byte-level vocabulary writes for each byte, turned round.

    Source: openai/gpt-2, src/encoder.py, bytes_to_unicode.
    """
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in shown]
    written = {chr(byte): byte for byte in shown}
    return written | {chr(0x100 + place): byte for place, byte in enumerate(hidden)}
