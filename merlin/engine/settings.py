"""What the engine needs to run, filled in by wiring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from merlin.core.errors import ConfigError
from merlin.core.loopback import is_loopback


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One engine: its folder, its address, who may call, how it speaks.

    `key` is the bearer key of every /v1 call; "" checks nothing and is allowed on loopback only.
    `pace_s` is waited between a job's states. `language` is that of "I do not know" and of what
    a trainer remarks; the protocol's own words are English.
    """

    folder: Path
    host: str
    port: int
    key: str
    pace_s: float = 0.0
    language: str = "ru"

    def check(self) -> None:
        """Raise ConfigError where the engine would be open to everybody, or the pace is no time."""
        if not self.key and not is_loopback(self.host):
            raise ConfigError(
                f"engine.credential: without a key the engine may listen on 127.0.0.1 only,"
                f" not on {self.host}; set MERLIN_ENGINE_KEY"
            )
        if not 0 <= self.pace_s < float("inf"):
            raise ConfigError("engine.pace_s: must be 0 or a number of seconds above it")
