"""Files, jobs and models of a training provider, against its stand-in."""

import json
from contextlib import closing

import pytest

from merlin.core.errors import ProviderBusy, ProviderError, ProviderUnknown
from merlin.core.messages import Message
from merlin.providers.base import LAUNCH_KEY, NewJob, is_account_rejected, is_forbidden
from merlin.providers.openai_training import OpenAIModelClient, OpenAIProvider
from merlin.training.jobs import JobState, state_of
from tests.support.faults import Fault, FaultKind
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional
KEY, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32
NAME = "merlin-нейро-0123456789ab-train.jsonl"
ANSWERS = {f"Что значит слово {n}?": f"Слово {n} значит {n * n}." for n in range(12)}


@pytest.fixture
def stand_in():
    with ProviderStandIn(key="stand-in") as stand_in:
        yield stand_in


@pytest.fixture
def provider(stand_in):
    with closing(OpenAIProvider(stand_in.base_url, "stand-in")) as provider:
        yield provider


@pytest.fixture
def path(tmp_path):
    lines = [
        [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        for question, answer in ANSWERS.items()
    ]
    path = tmp_path / "train.jsonl"
    text = (json.dumps({"messages": line}, ensure_ascii=False) for line in lines)
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def create_job(provider, path):
    def create(key=KEY, **said):
        stored = provider.find_files(NAME) or [provider.upload_file(NAME, path)]
        order = {"method": "supervised", "hyperparameters": {}, "suffix": "neuro", **said}
        about = {LAUNCH_KEY: key, "merlin_build": "нейро-7", "merlin_dataset": "нейро"}
        files = {"train_file": stored[0], "test_file": stored[0]}
        return provider.create_job(
            NewJob(base_model="stand-in-base", **files, metadata=about, **order)
        )

    return create


def read_until_over(provider, job):
    """Read the job until it has ended; return its states and the last report."""
    states = []
    for _ in range(10):
        report = provider.read_job(job.provider_job_id)
        states.append(state_of(report.status))
        if report.model_id or states[-1] in {JobState.FAILED, JobState.CANCELLED}:
            return states, report
    raise AssertionError(states)


def test_job_succeeds_and_its_model_gives_the_trained_answer(provider, create_job, stand_in):
    states, report = read_until_over(provider, create_job())
    assert states[0] is JobState.QUEUED
    assert set(states) == {JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED}
    assert report.finished_at is not None
    asker = OpenAIModelClient(stand_in.base_url, "stand-in")
    question, answer = next(iter(ANSWERS.items()))
    assert answer in asker.ask(report.model_id, (Message("user", question),)).text
    asker.close()
    assert report.model_id in {card.model_id for card in provider.models()}
    provider.delete_model(report.model_id)
    assert report.model_id not in {card.model_id for card in provider.models()}


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.DONE_STATUS])
def test_create_without_a_response_raises_provider_unknown_and_its_job_is_found(
    provider, create_job, stand_in, kind
):
    stand_in.faults.add(Fault("jobs.create", kind, status=500))
    with pytest.raises(ProviderUnknown):
        create_job()
    (job,) = provider.find_jobs(KEY)
    assert [job["id"] for job in stand_in.jobs_created()] == [job.provider_job_id]


def test_job_is_cancelled_and_a_failed_one_has_a_reason(provider, create_job, stand_in):
    stopped = provider.cancel_job(create_job().provider_job_id)
    assert state_of(stopped.status) is JobState.CANCELLED
    stand_in.behave(ending="failed", states=[])
    failed = create_job(OTHER)
    _, report = read_until_over(provider, failed)
    assert state_of(report.status) is JobState.FAILED
    events = provider.list_events(failed.provider_job_id, frozenset())
    assert "invalid" in report.error + "".join(event.message for event in events)


def test_unknown_state_is_kept_without_effect(provider, create_job, stand_in):
    stand_in.behave(states=["SHUFFLING"])
    report = provider.read_job(create_job().provider_job_id)
    assert (report.status, state_of(report.status)) == ("SHUFFLING", None)


@pytest.mark.parametrize(
    ("status", "is_expected"),
    [(401, is_account_rejected), (403, is_forbidden), (429, None), (503, None)],
)
def test_refusals_have_the_same_meaning(provider, create_job, stand_in, status, is_expected):
    create_job()
    stand_in.faults.add(Fault("jobs.create", FaultKind.STATUS, status=status))
    with pytest.raises(ProviderError) as refused:
        create_job()
    assert refused.value.status == status
    assert is_expected is None or is_expected(refused.value)
    assert isinstance(refused.value, ProviderBusy) == (is_expected is None)
    assert len(stand_in.jobs_created()) == 1


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><title>Hi</title>", b"\n <html>"])
def test_web_page_instead_of_json_is_reported(server, reply, content, path):
    server.will(reply(content))
    files = {"train_file": "f", "test_file": None}
    order = {"method": "x", "hyperparameters": {}, "suffix": "", "metadata": {LAUNCH_KEY: KEY}}
    with closing(OpenAIProvider(server.base_url, "key")) as provider:
        for call in (
            provider.models,
            lambda: provider.read_job("job-1"),
            lambda: provider.find_jobs(KEY),
            lambda: provider.upload_file(NAME, path),
            lambda: provider.create_job(NewJob(base_model="stand-in-base", **files, **order)),
        ):
            with pytest.raises(ProviderBusy, match="a web page: is base_url right"):
                call()


HALF = "ab\ud83d"  # a text that was cut inside of an emoji: half of a surrogate pair


def test_half_a_character_and_an_impossible_time_do_not_stop_polling(server):
    server.will({"id": HALF, "status": HALF, "created_at": 1e18})
    with closing(OpenAIProvider(server.base_url, "key")) as provider:
        job = provider.read_job("job-1")
    assert (job.provider_job_id, job.status) == ("ab\N{REPLACEMENT CHARACTER}",) * 2
    assert (job.model_id or "").isprintable()
    assert job.created_at is None
