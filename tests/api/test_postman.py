"""The Postman collection: the API answers each of its requests."""

import json
import re

import httpx
import pytest

from docs.build.openapi import VARIABLES, collection, described
from tests.api.running_api import ANNA, BORIS, VERA
from tests.api.staff_api import run_full_api
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

KEPT = collection(described())
CALLS = [
    pytest.param(folder["name"], call["request"], id=f"{folder['name']}: {call['name']}")
    for folder in KEPT["item"]
    for call in folder["item"]
]
GETS = [call for call in CALLS if call.values[1]["method"] == "GET"]
# The user whose key may read each topic; all others are read with an admin's key.
OWNERS = {"sessions": ANNA, "orders": ANNA, "ratings": ANNA, "changes": BORIS}
TOLD = described()["paths"]
# The newest build is already trained.
OTHERWISE = {}
VARIABLE = re.compile(r"{{(\w+)}}")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with run_full_api(tmp_path_factory.mktemp("whole")) as site:
        yield site


@pytest.fixture(scope="module")
def keys(site):
    secrets = {
        user_id: site.key_headers(user_id)["Authorization"] for user_id in (ANNA, BORIS, VERA)
    }
    return {user_id: secret.removeprefix("Bearer ") for user_id, secret in secrets.items()}


def fill_variables(text, values):
    """Return a text of the collection with its variables filled in, as Postman does."""
    return VARIABLE.sub(lambda found: values[found[1]], text)


def path_of(request):
    parts = (f"{{{part[1:]}}}" if part[:1] == ":" else part for part in request["url"]["path"])
    return "/" + "/".join(parts)


def request_arguments(request, values, path_values):
    """Return the request that Postman would send, with path values of this site."""
    url = request["url"]
    named = {item["key"]: str(path_values[item["key"]]) for item in url["variable"]}
    path = "/".join(named[part[1:]] if part[:1] == ":" else part for part in url["path"])
    query = {item["key"]: item["value"] for item in url["query"] if not item.get("disabled")}
    (auth,) = KEPT["auth"]["bearer"]
    headers = {item["key"]: item["value"] for item in request["header"]}
    headers["Authorization"] = f"Bearer {fill_variables(auth['value'], values)}"
    body = request.get("body", {}).get("raw")
    address = f"{fill_variables(url['host'][0], values)}/{path}"
    arguments = {"params": query, "headers": headers, "content": body}
    return httpx.request(request["method"], address, timeout=longest(), **arguments)


@pytest.mark.parametrize(("topic", "request_"), GETS)
def test_every_get_request_of_the_collection_works(site, keys, topic, request_):
    values = {"address": site.address, "key": keys[OWNERS.get(topic, VERA)]}
    answer = request_arguments(request_, values, site.path_values)
    path = path_of(request_)
    operation = TOLD[path]["get"]
    assert str(answer.status_code) in operation["responses"]
    security = operation["security"]
    is_by_key = not security or any("key" in choice for choice in security)
    expected = OTHERWISE.get(path, 200 if is_by_key else 403)
    assert answer.status_code == expected, answer.text[:300]


def test_requests_of_the_collection_have_the_postman_format():
    for _, request_ in (call.values for call in CALLS):
        url = request_["url"]
        assert url["raw"] == "{{address}}/" + "/".join(url["path"])
        named = [part[1:] for part in url["path"] if part.startswith(":")]
        assert [variable["key"] for variable in url["variable"]] == named
        assert all(variable["value"] for variable in url["variable"])
        for text in (json.dumps(request_), json.dumps(KEPT["auth"])):
            assert set(VARIABLE.findall(text)) <= set(VARIABLES)
        if "body" in request_:
            assert json.loads(request_["body"]["raw"])
            assert request_["header"] == [{"key": "Content-Type", "value": "application/json"}]


def test_collection_defines_each_variable_once():
    assert {variable["key"]: variable["value"] for variable in KEPT["variable"]} == VARIABLES
