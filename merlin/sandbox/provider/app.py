"""The provider's stand-in as one ASGI application, and in a thread for tests.

Beside the chat's addresses it serves those of models, files and fine-tune jobs, and `/control/…`:
faults, behaviour, and the jobs that were really made.
"""

from __future__ import annotations

import hmac
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from merlin.core.clock import iso, utc_now
from merlin.openai_protocol.errors import ApiError, bad_field, unknown_model
from merlin.openai_protocol.responses import deleted_object, list_object, list_page
from merlin.sandbox.faults import Fault, FaultGate, Faults, fault_routes
from merlin.sandbox.provider.chat import Completions, json_object
from merlin.sandbox.provider.training import (
    Account,
    Behaviour,
    checkpoint_objects,
    event_objects,
    job_object,
)
from merlin.sandbox.server import StandIn

MOST_CALLS = 50_000


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What a stand-in is started with.

    `folder` keeps files and jobs over restarts (None: in memory). With a `key` every call needs
    it as a bearer; without one any key will do, but one there must be.
    """

    folder: Path | None = None
    key: str = ""
    behaviour: Behaviour = field(default_factory=Behaviour)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One call: when, which, its JSON body, and the status that it was answered with."""

    at: str
    name: str
    body: Mapping[str, Any]
    status: int


class ProviderApp:
    """ASGI application; one for each time that the stand-in is started over its account."""

    def __init__(
        self, account: Account, key: str, faults: Faults, calls: deque[ProviderCall]
    ) -> None:
        self._account = account
        self._key = key
        self._calls = calls
        completions = Completions(account)
        rest = AccountRoutes(account, completions)
        self._routes = [
            self._route("chat.create", "POST", "/v1/chat/completions", completions.create),
            self._route(
                "audio.transcribe", "POST", "/v1/audio/transcriptions", completions.transcribe
            ),
            *(self._route(*one) for one in rest.table()),
        ]
        routes = [*self._routes, *control_routes(account, faults)]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_call})
        self._gate = FaultGate(app, faults, self._name, _fault_answer)

    async def open(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """Let go of the journal."""
        self._account.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] == "http":
            await self._gate(scope, receive, send)

    def _route(self, name: str, method: str, path: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            response = await self._guarded(handler, request)
            body = await _json_body(request)
            self._calls.append(ProviderCall(iso(utc_now()), name, body, response.status_code))
            return response

        return Route(path, answer, methods=[method], name=name)

    async def _guarded(self, handler: Handler, request: Request) -> Response:
        try:
            self._check_key(request)
            return await handler(request)
        except ApiError as error:
            return JSONResponse(error.as_json(), error.status)

    def _check_key(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key:
            raise ApiError(401, "You didn't provide an API key.")
        if self._key and not hmac.compare_digest(key.encode(), self._key.encode()):
            raise ApiError(401, "Incorrect API key provided.")

    def _name(self, scope: Scope, _body: bytes) -> tuple[str, Mapping[str, str]] | None:
        for route in self._routes:
            matched, found = route.matches(scope)
            if matched is Match.FULL:
                return str(route.name), {k: str(v) for k, v in found["path_params"].items()}
        return None


def create_app(settings: ProviderSettings, faults: Faults | None = None) -> ProviderApp:
    """Return the stand-in, with what its folder kept."""
    account = Account(settings.folder, settings.behaviour)
    calls: deque[ProviderCall] = deque(maxlen=MOST_CALLS)
    return ProviderApp(account, settings.key, faults or Faults(seed=settings.seed), calls)


async def _json_body(request: Request) -> Mapping[str, Any]:
    """Return what a call asked in JSON; nothing for uploads and for what cannot be read."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return {}
    try:
        body = json.loads(await request.body())
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def _no_such_call(request: Request, error: Exception) -> Response:
    words = f"Invalid URL ({request.method} {request.url.path})"
    status = error.status_code if isinstance(error, HTTPException) else 404
    return JSONResponse(ApiError(status, words, code="unknown_url").as_json(), status)


def _fault_answer(fault: Fault) -> Response:
    error = ApiError(fault.status, f"The stand-in was told to answer {fault.status}.")
    wait = {} if fault.retry_after_s is None else {"retry-after": str(fault.retry_after_s)}
    return JSONResponse(error.as_json(), fault.status, wait)


Handler = Callable[[Request], Awaitable[Response]]
_METADATA = re.compile(r"metadata\[(.+)\]")
_JOBS = "/v1/fine_tuning/jobs"


class AccountRoutes:
    """Reads requests, asks the account, writes the protocol's objects."""

    def __init__(self, account: Account, completions: Completions) -> None:
        self._account = account
        self._completions = completions

    def table(self) -> list[tuple[str, str, str, Handler]]:
        """Return (name, method, path, handler) of every address; names are those of faults."""
        return [
            ("models.list", "GET", "/v1/models", self._models),
            ("models.retrieve", "GET", "/v1/models/{name:path}", self._model),
            ("models.delete", "DELETE", "/v1/models/{name:path}", self._delete_model),
            ("files.create", "POST", "/v1/files", self._upload),
            ("files.list", "GET", "/v1/files", self._files),
            ("files.retrieve", "GET", "/v1/files/{file_id}", self._file),
            ("files.content", "GET", "/v1/files/{file_id}/content", self._content),
            ("files.delete", "DELETE", "/v1/files/{file_id}", self._delete),
            ("jobs.create", "POST", _JOBS, self._create),
            ("jobs.list", "GET", _JOBS, self._jobs),
            ("jobs.retrieve", "GET", f"{_JOBS}/{{job_id}}", self._job),
            ("jobs.cancel", "POST", f"{_JOBS}/{{job_id}}/cancel", self._cancel),
            ("jobs.events", "GET", f"{_JOBS}/{{job_id}}/events", self._events),
            ("jobs.checkpoints", "GET", f"{_JOBS}/{{job_id}}/checkpoints", self._checkpoints),
        ]

    async def _models(self, _request: Request) -> Response:
        return JSONResponse(list_object(self._completions.model_objects()))

    async def _model(self, request: Request) -> Response:
        name = request.path_params["name"]
        for model in self._completions.model_objects():
            if model["id"] == name:
                return JSONResponse(model)
        raise unknown_model(name)

    async def _delete_model(self, request: Request) -> Response:
        name = request.path_params["name"]
        self._account.remove_model(name)
        return JSONResponse(deleted_object(name, "model"))

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            file, purpose = form.get("file"), form.get("purpose")
            if not isinstance(file, UploadFile) or not isinstance(purpose, str):
                raise bad_field("file", "Missing required parameter: 'file' or 'purpose'")
            kept = self._account.add_file(file.filename or "file", purpose, await file.read())
        return JSONResponse(kept)

    async def _files(self, request: Request) -> Response:
        purpose = request.query_params.get("purpose")
        rows = [file for file in self._account.files.values() if purpose in {None, file["purpose"]}]
        return _page(request, rows[::-1], 10_000)

    async def _file(self, request: Request) -> Response:
        return JSONResponse(self._account.file(request.path_params["file_id"]))

    async def _content(self, request: Request) -> Response:
        content = self._account.content(request.path_params["file_id"])
        return Response(content, media_type="application/octet-stream")

    async def _delete(self, request: Request) -> Response:
        file_id = request.path_params["file_id"]
        self._account.remove_file(file_id)
        return JSONResponse(deleted_object(file_id, "file"))

    async def _create(self, request: Request) -> Response:
        job = self._account.create_job(await json_object(request))
        return JSONResponse(job_object(self._account, job))

    async def _jobs(self, request: Request) -> Response:
        wanted = {
            found[1]: value
            for name, value in request.query_params.items()
            if (found := _METADATA.fullmatch(name))
        }
        rows = [job_object(self._account, job) for job in self._account.listed(wanted)]
        return _page(request, rows, 20)

    async def _job(self, request: Request) -> Response:
        job = self._account.poll(request.path_params["job_id"])
        return JSONResponse(job_object(self._account, job))

    async def _cancel(self, request: Request) -> Response:
        job = self._account.cancel(request.path_params["job_id"])
        return JSONResponse(job_object(self._account, job))

    async def _events(self, request: Request) -> Response:
        return _page(request, event_objects(self._account.job(request.path_params["job_id"])), 20)

    async def _checkpoints(self, request: Request) -> Response:
        job = self._account.job(request.path_params["job_id"])
        return _page(request, checkpoint_objects(job), 10)


def _page(request: Request, rows: list[dict[str, Any]], default: int) -> Response:
    """Answer with what follows the id `after`, at most `limit`."""
    query, ids = request.query_params, [row["id"] for row in rows]
    after, limit = query.get("after"), max(int(query.get("limit") or default), 1)
    start = ids.index(after) + 1 if after in ids else 0
    shown = rows[start : start + limit]
    return JSONResponse(list_page(shown, has_more=start + limit < len(rows)))


def control_routes(account: Account, faults: Faults) -> list[Route]:
    """Return the routes of `/control/…`."""

    async def get_jobs(_request: Request) -> Response:
        return JSONResponse(jobs_created(account))

    async def behave(request: Request) -> Response:
        try:
            account.behave(await request.json())
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"ok": True})

    return [
        Route("/control/jobs", get_jobs),
        *fault_routes(faults),
        Route("/control/behaviour", behave, methods=["POST"]),
    ]


def jobs_created(account: Account) -> list[dict[str, object]]:
    """Return every job that was ever made, oldest first: id, when, what was asked, status."""
    return [
        {
            "id": job.job_id,
            "created_at": job.created_at,
            "asked": dict(job.asked),
            "status": job.status,
        }
        for job in account.jobs.values()
    ]


class ProviderStandIn(StandIn):
    """A provider, as far as a client can tell; `with ProviderStandIn() as provider:`.

    `stop` and `start` again is the provider down and back: same port, same files and jobs. A new
    stand-in over the same `folder` is the provider's own restart.
    """

    def __init__(
        self,
        folder: Path | None = None,
        behaviour: Behaviour | None = None,
        *,
        key: str = "",
        port: int = 0,
        seed: int = 0,
    ) -> None:
        self.faults = Faults(seed=seed)
        self._account = Account(folder, behaviour or Behaviour())
        self._calls: deque[ProviderCall] = deque(maxlen=MOST_CALLS)
        super().__init__(lambda: ProviderApp(self._account, key, self.faults, self._calls), port)

    @property
    def base_url(self) -> str:
        """Return what the `openai` package takes as `base_url`."""
        return f"http://127.0.0.1:{self._server.port}/v1"

    def behave(self, **wishes: object) -> None:
        """Change the behaviour from now on, by its field names. Raises ValueError."""
        self._read(lambda: self._account.behave(wishes))

    def jobs_created(self) -> list[dict[str, Any]]:
        """Return every job that was ever made, oldest first: id, created_at, asked, status."""
        return self._read(lambda: jobs_created(self._account))

    def files(self) -> list[dict[str, Any]]:
        """Return the File objects that are kept, oldest first."""
        return self._read(lambda: list(self._account.files.values()))

    def calls(self, name: str = "") -> list[ProviderCall]:
        """Return the calls, oldest first; all, or those of one name ("chat.create")."""
        return self._read(lambda: [call for call in self._calls if name in {"", call.name}])
