"""A call's body, read: POST /v1/chat/completions in the words of the protocol.

What steers how a model writes (temperature, top_p, max_tokens, stop, seed, response_format …) goes
to the provider that serves; a model that does not take it says so (`chat.steering`). What nothing
here can do (tools, several answers, log probabilities, speech) is refused by name, and what changes
no answer (user, metadata, store …) is passed over. A call names its model:

    merlin              the model that serves the default dataset
    merlin/<dataset>    the model that serves this dataset

Source: openai/openai-openapi, `openapi.yaml`, CreateChatCompletionRequest.

What a question may cost whom is reserved before it is asked, within the store's work;
`release_stale_reservations` puts right what processes that were killed left behind, in any replica.
"""

from __future__ import annotations

import binascii
import json
import secrets
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from merlin.account.users import User
from merlin.api.auth import Caller
from merlin.api.problems import refusal, wrong, wrong_values
from merlin.api.services import ApiServices
from merlin.app import courses
from merlin.app.ask import ABANDONED, Asker, Over, cost_of, find_asker, reserve, settle
from merlin.app.context import Context
from merlin.billing.quota import Format, Left, Quotas
from merlin.chat.answer import Reply, report_troubles
from merlin.chat.canary import count_answer
from merlin.chat.model_catalogue import Candidate, ModelCatalogue, ModelRequest, first_candidate
from merlin.chat.sessions import fits_window
from merlin.core import i18n
from merlin.core.log import get_logger
from merlin.core.messages import FREELY, Image, Message, SamplingParams
from merlin.dataset.layout import is_valid_name
from merlin.db.idempotency import NUMBER_BITS, IdempotencyKeys
from merlin.openai_protocol.errors import NO_CREDIT, NO_MODEL, ApiError

ALONE = "merlin"
_FOLDER = f"{ALONE}/"
BODY_BYTES = 1024 * 1024
MAX_MESSAGES = 200
_PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")
_SYSTEM = ("system", "developer")
_EITHER = ("content", "stop")
MAX_STOPS, MAX_STOP_LENGTH, MAX_TOKENS, MAX_SEED = 4, 500, 1_000_000, 2**63 - 1
# What is asked for in vain -> the text `openai-not-<key>` that says what to do instead.
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
_Limit = Annotated[int | None, Field(default=None, ge=1, le=MAX_TOKENS)]
_Stop = Annotated[str, Field(max_length=MAX_STOP_LENGTH)]


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
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
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
    seed: int | None = Field(default=None, ge=-MAX_SEED - 1, le=MAX_SEED)
    max_tokens: _Limit
    max_completion_tokens: _Limit
    stop: _Stop | Annotated[list[_Stop], Field(max_length=MAX_STOPS)] | None = None
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
    steps = [*path[: either + 1], *inside[:1]]
    parts = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in steps)
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


def request_of_call(ctx: Context, question: Asked, user_id: int) -> ModelRequest:
    """Return what a call of somebody asks for: pictures go to the model that sees."""
    vision = ctx.config.chat.vision
    return ModelRequest(
        dataset=question.dataset,
        chosen=vision.pair if question.has_images and vision is not None else None,
        general=ctx.general,
        system=question.system,
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
    question = Asked(read.model, dataset, said, system.strip(), read.steering)
    if question.has_images and not sees:
        raise wrong(language, "messages", "no-pictures")
    return question


def _message(language: str, number: int, chat_message: ChatMessage) -> Message:
    parts = chat_message.content if isinstance(chat_message.content, list) else []
    if isinstance(chat_message.content, str):
        return Message(chat_message.role, chat_message.content)
    words = "\n".join(part.text for part in parts if isinstance(part, TextPart))
    pictures = [
        _image(language, f"messages[{number}].content[{place}]", part.image_url.url)
        for place, part in enumerate(parts)
        if isinstance(part, ImagePart)
    ]
    return Message(chat_message.role, words, images=tuple(pictures))


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


BY = "api:door"


def asker_of(caller: Caller, number: int = 0, dataset: str | None = None) -> Asker:
    """Return who asks, with the plan that counts for questions about a dataset.

    Without a `number` the question gets one that nobody guesses.
    """
    number = number or secrets.randbits(NUMBER_BITS)
    return find_asker(caller.services, caller.user or User(0), caller.language, number, dataset)


def offered_models(services: ApiServices) -> dict[str, datetime | None]:
    """Return the door's models with since when each serves, None where a general one answers."""
    found = dict[str, datetime | None]()
    served = {each.dataset: each.since for each in ModelCatalogue(services.db).all_serving()}
    default = ModelCatalogue(services.db).serving(services.default_dataset)
    found[ALONE] = default.since if default else None
    for dataset in [*served, *courses.active(services).by_slug]:
        found.setdefault(name_of(dataset), served.get(dataset))
    return found


def reserve_question(services: ApiServices, question: Asked, asker: Asker) -> Candidate | None:
    """Return who is to answer, with the question reserved where plans count.

    Raises ApiError: there is no such model, the talk is too long, or the plan has no room.
    """
    if not _is_offered(services, question):
        names = ", ".join(offered_models(services))
        status = HTTPStatus.NOT_FOUND
        arguments: dict[str, Any] = {"model": question.name, "names": names}
        raise refusal(asker.language, status, "no-model", NO_MODEL, "model", **arguments)
    wish = request_of_call(services, question, asker.user_id)
    first = first_candidate(ModelCatalogue(services.db), wish)
    window, before = asker.plan.window, first.before if first is not None else ()
    if window is not None and not fits_window((*before, *question.talk), window):
        status, code = HTTPStatus.BAD_REQUEST, "context_length_exceeded"
        raise refusal(asker.language, status, "window", code, "messages", limit=str(window))
    found = reserve(services, asker, question.kind)
    if found is not None:
        raise used_up(asker, found, services.clock())
    return first


def _is_offered(services: ApiServices, question: Asked) -> bool:
    if question.name == ALONE:
        return True
    dataset = question.dataset
    if not is_known(question.name) or dataset is None or not is_valid_name(dataset):
        return False
    is_course = dataset in courses.active(services).by_slug
    return is_course or ModelCatalogue(services.db).serving(dataset) is not None


def used_up(asker: Asker, found: Over | Left, now: datetime) -> ApiError:
    """Return the refusal where today's answers cost all that they may, or the plan has no room."""
    status, arguments = HTTPStatus.TOO_MANY_REQUESTS, dict[str, Any]()
    if isinstance(found, Over):
        key, until = f"guard-{found.reach}", found.until
    elif found.limit == 0:
        return refusal(asker.language, status, "closed", NO_CREDIT, kind=found.kind.value)
    else:
        key, until = "spent", found.resets_at
        arguments = {
            "kind": found.kind.value,
            "limit": found.limit or 0,
            "period": found.period.value,
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
    """Charge an answered question, give back any other, and tell admins of what went wrong."""
    settle(services, asker, cost_of(services, reply), is_answered=reply.is_answer)
    report_troubles(services.db, reply.troubles, services.clock(), BY)
    count_answer(services.db, reply)


log = get_logger(__name__)


def release_stale_reservations(ctx: Context) -> None:
    """Give back what nobody asks any more."""
    now = ctx.clock()
    count = Quotas(ctx.db, ctx.bot_id).give_back_before(now - ABANDONED)
    IdempotencyKeys(ctx.db).clear(now)
    if count:
        log.warning("abandoned questions were given back", questions=count)
