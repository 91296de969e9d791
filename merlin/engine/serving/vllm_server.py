"""One `vllm serve`: started by the engine with the first question, watched, and started again.

vLLM lives in an environment of its own: its newest release wants other versions of transformers,
fastapi and torch than Merlin's engine (vllm 0.33: transformers < 5.21, fastapi < 0.137).

Sources: vllm-project/vllm 0.32.0 and 0.33.0, engine/arg_utils.py (options), config/model.py
(logprobs_mode), entrypoints/serve/instrumentator.
"""

import asyncio
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig, select_dtype
from merlin.core.errors import ProviderError
from merlin.core.log import get_logger
from merlin.core.server import free_ports
from merlin.engine.architectures import find_architecture
from merlin.engine.chat_template import write_adapted
from merlin.engine.child_process import ProcessGroup, build_other_environment
from merlin.engine.model_store import find_program
from merlin.engine.serving.base import Unavailable, ended_error
from merlin.openai_protocol.client import ProtocolClient, call_errors

log = get_logger(__name__)

# The oldest version whose protocol this is, and the newest that was run (docs/adr/0045).
_OLDEST = (0, 26)
_NEWEST_TRIED = (0, 32)
_POLL_S = 0.5
_HEALTH_S = 5.0
_STOP_S = 20.0
# Loading a large base and compiling its kernels.
_START_S = 1800.0
# The proof needs the probabilities before the mask of allowed tokens: after it each is 1.
_NEEDED = ("--logprobs-mode", "raw_logprobs")


class VllmServer:
    """The server of one base; must be used from one event loop.

    `starts` counts the processes: adapters are loaded into one of them.
    """

    # Before the start that follows the first, second … end in a row, in seconds: a start takes a
    # minute of all cores, and what ended the server may do so again.
    pauses_s: Sequence[float] = (0.0, 5.0, 30.0, 120.0, 600.0)
    # A server that has lived as long did not end in a row, in seconds.
    steady_s = 600.0

    def __init__(
        self,
        name: str,
        model: EngineModelConfig,
        folder: Path,
        settings: EngineAnsweringConfig,
        log: Path,
    ) -> None:
        """Take a base's settings and its folder; the server's output goes to `log`."""
        self._name = name
        self._model = model
        self._folder = folder
        self._log = log
        self._settings = settings
        self.starts = 0
        self._lock = asyncio.Lock()
        self._process: ProcessGroup | None = None
        self._client: ProtocolClient | None = None
        self.is_ready = False
        self._started_at = self._not_before = 0.0
        self._ends = 0

    async def get_client(self) -> ProtocolClient:
        """Return the client of a server that is ready, starting it if needed.

        Raises Unavailable, with the seconds to wait while a start is put off.
        """
        async with self._lock:
            self._note_end()
            if self._process is None:
                await self._start()
            if not self.is_ready:
                await self._wait_until_ready()
                self.is_ready = True
        return self._require_client()

    async def has_died(self) -> bool:
        """Return whether the server has ended, once that is clear: its parts end one by one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                while self._process and self._process.poll() is None:
                    if await self._is_healthy():
                        return False
                    await asyncio.sleep(_POLL_S)
        return True

    async def restart(self, client: ProtocolClient) -> None:
        """Stop the server of this client; the next question starts another one."""
        if self._process and self._client is client:
            await self._process.stop(_STOP_S)

    async def close(self) -> None:
        """Stop the server with its processes."""
        if self._client:
            await self._client.aclose()
        if self._process:
            await self._process.stop(_STOP_S)

    def _note_end(self) -> None:
        """Forget a process that has ended; the pause before the next grows with each in a row."""
        if self._process is None or self._process.poll() is None:
            return
        now = time.monotonic()
        self._ends = 1 if now - self._started_at > self.steady_s else self._ends + 1
        self._not_before = now + self.pauses_s[min(self._ends, len(self.pauses_s)) - 1]
        self._process = None

    async def _start(self) -> None:
        wait_s = self._not_before - time.monotonic()
        if wait_s > 0:
            message = (
                f"vLLM of {self._name} has ended {self._ends} times in a row; its log"
            )
            raise Unavailable(f"{message} ({self._log}) says why", retry_after_s=wait_s)
        command = self._find_command()
        (port,) = free_ports(1)
        key = secrets.token_hex(16)
        if self._client:
            await self._client.aclose()
        self._client = ProtocolClient(f"http://127.0.0.1:{port}", key)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        own = {"VLLM_API_KEY": key, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
        own["VLLM_NO_USAGE_STATS"] = "1"  # it would tell its makers of each start
        if number := self._settings.device.partition("cuda:")[2]:
            own["CUDA_VISIBLE_DEVICES"] = number
        template = self._log.with_suffix(".jinja")
        is_adapted = await asyncio.to_thread(write_adapted, self._folder, template)
        options = ["--chat-template", str(template)] if is_adapted else []
        if known := find_architecture(self._folder):
            # Without it vLLM wraps the head too, and a call for `prompt_logprobs` ends it.
            options += [*known.vllm, "--lora-target-modules", *known.modules]
        arguments = self._build_command(command, port, options)
        self._process = ProcessGroup(
            arguments, build_other_environment(**own), self._log
        )
        self._watching = asyncio.create_task(self._watch(self._process))
        self.is_ready = False
        self._started_at = time.monotonic()
        self.starts += 1
        log.info("vLLM starts", base=self._name, pid=self._process.pid, port=port)

    async def _watch(self, process: ProcessGroup) -> None:
        """End what is left of the server as soon as it has ended, though nobody asks."""
        await process.wait()
        log.info("vLLM has ended", base=self._name, code=process.poll())

    def _find_command(self) -> str:
        """Return the program. Raises Unavailable that says how to install it."""
        command = self._settings.vllm_command
        found = find_program(command)
        if found is None:
            raise Unavailable(
                f"{self._name} needs vLLM (engine.serving), and there is no program {command}:"
                " install it into an environment of its own (python3 -m venv vllm &&"
                " vllm/bin/pip install vllm), and name its program in the configuration"
                " (engine.answering.vllm_command: /path/to/vllm/bin/vllm)"
            )
        return found

    def _build_command(
        self, command: str, port: int, options: Sequence[str]
    ) -> list[str]:
        """Return the command line; the options of the configuration win, but for the proof's."""
        setpriv = shutil.which("setpriv")
        dtype = select_dtype(self._model.dtype, self._settings.device)
        return [
            # The kernel ends it when the engine dies, however it does.
            *((setpriv, "--pdeathsig", "TERM") if setpriv else ()),
            *(command, "serve", str(self._folder), "--served-model-name", self._name),
            *("--host", "127.0.0.1", "--port", str(port), "--dtype", dtype),
            *("--enable-lora", "--max-lora-rank", "64"),
            *("--max-loras", "4", "--max-cpu-loras", "20"),
            *(
                ("--max-model-len", str(self._model.context))
                if self._model.context
                else ()
            ),
            *options,
            *self._settings.vllm,
            *_NEEDED,
        ]

    async def _wait_until_ready(self) -> None:
        """Wait until the server is healthy. Raises Unavailable if it ends or is too old."""
        async with asyncio.timeout(_START_S):
            while not await self._is_healthy():
                code = self._process.poll() if self._process else None
                if code is not None:
                    raise ended_error(self._name, code)
                await asyncio.sleep(_POLL_S)
        told = await self._require_client().json("/version", None, _HEALTH_S)
        found = str(told.get("version", "of no version"))
        self._check_version(found)
        log.info("vLLM is ready", base=self._name, version=found)

    def _check_version(self, found: str) -> None:
        """Raise Unavailable for a version that is too old; note one that nobody has tried."""
        numbers = re.match(r"(\d+)\.(\d+)", found)
        version = tuple(map(int, numbers.groups())) if numbers else ()
        if version < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            pip = Path(self._find_command()).with_name("pip")
            raise Unavailable(
                f"vLLM {found} is older than {oldest}: {pip} install --upgrade vllm"
            )
        if version > _NEWEST_TRIED:
            tried = ".".join(map(str, _NEWEST_TRIED))
            log.info(
                "this vLLM is newer than those that were tried",
                version=found,
                tried=tried,
            )

    async def _is_healthy(self) -> bool:
        with suppress(ProviderError), call_errors():
            async with self._require_client().send(
                "/health", None, _HEALTH_S, _HEALTH_S
            ):
                return True
        return False

    def _require_client(self) -> ProtocolClient:
        assert self._client is not None  # noqa: S101 - set by `_start`
        return self._client
