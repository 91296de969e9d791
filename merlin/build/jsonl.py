"""JSONL: the canonical bytes of a training file.

One line an example, ordered by id; a line is the chat format of fine-tuning: `messages`, then
`tools` if any. Letters stand as themselves (`ensure_ascii` would make Russian 2.4 times as
long), no blanks between, a line end after each: the same examples give the same bytes anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from io import BytesIO

from merlin.dataset.example import Example


def line(example: Example, system: str) -> bytes:
    """Return one line, with its line end; `system` stands first unless the example has its own."""
    said: dict[str, object] = {
        "messages": [message.as_json() for message in example.with_system(system)]
    }
    if example.tools:
        said["tools"] = list(example.tools)
    return (json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def lines(examples: Iterable[Example], system: str) -> bytes:
    """Return the whole file; no examples give no bytes."""
    whole = BytesIO()  # lines that wait to be joined would take the file's memory twice
    for example in sorted(examples, key=lambda each: each.id):
        whole.write(line(example, system))
    return whole.getvalue()
