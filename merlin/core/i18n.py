"""Texts by key and language (Fluent), and localised times, numbers and counts.

The texts are in `merlin/locale/<language>/*.ftl`; a test proves that both languages have the same
keys. A missing key is a bug and raises KeyError.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

from fluent.runtime import FluentBundle
from fluent.runtime.resolver import MAX_PART_LENGTH, Message
from fluent.syntax import FluentParser

from merlin.core.clock import in_zone

_NBSP = "\u00a0"


def format_number(language: str, value: float, digits: int = 2) -> str:
    """Format a number with the language's separators: 0,79 or 1 299."""
    message = f"{value:,.{digits}f}"
    if language == "ru":
        message = message.replace(",", _NBSP).replace(".", ",")
    return message


def format_signed(language: str, value: float, digits: int = 0) -> str:
    """Format a number with its sign; 0 has none."""
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{format_number(language, abs(value), digits)}"


LANGUAGES = ("ru", "en")
_LOCALE = Path(__file__).parents[1] / "locale"

# A message starts at the beginning of a line; references to others are in braces.
_KEY = re.compile(r"^([a-zA-Z][\w-]*) *=", re.MULTILINE)
_REFERENCE = re.compile(r"\{ *([a-zA-Z][\w-]*) *\}")


class _Texts:
    """The messages of one language; each is parsed when it is first used.

    A process uses only some of them; all of them take 4 MB per language, and a second to parse.
    """

    def __init__(self, language: str) -> None:
        # Isolation characters around arguments would be visible in terminals and copied texts.
        self.bundle = FluentBundle([language], use_isolating=False)
        # The spans would take as much memory as the messages.
        self._parser = FluentParser(with_spans=False)
        self.sources: dict[str, str] = {}  # "" after it was parsed
        for path in (_LOCALE / language).glob("*.ftl"):
            _, *parts = _KEY.split(path.read_text("utf-8"))
            bodies = zip(parts[::2], parts[1::2], strict=True)
            self.sources |= {key: f"{key} ={body}" for key, body in bodies}

    def message(self, key: str) -> Message:
        """Return a parsed message. Raises KeyError."""
        if source := self.sources[key]:
            # Two threads may parse the same message; the first one is kept.
            self.bundle.add_resource(self._parser.parse(source))
            for other in _REFERENCE.findall(source):
                self.message(other)
            self.sources[key] = ""
        return self.bundle.get_message(key)


@cache
def _texts(language: str) -> _Texts:
    return _Texts(language)


def read_texts() -> None:
    """Read the texts of every language now: an upgrade replaces them under a running process."""
    for language in LANGUAGES:
        _texts(language)


def language_of(code: str | None, default: str = "ru") -> str:
    """Return the supported language for a code such as "en-GB", else `default`."""
    head = (code or "").lower().split("-")[0]
    return head if head in LANGUAGES else default


CODE = re.compile(
    r"(```|~~~).*?(?:\1|\Z)|``[^\n]+?``|`[^`\n]*`|(?<=\n\n)(?:(?: {4}|\t)[^\n]*(?:\n|\Z))+",
    re.DOTALL,
)
_RUSSIAN = re.compile("[А-Яа-яЁё]")
_ENGLISH = re.compile("[A-Za-z]")
_SEEN = 200  # letters of a text that tell its language
_MIN_CHARACTERS = 8  # fewer tell nothing


def detect_language(text: str, fewest: int = _MIN_CHARACTERS) -> str:
    """Return `ru` or `en` by the letters outside code; "" for too few letters or a mixed text."""
    plain = CODE.sub("", text[:2000]) if "`" in text else text[:_SEEN]
    russian = len(_RUSSIAN.findall(plain))
    english = len(_ENGLISH.findall(plain))
    if russian + english < fewest:
        return ""
    if russian > english:
        return "ru"
    return "en" if russian * 10 < english else ""


def choose_translation(texts: Mapping[str, str], language: str) -> str:
    """Return the text in `language`, else in another language, else ""."""
    # Called for every course of a list, so look the language up directly first.
    return texts.get(language) or next(
        (texts[other] for other in LANGUAGES if texts.get(other)), ""
    )


def text(language: str, key: str, /, **arguments: object) -> str:
    """Return the text `key` in `language` with its arguments filled in.

    An argument may be a text itself: a mapping with `key` and `arguments`. Raises KeyError if the
    text does not exist, ValueError if an argument is missing.
    """
    nearest = language_of(language)
    return (
        _format_text(nearest, key, arguments)
        if arguments
        else _cached_text(nearest, key)
    )


def text_like(sample: str, language: str, key: str) -> str:
    """Return the text `key` in the language of `sample`, in `language` if it tells none."""
    return text(detect_language(sample) or language, key)


def command_text(language: str, key: str, /, **arguments: object) -> str:
    """Return the text `key` for a reader of a command's output.

    Its attribute `command`, if it has one, follows: which command to run next. Readers of the bot
    and the pages have their buttons.
    """
    nearest = language_of(language)
    message = text(language, key, **arguments)
    if "command" not in _texts(nearest).message(key).attributes:
        return message
    return f"{message} {_format_text(nearest, key, arguments, 'command')}"


def page_text(language: str, prefix: str, key: str, /, **arguments: object) -> str:
    """Return the text `<prefix>-<key>` of a page, else `page-<key>`, which all pages share."""
    own = f"{prefix}-{key}"
    is_own = own in _texts(language_of(language)).sources
    return text(language, own if is_own else f"page-{key}", **arguments)


def render_stored_text(language: str, key: str, arguments: Mapping[str, Any]) -> str:
    """Return a text that was stored by its key, or the key if it cannot be formatted."""
    if key not in keys(language):
        return key
    try:
        return text(language, key, **arguments)
    except (KeyError, ValueError, TypeError):
        return key


@cache
def _cached_text(language: str, key: str) -> str:
    return _format_text(language, key, {})


def _format_text(
    language: str, key: str, arguments: Mapping[str, object], attribute: str = ""
) -> str:
    messages = _texts(language)
    message = messages.message(key)
    pattern = message.attributes[attribute] if attribute else message.value
    if pattern is None:
        raise AssertionError(f"{key}: a test proves that each text has a value")
    values = {
        name: _format_argument(language, value) for name, value in arguments.items()
    }
    filled, errors = messages.bundle.format_pattern(pattern, values)
    if errors:
        raise ValueError(f"text {key}: {errors[0]}")
    return str(filled)


def _format_argument(language: str, value: object) -> object:
    if isinstance(value, Mapping):
        return cut(text(language, str(value["key"]), **value["arguments"]))
    if isinstance(value, list | tuple):
        return cut("\n".join(str(_format_argument(language, item)) for item in value))
    return cut(value) if isinstance(value, str) else value


def cut(message: str, max_length: int = MAX_PART_LENGTH) -> str:
    """Truncate a text to `max_length` characters, ending in "…"; Fluent limits arguments so."""
    return message if len(message) <= max_length else f"{message[: max_length - 1]}…"


def keys(language: str) -> frozenset[str]:
    """Return the keys that exist in `language`."""
    return frozenset(_texts(language).sources)


def format_moment(
    at: datetime,
    zone: tzinfo,
    language: str,
    *,
    now: datetime | None = None,
    is_named: bool = False,
    is_brief: bool = False,
) -> str:
    """Format a moment: "20 ноября 2026, 13:12", in the year of `now` "20 ноября, 13:12".

    `is_named` appends the time zone, for readers who did not choose it; `is_brief` shortens the
    month.
    """
    local = in_zone(at, zone)
    is_this_year = now is not None and in_zone(now, zone).year == local.year
    moment = moment_argument(
        local,
        is_named=is_named,
        is_brief=is_brief,
        key="moment-brief" if is_this_year else "",
    )
    return text(language, moment["key"], **moment["arguments"])


def moment_argument(
    local: datetime, *, is_named: bool, is_brief: bool = False, key: str = ""
) -> dict[str, Any]:
    """Return an aware moment as an argument of a text; the rest is as in `format_moment`."""
    month_key = "moment-month-brief" if is_brief else "moment-month"
    month = {"key": month_key, "arguments": {"month": local.month}}
    values = {
        "day": local.day,
        "month": month,
        "year": str(local.year),
        "time": f"{local:%H:%M}",
    }
    moment = {"key": key or "moment-told", "arguments": values}
    if not is_named:
        return moment
    return {
        "key": "moment-in-zone",
        "arguments": {"moment": moment, "zone": zone_name(local)},
    }


def day_argument(day: date) -> dict[str, object]:
    """Return a day as an argument of a text, formatted in its language: "14 января 2027"."""
    month = {"key": "moment-month", "arguments": {"month": day.month}}
    values = {"day": day.day, "month": month, "year": str(day.year)}
    return {"key": "moment-day", "arguments": values}


def format_time(at: datetime) -> str:
    """Format a moment to the second, in this machine's zone: "2026-11-20 13:12:05 MSK"."""
    local = in_zone(at)
    return f"{local:%Y-%m-%d %H:%M:%S} {zone_name(local)}"


def format_day_briefly(day: date, language: str) -> str:
    """Format a day without its year: "20 ноя"."""
    month = text(language, "moment-month-brief", month=day.month)
    return text(language, "moment-day-brief", day=day.day, month=month)


def format_duration(language: str, duration: timedelta) -> str:
    """Format a duration in its largest unit: "4 мин"."""
    seconds = max(int(duration.total_seconds()), 0)
    for name, unit in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= unit:
            return text(language, f"duration-{name}", count=seconds // unit)
    return text(language, "duration-seconds", count=seconds)


def zone_name(local: datetime) -> str:
    """Return the name of a moment's time zone: "MSK", or "UTC+04" if it has none."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{name}"
