"""The suite: every check, in the order in which they are made and shown."""

from __future__ import annotations

from collections.abc import Iterable

from merlin.adapters.conformance import (
    chat,
    errors,
    events,
    files,
    jobs,
    models,
    stopping,
    streaming,
    tuned,
    webhooks,
)
from merlin.adapters.conformance.check import Check
from merlin.adapters.conformance.run import with_needs
from merlin.core.errors import ConfigError

# The endpoint of webhooks must be there before the job that it hears of; the tuned model is
# deleted last.
_FAMILIES = (models, files, chat, streaming, webhooks, jobs, errors, events, stopping, tuned)
CHECKS = tuple(
    each
    for family in _FAMILIES
    for each in vars(family).values()
    if isinstance(each, Check) and each.act.__module__ == family.__name__
)


def chosen(names: Iterable[str], *, keep: bool) -> list[Check]:
    """Return the checks of these names or families with all they need; for no name, all.

    `keep` leaves out the one that deletes the tuned model. Raises ConfigError for a strange name.
    """
    checks = [each for each in CHECKS if not (keep and each is tuned.deleted)]
    wanted: list[Check] = []
    for name in names:
        found = [each for each in checks if name in (each.name, each.family)]
        if not found:
            raise ConfigError(f"no check {name}", "provider-test-no-check", name=name)
        wanted += found
    return with_needs(wanted, checks) if wanted else checks
