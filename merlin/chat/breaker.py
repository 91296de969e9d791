"""Breaker: a provider whose money is spent is left alone for a while, so that nothing storms it."""

from __future__ import annotations

from merlin.core.errors import ProviderError

SPENT = "insufficient_quota"
LEFT_ALONE_S = 60.0


def is_spent(error: ProviderError) -> bool:
    """Return whether the provider said that the account's money is spent."""
    return error.code == SPENT


class Breaker:
    """Which providers are left alone, until which moment of a monotonic clock."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def check(self, provider: str, now: float) -> None:
        """Raise ProviderError while the provider is left alone."""
        if self._until.get(provider, now) > now:
            raise ProviderError("left alone: its quota is spent", code=SPENT)

    def note(self, provider: str, error: ProviderError, now: float) -> None:
        """Leave the provider alone from now on if its money is spent."""
        if is_spent(error) and self._until.get(provider, now) <= now:
            self._until[provider] = now + LEFT_ALONE_S
