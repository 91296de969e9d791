"""Texts by key and language (Fluent); times, amounts and counts as people read them.

The texts lie in `merlin/locale/<language>/*.ftl`; both languages hold the same keys, which a test
proves. A missing key is a bug and raises KeyError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

from fluent.runtime import FluentBundle
from fluent.runtime.resolver import MAX_PART_LENGTH, Message
from fluent.syntax import FluentParser

from merlin.core.clock import in_zone

_NBSP = "\u00a0"


def format_number(language: str, value: float, digits: int = 2) -> str:
    """Return a number as the language writes it: 0,79; whole ones by thousands."""
    message = f"{value:,.{digits}f}"
    if language == "ru":
        message = message.replace(",", _NBSP).replace(".", ",")
    return message


def format_signed(language: str, value: float, digits: int = 0) -> str:
    """Return a number with its sign, 0 without one."""
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return f"{sign}{format_number(language, abs(value), digits)}"


LANGUAGES = ("ru", "en")
_LOCALE = Path(__file__).parents[1] / "locale"


# A text begins at its line's start; another text within one is named in braces.
_KEY = re.compile(r"^([a-zA-Z][\w-]*) *=", re.MULTILINE)
_NAMED = re.compile(r"\{ *([a-zA-Z][\w-]*) *\}")


class _Texts:
    """The texts of one language; each file is parsed when the first of its texts is wanted.

    A process says a part of them, and parsed all together they take 4 MB a language.
    """

    def __init__(self, language: str) -> None:
        # Isolation marks around arguments would show up in terminals and in copied text.
        self.bundle = FluentBundle([language], use_isolating=False)
        paths = sorted((_LOCALE / language).glob("*.ftl"))
        self.places = {key: path for path in paths for key in _KEY.findall(_read(path))}
        # Where in its file each text stands would take as much memory as the texts.
        self._parser = FluentParser(with_spans=False)
        self._parsed: set[Path] = set()
        self._lock = RLock()

    def message(self, key: str) -> Message:
        """Return a text as it was parsed. Raises KeyError."""
        path = self.places[key]
        if path not in self._parsed:
            self._parse(path)
        return self.bundle.get_message(key)

    def _parse(self, path: Path) -> None:
        with self._lock:
            if path in self._parsed:
                return
            source = _read(path)
            self.bundle.add_resource(self._parser.parse(source))
            for key in _NAMED.findall(source):
                if self.places.get(key, path) != path:
                    self._parse(self.places[key])
            self._parsed.add(path)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _texts(language: str) -> _Texts:
    return _Texts(language)


def language_of(code: str | None, default: str = "ru") -> str:
    """Return the nearest language we speak to a code such as "en-GB"."""
    head = (code or "").lower().split("-")[0]
    return head if head in LANGUAGES else default


def text(language: str, key: str, **arguments: object) -> str:
    """Return the text `key` in `language` with its arguments filled in.

    An argument may be a text itself: a mapping with `key` and `arguments`. Raises KeyError
    when no such text exists, ValueError when an argument is missing.
    """
    nearest = language_of(language)
    return _filled(nearest, key, arguments) if arguments else _fixed(nearest, key)


def stored_text(language: str, key: str, arguments: Mapping[str, Any]) -> str:
    """Return a text that was stored by its key; what has no words stays its key."""
    if key not in keys(language):
        return key
    try:
        return text(language, key, **arguments)
    except (KeyError, ValueError, TypeError):
        return key


@cache
def _fixed(language: str, key: str) -> str:
    return _filled(language, key, {})


def _filled(language: str, key: str, arguments: Mapping[str, object]) -> str:
    texts = _texts(language)
    pattern = texts.message(key).value
    if pattern is None:
        raise KeyError(key)
    values = {name: _said(language, value) for name, value in arguments.items()}
    filled, errors = texts.bundle.format_pattern(pattern, values)
    if errors:
        raise ValueError(f"text {key}: {errors[0]}")
    return str(filled)


def _said(language: str, value: object) -> object:
    if isinstance(value, Mapping):
        return cut(text(language, str(value["key"]), **value["arguments"]))
    if isinstance(value, list | tuple):
        return cut("\n".join(str(_said(language, each)) for each in value))
    return cut(value) if isinstance(value, str) else value


def cut(message: str, most: int = MAX_PART_LENGTH) -> str:
    """Return words of so many letters at most, as Fluent takes them; longer ones end in "…"."""
    return message if len(message) <= most else f"{message[: most - 1]}…"


def keys(language: str) -> frozenset[str]:
    """Return the keys that `language` has."""
    return frozenset(_texts(language).places)


def format_moment(at: datetime, zone: tzinfo, language: str, *, is_named: bool = False) -> str:
    """Return the whole moment: "20 ноября 2026, 13:12".

    `is_named`: with the zone, for somebody who did not choose it.
    """
    here = in_zone(at, zone)
    message = text(
        language,
        "moment-told",
        day=here.day,
        month=text(language, "moment-month", month=here.month),
        year=str(here.year),
        time=f"{here:%H:%M}",
    )
    return _in_named_zone(message, here, language) if is_named else message


def moment_argument(here: datetime, *, is_named: bool = False) -> dict[str, object]:
    """Return an aware moment as an argument of a text; `is_named` as for `format_moment`."""
    month = {"key": "moment-month", "arguments": {"month": here.month}}
    values = {"day": here.day, "month": month, "year": str(here.year), "time": f"{here:%H:%M}"}
    moment: dict[str, object] = {"key": "moment-told", "arguments": values}
    if not is_named:
        return moment
    return {"key": "moment-in-zone", "arguments": {"moment": moment, "zone": zone_name(here)}}


def day_argument(day: date) -> dict[str, object]:
    """Return a day as an argument of a text, told in its language: "14 января 2027"."""
    month = {"key": "moment-month", "arguments": {"month": day.month}}
    values = {"day": day.day, "month": month, "year": str(day.year)}
    return {"key": "moment-day", "arguments": values}


def format_day_briefly(day: date, language: str) -> str:
    """Return a day without its year: "20 ноя"."""
    month = text(language, "moment-month-brief", month=day.month)
    return text(language, "moment-day-brief", day=day.day, month=month)


def format_moment_briefly(
    at: datetime, zone: tzinfo, language: str, *, is_named: bool = False
) -> str:
    """Return the moment without its year, for lists: "20 ноя, 13:12"; as `format_moment`."""
    here = in_zone(at, zone)
    month = text(language, "moment-month-brief", month=here.month)
    message = text(language, "moment-brief", day=here.day, month=month, time=f"{here:%H:%M}")
    return _in_named_zone(message, here, language) if is_named else message


def _in_named_zone(message: str, here: datetime, language: str) -> str:
    return text(language, "moment-in-zone", moment=message, zone=zone_name(here))


def zone_name(here: datetime) -> str:
    """Return how the zone of an aware moment is called: "MSK"; "UTC+04" where it has no name."""
    name = here.tzname() or ""
    return name if name.isalpha() else f"UTC{name}"
