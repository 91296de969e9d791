"""Contract: the description of the api (OpenAPI 3.1) as a whole, made from the routes alone.

A route names what only it can answer (`api.described.problems`). Who may call it is read from
the dependencies that it really has, and what any call of its kind can meet is added here, so
neither can be forgotten or be told wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from merlin.api.caller import Needed, caller_of, needed_by, person, signed_in
from merlin.api.cookies import SIGN_IN
from merlin.api.described import FOR_ALL, KEY, components, problems
from merlin.api.samples import BODIES, PLACES
from merlin.api.topics import TOPICS

Json = dict[str, Any]
SUMMARY = "Courses, their materials, and the models that are tuned on what they teach"
DESCRIPTION = """\
Everything that people do on Merlin's pages, programs can do here.

* **Keys.** `Authorization: Bearer mrl_…`, made on your page or by `POST /api/user/keys`. A key does
  what its scopes say, and never more than its owner may. Browsers sign in with a cookie.
* **Problems.** Whatever is refused is answered as a problem of RFC 9457, in Russian or English by
  `Accept-Language`, with a `request_id`. Below `/v1` errors have the shape of the OpenAI protocol.
* **Lists.** `limit` and `cursor`; the next part is in the `Link` header (RFC 8288).
* **Limits.** `RateLimit-Policy` and `RateLimit` tell what is left; 429 says `Retry-After`.
* **Twice.** A POST that costs or launches happens once with an `Idempotency-Key`.
* **Versions.** `/api/v1/…` is the same as `/api/…`.
"""
LICENCE = {"name": "MIT", "identifier": "MIT"}
SERVERS = [{"url": "/", "description": "where this description comes from"}]
SCHEMES: Mapping[str, Json] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "mrl_…",
        "description": "A program with a key; roles named here are scopes that the key needs.",
    },
    "browser": {
        "type": "apiKey",
        "in": "cookie",
        "name": SIGN_IN,
        "description": (
            "A browser that somebody is signed in with; over https the cookie is called"
            f" `__Host-{SIGN_IN}`. Calls that change something need `Origin` or `Sec-Fetch-Site`."
        ),
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A page within Telegram: the `token` of `POST /api/auth/telegram`.",
    },
}
_BODY = frozenset({"post", "put", "patch", "delete"})
_TELLING = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
_KINDS = {"#/components/schemas/Problem": "Problem", "#/components/schemas/ErrorAnswer": "Error"}
HEADERS: Mapping[str, Json] = {
    "Link": {"description": "the first and the next part of the list (RFC 8288)"},
    "ETag": {"description": "for `If-None-Match`: 304 while nothing has changed"},
    "Location": {"description": "where to look what came of it"},
    "Retry-After": {"description": "seconds until the call may come again"},
    "WWW-Authenticate": {"description": "what lets a program in: a key (RFC 6750)"},
    "X-Request-Id": {"description": "by which the operator finds the call in the log"},
}


@dataclass(frozen=True, slots=True)
class Door:
    """Who may call a route: `scope` and `permission` of its `holding`, or how far in it lies."""

    is_asked: bool = False
    is_signed_in: bool = False
    is_in_person: bool = False
    needed: Needed | None = None

    def security(self) -> list[Json]:
        """Return the `security` of its operation; an empty choice: nobody need be signed in."""
        if not self.is_asked:
            return []
        scopes = [self.needed.scope.value] if self.needed else []
        own: list[Json] = [{"browser": []}, {"token": []}]
        if self.is_in_person:
            return own
        if self.is_signed_in:
            return [{"key": scopes}, *own]
        whoever: list[Json] = FOR_ALL["security"]
        return whoever

    def words(self) -> str:
        """Return the same in words, "" where anybody may."""
        if self.is_in_person:
            return "For people who are signed in; no key opens this."
        if self.needed is None:
            return ""
        said = f"A key needs the scope `{self.needed.scope.value}`"
        allowed = self.needed.permission
        return f"{said}; the person, the right `{allowed.value}`." if allowed else f"{said}."


def add_description(app: FastAPI) -> None:
    """Let the description of `app` be whole."""
    usual = app.openapi

    def openapi() -> Json:
        if app.openapi_schema is None:
            _complete(app, usual())
        return usual()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _complete(app: FastAPI, told: Json) -> None:
    told["info"] |= {"summary": SUMMARY, "description": DESCRIPTION, "license": LICENCE}
    told["servers"] = SERVERS
    told["tags"] = [{"name": name, "description": words} for name, words in TOPICS.items()]
    parts = told.setdefault("components", {})
    parts["securitySchemes"] = dict(SCHEMES)
    text = {"schema": {"type": "string"}}
    parts["headers"] = {name: {**words, **text} for name, words in HEADERS.items()}
    schemas = parts.setdefault("schemas", {})
    schemas.update(components())
    doors = {(route.path_format, verb): _door(route) for route, verb in _routes(app)}
    for path, methods in told["paths"].items():
        for verb, operation in methods.items():
            _complete_operation(path, verb, operation, doors[path, verb])
            _share(operation["responses"], parts.setdefault("responses", {}))
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which nobody answers
        schemas.pop(name, None)


def _routes(app: FastAPI) -> Iterator[tuple[APIRoute, str]]:
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.include_in_schema:
            yield from ((route, verb.lower()) for verb in route.methods or ())


def _door(route: APIRoute) -> Door:
    calls = set(_calls(route.dependant))
    needed = [found for found in map(needed_by, calls) if found is not None]
    return Door(
        is_asked=caller_of in calls,
        is_signed_in=signed_in in calls or person in calls,
        is_in_person=person in calls,
        needed=needed[0] if needed else None,
    )


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for each in dependant.dependencies:
        if each.call is not None:
            yield each.call
        yield from _calls(each)


def _complete_operation(path: str, verb: str, operation: Json, door: Door) -> None:
    operation.setdefault("security", door.security())
    words = [operation.get("description", ""), door.words()]
    operation["description"] = "\n\n".join(each for each in words if each)
    answers: Json = operation["responses"]
    if "HTTPValidationError" in str(answers.get("422")):  # FastAPI's own guess
        del answers["422"]
    if path.startswith("/api/"):
        for status, told in problems(*_statuses(verb, operation, door)).items():
            answers.setdefault(str(status), told)
    operation["responses"] = dict(sorted(answers.items()))
    _add_headers(operation)
    _add_samples(operation)


def _statuses(verb: str, operation: Json, door: Door) -> set[int]:
    """Return what any call of this kind can meet."""
    found = {429}
    if door.is_asked:
        found |= {401, 403}  # a key that counts no more; somebody shut out
    if verb in _BODY:
        found |= {413}
    if "requestBody" in operation:
        found |= {415, 422}
    if operation.get("parameters"):
        found |= {422}
    if KEY in operation.get("parameters", ()):
        found |= {400, 409}  # no key at all; the first such call still runs
    return found


def _add_headers(operation: Json) -> None:
    """Name the headers by which programs find their way."""
    answers: Json = operation["responses"]
    is_paged = any(each["name"] == "cursor" for each in operation.get("parameters", ()))
    names = {
        "200": ["Link"] * is_paged + ["ETag"] * ("304" in answers),
        "304": ["ETag"],
        "202": ["Location"] * ("content" in answers.get("202", ())),
    }
    for status, told in answers.items():
        found = {name: {"$ref": f"#/components/headers/{name}"} for name in names.get(status, ())}
        if found:
            told.setdefault("headers", {}).update(found)


def _add_samples(operation: Json) -> None:
    """Show what a good call looks like."""
    for each in operation.get("parameters", ()):
        if each.get("required"):
            each["example"] = PLACES[each["name"]]
    body = BODIES.get(operation["operationId"])
    if body is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = body


def _share(answers: Json, shared: Json) -> None:
    """Tell each kind of refusal once, and refer to it."""
    for status, told in answers.items():
        if int(status) < HTTPStatus.BAD_REQUEST or "content" not in told:
            continue
        (media_type, *others) = told["content"]
        kind = _KINDS.get(str(told["content"][media_type]["schema"].get("$ref", "")))
        if kind is None or others:
            continue
        headers = ["X-Request-Id", *([_TELLING[status]] if status in _TELLING else [])]
        shown = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
        shared.setdefault(f"{kind}{status}", {**told, "headers": shown})
        answers[status] = {"$ref": f"#/components/responses/{kind}{status}"}
