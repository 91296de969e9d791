"""Parsing of request bodies: validated fields."""

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from merlin.openai_protocol.errors import bad_field
from merlin.openai_protocol.requests import Fields, UnsupportedFields, invalid_field

UNSUPPORTED = "this engine does not support it; leave the field out"


class RequestBody(Fields):
    """A request body."""

    @classmethod
    def parse(cls, body: object) -> Self:
        """Parse a body. Raises ApiError 400 that names the first invalid field."""
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            first_error = error.errors(include_url=False, include_context=False)[0]
            field = invalid_field(first_error)
            if first_error["type"] == "missing":
                raise bad_field(field, f"Missing required parameter: '{field}'.") from error
            is_unsupported = first_error["loc"][0] in UnsupportedFields.model_fields
            message = UNSUPPORTED if is_unsupported else first_error["msg"]
            raise bad_field(field, f"{field}: {message}") from error


def allow(accepts: Callable[[Any], bool], message: str) -> BeforeValidator:
    """Return a validator that rejects a value with `message` unless `accepts` it."""

    def check(value: object) -> object:
        if not accepts(value):
            raise PydanticCustomError("refused", message)
        return value

    return BeforeValidator(check)


Name = Annotated[str, Field(min_length=1)]
