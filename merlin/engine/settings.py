"""What the engine needs to run, filled in by wiring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig, EngineTrainingConfig
from merlin.core.errors import ConfigError
from merlin.core.loopback import is_loopback

CPU = "cpu"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One engine: its folder, its address, who may call, how it speaks.

    `key` is the bearer key of every /v1 call; "" checks nothing and is allowed on loopback only.
    `pace_s` is waited between a job's states. `language` is that of "I do not know" and of what
    a trainer remarks; the protocol's own words are English. `models` are the bases by name, `keys`
    those of the servers that answer for some of them. `hearing` is the Whisper model that writes
    speech down, "" for none. `webhooks` are addresses that hear of jobs that ended, each with the
    secret that signs (`whsec_…`).
    """

    folder: Path
    host: str
    port: int
    key: str = field(repr=False)
    pace_s: float = 0.0
    language: str = "ru"
    models: Mapping[str, EngineModelConfig] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
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
