"""Cases that schemathesis generates from the API description, sent to a real API and checked."""

import itertools
from collections import Counter
from dataclasses import dataclass, field

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup

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
# Admins call most often, so that more is tested than refusals.
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
POSITIVE = GenerationMode.POSITIVE
NEGATIVE = GenerationMode.NEGATIVE


@dataclass
class Results:
    """Results of the cases: the count of each status, and the failures."""

    statuses: Counter = field(default_factory=Counter)
    wrong: dict = field(default_factory=dict)

    @property
    def count(self):
        return sum(self.statuses.values())

    def note(self, case, caller, response, failure):
        key = (case.operation.label, failure.splitlines()[0])
        message = f"{caller}: {response.status_code} {response.text[:300]}\n{failure}"
        self.wrong.setdefault(key, f"{message}\n{case.as_curl_command()}")


def _select_checks(response):
    """Return the checks of a response; some refusals cannot follow from the schema.

    `wrong-value` and `bad-request` follow from it; an unknown cursor, a scope outside the role or
    an empty question do not.
    """
    if response.status_code not in (400, 422):
        return CHECKS
    body = response.json()
    is_of_schema = body.get("type", "").endswith((":wrong-value", ":bad-request"))
    return (
        CHECKS if is_of_schema else [check for check in CHECKS if check is not ACCEPTED]
    )


def limit_text_lengths(node):
    """Return an API description whose texts have 1,000 characters at most.

    A pattern for a million characters takes a second to build, and generated texts are shorter.
    """
    if isinstance(node, list):
        return [limit_text_lengths(child) for child in node]
    if not isinstance(node, dict):
        return node
    limited = {name: limit_text_lengths(child) for name, child in node.items()}
    return (
        {**limited, "maxLength": min(limited["maxLength"], 1000)}
        if "maxLength" in limited
        else limited
    )


class ContractCheck:
    """Checks a site against its API description, calling with changing roles."""

    _follows = True

    def __init__(self, site, description=None):
        self.site = site
        self.results = Results()
        document = description or site.client.get("/openapi.json").json()
        self.schema = schemathesis.openapi.from_dict(document)
        self.operations = [
            operation.ok() for operation in self.schema.get_all_operations()
        ]
        self._session = requests.Session()
        self._callers = itertools.cycle(ORDER)
        self._keys = {caller: site.key_headers(PEOPLE[caller]) for caller in PEOPLE}

    def _caller(self, operation):
        """Return the next caller and the headers: a key, or a cookie where no key is accepted."""
        caller, credential = next(self._callers)
        security = operation.definition.raw["security"]
        if caller == "nobody":
            return caller, {}
        if credential == "browser" or (
            security and not any("key" in choice for choice in security)
        ):
            return f"{caller}'s browser", self.site.sign_in_headers(PEOPLE[caller])
        return f"{caller}'s key", self._keys[caller]

    def send_drawn_cases(self, operation, most, number):
        """Send `most` cases of one operation: valid ones for existing records, and invalid ones."""
        names = {parameter.name for parameter in operation.path_parameters}
        path_values = {
            name: value
            for name, value in self.site.path_values.items()
            if name in names
        }
        modes = [(POSITIVE, {"path_parameters": path_values} if path_values else {})]
        # A call without values has no invalid cases.
        has_values = any(operation.iter_parameters()) or operation.body
        modes += [(NEGATIVE, {})] if has_values else []
        for mode, fixed in modes:
            self._draw(operation, mode, fixed, most // len(modes), number)

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

    def _call(self, case):
        """Send one case as the next caller; return the caller, the headers and the response."""
        caller, headers = self._caller(case.operation)
        arguments = {
            "base_url": self.site.address,
            "session": self._session,
            "headers": headers,
        }
        response = case.call(**arguments, allow_redirects=self._follows)
        self._session.cookies.clear()
        self.results.statuses[response.status_code] += 1
        return caller, headers, response

    def send(self, case):
        """Send one case as the next caller, and check the response."""
        caller, headers, response = self._call(case)
        try:
            self._check_problem(response)
            case.validate_response(
                response, checks=_select_checks(response), headers=headers
            )
        except FailureGroup as group:
            for failure in group.exceptions:
                self.results.note(case, caller, response, f"{failure.title}\n{failure}")
        except AssertionError as error:
            self.results.note(case, caller, response, str(error))

    def _check_problem(self, response):
        """Raise AssertionError for an error response that is not a problem document."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        (request_id,) = headers["x-request-id"]
        if response.status_code < 400:
            return
        path = requests.utils.urlparse(response.request.url).path
        body = response.json()
        if path.startswith("/v1/"):
            assert {"message", "type", "param", "code"} == set(body["error"]), (
                "another shape"
            )
            return
        assert headers["content-type"] == ["application/problem+json"], "no problem"
        assert body["status"] == response.status_code, "another status"
        assert body["request_id"] == request_id, "another request id"
        assert body["type"].startswith("urn:merlin:problem:"), "another type"
        assert body["detail"], "no detail"
