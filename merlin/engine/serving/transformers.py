"""The engine's own backend: one worker process per base, which answers one question after another.

The process starts with the first question, ends when it is idle, and is started again after a
crash. The lines that both exchange are described in `serving.worker`. This side never imports
torch.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.core.log import get_logger
from merlin.engine.child_process import build_environment
from merlin.engine.serving.base import (
    APPLIED,
    QUESTION,
    Adapter,
    Finish,
    GenerationRequest,
    RelayedRequest,
    Setup,
    Unavailable,
    busy_error,
    ended_error,
)
from merlin.openai_protocol.errors import ApiError, Json

_STOP_S = 5.0
_KINDS = ("piece", "end", "refused", "failed")
# When a refused caller may ask again.
_RETRY_S = 10.0
log = get_logger(__name__)


class TransformersBackend:
    """Serves one base and all of its adapters; must be used from one event loop.

    `max_waiting` questions may wait. `max_adapters` stay loaded. After `idle_s` seconds without a
    question the process ends.
    """

    max_waiting = 64
    max_adapters = 20
    idle_s = 900.0

    def __init__(
        self,
        name: str,
        model: EngineModelConfig,
        folder: Path,
        settings: EngineAnsweringConfig,
        log: Path,
    ) -> None:
        """Take a base's settings and its folder; the worker's stderr goes to `log`."""
        self._name = name
        self._log = log
        self._setup = Setup(
            folder=str(folder),
            context=model.context or 0,
            dtype=model.dtype,
            quantised=model.quantised,
            device=settings.device,
            adapters=self.max_adapters,
        )
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._numbers = count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._figures = Counter(running=0, waiting=0, adapters=0, restarts=0)

    async def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[str | Finish, None]:
        """Yield chunks and a Finish at the end; see Backend."""
        async with self._take_turn():
            child = await self._get_child()
            number = next(self._numbers)
            is_over = False
            question = QUESTION.dump_python((adapter, request), mode="json")
            self._send(child, {"ask": number, "question": question})
            try:
                while True:
                    line = await self._read_line(child)
                    if number not in (line.get(kind) for kind in _KINDS):
                        continue  # of an answer that was cancelled
                    if "piece" in line:
                        yield str(line["text"])
                        continue
                    is_over = True
                    yield self._finish(line)
                    return
            finally:
                if not is_over:
                    self._send(child, {"stop": number})

    def relay(
        self, _adapter: Adapter | None, request: RelayedRequest
    ) -> AsyncGenerator[Json, None]:
        """Refuse the request; see Backend.relay."""
        raise request.refusal

    def figures(self) -> Mapping[str, float]:
        """Return the figures; `adapters` are those that are loaded."""
        return self._figures

    async def close(self) -> None:
        """Stop the process."""
        self._stop_timer()
        if child := self._child:
            self._end()
            with suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), _STOP_S)
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    @asynccontextmanager
    async def _take_turn(self) -> AsyncIterator[None]:
        """Wait for the answers before. Raises ApiError 429 if too many wait."""
        figures = self._figures
        if self._turn.locked() and figures["waiting"] >= self.max_waiting:
            raise busy_error(_RETRY_S)
        figures["waiting"] += 1
        try:
            await self._turn.acquire()
        finally:
            figures["waiting"] -= 1
        self._stop_timer()
        figures["running"] += 1
        try:
            yield
        finally:
            figures["running"] -= 1
            self._turn.release()
            if not figures["waiting"]:
                self._timer = asyncio.get_running_loop().call_later(
                    self.idle_s, self._end
                )

    def _finish(self, line: Mapping[str, Any]) -> Finish:
        """Return the end of an answer. Raises what the line says."""
        if "refused" in line:
            raise ApiError(
                line["status"], line["message"], code=line["code"], param=line["param"]
            )
        if "failed" in line:
            raise Unavailable(f"{self._name} could not answer: {line['why']}")
        self._figures["adapters"] = line["adapters"]
        return Finish(
            line["reason"],
            line["prompt_tokens"],
            line["completion_tokens"],
            APPLIED if line["applied"] else {},
        )

    async def _read_line(self, child: asyncio.subprocess.Process) -> dict[str, Any]:
        """Return the next line. Raises Unavailable if the process ended or cannot go on."""
        reason = ""
        line = await child.stdout.readline() if child.stdout else b""
        if line.endswith(b"\n"):  # else it was cut by the process's death
            message: dict[str, Any] = json.loads(line)
            if "broken" not in message:
                return message
            reason = message["broken"]
        code = await child.wait()
        self._child = None
        self._figures["restarts"] += 1
        raise ended_error(self._name, code, reason)

    async def _get_child(self) -> asyncio.subprocess.Process:
        """Return the process, starting it if none runs. Raises Unavailable."""
        if child := self._child:
            is_open = child.stdin is not None and not child.stdin.is_closing()
            if is_open and child.returncode is None:
                return child
            # Unloaded, it ends with 0; else it crashed while nobody asked.
            self._figures["restarts"] += bool(child.returncode)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as errors:
            self._child = child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "merlin.engine.serving.worker",
                json.dumps(asdict(self._setup)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=build_environment(),
            )
        ready = await self._read_line(child)
        log.info("base loaded", base=self._name, pid=child.pid, window=ready["ready"])
        return child

    def _send(
        self, child: asyncio.subprocess.Process, line: Mapping[str, object]
    ) -> None:
        if child.stdin and child.returncode is None:
            child.stdin.write(json.dumps(line).encode() + b"\n")

    def _end(self) -> None:
        """Close the process's stdin, which makes it exit."""
        if self._child and self._child.stdin:
            self._child.stdin.close()
        self._figures["adapters"] = 0

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
