"""The Bot API over HTTP, and the stand-in as one ASGI application.

A bot calls `/bot<token>/<method>` and `/file/bot<token>/<path>`. METHODS has every method by its
name, except those of updates: `BotApi` answers them itself. The application adds the control side
and the chat page.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from merlin.core.clock import iso, utc_now
from merlin.sandbox.faults import Fault, FaultGate, Faults
from merlin.sandbox.telegram import groups, keyboards, messages, queries, stars
from merlin.sandbox.telegram.arguments import (
    Arguments,
    BotApiError,
    bad_request,
    of_status,
    read_arguments,
)
from merlin.sandbox.telegram.chat_page import PipelineReader
from merlin.sandbox.telegram.control import ControlSide
from merlin.sandbox.telegram.messages import by_path
from merlin.sandbox.telegram.updates import Updates, Webhook
from merlin.sandbox.telegram.world import TOKEN, Call, World, bot_profile


async def get_me(world: World, _arguments: Arguments) -> dict[str, Any]:
    """Answer getMe."""
    return bot_profile(world.settings)


async def accept(_world: World, _arguments: Arguments) -> bool:
    """Answer what is accepted, and shown nowhere."""
    return True


Method = Callable[[World, Arguments], Awaitable[Any]]

METHODS: Mapping[str, Method] = {
    "getMe": get_me,
    "getFile": messages.get_file,
    "setMyCommands": keyboards.set_my_commands,
    "deleteMyCommands": keyboards.delete_my_commands,
    "setChatMenuButton": accept,
    "sendMessage": messages.send_message,
    "sendDocument": messages.send_document,
    "sendPhoto": messages.send_photo,
    "sendChatAction": messages.send_chat_action,
    "sendMessageDraft": messages.send_message_draft,
    "editMessageText": messages.edit_message_text,
    "editMessageReplyMarkup": messages.edit_message_reply_markup,
    "deleteMessage": messages.delete_message,
    "answerCallbackQuery": queries.answer_callback_query,
    "answerInlineQuery": queries.answer_inline_query,
    "sendInvoice": stars.send_invoice,
    "createInvoiceLink": stars.create_invoice_link,
    "answerPreCheckoutQuery": stars.answer_pre_checkout_query,
    "refundStarPayment": stars.refund_star_payment,
    "getStarTransactions": stars.get_star_transactions,
    "editUserStarSubscription": stars.edit_user_star_subscription,
    "createForumTopic": groups.create_forum_topic,
    "editForumTopic": groups.edit_forum_topic,
    "getChatMember": groups.get_chat_member,
}


_ADDRESS = re.compile(r"/bot([^/]+)/([A-Za-z]+)/?")
_FILE_ADDRESS = re.compile(r"/file/bot([^/]+)/(.+)")
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{30,}")


class BotApi:
    """ASGI application of the addresses that a bot calls."""

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.updates = Updates(world)
        self.webhook = Webhook(world)
        self._token = token
        self._methods = {name.lower(): (name, method) for name, method in METHODS.items()}
        own: Mapping[str, Method] = {
            "getUpdates": lambda _world, arguments: self.updates.poll(arguments),
            "setWebhook": lambda _world, arguments: self.webhook.set(arguments),
            "deleteWebhook": lambda _world, arguments: self.webhook.delete(arguments),
        }
        self._methods |= {name.lower(): (name, method) for name, method in own.items()}

    async def open(self) -> None:
        """Push on where a webhook was set before."""
        self.webhook.resume()

    async def close(self) -> None:
        """End long polls and pushes."""
        self.updates.close()
        await self.webhook.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call of the bot."""
        request = Request(scope, receive)
        if scope["path"].startswith("/file/"):
            response = self._download(scope["path"])
        else:
            response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        arguments = Arguments()
        name = ""
        try:
            name, method = self._find(request.scope["path"])
            arguments = await read_arguments(request)
            coming = method(self.world, arguments)
            if name == "getUpdates":
                coming = _while_there(request, coming)
            result = await coming
        except (BotApiError, KeyError, TypeError, ValueError) as unreadable:
            error = (
                unreadable if isinstance(unreadable, BotApiError) else bad_request(repr(unreadable))
            )
            self._note(name, arguments, error.code, error.description)
            return JSONResponse(error.as_json(), error.code)
        self._note(name, arguments, 200, "")
        return JSONResponse({"ok": True, "result": result})

    def _find(self, path: str) -> tuple[str, Method]:
        """Return the method at an address. Raises BotApiError 401 or 404 as Telegram does."""
        address = _ADDRESS.fullmatch(path)
        if address is None:
            raise of_status(404)
        self._check_token(address[1])
        found = self._methods.get(address[2].lower())
        if found is None:
            raise BotApiError(404, "Not Found: method not found")
        return found

    def _check_token(self, token: str) -> None:
        if token != self._token:
            raise of_status(401 if _TOKEN.fullmatch(token) else 404)

    def _note(self, name: str, arguments: Arguments, status: int, description: str) -> None:
        call = Call(iso(utc_now()), name, arguments.values, status, description)
        self.world.calls.append(call)
        self.world.tell("call", {"call": call})

    def _download(self, path: str) -> Response:
        address = _FILE_ADDRESS.fullmatch(path)
        try:
            self._check_token(address[1] if address else "")
            file_id = by_path(self.world, address[2]) if address else None
            if file_id is None:
                raise of_status(404)
        except BotApiError as error:
            return JSONResponse(error.as_json(), error.code)
        return Response(self.world.content(file_id), media_type="application/octet-stream")


async def _while_there(request: Request, poll: Awaitable[Any]) -> Any:
    """Return what a long poll brings; end it when the bot's connection is gone."""
    polling = asyncio.ensure_future(poll)
    leaving = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait([polling, leaving], return_when=asyncio.FIRST_COMPLETED)
        return polling.result() if polling.done() else []
    finally:
        polling.cancel()
        leaving.cancel()


def method_of(path: str) -> str | None:
    """Return the method that an address names, None for addresses that are no bot's."""
    address = _ADDRESS.fullmatch(path)
    if address:
        return address[2]
    return "downloadFile" if path.startswith("/file/bot") else None


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """What a stand-in is started with.

    `folder` keeps its state over restarts (None: in memory); `token` is the bot's;
    `read_pipeline` returns what the page's right side shows (None: no right side).
    """

    folder: Path | None = None
    token: str = TOKEN
    read_pipeline: PipelineReader | None = None
    language: str = "ru"


class TelegramApp:
    """ASGI application; one for each time that the stand-in is started over its world."""

    def __init__(self, settings: TelegramSettings, world: World, faults: Faults) -> None:
        self._world = world
        self._api = BotApi(world, settings.token)
        self._gate = FaultGate(self._api, faults, _name_call, _fault_answer)
        self._control = ControlSide(world, faults, settings.read_pipeline, settings.language)

    async def open(self) -> None:
        """Begin what runs beside the calls."""
        await self._api.open()

    async def close(self) -> None:
        """End long polls, pushes and streams; let go of the journal."""
        await self._api.close()
        await self._control.close()
        self._world.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call of the bot, the page or a test."""
        if scope["type"] != "http":
            return
        to_bot_api = scope["path"].startswith(("/bot", "/file/bot"))
        await (self._gate if to_bot_api else self._control)(scope, receive, send)


def create_app(settings: TelegramSettings) -> TelegramApp:
    """Return the stand-in, with what its folder kept."""
    return TelegramApp(settings, World(settings.folder, settings.language), Faults())


async def _name_call(request: Request) -> tuple[str, Mapping[str, str]] | None:
    """Return the Bot API method of a call and its arguments, for faults that hit one chat alone."""
    method = method_of(request.scope["path"])
    if method is None:
        return None
    with suppress(ValueError):
        arguments = await read_arguments(request)
        return method, {name: str(value) for name, value in arguments.values.items()}
    return method, {}


def _fault_answer(fault: Fault) -> Response:
    return JSONResponse(of_status(fault.status, fault.retry_after_s).as_json(), fault.status)
