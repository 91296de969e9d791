"""Each API operation × each kind of caller: who is allowed, and that refused calls change nothing.

The operations come from the API description, so a new one fails here until it is classified.
"""

import httpx
import pytest

from docs.build.openapi import described
from merlin.account.api_keys import Scope
from tests.api.running_api import ANNA, BORIS, VERA
from tests.api.staff_api import BLOCKED, EDITOR, ELSEWHERE, OTHER, run_full_api
from tests.support.migrated_databases import table_names
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

# boris owns the records in the path, and leads the course and the datasets. `poor` is
# an admin's key with every scope but the needed ones, or any key where keys are not accepted.
WHO = [
    "nobody",
    "anna",
    "other",
    "boris",
    "elsewhere",
    "editor",
    "admin",
    "poor",
    "blocked",
]
PEOPLE = {
    "anna": ANNA,
    "other": OTHER,
    "boris": BORIS,
    "elsewhere": ELSEWHERE,
    "editor": EDITOR,
    "admin": VERA,
    "poor": VERA,
    "blocked": BLOCKED,
}
# ok: neither refused nor hidden for this caller.
RIGHTS = {
    #          nobody anna other boris elsewhere editor admin poor blocked
    "public": "ok     ok   ok    ok    ok        ok     ok    ok   ok",
    "self": "401    ok   ok    ok    ok        ok     ok    403  403",
    "boris's": "401   404  404   ok    404       404    ok    403  403",
    "leads": "401    403  403   ok    403       ok     ok    403  403",
    "adds": "401    409  409   ok    409       ok     ok    403  403",
    "asked": "401    404  404   ok    404       ok     ok    403  403",
    "watch": "401    403  403   ok    ok        ok     ok    403  403",
    "watched": "401   403  403   ok    404       ok     ok    403  403",
    "admin": "401    403  403   403   403       403    ok    403  403",
}
OPERATIONS = {
    "public": """
        sign_in_by_telegram search_courses list_courses get_course list_materials get_material""",
    "self": """
        list_favourites add_favourite remove_favourite
        show_me
        show_usage list_taught_courses list_changes
        list_openai_models show_openai_model create_chat_completion create_response""",
    "boris's": "show_change",
    "leads": """
        show_taught_course edit_course add_material edit_material remove_material""",
    "adds": "add_example",
    "asked": "show_request",
    "watch": "list_jobs",
    "watched": "show_job",
    "admin": "launch_job cancel_job",
}
JUDGED = {name: right for right, names in OPERATIONS.items() for name in names.split()}
TOLD = {
    operation["operationId"]: (path, verb, operation)
    for path, verbs in described()["paths"].items()
    for verb, operation in verbs.items()
}
HIDDEN = [f"{name}_id" for name in ("change", "job", "request")]
# Changed by any call: last use, sign-ins of these tests, heartbeats.
PASSING = {"sign_in", "api_key", "heartbeat", "change_counter"}
ORDER = ("get", "put", "patch", "post", "delete")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with run_full_api(tmp_path_factory.mktemp("whole")) as site:
        yield site


def list_useless_scopes(operation):
    """Return the scopes that the description of an operation does not name."""
    return tuple(
        scope for scope in Scope if f"`{scope.value}`" not in operation["description"]
    )


class Callers:
    """All callers: each call uses a key, or a browser session where keys are not accepted."""

    def __init__(self, site):
        self.site = site
        self.http = httpx.Client(base_url=site.address, timeout=longest())
        everything = {
            name: site.key_headers(user_id)
            for name, user_id in PEOPLE.items()
            if name != "poor"
        }
        self.keys = {"nobody": {}, **everything}
        self.poor = {
            scopes: site.key_headers(VERA, *scopes)
            for scopes in {
                list_useless_scopes(operation) for _, _, operation in TOLD.values()
            }
        }
        self.all = site.key_headers(VERA)
        self.browsers = {}

    def headers(self, caller, operation):
        takes_keys = any("key" in choice for choice in operation["security"])
        if caller == "foreign":
            return self.browsers[caller]
        if caller == "poor":
            return self.poor[list_useless_scopes(operation)] if takes_keys else self.all
        if caller == "nobody" or takes_keys or not operation["security"]:
            return self.keys[caller]
        if caller not in self.browsers:
            self.browsers[caller] = self.site.sign_in_headers(PEOPLE[caller])
        return self.browsers[caller]

    def call(self, name, caller, **elsewhere):
        path, verb, operation = TOLD[name]
        self.http.cookies.clear()
        content = (
            operation.get("requestBody", {}).get("content", {}).get("application/json")
        )
        body = (
            {}
            if content is None
            else {"json": self.site.request_body(name, content["example"])}
        )
        address = path.format(**{**self.site.path_values, **elsewhere})
        return self.http.request(
            verb, address, headers=self.headers(caller, operation), **body
        )


@pytest.fixture(scope="module")
def callers(site):
    all_callers = Callers(site)
    with all_callers.http:
        yield all_callers


def read_tables(site):
    """Return all rows of the database, without the tables that any call changes."""
    sql = site.database.sql
    names = [name for name in table_names(site.database) if name not in PASSING]
    return {name: sorted(map(repr, sql(f'SELECT * FROM "{name}"'))) for name in names}  # noqa: S608 - our own names


def find_differences(before, after):
    return [name for name in after if after[name] != before.get(name)]


def is_as_expected(answer, expected):
    if expected == "ok":
        return (
            answer.status_code not in (401, 403, 404, 405) and answer.status_code < 500
        )
    return answer.status_code == int(expected)


def test_every_operation_has_one_entry_in_the_matrix():
    assert set(JUDGED) == set(TOLD)
    names = [name for names in OPERATIONS.values() for name in names.split()]
    assert len(names) == len(set(names))


def test_forbidden_callers_are_refused_and_nothing_changes(site, callers):
    wrong = []
    before = read_tables(site)
    for name in TOLD:
        for caller, expected in zip(WHO, RIGHTS[JUDGED[name]].split(), strict=True):
            if expected == "ok":
                continue
            answer = callers.call(name, caller)
            if not is_as_expected(answer, expected):
                wrong.append(
                    (name, caller, expected, answer.status_code, answer.text[:200])
                )
            assert b"Traceback" not in answer.content
        after = read_tables(site)
        wrong += [(name, "changed", table) for table in find_differences(before, after)]
        before = after
    assert wrong == []


CROSS_SITE = [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}]


def test_browser_changes_nothing_from_another_site(site, callers):
    signed_in = site.sign_in_headers(VERA)
    before = read_tables(site)
    for name, (_, verb, _) in TOLD.items():
        if verb == "get":
            continue
        for origin in CROSS_SITE:
            callers.browsers["foreign"] = {"Cookie": signed_in["Cookie"], **origin}
            answer = callers.call(name, "foreign")
            assert answer.status_code == 403, name
            assert "foreign" in answer.text, answer.text
    assert find_differences(before, read_tables(site)) == []


@pytest.mark.parametrize("hidden", HIDDEN)
def test_foreign_object_is_indistinguishable_from_a_missing_one(site, callers, hidden):
    names = [
        name
        for name, (path, _, _) in TOLD.items()
        if f"{{{hidden}}}" in path and JUDGED[name] in ("boris's", "asked", "watched")
    ]
    assert names
    missing = "7" * 32 if hidden == "change_id" else 777
    for name in names:
        response = callers.call(name, "elsewhere")
        none = callers.call(name, "elsewhere", **{hidden: missing})
        assert response.status_code == none.status_code == 404
        assert problem_without_number(
            response, site.path_values[hidden]
        ) == problem_without_number(none, missing), name


def problem_without_number(answer, number):
    """Return a problem document without the requested number."""
    body = answer.json()
    return body["type"], body["detail"].replace(str(number), "")


def sort_key(name):
    """Return the sort key of operations: those that delete come last."""
    return ORDER.index(TOLD[name][1])


def test_permitted_callers_are_accepted(site, callers):
    # The last test: in the end the callers delete their data.
    wrong = []
    for name in sorted(TOLD, key=sort_key):
        callers.browsers.clear()
        for caller, expected in zip(WHO, RIGHTS[JUDGED[name]].split(), strict=True):
            if expected != "ok":
                continue
            answer = callers.call(name, caller)
            if not (
                is_as_expected(answer, expected)
                or (name, answer.status_code) in NOT_HERE
            ):
                wrong.append(
                    (name, caller, expected, answer.status_code, answer.text[:200])
                )
    assert wrong == []


# Not configured on this site, or already gone for the second caller.
NOT_HERE = {
    ("sign_in_by_telegram", 401),
    ("telegram", 401),
}
