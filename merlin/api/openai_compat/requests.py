"""Parsing and validation of POST /v1/chat/completions, and the quota of its questions.

Sampling parameters (temperature, top_p, max_tokens, stop, seed, response_format …) are passed to
the serving provider; a model that does not support one reports it. Unsupported features (tools,
several choices, log probabilities, audio) are refused by name; other fields (user, metadata, store
…) are ignored. A call names its model:

    merlin              the model that serves the default dataset
    merlin/<dataset>    the model that serves this dataset

Source: openai/openai-openapi, `openapi.yaml`, CreateChatCompletionRequest.

The cost of a question is reserved in a transaction before the model is called;
`release_stale_reservations` releases what killed processes of any replica left reserved.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import Any

from pydantic import Field, ValidationError

from merlin.account.users import User
from merlin.api.auth import Caller
from merlin.api.problems import field_error, refusal, validation_errors
from merlin.api.services import ApiServices
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.ask import Asker, ReachedCap, cost_of, find_asker, reserve, settle
from merlin.app.context import Context
from merlin.billing.quota import Format, Left, Quotas
from merlin.chat.answer import Reply, report_faults
from merlin.chat.model_catalogue import (
    Candidate,
    ModelCatalogue,
    ModelRequest,
    find_first_candidate,
)
from merlin.core import i18n
from merlin.core.formatted_text import is_blank
from merlin.core.log import get_logger
from merlin.core.messages import DEFAULT_SAMPLING, Message, SamplingParams
from merlin.db.processes import CALL_LIMIT
from merlin.openai_protocol.errors import NO_CREDIT, NO_MODEL, ApiError
from merlin.openai_protocol.requests import (
    ChatMessage,
    ChatRequest,
    UnsupportedFields,
    invalid_field,
)

log = get_logger(__name__)

ALONE = "merlin"
_FOLDER = f"{ALONE}/"
BODY_BYTES = 1024 * 1024
MAX_MESSAGES = 200
_SYSTEM = ("system", "developer")


class ChatCompletionRequest(ChatRequest):
    """A question with the preceding conversation."""

    model: str = Field(
        max_length=200, description="Name of the model: `merlin` or `merlin/<dataset>`."
    )
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    user: str | None = Field(default=None, description="Accepted, but has no effect.")

    @property
    def sampling(self) -> SamplingParams:
        """Return the sampling parameters."""
        shape = self.response_format or {"type": "text"}
        return SamplingParams(
            temperature=self.temperature,
            top_p=self.top_p,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            seed=self.seed,
            most_tokens=self.most_tokens,
            stops=tuple(self.stops),
            response_format=None if shape == {"type": "text"} else shape,
        )


def parse_request(body: bytes, language: str) -> ChatCompletionRequest:
    """Return the request. Raises ApiError 400 that names the first invalid field."""
    try:
        return ChatCompletionRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = "" if first["type"] == "json_invalid" else invalid_field(first)
        if field in UnsupportedFields.model_fields:
            status, code = HTTPStatus.BAD_REQUEST, "unsupported_parameter"
            raise refusal(language, status, "not-supported", code, field, field=field) from error
        detail = validation_errors([{**first, "loc": ("body",)}], language)[0]["detail"]
        raise field_error(language, field, "wrong", place=field or "body", why=detail) from error


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its conversation.

    `name` is the model name of the request, `dataset` the dataset it refers to, None for the
    default one. `conversation` ends with the question; `system` is the caller's system prompt,
    `sampling` its sampling parameters.
    """

    name: str
    dataset: str | None
    conversation: tuple[Message, ...]
    system: str = ""
    sampling: SamplingParams = DEFAULT_SAMPLING


def name_of(dataset: str) -> str:
    """Return the API's model name of a dataset."""
    return f"{_FOLDER}{dataset}"


def dataset_of_name(name: str, default: str | None) -> str | None:
    """Return the dataset that a model name refers to, "" for a name of another form."""
    if name == ALONE:
        return default
    return name.removeprefix(_FOLDER) if name.startswith(_FOLDER) else ""


def request_of_call(ctx: Context, question: Question) -> ModelRequest:
    """Return the model request of a call."""
    return ModelRequest(
        dataset=question.dataset,
        chosen=None,
        general=ctx.general,
        system=question.system,
        assistant=ctx.config.assistant,
    )


def question_of(read: ChatCompletionRequest, default: str | None, language: str) -> Question:
    """Return the question. Raises ApiError 400."""
    messages = [Message(message.role, message.text) for message in read.messages]
    system = "\n\n".join(message.content for message in messages if message.role in _SYSTEM)
    conversation = tuple(message for message in messages if message.role not in _SYSTEM)
    last = f"messages[{len(read.messages) - 1}]"
    if not conversation or conversation[-1].role != "user":
        raise field_error(language, f"{last}.role", "no-question")
    if is_blank(conversation[-1].content):
        raise field_error(language, f"{last}.content", "empty-question")
    dataset = dataset_of_name(read.model, default)
    return Question(read.model, dataset, conversation, system.strip(), read.sampling)


BY = "api:openai"


def asker_of(caller: Caller, number: int, dataset: str | None) -> Asker:
    """Return the asker, with the plan for questions about a dataset."""
    return find_asker(caller.services, caller.user or User(0), caller.language, number, dataset)


def list_offered_models(services: Context, actor: Actor) -> dict[str, datetime | None]:
    """Return the models that the actor may ask and since when each serves.

    None: a general model answers.
    """
    default = ModelCatalogue(services.db).find_serving(services.default_dataset)
    datasets = courses.list_open_datasets(services, actor).items()
    models = {name_of(dataset): since for dataset, since in datasets}
    return {ALONE: default.since if default else None, **models}


def unknown_model_error(language: str, name: str, offered: Iterable[str]) -> ApiError:
    """Return the error of a model that the caller may not ask; it names those `offered`."""
    arguments: dict[str, Any] = {"model": name, "names": ", ".join(offered)}
    return refusal(language, HTTPStatus.NOT_FOUND, "no-model", NO_MODEL, "model", **arguments)


def reserve_question(caller: Caller, question: Question, asker: Asker) -> Candidate | None:
    """Return the first candidate to answer, after reserving the question in the plan.

    Raises ApiError: unknown model, or quota used up.
    """
    services = caller.services
    if question.name not in (offered := list_offered_models(services, caller.actor)):
        raise unknown_model_error(asker.language, question.name, offered)
    model_request = request_of_call(services, question)
    first = find_first_candidate(ModelCatalogue(services.db), model_request)
    exceeded = reserve(services, asker, Format.TEXT)
    if exceeded is not None:
        raise quota_error(asker, exceeded, services.clock())
    return first


def quota_error(asker: Asker, exceeded: ReachedCap | Left, now: datetime) -> ApiError:
    """Return the error for a reached spending limit or a used-up quota."""
    status, arguments = HTTPStatus.TOO_MANY_REQUESTS, dict[str, Any]()
    if isinstance(exceeded, ReachedCap):
        key, until = "guard-day", exceeded.until
    elif exceeded.limit == 0:
        return refusal(asker.language, status, "closed", NO_CREDIT, kind=exceeded.kind.value)
    else:
        key, until = "spent", exceeded.resets_at
        arguments = {
            "kind": exceeded.kind.value,
            "limit": exceeded.limit or 0,
            "period": exceeded.period.value,
        }
    return refusal(
        asker.language,
        status,
        key,
        NO_CREDIT,
        retry_after_s=max(ceil((until - now).total_seconds()), 1),
        until=i18n.format_moment(until, asker.zone, asker.language, is_named=True),
        **arguments,
    )


def settle_question(services: ApiServices, asker: Asker, reply: Reply) -> None:
    """Charge an answered question or release it, and report problems to the admins."""
    settle(services, asker, cost_of(services, reply), is_answered=reply.is_answer)
    report_faults(services.db, reply.faults, services.clock, BY)


def release_stale_reservations(ctx: Context) -> None:
    """Release the reservations of abandoned questions."""
    now = ctx.clock()
    count = Quotas(ctx.db, ctx.bot_id).give_back_before(now - CALL_LIMIT)
    if count:
        log.warning("the quota of abandoned questions was returned", questions=count)
