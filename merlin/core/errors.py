"""Every error that Merlin raises on purpose.

    MerlinError              exit 1, its text is shown to the user
    ├── ConfigError          exit 2, config.yaml or a credential is wrong
    ├── LeadTaken            exit 75, another process leads or holds the lock
    ├── NotFound             exit 1, no such dataset, build, job or model
    ├── Forbidden            exit 1, it exists, but this user may not do this with it
    ├── Refused              exit 1, the operation is not possible now
    │   └── Unstartable      exit 2, nor after a restart: the database is lost or of a newer version
    ├── DatasetError         exit 1, an example cannot be used; carries the findings
    ├── SourceError          exit 1, the git repository cannot be read; may succeed later
    ├── PaymentError         exit 1, the payment gateway refused; a retry is useless
    │   └── GatewayUnavailable   the request was certainly not executed; may succeed later
    │       └── PaymentUnknown   unknown whether the request was executed
    └── ProviderError        exit 1, the model provider refused; a retry is useless
        ├── ModelGone        the provider does not know this model (any more)
        │   └── ModelUnapplied   it serves the model without its trained weights
        └── ProviderBusy     a retry may succeed; carries `retry_after_s`
            └── ProviderUnknown   unknown whether the request was executed

Any other exception is a bug: exit 3, and a report is written under `state_dir/reports`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class MerlinError(Exception):
    """An expected failure whose text may be shown to the user.

    `key` names the Fluent text and `arguments` fill it; `str(error)` is English, for logs.
    """

    exit_code = 1

    def __init__(
        self, message: str, key: str = "error-plain", **arguments: object
    ) -> None:
        super().__init__(message)
        self.key = key
        self.arguments: Mapping[str, object] = {"message": message, **arguments}

    def as_argument(self) -> dict[str, object]:
        """Return its text as an argument of another text."""
        return {"key": self.key, "arguments": dict(self.arguments)}


class ConfigError(MerlinError):
    """config.yaml, a credential or a command's usage is wrong."""

    exit_code = 2


class LeadTaken(MerlinError):
    """Another process leads or holds the lock."""

    exit_code = 75


@contextmanager
def reading_stored() -> Iterator[None]:
    """Raise MerlinError for a stored document that is not as this version writes it."""
    try:
        yield
    except ValueError as error:
        # Without the stored value, which pydantic adds.
        reason = " ".join(str(error).partition(" [type=")[0].split())
        raise MerlinError(reason, "store-unreadable", reason=reason) from error


class NotFound(MerlinError):
    """The requested object does not exist."""


class Forbidden(MerlinError):
    """The object exists, but this user may not do this with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "api-problem-forbidden")


class Refused(MerlinError):
    """The object exists, but the operation is not possible now; the text says why."""


class Unstartable(Refused):
    """No restart mends it: a person must act first."""

    exit_code = 2


class DatasetError(MerlinError):
    """A dataset cannot be built; the findings say why."""


class SourceError(MerlinError):
    """The git repository cannot be read now."""


class PaymentError(MerlinError):
    """The payment gateway refused; a retry is useless. `code` is the gateway's own error code."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message, "error-gateway")
        self.code = code


class GatewayUnavailable(PaymentError):
    """The payment gateway could not be reached; a retry may succeed."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message, code=code)
        self.key = "error-gateway-unavailable"


class PaymentUnknown(GatewayUnavailable):
    """The connection ended after the request was sent, so it may have been executed."""


class ProviderError(MerlinError):
    """The provider refused; a retry is useless.

    `code`, `status` and `param` (the field it blames) are copied from the provider's response, if
    present.
    """

    def __init__(
        self, message: str, *, code: str = "", status: int = 0, param: str = ""
    ) -> None:
        super().__init__(message, "error-provider")
        self.code = code
        self.status = status
        self.param = param


class ModelGone(ProviderError):
    """The provider does not know this model (any more)."""


class ModelUnapplied(ModelGone):
    """The provider serves this model without its trained weights, or with others."""


class ProviderBusy(ProviderError):
    """The provider did not execute the request; a retry may succeed.

    `reason` selects Merlin's own words in the text; "other": those of the provider are shown.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int = 0,
        retry_after_s: float | None = None,
        reason: str = "other",
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.key = "error-provider-busy"
        self.arguments = {**self.arguments, "reason": reason}
        self.retry_after_s = retry_after_s


class ProviderUnknown(ProviderBusy):
    """The connection ended after the request was sent, so it may have been executed."""
