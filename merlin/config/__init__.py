"""Everything that config.yaml says.

What a key may be stands in `settings`, `engine` and `shop`, what several keys cannot mean together
in `conflicts`. `reading` reads the file, `credentials` the secrets that it names.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator

from merlin.config.engine import EngineConfig
from merlin.config.section import (
    ConfigSchema,
    Folder,
    Many,
    Opt,
    Section,
    Table,
    Zone,
    check_port,
    setting,
    wrong,
    wrong_form,
)
from merlin.config.settings import (
    DATABASE_PASSWORD,
    ENGINE_KEY,
    ApiConfig,
    BudgetConfig,
    ChatConfig,
    DaemonConfig,
    DatasetsConfig,
    ModelChoice,
    ModelConfig,
    PriceConfig,
    ProviderConfig,
    RepositoryConfig,
    Retention,
    TelegramConfig,
)
from merlin.config.shop import PaymentsConfig, Plan, PlanName
from merlin.core.errors import ConfigError, NotFound
from merlin.core.money import Price
from merlin.core.network import is_loopback
from merlin.core.repository_place import CONTROL

# By this header the api says which installation it belongs to (`installation_id`).
INSTALLATION_HEADER = "Merlin-Installation"


def _database(url: str) -> str:
    """Return the address of a database. Raises PydanticCustomError.

    Of PostgreSQL's the password is refused; several hosts may stand in it, each with a port.
    """
    parts = urlsplit(url)
    if (
        parts.scheme == "sqlite"
        and url.startswith("sqlite:///")
        and parts.path.strip("/")
    ):
        is_right = parts.path != "/:memory:" and not (parts.query or parts.fragment)
    else:
        is_right = parts.scheme == "postgresql" and url.startswith("postgresql://")
        parameters = dict(parse_qsl(parts.query))
        login, _, places = parts.netloc.rpartition("@")
        if ":" in login or "password" in parameters:
            raise wrong("config-login-in-url", name=DATABASE_PASSWORD)
        check_port(places)
        check_port(f":{parameters.get('port', '')}".replace(",", ",:"))
    if not is_right or CONTROL.search(url):
        raise wrong_form(url)
    return url


class Config(Section):
    """Everything that config.yaml says."""

    state_dir: Folder = setting(
        "Folder for everything Merlin stores (database, mirror, builds, engine). A relative"
        " path starts from this file's folder.",
        "/var/lib/merlin",
    )
    database: Annotated[str, AfterValidator(_database)] = setting(
        "Where rows are stored: `sqlite:///PATH` or"
        " `postgresql://USER@HOST/NAME?sslmode=verify-full`. Default: `merlin.db` in"
        " `state_dir`.",
        "postgresql://merlin@db.example.com/merlin?sslmode=verify-full",
        default_factory=lambda values: f"sqlite:///{values['state_dir']}/merlin.db",
    )
    language: Literal["ru", "en"] = setting(
        "Language of commands, of answers to programs that name none, of notifications to people"
        " whose language is unknown, and of the engine.",
        default="ru",
    )
    timezone: Zone = setting(
        "The time zone whose midnight starts a new day for people who chose none; an IANA"
        " name such as `Europe/Moscow`.",
        "Europe/Moscow",
        default="UTC",
    )
    backups: Literal["merlin", "elsewhere"] = setting(
        "`elsewhere`: another program makes them (Litestream, pgBackRest, a managed"
        " database), and no alert asks for Merlin's own.",
        default="merlin",
    )
    encoder: Opt[Folder] = setting(
        "A sentence encoder instead of the built-in one: a folder with `model.onnx` and"
        " `tokenizer.json`. The same for all processes; models of `recall` are trained again.",
        "/srv/models/paraphrase-multilingual-MiniLM-L12-v2",
        default=None,
    )
    allow_plain_http: bool = setting(
        "Allow outside addresses without encryption. Loopback addresses never need it.",
        default=False,
    )
    repository: Opt[RepositoryConfig] = None
    providers: Many[ProviderConfig] = setting(
        "Services of the OpenAI protocol that train or answer; the first is asked first.",
        default_factory=tuple,
    )
    models: Mapping[str, ModelConfig] = setting(
        "Base models, by the exact name in a recipe.", default_factory=dict
    )
    budget: BudgetConfig = BudgetConfig()
    telegram: TelegramConfig = TelegramConfig()
    chat: ChatConfig = ChatConfig()
    datasets: DatasetsConfig = DatasetsConfig()
    plans: Table[Mapping[PlanName, Plan]] = setting(
        "Who may ask how much; the first plan applies to everyone who has no other. Without"
        " this key nothing is limited.",
        default_factory=dict,
        min_length=1,
    )
    payments: PaymentsConfig = PaymentsConfig()
    retention: Retention = Retention()
    api: ApiConfig = ApiConfig()
    engine: EngineConfig = EngineConfig()
    daemon: DaemonConfig = DaemonConfig()

    @cached_property
    def base_models(self) -> Mapping[str, ModelConfig]:
        """Return the table `models` with those of `engine.models`, which are free by default."""
        table = dict(self.models)
        for name, own in self.engine.models.items():
            configured = table.get(name, ModelConfig())
            table[name] = ModelConfig.model_construct(
                price=configured.price or PriceConfig(input=0, output=0, training=0),
                context=own.context or configured.context,
                training_example=own.training_example or configured.training_example,
                sunset=configured.sunset,
            )
        return table

    @cached_property
    def sunsets(self) -> Mapping[str, date]:
        """Return when base models go dark, as far as that is known."""
        return {
            name: each.sunset for name, each in self.base_models.items() if each.sunset
        }

    @cached_property
    def context_lengths(self) -> Mapping[str, int]:
        """Return how many tokens a conversation with a model may have, by its name."""
        return {
            name: each.context
            for name, each in self.base_models.items()
            if each.context
        }

    @cached_property
    def example_tokens(self) -> Mapping[str, int]:
        """Return how many tokens one training example may have, by base model."""
        models = self.base_models.items()
        return {
            name: one.training_example for name, one in models if one.training_example
        }

    def provider(self, name: str) -> ProviderConfig | None:
        """Return the provider of this name, None where there is none."""
        return next((each for each in self.providers if each.name == name), None)

    def price(self, provider: str, *names: str) -> Price | None:
        """Return the price of a provider's model by the first of its names that has one."""
        seller = self.provider(provider)
        for name in names:
            known = self.base_models.get(name)
            own = seller.prices.get(name) if seller else None
            found = own or (known.price if known else None)
            if found is not None:
                return found.in_micro()
        return None

    def is_free(self, provider: str, name: str) -> bool:
        """Return whether a provider's model is known to answer for nothing."""
        price = self.price(provider, name)
        return price is not None and price.input_micro == price.output_micro == 0

    @property
    def assistant(self) -> tuple[str, str | None] | None:
        """Return the general model for presets and own instructions, None without any provider."""
        if self.chat.assistant is not None:
            return self.chat.assistant
        # The first that names a model, else the first.
        chosen = min(
            self.providers, key=lambda provider: not provider.model, default=None
        )
        return (chosen.name, chosen.model) if chosen else None

    @property
    def named_models(self) -> Mapping[str, ModelChoice]:
        """Return the models that are relied on as they are, by what for."""
        chat = self.chat
        named = {
            "assistant": chat.assistant,
            "transcription": chat.transcription,
            "vision": chat.vision,
            "grounding": chat.grounding,
        }
        return {purpose: choice for purpose, choice in named.items() if choice}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of config.yaml, descriptions and examples included."""
    return Config.model_json_schema(schema_generator=ConfigSchema)


def process_names(config: Config) -> list[str]:
    """Return the processes of `merlin run`: the engine where a provider points at it."""
    requested = (
        ["engine"]
        if any(is_engine(config, provider) for provider in config.providers)
        else []
    )
    requested += ["daemon"] if config.repository is not None else []
    return [*requested, "bot", "api"]


def require_repository(config: Config) -> RepositoryConfig:
    """Return what is said of the repository. Raises ConfigError where there is none."""
    if config.repository is None:
        raise ConfigError("config.yaml names no repository", "config-no-repository")
    return config.repository


def require_provider(config: Config, name: str) -> ProviderConfig:
    """Return an entry of `providers`. Raises NotFound."""
    provider = config.provider(name)
    if provider is None:
        raise NotFound(f"no provider {name}", "held-no-provider", provider=name)
    return provider


def is_engine(config: Config, provider: ProviderConfig) -> bool:
    """Return whether a provider is the engine of this very configuration."""
    host, port = config.engine.address
    url = urlsplit(provider.base_url)
    return url.port == port and (is_loopback(url.hostname) or url.hostname == host)


def is_our_engine(config: Config, provider: ProviderConfig | None) -> bool:
    """Return whether a provider is an engine of Merlin: this one, or one with the same key.

    It may run on another machine or in another container. None: it is not configured any more.
    """
    return provider is not None and (
        is_engine(config, provider) or provider.credential == ENGINE_KEY
    )


def installation_id(config: Config) -> str:
    """Return what distinguishes this installation on its machine, as `id_of_folder` does."""
    return id_of_folder(config.state_dir)


def id_of_folder(state_dir: Path) -> str:
    """Return a digest of a state folder.

    "" without the folder. Raises OSError if this user may not look at it.
    """
    try:
        folder = state_dir.stat()
    except FileNotFoundError:
        return ""
    return hashlib.sha256(f"{folder.st_dev}:{folder.st_ino}".encode()).hexdigest()[:16]
