"""Request bodies, validated as YooKassa does, and its error responses.

Sources: yookassa.ru/developers/api, objects Payment, Refund: limits of their fields;
yookassa.ru/developers/using-api/response-handling, "Формат ответа", "Коды ответа HTTP".
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from merlin.openai_protocol.errors import ApiError


class Body(BaseModel):
    """A request body; unknown fields are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, body: object) -> object:
        # The SDK sends null for absent fields.
        if not isinstance(body, dict):
            return body
        return {name: value for name, value in body.items() if value is not None}


class Money(Body):
    """A positive amount in roubles."""

    value: str = Field(pattern=r"^[0-9]{1,10}\.[0-9]{2}$")
    currency: Literal["RUB"]

    @field_validator("value")
    @classmethod
    def _check_positive(cls, value: str) -> str:
        if not Decimal(value):
            raise ValueError("Amount must be greater than zero")
        return value

    @property
    def kopecks(self) -> int:
        """Return the amount in kopecks."""
        return int(self.value.replace(".", ""))


def money(kopecks: int) -> dict[str, str]:
    """Return an amount in kopecks as an API object."""
    roubles, kopecks_part = divmod(kopecks, 100)
    return {"value": f"{roubles}.{kopecks_part:02d}", "currency": "RUB"}


class _Redirect(Body):
    type: Literal["redirect"]
    return_url: HttpUrl


class PaymentRequest(Body):
    """Body of `POST /payments`; the customer pays on a page and returns to `return_url`."""

    amount: Money
    description: str = Field("", max_length=128)
    metadata: dict[
        Annotated[str, StringConstraints(max_length=32)],
        Annotated[str, StringConstraints(max_length=512)],
    ] = Field({}, max_length=16)
    capture: bool = False
    confirmation: _Redirect

    @property
    def return_url(self) -> str:
        """Return where the customer returns after paying."""
        return str(self.confirmation.return_url)


class RefundRequest(Body):
    """Body of `POST /refunds`."""

    payment_id: str = Field(min_length=1, max_length=36)
    amount: Money
    description: str = Field("", max_length=250)


RequestT = TypeVar("RequestT", bound=BaseModel)


def parse(model: type[RequestT], body: object) -> RequestT:
    """Validate a body. Raises ShopError for the first invalid field."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first_error = error.errors()[0]
        raise bad_request(".".join(map(str, first_error["loc"])), first_error["msg"]) from None


_CODES = {
    400: "invalid_request",
    401: "invalid_credentials",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
}


class ShopError(ApiError):
    """An error response: HTTP status, description and, if known, the invalid field (`param`)."""

    def as_json(self) -> dict[str, Any]:
        """Return the response body."""
        error = {
            "type": "error",
            "id": str(uuid.uuid4()),
            "code": _CODES.get(self.status, "internal_server_error"),
            "description": str(self),
        }
        return {**error, "parameter": self.param} if self.param else error


def bad_request(parameter: str, description: str) -> ShopError:
    """Return the error for an invalid field."""
    return ShopError(400, description, param=parameter)


def missing(kind: str, name: str) -> ShopError:
    """Return the error for a payment or refund that does not exist."""
    return ShopError(404, f"{kind} {name} doesn't exist or is not yours", param=f"{kind}_id")
