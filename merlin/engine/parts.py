"""A message's content in parts, as the chat format has it: read where every part is a text."""

from __future__ import annotations

from collections.abc import Sequence


def text_of(parts: Sequence[object]) -> str | None:
    """Return the parts' texts, one a line; None when a part is anything but a text."""
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        return None
    return "\n".join(str(text) for text in texts)
