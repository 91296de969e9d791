"""config.yaml: read once at start, all errors reported at once, with their lines.

What a key may be stands in `settings` and `shop`; what several keys cannot mean together is told
here. Credentials never stand in the file: it names environment variables, and `credential` reads
them, or the files of systemd's credentials folder.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

import yaml
from pydantic import AfterValidator, ValidationError

from merlin.config.engine import EngineConfig, engine_faults
from merlin.config.faults import (
    Wrong,
    check_nesting,
    config_error,
    describe_syntax_fault,
    fault_at,
    list_repeated_keys,
    list_schema_faults,
    locate,
    wrong_at,
)
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
    FORGE_TOKEN,
    GIT_HOOK_SECRET,
    GIT_LOGIN,
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
from merlin.config.shop import (
    SHOP_ID,
    SHOP_KEY,
    PaymentsConfig,
    Plan,
    PlanName,
    plan_faults,
)
from merlin.core.encoder import FOLDER_FILES, FOLDER_PACKAGES
from merlin.core.errors import ConfigError, NotFound
from merlin.core.log import hide_secrets
from merlin.core.money import Price
from merlin.core.network import is_loopback, postgresql_parameters
from merlin.core.repository_place import CONTROL, parse_remote_url

BOT_TOKEN = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - a name
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


def load(path: Path) -> Config:
    """Return the configuration at `path`. Raises ConfigError with every fault found."""
    root, document = _parse(path, _read_text(path))
    try:
        config = Config.model_validate(
            document, context={"base": path.resolve().parent}
        )
    except ValidationError as error:
        found = list_schema_faults(error, schema())
        raise config_error(locate(path, root, found)) from error
    if conflicts := [*_faults_of(config)]:
        raise config_error(locate(path, root, conflicts))
    return config


def require_places(path: Path, config: Config, found: Iterable[Wrong]) -> list[str]:
    """Raise ConfigError that names what config.yaml needs and this machine lacks, with `found`.

    Returns the paths that this user may not look at. The processes do not need each other's
    files, so nothing but the check of the file asks.
    """
    wrong = [*found]
    closed = list[str]()
    for lack, place, has_it in _list_places(config):
        try:
            is_there = has_it(place.stat().st_mode)
        except PermissionError:
            closed.append(str(place))
            continue
        except OSError:
            is_there = False
        if not is_there:
            wrong.append(lack)
    if wrong:
        raise config_error(locate(path, _parse(path, _read_text(path))[0], wrong))
    return closed


def _list_places(config: Config) -> Iterator[tuple[Wrong, Path, Callable[[int], bool]]]:
    """Yield what is wrong at each key without its file or folder, the path, what it must be."""
    for section, tls in (("api", config.api.tls), ("engine", config.engine.tls)):
        for name, file in tls or ():
            lack = wrong_at(section, "tls", name, key="config-no-file", path=str(file))
            yield lack, file, S_ISREG
    folder = (
        parse_remote_url(config.repository.url).folder if config.repository else None
    )
    if folder is not None:
        lack = wrong_at("repository", "url", key="config-no-folder", path=str(folder))
        yield lack, folder, S_ISDIR
    for name, base in config.engine.models.items():
        if base.path:
            lack = wrong_at(
                "engine", "models", name, "path", key="config-no-folder", path=base.path
            )
            yield lack, Path(base.path), S_ISDIR


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        key = (
            "config-absent"
            if isinstance(error, FileNotFoundError)
            else "config-unreadable"
        )
        arguments = {"path": str(path), "reason": error.strerror or str(error)}
        raise ConfigError(f"{path}: {error.strerror}", key, **arguments) from error
    except UnicodeDecodeError as error:
        raise config_error([fault_at(str(path), "config-no-utf8")]) from error


def _parse(path: Path, text: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of the file, with their lines, and its content; {} for an empty file."""
    try:
        check_nesting(path, text)
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        if faults := [*list_repeated_keys(path, root)]:
            raise config_error(faults)
        document = (
            yaml.constructor.SafeConstructor().construct_document(root)
            if root
            else None
        )
    except yaml.YAMLError as error:
        raise config_error([describe_syntax_fault(path, text, error)]) from error
    return root, {} if document is None else document


def _faults_of(config: Config) -> Iterator[Wrong]:
    """Yield what several keys cannot mean together, and what this machine lacks."""
    if config.encoder is not None:
        yield from _encoder_faults(config.encoder)
    yield from _provider_faults(config)
    if config.repository is not None and "" in (config.repository.forge or ()):
        yield wrong_at("repository", "statuses", key="config-no-forge")
    if config.telegram.mode == "webhook" and not config.telegram.webhook_url:
        yield wrong_at("telegram", key="config-missing-key", name="webhook_url")
    yield from _database_faults(config)
    if not config.allow_plain_http:
        for steps, url in addresses(config):
            if url and _is_open(url):
                yield wrong_at(*steps, key="config-not-https", url=url)
    yield from engine_faults(config.engine)
    if _is_engine_in_the_way(config):
        section = "engine" if "listen" in config.engine.model_fields_set else "api"
        yield wrong_at(
            section, "listen", key="config-same-port", found=config.api.listen
        )
    yield from plan_faults(config.plans, config.payments)
    if config.payments.yookassa is not None and not config.api.public_url:
        yield wrong_at("payments", "yookassa", key="config-no-public-url")


def _encoder_faults(folder: Path) -> Iterator[Wrong]:
    for path in (folder / name for name in FOLDER_FILES):
        if not path.is_file():
            yield wrong_at("encoder", key="config-no-file", path=str(path))
    if missing := [name for name in FOLDER_PACKAGES if find_spec(name) is None]:
        yield wrong_at(
            "encoder", key="config-encoder-needs", packages=" ".join(missing)
        )


def _provider_faults(config: Config) -> Iterator[Wrong]:
    for number, provider in enumerate(config.providers):
        if config.provider(provider.name) is not provider:
            yield wrong_at(
                "providers",
                number,
                "name",
                key="config-provider-twice",
                provider=provider.name,
            )
    known = {provider.name for provider in config.providers}
    for place, choice in config.named_models.items():
        if choice.provider not in known:
            yield wrong_at(
                "chat", place, key="config-no-provider", provider=choice.provider
            )


def _is_open(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme != "https" and not is_loopback(parts.hostname)


def _is_engine_in_the_way(config: Config) -> bool:
    """Return whether the engine's address is the api's; on another machine it may be."""
    (host, port) = config.engine.address
    (api_host, api_port) = config.api.address
    is_elsewhere = any(
        each.credential == ENGINE_KEY and not is_engine(config, each)
        for each in config.providers
    )
    is_same_host = host == api_host or {host, api_host} & {"0.0.0.0", "::"}  # noqa: S104 - compared
    return port == api_port and bool(is_same_host) and not is_elsewhere


def _database_faults(config: Config) -> Iterator[Wrong]:
    """Yield a fault where libpq cannot read the address, or would not verify an outside host."""
    if not config.database.startswith("postgresql"):
        return
    try:
        named = postgresql_parameters(config.database)
    except ConfigError as error:
        yield wrong_at("database", key=error.key, **error.arguments)
        return
    # There may be several servers, and parameters override the parts before them.
    hosts = [
        host for key in ("host", "hostaddr") for host in named.get(key, "").split(",")
    ]
    is_near = all(
        not host or host.startswith(("/", "@")) or is_loopback(host) for host in hosts
    )
    if (
        not (is_near or config.allow_plain_http)
        and named.get("sslmode") != "verify-full"
    ):
        yield wrong_at("database", key="config-open-database")


def addresses(config: Config) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the ways to the keys that name an address outside, with the address."""
    for number, provider in enumerate(config.providers):
        yield ("providers", number, "base_url"), provider.base_url
    if config.repository is not None and config.repository.forge is not None:
        yield ("repository", "statuses", "url"), config.repository.forge[0]
    if config.payments.yookassa is not None:
        yield ("payments", "yookassa", "base_url"), config.payments.yookassa.base_url
    yield ("telegram", "base_url"), config.telegram.base_url
    yield ("telegram", "webhook_url"), config.telegram.webhook_url
    yield ("telegram", "link_url"), config.telegram.link_url
    yield ("api", "public_url"), config.api.public_url


def credential(name: str, *, is_needed: bool = True, is_header: bool = True) -> str:
    """Return the secret `name` from the environment or a file in systemd's folder.

    Every secret read is taken out of the logs from then on. Raises ConfigError naming the
    variable, never its value, when it is needed and nowhere to be found, or not text, or if it
    cannot be sent in a header though `is_header`.
    """
    # A value from a file often ends with a newline, also when a container's tool hands it over.
    value = os.environ.get(name, "").strip() or _from_file(name)
    if not value and is_needed:
        raise ConfigError(
            f"credential {name} is missing", "credential-missing", name=name
        )
    if is_header and not (value.isascii() and value.isprintable()):
        raise ConfigError(
            f"credential {name} fits no header", "credential-no-header", name=name
        )
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
                raise ConfigError(
                    f"{place} is no text", "credential-not-text", **named
                ) from error
    return ""


def process_names(config: Config) -> list[str]:
    """Return the processes of `merlin run`: the engine where a provider points at it."""
    requested = (
        ["engine"]
        if any(is_engine(config, provider) for provider in config.providers)
        else []
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
        has_statuses = (
            config.repository is not None and config.repository.statuses is not None
        )
        needed = [*providers, FORGE_TOKEN] if has_statuses else providers
        return (
            dict.fromkeys(needed, True) | optional | {PING_URL: False, GIT_LOGIN: False}
        )
    if process == "bot":
        return (
            dict.fromkeys([BOT_TOKEN, *providers], True)
            | optional
            | {PROXY_LOGIN: False}
        )
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


def is_our_engine(config: Config, provider: ProviderConfig | None) -> bool:
    """Return whether a provider is an engine of Merlin: this one, or one with the same key.

    It may run on another machine or in another container. None: it is not configured any more.
    """
    return provider is not None and (
        is_engine(config, provider) or provider.credential == ENGINE_KEY
    )


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
    return _with_login(telegram.proxy, PROXY_LOGIN) if telegram.proxy else ""


def repository_url(repository: RepositoryConfig) -> str:
    """Return the URL of the repository, of https with its login."""
    is_http = repository.url.startswith("http")
    return _with_login(repository.url, GIT_LOGIN) if is_http else repository.url


def _with_login(url: str, name: str) -> str:
    """Return a URL with the login of the credential `name`, if there is one."""
    login = credential(name, is_needed=False)
    if not login:
        return url
    user, _, password = login.partition(":")
    user = quote(user, safe="")
    quoted = quote(password, safe="")
    hide_secrets([password, quoted])
    return url.replace("://", f"://{user}:{quoted}@")


def webhook_secret(token: str) -> str:
    """Return the word that Telegram repeats with every update.

    It follows from the token, so bot and api agree on it without one more credential to keep.
    """
    return hashlib.sha256(f"merlin webhook {token}".encode()).hexdigest()
