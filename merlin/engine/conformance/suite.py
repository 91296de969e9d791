"""The suite: every check in order, each made once after those it needs; none ends the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx2
import openai

from merlin.core.errors import ConfigError
from merlin.engine.conformance import jobs, models, webhooks
from merlin.engine.conformance.harness import (
    Check,
    Missing,
    Server,
    Verdict,
    Wrong,
    unexpected_status,
)

PASSED, FAILED, MISSING = "passed", "failed", "missing"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found; `key` names the Fluent text of its detail, "" where there is none."""

    name: str
    result: str
    key: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


class ConformanceRun:
    """One run over one server."""

    def __init__(self, server: Server, tell: Callable[[Outcome], None]) -> None:
        """Begin; `tell` hears of every outcome as it comes."""
        self._server = server
        self._tell = tell
        self._outcomes: dict[str, Outcome] = {}
        self._products: dict[str, object] = {}

    def run(self, checks: Sequence[Check]) -> list[Outcome]:
        """Make every one of `checks`, in their order; return how they ended."""
        for check in checks:
            self._run_once(check)
        return [self._outcomes[check.name] for check in checks]

    def _run_once(self, check: Check) -> Outcome:
        if check.name not in self._outcomes:
            outcome = self._run_check(check)
            self._outcomes[check.name] = outcome
            self._tell(outcome)
        return self._outcomes[check.name]

    def _run_check(self, check: Check) -> Outcome:
        for need in check.needs:
            before = self._run_once(need)
            if before.result != PASSED:
                return Outcome(
                    check.name, before.result, "provider-test-needs", {"name": need.name}
                )
        products = [self._products[need.name] for need in check.needs]
        try:
            self._products[check.name] = check.act(self._server, *products)
        except Exception as error:  # noqa: BLE001 - whatever a strange server brings about is told
            verdict = _verdict_on(error)
            result = MISSING if isinstance(verdict, Missing) else FAILED
            return Outcome(check.name, result, verdict.key, verdict.arguments)
        return Outcome(check.name, PASSED)


def _verdict_on(error: Exception) -> Verdict:
    if isinstance(error, Verdict):
        return error
    if isinstance(error, openai.APIStatusError):
        return unexpected_status(error)
    if isinstance(error, AttributeError) and error.name:
        return Wrong("lacks", field=error.name)
    if isinstance(error, (openai.APIConnectionError, httpx2.HTTPError)):
        cause = error.__cause__ or error
        return Wrong("connection", words=f"{type(cause).__name__} {cause}")
    return Wrong("unreadable", words=f"{type(error).__name__} {error}")


def add_needs(chosen: Iterable[Check], all_checks: Sequence[Check]) -> list[Check]:
    """Return the chosen checks and those they need, in the suite's order."""
    wanted: set[str] = set()

    def want(check: Check) -> None:
        wanted.add(check.name)
        for need in check.needs:
            want(need)

    for check in chosen:
        want(check)
    return [check for check in all_checks if check.name in wanted]


# The endpoint of webhooks must be there before the job that it hears of; the tuned model is
# deleted last.
_FAMILIES = (models, webhooks, jobs)
CHECKS = tuple(
    each
    for family in _FAMILIES
    for each in vars(family).values()
    if isinstance(each, Check) and each.act.__module__ == family.__name__
)


def select_checks(names: Iterable[str], *, keep: bool) -> list[Check]:
    """Return the checks of these names or families with all they need; for no name, all.

    `keep` leaves out the one that deletes the tuned model. Raises ConfigError for a strange name.
    """
    checks = [each for each in CHECKS if not (keep and each is jobs.deleted)]
    wanted: list[Check] = []
    for name in names:
        found = [each for each in checks if name in (each.name, each.family)]
        if not found:
            raise ConfigError(f"no check {name}", "provider-test-no-check", name=name)
        wanted += found
    return add_needs(wanted, checks) if wanted else checks
