"""Files, jobs, models and complete answers through the `openai` package.

    not sent (no connection, unknown host)            ProviderBusy
    sent, then a timeout or reset                     ProviderUnknown if it creates, else Busy
    error response                                    see `openai_protocol.errors`

`provider_errors` converts all exceptions of `openai` and `httpx2`. One call is one request: the
SDK's retries are disabled, because it also repeats creating calls, and each repeat is a paid job.
Responses are parsed from their JSON, because the SDK's classes accept values of wrong types.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeVar

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
from merlin.openai_protocol.errors import (
    InvalidResponse,
    Json,
    error_of_object,
    error_of_status,
    json_object,
    one_line,
)
from merlin.providers import openai_objects
from merlin.providers.base import (
    ANSWER_TOTAL_S,
    ENDLESS_LIST,
    LAUNCH_KEY,
    Answer,
    Checkpoint,
    JobEvent,
    JobReport,
    ModelCard,
    NewJob,
    StoredFile,
)
from merlin.providers.http import build_http_client, build_timeout
from merlin.providers.openai_objects import (
    build_messages,
    find_refused_parameter,
    read_rows,
)

# Imported at the first call: 24 MB, which a daemon without models saves.
if TYPE_CHECKING:
    import openai
    from openai.resources.files import FilesWithRawResponse
    from openai.resources.fine_tuning.jobs.jobs import JobsWithRawResponse

_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
)
_NEVER_SENDABLE = (
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
)


@contextmanager
def provider_errors(*, creates: bool = False) -> Iterator[None]:
    """Convert every exception of a call to a provider into ProviderError or a subclass.

    `creates`: the call is not idempotent; an unclear outcome raises ProviderUnknown.
    """
    import openai  # noqa: PLC0415 - see above

    unsure = ProviderUnknown if creates else ProviderBusy
    try:
        yield
    except openai.APIStatusError as error:
        headers = error.response.headers
        path = error.request.url.path
        raise error_of_status(
            error.status_code, headers, error.body, path, unsure
        ) from error
    except openai.APIConnectionError as error:
        raise _connection_error(error.__cause__ or error, unsure) from error
    except openai.APIError as error:
        raise error_of_object(error.body, unsure, error.message) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise _connection_error(error, unsure) from error
    except TimeoutError as error:
        raise unsure("the provider took too long") from error
    except (InvalidResponse, UnicodeDecodeError, RecursionError) as error:
        words = f"the provider's answer is unreadable: {one_line(str(error))}"
        raise unsure(words, status=getattr(error, "status", 0)) from error
    except (openai.OpenAIError, UnicodeEncodeError) as error:
        raise ProviderError(
            f"the call cannot be sent: {one_line(str(error))}"
        ) from error


def _connection_error(
    cause: BaseException, unsure: type[ProviderBusy]
) -> ProviderError:
    text = one_line(f"{type(cause).__name__} {cause}".strip())
    if isinstance(cause, _NEVER_SENDABLE):
        return ProviderError(f"the call cannot be sent: {text}")
    if isinstance(cause, _NEVER_SENT):
        return ProviderBusy(
            f"the provider cannot be reached: {text}", reason="unreached"
        )
    return unsure(f"the connection to the provider broke: {text}", reason="broken")


class ProviderAccount:
    """One account at one server, with the package's client, which is made at the first call."""

    def __init__(
        self,
        base_url: str,
        credential: str,
        total_s: float,
        keep: int,
        api_version: str = "",
    ) -> None:
        """Every call ends within `total_s`; `keep`: idle connections kept.

        `api_version` is that of Azure's dated API: key and paths are those of its own client.

        With `keep` 0 no request uses a connection that the server has closed meanwhile, an error
        that cannot be distinguished from a completed request.
        """
        self._base_url = base_url
        self._credential = credential
        self._total_s = total_s
        self._keep = keep
        self._api_version = api_version
        self._made: openai.OpenAI | None = None
        self._lock = Lock()

    @property
    def _client(self) -> openai.OpenAI:
        import openai  # noqa: PLC0415 - see above

        with self._lock:
            make = partial(openai.AzureOpenAI, api_version=self._api_version)
            self._made = self._made or (make if self._api_version else openai.OpenAI)(
                base_url=self._base_url,
                api_key=self._credential or "none",
                max_retries=0,
                timeout=build_timeout(self._total_s),
                http_client=build_http_client(
                    self._base_url, self._total_s, self._keep
                ),
            )
            return self._made

    def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            self._made.close()


# Of one walk through a list. A server whose pages all have new ids and `has_more: true` would hold
# up the jobs of every provider; the longest real lists, events of a day's training, have 900 pages.
MAX_PAGES = 1_000
MAX_LIST_S = 60.0


_IDLE_CONNECTIONS = 4


class OpenAIModelClient(ProviderAccount):
    """A client for complete (not streamed) answers of one account at one server."""

    def __init__(
        self,
        base_url: str,
        credential: str,
        sampling: SamplingParams = DEFAULT_SAMPLING,
        api_version: str = "",
    ) -> None:
        """Take one entry of `providers`, and the sampling parameters of every request.

        If the server rejects `response_format`, requests are sent without it.
        """
        super().__init__(
            base_url, credential, ANSWER_TOTAL_S, _IDLE_CONNECTIONS, api_version
        )
        self._parameters = sampling.request_fields()

    def ask(
        self, model_id: str, messages: Sequence[Message], timeout_s: float = 60.0
    ) -> Answer:
        """Return the complete answer within `timeout_s` seconds.

        Raises ProviderUnknown if the answer may have been generated, and charged for.
        """
        sampling = self._parameters
        try:
            with provider_errors(creates=True):
                # Not `chat.completions.create`: checking its types takes as long as the call, and a
                # model is asked hundreds of questions before it serves.
                raw = self._client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    body={
                        "model": model_id,
                        "messages": build_messages(messages),
                        **sampling,
                    },
                    # The response arrives all at once: no read timeout before `timeout_s`.
                    options={"timeout": build_timeout(timeout_s, between_s=timeout_s)},
                )
                return openai_objects.parse_answer(json_object(raw.content))
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


_JOBS_PER_PAGE = 100
_UNSUPPORTED = frozenset({404, 405, 501})
_LONG_AGO = datetime.fromtimestamp(0, UTC)
T = TypeVar("T")


class OpenAIProvider(ProviderAccount):
    """Files, jobs and models of one account at one server.

    Every method raises ProviderError if a retry is useless, ProviderBusy if a retry may succeed,
    and ProviderUnknown if it is unclear whether the call was carried out. No call that creates or
    changes something is repeated.
    """

    def __init__(
        self,
        base_url: str,
        credential: str,
        timeout_s: float = 60.0,
        api_version: str = "",
        max_pages: int = MAX_PAGES,
        list_s: float = MAX_LIST_S,
        retries: int = 0,
    ) -> None:
        """Take one entry of `providers` in config.yaml; no call is made yet.

        `timeout_s` limits one call; an upload has ten minutes. `max_pages` and `list_s` seconds
        limit one walk through a list. A call that lists or downloads is tried `retries` times
        more, after the time that the server asks for: by openai's client.
        """
        super().__init__(base_url, credential, timeout_s, 0, api_version)
        self.max_pages = max_pages
        self._list_s = list_s
        self._retries = retries

    @property
    def _reader(self) -> openai.OpenAI:
        """Return the client of calls that only read."""
        if not self._retries:
            return self._client
        return self._client.with_options(max_retries=self._retries)

    @property
    def _files(self) -> FilesWithRawResponse:
        return self._client.files.with_raw_response

    @property
    def _jobs(self) -> JobsWithRawResponse:
        return self._client.fine_tuning.jobs.with_raw_response

    def upload_file(self, name: str, path: Path) -> str:
        """Store the file at `path` under `name`, purpose fine-tune; return its id."""
        # The name contains the content's digest, and characters that are invalid in a header.
        key = hashlib.sha256(name.encode()).hexdigest()[:32]
        with path.open("rb") as content, provider_errors(creates=True):
            raw = self._files.create(
                file=(name, content, "application/jsonl"),
                purpose=PURPOSE,
                extra_headers={"Idempotency-Key": key},
                timeout=build_timeout(UPLOAD_S),
            )
            return openai_objects.require_text(json_object(raw.content), "id")

    def _read_pages(self, ask: Callable[..., Any]) -> Iterator[list[Json]]:
        """Yield the pages of a listing call; `extra_query` is the cursor from the second page on.

        Also stops when a server ignores `after` and sends the same page again. Raises ProviderBusy
        with the code ENDLESS_LIST above the limits.
        """
        seen: set[str] = set()
        cursor: dict[str, str] = {}
        ends_at = time.monotonic() + self._list_s
        while True:
            answer = ask(extra_query=cursor)
            page = json_object(answer.content)
            page_rows = read_rows(page)
            yield page_rows
            last = page_rows[-1].get("id") if page_rows else None
            if (
                page.get("has_more") is not True
                or not isinstance(last, str)
                or last in seen
            ):
                return
            seen.add(last)
            if len(seen) >= self.max_pages or time.monotonic() >= ends_at:
                what = (
                    f"{answer.url.path} has no end: {len(seen)} pages of it were read"
                )
                raise ProviderBusy(f"the list {what}", code=ENDLESS_LIST)
            cursor = {"after": last}

    def find_files(self, name: str) -> list[str]:
        """Return the ids of the stored files of exactly this name, oldest first."""
        return [file.file_id for file in self.list_files() if file.name == name]

    def list_files(self) -> list[StoredFile]:
        """Return the stored files of purpose fine-tune, oldest first."""
        listed = self._read_pages(
            partial(
                self._reader.files.with_raw_response.list,
                purpose=PURPOSE,
                limit=_FILES_PER_PAGE,
            )
        )
        with provider_errors():
            stored = [
                openai_objects.parse_file(row)
                for page in listed
                for row in page
                if row.get("purpose", PURPOSE) == PURPOSE
                and isinstance(row.get("id"), str)
            ]
        now = utc_now()
        return sorted(stored, key=lambda file: (file.created_at or now, file.file_id))

    def read_file(self, file_id: str) -> bytes:
        """Return the bytes of a stored file."""
        with provider_errors():
            files = self._reader.files.with_raw_response
            return files.content(file_id, timeout=build_timeout(UPLOAD_S)).content

    def delete_file(self, file_id: str) -> None:
        """Remove a stored file; no error if it does not exist."""
        with ignore_missing():
            self._files.delete(file_id)

    def create_job(self, new_job: NewJob) -> JobReport:
        """Start a job. Also sends the launch key as Idempotency-Key, where servers support it."""
        import openai  # noqa: PLC0415 - see above

        settings = (
            {"hyperparameters": new_job.hyperparameters}
            if new_job.hyperparameters
            else {}
        )
        method = {"type": new_job.method, new_job.method: settings}
        with provider_errors(creates=True):
            raw = self._jobs.create(
                model=new_job.base_model,
                training_file=new_job.train_file,
                validation_file=new_job.test_file or openai.omit,
                suffix=new_job.suffix or openai.omit,
                metadata=dict(new_job.metadata),
                extra_headers={"Idempotency-Key": new_job.metadata[LAUNCH_KEY]},
                extra_body={"method": method},
            )
            return openai_objects.parse_job(json_object(raw.content))

    def find_jobs(self, launch_key: str) -> list[JobReport]:
        """Return the jobs whose metadata contains `launch_key`, oldest first.

        Also filters on the client: some servers ignore the filter.
        """
        wanted = {LAUNCH_KEY: launch_key}
        listed = self._read_pages(
            partial(self._jobs.list, limit=_JOBS_PER_PAGE, metadata=wanted)
        )
        with provider_errors():
            reports = [
                openai_objects.parse_job(row)
                for page in listed
                for row in page
                if openai_objects.parse_metadata(row).get(LAUNCH_KEY) == launch_key
            ]
        return sorted(
            reports, key=lambda job: (job.created_at or _LONG_AGO, job.provider_job_id)
        )

    def list_jobs(self) -> list[JobReport]:
        """Return all jobs of the account, newest first."""
        jobs = self._reader.fine_tuning.jobs.with_raw_response
        listed = self._read_pages(partial(jobs.list, limit=_JOBS_PER_PAGE))
        with provider_errors():
            return [openai_objects.parse_job(row) for page in listed for row in page]

    def read_job(self, provider_job_id: str) -> JobReport:
        """Return the current state of the job."""
        with provider_errors():
            return _parse_job_of(
                self._jobs.retrieve(provider_job_id).content, provider_job_id
            )

    def cancel_job(self, provider_job_id: str) -> JobReport:
        """Cancel the job; return its state afterwards."""
        with provider_errors():
            return _parse_job_of(
                self._jobs.cancel(provider_job_id).content, provider_job_id
            )

    def list_events(
        self, provider_job_id: str, known: frozenset[str]
    ) -> list[JobEvent]:
        """Return the events not in `known`, oldest first; none if the server has no event log."""
        listed = self._read_pages(
            partial(self._jobs.list_events, provider_job_id, limit=_JOBS_PER_PAGE)
        )
        return read_if_supported(lambda: _read_new_events(listed, known))

    def list_checkpoints(self, provider_job_id: str) -> list[Checkpoint]:
        """Return the checkpoints by step; none if the server keeps none."""
        listed = self._read_pages(
            partial(self._jobs.checkpoints.list, provider_job_id, limit=_JOBS_PER_PAGE)
        )
        checkpoints = read_if_supported(
            lambda: [
                openai_objects.parse_checkpoint(row) for page in listed for row in page
            ]
        )
        return sorted(checkpoints, key=lambda checkpoint: checkpoint.step)

    def models(self) -> list[ModelCard]:
        """Return the models in the provider's own order."""
        with provider_errors():
            listed = json_object(self._reader.models.with_raw_response.list().content)
            rows = openai_objects.read_rows(listed)
            return openai_objects.parse_models(rows)

    def delete_model(self, model_id: str) -> None:
        """Remove a tuned model or a checkpoint; no error if it does not exist."""
        with ignore_missing():
            self._client.models.with_raw_response.delete(model_id)


def _parse_job_of(content: bytes, provider_job_id: str) -> JobReport:
    """Parse a job. Raises InvalidResponse if it is another one, whose model would be taken."""
    report = openai_objects.parse_job(json_object(content))
    if report.provider_job_id != provider_job_id:
        raise InvalidResponse(f"it is about the job {report.provider_job_id}")
    return report


def _read_new_events(
    listed: Iterable[list[Json]], known: frozenset[str]
) -> list[JobEvent]:
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
