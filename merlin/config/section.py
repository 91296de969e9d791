"""What the sections of config.yaml are made of: their base, the kinds of values, one key's facts.

A kind raises PydanticCustomError whose type is the key of the text for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    PrivateAttr,
    Strict,
    ValidationInfo,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import WithDefaultSchema

from merlin.core.clock import is_zone
from merlin.core.errors import ConfigError
from merlin.core.i18n import language_of
from merlin.core.money import CURRENCIES, MICRO
from merlin.core.names import is_valid_name
from merlin.core.network import is_host
from merlin.core.repository_place import CONTROL, check_branch, check_directory

T = TypeVar("T")
_MAX_PORT = 65535
# Bytes of a file's name, on every file system that Merlin runs on.
_MAX_NAME = 255
# An address, and a shell's variable, which nobody fills in here, are no paths.
_NO_PATH = re.compile(rf"{CONTROL.pattern}|://|^\$|\$\{{")
_ADDRESS = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(:[0-9]*)?")
Language = Literal["ru", "en"]


class Section(BaseModel):
    """A group of keys: no others, no conversions (`"1"` is no number), never changed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, defer_build=True, allow_inf_nan=False
    )


class Titled(Section):
    """An entry of a table that people see; its name is its key in a `Table`."""

    _name: str = PrivateAttr("")
    title: Mapping[Language, str]

    @property
    def name(self) -> str:
        """Return its key in the table, "" if it is in none."""
        return self._name

    def title_in(self, language: str) -> str:
        """Return its title in a language, its name where it has none."""
        return choose_language(self.title, language) or self.name


class ConfigSchema(GenerateJsonSchema):
    """JSON Schema that tells the defaults which were written with `default`, and those alone."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Leave out "nothing" and what a section has by its own keys."""
        default = schema.get("default")
        has_default = default is not None and not isinstance(default, BaseModel)
        return (
            super().default_schema(schema)
            if has_default
            else self.generate_inner(schema["schema"])
        )


def setting(description: str, example: object = None, **facts: Any) -> Any:
    """Return the field of one key, with pydantic's `facts`; its default is an example, too."""
    shown = facts.get("default") if example is None else example
    return Field(
        description=description, examples=None if shown is None else [shown], **facts
    )


def choose_language(words: Mapping[Language, str], language: str) -> str:
    """Return the words in the nearest language that we speak, "" where there are none."""
    requested = language_of(language)
    return next((name for each, name in words.items() if each == requested), "")


def convert_to_micro(amount: float | None) -> int | None:
    """Return an amount in millionths, None where there is none."""
    return None if amount is None else round(amount * MICRO)


def address_of(text: str) -> tuple[str, int]:
    """Return host and port of "host:port". Raises ValueError."""
    match = re.fullmatch(r"(\[[^\[\]]+\]|[^\[\]]+):(\d{1,5})", text, re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is not host:port")
    return match[1].strip("[]"), int(match[2])


def wrong(key: str, **arguments: object) -> PydanticCustomError:
    """Return the error of a value; `merlin.config.faults` adds what would be right."""
    return PydanticCustomError(key, "wrong", arguments)


def wrong_form(found: str) -> PydanticCustomError:
    """Return the error of a text that is not of its kind."""
    return wrong("config-wrong-form", found=found)


def resolve(path: str, info: ValidationInfo) -> str:
    """Return an absolute path; a relative one counts from the folder of the configuration."""
    try:
        return str((_base(info) / Path(_named_path(path)).expanduser()).resolve())
    except RuntimeError:  # ~ of nobody
        raise wrong_form(path) from None


def _base(info: ValidationInfo) -> Path:
    return Path((info.context or {}).get("base", ""))


def _named_path(path: str) -> str:
    is_long = any(len(name.encode()) > _MAX_NAME for name in path.split("/"))
    if not path.strip() or is_long or _NO_PATH.search(path):
        raise wrong_form(path)
    return path


def _folder(value: object, info: ValidationInfo) -> object:
    return Path(resolve(value, info)) if isinstance(value, str) else value


def _file(value: object, info: ValidationInfo) -> object:
    # Links are not resolved: programs that renew certificates replace them.
    return _base(info) / _named_path(value) if isinstance(value, str) else value


def _program(value: str, info: ValidationInfo) -> str:
    return resolve(value, info) if "/" in value else _named_path(value)


def _day(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise wrong_form(str(value)) from None


def check_port(places: str) -> None:
    """Raise the error of a port outside of 1 to 65535; of several places, between commas, too."""
    for place in places.split(","):
        port = re.search(r":(\d+)$", place, re.ASCII)
        if port and not 1 <= int(port[1][:6]) <= _MAX_PORT:
            raise wrong("config-no-port", found=port[1])


def _listen(text: str) -> str:
    check_port(text)
    try:
        is_right = is_host(address_of(text)[0])
    except ValueError:
        is_right = False
    if not is_right:
        raise wrong_form(text)
    return text


def split_url(text: str, secret: str = "none") -> SplitResult:  # noqa: S107 - a name
    """Return the parts of a URL whose host and port can be. Raises PydanticCustomError.

    A login in it is refused: it belongs into the credential `secret`, if there is one.
    """
    try:
        parts = urlsplit(text)
    except ValueError:  # `http://[::1`
        raise wrong_form(text) from None
    login, _, place = parts.netloc.rpartition("@")
    if login:
        raise wrong("config-login-in-url", name=secret)
    check_port(place)
    is_address = _ADDRESS.fullmatch(place) and is_host(parts.hostname or "")
    # urlsplit leaves out tabs and line ends, as browsers do.
    if not is_address or re.search(r"\s", text) or CONTROL.search(text):
        raise wrong_form(text)
    return parts


def _url(text: str) -> str:
    parts = split_url(text)
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise wrong_form(text)
    return text


def _zone(name: str) -> str:
    if not is_zone(name):
        raise wrong("config-no-zone", zone=name)
    return name


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise wrong("config-no-network", found=text) from None
    return text


def _of(accepts: Callable[[str], bool], text: str) -> str:
    if not accepts(text):
        raise wrong_form(text)
    return text


def _variable(text: str) -> str:
    # The value is not shown: it may be the key itself.
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise wrong("config-no-variable")
    return text


def _as_git_takes(check: Callable[[str], object], text: str) -> str:
    try:
        check(text)
    except ConfigError as error:
        raise wrong(error.key, **error.arguments) from None
    return text


def _require_both(words: Mapping[Language, str]) -> Mapping[Language, str]:
    for language in ("ru", "en"):
        if language not in words:
            raise wrong("config-missing-key", name=language)
    return words


def _name_entries(table: Mapping[str, Entry]) -> Mapping[str, Entry]:
    for name, entry in table.items():
        entry._name = name
    return table


Entry = TypeVar("Entry", bound=Titled)
# A key that may be left out, but not be written without a value.
Opt = Annotated[
    T | None, GetPydanticSchema(lambda source, handler: handler(get_args(source)[0]))
]
Many = Annotated[tuple[T, ...], Strict(strict=False)]
# A mapping of names to what is Titled.
Table = Annotated[T, AfterValidator(_name_entries)]
Folder = Annotated[Path, BeforeValidator(_folder)]
File = Annotated[Path, BeforeValidator(_file)]
Placed = Annotated[str, AfterValidator(resolve)]
# A path, or a name that is looked for.
Program = Annotated[str, AfterValidator(_program)]
Day = Annotated[date, BeforeValidator(_day)]
Listen = Annotated[str, AfterValidator(_listen)]
Url = Annotated[str, AfterValidator(_url)]
# "" is none.
UrlOrNone = Annotated[str, AfterValidator(lambda text: text and _url(text))]
Network = Annotated[str, AfterValidator(_network)]
Zone = Annotated[str, AfterValidator(_zone)]
Currency = Annotated[str, AfterValidator(partial(_of, CURRENCIES.__contains__))]
# "" is none.
DatasetName = Annotated[
    str, AfterValidator(lambda text: text and _of(is_valid_name, text))
]
# The name of an environment variable.
Credential = Annotated[str, AfterValidator(_variable)]
Branch = Annotated[str, AfterValidator(partial(_as_git_takes, check_branch))]
# A folder inside a repository.
Directory = Annotated[str, AfterValidator(partial(_as_git_takes, check_directory))]
ModelId = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f]{1,500}$")]
# Telegram's ids have at most 52 significant bits (Bot API, the type User).
TelegramId = Annotated[int, Field(ge=1, le=2**52 - 1)]
Tokens = Annotated[int, Field(ge=1, le=100_000_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
# Until something is done, at most a day.
Seconds = Annotated[float, Field(ge=0, le=86_400)]
# Of money, in a currency's own unit; in millionths it fits the integers of every database.
Money = Annotated[float, Field(ge=0, le=1_000_000_000)]
# Words in both languages: of any length, of a button, of a message, of a line.
_Both = Annotated[Mapping[Language, T], AfterValidator(_require_both)]
Words = _Both[Annotated[str, Field(min_length=1)]]
Passage = _Both[Annotated[str, Field(min_length=1, max_length=1500)]]
Line = _Both[Annotated[str, Field(min_length=1, max_length=200)]]
Device = Annotated[str, Field(pattern=r"^(cpu|mps|cuda(:\d+)?)$")]
