"""Ten thousand cases that schemathesis generates from the API's description, and for the pages.

`python -m bench contract` sends the boundary cases of every value to a real API, then random cases
that are in turn valid, invalid, and valid with the address of an existing object. They come from
programs, from signed-in browsers, and from anonymous clients.
"""

import sys
import tempfile
import time
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from hypothesis.errors import Unsatisfiable

from merlin.api.pages.site import page_routes
from tests.api.contract_cases import (
    NEGATIVE,
    PEOPLE,
    POSITIVE,
    ContractCheck,
    limit_text_lengths,
)
from tests.api.staff_api import run_full_api

CASES = 10_000
AT_ONCE = 12


class PagesCheck(ContractCheck):  # type: ignore[misc]
    """Checks the pages, which have no API description: only that no response is a server error."""

    _follows = False

    def __init__(self, site: Any) -> None:
        routes = [route for route in page_routes() if isinstance(route, APIRoute)]
        for route in routes:
            route.include_in_schema = True
        super().__init__(
            site, limit_text_lengths(get_openapi(title="-", version="-", routes=routes))
        )

    def _caller(self, _operation: object) -> tuple[str, dict[str, str]]:
        caller, _ = next(self._callers)
        is_known = caller in PEOPLE
        return caller, self.site.sign_in_headers(PEOPLE[caller]) if is_known else {
            "Sec-Fetch-Site": "same-origin"
        }

    def _draw(self, *args: Any) -> None:
        with suppress(Unsatisfiable):  # a form of free texts has no invalid case
            super()._draw(*args)

    def send(self, case: Any) -> None:
        """Send one case from a browser; record a server error."""
        caller, _, response = self._call(case)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.results.note(case, caller, response, "Server error")


def _send_edge_cases(contract: Any, operation: Any) -> None:
    """Send the boundary cases of each value: the minimum, the maximum, none, another type."""
    schema = contract.schema
    modes = [POSITIVE, NEGATIVE]
    config = schema.config.generation_for(operation=operation)
    cases = schema.iter_coverage_cases(
        operation, generation_modes=modes, generation_config=config
    )
    for case in cases:
        contract.send(case)


def run() -> None:
    """Print the number of cases, the statuses, and each kind of failure once."""
    is_wrong = False
    for kind in (ContractCheck, PagesCheck):
        started_at = time.monotonic()
        with (
            tempfile.TemporaryDirectory() as folder,
            run_full_api(Path(folder)) as site,
        ):
            contract = kind(site)
            for operation in contract.operations:
                _send_edge_cases(contract, operation)
            for number in count(1):
                if contract.results.count >= CASES:
                    break
                for operation in contract.operations:
                    contract.send_drawn_cases(operation, AT_ONCE, number)
            _print(kind.__name__, contract.results, time.monotonic() - started_at)
        is_wrong = is_wrong or bool(contract.results.wrong)
    sys.exit(int(is_wrong))


def _print(name: str, judged: Any, seconds: float) -> None:
    statuses = ", ".join(
        f"{count} × {status}" for status, count in sorted(judged.statuses.items())
    )
    print(
        f"{name}: {judged.count} cases in {seconds:.0f} s, {len(judged.wrong)} failures"
    )
    print(statuses)
    for (label, title), words in judged.wrong.items():
        print(f"\n{label}: {title}\n{words}")
