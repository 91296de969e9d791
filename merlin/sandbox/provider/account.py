"""A stand-in of an account whose hosted fine-tuning closes: it starts no job.

Its tuned models answer their training questions by the training answers. Source:
openai/openai-openapi, `openapi.yaml`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.openai_protocol import responses
from merlin.openai_protocol.errors import missing
from merlin.openai_protocol.requests import parse_page, read_body
from merlin.openai_protocol.responses import Json
from merlin.sandbox.provider.app import CREATED_AT, MAX_QUESTION_BYTES, ProviderStandIn
from merlin.sandbox.provider.chat import find_last_question, read_messages
from merlin.sandbox.server import ApiRoute

_EPOCHS = 3
_DAY_S = 86_400
_PAGE = 5  # rows of a page at most, so that a small account has several


@dataclass(frozen=True, slots=True)
class PlantedAccount:
    """Contents of files by id, oldest first, which is the name without its ending; and jobs.

    A job is a FineTuningJob object with `id`, `model` (its base), `training_file` and
    `fine_tuned_model`.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    jobs: Sequence[Json] = ()


def demo_account(language: str) -> PlantedAccount:
    """Return the account of `account.yaml`: three files, and two tuned models."""
    loaded = yaml.safe_load(
        (Path(__file__).parent / "account.yaml").read_text(encoding="utf-8")
    )
    files = {name: text.encode() for name, text in loaded["files"][language].items()}
    return PlantedAccount(files, loaded["jobs"])


class AccountStandIn(ProviderStandIn):
    """A stand-in of a provider with an account."""

    def __init__(
        self,
        account: PlantedAccount,
        piece_s: float = 0.0,
        *,
        key: str = "",
        port: int = 0,
    ) -> None:
        self.account = account
        super().__init__(piece_s, key=key, port=port)

    def _routes(self) -> list[ApiRoute]:
        jobs = "/v1/fine_tuning/jobs"
        checkpoints = f"{jobs}/{{job_id}}/checkpoints"
        return [
            *super()._routes(),
            ("files.list", "GET", "/v1/files", partial(_answer_page, self._list_files)),
            ("files.content", "GET", "/v1/files/{file_id}/content", self._read_content),
            ("jobs.list", "GET", jobs, partial(_answer_page, self._list_jobs)),
            (
                "jobs.checkpoints",
                "GET",
                checkpoints,
                partial(_answer_page, self._list_checkpoints),
            ),
        ]

    def _models(self) -> list[Json]:
        names = [job["fine_tuned_model"] for job in self.account.jobs]
        describe = partial(
            responses.model_object, owner="org-demo", shutdown_date="2027-01-14"
        )
        return [*super()._models(), *(describe(name, CREATED_AT) for name in names)]

    def _list_files(self) -> list[Json]:
        return [
            responses.file_object(
                id=file_id,
                filename=f"{file_id}.jsonl",
                bytes=len(content),
                created_at=CREATED_AT + number * _DAY_S,
                purpose="fine-tune",
            )
            for number, (file_id, content) in enumerate(self.account.files.items())
        ]

    def _list_jobs(self) -> list[Json]:
        return [
            responses.job_object(
                status="succeeded", created_at=CREATED_AT + number * _DAY_S, **job
            )
            for number, job in enumerate(self.account.jobs)
        ]

    def _list_checkpoints(self, job_id: str) -> list[Json]:
        return [
            responses.checkpoint_object(
                id=f"ftckpt-{job_id}-{epoch}",
                fine_tuning_job_id=job_id,
                fine_tuned_model_checkpoint=f"{job['fine_tuned_model']}:ckpt-step-{epoch}",
                created_at=CREATED_AT,
                step_number=epoch,
                metrics={"step": epoch, "train_loss": 2 / (epoch + 1)},
            )
            for job in self._list_jobs()
            for epoch in range(1, _EPOCHS + 1)
            if job["id"] == job_id
        ]

    async def _read_content(self, request: Request) -> Response:
        file_id = request.path_params["file_id"]
        if file_id not in self.account.files:
            raise missing("File object", file_id)
        return Response(
            self.account.files[file_id], media_type="application/octet-stream"
        )

    async def _create_completion(self, request: Request) -> Response:
        """Answer as a tuned model, else as the chat model."""
        body = await read_body(request, MAX_QUESTION_BYTES)
        files = {
            job["fine_tuned_model"]: job["training_file"] for job in self.account.jobs
        }
        if body.get("model") not in files:
            return await super()._create_completion(request)
        messages = read_messages(body.get("messages"))
        content = self.account.files[files[body["model"]]]
        question = find_last_question(messages)
        known = (
            answer["content"]
            for line in content.splitlines()
            for asked, answer in pairwise(json.loads(line).get("messages", ()))
            if asked == {"role": "user", "content": question}
        )
        return await self.respond(body, messages, next(known, "I don't know this one."))


async def _answer_page(read: Callable[..., list[Json]], request: Request) -> Response:
    """Return one page of a list, newest first."""
    rows = read(**request.path_params)[::-1]
    page = parse_page(request.query_params)
    ids = [row["id"] for row in rows]
    start = ids.index(page.after) + 1 if page.after in ids else 0
    end = start + min(page.limit, _PAGE)
    return JSONResponse(responses.list_page(rows[start:end], has_more=end < len(rows)))
