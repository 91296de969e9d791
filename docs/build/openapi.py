"""The description of the API (OpenAPI 3.1), and the same as a Postman collection.

Both are made from the routes alone. A running API serves the first at `/openapi.json`.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from merlin.api.app import create_app
from merlin.api.services import ApiServices
from merlin.config import Config
from merlin.db.writer import Store

if TYPE_CHECKING:
    from merlin.db.database import Database

_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
# What a person fills in once: where the api is, and their key.
VARIABLES = {"address": "http://127.0.0.1:8701", "key": "mrl_…"}
Json = dict[str, Any]


@cache
def described() -> Json:
    """Return the description of all routes; nothing of a running api is needed for it."""
    config = Config(state_dir=Path("/"))
    services = ApiServices(config=config, db=cast("Database", None), store=Store())
    return create_app(services).openapi()


def collection(description: Mapping[str, Any]) -> Json:
    """Return the same calls as Postman keeps them, a folder a topic."""
    folders: dict[str, list[Json]] = {tag["name"]: [] for tag in description["tags"]}
    for topic, call in _calls(description):
        folders[topic].append(call)
    return {
        "info": {
            "name": "Merlin",
            "schema": _SCHEMA,
            "version": description["info"]["version"],
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{key}}"}]},
        "variable": [{"key": key, "value": value} for key, value in VARIABLES.items()],
        "item": [{"name": topic, "item": calls} for topic, calls in folders.items()],
    }


def _calls(description: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    for path, methods in description["paths"].items():
        for method, told in methods.items():
            (topic,) = told["tags"]
            yield (
                topic,
                {
                    "name": told["summary"],
                    "request": _request(path, method, told),
                },
            )


def _request(path: str, method: str, told: Json) -> Json:
    its = told.get("parameters", [])
    query = [
        _parameter(each) | {"disabled": not each.get("required", False)}
        for each in its
        if each["in"] == "query"
    ]
    url = {
        "raw": "{{address}}" + path.replace("{", ":").replace("}", ""),
        "host": ["{{address}}"],
        "path": path.replace("{", ":").replace("}", "").strip("/").split("/"),
        "variable": [_parameter(each) for each in its if each["in"] == "path"],
        "query": query,
    }
    request: Json = {"method": method.upper(), "header": [], "url": url}
    body = told.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        request["header"] = [{"key": "Content-Type", "value": "application/json"}]
        request["body"] = {"mode": "raw", "raw": json_text(body["example"])}
    return request


def _parameter(told: Json) -> dict[str, object]:
    value = told.get("example", told["schema"].get("default"))
    words = told.get("description", "")
    return {
        "key": told["name"],
        "value": "" if value is None else str(value),
        "description": words,
    }


def json_text(value: object) -> str:
    """Return a value as the file holds it."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
