"""Chat messages, images, token usage and sampling parameters.

Only API clients send sampling parameters (`merlin.api.openai_compat`). One that the model does not
support is refused (`ParameterRefused`), never ignored.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from merlin.core.errors import ProviderError
from merlin.core.views import described

# The name of `most_tokens`: that of most servers, and the one that newer models of OpenAI demand.
OLD_LIMIT = "max_tokens"
NEW_LIMIT = "max_completion_tokens"
_UNCHANGED_FIELDS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
)


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """Sampling parameters of the OpenAI protocol; None: the model's default.

    `most_tokens` limits the answer, `stops` are its stop sequences. `response_format` is the
    protocol's object, passed on as it is: only the provider knows which formats its models support.
    `language` is the reader's, sent as Accept-Language: our engine refuses in it where the
    questions tell none.
    """

    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    most_tokens: int | None = None
    stops: tuple[str, ...] = ()
    response_format: Mapping[str, object] | None = None
    language: str = ""

    def request_fields(self, limit: str = OLD_LIMIT) -> dict[str, object]:
        """Return the fields of a request, `limit` with `most_tokens`; unset ones are left out."""
        values: dict[str, object] = {
            name: getattr(self, name) for name in _UNCHANGED_FIELDS
        }
        values[limit] = self.most_tokens
        values["stop"] = list(self.stops) or None
        values["response_format"] = self.response_format
        return {name: value for name, value in values.items() if value is not None}


DEFAULT_SAMPLING = SamplingParams()


class ParameterRefused(ProviderError):
    """The model does not support a sampling parameter; `field` is its name in the protocol."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


# What begins and ends messages in the prompts of common models: ChatML, Llama 3, Gemma 4, DeepSeek;
# Llama 2; Gemma; Mistral.
CONTROL_TOKEN = re.compile(
    r"<[|｜][^<>\s]{1,60}>|<[^<>\s|｜]{1,60}[|｜]>|</?s>|<<?/?SYS>>?|<(?:bos|eos)>"
    r"|<(?:start|end)_of_turn>|</?tool_(?:call|response)>|<(?:reserved|SPECIAL)_\d{1,4}>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_\w{1,20})\]"
)


def break_control_tokens(text: str) -> str:
    """Return a text with an invisible character in each control token of common models."""
    return CONTROL_TOKEN.sub(lambda found: f"{found[0][0]}\u2060{found[0][1:]}", text)


# The role of the worse of two answers, which is not part of the conversation.
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a message; `mime` is its MIME type ("image/jpeg")."""

    content: bytes = field(repr=False)
    mime: str

    @property
    def url(self) -> str:
        """Return the image as a data: URL, so that nothing has to be fetched."""
        return f"data:{self.mime};base64,{b64encode(self.content).decode()}"


@dataclass(frozen=True, slots=True)
class Message:
    """A chat message of the OpenAI protocol: a role and its content.

    `extra` holds the protocol's other keys (`name`, `weight`, `tool_calls`, `tool_call_id`).
    """

    role: str
    content: str
    extra: Mapping[str, object] = field(default_factory=dict)
    images: tuple[Image, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the message in the protocol's JSON form: role, content, then other keys by name.

        With images the content is a list of parts. Source: openai/openai-openapi, openapi.yaml,
        ChatCompletionRequestUserMessage.
        """
        content = self._parts() if self.images else self.content
        return {
            "role": self.role,
            "content": content,
            **dict(sorted(self.extra.items())),
        }

    def _parts(self) -> list[dict[str, object]]:
        text_parts: list[dict[str, object]] = [{"type": "text", "text": self.content}]
        image_parts: list[dict[str, object]] = [
            {"type": "image_url", "image_url": {"url": image.url}}
            for image in self.images
        ]
        return [*(text_parts if self.content else []), *image_parts]


def uses_tools(messages: Iterable[Message], tools: object = None) -> bool:
    """Return whether a conversation declares or calls functions; our engine trains no such.

    A language model would learn them from prompts that no question has, as the engine's answers
    know no `tools`, and many chat templates drop them silently; `recall` chooses whole answers.
    """
    return bool(tools) or any(
        message.role == "tool" or message.extra.get("tool_calls")
        for message in messages
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one turn, as counted by the provider; the cached are part of the input."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = described("Input tokens that were in the provider's cache.", 0)


def join_texts(parts: Sequence[object]) -> str | None:
    """Return the texts of the parts joined by newlines; None if a part is no text.

    `input_text` and `output_text` are the types of the Responses API.
    """
    texts: list[str] = []
    for part in parts:
        match part:
            case {"type": "text" | "input_text" | "output_text", "text": str(content)}:
                texts.append(content)
            case _:
                return None
    return "\n".join(texts)
