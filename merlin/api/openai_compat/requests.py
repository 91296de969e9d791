"""Questions of programs: POST /v1/chat/completions and /v1/responses as a request, and its quota.

Sampling parameters (temperature, top_p, max_tokens, stop, seed, response_format …) are passed to
the serving provider; a model that does not support one reports it. Unsupported features (tools,
several choices, log probabilities, audio) are refused by name; other fields (user, metadata, store
…) are ignored. A call names its model:

    merlin              the model that serves the default dataset
    merlin/<dataset>    the model that serves this dataset

Source: openai/openai-openapi, `openapi.yaml`, CreateChatCompletionRequest.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import Any, TypeVar

from pydantic import Field, ValidationError
from starlette.requests import Request

from merlin.account.users import User
from merlin.api.auth import Caller
from merlin.api.problems import field_error, refusal, validation_errors
from merlin.api.question_stream import QuestionStream, Reserved
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.ask import (
    Asker,
    ReachedCap,
    cost_of,
    find_asker,
    make_call_number,
    reserve,
    settle,
)
from merlin.app.context import Context
from merlin.billing.quota import Format, Left
from merlin.chat.answer import Reply, report_faults
from merlin.chat.model_catalogue import (
    ModelCatalogue,
    ModelRequest,
    find_first_candidate,
)
from merlin.chat.small_talk import answer_small_talk
from merlin.core import i18n
from merlin.core.formatted_text import is_blank
from merlin.core.messages import Message, SamplingParams
from merlin.openai_protocol.errors import NO_CREDIT, NO_MODEL, ApiError
from merlin.openai_protocol.requests import (
    ChatMessage,
    ChatRequest,
    Fields,
    UnsupportedFields,
    invalid_field,
)
from merlin.openai_protocol.responses_api import (
    ResponsesRequest,
    UnsupportedResponseFields,
)

ALONE = "merlin"
_FOLDER = f"{ALONE}/"
BODY_BYTES = 1024 * 1024
MAX_MESSAGES = 200
_SYSTEM = ("system", "developer")
_UNSUPPORTED = {
    **UnsupportedFields.model_fields,
    **UnsupportedResponseFields.model_fields,
}
BY = "api:openai"
R = TypeVar("R", bound=Fields)


class ChatCompletionRequest(ChatRequest):
    """A question with the preceding conversation."""

    model: str = Field(
        max_length=200, description="Name of the model: `merlin` or `merlin/<dataset>`."
    )
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    user: str | None = Field(default=None, description="Accepted, but has no effect.")

    @property
    def system(self) -> str:
        """Return the caller's system prompt, "" for none."""
        texts = [message.text for message in self.messages if message.role in _SYSTEM]
        return "\n\n".join(texts).strip()

    @property
    def conversation(self) -> tuple[Message, ...]:
        """Return the messages without system prompts; the last one is the question."""
        messages = [message for message in self.messages if message.role not in _SYSTEM]
        return tuple(Message(message.role, message.text) for message in messages)

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
    read = _validate(ChatCompletionRequest, body, language)
    return _check_question(read, f"messages[{len(read.messages) - 1}]", language)


def parse_responses_request(
    body: bytes, language: str
) -> tuple[ResponsesRequest, ChatCompletionRequest]:
    """Return a request of /v1/responses, and the chat's that asks the same; raises as the other."""
    asked = _validate(ResponsesRequest, body, language)
    read = _validate(
        ChatCompletionRequest, json.dumps(asked.as_chat()).encode(), language
    )
    return asked, _check_question(read, f"input[{len(asked.input) - 1}]", language)


def _validate(kind: type[R], body: bytes, language: str) -> R:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = "" if first["type"] == "json_invalid" else invalid_field(first)
        if field in _UNSUPPORTED:
            status = HTTPStatus.BAD_REQUEST
            code = "unsupported_parameter"
            raise refusal(
                language, status, "not-supported", code, field, field=field
            ) from error
        detail = validation_errors([{**first, "loc": ("body",)}], language)[0]["detail"]
        raise field_error(
            language, field, "wrong", place=field or "body", why=detail
        ) from error


def _check_question(
    read: ChatCompletionRequest, last: str, language: str
) -> ChatCompletionRequest:
    conversation = read.conversation
    if not conversation or conversation[-1].role != "user":
        raise field_error(language, f"{last}.role", "no-question")
    if is_blank(conversation[-1].content):
        raise field_error(language, f"{last}.content", "empty-question")
    return read


def list_offered_models(services: Context, actor: Actor) -> dict[str, datetime | None]:
    """Return the models that the actor may ask and since when each serves.

    None: a general model answers.
    """
    default = ModelCatalogue(services.db).find_serving(services.default_dataset)
    datasets = courses.list_open_datasets(services, actor).items()
    models = {f"{_FOLDER}{dataset}": since for dataset, since in datasets}
    return {ALONE: default.since if default else None, **models}


def unknown_model_error(language: str, name: str, offered: Iterable[str]) -> ApiError:
    """Return the error of a model that the caller may not ask; it names those `offered`."""
    arguments: dict[str, Any] = {"model": name, "names": ", ".join(offered)}
    return refusal(
        language, HTTPStatus.NOT_FOUND, "no-model", NO_MODEL, "model", **arguments
    )


class ProgramQuestion(QuestionStream):
    """The question of a chat completion, which is not stored."""

    def __init__(
        self, request: Request, caller: Caller, read: ChatCompletionRequest
    ) -> None:
        self._caller = caller
        self._read = read
        # Of a name of another form, which `reserve` refuses, the default one.
        named = read.model.startswith(_FOLDER)
        default = caller.services.default_dataset
        self._dataset = read.model.removeprefix(_FOLDER) if named else default
        user = caller.user or User(0)
        number = make_call_number()
        asker = find_asker(caller.services, user, caller.language, number)
        super().__init__(request, asker, read.sampling)

    def reserve(self) -> Reserved:
        """Reserve the question. Raises ApiError: unknown model, or quota used up."""
        ctx = self.services
        name = self._read.model
        if name not in (offered := list_offered_models(ctx, self._caller.actor)):
            raise unknown_model_error(self.asker.language, name, offered)
        system = self._read.system
        assistant = ctx.config.assistant
        requested = ModelRequest(self._dataset, None, ctx.general, system, assistant)
        first = find_first_candidate(ModelCatalogue(ctx.db), requested)
        messages = self._read.conversation
        question = messages[-1].content
        language = self.asker.language
        if small_talk := answer_small_talk(ctx.db, first, question, language):
            return Reserved(requested, first, messages, small_talk)
        exceeded = reserve(ctx, self.asker, Format.TEXT)
        if exceeded is not None:
            raise quota_error(self.asker, exceeded, ctx.clock())
        return Reserved(requested, first, messages)

    def charge(self, reply: Reply) -> None:
        """Charge an answered question or release it, and report problems to the admins."""
        ctx = self.services
        is_answered = reply.is_answer and reply.known is not False
        settle(ctx, self.asker, cost_of(ctx, reply), is_answered=is_answered)
        report_faults(ctx.db, reply.faults, ctx.clock, BY)


def quota_error(asker: Asker, exceeded: ReachedCap | Left, now: datetime) -> ApiError:
    """Return the error for a reached spending limit or a used-up quota."""
    status = HTTPStatus.TOO_MANY_REQUESTS
    arguments = dict[str, Any]()
    if isinstance(exceeded, ReachedCap):
        key = "guard-day"
        until = exceeded.until
    elif exceeded.limit == 0:
        return refusal(
            asker.language, status, "closed", NO_CREDIT, kind=exceeded.kind.value
        )
    else:
        key = "spent"
        until = exceeded.resets_at
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
