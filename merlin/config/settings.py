"""The sections of config.yaml but for the engine and the shop: type, default, meaning of each key.

Everything else that is told of a key is made from here: its JSON Schema, the sample, the tables of
the docs. A docstring is the meaning of a section, in the words of an operator.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    GetPydanticSchema,
    ValidationInfo,
    field_validator,
)
from pydantic_core.core_schema import no_info_after_validator_function

from merlin.config.section import (
    Branch,
    Count,
    Credential,
    Currency,
    DatasetName,
    Day,
    Directory,
    File,
    Listen,
    Many,
    ModelId,
    Money,
    Network,
    Opt,
    Passage,
    Seconds,
    Section,
    TelegramId,
    Tokens,
    Url,
    UrlOrNone,
    address_of,
    check_port,
    convert_to_micro,
    resolve,
    setting,
    split_url,
    wrong,
    wrong_form,
)
from merlin.core.errors import ConfigError
from merlin.core.money import MICRO, Price
from merlin.core.network import LOOPBACK
from merlin.core.repository_place import parse_remote_url

MEGABYTE = 1024 * 1024
# The credentials with the keys of people's texts (without it they lie in a file) and of backups,
# and with the password of PostgreSQL, which libpq itself reads by this name.
TEXT_KEY = "MERLIN_TEXT_KEY"
ENGINE_KEY = "MERLIN_ENGINE_KEY"
FORGE_TOKEN = "MERLIN_FORGE_TOKEN"  # noqa: S105 - a name
# The secret that calls of the git hook prove; without it only calls from this machine.
GIT_HOOK_SECRET = "MERLIN_GIT_HOOK_SECRET"  # noqa: S105 - a name
DATABASE_PASSWORD = "PGPASSWORD"  # noqa: S105 - a name
# `user:password` at telegram.proxy.
PROXY_LOGIN = "TELEGRAM_PROXY_LOGIN"
# `user:password` at repository.url, if that is https.
GIT_LOGIN = "MERLIN_GIT_LOGIN"
# The address that a monitor outside expects a call at.
PING_URL = "MERLIN_PING_URL"


class PriceConfig(Section):
    """A price per million tokens.

    Without one costs are unknown, and any limit holds a launch.
    """

    currency: Currency = setting("ISO code.", default="USD")
    input: Money = setting("Sent tokens.", 0.3)
    cached_input: Money = setting(
        "Sent tokens that were in the provider's cache. Default as `input`.",
        0.15,
        default_factory=lambda values: values["input"],
    )
    output: Money = setting("Tokens of answers.", 1.2)
    training: Money = setting("Trained tokens.", 3)

    def in_micro(self) -> Price:
        """Return the price in millionths of its currency."""
        return Price(
            currency=self.currency,
            input_micro=round(self.input * MICRO),
            cached_input_micro=round(self.cached_input * MICRO),
            output_micro=round(self.output * MICRO),
            training_micro=round(self.training * MICRO),
        )


class StatusesConfig(Section):
    """Shows the result of each commit on the git host, as a commit status.

    The host follows from `repository.url`, unless that is a path. Its token, which may write commit
    statuses, is the credential MERLIN_FORGE_TOKEN.
    """

    kind: Literal["github", "gitlab", "gitea"] = setting(
        "The kind of API that the git host has; Forgejo has Gitea's.", "gitlab"
    )
    url: Opt[Url] = setting(
        "The address of its API. Default by the host in `repository.url`.",
        "https://git.example.com/api/v4",
        default=None,
    )
    project: Opt[str] = setting(
        "The project on it. Default the path in `repository.url`.",
        "school/datasets",
        default=None,
        pattern=r"^[\w.-]+(/[\w.-]+)*$",
    )


_API_PATHS = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}


class RepositoryConfig(Section):
    """The git repository of datasets; only the daemon needs it."""

    url: str = setting(
        "A local path, `https://…` or ssh (`git@host:path`). A relative path starts from this"
        " file's folder. The login of https is the credential MERLIN_GIT_LOGIN, `user:password`.",
        "git@git.example.com:school/datasets.git",
    )
    branch: Branch = setting(
        "The branch to follow, along its first parents.", default="main"
    )
    directory: Directory = setting(
        "The folder in it with the datasets.", default="datasets"
    )
    interval_s: Annotated[float, Field(ge=0.1, le=86_400)] = setting(
        "Seconds between two fetches. A git hook at the api triggers one immediately.",
        default=30,
    )
    statuses: Opt[StatusesConfig] = None

    @property
    def forge(self) -> tuple[str, str] | None:
        """Return the address of the forge's API and the project there, "" if unknown.

        None if no statuses are configured.
        """
        if self.statuses is None:
            return None
        url = (
            self.url if "://" in self.url else f"ssh://{self.url.replace(':', '/', 1)}"
        )
        parts = urlsplit("" if self.url.startswith("/") else url)
        is_http = parts.scheme in ("http", "https")
        host = parts.netloc.rpartition("@")[2] if is_http else parts.hostname or ""
        address = f"{parts.scheme if is_http else 'https'}://{host}{_API_PATHS[self.statuses.kind]}"
        if host == "github.com":
            address = "https://api.github.com"
        project = parts.path.strip("/").removesuffix(".git")
        return self.statuses.url or (
            address if host else ""
        ), self.statuses.project or project

    @field_validator("url")
    @classmethod
    def _place(cls, url: str, info: ValidationInfo) -> str:
        # Neither "scheme://…" nor git's short "host:path": a path on this machine.
        if "://" not in url and ":" not in url.split("/", maxsplit=1)[0]:
            url = resolve(url, info)
        check_port(url.partition("://")[2].partition("/")[0])
        try:
            remote = parse_remote_url(url)
        except ConfigError as error:
            raise wrong(error.key, **error.arguments) from None
        if remote.secret:
            raise wrong("config-login-in-url", name=GIT_LOGIN)
        return url


class ProviderConfig(Section):
    """One service of the OpenAI protocol."""

    name: str = setting(
        "The name that recipes use.", "engine", pattern=r"^[a-z0-9_-]{1,40}$"
    )
    base_url: Url = setting("The address, including `/v1`.", "http://127.0.0.1:8702/v1")
    credential: Credential = setting(
        "Name of the environment variable with its key. Default `MERLIN_ENGINE_KEY` for `engine`,"
        " else `OPENAI_API_KEY`.",
        "OPENAI_API_KEY",
        default_factory=lambda values: (
            "MERLIN_ENGINE_KEY" if values["name"] == "engine" else "OPENAI_API_KEY"
        ),
    )
    api_version: Opt[str] = setting(
        "Version of Azure's dated API, whose `base_url` ends with `/openai`; its `/openai/v1` needs"
        " none.",
        "2024-10-21",
        default=None,
        pattern=r"^[\w.-]{1,40}$",
    )
    model: Opt[ModelId] = setting(
        "The model that answers when no tuned one can. Default the first it lists.",
        "gpt-4o-mini-2024-07-18",
        default=None,
    )
    prices: Mapping[str, PriceConfig] = setting(
        "Prices that differ from those in `models`, by model.", default_factory=dict
    )
    active_jobs: Count = setting("How many jobs may run at the same time.", default=1)
    settle_s: Seconds = setting(
        "Seconds by which its lists may lag behind; 0 for your own engine.", default=60
    )


class ModelConfig(Section):
    """One base model."""

    price: Opt[PriceConfig] = None
    context: Opt[Tokens] = setting(
        "Tokens of a whole conversation: the window, if neither the provider nor a refusal"
        " gives one.",
        128000,
        default=None,
    )
    training_example: Opt[Tokens] = setting(
        "Tokens of one training example; the check reports an error for a longer one.",
        65536,
        default=None,
    )
    sunset: Opt[Day] = setting(
        "The day on which it and all models tuned on it are shut down. A launch less than 30"
        " days before it is held.",
        "2027-01-14",
        default=None,
    )


class AnswerBudget(Section):
    """The most that answers may cost a day (of `timezone`), in the provider's currency.

    It needs the prices of the models that answer.
    """

    per_day: Opt[Money] = setting(
        "All answers together; after that no one gets an answer until the day ends.",
        20,
        default=None,
        gt=0,
    )


class BudgetConfig(Section):
    """Limits in the provider's currency, checked before a launch and before a question is asked."""

    per_job: Opt[Money] = setting(
        "The most that one job may cost, with the test of its model.", 5, default=None
    )
    per_month: Opt[Money] = setting(
        "All jobs of a provider in a calendar month (UTC) together.", 50, default=None
    )
    answers: AnswerBudget = AnswerBudget()

    @property
    def per_job_micro(self) -> int | None:
        """Return the limit of a job in millionths, None without one."""
        return convert_to_micro(self.per_job)

    @property
    def per_month_micro(self) -> int | None:
        """Return the limit of a month in millionths, None without one."""
        return convert_to_micro(self.per_month)


def _proxy(text: str) -> str:
    parts = split_url(text, PROXY_LOGIN)
    if parts.scheme not in ("http", "https", "socks5") or parts.port is None:
        raise wrong_form(text)
    if parts._replace(scheme="", netloc="").geturl() not in ("", "/"):
        raise wrong_form(text)
    return text.rstrip("/")


class TelegramConfig(Section):
    """The bot. Its token is the credential TELEGRAM_BOT_TOKEN."""

    base_url: Url = setting("The Bot API server.", default="https://api.telegram.org")
    proxy: Annotated[str, AfterValidator(_proxy)] = setting(
        "The proxy for every call of Telegram: `http://`, `https://` or `socks5://`, host and port."
        " Its login is the credential TELEGRAM_PROXY_LOGIN, `user:password`.",
        "socks5://proxy.example.com:1080",
        default_factory=str,
    )
    mode: Literal["polling", "webhook"] = setting(
        "`polling` needs no open port; `webhook` needs `telegram.webhook_url`.",
        default="polling",
    )
    webhook_url: UrlOrNone = setting(
        "The public https address of the api's `/hooks/telegram`; webhook mode only.",
        "https://merlin.example.com/hooks/telegram",
        default_factory=str,
    )
    link_url: Url = setting(
        "Where links open the bot; the demo's chat page has its own address.",
        default="https://t.me",
    )
    admins: Many[TelegramId] = setting(
        "Telegram IDs of admins: they get notifications and may do everything in `/admin`.",
        [123456789],
        default=(),
    )
    info: Passage = setting(
        "What `/info` says besides the models, in `ru` and `en`: whom to ask, for example.",
        {"ru": "Кафедра, ауд. 305", "en": "The department, room 305"},
        default_factory=dict,
    )
    privacy: Passage = setting(
        "The text of `/privacy` instead of the built-in one.",
        {"ru": "Мы храним мало.", "en": "We store little."},
        default_factory=dict,
    )
    terms: Passage = setting(
        "The text of `/terms`, also on the page, instead of the built-in one.",
        {"ru": "Просто спрашивайте.", "en": "Just ask."},
        default_factory=dict,
    )

    @property
    def bot_url(self) -> str:
        """Return the address that the library puts the token behind."""
        return f"{self.base_url.rstrip('/').removesuffix('/bot')}/bot"


class ModelChoice(NamedTuple):
    """A model that is named for one purpose, with its provider."""

    provider: str
    model: str


def _model_choice(name: str) -> ModelChoice:
    try:
        return parse_model_name(name)
    except ConfigError:
        raise wrong_form(name) from None


def parse_model_name(name: str) -> ModelChoice:
    """Return provider and model of `PROVIDER/MODEL`; the model may contain slashes.

    Raises ConfigError for another form.
    """
    provider, _, model = name.partition("/")
    if not provider or model.split() != [model]:
        raise ConfigError(
            f"{name!r} is no PROVIDER/MODEL", "model-name-form", name=name
        )
    return ModelChoice(provider, model)


# A model of one of `providers`, as PROVIDER/MODEL.
ModelName = Annotated[
    ModelChoice,
    GetPydanticSchema(
        lambda _, handler: no_info_after_validator_function(
            _model_choice, handler(Annotated[str, Field(pattern=r"^[^/]+/\S+$")])
        )
    ),
]


class ChatConfig(Section):
    """How questions are answered."""

    streaming: Literal["drafts", "edits", "off"] = setting(
        "`drafts`: in private chats Telegram shows an answer while it is written, then comes one"
        " message; in groups as `edits`. `edits`: an answer is written into its message by edits."
        ' `"off"` (in quotes): only as a complete message.',
        default="drafts",
    )
    assistant: Opt[ModelName] = setting(
        "The general model for presets and people's own instructions, as `PROVIDER/MODEL`. Default:"
        " the first provider that names a model, else the first one.",
        "engine/qwen3-0.6b",
        default=None,
    )
    transcription: Opt[ModelName] = setting(
        "The model that transcribes voice messages. Without it voice is off. whisper-1 is shut down"
        " on 2027-02-26.",
        "engine/gpt-transcribe",
        default=None,
    )
    vision: Opt[ModelName] = setting(
        "The model that answers questions with photos. Without it photos are off.",
        "engine/qwen3-0.6b",
        default=None,
    )
    grounding: Opt[ModelName] = setting(
        "The model that composes an answer if the tuned one does not know it: from the"
        " nearest trained examples and passages of the course's materials, which are named"
        " under the answer. Without it nothing is composed.",
        "engine/qwen3-0.6b",
        default=None,
    )


class DatasetsConfig(Section):
    """Which datasets people can use."""

    default: DatasetName = setting(
        "The dataset of new chats. Default the only one, else the first with a live model.",
        "neurotypology",
        default_factory=str,
    )


# Subtracted from today: datetime has no year before 1.
_Days = Annotated[int, Field(ge=0, le=100_000)]


class Retention(Section):
    """How many days things are kept; 0 keeps them for ever."""

    turns_days: _Days = setting("Questions and answers.", 365, default=0)
    audit_days: _Days = setting("The activity log of admins.", default=730)
    models_days: _Days = setting(
        "Models that were never live, at their providers, with their checkpoints; they are deleted"
        " for good.",
        90,
        default=0,
    )


class TlsConfig(Section):
    """Its own certificate, if no proxy provides https; TLS 1.2 or newer.

    Relative paths start from this file's folder.
    """

    certificate: File = setting(
        "The certificate with its chain, PEM.", "/etc/merlin/tls/fullchain.pem"
    )
    key: File = setting(
        "Its private key without a password, PEM.", "/etc/merlin/tls/privkey.pem"
    )


class ApiLimits(Section):
    """API calls a minute; 0 removes a limit."""

    anonymous_per_min: int = setting(
        "For one address without a sign-in; pages may be opened ten times as often.",
        default=60,
        ge=0,
        le=1000000,
    )
    person_per_min: int = setting(
        "For one signed-in person, with all their browsers and keys.",
        default=600,
        ge=0,
        le=1000000,
    )


class ApiConfig(Section):
    """The process that is reachable from outside."""

    listen: Listen = setting(
        "host:port. For access from outside set `api.tls`, or put a proxy with https in front"
        " of it.",
        default="127.0.0.1:8701",
    )
    public_url: UrlOrNone = setting(
        "Its address for people; used in links and to check where a call comes from.",
        "https://merlin.example.com",
        default_factory=str,
    )
    tls: Opt[TlsConfig] = None
    proxies: Many[Network] = setting(
        "Addresses or networks of proxies that are trusted to report the client's address and"
        " https. No others are.",
        ["127.0.0.1"],
        default=("127.0.0.1", "::1"),
    )
    limits: ApiLimits = ApiLimits()
    monitoring: Many[Network] = setting(
        "Addresses or networks that may read `/readyz` and `/metrics`. All others get 404.",
        ["127.0.0.0/8", "10.0.0.7"],
        default=LOOPBACK,
    )

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port."""
        return address_of(self.listen)


class DaemonConfig(Section):
    """The daemon's pace."""

    quiet_s: Opt[Seconds] = setting(
        "Overrides `launch.quiet_s` of every dataset; the demo uses it.",
        60,
        default=None,
    )
