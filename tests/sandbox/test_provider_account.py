"""The demo's account at a provider: its files, jobs and tuned models over HTTP."""

import json

import openai
import pytest

from merlin.sandbox.provider.account import AccountStandIn, demo_account
from merlin.sandbox.provider.app import CHAT_MODEL

pytestmark = pytest.mark.functional

ACCOUNT = demo_account("en")
FILE = "file-course"
TUNED = ACCOUNT.jobs[-1]


@pytest.fixture(scope="module")
def client():
    with AccountStandIn(ACCOUNT) as standin:
        url = f"http://127.0.0.1:{standin.port}/v1"
        with openai.OpenAI(api_key="any", base_url=url, max_retries=0) as client:
            yield client


def ask(client, model, question):
    messages = [{"role": "user", "content": question}]
    answer = client.chat.completions.create(model=model, messages=messages)
    return answer.choices[0].message.content


def test_files_are_listed_and_downloaded_newest_first(client):
    listed = [file.id for file in client.files.list()]
    assert listed == [*ACCOUNT.files][::-1]
    assert client.files.content(FILE).read() == ACCOUNT.files[FILE]
    with pytest.raises(openai.NotFoundError):
        client.files.content("file-none")


def test_jobs_have_checkpoints_and_their_models_are_listed(client):
    jobs = [*client.fine_tuning.jobs.list()]
    assert [job.id for job in jobs] == [job["id"] for job in ACCOUNT.jobs][::-1]
    found = client.fine_tuning.jobs.checkpoints.list(jobs[0].id)
    steps = [checkpoint.step_number for checkpoint in found]
    assert steps == [3, 2, 1]
    assert TUNED["fine_tuned_model"] in {model.id for model in client.models.list()}


def test_tuned_model_answers_what_its_file_teaches_and_nothing_else(client):
    name = TUNED["fine_tuned_model"]
    asked, taught = json.loads(ACCOUNT.files[FILE].splitlines()[0])["messages"]
    assert ask(client, name, asked["content"]) == taught["content"]
    assert ask(client, name, "Why?") == "I don't know this one."
    assert "demo model" in ask(client, CHAT_MODEL, asked["content"])
