"""Errors: the protocol's error object, whatever is wrong with a call."""

from __future__ import annotations

from merlin.adapters.conformance.check import check
from merlin.adapters.conformance.jobs import created
from merlin.adapters.conformance.server import Server
from merlin.adapters.conformance.verdict import BAD, GONE, Missing, error_object, holds

_NO_ENTRY = (401,)
_OK = 200
_WRONG_KEY = "sk-merlin-wrong-key"


def _entry(server: Server, headers: dict[str, str]) -> None:
    """Raise Wrong unless a call with these headers is refused; Missing where no key is needed."""
    if not server.has_key:
        raise Missing("no-key")
    others: list[dict[str, str]] = [{}, {"Authorization": f"Bearer {_WRONG_KEY}"}]
    answers = [server.call("GET", "/models", headers=each) for each in others]
    if all(answer.status_code == _OK for answer in answers):
        raise Missing("open")
    error_object(answers[others.index(headers)], _NO_ENTRY)


@check("errors.no_key")
def no_key(server: Server) -> None:
    """Prove that a call without a key is 401."""
    _entry(server, {})


@check("errors.wrong_key")
def wrong_key(server: Server) -> None:
    """Prove that a call with a wrong key is 401."""
    _entry(server, {"Authorization": f"Bearer {_WRONG_KEY}"})


@check("errors.unknown_call")
def unknown_call(server: Server) -> None:
    """Prove that a call that there is not is 404 with an error object, not a page."""
    error_object(server.call("GET", "/no-such-call-of-merlin"), GONE)


@check("errors.not_json")
def not_json(server: Server) -> None:
    """Prove that a body that is not JSON is refused with an error object."""
    headers = {**server.headers(), "Content-Type": "application/json"}
    answer = server.call("POST", "/chat/completions", content=b"{not json", headers=headers)
    if answer.status_code in GONE:
        raise Missing("absent", call="POST /chat/completions", status=answer.status_code)
    error_object(answer, BAD)


@check("errors.param", created)
def param(server: Server, _job: object) -> None:
    """Prove that a job without its file is refused, and the error names the field."""
    answer = server.call("POST", "/fine_tuning/jobs", json={"model": server.model})
    error = error_object(answer, BAD)
    told = f"{error['param']} {error['message']}"
    holds("training_file" in told, "error.param", error["param"], "training_file")
