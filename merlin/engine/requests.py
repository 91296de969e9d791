"""Parsing of request bodies: validated fields."""

from typing import Self

from pydantic import ValidationError

from merlin.openai_protocol.errors import bad_field
from merlin.openai_protocol.requests import Fields, invalid_field


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
                raise bad_field(
                    field, f"Missing required parameter: '{field}'."
                ) from error
            raise bad_field(field, f"{field}: {first_error['msg']}") from error
