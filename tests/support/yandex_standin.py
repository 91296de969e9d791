"""A stand-in for Yandex Cloud: account and answers as for OpenAI, its own datasets and tuning.

It covers the calls of `merlin.providers.yandex_training`. A dataset becomes a file of the account
once its bytes arrive; until then it is a draft in memory.
"""

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.core.clock import iso
from merlin.openai_protocol.calls import PROJECT
from merlin.openai_protocol.errors import ApiError, bad_field, missing
from merlin.openai_protocol.requests import read_body
from merlin.sandbox.server import ApiRoute
from tests.support.provider_training import TrainingJob
from tests.support.stand_ins import ProviderStandIn

# Yandex's task statuses; an unknown status passes through unchanged.
_STATUSES = {
    "validating_files": "CREATED",
    "queued": "PENDING",
    "running": "IN_PROGRESS",
    "succeeded": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELED",
}
_TUNING, _DATASETS = "/foundationModels/v1/tuning", "/foundationModels/v1/datasets"
_TASK, _DATASET = f"{_TUNING}/{{job_id}}", f"{_DATASETS}/{{file_id}}"
FOLDER = "stand-in"
_NOTHING: dict[str, Any] = {}


class YandexStandIn(ProviderStandIn):
    """Yandex Cloud, as far as its client can observe; the only folder is `FOLDER`."""

    def __init__(self, folder: Path | None = None, *, key: str = "") -> None:
        # The name of each draft and its lines, once they have arrived.
        self._drafts: dict[str, tuple[str, bytes]] = {}
        super().__init__(folder, key=key)

    def _routes(self) -> list[ApiRoute]:
        account = self._account
        routes: list[ApiRoute] = [
            ("files.create", "POST", _DATASETS, self._draft),
            ("files.list", "GET", _DATASETS, self._datasets),
            ("files.address", "GET", f"{_DATASET}:uploadUrl", self._address),
            ("files.validate", "POST", f"{_DATASET}:validate", self._validate),
            ("files.put", "PUT", "/upload/{file_id}", self._put),
            ("files.retrieve", "GET", _DATASET, self._describe),
            ("files.delete", "DELETE", _DATASET, self._forget),
            ("jobs.create", "POST", _TUNING, self._tune),
            ("jobs.list", "GET", _TUNING, self._tasks),
            ("jobs.options", "GET", f"{_TASK}/options", self._options),
            ("jobs.events", "GET", f"{_TASK}/errors", self._errors),
            ("jobs.cancel", "POST", f"{_TASK}:cancel", self._cancel),
            ("models.delete", "POST", f"{_TASK}:archive", self._archive),
            ("jobs.retrieve", "GET", _TASK, lambda job_id: self._task(account.poll(job_id))),
        ]
        shared = ("chat.", "models.list", "models.retrieve")
        return [*routes, *(route for route in super()._routes() if route[0].startswith(shared))]

    def check_key(self, request: Request) -> None:
        """Raise ApiError 401 without the key; answers take it as a bearer, uploads take none."""
        path = request.url.path
        if path.startswith("/foundationModels/"):
            self._require_key(request, "api-key")
        elif not path.startswith("/upload/"):
            if request.headers.get(PROJECT) != FOLDER:
                raise ApiError(400, "a call names its folder as the project")
            is_bearer = request.headers.get("authorization", "").lower().startswith("bearer ")
            self._require_key(request, "bearer" if is_bearer else "api-key")

    async def _draft(self, request: Request) -> Response:
        document = await read_body(request)
        name = str(document.get("name") or "")
        if document.get("folderId") != FOLDER or not 1 < len(name) <= 63:
            raise bad_field("name", "a folder, and a name of 2 to 63 letters")
        dataset = f"ds-{secrets.token_hex(8)}"
        self._drafts[dataset] = name, b""
        return JSONResponse({"datasetId": dataset, "dataset": self._dataset(dataset)})

    def _dataset(self, file_id: str) -> dict[str, Any]:
        if file_id in self._drafts:
            return {"datasetId": file_id, "name": self._drafts[file_id][0], "status": "DRAFT"}
        file = self._account.file(file_id)
        name, at = str(file["filename"]).removesuffix(".jsonl"), _time(file["created_at"])
        return {"datasetId": file_id, "name": name, "status": "READY", "createdAt": at}

    def _describe(self, file_id: str) -> dict[str, Any]:
        return {"dataset": self._dataset(file_id)}

    async def _datasets(self, request: Request) -> Response:
        pattern = request.query_params.get("datasetNamePattern", "")
        datasets = map(self._dataset, [*self._account.files, *self._drafts])
        return _page(
            request, "datasets", [dataset for dataset in datasets if pattern in dataset["name"]]
        )

    async def _address(self, request: Request) -> Response:
        dataset = request.path_params["file_id"]
        return JSONResponse({"uploadUrl": f"http://127.0.0.1:{self.port}/upload/{dataset}"})

    async def _put(self, request: Request) -> Response:
        dataset = request.path_params["file_id"]
        if dataset not in self._drafts:
            raise missing("dataset", dataset)
        # Stored in the account's format: it answers from its training data.
        content = b"".join(map(_conversation, (await request.body()).splitlines()))
        self._drafts[dataset] = self._drafts[dataset][0], content
        return Response()

    def _validate(self, file_id: str) -> dict[str, Any]:
        if not self._drafts.get(file_id, ("", b""))[1]:
            raise bad_field("datasetId", "no draft with content")
        name, content = self._drafts.pop(file_id)
        self._account.add_file(f"{name}.jsonl", "fine-tune", content, file_id)
        return {"id": f"op-{file_id}", "done": False}

    def _forget(self, file_id: str) -> dict[str, Any]:
        if self._drafts.pop(file_id, None) is None:
            self._account.remove_file(file_id)
        return _NOTHING

    async def _tune(self, request: Request) -> Response:
        document = await read_body(request)
        uri, options = str(document.get("baseModelUri")), document.get("textToTextCompletion")
        if not uri.startswith(f"gpt://{FOLDER}/") or not isinstance(options, dict):
            raise bad_field("baseModelUri", "a model of the folder: gpt://folder/model/latest")
        files = [document.get(name) or [] for name in ("trainDatasets", "validationDatasets")]
        train, test = ([dataset["datasetId"] for dataset in datasets] for datasets in files)
        job = self._account.create_job(
            {
                "model": uri.split("/")[3],
                "base_uri": uri,
                "training_file": next(iter(train), None),
                "validation_file": next(iter(test), None),
                "options": options,
            }
        )
        metadata = {"tuningTaskId": job.job_id, "status": _STATUSES[job.status]}
        return JSONResponse({"id": f"op-{job.job_id}", "done": False, "metadata": metadata})

    async def _tasks(self, request: Request) -> Response:
        tasks = [self._task(job)["tuningTask"] for job in self._account.visible_jobs({})]
        return _page(request, "tuningTasks", tasks)

    def _task(self, job: TrainingJob) -> dict[str, Any]:
        fields = {
            "taskId": job.job_id,
            "operationId": f"op-{job.job_id}",
            "status": _STATUSES.get(job.status, job.status),
            "folderId": FOLDER,
            "createdAt": _time(job.created_at),
            "finishedAt": _time(job.finished_at) if job.finished_at else None,
            "sourceModelUri": job.asked["base_uri"],
            "targetModelUri": self._account.tuned_model(job),
        }
        # As in protobuf's JSON, unset fields are absent.
        return {"tuningTask": {name: value for name, value in fields.items() if value is not None}}

    def _options(self, job_id: str) -> dict[str, Any]:
        options = self._account.job(job_id).asked["options"]
        return {"taskId": job_id, "textToTextCompletion": options}

    def _errors(self, job_id: str) -> dict[str, Any]:
        is_failed = self._account.job(job_id).status == "failed"
        return {"tuningError": [{"message": "the dataset is invalid"}]} if is_failed else _NOTHING

    def _cancel(self, job_id: str) -> dict[str, Any]:
        return {"tuningTaskId": self._account.cancel(job_id).job_id}

    def _archive(self, job_id: str) -> dict[str, Any]:
        self._account.remove_model(self._account.job(job_id).model_id)
        return _NOTHING


def _time(seconds: float) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))


def _conversation(line: bytes) -> bytes:
    document = json.loads(line)
    if set(document) != {"request", "response"}:
        raise ApiError(400, f"a line of a dataset has request and response, not {sorted(document)}")
    messages = [
        {"role": message["role"], "content": message["text"]} for message in document["request"]
    ]
    answer = {"role": "assistant", "content": document["response"]}
    return json.dumps({"messages": [*messages, answer]}).encode() + b"\n"


def _page(request: Request, name: str, rows: list[dict[str, Any]]) -> Response:
    """Answer with a page; the token of the next one is where it begins."""
    query = request.query_params
    start, size = int(query.get("pageToken") or 0), int(query.get("pageSize") or 100)
    document: dict[str, Any] = (
        {name: page_rows} if (page_rows := rows[start : start + size]) else {}
    )
    is_last = start + size >= len(rows)
    return JSONResponse(document if is_last else {**document, "nextPageToken": str(start + size)})
