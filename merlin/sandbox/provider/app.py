"""The provider's stand-in as an ASGI application, run in a thread by tests.

It serves chat, audio, models, files and fine-tune jobs.
"""

import hmac
from functools import partial
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.requests import (
    CHECKPOINTS_PAGE_SIZE,
    MAX_FILES,
    Page,
    parse_metadata_filter,
    parse_page,
    read_body,
)
from merlin.openai_protocol.responses import list_object, list_page
from merlin.sandbox.provider.chat import create_completion, find_model, model_objects, transcribe
from merlin.sandbox.provider.training import Account, checkpoint_objects, event_objects, job_object
from merlin.sandbox.server import ApiRoute, ApiStandIn

JOBS = "/v1/fine_tuning/jobs"
JOB = f"{JOBS}/{{job_id}}"


class ProviderStandIn(ApiStandIn):
    """A stand-in of a provider; `with ProviderStandIn() as provider:`.

    `folder` keeps files and jobs (None: in memory): a new stand-in on the same folder is the
    provider after a restart. With a `key` every request needs it as a bearer token; without one any
    token is accepted, but one is required.
    """

    def __init__(self, folder: Path | None = None, *, key: str = "", port: int = 0) -> None:
        self._account = Account(folder)
        self._key = key
        super().__init__(port, self._routes())

    async def close(self) -> None:
        """Close the journal."""
        self._account.close()

    def behave(self, **fields: Any) -> None:
        """Change the behaviour by field names. Raises ValueError."""
        self.access(lambda: self._account.behave(fields))

    def check_key(self, request: Request) -> None:
        """Raise ApiError 401 without the key."""
        self._require_key(request, "bearer")

    def _require_key(self, request: Request, scheme: str) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != scheme or not key:
            raise ApiError(401, "You didn't provide an API key.")
        if self._key and not hmac.compare_digest(key.encode(), self._key.encode()):
            raise ApiError(401, "Incorrect API key provided.")

    def _routes(self) -> list[ApiRoute]:
        """Return the API's routes."""
        account = self._account
        as_object = partial(job_object, account)
        return [
            ("chat.create", "POST", "/v1/chat/completions", partial(create_completion, account)),
            ("audio.transcribe", "POST", "/v1/audio/transcriptions", partial(transcribe, account)),
            ("models.list", "GET", "/v1/models", lambda: list_object(model_objects(account))),
            ("models.retrieve", "GET", "/v1/models/{name:path}", partial(find_model, account)),
            ("models.delete", "DELETE", "/v1/models/{name:path}", account.remove_model),
            ("files.create", "POST", "/v1/files", self._create_file),
            ("files.list", "GET", "/v1/files", self._list_files),
            ("files.retrieve", "GET", "/v1/files/{file_id}", account.file),
            ("files.content", "GET", "/v1/files/{file_id}/content", self._file_content),
            ("files.delete", "DELETE", "/v1/files/{file_id}", account.remove_file),
            ("jobs.create", "POST", JOBS, self._create_job),
            ("jobs.list", "GET", JOBS, self._list_jobs),
            ("jobs.retrieve", "GET", JOB, lambda job_id: as_object(account.poll(job_id))),
            (
                "jobs.cancel",
                "POST",
                f"{JOB}/cancel",
                lambda job_id: as_object(account.cancel(job_id)),
            ),
            ("jobs.events", "GET", f"{JOB}/events", self._list_events),
            ("jobs.checkpoints", "GET", f"{JOB}/checkpoints", self._list_checkpoints),
        ]

    async def _create_file(self, request: Request) -> Response:
        async with request.form() as form:
            file, purpose = form.get("file"), form.get("purpose")
            if not isinstance(file, UploadFile) or not isinstance(purpose, str):
                raise bad_field("file", "Missing required parameter: 'file' or 'purpose'")
            file_row = self._account.add_file(file.filename or "file", purpose, await file.read())
        return JSONResponse(file_row)

    async def _list_files(self, request: Request) -> Response:
        purpose = request.query_params.get("purpose")
        rows = [file for file in self._account.files.values() if purpose in {None, file["purpose"]}]
        return _build_page(rows[::-1], parse_page(request.query_params, MAX_FILES, MAX_FILES))

    async def _file_content(self, request: Request) -> Response:
        content = self._account.content(request.path_params["file_id"])
        return Response(content, media_type="application/octet-stream")

    async def _create_job(self, request: Request) -> Response:
        job = self._account.create_job(await read_body(request))
        return JSONResponse(job_object(self._account, job))

    async def _list_jobs(self, request: Request) -> Response:
        jobs = self._account.visible_jobs(parse_metadata_filter(request.query_params))
        rows = [job_object(self._account, job) for job in jobs]
        return _build_page(rows, parse_page(request.query_params))

    async def _list_events(self, request: Request) -> Response:
        job = self._account.job(request.path_params["job_id"])
        return _build_page(event_objects(job), parse_page(request.query_params))

    async def _list_checkpoints(self, request: Request) -> Response:
        job = self._account.job(request.path_params["job_id"])
        page = parse_page(request.query_params, CHECKPOINTS_PAGE_SIZE)
        return _build_page(checkpoint_objects(job), page)


def _build_page(rows: list[dict[str, Any]], page: Page) -> Response:
    """Return a page of rows, which are newest first."""
    ids = [row["id"] for row in rows]
    start = ids.index(page.after) + 1 if page.after in ids else 0
    end = start + page.limit
    return JSONResponse(list_page(rows[start:end], has_more=end < len(rows)))
