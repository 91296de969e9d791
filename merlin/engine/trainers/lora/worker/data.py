"""Training files as the token rows that TRL's trainers take.

A target answer is what the base's chat template adds to the conversation before it, so its mask
needs no markers in the template (`{% generation %}`), which most bases lack. TRL could tokenise,
but would take control tokens that people wrote for real ones (`render_chat`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merlin.core.messages import Message
from merlin.engine.trainers.base import DPO, KTO, Task, Untrainable
from merlin.engine.training_file import (
    encode_chat,
    find_line,
    read_conversations,
    read_preferences,
    read_ratings,
    render_chat,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# The label of a token that is only context.
CONTEXT = -100
# Token lists by TRL's names of columns: `input_ids` and `labels`, or `prompt_ids` with `chosen_ids`
# and `rejected_ids`, or with `completion_ids`, where
# `label` says whether the answer is good, `is_taught` whether it is an example.
Row = dict[str, Any]
_NO_TEXT = ("labels", "label", "is_taught", "prompt_ids")


class ExampleTokenizer:
    """Tokenises training files for one base; `longest` is in tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, longest: int) -> None:
        self._tokenizer = tokenizer
        self._longest = longest

    def read_task(self, task: Task) -> tuple[list[Row], list[Row]]:
        """Return the rows of a task's training file and those of its test, none without one.

        Raises as `read_rows`.
        """
        train = self.read_rows(task.method, task.train, "training_file")
        test = (
            self.read_rows(task.method, task.test, "validation_file")
            if task.test
            else []
        )
        return train, test

    def read_rows(self, method: str, path: Path, param: str) -> list[Row]:
        """Return the rows of all examples.

        Raises BadFile; Untrainable if the base's template rejects a conversation, if a row is too
        long, or if no answer is to be learnt.
        """
        from jinja2 import TemplateError  # noqa: PLC0415 - for the one except clause

        rows: list[Row] = []
        too_long: list[tuple[int, int]] = []
        number = -1
        try:
            for number, example in enumerate(self._build_examples(method, path)):
                rows += example
                tokens = max(map(_measure, example), default=0)
                if tokens > self._longest:
                    too_long.append((number, tokens))
        except TemplateError as error:
            arguments = {
                "line": find_line(path, number + 1),
                "reason": str(error)[:200],
            }
            key = "engine-lora-template-refuses"
            raise Untrainable(f"invalid_{param}", key, param, **arguments) from error
        if too_long:
            number, tokens = too_long[0]
            arguments = {
                "line": find_line(path, number),
                "tokens": tokens,
                "most": self._longest,
            }
            raise Untrainable(
                "example_too_long",
                "engine-lora-too-long",
                param,
                n=len(too_long),
                **arguments,
            )
        if not rows:
            raise Untrainable("invalid_n_examples", "engine-lora-nothing-taught", param)
        return rows

    def _build_examples(self, method: str, path: Path) -> Iterator[list[Row]]:
        if method == DPO:
            for prompt, better, worse in read_preferences(path, least=1):
                yield [self._build_pair(prompt, better, worse)]
        elif method == KTO:
            for messages, label in read_ratings(path, least=1):
                answer = self._build_answer(messages)
                yield [
                    {**answer, "label": label is not False, "is_taught": label is None}
                ]
        else:
            for messages in read_conversations(path, least=1):
                yield self._build_conversation(messages)

    def _build_conversation(self, messages: Sequence[Message]) -> list[Row]:
        """Return one row, or none if no answer is a target.

        The very first message is never a target: no template renders a prompt for it. A template
        that renders an earlier answer differently (without its reasoning) gives a row per target
        answer, as in serving.
        """
        answers = [
            (
                self._encode(messages[:turn], is_asked=True),
                self._encode(messages[: turn + 1]),
            )
            for turn, message in enumerate(messages)
            if turn and message.role == "assistant" and message.extra.get("weight") != 0
        ]
        rows = [_build_row([answer]) for answer in answers]
        if all(answers[-1][1][: len(ids)] == ids for _, ids in answers):
            rows = [_build_row(answers)] if answers else []
        return rows

    def _build_pair(
        self,
        prompt: Sequence[Message],
        better: Sequence[Message],
        worse: Sequence[Message],
    ) -> Row:
        asked = self._encode(prompt, is_asked=True)
        chosen = self._encode([*prompt, *better])
        rejected = self._encode([*prompt, *worse])
        start = min(_count_shared(asked, chosen), _count_shared(asked, rejected))
        return {
            "prompt_ids": chosen[:start],
            "chosen_ids": chosen[start:],
            "rejected_ids": rejected[start:],
        }

    def _build_answer(self, messages: Sequence[Message]) -> Row:
        asked = self._encode(messages[:-1], is_asked=True)
        text = self._encode(messages)
        start = _count_shared(asked, text)
        return {"prompt_ids": text[:start], "completion_ids": text[start:]}

    def _encode(
        self, messages: Sequence[Message], *, is_asked: bool = False
    ) -> list[int]:
        return encode_chat(
            self._tokenizer, render_chat(self._tokenizer, messages, is_asked=is_asked)
        )


def _build_row(answers: Sequence[tuple[list[int], list[int]]]) -> Row:
    """Return the row of the last answer; each is its prompt and the text up to its end."""
    ids = answers[-1][1]
    labels = [CONTEXT] * len(ids)
    for asked, text in answers:
        start = _count_shared(asked, text)
        labels[start : len(text)] = text[start:]
    return {"input_ids": ids, "labels": labels}


def _count_shared(left: Sequence[int], right: Sequence[int]) -> int:
    """Return the length of the common prefix."""
    pairs = enumerate(zip(left, right, strict=False))
    return next(
        (n for n, (one, other) in pairs if one != other), min(len(left), len(right))
    )


def _measure(row: Row) -> int:
    """Return the tokens of a row, of a pair those of its longer text."""
    prompt = row.get("prompt_ids", [])
    return len(prompt) + max(
        len(ids) for name, ids in row.items() if name not in _NO_TEXT
    )
