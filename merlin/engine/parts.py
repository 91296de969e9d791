"""Small pieces of what calls and files bring: JSON without half a character, contents in parts."""

from __future__ import annotations

import json
from collections.abc import Sequence


class HalfCharacter(ValueError):
    """A text holds half of a surrogate pair: JSON's escapes allow it, no encoding of texts does."""


def read_json(content: str) -> object:
    """Read a JSON text. Raises ValueError or RecursionError for what is none, HalfCharacter."""
    read = json.loads(content)
    # Only what was escaped can be broken so.
    if "\\u" in content:
        try:
            json.dumps(read, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise HalfCharacter from error
    return read


def text_of(parts: Sequence[object]) -> str | None:
    """Return the parts' texts, one a line; None when a part is anything but a text."""
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        return None
    return "\n".join(str(text) for text in texts)
