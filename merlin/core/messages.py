"""Messages and pictures of a conversation, usage, and sampling parameters.

Only programs send sampling parameters (`merlin.api.openai_compat`). One that the model cannot
fulfil is refused (`ParameterRefused`), never passed over.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from merlin.core.errors import ProviderError


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """What is wished for, in the words of the protocol; None: as the model does by itself.

    `most_tokens` bounds the answer, `stops` are texts before which it ends. `response_format` is
    the protocol's own object: the provider alone knows which shapes its models can keep to.
    """

    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    most_tokens: int | None = None
    stops: tuple[str, ...] = ()
    response_format: Mapping[str, object] | None = None


FREELY = SamplingParams()


class ParameterRefused(ProviderError):
    """The model that serves does not take a wish; `field` is its name in the protocol."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that goes along with a message; `mime` is its kind, "image/jpeg"."""

    content: bytes = field(repr=False)
    mime: str

    @property
    def url(self) -> str:
        """Return the picture itself as a data: URL, so that nobody has to fetch it."""
        return f"data:{self.mime};base64,{b64encode(self.content).decode()}"


@dataclass(frozen=True, slots=True)
class Message:
    """One role and its content, as the chat format of the OpenAI protocol has it.

    `extra` holds the long form's other keys (`name`, `weight`, `tool_calls`, `tool_call_id`).
    """

    role: str
    content: str
    extra: Mapping[str, object] = field(default_factory=dict)
    images: tuple[Image, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the message as the protocol writes it: role, content, then the rest by name.

        With images the content is a list of parts. Source: openai/openai-openapi, openapi.yaml,
        ChatCompletionRequestUserMessage.
        """
        content = self._parts() if self.images else self.content
        return {"role": self.role, "content": content, **dict(sorted(self.extra.items()))}

    def _parts(self) -> list[dict[str, object]]:
        words: list[dict[str, object]] = [{"type": "text", "text": self.content}]
        shown: list[dict[str, object]] = [
            {"type": "image_url", "image_url": {"url": image.url}} for image in self.images
        ]
        return [*(words if self.content else []), *shown]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one turn, as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
