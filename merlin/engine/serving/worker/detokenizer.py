"""Incremental detokenisation, stop texts, and the bytes of tokens; without torch."""

import json
import re
from collections.abc import Sequence
from typing import Any

_REPLACEMENT = "�"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"


class Detokenizer:
    """Decodes one answer incrementally.

    The last tokens are decoded again with each new one, because a token's text can depend on the
    token before it (spaces, characters of several tokens).
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._from = self._sent = 0

    def add(self, token: int) -> str:
        """Return the new text of this token; "" while a character is incomplete."""
        self._tokens.append(token)
        before = self._decode(self._tokens[self._from : self._sent])
        now = self._decode(self._tokens[self._from :])
        if len(now) <= len(before) or now.endswith(_REPLACEMENT):
            return ""
        self._from, self._sent = self._sent, len(self._tokens)
        return now[len(before) :]

    def flush(self) -> str:
        """Return the remaining text at the end, without an incomplete character."""
        before = self._decode(self._tokens[self._from : self._sent])
        return self._decode(self._tokens[self._from :])[len(before) :].rstrip(_REPLACEMENT)

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return text


class TokenBytes:
    """The bytes of each token of a vocabulary; special tokens have none."""

    def __init__(self, tokenizer: Any) -> None:
        from transformers.convert_slow_tokenizer import bytes_to_unicode  # noqa: PLC0415 - slow

        self._tokenizer = tokenizer
        self._special = set(tokenizer.all_special_ids)
        backend = getattr(tokenizer, "backend_tokenizer", None)
        decoder = json.loads(backend.to_str())["decoder"] if backend is not None else None
        letters = {letter: byte for byte, letter in bytes_to_unicode().items()}
        # The byte of each letter of a byte-level vocabulary.
        self._letters = letters if "ByteLevel" in json.dumps(decoder) else {}
        self._known: dict[int, bytes] = {}

    def get_bytes(self, token: int) -> bytes:
        """Return the bytes that the token adds to the answer."""
        if token not in self._known:
            self._known[token] = b"" if token in self._special else self._encode(token)
        return self._known[token]

    def _encode(self, token: int) -> bytes:
        name = self._tokenizer.convert_ids_to_tokens(token)
        if name is None:
            return b""
        if self._letters and all(letter in self._letters for letter in name):
            return bytes(self._letters[letter] for letter in name)
        if match := _BYTE.fullmatch(name):
            return bytes([int(match[1], 16)])
        return str(name).replace(_SPACE, " ").encode()


class StopFinder:
    """Finds stop texts in streamed text, and holds back what can be the start of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        """Take the stop texts; none of them is empty."""
        self._stops = tuple(stops)
        self._withheld = ""
        self.is_found = False

    def add(self, text: str) -> str:
        """Return the text that can be sent; sets `is_found` if a stop text was found."""
        pending = self._withheld + text
        positions = [place for stop in self._stops if (place := pending.find(stop)) >= 0]
        if positions:
            self.is_found, self._withheld = True, ""
            return pending[: min(positions)]
        possible_start = self._find_partial_length(pending)
        self._withheld = pending[len(pending) - possible_start :]
        return pending[: len(pending) - possible_start]

    def flush(self) -> str:
        """Return the text held back, after the answer has ended without a stop text."""
        pending, self._withheld = self._withheld, ""
        return pending

    def _find_partial_length(self, pending: str) -> int:
        """Return the length of the longest suffix of `pending` that begins a stop text."""
        most = max((len(stop) - 1 for stop in self._stops), default=0)
        for length in range(min(most, len(pending)), 0, -1):
            if any(stop.startswith(pending[-length:]) for stop in self._stops):
                return length
        return 0
