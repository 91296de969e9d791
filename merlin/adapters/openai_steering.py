"""How an answer is to be written, as fields of the protocol, and whose fault a refusal is.

Source: openai/openai-openapi, `openapi.yaml`, CreateChatCompletionRequest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from merlin.chat.steering import Steering, WishRefused
from merlin.core.errors import ProviderError

# Every server of the protocol knows the old name but OpenAI for its newer models, and says so.
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
# Whichever is said, it is one wish.
_LIMITS = {NEW_LIMIT: OLD_LIMIT}
_REFUSED = (400, 422)
_PLAIN = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")


def fields_of(steering: Steering, limit: str = OLD_LIMIT) -> dict[str, object]:
    """Return what a question says of its answer; nothing where nothing is wished."""
    told: dict[str, object] = {name: getattr(steering, name) for name in _PLAIN}
    told[limit] = steering.most_tokens
    told["stop"] = list(steering.stops) or None
    told["response_format"] = steering.response_format
    return {name: value for name, value in told.items() if value is not None}


def blamed(error: ProviderError, sent: Mapping[str, object]) -> WishRefused | None:
    """Return a refusal as that of one of the wishes that were `sent`, None where it is not.

    Some servers name the field, some only speak of it.
    """
    if error.status not in _REFUSED:
        return None
    field = error.param.partition(".")[0]
    if not field:
        field = next((name for name in sent if re.search(rf"\b{name}\b", str(error))), "")
    wished = {_LIMITS.get(name, name) for name in sent}
    field = _LIMITS.get(field, field)
    return WishRefused(field, str(error)) if field in wished else None


def wants_new_limit(error: WishRefused) -> bool:
    """Return whether the server knows the limit by its new name alone."""
    return error.field == OLD_LIMIT and NEW_LIMIT in str(error)
