"""Every text a person sees, by key, in their language (Fluent).

The texts lie in `merlin/locale/<language>/*.ftl`; both languages hold the same keys, which a
test proves. A missing key is a bug and raises KeyError.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fluent.runtime import FluentBundle
from fluent.syntax import FluentParser

LANGUAGES = ("ru", "en")
_LOCALE = Path(__file__).parents[1] / "locale"


@cache
def _bundle(language: str) -> FluentBundle:
    # Isolation marks around arguments would show up in terminals and in copied text.
    bundle = FluentBundle([language], use_isolating=False)
    # Where in its file each text stands would take as much memory as the texts.
    parser = FluentParser(with_spans=False)
    for path in sorted((_LOCALE / language).glob("*.ftl")):
        bundle.add_resource(parser.parse(path.read_text(encoding="utf-8")))
    return bundle


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


@cache
def _fixed(language: str, key: str) -> str:
    return _filled(language, key, {})


def _filled(language: str, key: str, arguments: Mapping[str, object]) -> str:
    bundle = _bundle(language)
    pattern = bundle.get_message(key).value
    if pattern is None:
        raise KeyError(key)
    said = {name: _said(language, value) for name, value in arguments.items()}
    filled, errors = bundle.format_pattern(pattern, said)
    if errors:
        raise ValueError(f"text {key}: {errors[0]}")
    return str(filled)


def _said(language: str, value: object) -> object:
    if isinstance(value, Mapping):
        return text(language, str(value["key"]), **value["arguments"])
    return value


def keys(language: str) -> frozenset[str]:
    """Return the keys that `language` has."""
    # Fluent publishes no list of its messages.
    return frozenset(_bundle(language)._messages)
