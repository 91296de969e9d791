"""Continuous batching: prefill, sampling, and rows that join and leave between steps.

A step prefills some of the waiting prompts, up to a token limit so that running rows are not
delayed for long, and then decodes one token of every running row. Each row has its own random
generator, so a seed gives the same text whatever other rows are in the batch, as far as the logits
are identical.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from random import Random
from typing import Any

import torch
from jinja2 import TemplateError
from torch import Tensor

from merlin.core.messages import Message
from merlin.engine.serving.base import Chunk, Finish, GenerationRequest, TokenChance
from merlin.engine.serving.worker.base import Base
from merlin.engine.serving.worker.detokenizer import Detokenizer, Stops, TokenBytes
from merlin.engine.serving.worker.forward import LoraWeights, Memory, Passes
from merlin.engine.serving.worker.json_mode import JsonGrammar
from merlin.engine.training_file import render_chat
from merlin.openai_protocol.errors import bad_field, context_exceeded

# The vocabulary is sorted only if this many top tokens do not reach `top_p` or hold an allowed one.
FIRST = 256
# The prefill tokens of one step, including padding.
MAX_READ = 512


def prompt_of(base: Base, messages: Sequence[Message]) -> list[int]:
    """Return the prompt's tokens.

    Raises ApiError 400 if the chat template rejects the messages or the prompt fills the window.
    """
    try:
        text = render_chat(base.tokenizer, messages, is_asked=True)
    except TemplateError as error:
        message = f"this model's chat template takes no such messages: {error}"
        raise bad_field("messages", message) from error
    tokens: list[int] = base.tokenizer.encode(text, add_special_tokens=False)
    if len(tokens) >= base.window:
        raise context_exceeded(len(tokens), base.window)
    return tokens


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling parameters of one row; `temperature` 0 is greedy."""

    temperature: float
    top_p: float
    source: Random = field(default_factory=Random)

    def draw(self, logits: Tensor) -> int:
        """Sample a token. Shape of `logits`: vocabulary."""
        if not self.temperature:
            return int(logits.argmax())
        chances = torch.softmax(logits.double() / self.temperature, dim=-1)
        if self.top_p >= 1:
            return self._draw_index(chances)
        tokens = _nucleus(chances, self.top_p)
        return int(tokens[self._draw_index(chances[tokens])])

    def draw_allowed(self, logits: Tensor, is_allowed: Callable[[int], bool]) -> int | None:
        """Sample an allowed token, None if no token is allowed.

        Samples from the allowed ones among the top tokens; if there are none, returns the most
        likely allowed token of the rest.
        """
        first: list[int] = torch.topk(logits, min(FIRST, len(logits))).indices.tolist()
        if not self.temperature:
            likeliest = next((token for token in first if is_allowed(token)), None)
            if likeliest is not None:
                return likeliest
        elif allowed := [token for token in first if is_allowed(token)]:
            return allowed[self.draw(logits[allowed])]
        others: list[int] = torch.argsort(logits, descending=True)[len(first) :].tolist()
        return next((token for token in others if is_allowed(token)), None)

    def _draw_index(self, chances: Tensor) -> int:
        """Return an index, drawn with probability proportional to `chances`."""
        sums = chances.cumsum(-1)
        drawn = self.source.random() * float(sums[-1])
        return min(int(torch.searchsorted(sums, drawn, right=True)), len(chances) - 1)


def _nucleus(chances: Tensor, top_p: float) -> Tensor:
    """Return the smallest set of top tokens whose probabilities reach `top_p`, at least one."""
    most, tokens = torch.topk(chances, min(FIRST, len(chances)))
    if float(most.sum()) < top_p:
        most, tokens = torch.sort(chances, descending=True)
    before = most.cumsum(-1) - most
    return tokens[: max(int((before < top_p).sum()), 1)]


def chances_of(logits: Tensor, token: int, most: int) -> tuple[float, list[tuple[int, float]]]:
    """Return a token's logprob (natural logarithm) and the `most` top tokens with theirs.

    Over the full vocabulary and before temperature scaling.
    """
    logs = torch.log_softmax(logits, dim=-1)
    top, tokens = torch.topk(logs, min(most, len(logs)))
    return float(logs[token]), list(zip(tokens.tolist(), top.tolist(), strict=True))


class Row:
    """One running request; `prompt` in tokens."""

    def __init__(
        self,
        number: int,
        prompt: Sequence[int],
        adapter: LoraWeights | None,
        asking: GenerationRequest,
        base: Base,
        spelling: TokenBytes,
        send: Callable[[int, Chunk | Finish], None],
    ) -> None:
        """Take the request's number, and `send` for its chunks and the finish."""
        free = base.window - len(prompt)
        self.number = number
        self.prompt = prompt
        self.adapter = adapter
        self._logprobs = asking.logprobs
        self._send_to = send
        self.tokens: list[int] = []
        self.is_over = False
        self._most = min(asking.most_tokens or free, free)
        self._ends = base.ends
        self._tokenizer: Any = base.tokenizer
        self._sampling = Sampling(*base.sampling(asking), Random(asking.seed))  # noqa: S311
        self._detokenizer = Detokenizer(base.tokenizer)
        self._stops = Stops(asking.stops)
        self._object = JsonObject(spelling) if asking.is_json else None
        self._chances: list[tuple[int, TokenChance]] = []
        self._received = self._shown = 0

    def take(self, logits: Tensor) -> None:
        """Sample the next token and send the new text. Shape of `logits`: vocabulary."""
        token = self._choose(logits)
        if token is None or token in self._ends:
            self._end("stop")
            return
        self._keep_chance(logits, token)
        self.tokens.append(token)
        self._add_text(self._detokenizer.add(token))
        if self._stops.is_met or (self._object and self._object.is_whole):
            self._end("stop")
        elif len(self.tokens) == self._most:
            self._end("length")

    def _choose(self, logits: Tensor) -> int | None:
        json_object = self._object
        if not json_object:
            return self._sampling.draw(logits)
        remaining = self._most - len(self.tokens) - 1
        return json_object.take(
            self._sampling.draw_allowed(logits, lambda token: json_object.fits(token, remaining))
        )

    def _add_text(self, text: str) -> None:
        self._received += len(text)
        self._show(self._stops.add(text))

    def _show(self, text: str, *, is_last: bool = False) -> None:
        self._shown += len(text)
        is_all = is_last and not self._stops.is_met
        chances = [chance for start, chance in self._chances if is_all or start < self._shown]
        self._chances = self._chances[len(chances) :]
        if text or chances:
            self._send(Chunk(text, chances))

    def _end(self, reason: str) -> None:
        if not self._stops.is_met:
            self._add_text(self._detokenizer.flush())
        if not self._stops.is_met:
            self._show(self._stops.flush(), is_last=True)
        self.is_over = True
        self._send(Finish(reason, len(self.prompt), len(self.tokens)))

    def _send(self, part: Chunk | Finish) -> None:
        self._send_to(self.number, part)

    def _keep_chance(self, logits: Tensor, token: int) -> None:
        most = self._logprobs
        if most is None:
            return
        own, likeliest = chances_of(logits, token, most)
        named = [(self._tokenizer.decode([other]), chance) for other, chance in likeliest]
        chance = TokenChance(self._tokenizer.decode([token]), own, named)
        self._chances.append((self._received, chance))


class JsonObject:
    """Constrains an answer to one JSON object."""

    def __init__(self, spelling: TokenBytes) -> None:
        self._spelling = spelling
        self._prefix = JsonGrammar()

    @property
    def is_whole(self) -> bool:
        """Return whether it is complete."""
        return self._prefix.is_whole

    def fits(self, token: int, remaining: int) -> bool:
        """Return whether the token is valid and leaves enough tokens to close the object."""
        then = self._then(token)
        return then is not None and len(then.closing()) <= remaining

    def take(self, token: int | None) -> int | None:
        """Append a token; None appends the first byte that closes the object."""
        if token is None:
            token = self._spelling.single(self._prefix.closing()[0])
        if token is not None:
            self._prefix = self._then(token) or self._prefix
        return token

    def _then(self, token: int) -> JsonGrammar | None:
        spelled = self._spelling.bytes_of(token)
        return self._prefix.then(spelled) if spelled else None


class Batch:
    """The running rows of one base. Row n of the KV cache is `_rows[n]`."""

    def __init__(self, passes: Passes) -> None:
        self._passes = passes
        self._rows: list[Row] = []
        self._memory = passes.memory(0)
        self._joining: deque[Row] = deque()
        self._half: Memory | None = None

    def __len__(self) -> int:
        return len(self._rows) + len(self._joining)

    @property
    def adapters(self) -> list[LoraWeights | None]:
        """Return the adapters in use, one per row."""
        return [row.adapter for row in (*self._rows, *self._joining)]

    def join(self, row: Row) -> None:
        """Add a row."""
        self._joining.append(row)

    def leave(self, number: int) -> None:
        """Remove a row that is not finished, if it is in the batch."""
        if self._joining and self._joining[0].number == number:
            self._half = None
        self._joining = deque(row for row in self._joining if row.number != number)
        for place in [n for n, row in enumerate(self._rows) if row.number == number]:
            _remove(self._rows, self._memory, place)

    def give_up(self) -> list[Row]:
        """Remove all rows and their KV cache; return the rows."""
        rows = [*self._rows, *self._joining]
        self._rows.clear()
        self._joining.clear()
        self._memory, self._half = self._passes.memory(0), None
        return rows

    def step(self) -> None:
        """Prefill some waiting prompts, then decode one token of every row."""
        if self._joining:
            self._read()
        if self._rows:
            last = [row.tokens[-1:] for row in self._rows]
            logits = self._passes.read(self._memory, last, [row.adapter for row in self._rows])
            _take(self._rows, self._memory, logits)

    def _read(self) -> None:
        first = self._joining[0]
        if self._passes.can_part and len(first.prompt) > MAX_READ:
            self._read_piece(first)
            return
        rows = self._select_batch(first)
        memory = self._passes.memory(len(rows))
        prompts, adapters = (
            [row.prompt for row in rows],
            [row.adapter for row in rows],
        )
        self._admit_rows(rows, memory, self._passes.read(memory, prompts, adapters))

    def _read_piece(self, row: Row) -> None:
        """Prefill the next piece of a prompt that is too long for one step."""
        memory = self._half or self._passes.memory(1)
        start = memory.lengths[0]
        piece = row.prompt[start : start + MAX_READ]
        logits = self._passes.read(memory, [piece], [row.adapter])
        is_read = start + len(piece) == len(row.prompt)
        self._half = None if is_read else memory
        if is_read:
            self._admit_rows([row], memory, logits)

    def _select_batch(self, first: Row) -> list[Row]:
        """Return the first waiting rows with the same adapter that fit into one step."""
        alike = list(takewhile(lambda row: row.adapter is first.adapter, self._joining))
        rows = [first]
        for row in alike[1:]:
            longest = max(len(candidate.prompt) for candidate in (*rows, row))
            if longest * (len(rows) + 1) > MAX_READ:
                break
            rows.append(row)
        return rows

    def _admit_rows(self, rows: Sequence[Row], memory: Memory, logits: Tensor) -> None:
        for _ in rows:
            self._joining.popleft()
        going_on = list(rows)
        _take(going_on, memory, logits)
        self._rows += going_on
        if going_on:
            self._memory.take(memory)


def _take(rows: list[Row], memory: Memory, logits: Tensor) -> None:
    """Sample a token for every row and remove finished rows.

    In reverse, because the last row replaces a removed one.
    """
    for place in reversed(range(len(rows))):
        rows[place].take(logits[place])
        if rows[place].is_over:
            _remove(rows, memory, place)


def _remove(rows: list[Row], memory: Memory, place: int) -> None:
    rows[place] = rows[-1]
    rows.pop()
    memory.drop(place)
