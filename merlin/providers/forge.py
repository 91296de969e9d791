"""Commit statuses on GitHub, GitLab and Gitea (Forgejo): one API call per status.

Source: docs.github.com/rest/commits/statuses; docs.gitlab.com/api/commits, "Set commit pipeline
status"; Gitea's API, `POST /repos/{owner}/{repo}/statuses/{sha}`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote

import httpx2

from merlin.core.errors import MerlinError, Refused
from merlin.core.i18n import cut
from merlin.core.json_fields import parse_object
from merlin.openai_protocol.errors import one_line, retry_after_s
from merlin.providers.http import build_http_client

ANSWER_S = 15.0
MAX_REASON_LENGTH = 200


# The state of a commit status, by GitHub's names.
ForgeState = Literal["pending", "success", "failure", "error"]


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """One status of a commit; the forge shows the newest of each context."""

    context: str
    state: ForgeState
    description: str
    target_url: str = ""


class ForgeUnavailable(MerlinError):
    """The forge cannot be reached or is overloaded; the call may be repeated after `pause_s`."""

    def __init__(self, url: str, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(f"{url}: {reason}", "forge-away", url=url, reason=reason)
        self.pause_s = pause_s


class ForgeDenied(MerlinError):
    """The token or the project is unknown, or the token must not write statuses."""


@dataclass(frozen=True, slots=True)
class _Dialect:
    """The API of one kind of forge; `max_description` is in characters."""

    projects: str
    header: str
    token: str
    max_description: int
    state_names: Mapping[ForgeState, str] = field(default_factory=dict)


_DIALECTS = {
    "github": _Dialect("repos", "Authorization", "Bearer {}", 140),
    "gitlab": _Dialect(
        "projects", "PRIVATE-TOKEN", "{}", 255, {"failure": "failed", "error": "failed"}
    ),
    "gitea": _Dialect("repos", "Authorization", "token {}", 255),
}
# GitLab's error when the commit has this state already.
_ALREADY = "Cannot transition status"


class Forge:
    """One project on a forge: `kind` is github, gitlab or gitea, `url` that of its API."""

    def __init__(self, kind: str, url: str, project: str, token: str) -> None:
        dialect = _DIALECTS[kind]
        # GitLab expects the project's path as one URL-encoded segment.
        part = quote(project, safe="" if kind == "gitlab" else "/")
        self._dialect = dialect
        self._token = token
        self.project = project
        self.url = f"{url.rstrip('/')}/{dialect.projects}/{part}"
        self._http = build_http_client(url, ANSWER_S, keep=1)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def check(self) -> None:
        """Check that the project is accessible. Raises ForgeUnavailable, ForgeDenied."""
        self._call("GET", self.url)

    def set_status(self, commit: str, status: CommitStatus) -> None:
        """Set a status of a commit; repeating the call has no further effect.

        Raises ForgeUnavailable, ForgeDenied, and Refused if only this status is rejected.
        """
        values = {
            "state": self._dialect.state_names.get(status.state, status.state),
            "context": status.context,
            "description": cut(status.description, self._dialect.max_description),
        }
        if status.target_url:
            values["target_url"] = status.target_url
        self._call("POST", f"{self.url}/statuses/{commit}", values)

    def _call(
        self, method: str, url: str, values: Mapping[str, str] | None = None
    ) -> None:
        headers = {self._dialect.header: self._dialect.token.format(self._token)}
        try:
            answer = self._http.request(method, url, json=values, headers=headers)
        except (
            httpx2.HTTPError,
            httpx2.InvalidURL,
            httpx2.StreamError,
            ValueError,
        ) as error:
            words = f"{type(error).__name__} {error}".replace(self._token, "[hidden]")
            raise ForgeUnavailable(self.url, one_line(words)) from None
        reason = _error_text(answer)
        if answer.is_success or _ALREADY in reason:
            return
        raise self._error(answer, f"{answer.status_code} {reason}")

    def _error(self, answer: httpx2.Response, reason: str) -> MerlinError:
        code = answer.status_code
        pause_s = retry_after_s(answer.headers)
        is_spent = (
            pause_s is not None or answer.headers.get("x-ratelimit-remaining") == "0"
        )
        is_busy = code in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
        if is_spent or is_busy or code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ForgeUnavailable(self.url, reason, pause_s or 0.0)
        arguments = {"project": self.project, "url": self.url, "reason": reason}
        # A renamed project is answered with a redirect; following it would forward the token.
        denials = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
        if code in denials or answer.is_redirect:
            return ForgeDenied(f"{self.url}: {reason}", "forge-denied", **arguments)
        return Refused(f"{self.url}: {reason}", "forge-refused", **arguments)


def _error_text(answer: httpx2.Response) -> str:
    """Return the error message of a response in one line, "" for a success."""
    if answer.is_success:
        return ""
    try:
        body = parse_object(answer.content)
    except ValueError:
        body = {}
    words = body.get("message") or body.get("error") or ""
    plain = words if isinstance(words, str) else json.dumps(words, ensure_ascii=False)
    return one_line(plain)[:MAX_REASON_LENGTH] or answer.reason_phrase
