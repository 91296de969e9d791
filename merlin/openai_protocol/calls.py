"""What all calls of the protocol share, whichever client sends them: headers, and reading JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping

from merlin import __version__
from merlin.openai_protocol.errors import InvalidResponse

Json = Mapping[str, object]
# The account's project that is billed; the folder ID at Yandex Cloud.
PROJECT = "OpenAI-Project"


def account_headers(credential: str, project: str = "", language: str = "") -> dict[str, str]:
    """Return the headers of an account; `language`: of the server's messages, "" for its own."""
    named = {PROJECT: project, "Accept-Language": language}
    return {
        "Authorization": f"Bearer {credential or 'none'}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"merlin/{__version__}",
        **{name: value for name, value in named.items() if value},
    }


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
