"""Tuning of YandexGPT at Yandex Cloud; its models answer by the OpenAI protocol.

    upload_file   a dataset: draft -> its bytes -> validating -> READY
    create_job    a tuning task; its seed is the launch key's, because a task tells no labels
    find_jobs     the folder's tasks, each asked for the seed among its options

Yandex describes these calls as gRPC (yandex-cloud/cloudapi: `ai/dataset/v1`, `ai/tuning/v1`). Here
they are the same messages as JSON over HTTP, by the names that protobuf gives them: made from that
description, not called for real.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from merlin.core.clock import from_iso, utc_now
from merlin.core.errors import ProviderBusy, ProviderError, ProviderUnknown
from merlin.openai_protocol.client import PROJECT, json_object
from merlin.openai_protocol.errors import InvalidResponse, error_in, error_of_status
from merlin.providers.base import (
    LAUNCH_KEY,
    Checkpoint,
    JobEvent,
    JobReport,
    ModelCard,
)
from merlin.providers.http import http_client, patience
from merlin.providers.openai_chat import Json, model_card, must_text, rows
from merlin.providers.openai_training import (
    MAX_PAGES,
    UPLOAD_S,
    gone_already,
    none_if_unknown,
    provider_errors,
)

_TUNING, _DATASETS = "/foundationModels/v1/tuning", "/foundationModels/v1/datasets"
_TASK, _FORMAT = "TextToTextGeneration", "jsonlines"
_PAGE = 100
_OK = range(200, 300)
_KEY_DIGITS = 12  # of the launch key: a seed is a whole number of 64 bits
_VALIDATED_S = 5.0
_STORED = ("VALIDATING", "READY", "INVALID")
_ROLES = ("system", "user", "assistant")
# Its own words for hyper-parameters; each is a number.
_NAMES = {"learning_rate": "lr", "n_samples": "nSamples"}


class YandexProvider:
    """The TrainingApi of one folder of a cloud."""

    def __init__(
        self, base_url: str, credential: str, folder: str, timeout_s: float = 60.0
    ) -> None:
        """Take one entry of `providers` in config.yaml; no call is made yet."""
        self._root = base_url.rstrip("/").removesuffix("/v1")
        self._client = http_client(base_url, timeout_s, keep=0)
        self._folder = folder
        self._headers = {"Authorization": f"Api-Key {credential}", PROJECT: folder}

    def upload_file(self, name: str, path: Path) -> str:
        """Fulfil TrainingApi; a draft that an upload left behind is filled."""
        content = b"".join(map(_line, path.read_bytes().splitlines()))
        dataset = next(iter(self._datasets(name, ("DRAFT",))), None) or self._draft(name)
        sized: Json = {"sizeBytes": len(content)}
        link = self._call("GET", f"{_DATASETS}/{dataset}:uploadUrl", sized)
        with provider_errors():
            url = must_text(link, "uploadUrl")
            # The address itself is the permission; it gets no key of ours.
            answer = self._client.put(url, content=content, timeout=patience(UPLOAD_S))
            if answer.status_code not in _OK:
                error = error_in(answer.content)
                raise error_of_status(answer.status_code, answer.headers, error, url, ProviderBusy)
        self._call("POST", f"{_DATASETS}/{dataset}:validate", body={}, creates=True)
        return dataset

    def _draft(self, name: str) -> str:
        body = {
            "folderId": self._folder,
            "name": _dataset_name(name),
            "description": name,
            "taskType": _TASK,
            "uploadFormat": _FORMAT,
        }
        made = self._call("POST", _DATASETS, body=body, creates=True)
        with provider_errors(creates=True):
            return must_text(made, "datasetId")

    def find_files(self, name: str) -> list[str]:
        return self._datasets(name, _STORED)

    def _datasets(self, name: str, states: tuple[str, ...]) -> list[str]:
        requested = _dataset_name(name)
        listed = self._listed(_DATASETS, "datasets", {"datasetNamePattern": requested})
        with provider_errors():
            found = [
                (_moment(row, "createdAt") or utc_now(), must_text(row, "datasetId"))
                for row in listed
                if row.get("name") == requested and row.get("status") in states
            ]
        return [dataset for _, dataset in sorted(found)]

    def delete_file(self, file_id: str) -> None:
        with gone_already():
            self._call("DELETE", f"{_DATASETS}/{file_id}")

    def create_job(
        self,
        base_model: str,
        train_file: str,
        test_file: str | None,
        *,
        method: str,
        hyperparameters: Mapping[str, object],
        suffix: str,
        metadata: Mapping[str, str],
    ) -> JobReport:
        """Fulfil TrainingApi. Raises ProviderBusy while a dataset is validated."""
        del method  # there is one
        for dataset in filter(None, (train_file, test_file)):
            self._require_ready(dataset)
        key = metadata[LAUNCH_KEY]
        requested = {
            _NAMES.get(name, name): value
            for name, value in hyperparameters.items()
            if value != "auto"
        }
        body = {
            "baseModelUri": base_model,
            "trainDatasets": [{"datasetId": train_file, "weight": 1.0}],
            "validationDatasets": [{"datasetId": test_file, "weight": 1.0}] if test_file else [],
            "textToTextCompletion": {"seed": str(_seed(key)), "lora": {}, **requested},
            "name": suffix,
            "labels": {LAUNCH_KEY: key},
        }
        operation = self._call("POST", _TUNING, body=body, creates=True)
        with provider_errors(creates=True):
            operation_metadata = operation.get("metadata")
            if not isinstance(operation_metadata, dict):
                raise InvalidResponse(f"metadata is {operation_metadata!r:.60}")
            return JobReport(
                must_text(operation_metadata, "tuningTaskId"),
                must_text(operation_metadata, "status"),
            )

    def _require_ready(self, dataset: str) -> None:
        body = self._call("GET", f"{_DATASETS}/{dataset}").get("dataset")
        found = body if isinstance(body, dict) else {}
        if found.get("status") == "INVALID":
            why = json.dumps(found.get("validationError") or [], ensure_ascii=False)
            raise ProviderError(f"the training file is not valid: {why[:300]}")
        if found.get("status") != "READY":
            raise ProviderBusy(f"the dataset is {found.get('status')}", retry_after_s=_VALIDATED_S)

    def find_jobs(self, launch_key: str) -> list[JobReport]:
        tasks = self._listed(_TUNING, "tuningTasks", {})
        with provider_errors():
            found = [each for each in map(_report, tasks) if self._is_ours(each, launch_key)]
        return sorted(found, key=lambda job: (job.created_at or _LONG_AGO, job.provider_job_id))

    def _is_ours(self, job: JobReport, launch_key: str) -> bool:
        options = self._call("GET", f"{_TUNING}/{job.provider_job_id}/options")
        tuned = options.get("textToTextCompletion")
        seed = tuned.get("seed") if isinstance(tuned, dict) else None
        return str(seed) == str(_seed(launch_key))

    def read_job(self, provider_job_id: str) -> JobReport:
        body = self._call("GET", f"{_TUNING}/{provider_job_id}")
        with provider_errors():
            return _report(body.get("tuningTask"))

    def cancel_job(self, provider_job_id: str) -> JobReport:
        self._call("POST", f"{_TUNING}/{provider_job_id}:cancel", body={})
        return self.read_job(provider_job_id)

    def list_events(self, provider_job_id: str, known: frozenset[str]) -> list[JobEvent]:
        """Fulfil TrainingApi: what went wrong with the task, which tells nothing else."""
        errors = none_if_unknown(
            lambda: self._listed(f"{_TUNING}/{provider_job_id}/errors", "tuningError", {})
        )
        error_lines = (json.dumps(error, ensure_ascii=False, sort_keys=True) for error in errors)
        return [
            JobEvent(_digest(words), utc_now(), "error", words)
            for words in error_lines
            if _digest(words) not in known
        ]

    def list_checkpoints(self, provider_job_id: str) -> list[Checkpoint]:
        """Fulfil TrainingApi; it has none."""
        del provider_job_id
        return []

    def models(self) -> list[ModelCard]:
        listed = self._call("GET", "/v1/models")
        with provider_errors():
            return [model_card(row) for row in rows(listed)]

    def delete_model(self, model_id: str) -> None:
        """Fulfil TrainingApi: the task that made the model is archived, and the model with it."""
        for task in self._listed(_TUNING, "tuningTasks", {}):
            if task.get("targetModelUri") == model_id:
                with gone_already():
                    self._call("POST", f"{_TUNING}/{task.get('taskId')}:archive", body={})

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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

    def _listed(self, path: str, name: str, query: Json) -> list[Json]:
        """Return all rows of a list; protobuf leaves an empty one out. Raises as `_call`."""
        found: list[Json] = []
        params = {"folderId": self._folder, "pageSize": _PAGE, **query}
        for _ in range(MAX_PAGES):
            page = self._call("GET", path, params)
            with provider_errors():
                found += rows({"data": page.get(name, [])})
            if not page.get("nextPageToken"):
                return found
            params["pageToken"] = page["nextPageToken"]
        raise ProviderBusy("the list has no end")


_LONG_AGO = datetime.fromtimestamp(0, UTC)


def _report(task: object) -> JobReport:
    if not isinstance(task, dict):
        raise InvalidResponse(f"a task is {task!r:.60}")
    return JobReport(
        provider_job_id=must_text(task, "taskId"),
        status=must_text(task, "status"),
        model_id=str(task.get("targetModelUri") or "") or None,
        created_at=_moment(task, "createdAt"),
        finished_at=_moment(task, "finishedAt"),
    )


def _moment(row: Json, name: str) -> datetime | None:
    try:
        return from_iso(str(row[name])) if row.get(name) else None
    except ValueError:
        return None


def _line(line: bytes) -> bytes:
    """Return a line of a training file as Yandex has it: the last answer is the response."""
    record = json.loads(line)
    *before, last = record.get("messages") or [{}]
    if "tools" in record or not all(map(_is_plain, [*before, last])):
        raise ProviderError("Yandex trains on words of system, user and assistant alone")
    request = [{"role": each["role"], "text": each["content"]} for each in before]
    values = {"request": request, "response": last["content"]}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _is_plain(message: Json) -> bool:
    return message.get("role") in _ROLES and isinstance(message.get("content"), str)


def _dataset_name(name: str) -> str:
    """Return a name that a dataset may have there: latin letters, digits, 63 of them at most."""
    return f"merlin-{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _seed(launch_key: str) -> int:
    return int(launch_key[:_KEY_DIGITS], 16)
