"""What the sections of config.yaml are made of: their base, the kinds of values, one key's facts.

A kind raises PydanticCustomError whose type is the key of the text for people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import urlsplit

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

from merlin.core.i18n import language_of
from merlin.core.money import MICRO

T = TypeVar("T")
_MAX_PORT = 65535
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
            super().default_schema(schema) if has_default else self.generate_inner(schema["schema"])
        )


def setting(description: str, example: object = None, **facts: Any) -> Any:
    """Return the field of one key, with pydantic's `facts`; its default is an example, too."""
    shown = facts.get("default") if example is None else example
    return Field(description=description, examples=None if shown is None else [shown], **facts)


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
    if match is None or int(match[2]) > _MAX_PORT:
        raise ValueError(f"{text!r} is not host:port")
    return match[1].strip("[]"), int(match[2])


def resolve(path: str, info: ValidationInfo) -> str:
    """Return an absolute path; a relative one counts from the folder of the configuration."""
    try:
        return str((_base(info) / Path(path).expanduser()).resolve())
    except RuntimeError:  # ~ of nobody
        arguments = {"example": "/srv/merlin", "found": path}
        raise PydanticCustomError("config-wrong-form", "no home", arguments) from None


def _base(info: ValidationInfo) -> Path:
    return Path((info.context or {}).get("base", ""))


def _folder(value: object, info: ValidationInfo) -> object:
    return Path(resolve(value, info)) if isinstance(value, str) else value


def _file(value: object, info: ValidationInfo) -> object:
    # Links are not resolved: programs that renew certificates replace them.
    return _base(info) / value if isinstance(value, str) else value


def _day(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        arguments = {"example": "2027-01-14", "found": value}
        raise PydanticCustomError("config-wrong-form", "no day", arguments) from None


def _listen(text: str) -> str:
    try:
        address_of(text)
    except ValueError:
        arguments = {"example": "127.0.0.1:8701", "found": text}
        raise PydanticCustomError("config-wrong-form", "no address", arguments) from None
    return text


def check_url(text: str, *, has_port: bool = True, is_web: bool = False) -> str:
    """Return the URL. Raises PydanticCustomError for `http://[::1`, or a port above 65535.

    `is_web`: also for anything but http, https and "".
    """
    try:
        parts = urlsplit(text)
        _ = parts.port if has_port else None
        if is_web and text and not (parts.scheme in ("http", "https") and parts.hostname):
            raise ValueError(text)  # noqa: TRY301 - one error for what is no address
    except ValueError:
        arguments = {"example": "https://example.com:8443", "found": text}
        raise PydanticCustomError("config-wrong-form", "no address", arguments) from None
    return text


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise PydanticCustomError("config-no-network", "no network", {"found": text}) from None
    return text


def _require_both(words: Mapping[Language, str]) -> Mapping[Language, str]:
    for language in ("ru", "en"):
        if language not in words:
            raise PydanticCustomError("config-missing-key", "not both", {"name": language})
    return words


def _name_entries(table: Mapping[str, Entry]) -> Mapping[str, Entry]:
    for name, entry in table.items():
        entry._name = name
    return table


Entry = TypeVar("Entry", bound=Titled)
# A key that may be left out, but not be written without a value.
Opt = Annotated[T | None, GetPydanticSchema(lambda source, handler: handler(get_args(source)[0]))]
Many = Annotated[tuple[T, ...], Strict(strict=False)]
# A mapping of names to what is Titled.
Table = Annotated[T, AfterValidator(_name_entries)]
Folder = Annotated[Path, BeforeValidator(_folder)]
File = Annotated[Path, BeforeValidator(_file)]
Placed = Annotated[str, AfterValidator(resolve)]
Day = Annotated[date, BeforeValidator(_day)]
Listen = Annotated[str, AfterValidator(_listen)]
Url = Annotated[str, AfterValidator(partial(check_url, is_web=True))]
Network = Annotated[str, AfterValidator(_network)]
# Words in both languages: of any length, of a button, of a message, of a line.
_Both = Annotated[Mapping[Language, T], AfterValidator(_require_both)]
Words = _Both[Annotated[str, Field(min_length=1)]]
Passage = _Both[Annotated[str, Field(min_length=1, max_length=1500)]]
Line = _Both[Annotated[str, Field(min_length=1, max_length=200)]]
Device = Annotated[str, Field(pattern=r"^(cpu|mps|cuda(:\d+)?)$")]
