"""Notice: a durable row by which daemon, api and billing tell people something.

The bot renders it in each person's language and sends it through its outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

ADMINS = "admins"


@dataclass(frozen=True, slots=True)
class Notice:
    """To whom (`ADMINS` or a user id as text), and the Fluent key with its arguments."""

    notice_id: int
    to: str
    key: str
    arguments: Mapping[str, object]
    created_at: datetime


class Notices(Protocol):
    """Where notices are kept."""

    def tell(self, to: str, key: str, arguments: Mapping[str, object], once: str = "") -> None:
        """Store a notice; one with the same `once` word is stored a single time."""

    def waiting(self, limit: int = 20) -> list[Notice]:
        """Return the oldest notices not yet handed over."""

    def handed_over(self, notice_id: int) -> bool:
        """Mark it as sent; False when somebody else did so before."""
