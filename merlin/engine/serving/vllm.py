"""vLLM behind the engine: its OpenAI server answers, our adapters are loaded into it by digest.

vLLM runs by itself, with `--enable-lora` and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, and sees the
engine's folder under the same path. An adapter's name is made of its digest, so one name never
means two adapters: vLLM serves stale cache where one is loaded anew under an old name
(vllm-project/vllm#42125, #44939). Beyond --max-cpu-loras vLLM itself puts away what was asked
longest ago, and reads it again from its folder when it is asked.

Source: vllm-project/vllm 0.33.0, entrypoints/serve/lora/api_router.py,
entrypoints/openai/models/serving.py, lora/worker_manager.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from merlin.core.log import get_logger
from merlin.engine.serving.base import Adapter, Unavailable
from merlin.engine.serving.proxy import Answer, Calls, ProxyBackend, Target
from merlin.engine.settings import ModelSettings

log = get_logger(__name__)

_OK, _MISSING = 200, 404
_LOADED = "already been loaded"
# What its generation_config.json would add: an answer is sampled as the question says, no more.
_AS_ASKED = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
_HOW = "start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"


class VllmBackend(ProxyBackend):
    """The Backend Protocol for one vLLM server."""

    def __init__(self, model: ModelSettings, key: str) -> None:
        """Take a model of the config with the server's `url`; `key` "" for a server without."""
        super().__init__(Calls("vLLM", key), _AS_ASKED, can_embed=model.is_embedding)
        self._url = model.url.rstrip("/").removesuffix("/v1")
        # By name, the one asked longest ago first.
        self._loaded: dict[str, None] = {}
        self._in_use: Counter[str] = Counter()
        self._loading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def adapters(self) -> int:
        """Return how many adapters this engine has loaded."""
        return len(self._loaded)

    async def target(self, adapter: Adapter | None) -> AsyncGenerator[Target, None]:
        """Yield the server and the adapter's name; a second time after it was loaded anew.

        Without a `model` vLLM asks its base, whatever name that has.
        """
        if adapter is None:
            yield Target(self._url, {})
            return
        name = name_of(adapter)
        async with self._used(name):
            for _ in range(2):
                await self._load(name, adapter)
                yield Target(self._url, {"model": name})
                # vLLM was started again since: it has forgotten what it was told.
                self._loaded.pop(name, None)

    @asynccontextmanager
    async def _used(self, name: str) -> AsyncIterator[None]:
        self._in_use[name] += 1
        try:
            yield
        finally:
            self._in_use[name] -= 1

    async def _load(self, name: str, adapter: Adapter) -> None:
        async with self._loading[name]:
            if name not in self._loaded:
                await self._load_now(name, adapter)
            # Said again, it is the last one to go.
            self._loaded.pop(name, None)
            self._loaded[name] = None

    async def _load_now(self, name: str, adapter: Adapter) -> None:
        answer = await self._told_to_load(name, adapter)
        while not _is_there(answer) and await self._made_room(answer):
            answer = await self._told_to_load(name, adapter)
        if not _is_there(answer):
            raise _unloadable(answer, adapter)

    async def _told_to_load(self, name: str, adapter: Adapter) -> Answer:
        body: dict[str, object] = {"lora_name": name, "lora_path": str(adapter.path.resolve())}
        return await self.calls.json(f"{self._url}/v1/load_lora_adapter", body)

    async def _made_room(self, answer: Answer) -> bool:
        """Unload the idle adapter asked longest ago, if that is what the refusal is about."""
        idle = [name for name in self._loaded if not self._in_use[name]]
        if not idle or not _is_full(answer):
            return False
        body: dict[str, object] = {"lora_name": idle[0]}
        await self.calls.json(f"{self._url}/v1/unload_lora_adapter", body)
        self._loaded.pop(idle[0], None)
        log.info("vLLM lets an adapter go", adapter=idle[0])
        return True


def name_of(adapter: Adapter) -> str:
    """Return the name that an adapter has in another server."""
    return f"merlin-{adapter.digest[:12]}"


def _is_there(answer: Answer) -> bool:
    return answer.status == _OK or _LOADED in answer.words


def _is_full(answer: Answer) -> bool:
    words = answer.words.lower()
    return any(mark in words for mark in ("max_loras", "max_cpu_loras", "slot", "out of memory"))


def _unloadable(answer: Answer, adapter: Adapter) -> Unavailable:
    if answer.status != _MISSING:
        return Unavailable(f"vLLM cannot load the adapter: {answer.words}")
    if b'"error"' not in answer.body:
        return Unavailable(f"vLLM at {answer.url} loads no adapters: {_HOW}.")
    words = f"it must see the engine's folder under the same path: {adapter.path}"
    return Unavailable(f"vLLM finds no adapter: {words}")
