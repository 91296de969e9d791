"""The addresses of models, files and fine-tune jobs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.sandbox.provider.completions import Completions, json_object
from merlin.sandbox.provider.errors import bad_field, no_model
from merlin.sandbox.provider.objects import (
    checkpoint_objects,
    event_objects,
    job_object,
    page,
)
from merlin.sandbox.provider.training import Account

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
        return JSONResponse({"object": "list", "data": self._completions.model_objects()})

    async def _model(self, request: Request) -> Response:
        name = request.path_params["name"]
        for model in self._completions.model_objects():
            if model["id"] == name:
                return JSONResponse(model)
        raise no_model(name)

    async def _delete_model(self, request: Request) -> Response:
        name = request.path_params["name"]
        self._account.remove_model(name)
        return JSONResponse({"id": name, "object": "model", "deleted": True})

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
        return JSONResponse({"id": file_id, "object": "file", "deleted": True})

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
    query = request.query_params
    limit = int(query.get("limit") or default)
    return JSONResponse(page(rows, query.get("after", ""), max(limit, 1)))
