"""config.yaml: read once at start, all errors reported at once, with their lines.

What a key may be stands in `settings` and `shop`; what several keys cannot mean together is told
here. Credentials never stand in the file: it names environment variables, and `credential` reads
them, or the files of systemd's credentials folder.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import yaml
from pydantic import AfterValidator, ValidationError

from merlin.config.engine import EngineConfig, engine_faults
from merlin.config.faults import (
    Fault,
    config_error,
    describe_syntax_fault,
    fault_at,
    fault_in_file,
    list_repeated_keys,
    list_schema_faults,
)
from merlin.config.section import (
    ConfigSchema,
    Folder,
    Many,
    Opt,
    Section,
    Table,
    check_url,
    setting,
)
from merlin.config.settings import (
    DATABASE_PASSWORD,
    ENGINE_KEY,
    FORGE_TOKEN,
    GIT_HOOK_SECRET,
    PING_URL,
    PROXY_LOGIN,
    TEXT_KEY,
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
from merlin.config.shop import SHOP_ID, SHOP_KEY, PaymentsConfig, Plan, PlanName, plan_faults
from merlin.core.clock import is_zone
from merlin.core.encoder import FOLDER_FILES, FOLDER_PACKAGES
from merlin.core.errors import ConfigError, NotFound
from merlin.core.log import hide_secrets
from merlin.core.money import Price
from merlin.core.network import is_loopback, postgresql_parameters

BOT_TOKEN = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - a name
# By this header the api says which installation it belongs to (`installation_id`).
INSTALLATION_HEADER = "Merlin-Installation"


class Config(Section):
    """Everything that config.yaml says."""

    state_dir: Folder = setting(
        "Folder for everything Merlin stores (database, mirror, builds, engine). A relative"
        " path starts from this file's folder.",
        "/var/lib/merlin",
    )
    # Several hosts may stand in it, each with a port.
    database: Annotated[str, AfterValidator(partial(check_url, has_port=False))] = setting(
        "Where rows are stored: `sqlite:///PATH` or"
        " `postgresql://USER@HOST/NAME?sslmode=verify-full`. Default: `merlin.db` in"
        " `state_dir`.",
        "postgresql://merlin@db.example.com/merlin?sslmode=verify-full",
        default_factory=lambda values: f"sqlite:///{values['state_dir']}/merlin.db",
        pattern=r"^(sqlite:///|postgresql://).+",
    )
    language: Literal["ru", "en"] = setting(
        "Language of commands, of answers to programs that name none, of notifications to people"
        " whose language is unknown, and of the engine.",
        default="ru",
    )
    timezone: str = setting(
        "The time zone whose midnight starts a new day for people who chose none; an IANA"
        " name such as `Europe/Moscow`.",
        "Europe/Moscow",
        default="UTC",
        min_length=1,
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
        return {name: each.sunset for name, each in self.base_models.items() if each.sunset}

    @cached_property
    def context_lengths(self) -> Mapping[str, int]:
        """Return how many tokens a conversation with a model may have, by its name."""
        return {name: each.context for name, each in self.base_models.items() if each.context}

    @cached_property
    def example_tokens(self) -> Mapping[str, int]:
        """Return how many tokens one training example may have, by base model."""
        models = self.base_models.items()
        return {name: one.training_example for name, one in models if one.training_example}

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
        chosen = min(self.providers, key=lambda provider: not provider.model, default=None)
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


def load(path: Path) -> Config:
    """Return the configuration at `path`. Raises ConfigError with every fault found."""
    root, document = _parse(path, _read_text(path))
    try:
        config = Config.model_validate(document, context={"base": path.resolve().parent})
    except ValidationError as error:
        raise config_error(list_schema_faults(path, root, error)) from error
    if faults := [*_faults_of(config)]:
        raise config_error([fault_in_file(path, fault) for fault in faults])
    return config


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        key = "config-absent" if isinstance(error, FileNotFoundError) else "config-unreadable"
        arguments = {"path": str(path), "reason": error.strerror or str(error)}
        raise ConfigError(f"{path}: {error.strerror}", key, **arguments) from error
    except UnicodeDecodeError as error:
        raise config_error([fault_at(str(path), "config-no-utf8")]) from error


def _parse(path: Path, text: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of the file, with their lines, and its content; {} for an empty file."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        if faults := [*list_repeated_keys(path, root)]:
            raise config_error(faults)
        document = yaml.constructor.SafeConstructor().construct_document(root) if root else None
    except yaml.YAMLError as error:
        raise config_error([describe_syntax_fault(path, text, error)]) from error
    return root, {} if document is None else document


def _faults_of(config: Config) -> Iterator[Fault]:
    """Yield a fault for every key whose value is certainly a mistake."""
    if not is_zone(config.timezone):
        yield fault_at("timezone", "config-no-zone", zone=config.timezone)
    if config.encoder is not None:
        yield from _encoder_faults(config.encoder)
    yield from _provider_faults(config)
    if config.repository is not None and "" in (config.repository.forge or ()):
        yield fault_at("repository.statuses", "config-no-forge")
    if config.telegram.mode == "webhook" and not config.telegram.webhook_url:
        yield fault_at("telegram", "config-missing-key", name="webhook_url")
    if not config.allow_plain_http:
        yield from _find_in_the_open(config)
    yield from engine_faults(config.engine)
    yield from plan_faults(config.plans, config.payments)
    if config.payments.yookassa is not None and not config.api.public_url:
        yield fault_at("payments.yookassa", "config-no-public-url")


def _encoder_faults(folder: Path) -> Iterator[Fault]:
    for path in (folder / name for name in FOLDER_FILES):
        if not path.is_file():
            yield fault_at("encoder", "config-no-encoder", path=str(path))
    if missing := [name for name in FOLDER_PACKAGES if find_spec(name) is None]:
        yield fault_at("encoder", "config-encoder-needs", packages=" ".join(missing))


def _provider_faults(config: Config) -> Iterator[Fault]:
    for provider in config.providers:
        if config.provider(provider.name) is not provider:
            yield fault_at("providers", "config-provider-twice", provider=provider.name)
    known = {provider.name for provider in config.providers}
    for place, choice in config.named_models.items():
        if choice.provider not in known:
            yield fault_at(f"chat.{place}", "config-no-provider", provider=choice.provider)


def _find_in_the_open(config: Config) -> Iterator[Fault]:
    """Yield a fault for every outside address that is neither encrypted nor on this machine."""
    for place, url in addresses(config):
        if url and _is_open(url, "https"):
            yield fault_at(place, "config-not-https", url=url)
    url = config.repository.url if config.repository else ""
    if "://" in url and _is_open(url, "https", "ssh", "file"):
        yield fault_at("repository.url", "config-open-repository", url=url)
    yield from _unverified_database(config.database)


def _is_open(url: str, *schemes: str) -> bool:
    parts = urlsplit(url)
    is_near = parts.scheme == "http" and is_loopback(parts.hostname)
    return parts.scheme not in schemes and not is_near


def _unverified_database(url: str) -> Iterator[Fault]:
    """Yield a fault where libpq cannot read the address, or would not verify an outside host."""
    if urlsplit(url).scheme not in ("postgresql", "postgres"):
        return  # reported where it is opened
    try:
        named = postgresql_parameters(url)
    except ConfigError as error:
        yield fault_at("database", error.key, **error.arguments)
        return
    # There may be several servers, and parameters override the parts before them.
    hosts = [host for key in ("host", "hostaddr") for host in named.get(key, "").split(",")]
    is_near = all(not host or host.startswith(("/", "@")) or is_loopback(host) for host in hosts)
    if not is_near and named.get("sslmode") != "verify-full":
        yield fault_at("database", "config-open-database")


def addresses(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the keys that name a service, with its address."""
    for provider in config.providers:
        yield f"providers.{provider.name}.base_url", provider.base_url
    if config.repository is not None and config.repository.forge is not None:
        yield "repository.statuses.url", config.repository.forge[0]
    if config.payments.yookassa is not None:
        yield "payments.yookassa.base_url", config.payments.yookassa.base_url
    yield "telegram.base_url", config.telegram.base_url
    yield "telegram.webhook_url", config.telegram.webhook_url


def credential(name: str, *, is_needed: bool = True, is_header: bool = True) -> str:
    """Return the secret `name` from the environment or a file in systemd's folder.

    Every secret read is taken out of the logs from then on. Raises ConfigError naming the
    variable, never its value, when it is needed and nowhere to be found, or not text, or if it
    cannot be sent in a header though `is_header`.
    """
    # A value from a file often ends with a newline, also when a container's tool hands it over.
    value = os.environ.get(name, "").strip() or _from_file(name)
    if not value and is_needed:
        raise ConfigError(f"credential {name} is missing", "credential-missing", name=name)
    if is_header and not (value.isascii() and value.isprintable()):
        raise ConfigError(f"credential {name} fits no header", "credential-no-header", name=name)
    hide_secrets([value])
    return value


def _from_file(name: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    # Closed to us: an operator's own account asks for what services alone are given.
    with suppress(PermissionError):
        if folder and (place := Path(folder, name)).is_file():
            try:
                return place.read_text(encoding="utf-8-sig").strip()
            except UnicodeDecodeError as error:
                named = {"name": name, "path": str(place)}
                raise ConfigError(f"{place} is no text", "credential-not-text", **named) from error
    return ""


def process_names(config: Config) -> list[str]:
    """Return the processes of `merlin run`: the engine where a provider points at it."""
    requested = (
        ["engine"] if any(is_engine(config, provider) for provider in config.providers) else []
    )
    requested += ["daemon"] if config.repository is not None else []
    return [*requested, "bot", "api"]


def need_credentials(config: Config) -> None:
    """Raise ConfigError that names every credential which the processes of `merlin run` lack."""
    groups = [credentials_of(config, process) for process in process_names(config)]
    needed = [name for each in groups for name, is_needed in each.items() if is_needed]
    missing = [
        name
        for name in dict.fromkeys(needed)
        if not credential(name, is_needed=False, is_header=False)
    ]
    if missing:
        raise config_error(
            [{"key": "credential-missing", "arguments": {"name": n}} for n in missing]
        )


def credentials_of(config: Config, process: str) -> dict[str, bool]:
    """Return the credentials that a process asks for; False: it starts without this one too.

    Units and compose file load what this names where everything is switched on.
    """
    providers = [provider.credential for provider in config.providers]
    # Every machine with a state folder of its own would make its own key.
    has_shared_texts = not config.database.startswith("sqlite:")
    optional = {TEXT_KEY: has_shared_texts, DATABASE_PASSWORD: False}
    if process == "engine":
        return {ENGINE_KEY: True}
    if process == "daemon":
        has_statuses = config.repository is not None and config.repository.statuses is not None
        needed = [*providers, FORGE_TOKEN] if has_statuses else providers
        return dict.fromkeys(needed, True) | optional | {PING_URL: False}
    if process == "bot":
        return dict.fromkeys([BOT_TOKEN, *providers], True) | optional | {PROXY_LOGIN: False}
    needed = [BOT_TOKEN] if config.telegram.mode == "webhook" else []
    needed += [SHOP_ID, SHOP_KEY] if config.payments.yookassa is not None else []
    optional |= dict.fromkeys([GIT_HOOK_SECRET, *providers], False)
    return optional | dict.fromkeys(needed, True)


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


def installation_id(config: Config) -> str:
    """Return what distinguishes this installation on its machine: a digest of its state folder.

    "" without the folder. Raises OSError if this user may not look at it.
    """
    try:
        folder = config.state_dir.stat()
    except FileNotFoundError:
        return ""
    return hashlib.sha256(f"{folder.st_dev}:{folder.st_ino}".encode()).hexdigest()[:16]


def bot_id(token: str) -> int:
    """Return the id that a token begins with. Raises ConfigError, whose words hide the token."""
    # It becomes a part of URLs: a blank or another alphabet in it would fail there.
    found = re.fullmatch(r"([0-9]+):[\w-]+", token, re.ASCII)
    if found is None:
        raise ConfigError("TELEGRAM_BOT_TOKEN is not a bot token", "bot-bad-token")
    return int(found[1])


def telegram_proxy(telegram: TelegramConfig) -> str:
    """Return the URL of the proxy with its login, "" where there is none."""
    login = credential(PROXY_LOGIN, is_needed=False) if telegram.proxy else ""
    if not login:
        return telegram.proxy
    user, _, password = login.partition(":")
    user, quoted = quote(user, safe=""), quote(password, safe="")
    hide_secrets([password, quoted])
    return telegram.proxy.replace("://", f"://{user}:{quoted}@")


def webhook_secret(token: str) -> str:
    """Return the word that Telegram repeats with every update.

    It follows from the token, so bot and api agree on it without one more credential to keep.
    """
    return hashlib.sha256(f"merlin webhook {token}".encode()).hexdigest()
