"""What the description of the api (OpenAPI) says of /v1: its answers, and its errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from pydantic.config import JsonDict

from merlin.api.problems import NAMED

Responses = dict[int | str, dict[str, Any]]


def _without_default(shown: JsonDict) -> None:
    """Describe a field as one that may be left out, and is nothing then."""
    shown.pop("default")


class ErrorShown(BaseModel):
    """Why there is no answer."""

    message: str = Field(description="in the language of the caller")
    type: str
    param: str | None
    code: str


class ErrorAnswer(BaseModel):
    """An error of the protocol."""

    error: ErrorShown


class ModelCard(BaseModel):
    """One model of the door."""

    id: str = Field(description='"merlin" or "merlin/<dataset>"')
    object: str
    created: int = Field(description="since when it serves, in Unix time; 0: it does not")
    owned_by: str


class ModelCards(BaseModel):
    """Every model of the door."""

    object: str
    data: list[ModelCard]


class Extension(BaseModel):
    """What the protocol has no words for."""

    known: bool | None = Field(description="what the model says of itself; null: it does not tell")
    nearest: list[str] = Field(
        description="taught questions that may have been meant where it does not know, best first"
    )
    standing: str | None = Field(
        description="serving, earlier, base, general, alone, chosen or composed: what the model was"
        " for this"
    )
    model: str = Field(description="the model at its provider")
    build: str | None = Field(description="the version of the dataset that it learnt")
    commit: str | None = Field(description="the commit that this version was built at")
    ending: str = Field(description="whole, length, cut or filtered")
    is_alone: bool = Field(description="what was said before did not fit and was left out")
    note: str = Field(description='what a person should be told under the answer; "": nothing')
    sources: list[str] = Field(description="what a composed answer was composed from")


class Message(BaseModel):
    """What was answered."""

    role: str
    content: str
    refusal: str | None
    annotations: list[Any]


class CompletionChoice(BaseModel):
    """The one answer."""

    index: int
    message: Message
    logprobs: None
    finish_reason: str


class Usage(BaseModel):
    """Tokens as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """A whole answer."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str = Field(
        default="",
        description="the version of the dataset, as `build`; left out where there is none",
        json_schema_extra=_without_default,
    )
    choices: list[CompletionChoice]
    usage: Usage
    merlin: Extension


_HEADERS = {
    "Merlin-Model": "the model that answers, at its provider",
    "Merlin-Build": "the version of the dataset that it learnt (neurotypology-7)",
    "Merlin-Commit": "the commit that this version was built at",
    "Merlin-Standing": "what the model is for this question: serving, earlier, general …",
}


def _errors(*statuses: int) -> Responses:
    everywhere = (401, 403, 429, 500, 503)
    return {
        status: {"description": HTTPStatus(status).phrase, "model": ErrorAnswer}
        for status in sorted({*statuses, *everywhere})
    }


LISTED: Responses = {200: {"model": ModelCards}, **_errors()}
SHOWN: Responses = {200: {"model": ModelCard}, **_errors(404)}
ANSWERED: Responses = {
    200: {
        "model": Completion,
        "description": "The answer, or a stream of chunks that ends with [DONE]",
        "content": {"text/event-stream": {}},
        "headers": {
            name: {"description": words, "schema": {"type": "string"}}
            for name, words in _HEADERS.items()
        },
    },
    **_errors(400, 404, 409, 413, 422, 502),
}


_BODY = {"schema": {"$ref": "#/components/schemas/ChatCompletionRequest"}}
ASKED: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": _BODY}},
    **NAMED,
}
