"""Write the description of the api: docs/openapi.json, and as a Postman collection beside it.

`make docs` calls it. Both are made from the routes alone; a test compares them with what is kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from merlin.api.app import create_app
from merlin.api.services import ApiServices
from merlin.config import Config
from merlin.db.writer import Store

if TYPE_CHECKING:
    from merlin.db.database import Database

ROOT = Path(__file__).parents[1]
OPENAPI, POSTMAN = ROOT / "docs" / "openapi.json", ROOT / "docs" / "postman.json"
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
# What a person fills in once: where the api is, and their key.
VARIABLES = {"address": "http://127.0.0.1:8701", "key": "mrl_…"}
Json = dict[str, Any]


def described() -> Json:
    """Return the description of all routes; nothing of a running api is needed for it."""
    config = Config(state_dir=Path("/"))
    services = ApiServices(config=config, db=cast("Database", None), store=Store())
    return create_app(services).openapi()


def written() -> Json:
    """Return the description as it stands in docs/, which a test compares with the routes."""
    told: Json = json.loads(OPENAPI.read_text("utf-8"))
    return told


def collection(description: Mapping[str, Any]) -> Json:
    """Return the same calls as Postman keeps them, a folder a topic."""
    folders: dict[str, list[Json]] = {tag["name"]: [] for tag in description["tags"]}
    for topic, call in _calls(description):
        folders[topic].append(call)
    return {
        "info": {"name": "Merlin", "schema": _SCHEMA, "version": description["info"]["version"]},
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
        request["body"] = {"mode": "raw", "raw": _text(body["example"])}
    return request


def _parameter(told: Json) -> dict[str, object]:
    value = told.get("example", told["schema"].get("default"))
    words = told.get("description", "")
    return {"key": told["name"], "value": "" if value is None else str(value), "description": words}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def pages() -> dict[Path, str]:
    """Return both files as they must stand."""
    description = described()
    return {OPENAPI: _text(description), POSTMAN: _text(collection(description))}


def main() -> int:
    """Write both; return the exit code."""
    for path, content in pages().items():
        path.write_text(content, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}: {len(content)} characters\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
