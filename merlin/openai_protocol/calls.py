"""What all calls of the protocol share, whichever client sends them."""

import json
from collections.abc import Mapping

from merlin.openai_protocol.errors import InvalidResponse

Json = Mapping[str, object]
# The account's project that is billed; the folder ID at Yandex Cloud.
PROJECT = "OpenAI-Project"


def json_object(content: bytes) -> Json:
    """Parse a body as a JSON object. Raises InvalidResponse if it is anything else."""
    try:
        read = json.loads(content)
    except (ValueError, RecursionError) as error:
        is_page = content.lstrip()[:1] == b"<"
        found = "a web page: is base_url right?" if is_page else f"no JSON: {content[:60]!r}"
        raise InvalidResponse(found) from error
    if not isinstance(read, dict):
        raise InvalidResponse(f"no JSON object: {content[:60]!r}")
    return read
