"""Tokenisation of conversations, loss masks, and batching.

A target answer is the text that the base's chat template appends to the conversation before it; so
the loss mask needs no markers in the template (`{% generation %}`), which most bases lack. If a
template renders an earlier answer differently (for example without its reasoning), each target
answer becomes a separate row, as in serving.

Rows are right-padded, so a causal model needs no attention mask.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from merlin.core.messages import Message
from merlin.engine.trainers.base import Untrainable
from merlin.engine.training_file import (
    encode_chat,
    find_line,
    read_conversations,
    read_preferences,
    render_chat,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Row:
    """One text: `ids` are its tokens; `loss_mask` has a byte per token, 1 for target tokens."""

    ids: array[int]
    loss_mask: bytes

    def __len__(self) -> int:
        return len(self.ids)


# One training example: a text, or a preferred and a rejected one.
Example = tuple[Row, ...]


class ExampleTokenizer:
    """Tokenises training files for one base; `longest` is in tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, longest: int) -> None:
        if not tokenizer.is_fast:
            raise Untrainable("unsupported_base", "engine-lora-slow-tokenizer", "model")
        self._tokenizer = tokenizer
        self._longest = longest
        marks = tokenizer.added_tokens_encoder.values()
        self._ends = frozenset([*tokenizer.all_special_ids, *marks])

    def read_supervised(self, path: Path, param: str) -> list[Example]:
        """Return the rows of all conversations, one per example. Raises Untrainable, BadFile."""
        rows_by_line = (
            self._build_rows(messages) for messages in read_conversations(path, least=1)
        )
        return [(row,) for rows in self._check_rows(rows_by_line, path, param) for row in rows]

    def read_preferences(self, path: Path, param: str) -> list[Example]:
        """Return the preferred and the rejected row of each pair. Raises Untrainable, BadFile."""
        rows_by_line = (
            [self._build_answer_row(prompt, better), self._build_answer_row(prompt, worse)]
            for prompt, better, worse in read_preferences(path, least=1)
        )
        return [tuple(rows) for rows in self._check_rows(rows_by_line, path, param)]

    def _check_rows(
        self, rows_by_line: Iterable[Sequence[Row]], path: Path, param: str
    ) -> Iterator[Sequence[Row]]:
        """Validate each line's rows.

        Raises Untrainable if the base's template rejects a conversation, if a row is too long, or
        if no row has target tokens.
        """
        from jinja2 import TemplateError  # noqa: PLC0415 - for the one except clause

        too_long: list[tuple[int, int]] = []
        is_any, number = False, 0
        try:
            for rows in rows_by_line:
                longest = max(map(len, rows), default=0)
                if longest > self._longest:
                    too_long.append((number, longest))
                is_any = is_any or bool(rows)
                yield rows
                number += 1
        except TemplateError as error:
            arguments = {"line": find_line(path, number), "reason": str(error)[:200]}
            key = "engine-lora-template-refuses"
            raise Untrainable(f"invalid_{param}", key, param, **arguments) from error
        if too_long:
            number, tokens = too_long[0]
            arguments = {"line": find_line(path, number), "tokens": tokens, "most": self._longest}
            raise Untrainable(
                "example_too_long", "engine-lora-too-long", param, n=len(too_long), **arguments
            )
        if not is_any:
            raise Untrainable("invalid_n_examples", "engine-lora-nothing-taught", param)

    def _build_rows(self, messages: Sequence[Message]) -> list[Row]:
        """Return the rows of a conversation: one, or one per target answer.

        The very first message is never a target: no template renders a prompt for it.
        """
        turns = [
            n
            for n, message in enumerate(messages)
            if n and message.role == _ASSISTANT and message.extra.get("weight") != 0
        ]
        spans = [self._find_answer(messages, turn) for turn in turns]
        rendered = self._render(messages)
        if all(rendered.startswith(text) for _, text in spans):
            return [
                self._build_row(rendered, [(start, len(text)) for start, text in spans])
            ] * bool(turns)
        return [self._build_row(text, [(start, len(text))]) for start, text in spans]

    def _find_answer(self, messages: Sequence[Message], turn: int) -> tuple[int, str]:
        """Return the start of a turn's answer, and the text up to its end."""
        before = self._render(messages[:turn], is_asked=True)
        text = self._render(messages[: turn + 1])
        return _measure_shared_prefix(before, text), text

    def _build_answer_row(self, question: Sequence[Message], answer: Sequence[Message]) -> Row:
        """Return one row whose last messages are the target."""
        before = self._render(question, is_asked=True)
        text = self._render([*question, *answer])
        return self._build_row(text, [(_measure_shared_prefix(before, text), len(text))])

    def _render(self, messages: Sequence[Message], *, is_asked: bool = False) -> str:
        return render_chat(self._tokenizer, messages, is_asked=is_asked)

    def _build_row(self, text: str, spans: Sequence[tuple[int, int]]) -> Row:
        tokens, places = encode_chat(self._tokenizer, text)
        ids = array("i", tokens)
        loss_mask = bytearray(len(ids))
        for place, (start, end) in enumerate(places):
            loss_mask[place] = any(first <= start and end <= last for first, last in spans)
        if not any(
            flag and token in self._ends for token, flag in zip(ids, loss_mask, strict=True)
        ):
            # Without an end token after the answer the model would learn never to stop.
            ids.append(self._tokenizer.eos_token_id)
            loss_mask.append(1)
        return Row(ids, bytes(loss_mask))


def _measure_shared_prefix(before: str, text: str) -> int:
    """Return the length of the common prefix."""
    if text.startswith(before):
        return len(before)
    pairs = enumerate(zip(before, text, strict=False))
    return next((place for place, (left, right) in pairs if left != right), len(text))


@dataclass(frozen=True, slots=True)
class Layout:
    """The tensors of a micro-batch: `ids` are rows x tokens.

    Three vectors of equal length describe the target tokens: `targets` has the tokens, each
    predicted at (`row`, `place`).
    """

    ids: torch.Tensor
    row: torch.Tensor
    place: torch.Tensor
    targets: torch.Tensor


def shuffle(examples: int, seed: int, epoch: int) -> list[int]:
    """Return the order of the examples in an epoch: a pure function of its arguments."""
    numbers = list(range(examples))
    random.Random(f"{seed} {epoch}").shuffle(numbers)  # noqa: S311 - an order, no secret
    return numbers


def split_batches(
    examples: Sequence[Example], chosen: Sequence[int], size: int
) -> list[list[Example]]:
    """Return the chosen examples in batches; the last can be smaller."""
    starts = range(0, len(chosen), size)
    return [[examples[number] for number in chosen[start : start + size]] for start in starts]


def lay_out(batch: Sequence[Example], most: int, device: torch.device) -> Iterator[Layout]:
    """Split the batch into micro-batches of at most `most` tokens, but at least one example.

    The rows of one example stay in one piece, in their order. Examples of similar length stand
    together, which needs the least padding.
    """
    piece: list[Row] = []
    for example in sorted(batch, key=lambda rows: max(map(len, rows))):
        if piece and max(map(len, example)) * (len(piece) + len(example)) > most:
            yield _build_layout(piece, device)
            piece = []
        piece.extend(example)
    yield _build_layout(piece, device)


def _build_layout(rows: Sequence[Row], device: torch.device) -> Layout:
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    is_target = torch.zeros_like(ids, dtype=torch.bool)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row.ids)
        is_target[number, : len(row)] = torch.tensor(list(row.loss_mask), dtype=torch.bool)
    # The first token of a row has no prediction.
    line, place = is_target[:, 1:].nonzero(as_tuple=True)
    targets = ids[line, place + 1]
    return Layout(ids.to(device), line.to(device), place.to(device), targets.to(device))
