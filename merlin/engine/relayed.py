"""Requests that only a base behind vLLM answers, with the fields that are passed on to it.

What reads elsewhere or ends the server is refused: images and files, stored responses, scores of
the prompt. Source: openai/openai-openapi, `openapi.yaml`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from merlin.core.messages import join_texts
from merlin.engine.requests import RequestBody
from merlin.engine.serving.base import RelayedRequest
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.requests import ChatMessage, ChatRequest, Fields, Off
from merlin.openai_protocol.responses_api import ResponsesRequest, as_messages


class RelayedBody(RequestBody):
    """A body for the server at `path`, which checks the fields of `passed` itself."""

    path: ClassVar[str]
    passed: ClassVar[tuple[str, ...]]

    @classmethod
    def read(cls, body: Mapping[str, object], refusal: ApiError) -> RelayedRequest:
        """Return the backend's request; `refusal` is what others say. Raises ApiError 400."""
        checked = {
            name: value for name, value in body.items() if name not in cls.passed
        }
        passed = {name: body[name] for name in cls.passed if name in body}
        fields = {**cls.parse(checked).model_dump(exclude_none=True), **passed}
        words = f"{refusal}; only a base behind vLLM answers this"
        refused = bad_field(refusal.param or "", words, refusal.code)
        return RelayedRequest(fields.pop("model"), cls.path, fields, refused)


class RelayedMessage(ChatMessage):
    """A message that may call tools, or be the answer of one."""

    # Hardly a template knows the role "developer".
    role: Annotated[  # type: ignore[assignment]
        Literal["system", "user", "assistant", "tool"],
        BeforeValidator(lambda role: "system" if role == "developer" else role),
    ]
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class RelayedChat(ChatRequest, RelayedBody):
    """The body of POST /chat/completions with what the engine itself doesn't do."""

    path = "/chat/completions"
    passed = (
        *("response_format", "tools", "tool_choice", "parallel_tool_calls"),
        *("n", "logit_bias", "logprobs", "top_logprobs"),
    )
    messages: list[RelayedMessage] = Field(min_length=1)  # type: ignore[assignment]


def _require_texts(parts: object) -> object:
    """Return a content. Raises PydanticCustomError for files: vLLM would fetch them by URL."""
    if isinstance(parts, list) and join_texts(parts) is None:
        raise PydanticCustomError(
            "content", "must be texts; this model reads no others"
        )
    return parts


class RelayedItem(Fields):
    """A message, a call of a tool or its result, which vLLM checks."""

    model_config = ConfigDict(extra="allow")
    content: Annotated[Any, AfterValidator(_require_texts)] = None
    output: Annotated[Any, AfterValidator(_require_texts)] = None


class RelayedResponses(ResponsesRequest, RelayedBody):
    """The body of POST /responses with what the engine itself doesn't do."""

    path = "/responses"
    passed = (
        *("tools", "tool_choice", "parallel_tool_calls", "top_logprobs"),
        *("include", "truncation", "metadata"),
    )
    input: Annotated[list[RelayedItem], BeforeValidator(as_messages)] = Field(  # type: ignore[assignment]
        min_length=1
    )


class RelayedText(RelayedBody):
    """The body of POST /completions."""

    path = "/completions"
    passed = (
        *(
            "prompt",
            "max_tokens",
            "stop",
            "n",
            "seed",
            "temperature",
            "top_p",
            "logprobs",
        ),
        *(
            "logit_bias",
            "presence_penalty",
            "frequency_penalty",
            "stream",
            "stream_options",
        ),
    )
    model: str = Field(min_length=1)
    # With logprobs the prompt is scored, of which vLLM dies under an adapter (vllm#29955).
    echo: Off | None = None
