"""Files, jobs, models and complete answers by the OpenAI protocol.

    not sent (no connection, unknown host)            ProviderBusy
    sent, then a timeout or reset                     ProviderUnknown if it creates, else Busy
    error response                                    see `openai_protocol.errors`

`provider_errors` converts all exceptions of `httpx2`. One call is one request: nothing is repeated
here, because each repeat of a creating call is a paid job. The `openai` package is not used: it
would cost the daemon 23 MB, and its classes accept values of wrong types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx2

from merlin.core.clock import utc_now
from merlin.core.errors import ProviderBusy, ProviderError, ProviderUnknown
from merlin.core.messages import (
    DEFAULT_SAMPLING,
    NEW_LIMIT,
    OLD_LIMIT,
    Message,
    SamplingParams,
)
from merlin.openai_protocol.calls import Json, account_headers, json_object
from merlin.openai_protocol.errors import InvalidResponse, error_in, error_of_status, one_line
from merlin.providers import openai_objects
from merlin.providers.base import (
    ANSWER_TOTAL_S,
    LAUNCH_KEY,
    Answer,
    Checkpoint,
    JobEvent,
    JobReport,
    ModelCard,
    NewJob,
)
from merlin.providers.http import build_http_client, build_timeout
from merlin.providers.openai_objects import build_messages, find_refused_parameter, read_rows

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_NEVER_SENDABLE = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL)


@contextmanager
def provider_errors(*, creates: bool = False) -> Iterator[None]:
    """Convert every exception of a call to a provider into ProviderError or a subclass.

    `creates`: the call is not idempotent; an unclear outcome raises ProviderUnknown.
    """
    unsure = ProviderUnknown if creates else ProviderBusy
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise _connection_error(error, unsure) from error
    except TimeoutError as error:
        raise unsure("the provider took too long") from error
    except (InvalidResponse, UnicodeDecodeError, RecursionError) as error:
        raise unsure(f"the provider's answer is unreadable: {one_line(str(error))}") from error
    except UnicodeEncodeError as error:
        raise ProviderError(f"the call cannot be sent: {one_line(str(error))}") from error


def _connection_error(cause: BaseException, unsure: type[ProviderBusy]) -> ProviderError:
    text = one_line(f"{type(cause).__name__} {cause}".strip())
    if isinstance(cause, _NEVER_SENDABLE):
        return ProviderError(f"the call cannot be sent: {text}")
    if isinstance(cause, _NEVER_SENT):
        return ProviderBusy(f"the provider cannot be reached: {text}")
    return unsure(f"the connection to the provider broke: {text}")


class ProviderClient:
    """Sends requests to one account at one server; every call ends within a total time."""

    def __init__(
        self, base_url: str, headers: Mapping[str, str], total_s: float, keep: int = 0
    ) -> None:
        """Take the headers of every request; `keep`: idle connections kept.

        With `keep` 0 no request uses a connection that the server has closed meanwhile, an error
        that cannot be distinguished from a completed request.
        """
        self._root, self._headers = base_url.rstrip("/"), dict(headers)
        self._http = build_http_client(base_url, total_s, keep)

    def send(
        self,
        verb: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        creates: bool = False,
        **content: Any,
    ) -> bytes:
        """Return the response's body; `content` is the request's, in httpx's arguments.

        Raises ProviderError for any failure, see `provider_errors`.
        """
        with provider_errors(creates=creates):
            response = self._http.request(
                verb,
                self._root + path,
                params=query,
                headers={**self._headers, **(headers or {})},
                **content,
            )
            if not response.is_success:
                unsure = ProviderUnknown if creates else ProviderBusy
                error = error_in(response.content)
                raise error_of_status(response.status_code, response.headers, error, path, unsure)
            return response.content

    def read(
        self, verb: str, path: str, query: Mapping[str, Any] | None = None, **request: Any
    ) -> Json:
        """Return the response's JSON object; takes and raises what `send` does."""
        with provider_errors(creates=request.get("creates", False)):
            return json_object(self.send(verb, path, query, **request))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


MAX_PAGES = 1000


# Asks for one page, given the part of the query that selects it.
Listing = Callable[[Mapping[str, Any]], Json]


def read_pages(ask: Listing) -> Iterator[list[Json]]:
    """Yield the pages that `ask` returns; it is given the cursor from the second page on.

    Also stops when a server ignores `after` and sends the same page again. Raises
    InvalidResponse after MAX_PAGES pages: an unread row must not count as missing.
    """
    seen: set[str] = set()
    cursor: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        page = ask(cursor)
        page_rows = read_rows(page)
        yield page_rows
        last = page_rows[-1].get("id") if page_rows else None
        if page.get("has_more") is not True or not isinstance(last, str) or last in seen:
            return
        seen.add(last)
        cursor = {"after": last}
    raise InvalidResponse("the list has no end")


_IDLE_CONNECTIONS = 4


class OpenAIAsker:
    """A client for complete (not streamed) answers of one account at one server."""

    def __init__(
        self,
        base_url: str,
        credential: str,
        sampling: SamplingParams = DEFAULT_SAMPLING,
        project: str = "",
    ) -> None:
        """Take one entry of `providers`, and the sampling parameters of every request.

        If the server rejects `response_format`, requests are sent without it.
        """
        self._client = ProviderClient(
            base_url, account_headers(credential, project), ANSWER_TOTAL_S, _IDLE_CONNECTIONS
        )
        self._parameters = sampling.request_fields()

    def ask(self, model_id: str, messages: Sequence[Message], timeout_s: float = 60.0) -> Answer:
        """Return the complete answer within `timeout_s` seconds.

        Raises ProviderUnknown if the answer may have been generated, and charged for.
        """
        sampling = self._parameters
        try:
            return self._ask(model_id, messages, sampling, timeout_s)
        except ProviderError as error:
            refused = find_refused_parameter(error, sampling)
            accepted = dict(sampling)
            if refused and refused.field == OLD_LIMIT and NEW_LIMIT in str(refused):
                accepted[NEW_LIMIT] = accepted.pop(OLD_LIMIT, None)
            elif refused:
                accepted.pop("response_format", None)
            if refused is None or accepted.keys() == sampling.keys():
                raise
        self._parameters = accepted
        return self.ask(model_id, messages, timeout_s)

    def _ask(
        self, model_id: str, messages: Sequence[Message], sampling: Json, timeout_s: float
    ) -> Answer:
        answer = self._client.read(
            "POST",
            "/chat/completions",
            json={"messages": build_messages(messages), "model": model_id, **sampling},
            # The response arrives all at once: no read timeout before `timeout_s`.
            timeout=build_timeout(timeout_s, between_s=timeout_s),
            creates=True,
        )
        with provider_errors(creates=True):
            return openai_objects.parse_answer(answer)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


PURPOSE: Literal["fine-tune"] = "fine-tune"
UPLOAD_S = 600.0
_FILES_PER_PAGE = 1000
_NOT_FOUND = 404


@contextmanager
def ignore_missing() -> Iterator[None]:
    """Ignore a 404: the object is deleted already."""
    try:
        with provider_errors():
            yield
    except ProviderError as refusal:
        if refusal.status != _NOT_FOUND:
            raise


# "toplevel": hyperparameters beside `model`, the only form that some servers accept (Nebius).
Dialect = Literal["openai", "toplevel"]
_JOBS, _JOBS_PER_PAGE = "/fine_tuning/jobs", 100
_UNSUPPORTED = frozenset({404, 405, 501})
_LONG_AGO = datetime.fromtimestamp(0, UTC)
T = TypeVar("T")


class OpenAIProvider:
    """The TrainingApi of one account at one server."""

    def __init__(
        self,
        base_url: str,
        credential: str,
        dialect: Dialect = "openai",
        timeout_s: float = 60.0,
        language: str = "",
    ) -> None:
        """Take one entry of `providers` in config.yaml; no call is made yet.

        `timeout_s` limits one call; an upload has ten minutes. `language` is the language of
        failure reasons, "" for the server's default.
        """
        self._client = ProviderClient(
            base_url, account_headers(credential, language=language), timeout_s
        )
        self._dialect = dialect

    def upload_file(self, name: str, path: Path) -> str:
        # The name contains the content's digest, and characters that are invalid in a header.
        key = hashlib.sha256(name.encode()).hexdigest()[:32]
        with path.open("rb") as content, provider_errors(creates=True):
            stored = self._client.read(
                "POST",
                "/files",
                files={"file": (name, content, "application/jsonl")},
                data={"purpose": PURPOSE},
                headers={"Idempotency-Key": key},
                timeout=build_timeout(UPLOAD_S),
                creates=True,
            )
            return openai_objects.require_text(stored, "id")

    def find_files(self, name: str) -> list[str]:
        listed = self._pages(self._list("/files", purpose=PURPOSE, limit=_FILES_PER_PAGE))
        with provider_errors():
            stored = [
                (
                    openai_objects.parse_timestamp(row, "created_at") or utc_now(),
                    openai_objects.require_text(row, "id"),
                )
                for page in listed
                for row in page
                if row.get("filename") == name and row.get("purpose", PURPOSE) == PURPOSE
            ]
        return [file_id for _, file_id in sorted(stored)]

    def delete_file(self, file_id: str) -> None:
        with ignore_missing():
            self._client.send("DELETE", f"/files/{_segment(file_id)}")

    def create_job(self, new_job: NewJob) -> JobReport:
        optional = {"validation_file": new_job.test_file, "suffix": new_job.suffix}
        body = {
            "model": new_job.base_model,
            "training_file": new_job.train_file,
            **{name: value for name, value in optional.items() if value},
            "metadata": dict(new_job.metadata),
            **self._method_fields(new_job.method, dict(new_job.hyperparameters)),
        }
        return self._create_job(body, {"Idempotency-Key": new_job.metadata[LAUNCH_KEY]})

    def _create_job(self, body: Json, headers: Mapping[str, str] | None = None) -> JobReport:
        created = self._client.read("POST", _JOBS, json=body, headers=headers, creates=True)
        with provider_errors(creates=True):
            return self._report(created)

    def _method_fields(self, method: str, hyperparameters: dict[str, object]) -> dict[str, object]:
        block = {"hyperparameters": hyperparameters} if hyperparameters else {}
        if self._dialect == "openai":
            return {"method": {"type": method, method: block}}
        return {**({} if method == "supervised" else {"method": {"type": method}}), **block}

    def find_jobs(self, launch_key: str) -> list[JobReport]:
        return self._find_jobs(
            lambda row: openai_objects.parse_metadata(row).get(LAUNCH_KEY) == launch_key,
            {"limit": _JOBS_PER_PAGE, f"metadata[{LAUNCH_KEY}]": launch_key},
        )

    def _find_jobs(
        self, is_ours: Callable[[Json], bool], filters: Mapping[str, Any]
    ) -> list[JobReport]:
        with provider_errors():
            reports = [
                self._report(row)
                for page in self._pages(self._list(_JOBS, **filters))
                for row in page
                if is_ours(row)
            ]
        return sorted(reports, key=lambda job: (job.created_at or _LONG_AGO, job.provider_job_id))

    def read_job(self, provider_job_id: str) -> JobReport:
        with provider_errors():
            return self._report(self._read(provider_job_id))

    def cancel_job(self, provider_job_id: str) -> JobReport:
        with provider_errors():
            return self._report(self._client.read("POST", f"{_job_path(provider_job_id)}/cancel"))

    def _read(self, provider_job_id: str) -> Json:
        return self._client.read("GET", _job_path(provider_job_id))

    def _list(self, path: str, **query: Any) -> Listing:
        return lambda page: self._client.read("GET", path, {**query, **page})

    # Overridden for servers with another API.

    def _pages(self, ask: Listing) -> Iterator[list[Json]]:
        return read_pages(ask)

    def _report(self, raw: Json) -> JobReport:
        return openai_objects.parse_job(raw)

    def _card(self, raw: Json) -> ModelCard:
        return openai_objects.parse_model_card(raw)

    def list_events(self, provider_job_id: str, known: frozenset[str]) -> list[JobEvent]:
        """Return new events; none if the server has no event log."""
        path = f"{_job_path(provider_job_id)}/events"
        listed = read_pages(self._list(path, limit=_JOBS_PER_PAGE))
        return read_if_supported(lambda: _read_new_events(listed, known))

    def list_checkpoints(self, provider_job_id: str) -> list[Checkpoint]:
        """Return the checkpoints by step; none if the server keeps none."""
        path = f"{_job_path(provider_job_id)}/checkpoints"
        listed = read_pages(self._list(path, limit=_JOBS_PER_PAGE))
        checkpoints = read_if_supported(
            lambda: [openai_objects.parse_checkpoint(row) for page in listed for row in page]
        )
        return sorted(checkpoints, key=lambda checkpoint: checkpoint.step)

    def models(self) -> list[ModelCard]:
        with provider_errors():
            listed = self._client.read("GET", "/models")
            return [self._card(row) for row in openai_objects.read_rows(listed)]

    def delete_model(self, model_id: str) -> None:
        with ignore_missing():
            self._client.send("DELETE", f"/models/{_segment(model_id)}")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _segment(name: str) -> str:
    """Return a name as one segment of a path."""
    return quote(name, safe=":")


def _job_path(provider_job_id: str) -> str:
    return f"{_JOBS}/{_segment(provider_job_id)}"


def _read_new_events(listed: Iterable[list[Json]], known: frozenset[str]) -> list[JobEvent]:
    """Return new events by time, from the pages up to the first one with a known event."""
    new: list[JobEvent] = []
    for page in listed:
        events = [openai_objects.parse_job_event(row) for row in page]
        new += [event for event in events if event.event_id not in known]
        if any(event.event_id in known for event in events):
            break
    # Timestamps have whole seconds; within one, the server's order is newest first.
    new.reverse()
    return sorted(new, key=lambda event: event.at)


def read_if_supported(read: Callable[[], list[T]]) -> list[T]:
    """Return the rows, none if the server has no such endpoint. Raises ProviderError."""
    try:
        with provider_errors():
            return read()
    except ProviderError as refusal:
        if refusal.status in _UNSUPPORTED:
            return []
        raise
