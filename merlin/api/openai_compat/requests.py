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
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from merlin.account.users import User
from merlin.api.auth import Caller
from merlin.api.problems import field_error, refusal, validation_errors
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.app.ask import ProgramQuestion, make_call_number
from merlin.app.context import Context
from merlin.chat.model_catalogue import ModelCatalogue, ModelRequest
from merlin.core.formatted_text import is_blank
from merlin.core.messages import Message, SamplingParams
from merlin.openai_protocol.errors import NO_MODEL, ApiError
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


def read_question(
    services: Context, caller: Caller, read: ChatCompletionRequest
) -> ProgramQuestion:
    """Return the question of a chat completion. Raises ApiError for an unknown model."""
    name = read.model
    if name not in (offered := list_offered_models(services, caller.actor)):
        raise unknown_model_error(caller.language, name, offered)
    dataset: str | None = name.removeprefix(_FOLDER)
    if name == ALONE:
        dataset = services.default_dataset
    assistant = services.config.assistant
    return ProgramQuestion(
        caller.user or User(0),
        caller.language,
        make_call_number(),
        read.conversation,
        ModelRequest(dataset, None, services.general, read.system, assistant),
        read.sampling,
    )
