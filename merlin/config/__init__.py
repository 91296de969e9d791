"""config.yaml as frozen values: read once at start, every error told at once.

The shape is judged by `config.schema.yaml`; addresses are judged here. Credentials never
stand in the file: it names environment variables, and `credential` reads them, `NAME_FILE`
or systemd's credentials folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from merlin.account.retention import Retention, read_retention
from merlin.billing.answer_caps import AnswerCaps
from merlin.billing.plan import Plan, read_plans
from merlin.billing.selling import Selling, plan_faults, read_selling, shop_faults
from merlin.chat.media import MediaLimits, read_limits
from merlin.chat.preset import Preset, read_presets
from merlin.config.engine import EngineConfig, read_engine, told_models
from merlin.config.faults import in_file, judged, wrong
from merlin.config.meaning import unmeant
from merlin.core.errors import ConfigError
from merlin.core.listening import Listening, read_listening
from merlin.core.log import hide_secrets
from merlin.core.money import MICRO, Price
from merlin.training.sunset import Reliance

DEFAULT_CREDENTIALS = {"engine": "MERLIN_ENGINE_KEY"}


@dataclass(frozen=True, slots=True)
class RepositoryConfig:
    """The git repository of datasets."""

    url: str
    branch: str = "main"
    directory: str = "datasets"
    interval_s: float = 30.0
    push: bool = False


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What is known of a base model; None where nothing is."""

    price: Price | None = None
    context: int | None = None
    training_example: int | None = None
    sunset: date | None = None


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One service of the OpenAI protocol."""

    name: str
    base_url: str
    credential: str
    model: str | None = None
    dialect: Literal["openai", "toplevel"] = "openai"
    prices: Mapping[str, Price] = field(default_factory=dict)
    active_jobs: int = 1
    settle_s: float = 60.0
    poll_s: float = 10.0


@dataclass(frozen=True, slots=True)
class TelegramConfig:
    """The bot's side of Telegram; a limit of 0 means none."""

    base_url: str = "https://api.telegram.org"
    mode: str = "polling"
    webhook_url: str = ""
    link_url: str = "https://t.me"
    admins: tuple[int, ...] = ()
    overall_per_s: float = 30.0
    private_per_s: float = 1.0
    group_per_min: float = 20.0


@dataclass(frozen=True, slots=True)
class Config:
    """Everything config.yaml says, with defaults filled in; caps in millionths."""

    state_dir: Path
    database: str
    language: str = "ru"
    timezone: str = "UTC"
    repository: RepositoryConfig | None = None
    providers: tuple[ProviderConfig, ...] = ()
    models: Mapping[str, ModelConfig] = field(default_factory=dict)
    per_job_micro: int | None = None
    per_month_micro: int | None = None
    answer_caps: AnswerCaps = field(default_factory=AnswerCaps)
    telegram: TelegramConfig = field(default_factory=TelegramConfig)
    streaming: str = "edits"
    assistant: Reliance | None = None
    transcription: Reliance | None = None
    vision: Reliance | None = None
    media_limits: MediaLimits = field(default_factory=MediaLimits)
    presets: tuple[Preset, ...] = ()
    default_dataset: str = ""
    plans: tuple[Plan, ...] = ()
    selling: Selling = field(default_factory=Selling)
    retention: Retention = field(default_factory=Retention)
    allows_plain: bool = False
    api: Listening = field(default_factory=Listening)
    engine: EngineConfig = field(default_factory=EngineConfig)
    tick_s: float = 1.0
    quiet_s: float | None = None
    dataset_memory_mb: int = 900

    @property
    def relies_on(self) -> tuple[Reliance, ...]:
        """Return the models that are leaned on as they are, as far as they are named."""
        named = (self.assistant, self.transcription, self.vision)
        presets = (Reliance("preset", *each.model) for each in self.presets if each.model)
        return (*(each for each in named if each is not None), *presets)


def load(path: Path) -> Config:
    """Return the configuration at `path`. Raises ConfigError with every fault found."""
    try:
        written = path.read_text(encoding="utf-8")
    except OSError as error:
        key = "config-absent" if isinstance(error, FileNotFoundError) else "config-unreadable"
        told = {"path": str(path), "reason": error.strerror or str(error)}
        raise ConfigError(f"{path}: {error.strerror}", key, **told) from error
    except UnicodeDecodeError as error:
        raise wrong([{"key": "config-no-utf8", "arguments": {"place": str(path)}}]) from error
    said = judged(path, written)
    try:
        config = _filled(said, path.resolve().parent)
    except ValueError as error:
        raise wrong([in_file(path, str(error))]) from error
    faults = [*unmeant(config), *config.api.faults(), *config.engine.faults()]
    faults += plan_faults(config.plans, config.selling)
    faults += shop_faults(config.selling, config.api.public_url)
    if faults:
        raise wrong([in_file(path, fault) for fault in faults])
    return config


def _filled(said: Mapping[str, Any], base: Path) -> Config:
    state_dir = (base / said["state_dir"]).resolve()
    chat, daemon = said.get("chat", {}), said.get("daemon", {})
    repository = said.get("repository")
    return Config(
        state_dir=state_dir,
        database=said.get("database", f"sqlite:///{state_dir}/merlin.db"),
        language=said.get("language", "ru"),
        timezone=said.get("timezone", "UTC"),
        repository=_repository(repository, base) if repository else None,
        providers=tuple(_provider(each) for each in said.get("providers", ())),
        models={name: _model(each) for name, each in told_models(said).items()},
        per_job_micro=_micro(said.get("budget", {}).get("per_job")),
        per_month_micro=_micro(said.get("budget", {}).get("per_month")),
        answer_caps=_answer_caps(said.get("budget", {}).get("answers", {})),
        telegram=_telegram(said.get("telegram", {})),
        streaming=chat.get("streaming", "edits"),
        assistant=_reliance("assistant", chat),
        transcription=_reliance("transcription", chat),
        vision=_reliance("vision", chat),
        media_limits=read_limits(chat.get("limits", {})),
        presets=read_presets(chat.get("presets", {})),
        default_dataset=said.get("datasets", {}).get("default", ""),
        plans=read_plans(said.get("plans", {})),
        selling=read_selling(said.get("payments", {})),
        retention=read_retention(said.get("retention", {})),
        allows_plain=said.get("allow_plain_http", False),
        api=read_listening(said.get("api", {}), base),
        engine=read_engine(said.get("engine", {}), base),
        tick_s=daemon.get("tick_s", 1.0),
        quiet_s=daemon.get("quiet_s"),
        dataset_memory_mb=daemon.get("dataset_memory_mb", 900),
    )


def _repository(said: Mapping[str, Any], base: Path) -> RepositoryConfig:
    plain = RepositoryConfig(**said)
    # Neither "scheme://…" nor git's short "host:path": a path on this machine.
    is_local = "://" not in plain.url and ":" not in plain.url.split("/")[0]
    return replace(plain, url=str((base / plain.url).resolve())) if is_local else plain


def _provider(said: Mapping[str, Any]) -> ProviderConfig:
    name = said["name"]
    return ProviderConfig(
        name=name,
        base_url=said["base_url"],
        credential=said.get("credential", DEFAULT_CREDENTIALS.get(name, "OPENAI_API_KEY")),
        model=said.get("model"),
        dialect=said.get("dialect", "openai"),
        prices={model: _price(each) for model, each in said.get("prices", {}).items()},
        active_jobs=said.get("limits", {}).get("active_jobs", 1),
        settle_s=said.get("settle_s", 60.0),
        poll_s=said.get("poll_s", 10.0),
    )


def _model(said: Mapping[str, Any]) -> ModelConfig:
    return ModelConfig(
        price=_price(said["price"]) if "price" in said else None,
        context=said.get("context"),
        training_example=said.get("training_example"),
        sunset=date.fromisoformat(said["sunset"]) if "sunset" in said else None,
    )


def _price(said: Mapping[str, Any]) -> Price:
    return Price(
        currency=said.get("currency", "USD"),
        input_micro=round(said["input"] * MICRO),
        cached_input_micro=round(said.get("cached_input", said["input"]) * MICRO),
        output_micro=round(said["output"] * MICRO),
        training_micro=round(said["training"] * MICRO),
    )


def _reliance(purpose: str, chat: Mapping[str, Any]) -> Reliance | None:
    said = chat.get(purpose)
    return Reliance(purpose, said["provider"], said["model"]) if said else None


def _micro(amount: float | None) -> int | None:
    return None if amount is None else round(amount * MICRO)


def _answer_caps(said: Mapping[str, Any]) -> AnswerCaps:
    return AnswerCaps(_micro(said.get("per_day")), _micro(said.get("per_person_per_day")))


def _telegram(said: Mapping[str, Any]) -> TelegramConfig:
    plain = {key: value for key, value in said.items() if key not in ("limits", "admins")}
    return TelegramConfig(**plain, admins=tuple(said.get("admins", ())), **said.get("limits", {}))


def credential(name: str, *, is_needed: bool = True) -> str:
    """Return the secret `name` from the environment, `NAME_FILE`, or systemd's folder.

    Every secret read is taken out of the logs from then on. Raises ConfigError naming the
    variable, never its value, when it is needed and nowhere to be found.
    """
    value = os.environ.get(name) or _from_file(name)
    if not value and is_needed:
        raise ConfigError(
            f"credential {name} is missing: set it, or {name}_FILE", "credential-missing", name=name
        )
    hide_secrets([value])
    return value


def _from_file(name: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    places = [os.environ.get(f"{name}_FILE"), f"{folder}/{name}" if folder else None]
    for place in filter(None, places):
        # Closed to us: an operator's own account asks for what services alone are given.
        with suppress(PermissionError):
            if Path(place).is_file():
                return Path(place).read_text(encoding="utf-8").strip()
    return ""
