"""Pages as one text, so that they can be sealed: compact JSON without what is empty."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from merlin.core.page import Attachment, Button, Mark, Page
from merlin.inbox.outgoing import Spot

# `dataclasses.astuple` copies deeply, which takes ten times as long.
_of_mark, _of_button, _of_spot = (
    attrgetter(*(field.name for field in fields(kind))) for kind in (Mark, Button, Spot)
)


def written(page: Page, spot: Spot) -> str:
    """Return the page and its spot as one text."""
    said: dict[str, Any] = {"text": page.text}
    if page.marks:
        said["marks"] = [_of_mark(mark) for mark in page.marks]
    if page.buttons:
        said["buttons"] = [[_of_button(button) for button in row] for row in page.buttons]
    if page.file is not None:
        file, content = page.file, base64.b64encode(page.file.content).decode()
        said["file"] = {"name": file.name, "content": content}
        if file.is_picture:
            said["file"]["picture"] = True
    if spot != Spot():
        said["spot"] = _of_spot(spot)
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> tuple[Page, Spot]:
    """Return what `written` wrote; a forgotten text ("") is an empty page."""
    said: Mapping[str, Any] = json.loads(text) if text else {"text": ""}
    page = Page(
        text=said["text"],
        marks=tuple(Mark(*mark) for mark in said.get("marks", ())),
        buttons=tuple(tuple(Button(*button) for button in row) for row in said.get("buttons", ())),
        file=_file(said.get("file")),
    )
    return page, Spot(*said.get("spot", ()))


def _file(said: Mapping[str, Any] | None) -> Attachment | None:
    if said is None:
        return None
    content = base64.b64decode(said["content"])
    return Attachment(said["name"], content, is_picture=said.get("picture", False))
