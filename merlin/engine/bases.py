"""Bases: the models that jobs may start from, by name. `recall` is first and always there.

A base says how it is trained and who answers for it; the rest of the engine asks no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from merlin.engine.serving.base import Backend
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.settings import EngineSettings, ModelSettings
from merlin.engine.trainers.base import DPO, SUPERVISED, BaseFiles, Trainer
from merlin.engine.trainers.lora.trainer import LoraTrainer
from merlin.engine.trainers.recall import RecallTrainer

RECALL = "recall"
# When `recall` was first shipped: 2026-11-20, in seconds since 1970.
RECALL_CREATED = 1_795_132_800


@dataclass(frozen=True, slots=True)
class Base:
    """One base model.

    `files` returns where it lies, None for one that needs no files; it raises Untrainable where
    they are missing. `backend` makes who answers. `context` is the window in tokens.
    """

    name: str
    trainer: Trainer
    methods: Sequence[str]
    backend: Callable[[], Backend]
    context: int
    files: Callable[[], BaseFiles | None] = lambda: None
    is_heavy: bool = False
    sunset: date | None = None


Bases = Mapping[str, Base]


def bases_of(settings: EngineSettings) -> Bases:
    """Return every base of an engine, `recall` first."""
    recall = Base(
        RECALL,
        RecallTrainer(),
        (SUPERVISED,),
        lambda: RecallBackend(settings.language),
        RecallBackend.context,
    )
    models = [_language_model(settings, model) for model in settings.models]
    return {base.name: base for base in (recall, *models)}


def _language_model(settings: EngineSettings, model: ModelSettings) -> Base:
    def files() -> BaseFiles:
        from merlin.engine.model_store.store import folder_of  # noqa: PLC0415 - knows hub and formats

        folder = folder_of(model, settings.folder / "bases")
        return BaseFiles(folder, model.dtype, model.quantised, model.training_example)

    return Base(
        name=model.name,
        trainer=LoraTrainer(),
        methods=(SUPERVISED, DPO),
        backend=lambda: _backend(settings, model, files),
        context=model.context,
        files=files,
        is_heavy=True,
        sunset=model.sunset,
    )


def _backend(
    settings: EngineSettings, model: ModelSettings, files: Callable[[], BaseFiles]
) -> Backend:
    if model.backend == "vllm":
        from merlin.engine.serving.vllm import VllmBackend  # noqa: PLC0415 - one of three

        return VllmBackend(model, model.key)
    if model.backend == "llama.cpp":
        from merlin.engine.serving.llama_cpp import LlamaCppBackend  # noqa: PLC0415 - as above

        return LlamaCppBackend(model, model.key, files)
    from merlin.engine.serving.transformers import TransformersBackend  # noqa: PLC0415 - as above

    log = settings.folder / "logs" / f"answering-{model.name}.log"
    return TransformersBackend(model, files().folder, settings.answering, log)
