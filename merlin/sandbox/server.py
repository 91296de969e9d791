"""Run a stand-in in a thread.

`StandIn` is the base class: start, stop, and thread-safe access while it serves. `ApiStandIn` adds
a JSON API with named calls. State that survives a restart is kept in an
`AppendLog`: each line is written completely before the stand-in goes on, so `kill -9` loses nothing
that was answered; an incomplete last line is cut off at the next start.
"""

import asyncio
import inspect
import json
import os
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from merlin.core import durable_files
from merlin.core.connections import BoundedHttp, HttpServer
from merlin.core.json_fields import parse_object
from merlin.core.server import listen
from merlin.openai_protocol.errors import ApiError
from merlin.sandbox.web import restrict_pages

# Within which a stand-in starts, or does what it is asked, on a slow and busy machine.
PATIENCE_S = 300.0
T = TypeVar("T")
LAST_CALLS_S = 1


class StandIn:
    """An external service: an ASGI application and the thread of this process that serves it.

    `with ….StandIn() as outside:` serves it on a fixed port (0: any free one, then kept). `stop`
    followed by `start` simulates an outage: the port and the state stay. A subclass sets `_app`,
    which serves its requests.
    """

    _app: ASGIApp

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: HttpServer | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            await self._app(scope, receive, send)

    async def open(self) -> None:
        """Start background work; called once, before the first request."""

    async def close(self) -> None:
        """End long polls and streams, release files and sockets."""

    def on_call(
        self, name: str, body: Mapping[str, Any], status: int, key: str = ""
    ) -> None:
        """Take note of an answered API call: its name, body or arguments, and Idempotence-Key."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen and serve; returns when the port answers. A second start uses the same port."""
        listener = listen("port", "127.0.0.1", self.port)
        self.port = listener.getsockname()[1]
        self._started.clear()
        # uvicorn alone would wake ten times a second while nobody calls.
        self._server = HttpServer(
            uvicorn.Config(
                self,
                http=BoundedHttp,
                lifespan="off",
                ws="none",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=LAST_CALLS_S,
            ),
            self._started.set,
        )
        self._thread = threading.Thread(
            target=self._run,
            args=(self._server, listener),
            name="stand-in",
            daemon=True,
        )
        self._thread.start()
        if not self._started.wait(PATIENCE_S):
            raise TimeoutError("the stand-in did not start")

    def _run(self, server: HttpServer, listener: socket.socket) -> None:
        with listener, asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self.open())
            runner.run(server.serve([listener]))

    def stop(self) -> None:
        """Stop the server and close its connections. Does nothing when not started."""
        if self._thread is None or self._server is None:
            return
        self.run(self.close())
        self._server.handle_exit(0, None)
        self._thread.join()
        self._thread = None

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the server's thread; return its result or raise its error."""
        if self._loop is None or self._thread is None:
            task.close()
            raise RuntimeError("the stand-in is not started")
        return asyncio.run_coroutine_threadsafe(task, self._loop).result(PATIENCE_S)

    def access(self, function: Callable[[], T]) -> T:
        """Run a function in the server's thread, or here while the server is stopped."""

        async def call_function() -> T:
            return function()

        return self.run(call_function()) if self._thread else function()


# (name, method, path, handler) of a route. A handler that is a coroutine function gets the
# request and returns the response; any other gets the path parameters and returns the JSON.
ApiRoute = tuple[str, str, str, Callable[..., Any]]


class ApiStandIn(StandIn, ABC):
    """A stand-in of a JSON API."""

    error = ApiError

    def __init__(
        self, port: int, routes: Iterable[ApiRoute], *pages: BaseRoute
    ) -> None:
        super().__init__(port)
        self.api_routes = [self._make_route(*route) for route in routes]
        app = Starlette(
            routes=[*self.api_routes, *pages],
            exception_handlers={HTTPException: self._refuse_unknown_url},
        )
        self._app = restrict_pages(app)

    @abstractmethod
    def check_key(self, request: Request) -> None:
        """Raise ApiError for a request without valid credentials."""

    def _make_route(
        self, name: str, method: str, path: str, handler: Callable[..., Any]
    ) -> Route:
        async def answer(request: Request) -> Response:
            is_json = request.headers.get("content-type", "").startswith(
                "application/json"
            )
            body = _json_object(await request.body()) if is_json else {}
            try:
                self.check_key(request)
                if inspect.iscoroutinefunction(handler):
                    response: Response = await handler(request)
                else:
                    response = JSONResponse(handler(**request.path_params))
            except ApiError as error:
                response = JSONResponse(error.as_json(), error.status)
            key = request.headers.get("idempotence-key", "")
            self.on_call(name, body, response.status_code, key)
            return response

        return Route(path, answer, methods=[method], name=name)

    async def _refuse_unknown_url(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        message = f"Invalid URL ({request.method} {request.url.path})"
        return JSONResponse(
            self.error(status, message, code="unknown_url").as_json(), status
        )


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        return parse_object(content)
    except ValueError:
        return {}


class AppendLog:
    """State that survives a restart: a file of JSON lines, oldest first, and stored files.

    Without a folder everything is in memory.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._folder = folder
        self._name = name
        self._descriptor: int | None = None
        self._in_memory: dict[str, bytes] = {}

    def replay(self) -> Iterator[dict[str, Any]]:
        """Yield the records written before; cut off an incomplete last line."""
        if self._folder is None or not (path := self._folder / self._name).exists():
            return
        content = path.read_bytes()
        complete_size = content.rfind(b"\n") + 1
        if complete_size < len(content):
            os.truncate(path, complete_size)
        for line in content[:complete_size].splitlines():
            yield json.loads(line)

    def append(self, record: Mapping[str, Any]) -> None:
        """Append one line; it has reached the operating system on return."""
        if self._folder is None:
            return
        if self._descriptor is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._descriptor = os.open(self._folder / self._name, flags, 0o600)
        os.write(
            self._descriptor, json.dumps(record, ensure_ascii=False).encode() + b"\n"
        )

    def store(self, file_id: str, content: bytes) -> None:
        """Store a file's bytes, durably on return. `file_id` must be a safe file name."""
        if self._folder is None:
            self._in_memory[file_id] = content
        else:
            target = self._folder / "files" / file_id
            durable_files.write_durably(target, lambda path: path.write_bytes(content))

    def read(self, file_id: str) -> bytes:
        """Return a stored file's bytes."""
        if self._folder is None:
            return self._in_memory[file_id]
        return (self._folder / "files" / file_id).read_bytes()

    def close(self) -> None:
        """Close the file; a later `append` opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
