"""The conformance suite: what a server of the OpenAI protocol does, checked call by call.

One module a family of checks; a check is a function that returns what later checks need, or raises
what is wrong. Everything is asked through the `openai` package as it is, and through plain HTTP
where the package hides the wire. Source of all shapes: openai/openai-openapi, `openapi.yaml`.

A run makes every check in order, each once, after those it needs; none ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx2
import openai

from merlin.core.errors import ConfigError
from merlin.engine.conformance import jobs, models, webhooks
from merlin.engine.conformance.harness import Check, Server, Wrong, unexpected_status

PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found: "passed", "failed" or "missing".

    `key` names the Fluent text of its detail, "" where there is none.
    """

    name: str
    result: str
    key: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


def run_checks(
    server: Server, checks: Sequence[Check], tell: Callable[[Outcome], object]
) -> list[Outcome]:
    """Make every one of `checks`, in their order; return how they ended.

    `tell` hears of every outcome as it comes.
    """
    outcomes: dict[str, Outcome] = {}
    products: dict[str, object] = {}

    def run_once(check: Check) -> Outcome:
        if check.name in outcomes:
            return outcomes[check.name]
        outcome = Outcome(check.name, PASSED)
        before = map(run_once, check.needs)
        if unmet := next((each for each in before if each.result != PASSED), None):
            name = {"name": unmet.name}
            outcome = Outcome(check.name, unmet.result, "provider-test-needs", name)
        else:
            given = [products[need.name] for need in check.needs]
            try:
                products[check.name] = check.act(server, *given)
            except Exception as error:  # noqa: BLE001 - whatever a strange server brings about is told
                wrong = _judge(error)
                outcome = Outcome(check.name, wrong.result, wrong.key, wrong.arguments)
        outcomes[check.name] = outcome
        tell(outcome)
        return outcome

    return [run_once(check) for check in checks]


def _judge(error: Exception) -> Wrong:
    if isinstance(error, Wrong):
        return error
    if isinstance(error, openai.APIStatusError):
        return unexpected_status(error.response)
    if isinstance(error, AttributeError) and error.name:
        return Wrong("lacks", field=error.name)
    if isinstance(error, (openai.APIConnectionError, httpx2.HTTPError)):
        cause = error.__cause__ or error
        return Wrong("connection", words=f"{type(cause).__name__} {cause}")
    return Wrong("unreadable", words=f"{type(error).__name__} {error}")


# The endpoint of webhooks must be there before the job that it hears of; the tuned model is
# deleted last.
CHECKS = tuple(
    each
    for family in (models, webhooks, jobs)
    for each in vars(family).values()
    if isinstance(each, Check)
)


def select_checks(names: Iterable[str], *, keep: bool) -> list[Check]:
    """Return the checks of these names or families with all they need; for no name, all.

    `keep` leaves out the one that deletes the tuned model. Raises ConfigError for a strange name.
    """
    checks = [check for check in CHECKS if not (keep and check is jobs.deleted)]
    requested: list[Check] = []
    for name in names:
        found = [check for check in checks if name in (check.name, check.name.partition(".")[0])]
        if not found:
            raise ConfigError(f"no check {name}", "provider-test-no-check", name=name)
        requested += found
    # Grows while it is gone through: by what the wanted need, and what that needs.
    for each in requested:
        requested += each.needs
    return [check for check in checks if check in requested] if requested else checks
