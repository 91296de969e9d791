"""What the engine needs to run, filled in by wiring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from merlin.config.engine import EngineAnsweringConfig, EngineTrainingConfig
from merlin.core.errors import ConfigError
from merlin.core.loopback import is_loopback

CPU = "cpu"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One base model of `engine.models`.

    `source` is a folder, a .gguf file, or a hub id (`owner/name`, at `revision`); `backend` is who
    answers ("transformers", "vllm", "llama.cpp"), the last two at `url`, with `key` where they
    want one. `dtype` and `quantised` are for training and for our own backend.
    """

    name: str
    source: str
    revision: str = "main"
    licence: str = ""
    backend: str = "transformers"
    url: str = ""
    key: str = field(default="", repr=False)
    context: int = 0
    training_example: int = 0
    dtype: str = "auto"
    quantised: str = "none"
    is_embedding: bool = False
    sunset: date | None = None


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One engine: its folder, its address, who may call, how it speaks.

    `key` is the bearer key of every /v1 call; "" checks nothing and is allowed on loopback only.
    `pace_s` is waited between a job's states. `language` is that of "I do not know" and of what
    a trainer remarks; the protocol's own words are English. `hearing` is the Whisper model that
    writes speech down, "" for none. `webhooks` are addresses that hear of jobs that ended, each
    with the secret that signs (`whsec_…`).
    """

    folder: Path
    host: str
    port: int
    key: str = field(repr=False)
    pace_s: float = 0.0
    language: str = "ru"
    models: Sequence[ModelSettings] = ()
    training: EngineTrainingConfig = field(default_factory=EngineTrainingConfig)
    answering: EngineAnsweringConfig = field(default_factory=EngineAnsweringConfig)
    webhooks: Mapping[str, str] = field(default_factory=dict, repr=False)
    hearing: str = ""

    def check(self) -> None:
        """Raise ConfigError where the engine would be open to everybody, or the pace is no time."""
        if not self.key and not is_loopback(self.host):
            raise ConfigError(
                f"engine.credential: without a key the engine may listen on 127.0.0.1 only,"
                f" not on {self.host}; set MERLIN_ENGINE_KEY"
            )
        if not 0 <= self.pace_s < float("inf"):
            raise ConfigError("engine.pace_s: must be 0 or a number of seconds above it")
