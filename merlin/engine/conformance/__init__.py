"""The conformance suite for servers of the OpenAI protocol.

One module per family of checks; a check is a function that returns a value for later checks, or
raises the deviation. Requests use the unmodified `openai` package, and plain HTTP where the package
hides the wire format. Source of all schemas: openai/openai-openapi, `openapi.yaml`.

A run executes every check once, in order, after its dependencies; a failure does not end the run.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx2
import openai

from merlin.core.errors import ConfigError
from merlin.engine.conformance import jobs, models
from merlin.engine.conformance.harness import Check, Deviation, Server, unexpected_status

PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one check: "passed", "failed" or "missing".

    `key` is the Fluent key of its detail, "" if there is none.
    """

    name: str
    result: str
    key: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


def run_checks(
    server: Server, checks: Sequence[Check], report: Callable[[Outcome], object]
) -> list[Outcome]:
    """Run `checks` in order; call `report` with every outcome, and return all of them."""
    outcomes: dict[str, Outcome] = {}
    products: dict[str, object] = {}

    def run_once(check: Check) -> Outcome:
        if check.name in outcomes:
            return outcomes[check.name]
        outcome = Outcome(check.name, PASSED)
        before = map(run_once, check.needs)
        if unmet := next((outcome for outcome in before if outcome.result != PASSED), None):
            name = {"name": unmet.name}
            outcome = Outcome(check.name, unmet.result, "provider-test-needs", name)
        else:
            arguments = [products[need.name] for need in check.needs]
            try:
                products[check.name] = check.act(server, *arguments)
            except Exception as error:  # noqa: BLE001 - an unknown server can cause any error
                deviation = _classify_error(error)
                outcome = Outcome(check.name, deviation.result, deviation.key, deviation.arguments)
        outcomes[check.name] = outcome
        report(outcome)
        return outcome

    return [run_once(check) for check in checks]


def _classify_error(error: Exception) -> Deviation:
    if isinstance(error, Deviation):
        return error
    if isinstance(error, openai.APIStatusError):
        return unexpected_status(error.response)
    if isinstance(error, AttributeError) and error.name:
        return Deviation("lacks", field=error.name)
    if isinstance(error, (openai.APIConnectionError, httpx2.HTTPError)):
        cause = error.__cause__ or error
        return Deviation("connection", words=f"{type(cause).__name__} {cause}")
    return Deviation("unreadable", words=f"{type(error).__name__} {error}")


# The tuned model is deleted last.
CHECKS = tuple(
    value
    for family in (models, jobs)
    for value in vars(family).values()
    if isinstance(value, Check)
)


def select_checks(names: Iterable[str], *, keep: bool) -> list[Check]:
    """Return the checks of these names or families with their dependencies; without names, all.

    `keep` excludes the check that deletes the tuned model. Raises ConfigError for an unknown name.
    """
    checks = [check for check in CHECKS if not (keep and check is jobs.delete_tuned_model)]
    requested: list[Check] = []
    for name in names:
        matching = [check for check in checks if name in (check.name, check.name.partition(".")[0])]
        if not matching:
            raise ConfigError(f"no check {name}", "provider-test-no-check", name=name)
        requested += matching
    # The list grows during iteration: it adds the needs of each check, and their needs.
    for check in requested:
        requested += check.needs
    return [check for check in checks if check in requested] if requested else checks
