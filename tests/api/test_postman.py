"""The Postman collection: what it sends is what the api answers."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from docs.build.openapi import VARIABLES, collection, described
from tests.api.running_api import ANNA, BORIS, VERA
from tests.api.staff_api import whole
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

KEPT = collection(described())
CALLS = [
    pytest.param(folder["name"], call["request"], id=f"{folder['name']}: {call['name']}")
    for folder in KEPT["item"]
    for call in folder["item"]
]
GETS = [call for call in CALLS if call.values[1]["method"] == "GET"]
# Whose key opens what the world keeps of each topic; the rest an admin's opens.
OWNERS = {"sessions": ANNA, "orders": ANNA, "ratings": ANNA, "changes": BORIS}
TOLD = described()["paths"]
# No config names an issuer of OpenID here; the newest build is trained already.
OTHERWISE = {
    "/api/auth/openid": 404,
    "/api/auth/openid/callback": 404,
    "/api/datasets/{dataset}/quote": 409,
}
VARIABLE = re.compile(r"{{(\w+)}}")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with whole(tmp_path_factory.mktemp("whole")) as site:
        yield site


@pytest.fixture(scope="module")
def keys(site):
    secrets = {who: site.key(who)["Authorization"] for who in (ANNA, BORIS, VERA)}
    return {who: secret.removeprefix("Bearer ") for who, secret in secrets.items()}


def filled(text, values):
    """Return a text of the collection with its variables filled in, as Postman does it."""
    return VARIABLE.sub(lambda found: values[found[1]], text)


def path_of(request):
    parts = (f"{{{part[1:]}}}" if part[:1] == ":" else part for part in request["url"]["path"])
    return "/" + "/".join(parts)


def sent(request, values, homes):
    """Return what Postman would send: the variables of a path are those of this world."""
    url = request["url"]
    named = {each["key"]: str(homes[each["key"]]) for each in url["variable"]}
    path = "/".join(named[part[1:]] if part[:1] == ":" else part for part in url["path"])
    query = {each["key"]: each["value"] for each in url["query"] if not each.get("disabled")}
    (auth,) = KEPT["auth"]["bearer"]
    headers = {each["key"]: each["value"] for each in request["header"]}
    headers["Authorization"] = f"Bearer {filled(auth['value'], values)}"
    body = request.get("body", {}).get("raw")
    address = f"{filled(url['host'][0], values)}/{path}"
    told = {"params": query, "headers": headers, "content": body}
    return httpx.request(request["method"], address, timeout=longest(), **told)


@pytest.mark.parametrize(("topic", "request_"), GETS)
def test_every_get_of_the_collection_is_answered(site, keys, topic, request_):
    values = {"address": site.address, "key": keys[OWNERS.get(topic, VERA)]}
    answer = sent(request_, values, site.homes)
    path = path_of(request_)
    operation = TOLD[path]["get"]
    assert str(answer.status_code) in operation["responses"]
    security = operation["security"]
    is_by_key = not security or any("key" in choice for choice in security)
    wanted = OTHERWISE.get(path, 200 if is_by_key else 403)
    assert answer.status_code == wanted, answer.text[:300]


def test_what_the_collection_names_is_as_postman_wants_it():
    for _, request_ in (call.values for call in CALLS):
        url = request_["url"]
        assert url["raw"] == "{{address}}/" + "/".join(url["path"])
        named = [part[1:] for part in url["path"] if part.startswith(":")]
        assert [each["key"] for each in url["variable"]] == named
        assert all(each["value"] for each in url["variable"])
        for text in (json.dumps(request_), json.dumps(KEPT["auth"])):
            assert set(VARIABLE.findall(text)) <= set(VARIABLES)
        if "body" in request_:
            assert json.loads(request_["body"]["raw"])
            assert request_["header"] == [{"key": "Content-Type", "value": "application/json"}]


def test_the_variables_of_the_collection_are_filled_in_once():
    assert {each["key"]: each["value"] for each in KEPT["variable"]} == VARIABLES
