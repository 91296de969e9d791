"""What all calls of the protocol share, whichever client sends them."""

from collections.abc import Mapping
from http import HTTPStatus

from merlin.core.json_fields import parse_object
from merlin.openai_protocol.errors import InvalidResponse

Json = Mapping[str, object]


def json_object(content: bytes) -> Json:
    """Parse a body as a JSON object. Raises InvalidResponse if it is anything else."""
    try:
        return parse_object(content)
    except ValueError as error:
        if content.lstrip()[:1] == b"<":
            raise InvalidResponse("a web page: is base_url right?", HTTPStatus.OK) from error
        raise InvalidResponse(f"no JSON object: {content[:60]!r}") from error
