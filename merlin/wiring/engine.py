"""Wiring of the engine: its settings out of the configuration, and its start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.config import Config, credential
from merlin.wiring.process import observe_process

if TYPE_CHECKING:
    from merlin.config.engine import EngineModelConfig, EngineSettings
    from merlin.engine.clients import Clients


def start_engine(config: Config) -> None:
    """Run the engine until it is told to stop."""
    from merlin.core.server import READY, WATCHDOG, notify
    from merlin.db.connections import require_whole
    from merlin.engine.main import serve

    require_whole(config.state_dir)
    with observe_process(config, "engine"):
        serve(engine_settings(config), partial(notify, READY), partial(notify, WATCHDOG))


def engine_folder(config: Config) -> Path:
    """Return the engine's folder in the state folder."""
    return config.state_dir / "engine"


def engine_settings(config: Config) -> EngineSettings:
    """Return what the engine runs with. Raises ConfigError for a credential that is missing."""
    from merlin.config.engine import EngineSettings

    settings = config.engine
    host, port = settings.address
    return EngineSettings(
        folder=engine_folder(config),
        host=host,
        port=port,
        key=credential(settings.credential),
        pace_s=settings.pace_s,
        language=config.language,
        models=engine_models(config),
        keys={
            name: credential(model.credential)
            for name, model in settings.models.items()
            if model.credential
        },
        training=settings.training,
        answering=settings.answering,
        webhooks={webhook.url: credential(webhook.credential) for webhook in settings.webhooks},
        hearing=settings.hearing.model if settings.hearing else "",
        tls=settings.tls,
    )


def engine_models(config: Config) -> Mapping[str, EngineModelConfig]:
    """Return the bases of `engine.models` by name; what `models` says of one counts more."""
    known = config.base_models
    return {
        name: own.model_copy(update=dict(known[name])) for name, own in config.engine.models.items()
    }


@contextmanager
def clients_of(config: Config) -> Iterator[Clients]:
    """Yield the engine's clients; it may run (it reads their rows at every call), or never have."""
    from merlin.engine.clients import Clients
    from merlin.engine.database import Rows

    place = engine_folder(config)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(Rows(place / "engine.db")) as rows:
        yield Clients(rows)
