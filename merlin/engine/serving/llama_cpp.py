"""llama.cpp's server behind the engine: a GGUF base, adapters converted to GGUF.

The server loads adapters only at startup; a request selects them by id, with a scale. So there are
two modes. Without a `url` the engine runs its own `llama-server` and restarts it, once it is idle,
if a requested adapter is not loaded (`LlamaProcess`). With a `url` an external server is used, with
the adapters it was started with: files named merlin-<digest12>.gguf.

Source: ggml-org/llama.cpp 0c1e570, tools/server/README.md and server-context.cpp. A request that
names no adapter gets the server's global scales, so each request sets the scales of all adapters.
The global scales (`POST /lora-adapters`) are not changed: that disturbs running requests
(ggml-org/llama.cpp#10374).
"""

import asyncio
import contextlib
import json
import secrets
import shutil
import threading
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

from merlin.config.engine import EngineModelConfig
from merlin.core.log import get_logger
from merlin.core.server import die_with_parent, free_ports
from merlin.engine.child_process import build_environment
from merlin.engine.serving.base import Adapter, Unavailable
from merlin.engine.serving.gguf_adapter import Inconvertible, build_file_name, write_adapter
from merlin.engine.serving.proxy import ProxyBackend, Target, UpstreamClient
from merlin.engine.trainers.base import BaseFiles

log = get_logger(__name__)

COMMAND = "llama-server"
# The most recently used; each takes memory and lengthens every start.
MAX_ADAPTERS = 20
START_S = 300.0
POLL_S = 0.05
STOP_S = 10.0
_OK = 200
_PIECE, _OUTPUT_TAIL = 1 << 16, 600
# Disables llama-server's defaults: only the request's sampling parameters apply.
_NEUTRAL_SAMPLING = {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}


class LlamaProcess:
    """A llama-server child for one base, restarted to load another adapter.

    A restart waits until no request is running, so no answer is interrupted; later requests wait
    for the restart.
    """

    def __init__(
        self, name: str, model: EngineModelConfig, key: str, client: UpstreamClient
    ) -> None:
        """Take the model whose `source` is a .gguf file, and the API key for the child."""
        self._name = name
        self._model = model
        self._key = key
        self._client = client
        self._files: list[Path] = []
        self._child: Process | None = None
        self._output = b""
        self._reading: asyncio.Task[None] | None = None
        self._url = ""
        self._is_ready = False
        self._ready_by = 0.0
        self._lock = asyncio.Lock()
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def use_server(self, file: Path | None) -> AsyncIterator[str]:
        """Yield the URL of a server that has loaded the adapter `file`.

        Raises Unavailable if llama.cpp is not installed or does not start.
        """
        async with self._lock:
            await self._ensure_loaded(file)
            self._running += 1
            self._idle.clear()
        try:
            yield self._url
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def _ensure_loaded(self, file: Path | None) -> None:
        child = self._child
        is_loaded = file is None or file in self._files
        self._files.sort(key=lambda path: path == file)  # the last used is the last
        if child is None or child.returncode is not None or not (self._url and is_loaded):
            await self._idle.wait()
            await self._stop_child()
            # A deleted adapter file would prevent the start.
            existing = [path for path in self._files if path != file and path.exists()]
            self._files = [*existing, *([file] if file else [])][-MAX_ADAPTERS:]
            child = await self._start()
        if not self._is_ready:
            await self._wait_until_ready(child)

    async def _start(self) -> Process:
        # Not kept open: llama-server binds the port with other socket options.
        (port,) = free_ports(1, is_reserved=False)
        self._url = f"http://127.0.0.1:{port}"
        command = build_command(self._name, self._model, self._files, port)
        self._output, self._is_ready = b"", False
        self._ready_by = asyncio.get_running_loop().time() + START_S
        self._child = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=build_environment(LLAMA_API_KEY=self._key),
            preexec_fn=die_with_parent,
        )
        self._reading = asyncio.create_task(self._read_output(self._child))
        log.info("llama.cpp starts", base=self._name, adapters=len(self._files))
        return self._child

    async def _wait_until_ready(self, child: Process) -> None:
        """Wait for the end of a start, which goes on if the caller leaves: it can take longer."""
        try:
            async with asyncio.timeout_at(self._ready_by):
                while child.returncode is None:
                    with contextlib.suppress(Unavailable):
                        answer = await self._client.fetch(f"{self._url}/health", None)
                        if answer.status == _OK:
                            self._is_ready = True
                            return
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            await self._stop_child()
            raise Unavailable(f"{COMMAND} was not ready after {START_S:.0f} s.") from error
        # Each adapter can be the reason: it is loaded again only when it is asked for.
        self._files = []
        await self._drain_output()
        output = " ".join(self._output.decode(errors="replace").split())
        raise Unavailable(f"llama-server ended with {child.returncode} at its start: {output}")

    async def _read_output(self, child: Process) -> None:
        """Drain the child's output; keep its end for error messages."""
        while child.stdout is not None and (piece := await child.stdout.read(_PIECE)):
            self._output = (self._output + piece)[-_OUTPUT_TAIL:]

    async def stop(self) -> None:
        """Stop the child."""
        async with self._lock:
            await self._stop_child()

    async def _stop_child(self) -> None:
        child = self._child
        if child is None:
            return
        # New requests must not use it.
        self._url = ""
        if child.returncode is None:
            child.terminate()
            try:
                await asyncio.wait_for(child.wait(), STOP_S)
            except TimeoutError:
                # It may have ended at the same moment.
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        await self._drain_output()
        # Only now: if a wait above is cancelled, the next call waits for the child.
        self._child = None

    async def _drain_output(self) -> None:
        """Wait until the output is read completely, which can end after the process."""
        if self._reading is not None:
            await asyncio.wait([self._reading])


def build_command(
    name: str, model: EngineModelConfig, files: Sequence[Path], port: int
) -> list[str]:
    """Return the child's command line. Raises Unavailable if it cannot be started."""
    program = shutil.which(COMMAND)
    if program is None:
        text = f"{COMMAND} is not on the PATH: install llama.cpp, or give the model a `url`."
        raise Unavailable(text)
    if not model.source.endswith(".gguf") or not Path(model.source).is_file():
        text = f"llama.cpp serves .gguf files; the source of {name} is {model.source}."
        raise Unavailable(f"{text} Name such a file, or give the model a `url`.")
    command = [program, "-m", model.source, "--host", "127.0.0.1", "--port", str(port)]
    if model.context:
        command += ["-c", str(model.context)]
    if model.embeddings:
        command += ["--embeddings"]
    if files:
        listed = ",".join(quote_path(str(file)) for file in files)
        command += ["--lora-init-without-apply", "--lora", listed]
    return command


def quote_path(path: str) -> str:
    """Quote a path for the comma-separated list of `--lora`."""
    return '"' + path.replace('"', '""') + '"' if "," in path or '"' in path else path


class LlamaCppBackend(ProxyBackend):
    """The Backend Protocol for one llama.cpp server, the engine's own or one at a `url`."""

    def __init__(
        self, name: str, model: EngineModelConfig, key: str, files: Callable[[], BaseFiles]
    ) -> None:
        """Take a configured model; `files` returns the location of the trained base.

        Without a `url` the model's `source` is the .gguf file to serve.
        """
        key = key if model.url else key or secrets.token_urlsafe()
        super().__init__("llama.cpp", model, key, _NEUTRAL_SAMPLING)
        self._files = files
        self._process = None if model.url else LlamaProcess(name, model, key, self.client)
        # Not of asyncio: the conversion for a caller who has left goes on.
        self._converting = threading.Lock()

    async def find_targets(self, adapter: Adapter | None) -> AsyncGenerator[Target, None]:
        """Yield the server and the scales of all of its adapters."""
        if self._process is None:
            yield await self._build_target(self._url, adapter)
            return
        file = await self._convert_adapter(adapter) if adapter else None
        async with self._process.use_server(file) as url:
            yield await self._build_target(url, adapter)

    async def _build_target(self, url: str, adapter: Adapter | None) -> Target:
        requested = build_file_name(adapter.digest) if adapter else ""
        answer = await self.client.fetch(f"{url}/lora-adapters", None)
        if answer.status != _OK:
            raise answer.to_exception()
        try:
            listed = [PurePosixPath(load["path"]).name for load in json.loads(answer.body)]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Unavailable(
                f"There is no llama.cpp server at {url}: {answer.error_text}"
            ) from error
        self._figures["adapters"] = len(listed)
        if requested and requested not in listed:
            message = (
                f"has no {requested}: convert {adapter.path if adapter else ''} and restart it"
            )
            raise Unavailable(f"llama.cpp at {url} {message}; docs/en/backends.md says how.")
        scales = [
            {"id": number, "scale": 1.0 if name == requested else 0.0}
            for number, name in enumerate(listed)
        ]
        return url, {"lora": scales}

    async def _convert_adapter(self, adapter: Adapter) -> Path:
        """Return the adapter's GGUF file, converting it once; it is stored beside the weights."""
        file = adapter.path / build_file_name(adapter.digest)

        def convert() -> None:
            with self._converting:
                if not file.exists():
                    write_adapter(adapter.path, self._files().folder, file)

        try:
            await asyncio.to_thread(convert)
        except ImportError as error:
            text = "Adapters become GGUF by the package gguf: run make engine in the checkout."
            raise Unavailable(text) from error
        except Inconvertible as error:
            raise Unavailable(f"The adapter cannot become GGUF: {error}.") from error
        return file

    async def close(self) -> None:
        """Close all connections and stop the engine's own server."""
        await super().close()
        if self._process is not None:
            await self._process.stop()
