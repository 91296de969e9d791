"""The checks of `merlin provider test`: whether Merlin can use a server, by Merlin's own clients.

A check that returns has passed. It raises Missing for what Merlin can do without, Deviation for an
answer that it cannot use, or the client's ProviderError.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple

from merlin.core.errors import (
    ModelGone,
    ModelUnapplied,
    ProviderBusy,
    ProviderError,
    Refused,
)
from merlin.core.log import hide_secrets
from merlin.core.messages import Message, SamplingParams
from merlin.openai_protocol.errors import NO_MODEL, UNSUPPORTED, one_line
from merlin.providers.base import (
    LAUNCH_KEY,
    NOT_COUNTED,
    UNAUTHORISED,
    Answer,
    JobReport,
    NewJob,
    is_account_rejected,
)
from merlin.providers.openai_chat import OpenAIChat
from merlin.providers.openai_training import OpenAIModelClient, OpenAIProvider
from merlin.training.jobs import FINAL, JobState, state_of
from merlin.training.models import AppliedProof
from merlin.training.prove import SHORT, compare_with_base
from merlin.training.scores import EvaluationQuestion

PASSED = "passed"
FAILED = "failed"
MISSING = "missing"
_NOT_FOUND = 404
_ABSENT = (404, 405, 501)
_FORBIDDEN = (401, 403)
_SERVER = 500
_NO_JOB = "ftjob-0000000000000000deadbeef"
_UNKNOWN = "no-such-model-of-merlin"
_QUESTION = (Message("user", "Назови по порядку дни недели."),)
# A base model (SmolLM2 behind vLLM 0.32.0) may write until its window is full.
_BRIEF = SamplingParams(most_tokens=32)
# A replacement character; UTF-8 decoded as Latin-1 or as Windows-1251.
_BROKEN = re.compile(
    "\ufffd|[\u00d0\u00d1][\u0080-\u00bf]|\u0420[\u00b0\u00b1\u00b5\u00b6]"
)
# OpenAI accepts at least 10 examples. The long job must be under way when it is cancelled.
_FEW = 12
_MANY = 200
_EPOCHS = 2
LONG_EPOCHS = 30
_MAX_BASES = 10


class Deviation(Exception):
    """The answer is one that Merlin cannot use: a Fluent message with its arguments."""

    result = FAILED

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(key, arguments)
        self.key = f"provider-test-{key}"
        self.arguments = {
            name: _to_printable(value) for name, value in arguments.items()
        }


class Missing(Deviation):
    """The server lacks something that Merlin can do without."""

    result = MISSING


class CheckOutcome(NamedTuple):
    """The result of one check; `key` is the Fluent key of its detail, "" if there is none."""

    name: str
    result: str = PASSED
    key: str = ""
    arguments: Mapping[str, object] = MappingProxyType({})


class Server:
    """The server under test, and what the checks have made there."""

    file_id = model_id = ""
    job: JobReport

    def __init__(self, base_url: str, key: str, timeout_s: float) -> None:
        """`models` are the bases to try; the first one is asked."""
        self.base_url = base_url
        self.key = key
        self.timeout_s = timeout_s
        self.models: list[str] = []
        self.launch_key = f"merlin-test-{secrets.token_hex(8)}"
        self.api = OpenAIProvider(base_url, key)
        self.client = OpenAIModelClient(base_url, key, _BRIEF)
        self.cleanup: list[Callable[[], object]] = [self.client.close]

    def upload(self, name: str, examples: int) -> str:
        """Upload a training file of this run; return its id."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "train.jsonl"
            path.write_text("".join(_build_examples(examples)), "utf-8")
            file_id = self.api.upload_file(f"{self.launch_key}-{name}.jsonl", path)
        self.cleanup.append(lambda: self.api.delete_file(file_id))
        return file_id

    def launch(
        self, base: str, file_id: str, launch_key: str, epochs: int
    ) -> JobReport:
        """Create a job."""
        metadata = {LAUNCH_KEY: launch_key}
        parameters = {"n_epochs": epochs}
        job = self.api.create_job(
            NewJob(
                base_model=base,
                train_file=file_id,
                test_file=None,
                method="supervised",
                hyperparameters=parameters,
                suffix="merlin-test",
                metadata=metadata,
            )
        )
        self.cleanup.append(lambda: self.api.cancel_job(job.provider_job_id))
        return job

    def wait(self, job: JobReport) -> JobReport:
        """Poll a job to its end and return it. Raises Deviation if that takes too long."""
        end = time.monotonic() + self.timeout_s
        pause_s = 0.02
        while state_of(job.status) not in FINAL:
            if time.monotonic() > end:
                raise Deviation("late", found=job.status, seconds=f"{self.timeout_s:g}")
            time.sleep(pause_s)
            pause_s = min(1.3 * pause_s, 5.0)
            job = self.api.read_job(job.provider_job_id)
        return job

    def close(self) -> None:
        """Cancel and delete what the checks have made, newest first."""
        for act in reversed(self.cleanup):
            with suppress(ProviderError):
                act()
        self.api.close()


def connect(url: str, key: str, model: str | None, timeout_s: float) -> Server:
    """Return the server at a base URL.

    Raises ProviderBusy if it cannot be reached; without a `model` also Refused if it lists none or
    refuses the key. `transformers serve` (5.24.0) without a model lists what it has loaded.
    """
    hide_secrets([key])
    server = Server(url.rstrip("/"), key, timeout_s)
    try:
        server.models = [card.model_id for card in server.api.models()]
    except ProviderBusy as error:
        if not model or error.arguments["reason"] == "unreached":
            raise
    except ProviderError as error:
        if not error.status:  # nothing can be sent to this address
            raise Refused("no address", "provider-test-no-server", url=url) from error
        if not model and error.status in _FORBIDDEN:
            raise Refused(
                "the key is refused", "provider-test-key-refused", url=url
            ) from error
    server.models = [model] if model else server.models
    if not server.models:
        raise Refused("no server of the protocol", "provider-test-no-server", url=url)
    return server


def _list_models(server: Server) -> None:
    try:
        names = [card.model_id for card in server.api.models()]
    except ProviderError as error:
        raise Missing("error", words=error) from error
    if server.models[0] not in names:
        raise Missing("unlisted", model=server.models[0], found=names[:3])


def _refuse_wrong_key(server: Server) -> None:
    """Ask with a wrong key: a list of models may be refused to everybody, or be public."""
    if not server.key:
        raise Missing("no-key")
    stranger = OpenAIModelClient(server.base_url, "sk-merlin-wrong-key", _BRIEF)
    server.cleanup.append(stranger.close)
    try:
        stranger.ask(server.models[0], _QUESTION)
    except ProviderError as error:
        _require(is_account_rejected(error), "status", error, UNAUTHORISED)
    else:
        raise Missing("open")


def _ask(server: Server) -> None:
    answer = server.client.ask(server.models[0], _QUESTION)
    _require_text(answer.text, answer.finish_reason)
    counts = answer.usage
    _require(
        counts.input_tokens > 0 and counts.output_tokens > 0, "usage", counts, "> 0"
    )


def _stream(server: Server) -> None:
    async def read() -> list[Answer]:
        chat = OpenAIChat(server.base_url, server.key)
        try:
            return [
                piece
                async for piece in chat.stream(server.models[0], _QUESTION, _BRIEF)
            ]
        finally:
            await chat.aclose()

    pieces = asyncio.run(read())
    reason = next(
        (piece.finish_reason for piece in pieces if piece.finish_reason), None
    )
    _require_text("".join(piece.text for piece in pieces), reason)
    if pieces[-1].usage is NOT_COUNTED:
        raise Missing("unheeded", what="stream_options.include_usage")


def _refuse_unknown_model(server: Server) -> None:
    try:
        answer = server.client.ask(_UNKNOWN, _QUESTION)
    except ModelGone:
        return
    except ProviderError as error:
        if error.status >= _SERVER:  # `transformers serve` 5.24.0 without a model
            raise Missing("model-unclear", words=error) from error
        raise Deviation(
            "not-same", field="error", found=error, wanted=NO_MODEL
        ) from error
    raise Deviation("accepted", wanted=_NOT_FOUND, found=answer.text)


def _upload(server: Server) -> None:
    server.file_id = server.upload("few", _FEW)


def _find_file(server: Server) -> None:
    found = server.api.find_files(f"{server.launch_key}-few.jsonl")
    _require(found == [server.file_id], "data", found, server.file_id)


def _delete_file(server: Server) -> None:
    server.api.delete_file(server.upload("spare", _FEW))
    found = server.api.find_files(f"{server.launch_key}-spare.jsonl")
    _require(found == [], "data", found, "[]")


def _create_job(server: Server) -> None:
    """Create a job on the first base that can be tuned."""
    refusals: list[ProviderError] = []
    for base in server.models[:_MAX_BASES]:
        try:
            server.job = server.launch(base, server.file_id, server.launch_key, _EPOCHS)
        except ProviderBusy:
            raise
        except ProviderError as error:
            refusals.append(error)
        else:
            server.models = [base]
            return
    raise refusals[0]


def _find_job(server: Server) -> None:
    found = [job.provider_job_id for job in server.api.find_jobs(server.launch_key)]
    job_id = server.job.provider_job_id
    if not found:
        raise Missing("unheeded", what="metadata")
    _require(found == [job_id], "data", found, job_id)


def _refuse_unknown_job(server: Server) -> None:
    try:
        server.api.read_job(_NO_JOB)
    except ProviderError as error:
        _require(error.status == _NOT_FOUND, "status", error, _NOT_FOUND)
    else:
        raise Deviation("accepted", wanted=_NOT_FOUND, found=_NO_JOB)


def _complete_job(server: Server) -> None:
    job = server.wait(server.job)
    has_succeeded = state_of(job.status) is JobState.SUCCEEDED
    _require(has_succeeded, "status", f"{job.status} {job.error}", JobState.SUCCEEDED)
    _require(job.model_id, "fine_tuned_model", job.model_id, "!= null")
    server.model_id = str(job.model_id)
    server.cleanup.append(lambda: server.api.delete_model(server.model_id))


def _list_events(server: Server) -> None:
    if not server.api.list_events(server.job.provider_job_id, frozenset()):
        raise Missing("unheeded", what="GET /fine_tuning/jobs/{id}/events")


def _ask_tuned_model(server: Server) -> None:
    answer = server.client.ask(server.model_id, _QUESTION)
    _require_text(answer.text, answer.finish_reason)


def _compare_with_base(server: Server) -> None:
    client = OpenAIModelClient(server.base_url, server.key, SHORT)
    server.cleanup.append(client.close)
    questions = [
        EvaluationQuestion("", (Message("user", question),), answer)
        for question, answer in _list_taught(_FEW)
    ]
    try:
        found = compare_with_base(client, server.model_id, server.models[0], questions)
    except ModelUnapplied as error:
        raise Deviation("unapplied", words=error) from error
    if found is AppliedProof.UNDECIDED:
        raise Missing("undecided")


def _cancel_job(server: Server) -> None:
    file_id = server.upload("many", _MANY)
    job = server.launch(
        server.models[0], file_id, f"{server.launch_key}-long", LONG_EPOCHS
    )
    is_confirmed = False
    with suppress(
        ProviderError
    ):  # it may have ended: its state says whether the cancel worked
        answer = server.api.cancel_job(job.provider_job_id)
        is_confirmed = state_of(answer.status) is JobState.CANCELLED
    job = server.wait(server.api.read_job(job.provider_job_id))
    if state_of(job.status) is JobState.SUCCEEDED and not is_confirmed:
        raise Missing("ended-first", status=job.status)
    _require(
        state_of(job.status) is JobState.CANCELLED,
        "status",
        job.status,
        JobState.CANCELLED,
    )


# By name: the check, and the one without which it does not run.
CHECKS: Mapping[str, tuple[Callable[[Server], None], str]] = {
    "models.list": (_list_models, ""),
    "chat.plain": (_ask, ""),
    "errors.key": (_refuse_wrong_key, "chat.plain"),
    "chat.unknown_model": (_refuse_unknown_model, "chat.plain"),
    "chat.stream": (_stream, "chat.plain"),
    "files.upload": (_upload, ""),
    "files.find": (_find_file, "files.upload"),
    "files.delete": (_delete_file, "files.find"),
    "jobs.create": (_create_job, "files.upload"),
    "jobs.find": (_find_job, "jobs.create"),
    "jobs.unknown": (_refuse_unknown_job, "jobs.create"),
    "jobs.succeed": (_complete_job, "jobs.create"),
    "jobs.events": (_list_events, "jobs.succeed"),
    "jobs.model": (_ask_tuned_model, "jobs.succeed"),
    "jobs.applied": (_compare_with_base, "jobs.model"),
    "jobs.cancel": (_cancel_job, "jobs.create"),
}
# Those that cost no training.
CHAT_CHECKS = tuple(CHECKS)[:5]


def run_checks(
    server: Server, names: Sequence[str], report: Callable[[CheckOutcome], object]
) -> list[CheckOutcome]:
    """Run the checks in order; call `report` with every outcome, and return all of them."""
    results: dict[str, CheckOutcome] = {}
    for name in names:
        act, needed = CHECKS[name]
        if needed and (result := results[needed].result) != PASSED:
            outcome = CheckOutcome(
                name, result, "provider-test-needs", {"name": needed}
            )
        else:
            outcome = _run_check(server, name, act)
        results[name] = outcome
        report(outcome)
    return list(results.values())


def _run_check(
    server: Server, name: str, act: Callable[[Server], None]
) -> CheckOutcome:
    try:
        act(server)
    except Deviation as error:
        return CheckOutcome(name, error.result, error.key, error.arguments)
    except ProviderError as error:
        is_absent = error.status in _ABSENT or error.code == UNSUPPORTED
        result = MISSING if is_absent and not isinstance(error, ModelGone) else FAILED
        return CheckOutcome(
            name, result, "provider-test-error", {"words": _to_printable(error)}
        )
    return CheckOutcome(name)


def _require(condition: object, name: str, found: object, wanted: object) -> None:
    if not condition:
        raise Deviation("not-same", field=name, found=found, wanted=wanted)


def _require_text(text: str, reason: str | None) -> None:
    """Raise Deviation without text, except of a model that thinks longer than the limit."""
    is_cut = reason == "length"
    _require(text or is_cut, "content", text, '!= ""')
    # A letter takes several tokens of some models, and the limit may fall between them.
    if _BROKEN.search(text.rstrip("\ufffd") if is_cut else text):
        raise Deviation("broken-text", words=text)


def _to_printable(value: object) -> str:
    """Return a value as one line, without secrets and control characters of terminals."""
    line = one_line(str(value))
    return line if line.isprintable() else repr(line)[1:-1]


def _list_taught(count: int) -> Iterator[tuple[str, str]]:
    for number in range(1, count + 1):
        yield (
            f"Чему равен квадрат числа {number}?",
            f"Квадрат числа {number} равен {number**2}.",
        )


def _build_examples(count: int) -> Iterator[str]:
    for question, answer in _list_taught(count):
        turns = {"user": question, "assistant": answer}
        messages = [
            {"role": role, "content": content} for role, content in turns.items()
        ]
        yield f"{json.dumps({'messages': messages}, ensure_ascii=False)}\n"
