"""Composition of the engine process and its settings from the configuration."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.config import Config, credential
from merlin.config.settings import ENGINE_KEY
from merlin.wiring.process import observe_process

if TYPE_CHECKING:
    from merlin.config.engine import EngineSettings


def start_engine(config: Config) -> None:
    """Run the engine until it is stopped."""
    from merlin.db.connections import require_whole

    require_whole(config.state_dir)
    settings = engine_settings(config)  # Names a missing credential: the imports below take time.
    from merlin.core.server import READY, notify, show_alive
    from merlin.engine.main import serve

    with observe_process(config, "engine"):
        serve(settings, partial(notify, READY), show_alive)


def engine_folder(config: Config) -> Path:
    """Return the engine's folder in the state folder."""
    return config.state_dir / "engine"


def engine_settings(config: Config) -> EngineSettings:
    """Return the engine's settings. Raises ConfigError if a credential is missing."""
    from merlin.config.engine import EngineSettings

    settings = config.engine
    host, port = settings.address
    return EngineSettings(
        folder=engine_folder(config),
        host=host,
        port=port,
        key=credential(ENGINE_KEY),
        language=config.language,
        models=settings.models,
        serving=settings.serving,
        training=settings.training,
        answering=settings.answering,
        tls=settings.tls,
    )
