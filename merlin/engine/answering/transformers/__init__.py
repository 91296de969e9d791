"""Our own backend: one child process a base, in which rows of many adapters run together.

This side never imports torch. It keeps the line before the process, starts it at the first
question, lets go of it when nobody asks, and outlives its death.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from merlin.engine.answering.asking import Adapter, Asking, Ending, Piece, Unavailable
from merlin.engine.answering.transformers.child.wire import (
    Setup,
    asked,
    ending_of,
    piece_of,
    refusal_of,
)
from merlin.engine.answering.transformers.deaths import Deaths
from merlin.engine.answering.transformers.process import Line, Process
from merlin.engine.answering.transformers.turns import Turns
from merlin.engine.settings import AnsweringSettings, ModelSettings

NEEDED = ("torch", "transformers", "accelerate", "safetensors")


class TransformersBackend:
    """Answers for one base and every adapter trained onto it. To be used on one event loop."""

    def __init__(
        self, model: ModelSettings, folder: Path, settings: AnsweringSettings, log: Path
    ) -> None:
        """Take a base's settings and the folder of its files; the process writes to `log`."""
        self._model = model
        self._folder = folder
        self._settings = settings
        self._log = log
        self._turns = Turns(settings.at_once, settings.waiting)
        self._deaths = Deaths(model.name)
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._tokens = {"prompt_tokens": 0, "completion_tokens": 0}

    async def ask(
        self, adapter: Adapter | None, asking: Asking
    ) -> AsyncGenerator[Piece | Ending, None]:
        """Answer in pieces, an Ending last; see Backend."""
        async with self._lines(asked(0, adapter, asking), asking.asker) as lines:
            async for line in lines:
                if "piece" in line:
                    yield piece_of(line)
                if "end" in line:
                    ending = ending_of(line)
                    self._count(ending.prompt_tokens, ending.completion_tokens)
                    yield ending

    async def embed(self, texts: Sequence[str]) -> tuple[Sequence[Sequence[float]], int]:
        """Return a vector a text, of length 1, and how many tokens they have; see Backend."""
        vectors: list[Sequence[float]] = []
        tokens = 0
        async with self._lines({"embed": 0, "texts": list(texts)}) as lines:
            async for line in lines:
                if "vector" in line:
                    vectors.append(line["of"])
                if "vectors" in line:
                    tokens = line["tokens"]
        self._count(tokens, 0)
        return vectors, tokens

    def figures(self) -> Mapping[str, float]:
        """Return what there is to watch; `rows` are those in the process, `adapters` in memory."""
        process = self._process
        of_process = process.figures if process and process.is_alive else {}
        own = {"running": self._turns.running, "waiting": self._turns.waiting}
        return {
            **own,
            **self._tokens,
            "restarts": self._deaths.restarts,
            **{name: of_process.get(name, 0) for name in _OF_PROCESS},
        }

    async def close(self) -> None:
        """Let go of the process; askers still there get Unavailable."""
        self._stay_awake()
        if self._process:
            await self._process.leave()

    @property
    def pid(self) -> int | None:
        """Return the process's id while it lives."""
        return self._process.pid if self._process and self._process.is_alive else None

    @asynccontextmanager
    async def _lines(self, question: Line, asker: str = "") -> AsyncIterator[AsyncIterator[Line]]:
        """Ask, in one's turn, and give the lines of the answer; leaving early stops the work."""
        async with self._turns.turn(asker):
            self._stay_awake()
            try:
                process = await self._running()
                with process.asked(question) as answer:
                    yield self._read(answer)
            finally:
                self._grow_tired()

    async def _read(self, answer: asyncio.Queue[Line]) -> AsyncIterator[Line]:
        while True:
            line = await answer.get()
            if "refused" in line:
                raise refusal_of(line)
            if "failed" in line:
                raise Unavailable(f"{self._model.name} could not answer: {line['why']}")
            yield line
            if "end" in line or "vectors" in line:
                self._deaths.forget()
                return

    async def _running(self) -> Process:
        """Return the process, started if there is none. Raises Unavailable."""
        async with self._starting:
            if self._process and self._process.is_alive:
                return self._process
            self._check()
            self._process = await Process.start(self._setup(), self._log, self._deaths.met)
            return self._process

    def _check(self) -> None:
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise Unavailable(
                f"{self._model.name} needs {', '.join(missing)}: run make engine in the checkout,"
                " for services sudo make install EXTRA=engine"
            )
        if not (self._folder / "config.json").is_file():
            raise Unavailable(
                f"the files of {self._model.name} are not here:"
                f" merlin engine models pull {self._model.name}"
            )
        self._deaths.check()

    def _setup(self) -> Setup:
        model, settings = self._model, self._settings
        return Setup(
            str(self._folder),
            model.context,
            model.dtype,
            model.quantised,
            model.is_embedding,
            settings.device,
            settings.adapters,
        )

    def _count(self, prompt_tokens: int, completion_tokens: int) -> None:
        self._tokens["prompt_tokens"] += prompt_tokens
        self._tokens["completion_tokens"] += completion_tokens

    def _stay_awake(self) -> None:
        if self._idle:
            self._idle.cancel()
            self._idle = None

    def _grow_tired(self) -> None:
        """Let go of the process some time after the last one who asked."""
        self._stay_awake()
        if self._settings.idle_s and self._turns.running <= 1 and self._process:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._settings.idle_s, self._process.let_go)


_OF_PROCESS = ("rows", "adapters", "adapters_read", "resident_bytes")
