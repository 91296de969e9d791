"""How a check says what is wrong, or that the server has no such thing.

returns           passed
raises Missing    the server has no such call, or leaves an optional wish unheeded
raises Wrong      the server answers something else than the protocol says
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx2
import openai

from merlin.adapters.openai_faults import NO_MODEL, short

ABSENT = (404, 405, 501)
BAD = (400, 422)
GONE = (404,)
_OK = range(200, 300)
_LONGEST = 160
_ERROR_FIELDS = ("message", "type", "param", "code")


class Verdict(Exception):
    """What a check found; `key` names the Fluent text, `arguments` fill it, each as one line."""

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(key, arguments)
        self.key = f"provider-test-{key}"
        self.arguments = {name: _shown(value) for name, value in arguments.items()}


class Wrong(Verdict):
    """The server answers something else than the protocol says."""


class Missing(Verdict):
    """The server has no such thing; many servers of the protocol have not."""


def same(field: str, found: object, wanted: object) -> None:
    """Raise Wrong unless a field is as it must be."""
    if found != wanted:
        raise Wrong("not-same", field=field, found=found, wanted=wanted)


def one_of(field: str, found: object, wanted: tuple[str, ...]) -> None:
    """Raise Wrong unless a field has one of these values."""
    if found not in wanted:
        raise Wrong("not-same", field=field, found=found, wanted=" | ".join(wanted))


def holds(condition: object, field: str, found: object, wanted: str) -> None:
    """Raise Wrong unless `condition`; `wanted` says it in the protocol's own signs."""
    if not condition:
        raise Wrong("not-same", field=field, found=found, wanted=wanted)


@contextmanager
def lacking(what: str) -> Iterator[None]:
    """Turn "no such call" into Missing; `what` is the call, as people know it.

    A 404 that names a field of the call is about what was asked for: the call itself is there.
    """
    try:
        yield
    except openai.APIStatusError as error:
        is_about_call = error.param is None and error.code != NO_MODEL
        if error.status_code in ABSENT and is_about_call:
            raise Missing("absent", call=what, status=error.status_code) from error
        raise


def refusal(call: Callable[[], object], wanted: tuple[int, ...]) -> Mapping[str, object]:
    """Raise Wrong unless a call of the SDK is refused with the protocol's error object."""
    try:
        told = call()
    except openai.APIStatusError as error:
        return error_object(error.response, wanted)
    raise Wrong("accepted", wanted=_words(wanted), found=told)


def error_object(response: httpx2.Response, wanted: tuple[int, ...]) -> Mapping[str, object]:
    """Return the error object of a refusal. Raises Wrong for another status or another shape."""
    call = call_of(response)
    if response.status_code in _OK:
        raise Wrong("accepted", wanted=_words(wanted), found=response.text)
    if response.status_code not in wanted:
        raise Wrong("status", **_told(response), wanted=_words(wanted))
    kind = response.headers.get("content-type", "")
    if not kind.startswith("application/json"):
        raise Wrong("error-not-json", call=call, kind=kind)
    error = _error_in(response)
    lacks = next((name for name in _ERROR_FIELDS if name not in error), None)
    for name in ("message", "type"):
        if lacks is None and not (isinstance(error[name], str) and error[name]):
            lacks = name
    if lacks:
        raise Wrong("error-lacks", call=call, field=f"error.{lacks}")
    return error


def of_status(error: openai.APIStatusError) -> Wrong:
    """Return the verdict on a call that was refused and should not have been."""
    return Wrong("status", **_told(error.response), wanted="200")


def call_of(response: httpx2.Response) -> str:
    """Return method and path of the call that was answered."""
    return f"{response.request.method} {response.request.url.path}"


def _told(response: httpx2.Response) -> dict[str, object]:
    words = _error_in(response).get("message") or response.text or "–"
    return {"call": call_of(response), "status": response.status_code, "words": words}


def _error_in(response: httpx2.Response) -> Mapping[str, object]:
    try:
        told = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    error = told.get("error") if isinstance(told, dict) else None
    return error if isinstance(error, dict) else {}


def _shown(value: object) -> str:
    """Return a value as a detail shows it: one line, no secret, nothing that moves a terminal."""
    words = short(value if isinstance(value, str) and value else repr(value))
    words = words if words.isprintable() else repr(words)[1:-1]
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def _words(statuses: tuple[int, ...]) -> str:
    return " | ".join(map(str, statuses))
