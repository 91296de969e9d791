"""The main loop of the worker process."""

import os
from queue import Empty, SimpleQueue
from typing import NoReturn

import torch

from merlin.core.log import get_logger
from merlin.engine.machine import read_resident_bytes
from merlin.engine.serving import base
from merlin.engine.serving.base import Chunk, Finish, Line, Send
from merlin.engine.serving.worker.base import (
    AdapterCache,
    LoadedBase,
    Unservable,
    choose_passes,
    embed,
    load,
)
from merlin.engine.serving.worker.batch import Batch, Row, encode_prompt
from merlin.engine.serving.worker.detokenizer import TokenBytes
from merlin.engine.serving.worker.forward import AdapterStack
from merlin.openai_protocol.errors import ApiError, bad_field

log = get_logger(__name__)

MIN_JSON = len("{}")


def serve(setup: base.Setup, inbox: SimpleQueue[Line], send: Send) -> NoReturn:
    """Load a base and serve requests; never returns."""
    with torch.inference_mode():
        worker = GenerationWorker(load(setup), setup, send)
        while True:
            for line in _receive(inbox, is_waiting=not worker.is_busy):
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
        self._setup = setup
        self._send = send
        self._token_bytes = TokenBytes(base.tokenizer)
        self._stack = AdapterStack(base.model)
        passes, why = (
            choose_passes(base.model, self._stack) if not setup.is_embedding else (None, "")
        )
        self._batch = Batch(passes) if passes else None
        self._adapter_cache = AdapterCache(self._stack, base.device, setup.adapters)
        send({"ready": base.window, "alone": why, "threads": torch.get_num_threads()})
        self._send_figures()

    @property
    def is_busy(self) -> bool:
        """Return whether the batch has rows."""
        return bool(self._batch)

    def handle(self, line: Line) -> None:
        """Handle one request line."""
        if "stop" in line:
            if self._batch is not None:
                self._batch.remove(line["stop"])
            self._send_figures()
            return
        number = line.get("ask", line.get("embed"))
        try:
            self._ask(line) if "ask" in line else self._embed(line)
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
        if self._batch is None:
            raise bad_field("model", "this model only makes embeddings; use /v1/embeddings")
        if request.is_json and 0 < request.most_tokens < MIN_JSON:
            raise bad_field(
                "max_completion_tokens", f"a JSON object takes at least {MIN_JSON} tokens"
            )
        prompt = encode_prompt(self._base, request.messages)
        try:
            adapter_weights = (
                self._adapter_cache.get(adapter, self._batch.adapters) if adapter else None
            )
        except Unservable as error:
            message = f"this model's adapter cannot be used: {error}; train it again or restore it"
            raise bad_field("model", message, "model_damaged") from error
        answering = (self._base, self._token_bytes, self._send_part)
        self._batch.add(Row(line["ask"], prompt, adapter_weights, request, *answering))
        self._send_figures()

    def _embed(self, line: Line) -> None:
        if self._batch is not None:
            raise bad_field("model", "this model makes no embeddings; name a base made for them")
        vectors, tokens = embed(self._base, line["texts"])
        for vector in vectors:
            self._send({"vector": line["embed"], "of": vector})
        self._send({"vectors": line["embed"], "tokens": tokens})
        self._send_figures()

    def _send_part(self, number: int, part: Chunk | Finish) -> None:
        if isinstance(part, Chunk):
            self._send({"piece": number, **base.CHUNK.dump_python(part)})
            return
        self._send({"end": number, **base.FINISH.dump_python(part)})

    def _send_figures(self) -> None:
        figures = {
            "rows": len(self._batch) if self._batch is not None else 0,
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
        return (
            "out of memory; lower engine.answering.at_once or the model's context, set"
            f" quantised: 4bit, or take a smaller base ({message.splitlines()[0]})"
        )
    return message.splitlines()[0]
