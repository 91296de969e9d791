"""Wire: one call of the Bot API with plain fields, paced by the limiter.

python-telegram-bot's own methods make objects of every answer, which costs more than the call;
of most answers we need one number. Errors are the library's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telegram import InputFile
from telegram.request import BaseRequest, RequestData
from telegram.request._requestparameter import RequestParameter

from merlin.bot.limiter import ChatLimiter, Lane
from merlin.core.page import Attachment, Button, Mark, Page
from merlin.inbox.outgoing import Spot


class Wire:
    """The calls of one bot."""

    def __init__(self, bot_url: str, transport: BaseRequest, pace: ChatLimiter) -> None:
        """Take the address of the bot's methods (it holds the token, so it is never logged)."""
        self._method_url = f"{bot_url}/"
        self._transport = transport
        self._pace = pace

    async def call(
        self,
        method: str,
        fields: Mapping[str, Any],
        lane: Lane = Lane.FINAL,
        file: Attachment | None = None,
    ) -> Any:
        """Return the result of one call. Raises TelegramError as the library does, GaveWay."""
        parameters = [RequestParameter(name, value, None) for name, value in fields.items()]
        if file is not None:
            content = InputFile(file.content, filename=file.name)
            field = "photo" if file.is_picture else "document"
            parameters.append(RequestParameter.from_input(field, content))
        return await self._pace.process_request(
            self._transport.post,
            (f"{self._method_url}{method}", RequestData(parameters)),
            {},
            method,
            dict(fields),
            lane,
        )


def shown(page: Page) -> dict[str, Any]:
    """Return the fields by which a text message shows a page."""
    fields: dict[str, Any] = {"text": page.text, "link_preview_options": {"is_disabled": True}}
    if page.marks:
        fields["entities"] = [_entity(mark) for mark in page.marks]
    return fields | keyboard(page)


def captioned(page: Page) -> dict[str, Any]:
    """Return the fields by which a file's message shows the rest of its page."""
    fields: dict[str, Any] = {"caption": page.text} if page.text else {}
    if page.marks:
        fields["caption_entities"] = [_entity(mark) for mark in page.marks]
    return fields | keyboard(page)


def keyboard(page: Page) -> dict[str, Any]:
    """Return the field that holds a page's buttons, none where there are none."""
    if not page.buttons:
        return {}
    rows = [[_key(button) for button in row] for row in page.buttons]
    return {"reply_markup": {"inline_keyboard": rows}}


def spotted(spot: Spot) -> dict[str, Any]:
    """Return the fields that say where in a chat a message goes."""
    fields: dict[str, Any] = {"message_thread_id": spot.thread_id} if spot.thread_id else {}
    if spot.reply_to:
        quoted = {"message_id": spot.reply_to, "allow_sending_without_reply": True}
        fields["reply_parameters"] = quoted
    return fields


def _entity(mark: Mark) -> dict[str, Any]:
    entity: dict[str, Any] = {"type": mark.kind, "offset": mark.offset, "length": mark.length}
    if mark.value:
        entity["language" if mark.kind == "pre" else "url"] = mark.value
    return entity


def _key(button: Button) -> dict[str, Any]:
    key: dict[str, Any] = {"text": button.label}
    if button.url:
        key["url"] = button.url
    elif button.copy:
        key["copy_text"] = {"text": button.copy}
    else:
        key["callback_data"] = button.data
    return key | ({"style": button.style} if button.style else {})
