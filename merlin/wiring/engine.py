"""Composition of the engine process and its settings from the configuration."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from merlin.config import Config, schema
from merlin.config.credentials import credential
from merlin.config.engine import RECALL
from merlin.config.faults import config_error, list_schema_faults, locate
from merlin.config.settings import ENGINE_KEY
from merlin.core.durable_files import write_durably
from merlin.core.errors import Refused
from merlin.wiring.process import observe_process

if TYPE_CHECKING:
    from merlin.config.engine import EngineSettings


def start_engine(
    config: Config,
    on_ready: Callable[[], object] = lambda: None,
    place: str = "engine.listen",
) -> None:
    """Run the engine until it is stopped; call `on_ready` when it accepts connections.

    `place` is where its address is set, for the error of one that is in use.
    """
    from merlin.db.connections import require_whole

    require_whole(config.state_dir)
    settings = engine_settings(
        config
    )  # Names a missing credential: the imports below take time.
    from merlin.core.server import READY, notify, show_alive
    from merlin.engine.main import serve

    def show_ready() -> None:
        notify(READY)
        on_ready()

    with observe_process(config, "engine"):
        serve(settings, show_ready, show_alive, place)


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


def find_lone_folder() -> Path:
    """Return the state folder of an engine without a configuration.

    Source: XDG Base Directory Specification, XDG_DATA_HOME.
    """
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data, "merlin-engine")


def build_lone_config(
    state: Path, language: str, model: str, listen: str, device: str
) -> Config:
    """Return the configuration of an engine that has no file with one.

    `model` is the folder of a base model or its name at the hub, "" or "recall" for `recall` alone,
    which is always there; `listen` is host:port. Raises ConfigError for an invalid value, Refused
    for a folder that is not there.
    """
    if model == RECALL and not Path(model).is_dir():
        model = ""
    document = {
        "state_dir": str(state.absolute()),
        "language": language,
        "engine": {
            "listen": listen,
            "models": {_name_of(model): _source_of(model)} if model else {},
            "training": {"device": device},
            "answering": {"device": device},
        },
    }
    try:
        return Config.model_validate(document, context={"base": Path.cwd()})
    except ValidationError as error:
        found = list_schema_faults(error, schema())
        raise config_error(locate(Path("merlin engine"), None, found)) from error


def _name_of(model: str) -> str:
    """Return the name for recipes and calls: the last part, without what no name may have."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).resolve().name).strip("._-")[
        :64
    ]
    return "base" if name in ("", RECALL) else name


def _source_of(model: str) -> dict[str, str]:
    """Return a base model's `path` or `hub`: a folder that is there comes before the hub."""
    folder = Path(model).expanduser()
    is_hub_name = re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", model)
    if is_hub_name and not folder.is_dir():
        return {"hub": model}
    if not folder.is_dir():
        raise Refused(f"{model} is neither", "engine-lone-no-model", model=model)
    return {"path": str(folder.absolute())}


def prepare_lone_key(state: Path) -> str:
    """Set the engine's key in the environment, unless it is there; return the key.

    It is kept in `engine.key` of the state folder, made at the first start. Raises OSError.
    """
    path = state / "engine.key"
    key = credential(ENGINE_KEY, is_needed=False)
    if not key and path.exists():
        key = path.read_text("ascii", "replace").strip()
    if not key:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Some clients of the protocol refuse a key that does not begin so.
        key = f"sk-merlin-{secrets.token_urlsafe(24)}"
        write_durably(path, lambda part: _write_secret(part, key))
    os.environ[ENGINE_KEY] = key
    return key


def _write_secret(path: Path, secret: str) -> None:
    path.touch(0o600)
    path.write_text(f"{secret}\n", "ascii")
