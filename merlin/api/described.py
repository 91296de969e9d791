"""What the description of the api (OpenAPI) says of answers that are problems.

@router.get("/{course_id}", responses=problems(404, 422))
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from merlin.api.problems import MEDIA_TYPE

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The answer with this ETag is still the newest."}
}
# Anybody may call, and who is signed in is told more; `api.contract` names the ways in.
FOR_ALL: dict[str, Any] = {"security": [{"key": []}, {"browser": []}, {"token": []}, {}]}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "lets a call that is sent again happen once, and be answered as it was",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
# A call that `api.idempotent` lets happen once.
NAMED: dict[str, Any] = {"parameters": [KEY]}
# Any call can meet a bug, and any that asks the database its silence.
EVERYWHERE = (500, 503)
SCHEMA = {"$ref": "#/components/schemas/Problem"}


class WrongValue(BaseModel):
    """One value of a request that cannot be taken."""

    model_config = ConfigDict(frozen=True)

    place: str = Field(description="body, query, path, header or cookie")
    pointer: str = Field(description="where it stands there, as a JSON pointer (RFC 6901)")
    detail: str = Field(description="what is wrong, in the language of the caller")


class ProblemShown(BaseModel):
    """A problem (RFC 9457)."""

    model_config = ConfigDict(frozen=True, title="Problem")

    type: str = Field(description="urn:merlin:problem:<code>; programs tell problems by it")
    title: str = Field(description="the kind of problem, in the language of the caller")
    status: int
    detail: str = Field(description="what is wrong, in the language of the caller")
    instance: str = Field(description="the path that was called")
    request_id: str = Field(description="by which the operator finds the call in the log")
    errors: list[WrongValue] | None = Field(default=None, description="each wrong value, at 422")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route that may answer with these statuses and problems."""
    content = {MEDIA_TYPE: {"schema": SCHEMA}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": dict(content)}
        for status in sorted({*statuses, *EVERYWHERE})
    }


def components() -> dict[str, Any]:
    """Return the schemas that `problems` refers to."""
    schema = ProblemShown.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "Problem": schema}
