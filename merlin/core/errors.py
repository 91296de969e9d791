"""Every error Merlin raises on purpose, as one tree.

    MerlinError              exit 1, text shown to the person who asked
    ├── ConfigError          exit 2, config.yaml or a credential is wrong
    ├── LeadTaken            exit 75, another process leads or holds the lock
    ├── NotFound             exit 1, no such dataset, build, job or model
    ├── Forbidden            exit 1, it is there, but others may do this with it
    ├── Refused              exit 1, asked for something that may not be done now
    │   └── ApprovalNeeded   somebody else has to approve it first
    ├── DatasetError         exit 1, an example cannot be used; carries the findings
    ├── SourceError          exit 1, the git repository cannot be read; may pass later
    ├── PaymentError         exit 1, who takes the money said no; will not pass by itself
    │   └── GatewayUnavailable   it was surely not asked; the same call may pass later
    │       └── PaymentUnknown   nobody knows whether the call was carried out
    └── ProviderError        exit 1, the model provider said no; will not pass by itself
        ├── ModelGone        the provider does not know this model (any more)
        └── ProviderBusy     the same call may pass later; carries `retry_after_s`
            └── ProviderUnknown   nobody knows whether the call was carried out

Anything else that escapes is a bug: exit 3, a report is written under `state_dir/reports`.
"""

from __future__ import annotations

from collections.abc import Mapping


class MerlinError(Exception):
    """An expected failure whose text a person may read.

    `key` names the Fluent text, `arguments` fill it; `str(error)` is English, for logs.
    """

    exit_code = 1

    def __init__(self, message: str, key: str = "error-plain", **arguments: object) -> None:
        super().__init__(message)
        self.key = key
        self.arguments: Mapping[str, object] = {"message": message, **arguments}


class ConfigError(MerlinError):
    """config.yaml, a credential or a command's usage is wrong."""

    exit_code = 2


class LeadTaken(MerlinError):
    """Another process leads or holds the lock."""

    exit_code = 75


class NotFound(MerlinError):
    """What was asked for does not exist."""


class Forbidden(MerlinError):
    """What was asked for exists, but this person may not do this with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "api-problem-forbidden-detail")


class Refused(MerlinError):
    """What was asked for exists, but may not be done now; the text says why."""


class ApprovalNeeded(Refused):
    """Somebody else has to approve it first; `number` finds it once it is stored.

    `act` names what is performed with `values` (plain JSON), `subject` is what the audit names,
    `told` fills the text that says what is asked for, `asked_by` is a person's id.
    """

    def __init__(
        self,
        act: str,
        subject: str,
        asked_by: int,
        values: Mapping[str, object],
        told: Mapping[str, object],
    ) -> None:
        super().__init__(f"{act} of {subject} needs a second person", "approval-needed", number="")
        self.act = act
        self.subject = subject
        self.asked_by = asked_by
        self.values = values
        self.told = told
        self.number = 0

    def set_number(self, number: int) -> None:
        """Let its text name the number under which it waits."""
        self.number = number
        self.arguments = {**self.arguments, "number": str(number)}


class DatasetError(MerlinError):
    """A dataset cannot be built; the findings say why."""


class SourceError(MerlinError):
    """The git repository cannot be read now."""


class PaymentError(MerlinError):
    """Who takes the money refused; asking again changes nothing. `code` is its own word."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message, "error-till")
        self.code = code


class GatewayUnavailable(PaymentError):
    """Who takes the money could not be asked; the same call may pass later."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message, code=code)
        self.key = "error-till-away"


class PaymentUnknown(GatewayUnavailable):
    """The connection ended after the call was sent: it may have been carried out."""


class ProviderError(MerlinError):
    """The provider refused; asking again changes nothing.

    `code`, `status` and `param` (the field it blames) are the provider's own words where it gave
    any.
    """

    def __init__(self, message: str, *, code: str = "", status: int = 0, param: str = "") -> None:
        super().__init__(message, "error-provider")
        self.code = code
        self.status = status
        self.param = param


class ModelGone(ProviderError):
    """The provider does not know this model (any more)."""


class ProviderBusy(ProviderError):
    """The provider did not carry the call out; the same call may pass later."""

    def __init__(
        self, message: str, *, code: str = "", status: int = 0, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.key = "error-provider-busy"
        self.retry_after_s = retry_after_s


class ProviderUnknown(ProviderBusy):
    """The connection ended after the call was sent: it may have been carried out."""
