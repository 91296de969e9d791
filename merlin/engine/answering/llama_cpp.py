"""llama.cpp's server behind the engine: a GGUF base, adapters converted to GGUF.

The server takes adapters at its start alone and lists them; a question names those it wants by
their number, with a scale. So there are two ways. Without a `url` the engine keeps a
`llama-server` of its own and starts it again, once it is idle, when an adapter is asked for that
it has not (`llama_process`). With a `url` a server runs elsewhere, and answers with the adapters
that whoever started it gave it: files named merlin-<digest12>.gguf.

Source: ggml-org/llama.cpp 0c1e570, tools/server/README.md and server-context.cpp. A question that
names no adapter gets the server's own scales, so each question names all of them. The server's
global scales (`POST /lora-adapters`) are left alone: they disturb running answers
(ggml-org/llama.cpp#10374).
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Callable
from pathlib import Path, PurePosixPath

from merlin.engine.answering.asking import Adapter, Unavailable
from merlin.engine.answering.gguf_adapter import Inconvertible, file_name, write_adapter
from merlin.engine.answering.llama_process import LlamaProcess
from merlin.engine.answering.proxied import Calls, Proxied, Target
from merlin.engine.settings import ModelSettings
from merlin.engine.trainers import BaseFiles

_OK = 200
# What llama-server would add by itself: an answer is sampled as the question says, no more.
_AS_ASKED = {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}


class LlamaCppBackend(Proxied):
    """The Backend Protocol for one llama.cpp server, the engine's own or one at a `url`."""

    def __init__(self, model: ModelSettings, key: str, files: Callable[[], BaseFiles]) -> None:
        """Take a model of the config; `files` says where the base that was trained lies.

        Without a `url` the model's `source` is the .gguf file to serve.
        """
        key = key if model.url else key or secrets.token_urlsafe()
        calls = Calls("llama.cpp", key)
        super().__init__(calls, _AS_ASKED, can_embed=model.is_embedding)
        self._url = model.url.rstrip("/").removesuffix("/v1")
        self._files = files
        self._process = None if model.url else LlamaProcess(model, key, calls)
        self._converting = asyncio.Lock()
        self._count = 0

    @property
    def adapters(self) -> int:
        """Return how many adapters the server had when it was last asked."""
        return self._count

    async def target(self, adapter: Adapter | None) -> AsyncGenerator[Target, None]:
        """Yield the server, and the scale of every adapter that it holds."""
        if self._process is None:
            yield await self._at(self._url, adapter)
            return
        file = await self._converted(adapter) if adapter else None
        async with self._process.serving(file) as url:
            yield await self._at(url, adapter)

    async def _at(self, url: str, adapter: Adapter | None) -> Target:
        wanted = file_name(adapter.digest) if adapter else ""
        listed = await self._listed(url)
        if wanted and wanted not in listed:
            words = f"has no {wanted}: convert {adapter.path if adapter else ''} and start it anew"
            raise Unavailable(f"llama.cpp at {url} {words}; docs/en/backends.md says how.")
        scales = [
            {"id": number, "scale": 1.0 if name == wanted else 0.0}
            for number, name in enumerate(listed)
        ]
        return Target(url, {"lora": scales})

    async def _listed(self, url: str) -> list[str]:
        answer = await self.calls.json(f"{url}/lora-adapters", None)
        if answer.status != _OK:
            raise answer.refusal()
        try:
            names = [PurePosixPath(each["path"]).name for each in json.loads(answer.body)]
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"There is no llama.cpp server at {url}: {answer.words}") from error
        self._count = len(names)
        return names

    async def _converted(self, adapter: Adapter) -> Path:
        """Return the adapter as GGUF; it lies beside its weights and goes with them."""
        file = adapter.path / file_name(adapter.digest)
        async with self._converting:
            if not file.exists():
                await asyncio.to_thread(self._convert, adapter, file)
        return file

    def _convert(self, adapter: Adapter, file: Path) -> None:
        try:
            write_adapter(adapter.path, self._files().folder, file)
        except ImportError as error:
            text = "Adapters become GGUF by the package gguf: run make engine in the checkout."
            raise Unavailable(text) from error
        except Inconvertible as error:
            raise Unavailable(f"The adapter cannot become GGUF: {error}.") from error

    async def close(self) -> None:
        """Let all connections go, and end the engine's own server."""
        await super().close()
        if self._process is not None:
            await self._process.stop()
