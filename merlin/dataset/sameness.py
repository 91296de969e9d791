"""When two questions, or two examples, are the same: their normal forms.

The split groups by the same normal form (`merlin.build.split`), so that twins never stand on
both sides. Signs are kept: `//` and `%` are different questions about Python.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping

from merlin.dataset.example import Example

_AT_THE_END = " ?!.…"


def normal(words: str) -> str:
    """Return `words` composed (NFC), lower case, ё as е, blanks single, no signs at the end."""
    composed = unicodedata.normalize("NFC", words).casefold().replace("ё", "е")
    return " ".join(composed.split()).rstrip(_AT_THE_END)


def question_key(example: Example) -> str:
    """Return the normal form of the example's first question."""
    return normal(example.question)


def content_key(example: Example) -> bytes:
    """Return a digest of the normal form of all that is trained: messages, extras, and tools."""
    said = [[each.role, normal(each.content), _plain(each.extra)] for each in example.messages]
    told = json.dumps([said, [_plain(tool) for tool in example.tools]], ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()


def _plain(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
