"""Cases that schemathesis makes of the description of the api, sent to a real one and judged."""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import requests
import schemathesis
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup

from merlin.api.pages.site import page_routes
from tests.api.running_api import ANNA, BORIS, VERA

checks.load_all_checks()
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
)
ACCEPTED = checks.CHECKS.get_one("positive_data_acceptance")
CHECKS = [checks.CHECKS.get_one(name) for name in NAMES]
PEOPLE = {"student": ANNA, "teacher": BORIS, "admin": VERA}
# Who may most calls most, so that more is seen than refusals.
ORDER = [
    ("admin", "key"),
    ("teacher", "key"),
    ("admin", "browser"),
    ("student", "key"),
    ("admin", "key"),
    ("teacher", "browser"),
    ("nobody", ""),
    ("student", "browser"),
]
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


@dataclass
class Judged:
    """What became of the cases: how many, which statuses, and what was wrong."""

    statuses: Counter = field(default_factory=Counter)
    wrong: dict = field(default_factory=dict)

    @property
    def count(self):
        return sum(self.statuses.values())

    def note(self, case, who, answer, words):
        key = (case.operation.label, words.splitlines()[0])
        told = f"{who}: {answer.status_code} {answer.text[:300]}\n{words}"
        self.wrong.setdefault(key, f"{told}\n{case.as_curl_command()}")


def _checks(answer):
    """Return what to check; a refusal with a reason of its own is of what no schema can tell.

    `wrong-value` is what a schema tells; a cursor of ours, a scope within the role, a question that
    is not empty, it cannot.
    """
    if answer.status_code not in (400, 422):
        return CHECKS
    body = answer.json()
    is_of_schema = body.get("type", "").endswith((":wrong-value", ":bad-request"))
    return CHECKS if is_of_schema else [check for check in CHECKS if check is not ACCEPTED]


def shortened(node):
    """Return a description whose texts have 1,000 letters at most.

    A pattern for a million letters takes a second to build, and draws never are that long.
    """
    if isinstance(node, list):
        return [shortened(each) for each in node]
    if not isinstance(node, dict):
        return node
    told = {name: shortened(each) for name, each in node.items()}
    return {**told, "maxLength": min(told["maxLength"], 1000)} if "maxLength" in told else told


class Contract:
    """The description of a site, and who calls it."""

    _follows = True

    def __init__(self, site, description=None):
        self.site = site
        self.judged = Judged()
        told = description or site.client.get("/openapi.json").json()
        self.schema = schemathesis.openapi.from_dict(told)
        self.operations = [operation.ok() for operation in self.schema.get_all_operations()]
        self._session = requests.Session()
        self._callers = itertools.cycle(ORDER)
        self._keys = {who: site.key(PEOPLE[who]) for who in PEOPLE}

    def _caller(self, operation):
        """Return who calls next, and what they send: a key, or a cookie where no key opens."""
        who, way = next(self._callers)
        security = operation.definition.raw["security"]
        if who == "nobody":
            return who, {}
        if way == "browser" or (security and not any("key" in choice for choice in security)):
            return f"{who}'s browser", self.site.fresh(PEOPLE[who])
        return f"{who}'s key", self._keys[who]

    def draw(self, operation, most, number):
        """Send so many cases of one operation: right ones, of what exists, and wrong ones."""
        names = {parameter.name for parameter in operation.path_parameters}
        home = {name: value for name, value in self.site.homes.items() if name in names}
        ways = [(POSITIVE, {"path_parameters": home} if home else {})]
        # Of a call that brings nothing, no value can be wrong.
        has_values = any(operation.iter_parameters()) or operation.body
        ways += [(NEGATIVE, {})] if has_values else []
        for mode, fixed in ways:
            self._draw(operation, mode, fixed, most // len(ways), number)

    def _draw(self, operation, mode, fixed, most, number):
        @seed(number)
        @settings(
            max_examples=max(most, 1),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode, **fixed))
        def send(case):
            self.send(case)

        send()

    def edges(self, operation):
        """Send the cases at the edges of each value: the least, the most, none, another type."""
        config = self.schema.config.generation_for(operation=operation)
        modes = [POSITIVE, NEGATIVE]
        told = self.schema.iter_coverage_cases(
            operation, generation_modes=modes, generation_config=config
        )
        for case in told:
            self.send(case)

    def _answered(self, case):
        """Send one case as the next caller; return who that is, what they sent, the answer."""
        who, headers = self._caller(case.operation)
        here = {"base_url": self.site.address, "session": self._session, "headers": headers}
        answer = case.call(**here, allow_redirects=self._follows)
        self._session.cookies.clear()
        self.judged.statuses[answer.status_code] += 1
        return who, headers, answer

    def send(self, case):
        """Send one case as the next caller, and judge the answer."""
        who, headers, answer = self._answered(case)
        try:
            self._look(answer)
            case.validate_response(answer, checks=_checks(answer), headers=headers)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.judged.note(case, who, answer, f"{failure.title}\n{failure}")
        except AssertionError as error:
            self.judged.note(case, who, answer, str(error))

    def _look(self, answer):
        """Raise AssertionError for an answer that is no problem where it should be one."""
        headers = {name.lower(): value for name, value in answer.headers.items()}
        (request_id,) = headers["x-request-id"]
        if answer.status_code < 400:
            return
        path = requests.utils.urlparse(answer.request.url).path
        if path == "/readyz":
            return
        body = answer.json()
        if path.startswith("/v1/"):
            assert {"message", "type", "param", "code"} == set(body["error"]), "another shape"
            return
        assert headers["content-type"] == ["application/problem+json"], "no problem"
        assert body["status"] == answer.status_code, "another status"
        assert body["request_id"] == request_id, "another request id"
        assert body["type"].startswith("urn:merlin:problem:"), "another type"
        assert body["title"], "no title"
        assert body["detail"], "no detail"


class Pages(Contract):
    """The pages, which no description tells: of their answers it is told that none is a bug."""

    _follows = False

    def __init__(self, site):
        routes = [route for route in page_routes() if isinstance(route, APIRoute)]
        for route in routes:
            route.include_in_schema = True
        super().__init__(site, shortened(get_openapi(title="-", version="-", routes=routes)))

    def _caller(self, _operation):
        who, _ = next(self._callers)
        is_known = who in PEOPLE
        return who, self.site.fresh(PEOPLE[who]) if is_known else {"Sec-Fetch-Site": "same-origin"}

    def _draw(self, *args):
        with suppress(Unsatisfiable):  # a form of texts alone, of which none is wrong
            super()._draw(*args)

    def send(self, case):
        """Send one case from a browser; what is no answer of a page is noted."""
        who, _, answer = self._answered(case)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.judged.note(case, who, answer, "Server error")
