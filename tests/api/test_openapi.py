"""The API description: complete, and valid OpenAPI."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from docs.build.openapi import VARIABLES, collection, described
from merlin.account.api_keys import Scope
from merlin.api.openapi import TOPICS
from tests.support.markdown_pages import ROOT

pytestmark = pytest.mark.unit

TOLD = described()
KEPT = collection(TOLD)
OPERATIONS = [
    (path, verb, operation)
    for path, verbs in TOLD["paths"].items()
    for verb, operation in verbs.items()
]
# Operations without authentication; all others need a key or a session.
PUBLIC = {"courses", "sign-in"}


def iterate_references(node):
    """Yield each $ref within a description."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from iterate_references(value)
    elif isinstance(node, list):
        for value in node:
            yield from iterate_references(value)


def resolve_pointer(pointer):
    node = TOLD
    for name in pointer.removeprefix("#/").split("/"):
        node = node[name]
    return node


def response_schema(operation, status):
    document = operation["responses"][status]
    return resolve_pointer(document["$ref"]) if "$ref" in document else document


def test_description_has_version_licence_servers_and_tags():
    assert TOLD["openapi"].startswith("3.1.")
    assert TOLD["info"]["license"] == {"name": "MIT", "identifier": "MIT"}
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")
    assert TOLD["servers"]
    assert [tag["name"] for tag in TOLD["tags"]] == list(TOPICS)
    assert {operation["tags"][0] for _, _, operation in OPERATIONS} == set(TOPICS)


def test_every_reference_resolves_and_no_component_is_unused():
    used = set(iterate_references(TOLD))
    for pointer in used:
        assert resolve_pointer(pointer)
    assert used == {
        f"#/components/schemas/{name}" for name in TOLD["components"]["schemas"]
    }


def test_schemas_are_valid_json_schema_2020_12():
    for name in TOLD["components"]["schemas"]:
        Draft202012Validator.check_schema(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **resolve_pointer(f"#/components/schemas/{name}"),
            }
        )


def iterate_keys(node):
    """Yield each key within a description, nested ones too."""
    children = node.values() if isinstance(node, dict) else node
    yield from node if isinstance(node, dict) else ()
    for child in children:
        if isinstance(child, dict | list):
            yield from iterate_keys(child)


def test_constraints_use_json_schema_keywords():
    """Pydantic writes constraints that it cannot place under its own, non-standard keys."""
    assert {"maximum", "minimum", "maxLength"} <= set(iterate_keys(TOLD))
    assert not {"ge", "le", "gt", "lt", "min_length", "max_length"} & set(
        iterate_keys(TOLD)
    )


def test_operation_has_summary_description_and_topic():
    for _, _, operation in OPERATIONS:
        assert operation["summary"][0].isupper()
        assert operation["summary"] == operation["summary"].strip(" .")
        assert operation["description"].strip()
        (topic,) = operation["tags"]
        assert topic in TOPICS
        assert re.fullmatch(r"[a-z_]+", operation["operationId"])


def test_operation_says_who_may_call_it():
    for _, _, operation in OPERATIONS:
        security = operation["security"]
        schemes = TOLD["components"]["securitySchemes"]
        assert all(set(choice) <= set(schemes) for choice in security)
        is_for_all = not security or {} in security
        if operation["tags"][0] not in PUBLIC:
            assert not is_for_all
        scopes = {scope for choice in security for scope in choice.get("key", [])}
        assert scopes <= {scope.value for scope in Scope}
        for scope in scopes:
            assert f"`{scope}`" in operation["description"]


def test_operation_lists_the_common_errors():
    for path, _, operation in OPERATIONS:
        answers = operation["responses"]
        if path.startswith(("/api/", "/v1/")):
            assert {"429", "500", "503"} <= set(answers)
            assert not operation["security"] or {"401", "403"} <= set(answers)
        if path.startswith("/api/") and "requestBody" in operation:
            assert {"413", "415", "422"} <= set(answers)
        assert any(status.startswith(("2", "3")) for status in answers)


def test_errors_of_an_operation_have_one_shape():
    for path, _, operation in OPERATIONS:
        schema_name = "ErrorAnswer" if path.startswith("/v1/") else "Problem"
        media_type = (
            "application/json"
            if path.startswith("/v1/")
            else "application/problem+json"
        )
        for status in operation["responses"]:
            document = response_schema(operation, status)
            if int(status) >= 400:
                assert document["content"] == {
                    media_type: {
                        "schema": {"$ref": f"#/components/schemas/{schema_name}"}
                    }
                }


def test_collection_has_each_operation_once_in_the_folder_of_its_topic():
    folders = {
        (call["request"]["method"], call["name"], folder["name"])
        for folder in KEPT["item"]
        for call in folder["item"]
    }
    assert folders == {
        (verb.upper(), operation["summary"], operation["tags"][0])
        for _, verb, operation in OPERATIONS
    }
    assert KEPT["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert [folder["name"] for folder in KEPT["item"]] == list(TOPICS)


def test_requests_of_the_collection_have_the_postman_format():
    calls = [call["request"] for folder in KEPT["item"] for call in folder["item"]]
    for request_ in calls:
        url = request_["url"]
        assert url["raw"] == "{{address}}/" + "/".join(url["path"])
        named = [part[1:] for part in url["path"] if part.startswith(":")]
        assert [variable["key"] for variable in url["variable"]] == named
        assert all(variable["value"] for variable in url["variable"])
        for text in (json.dumps(request_), json.dumps(KEPT["auth"])):
            assert set(re.findall(r"{{(\w+)}}", text)) <= set(VARIABLES)
        if "body" in request_:
            assert json.loads(request_["body"]["raw"])
            assert request_["header"] == [
                {"key": "Content-Type", "value": "application/json"}
            ]
