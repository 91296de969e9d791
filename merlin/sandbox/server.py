"""Serve a stand-in: in a thread for tests, in a process of its own for the demo; deadlines.

`StandIn` is what every stand-in can do for tests: come, go, and be looked into while it serves;
`ApiStandIn` is one of a JSON API, whose calls have names, which faults hit and tests count.
What outlives its end lies in an `AppendLog`: a line is written whole before the stand-in goes on,
so `kill -9` loses nothing that was answered; a line torn by the kill is cut off at the next start.

A deadline is given in seconds of a machine that has nothing else to do. A wait that is over by
then looks how slow the machine is now, and ends only when the longer time is over as well.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from merlin.core import durable_files
from merlin.core.clock import iso, utc_now
from merlin.core.server import listen
from merlin.openai_protocol.errors import ApiError
from merlin.sandbox.faults import Fault, FaultGate, Faults, fault_routes
from merlin.sandbox.web import control_route

DEADLINE_S = 30.0
# As many additions as take 15 ms of an idle core of the machine on which the deadlines were set:
# longer than a scheduler's slice, so that a busy machine takes the core away in between.
_ADDITIONS, _IDLE_S = 500_000, 0.02
# For how long a call's timeout relies on the last measurement, in seconds.
_HOLDS_S = 10.0


def _slowness() -> float:
    """Return how many times as long as an idle machine's work takes here now, at least 1."""
    began, total = time.monotonic(), 0
    for number in range(_ADDITIONS):
        total += number
    # The load of the last minute also counts what waits for the disk.
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return max(1.0, load, (time.monotonic() - began) / _IDLE_S)


@lru_cache(maxsize=1)
def _slowness_at(_period: int) -> float:
    return _slowness()


def longest(seconds: float = 4 * DEADLINE_S) -> float:
    """Return in seconds of now what takes `seconds` on an idle machine: a call's timeout."""
    return seconds * _slowness_at(int(time.monotonic() / _HOLDS_S))


class Deadline:
    """The end of one wait, `seconds` of an idle machine after now."""

    def __init__(self, seconds: float = DEADLINE_S) -> None:
        self._began = time.monotonic()
        self._idle_s = self.allowed_s = seconds

    def is_over(self) -> bool:
        """Return whether the wait has taken longer than this machine needs at its slowest yet.

        Looks at the machine only after `seconds`: a wait that ends in time costs nothing.
        """
        waited_s = time.monotonic() - self._began
        if waited_s > self.allowed_s:
            self.allowed_s = max(self.allowed_s, self._idle_s * _slowness())
        return waited_s > self.allowed_s


T = TypeVar("T")
TICK_S = 0.1
LAST_CALLS_S = 1.0


class _Server(uvicorn.Server):
    """uvicorn that closes the application before it waits for open calls to end."""

    def __init__(self, app: StandIn) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
            )
        )
        self._app = app
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Stop serving; to be called in the server's loop."""
        self.should_exit = True
        self._ended.set()

    async def main_loop(self) -> None:
        """Tick as uvicorn does, but hear `end` at once."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), TICK_S)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop."""
        await self._app.open()
        await super().serve(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End long polls and streams, then the connections; uvicorn's own way sleeps for 0.1 s."""
        await self._app.close()
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        # A moment for what is answered already, and for idle connections to be gone.
        moment = asyncio.create_task(asyncio.sleep(0.001))
        await asyncio.wait([*self.server_state.tasks, moment], timeout=LAST_CALLS_S)
        for task in list(self.server_state.tasks):
            task.cancel()


def serve(app: StandIn, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; for a stand-in that is a process of its own."""
    with listen("--port", host, port) as listener:
        asyncio.run(_Server(app).serve([listener]))


def serve_from_arguments(make_app: Callable[[argparse.Namespace], StandIn], **options: str) -> None:
    """Serve a stand-in as the command line says; `options` are names of texts and their help."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--folder", type=Path, help="keeps the state over restarts")
    for name, words in options.items():
        parser.add_argument(f"--{name.replace('_', '-')}", default="", help=words)
    args = parser.parse_args()
    serve(make_app(args), args.host, args.port)


class StandIn(ABC):
    """An outside service: an ASGI application, and a thread of this process that serves it.

    `with ….StandIn() as outside:` serves it on a port that stays its own (0: a free one). `stop`
    and `start` again is the service down and back: same port, same state.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: _Server | None = None

    @abstractmethod
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""

    async def open(self) -> None:  # noqa: B027 - most have nothing to begin
        """Begin what runs beside the calls; called once, before the first of them."""

    @abstractmethod
    async def close(self) -> None:
        """End long polls and streams, let go of files and sockets."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen and serve; on return the port answers. A second start takes the same port."""
        listener = listen("port", "127.0.0.1", self.port)
        self.port = listener.getsockname()[1]
        self._started.clear()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._run, args=(self._server, listener), name="stand-in", daemon=True
        )
        self._thread.start()
        if not self._started.wait(longest()):
            raise TimeoutError("the stand-in did not start")

    def _run(self, server: _Server, listener: socket.socket) -> None:
        with listener, asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._loop.call_soon(self._started.set)
            runner.run(server.serve([listener]))

    @property
    def is_running(self) -> bool:
        """Return whether it answers."""
        return self._thread is not None

    def stop(self) -> None:
        """Stop answering; connections are closed. Without effect when not started."""
        if self._thread is None or self._server is None:
            return
        self.call(self._server.end)
        self._thread.join()
        self._thread = None

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the server's thread; return its result, raise its error."""
        if self._loop is None or self._thread is None:
            task.close()
            raise RuntimeError("the stand-in is not started")
        return asyncio.run_coroutine_threadsafe(task, self._loop).result(longest())

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the server's thread, between its calls; return its result."""

        async def once() -> T:
            return function()

        return self.run(once())

    def _read(self, function: Callable[[], T]) -> T:
        return self.call(function) if self.is_running else function()


MAX_CALLS = 50_000
# (name, method, path, handler) of an address. A handler that is a coroutine function gets the
# request and returns the response, any other one gets what the path names and returns the JSON.
Address = tuple[str, str, str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of an API: when, its name, Idempotence-Key and JSON body, and its status."""

    at: str
    name: str
    key: str
    body: Mapping[str, Any]
    status: int


class ApiStandIn(StandIn):
    """A stand-in of a JSON API, with faults and behaviour on its control side."""

    error = ApiError

    def __init__(
        self, port: int, addresses: Iterable[Address], *pages: BaseRoute, seed: int = 0
    ) -> None:
        """Take the addresses of the API, and the routes of all that faults do not hit."""
        super().__init__(port)
        self.faults = Faults(seed=seed)
        self._calls: deque[ApiCall] = deque(maxlen=MAX_CALLS)
        self._addresses = [self._route(*address) for address in addresses]
        control = [control_route("/control/behaviour", self.change), *fault_routes(self.faults)]
        app = Starlette(
            routes=[*self._addresses, *control, *pages],
            exception_handlers={HTTPException: self._refuse_address},
        )
        self._gate = FaultGate(app, self.faults, self._name_call, self._fault_answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] == "http":
            await self._gate(scope, receive, send)

    @abstractmethod
    def check_key(self, request: Request) -> None:
        """Raise ApiError for a call that does not bring the key."""

    @abstractmethod
    def change(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change the behaviour from now on; return all of it. Raises ValueError, TypeError."""

    def behave(self, **fields: Any) -> None:
        """Change the behaviour from now on, by its field names. Raises ValueError, TypeError."""
        self._read(lambda: self.change(fields))

    def calls(self, name: str = "") -> list[ApiCall]:
        """Return the calls, oldest first; all, or those of one name ("chat.create")."""
        return self._read(lambda: [call for call in self._calls if name in {"", call.name}])

    def _route(self, name: str, method: str, path: str, handler: Callable[..., Any]) -> Route:
        async def answer(request: Request) -> Response:
            try:
                self.check_key(request)
                if inspect.iscoroutinefunction(handler):
                    response: Response = await handler(request)
                else:
                    response = JSONResponse(handler(**request.path_params))
            except ApiError as error:
                response = JSONResponse(error.as_json(), error.status)
            is_json = request.headers.get("content-type", "").startswith("application/json")
            body = _json_object(await request.body()) if is_json else {}
            key = request.headers.get("idempotence-key", "")
            self._calls.append(ApiCall(iso(utc_now()), name, key, body, response.status_code))
            return response

        return Route(path, answer, methods=[method], name=name)

    async def _name_call(self, request: Request) -> tuple[str, Mapping[str, str]] | None:
        """Return a call's name and arguments for faults: of its path, its metadata, its model."""
        for route in self._addresses:
            matched, found = route.matches(request.scope)
            if matched is Match.FULL:
                body = _json_object(await request.body())
                metadata, params = body.get("metadata"), {"model": body.get("model")}
                params |= found["path_params"] | (metadata if isinstance(metadata, dict) else {})
                return route.name, {name: str(value) for name, value in params.items()}
        return None

    async def _refuse_address(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        words = f"Invalid URL ({request.method} {request.url.path})"
        return JSONResponse(self.error(status, words, code="unknown_url").as_json(), status)

    def _fault_answer(self, fault: Fault) -> Response:
        error = self.error(fault.status, f"The stand-in was told to answer {fault.status}.")
        wait = {} if fault.retry_after_s is None else {"retry-after": str(fault.retry_after_s)}
        return JSONResponse(error.as_json(), fault.status, wait)


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


class AppendLog:
    """What outlives a stand-in: a file of JSON lines, oldest first, and whole files beside it.

    Without a folder nothing is kept on the disk.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._folder = folder
        self._name = name
        self._descriptor: int | None = None
        self._in_memory: dict[str, bytes] = {}

    def replay(self) -> Iterator[dict[str, Any]]:
        """Yield the lines written before, and cut off a torn last one."""
        if self._folder is None or not (path := self._folder / self._name).exists():
            return
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)
        for line in content[:whole].splitlines():
            yield json.loads(line)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line; it is with the operating system on return."""
        if self._folder is None:
            return
        if self._descriptor is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._descriptor = os.open(self._folder / self._name, flags, 0o600)
        os.write(self._descriptor, json.dumps(record, ensure_ascii=False).encode() + b"\n")

    def keep(self, file_id: str, content: bytes) -> None:
        """Keep a file's bytes, on disk on return; `file_id` is one of ours."""
        if self._folder is None:
            self._in_memory[file_id] = content
        else:
            target = self._folder / "files" / file_id
            durable_files.write_durably(target, lambda path: path.write_bytes(content))

    def read(self, file_id: str) -> bytes:
        """Return a kept file's bytes."""
        if self._folder is None:
            return self._in_memory[file_id]
        return (self._folder / "files" / file_id).read_bytes()

    def close(self) -> None:
        """Close the file of lines; a later `append` opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
