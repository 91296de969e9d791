"""The stand-in as one ASGI application: the bot's addresses, the control side, the chat page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from merlin.sandbox.faults import Fault, FaultGate, Faults
from merlin.sandbox.telegram.api import BotApi, method_of
from merlin.sandbox.telegram.control import ControlSide
from merlin.sandbox.telegram.errors import of_status
from merlin.sandbox.telegram.people import TOKEN
from merlin.sandbox.telegram.world import World


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """What a stand-in is started with.

    `folder` keeps its state over restarts (None: in memory); `token` is the bot's;
    `pipeline_url` is where the page's right side is read (empty: no right side).
    """

    folder: Path | None = None
    token: str = TOKEN
    pipeline_url: str = ""
    language: str = "ru"
    seed: int = 0


class TelegramApp:
    """ASGI application; one for each time that the stand-in is started over its world."""

    def __init__(self, settings: TelegramSettings, world: World, faults: Faults) -> None:
        self._world = world
        self._api = BotApi(world, settings.token)
        self._gate = FaultGate(self._api, faults, _name, _fault_answer)
        self._control = ControlSide(world, faults, settings.pipeline_url, settings.language)

    async def open(self) -> None:
        """Begin what runs beside the calls."""
        await self._api.open()
        await self._control.open()

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


def create_app(settings: TelegramSettings, faults: Faults | None = None) -> TelegramApp:
    """Return the stand-in, with what its folder kept."""
    return TelegramApp(
        settings, World(settings.folder, settings.language), faults or Faults(seed=settings.seed)
    )


def _name(scope: Scope, body: bytes) -> tuple[str, Mapping[str, str]] | None:
    """Return the Bot API method of a call and its chat, for faults that hit one chat alone."""
    method = method_of(scope["path"])
    if method is None:
        return None
    return method, _arguments(scope, body)


def _arguments(scope: Scope, body: bytes) -> Mapping[str, str]:
    request = Request(scope)
    kind = request.headers.get("content-type", "")
    values: dict[str, object] = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    if kind.startswith("application/json"):
        with suppress(ValueError):
            values.update(json.loads(body))
    elif kind.startswith("application/x-www-form-urlencoded"):
        values.update(parse_qsl(body.decode("utf-8", "replace")))
    return {name: str(value) for name, value in values.items()}


def _fault_answer(fault: Fault) -> Response:
    return JSONResponse(of_status(fault.status, fault.retry_after_s).as_json(), fault.status)
