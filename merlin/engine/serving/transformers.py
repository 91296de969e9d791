"""The engine's own backend: one worker process per base, with batching across adapters.

This side never imports torch.
"""

import importlib.util
import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict
from pathlib import Path

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.engine.model_store import read_context
from merlin.engine.serving.base import (
    CHUNK,
    FINISH,
    MEMORY_ADVICE,
    QUESTION,
    Adapter,
    Chunk,
    Finish,
    GenerationRequest,
    Setup,
    Unavailable,
    refuse_json,
)
from merlin.engine.serving.process import ChildServer, RestartPolicy, SlotQueue

NEEDED = ("torch", "transformers", "accelerate", "safetensors")
_PROCESS_FIGURES = ("rows", "adapters", "adapters_read", "resident_bytes")


class TransformersBackend:
    """Serves one base and all of its adapters; must be used from one event loop."""

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
        self._folder = folder
        setup = Setup(
            folder=str(folder),
            context=min(filter(None, (model.context, read_context(folder))), default=0),
            dtype=model.dtype,
            quantised=model.quantised,
            device=settings.device,
            adapters=settings.adapters,
        )
        self._child = ChildServer(
            name=name,
            command=("merlin.engine.serving.worker", json.dumps(asdict(setup))),
            log=log,
            queue=SlotQueue(settings.at_once, settings.waiting),
            idle_s=settings.idle_s,
            restarts=RestartPolicy(name, MEMORY_ADVICE),
            check=self._check,
        )
        self._tokens: Counter[str] = Counter(prompt_tokens=0, completion_tokens=0)

    async def ask(
        self, adapter: Adapter | None, request: GenerationRequest
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """Yield chunks and a Finish at the end; see Backend."""
        refuse_json(request)
        question = QUESTION.dump_python((adapter, request), mode="json")
        async with self._child.ask({"ask": 0, "question": question}) as lines:
            async for line in lines:
                if "piece" in line:
                    yield CHUNK.validate_python(line)
                if "end" in line:
                    finish = FINISH.validate_python(line)
                    self._tokens["prompt_tokens"] += finish.prompt_tokens
                    self._tokens["completion_tokens"] += finish.completion_tokens
                    yield finish

    def figures(self) -> Mapping[str, float]:
        """Return the figures; `rows` are those in the batch, `adapters` those in the cache."""
        of_process, queue = self._child.figures, self._child.queue
        return {
            "running": queue.running,
            "waiting": queue.waiting,
            **self._tokens,
            "restarts": self._child.restarts.restarts,
            **{name: of_process.get(name, 0) for name in _PROCESS_FIGURES},
        }

    async def close(self) -> None:
        """Stop the process; pending requests get Unavailable."""
        await self._child.close()

    def _check(self) -> None:
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise Unavailable(
                f"{self._name} needs {', '.join(missing)}: run make engine in the checkout,"
                " for services sudo make install EXTRA=engine"
            )
        if not (self._folder / "config.json").is_file():
            raise Unavailable(
                f"the files of {self._name} are not here: merlin engine models pull {self._name}"
            )
