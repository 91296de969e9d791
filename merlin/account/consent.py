"""Consent: what a person has allowed, to which text, from when to when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ConsentKind(StrEnum):
    """What may be consented to; the values are what is stored."""

    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class Consent:
    """One answer to one question; `given_at` None is a no, `revoked_at` None still counts.

    `text_version` names the words that were shown.
    """

    kind: ConsentKind
    text_version: str
    given_at: datetime | None
    revoked_at: datetime | None = None


class Consents(Protocol):
    """Where consents are kept, the ended ones too; each method is one transaction."""

    def give(self, user_id: int, kind: ConsentKind, text_version: str) -> bool:
        """Keep a yes; one to newer words ends the one before. False when it was so already."""

    def decline(self, user_id: int, kind: ConsentKind, text_version: str) -> None:
        """Keep a no, so that nobody is asked again; a consent that counts is left as it is."""

    def revoke(self, user_id: int, kind: ConsentKind) -> bool:
        """End a consent; False when none counts."""

    def has(self, user_id: int, kind: ConsentKind) -> bool:
        """Return whether a consent counts now."""

    def was_asked(self, user_id: int, kind: ConsentKind) -> bool:
        """Return whether the person ever said yes or no."""

    def of(self, user_id: int) -> list[Consent]:
        """Return everything the person ever answered, oldest first."""
