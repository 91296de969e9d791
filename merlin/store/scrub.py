"""Scrubbing: a person's number taken out of words and of JSON, wherever it stands alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from merlin.account.audit import user
from merlin.account.people import ERASED


def scrubbed(words: str, user_id: int) -> str:
    """Return the words with a word for nobody in the place of the person's number."""
    named = re.sub(rf"(?<!\w){re.escape(user(user_id))}(?!\d)", ERASED, words)
    return re.sub(rf"(?<!\d){user_id}(?!\d)", ERASED.removeprefix("user:"), named)


def scrubbed_paper(value: Any, user_id: int) -> Any:
    """Return a JSON value without the person: a number becomes 0, words are scrubbed."""
    if isinstance(value, Mapping):
        told = {scrubbed(key, user_id): each for key, each in value.items()}
        return {key: scrubbed_paper(each, user_id) for key, each in told.items()}
    if isinstance(value, list):
        return [scrubbed_paper(each, user_id) for each in value]
    if isinstance(value, str):
        return scrubbed(value, user_id)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return 0 if is_number and value == user_id else value
