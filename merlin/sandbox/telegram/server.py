"""The stand-in as an ASGI application: the Bot API over HTTP, control routes, the chat page.

A bot calls `/bot<token>/<method>` and `/file/bot<token>/<path>`. METHODS maps method names to
functions, except for getUpdates.

Updates are kept until confirmed by long polling; there is one poller at a time.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from merlin.core.server import run_while_connected
from merlin.sandbox.server import StandIn
from merlin.sandbox.telegram import arguments, drafts, messages, queries
from merlin.sandbox.telegram.arguments import (
    Arguments,
    BotApiError,
    bad_request,
    read_arguments,
    status_error,
)
from merlin.sandbox.telegram.control import ControlSide, PipelineReader
from merlin.sandbox.telegram.user_actions import UserActions
from merlin.sandbox.telegram.world import DEFAULT_UPDATES, TOKEN, World, bot_user

MAX_UPDATES = 100
MAX_POLL_S = 50


class Updates:
    """The update queue as the bot sees it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._poller: asyncio.Future[None] | None = None
        self._closing = False
        world.listeners.append(self._on_change)

    def open(self) -> None:
        """Let polls wait."""
        self._closing = False

    def close(self) -> None:
        """End a long poll with the pending updates, which stay pending."""
        self._closing = True
        self._wake()

    def _on_change(self, kind: str, _change: Mapping[str, Any]) -> None:
        if kind == "update":
            self._wake()

    def _wake(self) -> None:
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(None)

    async def poll(self, arguments: Arguments) -> list[Mapping[str, Any]]:
        """Answer getUpdates, which confirms the updates below `offset`.

        Raises BotApiError 409 when another poller arrives.
        """
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(
                BotApiError(
                    409,
                    "Conflict: terminated by other getUpdates request;"
                    " make sure that only one bot instance is running",
                )
            )
        store_allowed_updates(self._world, arguments)
        offset = arguments.integer("offset")
        if confirmed := [
            update_id for update_id in self._world.updates if update_id < offset
        ]:
            self._world.record("confirm", update_ids=confirmed)
        limit = min(max(arguments.integer("limit", MAX_UPDATES), 1), MAX_UPDATES)
        timeout_s = min(max(arguments.integer("timeout"), 0), MAX_POLL_S)
        if not self._world.updates and timeout_s and not self._closing:
            await self._wait(timeout_s)
        return list(islice(self._world.updates.values(), limit))

    async def _wait(self, timeout_s: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._poller = future
        try:
            await asyncio.wait([future], timeout=timeout_s)
        finally:
            if self._poller is future:
                self._poller = None
        if future.done():
            future.result()


def store_allowed_updates(world: World, arguments: Arguments) -> None:
    """Store which kinds of updates the bot wants; an empty list restores the default."""
    allowed = arguments.parse("allowed_updates")
    if allowed is None:
        return
    kinds = [str(kind) for kind in allowed] or list(DEFAULT_UPDATES)
    if kinds != world.settings.get("allowed_updates"):
        world.record("setting", name="allowed_updates", value=kinds)


async def get_me(world: World, _arguments: Arguments) -> dict[str, Any]:
    """Answer getMe, with the settings made by the bot's owner."""
    return {
        **bot_user(),
        "can_join_groups": True,
        "can_read_all_group_messages": bool(world.settings.get("reads_all")),
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


async def get_webhook_info(world: World, _arguments: Arguments) -> dict[str, Any]:
    """Answer getWebhookInfo: there is none."""
    counts = {"pending_update_count": len(world.updates)}
    return {"url": "", "has_custom_certificate": False, **counts}


async def accept_silently(_world: World, _arguments: Arguments) -> bool:
    """Answer a method that has no visible effect."""
    return True


Method = Callable[[World, Arguments], Awaitable[Any]]
T = TypeVar("T")

METHODS: Mapping[str, Method] = {
    "getMe": get_me,
    "getWebhookInfo": get_webhook_info,
    "getFile": messages.get_file,
    "setMyCommands": arguments.set_my_commands,
    "setMyDescription": arguments.set_description,
    "getMyDescription": arguments.get_descriptions,
    "setMyShortDescription": arguments.set_description,
    "getMyShortDescription": arguments.get_descriptions,
    "setChatMenuButton": accept_silently,
    "sendMessage": messages.send_message,
    "sendRichMessage": messages.send_rich_message,
    "sendMessageDraft": drafts.send_message_draft,
    "sendRichMessageDraft": drafts.send_rich_message_draft,
    "sendDocument": messages.send_document,
    "sendPhoto": messages.send_photo,
    "sendChatAction": messages.send_chat_action,
    "editMessageText": messages.edit_message_text,
    "editMessageReplyMarkup": messages.edit_message_reply_markup,
    "answerCallbackQuery": queries.answer_callback_query,
    "sendInvoice": queries.send_invoice,
    "answerPreCheckoutQuery": queries.answer_pre_checkout_query,
    "refundStarPayment": queries.refund_star_payment,
    "createInvoiceLink": queries.create_invoice_link,
    "editUserStarSubscription": queries.edit_user_star_subscription,
}


_ADDRESS = re.compile(r"/bot([^/]+)/([A-Za-z]+)/?")
_FILE_ADDRESS = re.compile(r"/file/bot([^/]+)/(.+)")
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{30,}")


class TelegramStandIn(StandIn):
    """A stand-in of Telegram; `with TelegramStandIn() as telegram:`.

    `folder` keeps its state over restarts (None: in memory): a new stand-in on the same folder is
    Telegram after a restart. `token` is the bot's; `read_pipeline` returns what the page's right
    side shows (None: no right side), `front_url` is the link of its title ("": none).

    The people are anna, boris and vera; any positive number is one more person, who speaks
    English. All three and the bot are members of the group study; `anna@study` is anna in the
    group, `anna#12` in a topic.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        token: str = TOKEN,
        read_pipeline: PipelineReader | None = None,
        language: str = "ru",
        front_url: str = "",
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.token = token
        self._world = World(folder, language)
        self._actions, self._updates = UserActions(self._world), Updates(self._world)
        self._control = ControlSide(self._actions, read_pipeline, language, front_url)
        self._app = self._dispatch
        self._methods: dict[str, Method] = {
            **METHODS,
            "getUpdates": lambda _world, arguments: self._updates.poll(arguments),
        }

    async def open(self) -> None:
        """Let polls wait."""
        self._updates.open()

    async def close(self) -> None:
        """End long polls and streams; close the journal."""
        self._updates.close()
        self._control.close()
        self._world.close()

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of the bot, the page or a test."""
        is_of_bot = scope["path"].startswith(("/bot", "/file/bot"))
        await (self._serve_bot if is_of_bot else self._control.app)(
            scope, receive, send
        )

    async def _serve_bot(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/file/"):
            response = self._download(scope["path"])
        else:
            response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        arguments = Arguments()
        name = ""
        try:
            name = self._find_method(request.scope["path"])
            arguments = await read_arguments(request)
            call = self._methods[name](self._world, arguments)
            if name == "getUpdates":  # a long poll ends when its client disconnects
                result = await run_while_connected(request, call) or []
            else:
                result = await call
        except (BotApiError, KeyError, TypeError, ValueError) as caught:
            error = (
                caught if isinstance(caught, BotApiError) else bad_request(repr(caught))
            )
            self.on_call(name, arguments.values, error.code)
            return JSONResponse(error.as_json(), error.code)
        self.on_call(name, arguments.values, 200)
        return JSONResponse({"ok": True, "result": result})

    def _find_method(self, path: str) -> str:
        """Return the method of a path. Raises BotApiError 401 or 404 as Telegram does."""
        address = _ADDRESS.fullmatch(path)
        if address is None:
            raise status_error(404)
        self._check_token(address[1])
        if address[2] not in self._methods:
            raise BotApiError(404, "Not Found: method not found")
        return address[2]

    def _check_token(self, token: str) -> None:
        if token != self.token:
            raise status_error(401 if _TOKEN.fullmatch(token) else 404)

    def _download(self, path: str) -> Response:
        address = _FILE_ADDRESS.fullmatch(path)
        try:
            self._check_token(address[1] if address else "")
            paths = {
                file["file_path"]: file_id
                for file_id, file in self._world.files.items()
            }
            if address is None or address[2] not in paths:
                raise status_error(404)
        except BotApiError as error:
            return JSONResponse(error.as_json(), error.code)
        content = self._world.content(paths[address[2]])
        return Response(content, media_type="application/octet-stream")

    def act(self, function: Callable[[UserActions], T]) -> T:
        """Run a function with the people's actions in the server's thread."""
        return self.access(lambda: function(self._actions))
