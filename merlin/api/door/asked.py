"""A call's body, read: POST /v1/chat/completions in the words of the protocol.

What steers how a model writes (temperature, top_p, max_tokens, stop, seed …) is accepted and has
no effect: the serving model answers as it was taught. What would change the meaning of an answer
(tools, another response_format, several answers) is refused.

Source: openai/openai-openapi, `openapi.yaml`, CreateChatCompletionRequest.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from merlin.api.door.shape import wrong
from merlin.api.wrong import wrong_values
from merlin.chat.door import ALONE, Asked, dataset_of
from merlin.core.message import Image, Message

BODY_BYTES = 1024 * 1024
MOST_MESSAGES = 200
_PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")
_SYSTEM = ("system", "developer")
_EITHER = ("content", "stop")
_Steering = Annotated[float | None, Field(default=None, description="accepted, without effect")]
_Limit = Annotated[int | None, Field(default=None, ge=1, description="accepted, without effect")]


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


class Said(_Read):
    """One message of the talk."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part] | None = None


class StreamOptions(_Read):
    """What else a stream tells."""

    include_usage: bool = False


class ResponseFormat(_Read):
    """Answers are plain text."""

    type: Literal["text"]


class ChatAsked(_Read):
    """A question with all that was said before it."""

    model: str = Field(max_length=200, description='"merlin" or "merlin/<dataset>"')
    messages: list[Said] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    response_format: ResponseFormat | None = None
    tools: list[Any] | None = Field(default=None, max_length=0)
    functions: list[Any] | None = Field(default=None, max_length=0)
    temperature: _Steering
    top_p: _Steering
    max_tokens: _Limit
    max_completion_tokens: _Limit
    stop: str | list[str] | None = Field(default=None, description="accepted, without effect")
    user: str | None = Field(default=None, description="accepted, without effect")

    @property
    def wants_usage(self) -> bool:
        """Return whether a stream is to end with what it took."""
        return self.stream_options is not None and self.stream_options.include_usage


def read_asked(body: bytes, language: str) -> ChatAsked:
    """Return the call. Raises Refusal 400 that names the first field that cannot be taken."""
    try:
        return ChatAsked.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False)
        # Of the kinds that a field may have, the one that was got furthest into is meant.
        field = _param(found[0]["loc"])
        first = max(
            (each for each in found if _param(each["loc"]).startswith(field)),
            key=lambda each: len(each["loc"]),
        )
        path = () if first["type"] == "json_invalid" else first["loc"]
        why = wrong_values([{**first, "loc": ("body", *path)}], language)[0]["detail"]
        param = _param(path)
        raise wrong(param, "wrong", place=param or "body", why=why) from error


def _param(path: Sequence[int | str]) -> str:
    """Return a field as the protocol names it: `messages[2].role`.

    Within what may be a text or a list pydantic names the kinds that it tried: they are left out.
    """
    either = next((place for place, each in enumerate(path) if each in _EITHER), len(path))
    inside = [each for each in path[either + 1 :] if isinstance(each, int)]
    said = [*path[: either + 1], *inside[:1]]
    parts = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in said)
    return "".join(parts).removeprefix(".")


def asked_of(read: ChatAsked, default: str | None, *, sees: bool) -> Asked:
    """Return the question. Raises Refusal 400; `sees`: pictures can be looked at."""
    talk = [_message(number, said) for number, said in enumerate(read.messages)]
    system = "\n\n".join(each.content for each in talk if each.role in _SYSTEM)
    said = tuple(each for each in talk if each.role not in _SYSTEM)
    last = f"messages[{len(read.messages) - 1}]"
    if not said or said[-1].role != "user":
        raise wrong(f"{last}.role", "no-question")
    if not said[-1].content.strip() and not said[-1].images:
        raise wrong(f"{last}.content", "empty-question")
    asked = Asked(read.model, dataset_of(read.model or ALONE, default), said, system.strip())
    if asked.has_images and not sees:
        raise wrong("messages", "no-pictures")
    return asked


def _message(number: int, said: Said) -> Message:
    parts = said.content if isinstance(said.content, list) else []
    if isinstance(said.content, str):
        return Message(said.role, said.content)
    words = "\n".join(part.text for part in parts if isinstance(part, TextPart))
    pictures = [
        _image(f"messages[{number}].content[{place}]", part.image_url.url)
        for place, part in enumerate(parts)
        if isinstance(part, ImagePart)
    ]
    return Message(said.role, words, images=tuple(pictures))


def _image(place: str, url: str) -> Image:
    """Return a picture. Raises Refusal for an address: whoever asks makes us fetch nothing."""
    head, _, content = url.partition(",")
    mime = head.removeprefix("data:").removesuffix(";base64")
    if head != f"data:{mime};base64" or mime not in _PICTURES:
        raise wrong(place, "picture-url")
    try:
        return Image(b64decode(content, validate=True), mime)
    except (ValueError, binascii.Error) as error:
        raise wrong(place, "picture-url") from error
