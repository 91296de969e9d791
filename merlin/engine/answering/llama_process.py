"""The engine's own `llama-server`: a child process with the adapters that were asked for."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from merlin.core.free_port import free_ports
from merlin.core.log import get_logger
from merlin.engine.answering.asking import Unavailable
from merlin.engine.answering.proxied import Calls
from merlin.engine.settings import ModelSettings

log = get_logger(__name__)

COMMAND = "llama-server"
# The ones asked last; each costs its size in memory and makes every start longer.
MOST_ADAPTERS = 20
START_S = 300.0
LOOK_S = 0.05
STOP_S = 10.0
_OK = 200
_PIECE, _KEPT = 1 << 16, 600
_PR_SET_PDEATHSIG = 1


class LlamaProcess:
    """One base served by a child, which is started again for an adapter it has not.

    Those who ask come one after another to the start; it waits until nobody is answered any
    more, so no answer is cut, and who comes later waits for it.
    """

    def __init__(self, model: ModelSettings, key: str, calls: Calls) -> None:
        """Take the model whose `source` is a .gguf file, and the key that the child will want."""
        self._model = model
        self._key = key
        self._calls = calls
        self._files: list[Path] = []
        self._child: Process | None = None
        self._told = b""
        self._reading: asyncio.Task[None] | None = None
        self._url = ""
        self._turn = asyncio.Lock()
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def serving(self, file: Path | None) -> AsyncIterator[str]:
        """Give the address of a server that holds the adapter `file`, until it is left.

        Raises Unavailable when llama.cpp is not installed or does not start.
        """
        async with self._turn:
            await self._be_ready(file)
            self._running += 1
            self._idle.clear()
        try:
            yield self._url
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def _be_ready(self, file: Path | None) -> None:
        is_alive = self._child is not None and self._child.returncode is None
        if is_alive and (file is None or file in self._files):
            return
        await self._idle.wait()
        await self._end()
        # One that was deleted since must not keep the others from starting.
        kept = [each for each in self._files if each != file and each.exists()]
        self._files = [*kept, *([file] if file else [])][-MOST_ADAPTERS:]
        await self._start()

    async def _start(self) -> None:
        # Not kept: llama-server shares its port in another way.
        (port,) = free_ports(1, is_kept=False)
        self._url = f"http://127.0.0.1:{port}"
        command = command_of(self._model, self._files, port)
        self._told = b""
        self._child = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env={**os.environ, "LLAMA_API_KEY": self._key},
            preexec_fn=_die_with_parent,
        )
        self._reading = asyncio.create_task(self._read(self._child))
        log.info("llama.cpp starts", base=self._model.name, adapters=len(self._files))
        try:
            async with asyncio.timeout(START_S):
                await self._until_ready(self._child)
        except TimeoutError as error:
            await self._end()
            raise Unavailable(f"{COMMAND} was not ready after {START_S:.0f} s.") from error
        except BaseException:
            await self._end()
            raise

    async def _until_ready(self, child: Process) -> None:
        while child.returncode is None:
            with contextlib.suppress(Unavailable):
                answer = await self._calls.json(f"{self._url}/health", None)
                if answer.status == _OK:
                    return
            await asyncio.sleep(LOOK_S)
        if self._reading is not None:
            await self._reading  # its end may be heard before its last words
        said = " ".join(self._told.decode(errors="replace").split())
        raise Unavailable(f"llama-server ended with {child.returncode} at its start: {said}")

    async def _read(self, child: Process) -> None:
        """Keep the end of what it says, and its pipe empty."""
        while child.stdout is not None and (told := await child.stdout.read(_PIECE)):
            self._told = (self._told + told)[-_KEPT:]

    async def stop(self) -> None:
        """End the child."""
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.terminate()
            try:
                await asyncio.wait_for(child.wait(), STOP_S)
            except TimeoutError:
                child.kill()
                await child.wait()
        if self._reading is not None:
            await self._reading


def command_of(model: ModelSettings, files: Sequence[Path], port: int) -> list[str]:
    """Return the command of the child. Raises Unavailable when it cannot be started."""
    program = shutil.which(COMMAND)
    if program is None:
        text = f"{COMMAND} is not on the PATH: install llama.cpp, or give the model a `url`."
        raise Unavailable(text)
    if not model.source.endswith(".gguf") or not Path(model.source).is_file():
        text = f"llama.cpp serves .gguf files; the source of {model.name} is {model.source}."
        raise Unavailable(f"{text} Name such a file, or give the model a `url`.")
    command = [program, "-m", model.source, "--host", "127.0.0.1", "--port", str(port)]
    if model.context:
        command += ["-c", str(model.context)]
    if model.is_embedding:
        command += ["--embeddings"]
    if files:
        listed = ",".join(quoted(str(file)) for file in files)
        command += ["--lora-init-without-apply", "--lora", listed]
    return command


def quoted(path: str) -> str:
    """Return a path as one field of the comma-separated list that `--lora` takes."""
    return '"' + path.replace('"', '""') + '"' if "," in path or '"' in path else path


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
