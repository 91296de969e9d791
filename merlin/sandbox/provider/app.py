"""The provider's stand-in as one ASGI application, and in a thread for tests.

Beside the chat's addresses it serves those of models, files and fine-tune jobs, and `/control/…`:
faults and behaviour.
"""

from __future__ import annotations

import hmac
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from merlin.openai_protocol.errors import ApiError, bad_field, unknown_model
from merlin.openai_protocol.responses import deleted_object, list_object, list_page
from merlin.sandbox.faults import Fault, FaultGate, Faults, fault_routes
from merlin.sandbox.provider.chat import Completions, json_object
from merlin.sandbox.provider.training import (
    Account,
    checkpoint_objects,
    event_objects,
    job_object,
)
from merlin.sandbox.server import StandIn
from merlin.sandbox.web import MOST_CALLS, ApiCall, ApiRoutes, Handler, control_route

_METADATA = re.compile(r"metadata\[(.+)\]")
_JOBS = "/v1/fine_tuning/jobs"


class ProviderApp:
    """ASGI application of one account, and its control side.

    `folder` keeps files and jobs over restarts (None: in memory). With a `key` every call needs
    it as a bearer; without one any key will do, but one there must be.
    """

    def __init__(self, folder: Path | None = None, key: str = "", seed: int = 0) -> None:
        self.account = Account(folder)
        self.faults = Faults(seed=seed)
        self.calls: deque[ApiCall] = deque(maxlen=MOST_CALLS)
        self._key = key
        self._completions = Completions(self.account)
        routes = ApiRoutes(self._table(), self._serve, self.calls)
        app = Starlette(
            routes=[
                *routes.routes,
                control_route("/control/behaviour", self.behave),
                *fault_routes(self.faults),
            ],
            exception_handlers={HTTPException: _no_such_call},
        )
        self._gate = FaultGate(app, self.faults, routes.name_call, _fault_answer)

    async def open(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """Let go of the journal."""
        self.account.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] == "http":
            await self._gate(scope, receive, send)

    def behave(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change the behaviour from now on, by its field names. Raises ValueError."""
        self.account.behave(fields)
        return asdict(self.account.behaviour)

    async def _serve(self, handler: Handler, request: Request) -> Response:
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

    def _table(self) -> list[tuple[str, str, str, Handler]]:
        """Return (name, method, path, handler) of every address; names are those of faults."""
        chat = self._completions
        return [
            ("chat.create", "POST", "/v1/chat/completions", chat.create),
            ("audio.transcribe", "POST", "/v1/audio/transcriptions", chat.transcribe),
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
        self.account.remove_model(name)
        return JSONResponse(deleted_object(name, "model"))

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            file, purpose = form.get("file"), form.get("purpose")
            if not isinstance(file, UploadFile) or not isinstance(purpose, str):
                raise bad_field("file", "Missing required parameter: 'file' or 'purpose'")
            kept = self.account.add_file(file.filename or "file", purpose, await file.read())
        return JSONResponse(kept)

    async def _files(self, request: Request) -> Response:
        purpose = request.query_params.get("purpose")
        rows = [file for file in self.account.files.values() if purpose in {None, file["purpose"]}]
        return _page(request, rows[::-1], 10_000)

    async def _file(self, request: Request) -> Response:
        return JSONResponse(self.account.file(request.path_params["file_id"]))

    async def _content(self, request: Request) -> Response:
        content = self.account.content(request.path_params["file_id"])
        return Response(content, media_type="application/octet-stream")

    async def _delete(self, request: Request) -> Response:
        file_id = request.path_params["file_id"]
        self.account.remove_file(file_id)
        return JSONResponse(deleted_object(file_id, "file"))

    async def _create(self, request: Request) -> Response:
        job = self.account.create_job(await json_object(request))
        return JSONResponse(job_object(self.account, job))

    async def _jobs(self, request: Request) -> Response:
        wanted = {
            found[1]: value
            for name, value in request.query_params.items()
            if (found := _METADATA.fullmatch(name))
        }
        rows = [job_object(self.account, job) for job in self.account.listed(wanted)]
        return _page(request, rows, 20)

    async def _job(self, request: Request) -> Response:
        job = self.account.poll(request.path_params["job_id"])
        return JSONResponse(job_object(self.account, job))

    async def _cancel(self, request: Request) -> Response:
        job = self.account.cancel(request.path_params["job_id"])
        return JSONResponse(job_object(self.account, job))

    async def _events(self, request: Request) -> Response:
        return _page(request, event_objects(self.account.job(request.path_params["job_id"])), 20)

    async def _checkpoints(self, request: Request) -> Response:
        job = self.account.job(request.path_params["job_id"])
        return _page(request, checkpoint_objects(job), 10)


async def _no_such_call(request: Request, error: Exception) -> Response:
    words = f"Invalid URL ({request.method} {request.url.path})"
    status = error.status_code if isinstance(error, HTTPException) else 404
    return JSONResponse(ApiError(status, words, code="unknown_url").as_json(), status)


def _fault_answer(fault: Fault) -> Response:
    error = ApiError(fault.status, f"The stand-in was told to answer {fault.status}.")
    wait = {} if fault.retry_after_s is None else {"retry-after": str(fault.retry_after_s)}
    return JSONResponse(error.as_json(), fault.status, wait)


def _page(request: Request, rows: list[dict[str, Any]], default: int) -> Response:
    """Answer with what follows the id `after`, at most `limit`."""
    query, ids = request.query_params, [row["id"] for row in rows]
    after, limit = query.get("after"), max(int(query.get("limit") or default), 1)
    start = ids.index(after) + 1 if after in ids else 0
    shown = rows[start : start + limit]
    return JSONResponse(list_page(shown, has_more=start + limit < len(rows)))


class ProviderStandIn(StandIn):
    """A provider, as far as a client can tell; `with ProviderStandIn() as provider:`.

    `stop` and `start` again is the provider down and back: same port, same files and jobs. A new
    stand-in over the same `folder` is the provider's own restart.
    """

    def __init__(self, folder: Path | None = None, *, key: str = "", seed: int = 0) -> None:
        self._app = ProviderApp(folder, key, seed)
        self.faults, self._account = self._app.faults, self._app.account
        super().__init__(self._app)

    @property
    def base_url(self) -> str:
        """Return what the `openai` package takes as `base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def behave(self, **fields: Any) -> None:
        """Change the behaviour from now on, by its field names. Raises ValueError."""
        self._read(lambda: self._app.behave(fields))

    def jobs_created(self) -> list[dict[str, Any]]:
        """Return every job that was ever made, oldest first: `id`, and a TrainingJob's fields."""
        jobs = self._account.jobs
        return self._read(lambda: [{"id": job.job_id, **asdict(job)} for job in jobs.values()])

    def files(self) -> list[dict[str, Any]]:
        """Return the File objects that are kept, oldest first."""
        return self._read(lambda: list(self._account.files.values()))

    def calls(self, name: str = "") -> list[ApiCall]:
        """Return the calls, oldest first; all, or those of one name ("chat.create")."""
        return self._read(lambda: [call for call in self._app.calls if name in {"", call.name}])
