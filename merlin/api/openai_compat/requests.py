"""A call's body, read: POST /v1/chat/completions in the words of the protocol.

What steers how a model writes (temperature, top_p, max_tokens, stop, seed, response_format …) goes
to the provider that serves; a model that does not take it says so (`chat.steering`). What nothing
here can do (tools, several answers, log probabilities, speech) is refused by name, and what changes
no answer (user, metadata, store …) is passed over. A call names its model:

    merlin              the model that serves the default dataset
    merlin/<dataset>    the model that serves this dataset

Source: openai/openai-openapi, `openapi.yaml`, CreateChatCompletionRequest.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from merlin.api.problems import refusal, wrong, wrong_values
from merlin.app.context import Context
from merlin.billing.plan import Format
from merlin.chat.model_catalogue import ModelRequest
from merlin.core.messages import FREELY, Image, Message, SamplingParams

ALONE = "merlin"
_FOLDER = f"{ALONE}/"
BODY_BYTES = 1024 * 1024
MOST_MESSAGES = 200
_PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")
_SYSTEM = ("system", "developer")
_EITHER = ("content", "stop")
MOST_STOPS, LONGEST_STOP, MOST_TOKENS, MOST_SEED = 4, 500, 1_000_000, 2**63 - 1
# What is asked for in vain -> the text `door-not-<key>` that says what to do instead.
_NOT_HERE = {
    "n": "several",
    "tools": "tools",
    "functions": "tools",
    "logprobs": "logprobs",
    "top_logprobs": "logprobs",
    "logit_bias": "bias",
    "modalities": "speech",
    "audio": "speech",
}
_Penalty = Annotated[float | None, Field(default=None, ge=-2, le=2, allow_inf_nan=False)]
_Limit = Annotated[int | None, Field(default=None, ge=1, le=MOST_TOKENS)]
_Stop = Annotated[str, Field(max_length=LONGEST_STOP)]


class _Read(BaseModel):
    # The protocol grows, and clients send all of it: what is not known here is passed over.
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class TextPart(_Read):
    """A part of a message: words."""

    type: Literal["text"]
    text: str


class ImageUrl(_Read):
    """A picture itself, as a data: URL; nothing is ever fetched."""

    url: str


class ImagePart(_Read):
    """A part of a message: a picture."""

    type: Literal["image_url"]
    image_url: ImageUrl


_Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class ChatMessage(_Read):
    """One message of the talk."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part] | None = None


class StreamOptions(_Read):
    """What else a stream tells."""

    include_usage: bool = False


class TextFormat(_Read):
    """An answer in words, or any JSON object."""

    type: Literal["text", "json_object"]


class JsonSchema(_Read):
    """A JSON Schema (`schema`) by its name."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _is_json(self) -> Self:
        """Refuse what Python reads as JSON and no provider does: NaN and its like."""
        json.dumps(self.model_dump(), allow_nan=False)
        return self


class JsonSchemaFormat(_Read):
    """An answer of a shape of the caller's own."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


_Format = Annotated[TextFormat | JsonSchemaFormat, Field(discriminator="type")]


class ChatCompletionRequest(_Read):
    """A question with all that was said before it."""

    model: str = Field(max_length=200, description='"merlin" or "merlin/<dataset>"')
    messages: list[ChatMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    tools: list[Any] | None = Field(default=None, max_length=0)
    functions: list[Any] | None = Field(default=None, max_length=0)
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    logit_bias: dict[str, Any] | None = Field(default=None, max_length=0)
    modalities: list[Literal["text"]] | None = None
    audio: None = None
    temperature: float | None = Field(default=None, ge=0, le=2, allow_inf_nan=False)
    top_p: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    presence_penalty: _Penalty
    frequency_penalty: _Penalty
    seed: int | None = Field(default=None, ge=-MOST_SEED - 1, le=MOST_SEED)
    max_tokens: _Limit
    max_completion_tokens: _Limit
    stop: _Stop | Annotated[list[_Stop], Field(max_length=MOST_STOPS)] | None = None
    response_format: _Format | None = None
    user: str | None = Field(default=None, description="accepted, without effect")

    @property
    def wants_usage(self) -> bool:
        """Return whether a stream is to end with what it took."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def steering(self) -> SamplingParams:
        """Return what is wished of the answer; the newer name of the limit counts first."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        shape = self.response_format
        return SamplingParams(
            temperature=self.temperature,
            top_p=self.top_p,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            seed=self.seed,
            most_tokens=self.max_completion_tokens or self.max_tokens,
            stops=tuple(stop for stop in stops if stop),
            response_format=shape.model_dump() if shape and shape.type != "text" else None,
        )


def parse_request(body: bytes, language: str) -> ChatCompletionRequest:
    """Return the call. Raises ApiError 400 that names the first field that cannot be taken."""
    try:
        return ChatCompletionRequest.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False)
        # Of the kinds that a field may have, the one that was got furthest into is meant.
        field = _param(found[0]["loc"])
        top = str(found[0]["loc"][0]) if found[0]["loc"] else ""
        if top in _NOT_HERE:
            key, code = f"not-{_NOT_HERE[top]}", "unsupported_parameter"
            raise refusal(language, HTTPStatus.BAD_REQUEST, key, code, top) from error
        first = max(
            (each for each in found if _param(each["loc"]).startswith(field)),
            key=lambda each: len(each["loc"]),
        )
        path = () if first["type"] == "json_invalid" else first["loc"]
        why = wrong_values([{**first, "loc": ("body", *path)}], language)[0]["detail"]
        param = _param(path)
        raise wrong(language, param, "wrong", place=param or "body", why=why) from error


def _param(path: Sequence[int | str]) -> str:
    """Return a field as the protocol names it: `messages[2].role`.

    Within what may be of several kinds pydantic names those that it tried: they are left out.
    """
    if path[:1] == ("response_format",):
        path = (path[0], *path[2:])
    either = next((place for place, each in enumerate(path) if each in _EITHER), len(path))
    inside = [each for each in path[either + 1 :] if isinstance(each, int)]
    said = [*path[: either + 1], *inside[:1]]
    parts = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in said)
    return "".join(parts).removeprefix(".")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the API with all that was said before it.

    `name` is the model as the caller called it, `dataset` what is meant by it, None for the
    default one. `talk` ends with the question; `system` is the caller's own system text,
    `steering` what it wishes of the answer.
    """

    name: str
    dataset: str | None
    talk: tuple[Message, ...]
    system: str = ""
    steering: SamplingParams = FREELY

    @property
    def has_images(self) -> bool:
        """Return whether any picture was sent."""
        return any(message.images for message in self.talk)

    @property
    def kind(self) -> Format:
        """Return what a plan counts it as."""
        return Format.PHOTO if self.has_images else Format.TEXT


def name_of(dataset: str) -> str:
    """Return the name by which the API knows a dataset's serving model."""
    return f"{_FOLDER}{dataset}"


def is_known(name: str) -> bool:
    """Return whether the name could be one of the API's: "merlin" or "merlin/<dataset>"."""
    return name == ALONE or (name.startswith(_FOLDER) and len(name) > len(_FOLDER))


def dataset_of_name(name: str, default: str | None) -> str | None:
    """Return the dataset that a name of the API's means."""
    return default if name == ALONE else name.removeprefix(_FOLDER)


def request_of_call(ctx: Context, asked: Asked, user_id: int) -> ModelRequest:
    """Return what a call of somebody asks for: pictures go to the model that sees."""
    vision = ctx.config.chat.vision
    return ModelRequest(
        dataset=asked.dataset,
        chosen=vision.pair if asked.has_images and vision is not None else None,
        general=ctx.general,
        system=asked.system,
        assistant=ctx.config.assistant,
        user_id=user_id,
    )


def question_of(
    read: ChatCompletionRequest, default: str | None, language: str, *, sees: bool
) -> Asked:
    """Return the question. Raises ApiError 400; `sees`: pictures can be looked at."""
    talk = [_message(language, number, said) for number, said in enumerate(read.messages)]
    system = "\n\n".join(each.content for each in talk if each.role in _SYSTEM)
    said = tuple(each for each in talk if each.role not in _SYSTEM)
    last = f"messages[{len(read.messages) - 1}]"
    if not said or said[-1].role != "user":
        raise wrong(language, f"{last}.role", "no-question")
    if not said[-1].content.strip() and not said[-1].images:
        raise wrong(language, f"{last}.content", "empty-question")
    dataset = dataset_of_name(read.model or ALONE, default)
    asked = Asked(read.model, dataset, said, system.strip(), read.steering)
    if asked.has_images and not sees:
        raise wrong(language, "messages", "no-pictures")
    return asked


def _message(language: str, number: int, said: ChatMessage) -> Message:
    parts = said.content if isinstance(said.content, list) else []
    if isinstance(said.content, str):
        return Message(said.role, said.content)
    words = "\n".join(part.text for part in parts if isinstance(part, TextPart))
    pictures = [
        _image(language, f"messages[{number}].content[{place}]", part.image_url.url)
        for place, part in enumerate(parts)
        if isinstance(part, ImagePart)
    ]
    return Message(said.role, words, images=tuple(pictures))


def _image(language: str, place: str, url: str) -> Image:
    """Return a picture. Raises ApiError for an address: whoever asks makes us fetch nothing."""
    head, _, content = url.partition(",")
    mime = head.removeprefix("data:").removesuffix(";base64")
    if head != f"data:{mime};base64" or mime not in _PICTURES:
        raise wrong(language, place, "picture-url")
    try:
        return Image(b64decode(content, validate=True), mime)
    except (ValueError, binascii.Error) as error:
        raise wrong(language, place, "picture-url") from error
