"""The OpenAPI 3.1 description, generated from the routes.

Required access is read from a route's actual dependencies, so that it cannot be missing or wrong.
Sample bodies and values (`samples.yaml`) fill the Postman collection.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from merlin.api.auth import SIGN_IN, RequiredAccess, require_signed_in
from merlin.api.openai_compat.requests import ChatCompletionRequest
from merlin.api.problems import components
from merlin.openai_protocol.responses_api import ResponsesRequest

# Tags in the order of the document, with their descriptions.
TOPICS = {
    "courses": "The catalogue: courses, materials, and search over them.",
    "favourites": "My courses: add, remove.",
    "openai": "Models to ask, for programs that speak the OpenAI protocol.",
    "usage": "What is left of your plan.",
    "me": "Your account and permissions.",
    "sign-in": "Signing in, for browsers.",
    "teaching": "Courses that you teach: description, materials.",
    "changes": "Edits on their way to a commit.",
    "examples": "Examples that models are trained on.",
    "jobs": "Training: see, start, stop.",
}
ABOUT = """\
What programs do: the catalogue, favourites, courses that you teach, examples, trainings, answers.

- **Authentication.** Send `Authorization: Bearer mrl_…`. Create keys in “My account”. A key
  can do what its scopes allow, and never more than its owner. Browsers use a cookie.
- **Errors.** Errors are problem details (RFC 9457) with a `request_id`, in Russian or English
  according to `Accept-Language`. Under `/v1`, errors follow the OpenAI protocol.
- **Lists.** Use `limit` and `cursor`; the `Link` header has the URL of the next page (RFC 8288).
- **Caches.** Send an `ETag` back in `If-None-Match`: 304 says that nothing has changed.
- **Limits.** A 429 response has `Retry-After`.
"""


Json = dict[str, Any]
# Arguments of `FastAPI`.
DESCRIPTION: Json = {
    "summary": "Courses, their materials, and the models fine-tuned on their examples",
    "description": ABOUT,
    "license_info": {"name": "MIT", "identifier": "MIT"},
    "servers": [{"url": "/", "description": "This server"}],
    "openapi_tags": [
        {"name": name, "description": words} for name, words in TOPICS.items()
    ],
}
SCHEMES: Mapping[str, Json] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "mrl_…",
        "description": "An API key. The roles listed for an operation are the required scopes.",
    },
    "browser": {
        "type": "apiKey",
        "in": "cookie",
        "name": SIGN_IN,
        "description": (
            f"The cookie of a signed-in browser, over HTTPS `__Host-{SIGN_IN}`. Calls that change"
            " something need the header `Origin` or `Sec-Fetch-Site`."
        ),
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A Telegram Mini App: the `token` returned by `POST /api/auth/telegram`.",
    },
}


@cache
def _samples() -> Mapping[str, Mapping[str, Any]]:
    """Return sample bodies by operation id, and sample values of parameters by name."""
    content = Path(__file__).with_name("samples.yaml").read_text(encoding="utf-8")
    samples: Mapping[str, Mapping[str, Any]] = yaml.safe_load(content)
    return samples


def add_description(app: FastAPI) -> None:
    """Extend the OpenAPI document of `app`."""
    usual = app.openapi

    def openapi() -> Json:
        if app.openapi_schema is None:
            _complete(app, usual())
        return usual()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _complete(app: FastAPI, json: Json) -> None:
    parts = json.setdefault("components", {})
    parts["securitySchemes"] = dict(SCHEMES)
    schemas = parts.setdefault("schemas", {})
    schemas.update(components())
    for body in (ChatCompletionRequest, ResponsesRequest):
        schemas.update(components(body.__name__, body))
    routes = {
        (route.path_format, verb.lower()): route
        for route in app.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for verb in route.methods or ()
    }
    for path, methods in json["paths"].items():
        for verb, operation in methods.items():
            _complete_operation(operation, routes[path, verb])


def _access_of(route: APIRoute) -> tuple[list[Json], str]:
    """Return the `security` of a route's operation, [] for none, and its description."""
    calls = set(_list_dependencies(route.dependant))
    required = next((call for call in calls if isinstance(call, RequiredAccess)), None)
    own: list[Json] = [{"browser": []}, {"token": []}]
    if required is not None:
        access = f"An API key needs the scope `{required.scope.value}`"
        if required.permission:
            access = (
                f"{access}; the user needs the permission `{required.permission.value}`"
            )
        return [{"key": [required.scope.value]}, *own], f"{access}."
    if require_signed_in in calls:
        return [{"key": []}, *own], ""
    return [], ""


def _list_dependencies(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from _list_dependencies(dependency)


def _complete_operation(operation: Json, route: APIRoute) -> None:
    security, access = _access_of(route)
    operation.setdefault("security", security)
    paragraphs = [operation.get("description", ""), access]
    operation["description"] = "\n\n".join(
        paragraph for paragraph in paragraphs if paragraph
    )
    # Add sample values.
    for parameter in operation.get("parameters", ()):
        if parameter.get("required"):
            parameter["example"] = _samples()["parameters"][parameter["name"]]
    body = _samples()["bodies"].get(operation["operationId"])
    if body is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = body
