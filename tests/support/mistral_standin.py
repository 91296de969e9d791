"""A stand-in for Mistral: account, models and answers as for OpenAI, but its own training API.

It covers the calls of `merlin.providers.mistral_training`.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.openai_protocol.errors import bad_field
from merlin.openai_protocol.requests import read_body
from merlin.sandbox.server import ApiRoute
from tests.support.provider_training import JOB, JOBS, TrainingJob, checkpoint_objects
from tests.support.stand_ins import ProviderStandIn

# Mistral's job statuses; an unknown status passes through unchanged.
_STATUSES = {
    "validating_files": "VALIDATING",
    "queued": "QUEUED",
    "running": "RUNNING",
    "succeeded": "SUCCESS",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}
MAX_SUFFIX_LENGTH = 18


class MistralStandIn(ProviderStandIn):
    """Mistral, as far as its client can observe."""

    def _routes(self) -> list[ApiRoute]:
        account = self._account
        routes: list[ApiRoute] = [
            ("models.list", "GET", "/v1/models", self._list_models),
            ("files.list", "GET", "/v1/files", self._files),
            ("jobs.create", "POST", JOBS, self._create),
            ("jobs.list", "GET", JOBS, self._jobs),
            ("jobs.retrieve", "GET", JOB, lambda job_id: self._job(account.poll(job_id))),
            ("jobs.cancel", "POST", f"{JOB}/cancel", self._cancel),
        ]
        names = {name for name, *_ in routes} | {"jobs.events", "jobs.checkpoints"}
        return [*routes, *(route for route in super()._routes() if route[0] not in names)]

    def _cancel(self, job_id: str) -> dict[str, Any]:
        return self._job(self._account.cancel(job_id))

    def _list_models(self) -> dict[str, Any]:
        models = [
            {**model, "max_context_length": model["context_window"], "deprecation": None}
            for model in self._models()
        ]
        return {"object": "list", "data": models}

    async def _files(self, request: Request) -> Response:
        return _page(request, [*self._account.files.values()][::-1])

    async def _create(self, request: Request) -> Response:
        document = await read_body(request)
        for name in ("model", "training_files", "hyperparameters"):
            if not isinstance(document.get(name), str | list | dict):
                raise bad_field(name, f"Field required: {name}")
        if len(str(document.get("suffix") or "")) > MAX_SUFFIX_LENGTH:
            raise bad_field("suffix", f"at most {MAX_SUFFIX_LENGTH} characters")
        job = self._account.create_job(
            {
                "model": document["model"],
                "training_file": document["training_files"][0]["file_id"],
                "validation_file": (document.get("validation_files") or [None])[0],
                "suffix": document.get("suffix"),
                "epochs": document["hyperparameters"].get("epochs"),
            }
        )
        return JSONResponse(self._job(job))

    async def _jobs(self, request: Request) -> Response:
        suffix = request.query_params.get("suffix")
        jobs = [
            job for job in self._account.visible_jobs({}) if suffix in {None, job.asked["suffix"]}
        ]
        return _page(request, [self._job(job, with_details=False) for job in jobs])

    def _job(self, job: TrainingJob, *, with_details: bool = True) -> dict[str, Any]:
        status, at = _STATUSES.get(job.status, job.status), int(job.created_at)
        failure = {"error": "the training file is invalid"} if job.status == "failed" else {}
        event = {"name": "status-updated", "data": {"status": status, **failure}, "created_at": at}
        document = {
            "id": job.job_id,
            "object": "job",
            "auto_start": True,
            "model": job.asked["model"],
            "status": status,
            "job_type": "completion",
            "created_at": at,
            "modified_at": int(job.finished_at or job.created_at),
            "training_files": [job.asked["training_file"]],
            "validation_files": [],
            "fine_tuned_model": self._account.tuned_model(job),
            "suffix": job.asked["suffix"],
            "trained_tokens": None,
            "metadata": {"expected_duration_seconds": 120, "cost": 1.5, "cost_currency": "EUR"},
        }
        if not with_details:
            return document
        checkpoints = [
            {
                "metrics": {"train_loss": checkpoint["metrics"]["train_loss"], "valid_loss": None},
                "step_number": checkpoint["step_number"],
                "created_at": at,
            }
            for checkpoint in checkpoint_objects(job)
        ]
        return {**document, "events": [event], "checkpoints": checkpoints}


def _page(request: Request, rows: list[dict[str, Any]]) -> Response:
    """Return one numbered page; an empty one has no `data`."""
    query = request.query_params
    page, size = int(query.get("page") or 0), int(query.get("page_size") or 100)
    page_rows = rows[page * size : (page + 1) * size]
    document = {"object": "list", "total": len(rows)}
    return JSONResponse({**document, "data": page_rows} if page_rows else document)
