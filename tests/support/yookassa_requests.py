"""Request bodies, validated as YooKassa does.

Sources: yookassa.ru/developers/api, objects Payment, Refund, Receipt: limits of their fields.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, TypeVar

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

from merlin.sandbox.yookassa.shop import bad_request

RequestT = TypeVar("RequestT", bound=BaseModel)


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


class _Customer(Body):
    email: str = Field("", pattern=r"^$|^[^@\s]+@[^@\s]+\.[^@\s]+$")
    phone: str = Field("", pattern=r"^$|^\+?[0-9]{4,15}$")

    @model_validator(mode="after")
    def _check_contact(self) -> _Customer:
        if not self.email and not self.phone:
            raise ValueError("Customer's email or phone is missing")
        return self


class _ReceiptItem(Body):
    description: str = Field(min_length=1, max_length=128)
    quantity: Decimal = Field(gt=0, strict=False)
    amount: Money
    vat_code: int = Field(ge=1, le=12)
    payment_subject: str = ""
    payment_mode: str = ""


class Receipt(Body):
    """A receipt required by law 54-FZ."""

    customer: _Customer
    items: list[_ReceiptItem] = Field(min_length=1)
    tax_system_code: int | None = Field(None, ge=1, le=6)

    def check_sum(self, kopecks: int) -> None:
        """Raise ValueError unless the items' total equals `kopecks`."""
        if sum(item.quantity * item.amount.kopecks for item in self.items) != kopecks:
            raise ValueError("Sum of receipt's items is not equal to the amount")


def check_receipt(request: RequestT) -> RequestT:
    """Return the request. Raises ValueError if its receipt is of another amount."""
    receipt: Receipt | None = getattr(request, "receipt", None)
    if receipt is not None:
        receipt.check_sum(request.amount.kopecks)  # type: ignore[attr-defined]
    return request


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
    receipt: Receipt | None = None

    @model_validator(mode="after")
    def _check_receipt(self) -> PaymentRequest:
        return check_receipt(self)


class RefundRequest(Body):
    """Body of `POST /refunds`."""

    payment_id: str = Field(min_length=1, max_length=36)
    amount: Money
    description: str = Field("", max_length=250)
    receipt: Receipt | None = None

    @model_validator(mode="after")
    def _check_receipt(self) -> RefundRequest:
        return check_receipt(self)


def check_body(model: type[BaseModel], body: object) -> None:
    """Raise ShopError for the first field of a body that YooKassa would refuse."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        first_error = error.errors()[0]
        raise bad_request(
            ".".join(map(str, first_error["loc"])), first_error["msg"]
        ) from None
