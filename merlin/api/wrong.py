"""Wrong values: what pydantic found in a request, in words that help whoever sent it.

Nothing of what was sent is said again but where it stands, so that a log or a page that shows
a problem shows no secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from merlin.core.text import text

MOST = 20
_PLACES = frozenset({"body", "query", "path", "header", "cookie"})
# pydantic's type of an error -> the text and what of its context fills it.
_WORDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "missing": ("missing", ()),
    "extra_forbidden": ("extra", ()),
    "json_invalid": ("json", ()),
    "model_attributes_type": ("object", ()),
    "dict_type": ("object", ()),
    "list_type": ("list", ()),
    "string_type": ("string", ()),
    "string_unicode": ("unicode", ()),
    "int_type": ("integer", ()),
    "int_parsing": ("integer", ()),
    "int_parsing_size": ("integer", ()),
    "int_from_float": ("integer", ()),
    "float_type": ("number", ()),
    "float_parsing": ("number", ()),
    "bool_type": ("boolean", ()),
    "bool_parsing": ("boolean", ()),
    "greater_than_equal": ("at-least", ("ge",)),
    "greater_than": ("more-than", ("gt",)),
    "less_than_equal": ("at-most", ("le",)),
    "less_than": ("less-than", ("lt",)),
    "string_too_short": ("too-short", ("min_length",)),
    "string_too_long": ("too-long", ("max_length",)),
    "too_short": ("too-few", ("min_length",)),
    "too_long": ("too-many", ("max_length",)),
    "enum": ("one-of", ("expected",)),
    "literal_error": ("one-of", ("expected",)),
    "union_tag_invalid": ("kind", ("discriminator", "expected_tags")),
    "union_tag_not_found": ("no-kind", ("discriminator",)),
}


def wrong_values(errors: Sequence[Mapping[str, Any]], language: str) -> list[dict[str, str]]:
    """Return the first `MOST` errors, each with its place, its JSON pointer and words."""
    return [_wrong_value(error, language) for error in errors[:MOST]]


def _wrong_value(error: Mapping[str, Any], language: str) -> dict[str, str]:
    place, *path = error["loc"] or ("body",)
    if error["type"] == "json_invalid":
        path = []  # pydantic says at which byte, which is no pointer
    return {
        "place": place if place in _PLACES else "body",
        "pointer": "".join(f"/{_token(each)}" for each in path),
        "detail": _detail(error, language),
    }


def _token(part: object) -> str:
    """Return one step of a JSON pointer: RFC 6901, section 3."""
    said = str(part).encode("utf-8", "replace").decode()
    return said.replace("~", "~0").replace("/", "~1")[:100]


def _detail(error: Mapping[str, Any], language: str) -> str:
    key, names = _WORDS.get(error["type"], ("plain", ()))
    context = error.get("ctx", {})
    if error["type"] == "json_invalid" and "recursion" in str(context.get("error", "")):
        key = "deep"
    # As text: Fluent would write ids and bounds with spaces between the thousands.
    told = {name.replace("_", ""): _listed(str(context.get(name, ""))) for name in names}
    return text(language, f"api-wrong-{key}", **told)


def _listed(words: str) -> str:
    """Return what pydantic lists, without its English "or" before the last."""
    return words.replace("' or '", "', '")
