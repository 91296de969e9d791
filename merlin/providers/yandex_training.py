"""Tuning of YandexGPT at Yandex Cloud; its models are served by the OpenAI protocol.

    upload_file   a dataset: draft -> its bytes -> validating -> READY
    create_job    a tuning task; its seed is derived from the launch key, as tasks return no labels
    find_jobs     the folder's tasks whose options contain this seed

Yandex describes these calls as gRPC (yandex-cloud/cloudapi: `ai/dataset/v1`, `ai/tuning/v1`). This
module sends the same messages as JSON over HTTP, with protobuf's JSON names. It was written from
that description and not tested against the real service.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from merlin.core.clock import from_iso, utc_now
from merlin.core.errors import ProviderBusy, ProviderError, ProviderUnknown
from merlin.core.formatted_text import join_surrogates
from merlin.core.json_fields import get_object, get_text
from merlin.openai_protocol.calls import PROJECT, Json, json_object
from merlin.openai_protocol.errors import InvalidResponse, error_in, error_of_status
from merlin.providers.base import LAUNCH_KEY, Checkpoint, JobEvent, JobReport, ModelCard, NewJob
from merlin.providers.http import build_http_client, build_timeout
from merlin.providers.openai_objects import parse_model_card, read_rows, require_text
from merlin.providers.openai_training import (
    MAX_PAGES,
    UPLOAD_S,
    ignore_missing,
    provider_errors,
    read_if_supported,
)

_TUNING, _DATASETS = "/foundationModels/v1/tuning", "/foundationModels/v1/datasets"
_TASK, _FORMAT = "TextToTextGeneration", "jsonlines"
_PAGE = 100
_OK = range(200, 300)
_KEY_DIGITS = 12  # of the launch key: a seed is a whole number of 64 bits
_VALIDATED_S = 5.0
_STORED = ("VALIDATING", "READY", "INVALID")
_ROLES = ("system", "user", "assistant")
# Yandex's names of hyper-parameters; their values are numbers.
_NAMES = {"learning_rate": "lr", "n_samples": "nSamples"}


class YandexProvider:
    """The TrainingApi of one folder of a cloud."""

    def __init__(
        self, base_url: str, credential: str, folder: str, timeout_s: float = 60.0
    ) -> None:
        """Take one entry of `providers` in config.yaml; no call is made yet."""
        self._root = base_url.rstrip("/").removesuffix("/v1")
        self._client = build_http_client(base_url, timeout_s, keep=0)
        self._folder = folder
        self._headers = {"Authorization": f"Api-Key {credential}", PROJECT: folder}

    def upload_file(self, name: str, path: Path) -> str:
        """Store a file as a dataset, reusing an interrupted upload's draft; see TrainingApi."""
        content = b"".join(map(_convert_line, path.read_bytes().splitlines()))
        dataset = next(iter(self._find_datasets(name, ("DRAFT",))), None) or self._create_draft(
            name
        )
        sized: Json = {"sizeBytes": len(content)}
        link = self._call("GET", f"{_DATASETS}/{dataset}:uploadUrl", sized)
        with provider_errors():
            url = require_text(link, "uploadUrl")
            # The URL is pre-signed: no API key is sent.
            answer = self._client.put(url, content=content, timeout=build_timeout(UPLOAD_S))
            if answer.status_code not in _OK:
                error = error_in(answer.content)
                raise error_of_status(answer.status_code, answer.headers, error, url, ProviderBusy)
        self._call("POST", f"{_DATASETS}/{dataset}:validate", body={}, creates=True)
        return dataset

    def _create_draft(self, name: str) -> str:
        body = {
            "folderId": self._folder,
            "name": _dataset_name(name),
            "description": name,
            "taskType": _TASK,
            "uploadFormat": _FORMAT,
        }
        created = self._call("POST", _DATASETS, body=body, creates=True)
        with provider_errors(creates=True):
            return require_text(created, "datasetId")

    def find_files(self, name: str) -> list[str]:
        return self._find_datasets(name, _STORED)

    def _find_datasets(self, name: str, states: tuple[str, ...]) -> list[str]:
        requested = _dataset_name(name)
        listed = self._list_all(_DATASETS, "datasets", {"datasetNamePattern": requested})
        with provider_errors():
            datasets = [
                (_parse_time(row, "createdAt") or utc_now(), require_text(row, "datasetId"))
                for row in listed
                if row.get("name") == requested and row.get("status") in states
            ]
        return [dataset for _, dataset in sorted(datasets)]

    def delete_file(self, file_id: str) -> None:
        with ignore_missing():
            self._call("DELETE", f"{_DATASETS}/{file_id}")

    def create_job(self, new_job: NewJob) -> JobReport:
        """Start a task; see TrainingApi. Raises ProviderBusy while a dataset is being validated.

        There is only one method.
        """
        train_file, test_file = new_job.train_file, new_job.test_file
        for dataset in filter(None, (train_file, test_file)):
            self._require_ready(dataset)
        key = new_job.metadata[LAUNCH_KEY]
        requested = new_job.choose_hyperparameters(_NAMES)
        body = {
            "baseModelUri": new_job.base_model,
            "trainDatasets": [{"datasetId": train_file, "weight": 1.0}],
            "validationDatasets": [{"datasetId": test_file, "weight": 1.0}] if test_file else [],
            "textToTextCompletion": {"seed": str(_seed(key)), "lora": {}, **requested},
            "name": new_job.suffix,
            "labels": {LAUNCH_KEY: key},
        }
        operation = self._call("POST", _TUNING, body=body, creates=True)
        with provider_errors(creates=True):
            operation_metadata = operation.get("metadata")
            if not isinstance(operation_metadata, dict):
                raise InvalidResponse(f"metadata is {operation_metadata!r:.60}")
            return JobReport(
                require_text(operation_metadata, "tuningTaskId"),
                require_text(operation_metadata, "status"),
            )

    def _require_ready(self, dataset: str) -> None:
        properties = get_object(self._call("GET", f"{_DATASETS}/{dataset}"), "dataset")
        if properties.get("status") == "INVALID":
            why = json.dumps(properties.get("validationError") or [], ensure_ascii=False)
            raise ProviderError(f"the training file is not valid: {why[:300]}")
        if properties.get("status") != "READY":
            raise ProviderBusy(
                f"the dataset is {properties.get('status')}", retry_after_s=_VALIDATED_S
            )

    def find_jobs(self, launch_key: str) -> list[JobReport]:
        reports = [job for job in self.list_jobs() if self._is_ours(job, launch_key)]
        return sorted(reports, key=lambda job: (job.created_at or _LONG_AGO, job.provider_job_id))

    def list_jobs(self) -> list[JobReport]:
        tasks = self._list_all(_TUNING, "tuningTasks", {})
        with provider_errors():
            return [*map(_parse_task, tasks)]

    def _is_ours(self, job: JobReport, launch_key: str) -> bool:
        options: Json = {}
        with ignore_missing():
            options = self._call("GET", f"{_TUNING}/{job.provider_job_id}/options")
        seed = get_object(options, "textToTextCompletion").get("seed")
        return str(seed) == str(_seed(launch_key))

    def read_job(self, provider_job_id: str) -> JobReport:
        body = self._call("GET", f"{_TUNING}/{provider_job_id}")
        with provider_errors():
            return _parse_task(body.get("tuningTask"))

    def cancel_job(self, provider_job_id: str) -> JobReport:
        self._call("POST", f"{_TUNING}/{provider_job_id}:cancel", body={})
        return self.read_job(provider_job_id)

    def list_events(self, provider_job_id: str, known: frozenset[str]) -> list[JobEvent]:
        """Return the task's new errors; Yandex has no other events. See TrainingApi."""
        errors = read_if_supported(
            lambda: self._list_all(f"{_TUNING}/{provider_job_id}/errors", "tuningError", {})
        )
        error_lines = (
            join_surrogates(json.dumps(error, ensure_ascii=False, sort_keys=True))
            for error in errors
        )
        return [
            JobEvent(_digest(line), utc_now(), "error", line)
            for line in error_lines
            if _digest(line) not in known
        ]

    def list_checkpoints(self, provider_job_id: str) -> list[Checkpoint]:
        """Return none: Yandex has no checkpoints."""
        del provider_job_id
        return []

    def models(self) -> list[ModelCard]:
        listed = self._call("GET", "/v1/models")
        with provider_errors():
            return [parse_model_card(row) for row in read_rows(listed)]

    def delete_model(self, model_id: str) -> None:
        """Archive the task that produced the model, and with it the model; see TrainingApi."""
        for task in self._list_all(_TUNING, "tuningTasks", {}):
            if task.get("targetModelUri") == model_id:
                with ignore_missing():
                    self._call("POST", f"{_TUNING}/{task.get('taskId')}:archive", body={})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _call(
        self,
        verb: str,
        path: str,
        query: Json | None = None,
        *,
        body: Json | None = None,
        creates: bool = False,
    ) -> Json:
        with provider_errors(creates=creates):
            answer = self._client.request(
                verb,
                f"{self._root}{path}",
                params={name: str(value) for name, value in (query or {}).items()},
                json=body,
                headers=self._headers,
            )
            if answer.status_code not in _OK:
                unsure = ProviderUnknown if creates else ProviderBusy
                error = error_in(answer.content)
                raise error_of_status(answer.status_code, answer.headers, error, path, unsure)
            return json_object(answer.content)

    def _list_all(self, path: str, name: str, query: Json) -> list[Json]:
        """Return all rows of a list; protobuf omits an empty one. Raises as `_call`."""
        all_rows: list[Json] = []
        params = {"folderId": self._folder, "pageSize": _PAGE, **query}
        for _ in range(MAX_PAGES):
            page = self._call("GET", path, params)
            with provider_errors():
                all_rows += read_rows({"data": page.get(name, [])})
            if not page.get("nextPageToken"):
                return all_rows
            if page["nextPageToken"] == params.get("pageToken"):
                break
            params["pageToken"] = page["nextPageToken"]
        raise ProviderBusy("the list has no end")


_LONG_AGO = datetime.fromtimestamp(0, UTC)


def _parse_task(task: object) -> JobReport:
    if not isinstance(task, dict):
        raise InvalidResponse(f"a task is {task!r:.60}")
    return JobReport(
        provider_job_id=require_text(task, "taskId"),
        status=require_text(task, "status"),
        model_id=get_text(task, "targetModelUri") or None,
        created_at=_parse_time(task, "createdAt"),
        finished_at=_parse_time(task, "finishedAt"),
    )


def _parse_time(row: Json, name: str) -> datetime | None:
    try:
        return from_iso(str(row[name])) if row.get(name) else None
    except (ValueError, OverflowError):
        return None


def _convert_line(line: bytes) -> bytes:
    """Convert a line of a training file to Yandex's format: the last message is the response."""
    record = json.loads(line)
    *before, last = record.get("messages") or [{}]
    if "tools" in record or not all(map(_is_plain, [*before, last])):
        raise ProviderError("Yandex trains only on texts of system, user and assistant")
    request = [{"role": message["role"], "text": message["content"]} for message in before]
    values = {"request": request, "response": last["content"]}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _is_plain(message: Json) -> bool:
    return message.get("role") in _ROLES and isinstance(message.get("content"), str)


def _dataset_name(name: str) -> str:
    """Return a valid dataset name: at most 63 Latin letters and digits."""
    return f"merlin-{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _seed(launch_key: str) -> int:
    return int(launch_key[:_KEY_DIGITS], 16)
