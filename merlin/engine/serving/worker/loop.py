"""The main loop of the worker process: continuous batching.

Rows join and leave the batch between steps. A step prefills some of the waiting prompts, up to a
token limit so that running rows are not delayed for long, and then decodes one token of every
running row. Each row has its own random generator, so a seed gives the same text whatever other
rows are in the batch, as far as the logits are identical.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from queue import Empty, SimpleQueue
from random import Random
from typing import Any, NoReturn

import torch
from jinja2 import TemplateError
from safetensors import SafetensorError
from torch import Tensor

from merlin.core.log import get_logger
from merlin.core.messages import Message
from merlin.engine.child_process import EnginePipe
from merlin.engine.machine import read_resident_bytes
from merlin.engine.serving import base
from merlin.engine.serving.base import Chunk, Finish, GenerationRequest, Line, Send, TokenLogprob
from merlin.engine.serving.worker.base import (
    AdapterCache,
    LoadedBase,
    Unservable,
    choose_passes,
    load,
)
from merlin.engine.serving.worker.detokenizer import Detokenizer, StopFinder, TokenBytes
from merlin.engine.serving.worker.forward import AdapterStack, ForwardPasses, KvCache, LoraWeights
from merlin.engine.training_file import encode_chat, render_chat
from merlin.openai_protocol.errors import ApiError, bad_field, context_length_error

log = get_logger(__name__)

# The vocabulary is sorted only if this many top tokens do not reach `top_p`.
TOP_TOKENS = 256
# The prefill tokens of one step, including padding.
MAX_PREFILL_TOKENS = 512


def encode_prompt(base: LoadedBase, messages: Sequence[Message]) -> list[int]:
    """Return the prompt's tokens.

    Raises ApiError 400 if the chat template rejects the messages or the prompt fills the window.
    """
    try:
        text = render_chat(base.tokenizer, messages, is_asked=True)
    except TemplateError as error:
        message = f"this model's chat template takes no such messages: {error}"
        raise bad_field("messages", message) from error
    tokens, _ = encode_chat(base.tokenizer, text)
    if len(tokens) >= base.window:
        raise context_length_error(len(tokens), base.window)
    return tokens


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling parameters of one row; `temperature` 0 is greedy."""

    temperature: float
    top_p: float
    random: Random = field(default_factory=Random)

    def draw(self, logits: Tensor) -> int:
        """Sample a token. Shape of `logits`: vocabulary."""
        if not self.temperature:
            return int(logits.argmax())
        probabilities = torch.softmax(logits.double() / self.temperature, dim=-1)
        if self.top_p >= 1:
            return self._draw_index(probabilities)
        # The smallest set of top tokens whose probabilities reach `top_p`, at least one.
        most, tokens = torch.topk(probabilities, min(TOP_TOKENS, len(probabilities)))
        if float(most.sum()) < self.top_p:
            most, tokens = torch.sort(probabilities, descending=True)
        before = most.cumsum(-1) - most
        tokens = tokens[: max(int((before < self.top_p).sum()), 1)]
        return int(tokens[self._draw_index(probabilities[tokens])])

    def _draw_index(self, probabilities: Tensor) -> int:
        """Return an index, drawn with probability proportional to `probabilities`."""
        sums = probabilities.cumsum(-1)
        drawn = self.random.random() * float(sums[-1])
        return min(int(torch.searchsorted(sums, drawn, right=True)), len(probabilities) - 1)


class Row:
    """One running request; `prompt` in tokens."""

    def __init__(
        self,
        number: int,
        prompt: Sequence[int],
        adapter: LoraWeights | None,
        request: GenerationRequest,
        base: LoadedBase,
        token_bytes: TokenBytes,
        send: Callable[[int, Chunk | Finish], None],
    ) -> None:
        """Take the request's number, and `send` for its chunks and the finish."""
        free = base.window - len(prompt)
        self.number = number
        self.prompt = prompt
        self.adapter = adapter
        self._logprobs = request.logprobs
        self._send = partial(send, number)
        self.tokens: list[int] = []
        self.is_over = False
        self._most = min(request.most_tokens or free, free)
        self._end_tokens = base.end_tokens
        self._tokenizer: Any = base.tokenizer
        self._sampling = Sampling(*base.choose_sampling(request), Random(request.seed))  # noqa: S311
        self._detokenizer = Detokenizer(base.tokenizer)
        self._stops = StopFinder(request.stops)
        self._token_bytes = token_bytes
        self._pending_logprobs: list[tuple[int, TokenLogprob]] = []
        self._text_length = self._sent_length = 0

    def sample_next(self, logits: Tensor) -> None:
        """Sample the next token and send the new text. Shape of `logits`: vocabulary."""
        token = self._sampling.draw(logits)
        if token in self._end_tokens:
            self._end("stop")
            return
        self._store_logprob(logits, token)
        self.tokens.append(token)
        self._add_text(self._detokenizer.add(token))
        if self._stops.is_found:
            self._end("stop")
        elif len(self.tokens) == self._most:
            self._end("length")

    def _add_text(self, text: str) -> None:
        self._text_length += len(text)
        self._send_text(self._stops.add(text))

    def _send_text(self, text: str, *, is_last: bool = False) -> None:
        self._sent_length += len(text)
        is_all = is_last and not self._stops.is_found
        length, pending = self._sent_length, self._pending_logprobs
        logprobs = [logprob for start, logprob in pending if is_all or start < length]
        self._pending_logprobs = pending[len(logprobs) :]
        if text or logprobs:
            self._send(Chunk(text, logprobs))

    def _end(self, reason: str) -> None:
        if not self._stops.is_found:
            self._add_text(self._detokenizer.flush())
        if not self._stops.is_found:
            self._send_text(self._stops.flush(), is_last=True)
        self.is_over = True
        self._send(Finish(reason, len(self.prompt), len(self.tokens)))

    def _store_logprob(self, logits: Tensor, token: int) -> None:
        most = self._logprobs
        if most is None:
            return
        # Over the full vocabulary and before temperature scaling.
        logs = torch.log_softmax(logits, dim=-1)
        best, tokens = torch.topk(logs, min(most, len(logs)))
        top = [*map(self._build_logprob, tokens.tolist(), best.tolist())]
        token_logprob = replace(self._build_logprob(token, float(logs[token])), top_logprobs=top)
        self._pending_logprobs.append((self._text_length, token_logprob))

    def _build_logprob(self, token: int, logprob: float) -> TokenLogprob:
        own = list(self._token_bytes.get_bytes(token)) or None
        return TokenLogprob(self._tokenizer.decode([token]), logprob, own)


class Batch:
    """The running rows of one base. Row n of the KV cache is `_rows[n]`."""

    def __init__(self, passes: ForwardPasses) -> None:
        self._passes = passes
        self._rows: list[Row] = []
        self._cache = passes.create_cache(0)
        self._joining: deque[Row] = deque()
        self._partial_cache: KvCache | None = None

    def __len__(self) -> int:
        return len(self._rows) + len(self._joining)

    @property
    def adapters(self) -> list[LoraWeights | None]:
        """Return the adapters in use, one per row."""
        return [row.adapter for row in (*self._rows, *self._joining)]

    def add(self, row: Row) -> None:
        """Add a row."""
        self._joining.append(row)

    def remove(self, number: int) -> None:
        """Remove a row that is not finished, if it is in the batch."""
        if self._joining and self._joining[0].number == number:
            self._partial_cache = None
        self._joining = deque(row for row in self._joining if row.number != number)
        for index in [n for n, row in enumerate(self._rows) if row.number == number]:
            _remove_row(self._rows, self._cache, index)

    def clear(self) -> list[Row]:
        """Remove all rows and their KV cache; return the rows."""
        rows = [*self._rows, *self._joining]
        self._rows.clear()
        self._joining.clear()
        self._cache, self._partial_cache = self._passes.create_cache(0), None
        return rows

    def step(self) -> None:
        """Prefill some waiting prompts, then decode one token of every row."""
        if self._joining:
            self._prefill()
        if self._rows:
            last = [row.tokens[-1:] for row in self._rows]
            logits = self._passes.run(self._cache, last, [row.adapter for row in self._rows])
            _sample_rows(self._rows, self._cache, logits)

    def _prefill(self) -> None:
        first = self._joining[0]
        if self._passes.can_split_prefill and len(first.prompt) > MAX_PREFILL_TOKENS:
            self._prefill_piece(first)
            return
        rows = self._select_batch(first)
        cache = self._passes.create_cache(len(rows))
        prompts, adapters = [row.prompt for row in rows], [row.adapter for row in rows]
        self._admit_rows(rows, cache, self._passes.run(cache, prompts, adapters))

    def _prefill_piece(self, row: Row) -> None:
        """Prefill the next piece of a prompt that is too long for one step."""
        cache = self._partial_cache or self._passes.create_cache(1)
        start = cache.lengths[0]
        piece = row.prompt[start : start + MAX_PREFILL_TOKENS]
        logits = self._passes.run(cache, [piece], [row.adapter])
        is_complete = start + len(piece) == len(row.prompt)
        self._partial_cache = None if is_complete else cache
        if is_complete:
            self._admit_rows([row], cache, logits)

    def _select_batch(self, first: Row) -> list[Row]:
        """Return the first waiting rows with the same adapter that fit into one step."""
        alike = list(takewhile(lambda row: row.adapter is first.adapter, self._joining))
        rows = [first]
        for row in alike[1:]:
            longest = max(len(candidate.prompt) for candidate in (*rows, row))
            if longest * (len(rows) + 1) > MAX_PREFILL_TOKENS:
                break
            rows.append(row)
        return rows

    def _admit_rows(self, rows: Sequence[Row], cache: KvCache, logits: Tensor) -> None:
        for _ in rows:
            self._joining.popleft()
        unfinished = list(rows)
        _sample_rows(unfinished, cache, logits)
        self._rows += unfinished
        if unfinished:
            self._cache.append_rows(cache)


def _sample_rows(rows: list[Row], cache: KvCache, logits: Tensor) -> None:
    """Sample a token for every row and remove finished rows.

    In reverse, because the last row replaces a removed one.
    """
    for index in reversed(range(len(rows))):
        rows[index].sample_next(logits[index])
        if rows[index].is_over:
            _remove_row(rows, cache, index)


def _remove_row(rows: list[Row], cache: KvCache, index: int) -> None:
    rows[index] = rows[-1]
    rows.pop()
    cache.remove_row(index)


def serve(setup: base.Setup, pipe: EnginePipe) -> NoReturn:
    """Load a base and serve requests; never returns."""
    with torch.inference_mode():
        worker = GenerationWorker(load(setup), setup, pipe.send)
        while True:
            for line in _receive(pipe.inbox, is_waiting=not worker.is_busy):
                worker.handle(line)
            worker.step()


def _receive(inbox: SimpleQueue[Line], *, is_waiting: bool) -> list[Line]:
    """Return all received lines; if `is_waiting`, block until there is at least one."""
    lines = [inbox.get()] if is_waiting else []
    while True:
        try:
            lines.append(inbox.get_nowait())
        except Empty:
            return lines


class GenerationWorker:
    """Handles request lines, runs steps of the batch, sends response lines."""

    def __init__(self, base: LoadedBase, setup: base.Setup, send: Send) -> None:
        self._base = base
        self._send = send
        self._token_bytes = TokenBytes(base.tokenizer)
        self._stack = AdapterStack(base.model)
        passes, why = choose_passes(base.model, self._stack)
        self._batch = Batch(passes)
        self._adapter_cache = AdapterCache(self._stack, base.model.device, setup.adapters)
        send({"ready": base.window, "alone": why, "threads": torch.get_num_threads()})
        self._send_figures()

    @property
    def is_busy(self) -> bool:
        """Return whether the batch has rows."""
        return bool(self._batch)

    def handle(self, line: Line) -> None:
        """Handle one request line."""
        if "stop" in line:
            self._batch.remove(line["stop"])
            self._send_figures()
            return
        number = line["ask"]
        try:
            self._ask(line)
        except ApiError as refusal:
            self._send(base.build_refusal_line(number, refusal))
        except Exception as error:
            log.exception("request failed")
            self._send({"failed": number, "why": describe_error(error)})

    def step(self) -> None:
        """Run one step; if it fails, all running requests fail, but the process continues."""
        batch = self._batch
        if not batch:
            return
        before = len(batch)
        try:
            batch.step()
        except Exception as error:
            log.exception("batch step failed")
            for row in batch.clear():
                self._send({"failed": row.number, "why": describe_error(error)})
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        if len(batch) != before:
            self._send_figures()

    def _ask(self, line: Line) -> None:
        adapter, request = base.QUESTION.validate_python(line["question"])
        prompt = encode_prompt(self._base, request.messages)
        try:
            weights = self._adapter_cache.get(adapter, self._batch.adapters) if adapter else None
        except Unservable as error:
            raise base.damaged_model_error(error) from error
        answering = (self._base, self._token_bytes, self._send_part)
        self._batch.add(Row(line["ask"], prompt, weights, request, *answering))
        self._send_figures()

    def _send_part(self, number: int, part: Chunk | Finish) -> None:
        if isinstance(part, Chunk):
            self._send({"piece": number, **base.CHUNK.dump_python(part)})
            return
        self._send({"end": number, **base.FINISH.dump_python(part)})

    def _send_figures(self) -> None:
        figures = {
            "rows": len(self._batch),
            "adapters": len(self._adapter_cache),
            "adapters_read": self._adapter_cache.load_count,
            "resident_bytes": read_resident_bytes(os.getpid()),
        }
        self._send({"figures": figures})


def describe_error(error: BaseException) -> str:
    """Return the error message, with advice if the memory is exhausted."""
    if isinstance(error, Unservable):
        return str(error)
    message = f"{type(error).__name__}: {error}".strip()
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in message:
        return f"out of memory; {base.MEMORY_ADVICE} ({message.splitlines()[0]})"
    if isinstance(error, (SafetensorError, OSError)):
        message = f"{message.splitlines()[0]}; its files are damaged: pull or copy them again"
    return message.splitlines()[0]
