"""Texts to vectors: the mean of the last layer over a text's tokens, of length 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from merlin.engine.answering.transformers.child.base import Base
from merlin.engine.refusal import bad

_AT_ONCE = 16


def embed(base: Base, texts: Sequence[str]) -> tuple[list[list[float]], int]:
    """Return a vector a text, and how many tokens they have. Raises Refusal 400 over the window."""
    tokens = [base.tokenizer(text)["input_ids"] for text in texts]
    longest = max((len(row) for row in tokens), default=0)
    if longest > base.window:
        words = f"This model reads at most {base.window} tokens a text; one has {longest}."
        raise bad("input", words, "context_length_exceeded")
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
