"""The newest openai package against the engine: the documented first example of each call."""

import json

import pytest

from tests.engine.running_engine import (
    ANSWER,
    KEY,
    QUESTION,
    build_training_file,
    serve_idle_engine,
)

pytestmark = [pytest.mark.integration, pytest.mark.real("openai")]

# Each prints a JSON document; `ask` has the model and the question.
SCRIPTS = {
    # The package's own first example.
    "responses": """
response = client.responses.create(
    model=model, instructions="You are a coding assistant that talks like a pirate.", input=question
)
print(json.dumps(response.output_text))
""",
    "responses-stream": """
stream = client.responses.create(model=model, input=question, stream=True)
print(json.dumps("".join(e.delta for e in stream if e.type == "response.output_text.delta")))
""",
    "chat": """
completion = client.chat.completions.create(
    model=model,
    messages=[
        {"role": "developer", "content": "Talk like a pirate."},
        {"role": "user", "content": question},
    ],
)
print(json.dumps(completion.choices[0].message.content))
""",
    "chat-stream": """
stream = client.chat.completions.create(
    model=model, messages=[{"role": "user", "content": question}], stream=True,
    stream_options={"include_usage": True},
)
print(json.dumps("".join(c.choices[0].delta.content or "" for c in stream if c.choices)))
""",
    "async": """
async def main():
    async with AsyncOpenAI() as client:
        content = [{"type": "text", "text": question}]
        completion = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": content}], n=1, user="1001",
            store=False, max_completion_tokens=200, parallel_tool_calls=True, presence_penalty=0,
        )
        return completion.choices[0].message.content
print(json.dumps(asyncio.run(main())))
""",
    "models": """
names = [listed.id for listed in client.models.list()]
assert client.models.retrieve(model).id == model
print(json.dumps(names))
""",
    "fine-tuning": """
file = client.files.create(file=open(question, "rb"), purpose="fine-tune")
job = client.fine_tuning.jobs.create(training_file=file.id, model="recall")
while job.status not in ("succeeded", "failed", "cancelled"):
    time.sleep(0.1)
    job = client.fine_tuning.jobs.retrieve(job.id)
events = [event.message for event in client.fine_tuning.jobs.list_events(job.id)]
assert client.models.delete(job.fine_tuned_model).deleted
assert client.files.delete(file.id).deleted
print(json.dumps([job.status, len(events) > 0]))
""",
}
CANCEL = """
file = client.files.create(file=open(question, "rb"), purpose="fine-tune")
job = client.fine_tuning.jobs.create(training_file=file.id, model=model)
cancelled = client.fine_tuning.jobs.cancel(job.id)
print(json.dumps([cancelled.status, [each.status for each in client.fine_tuning.jobs.list()]]))
"""
HEAD = """
import asyncio, json, sys, time
from openai import AsyncOpenAI, OpenAI
model, question = sys.argv[1:]
client = OpenAI()
"""


@pytest.fixture
def run_script(run):
    def run_named(url, name, *arguments):
        environment = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY}
        return json.loads(
            run("python", "-c", HEAD + SCRIPTS[name], *arguments, **environment)
        )

    return run_named


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.shows(name))
        for name in ("responses", "responses-stream", "chat", "chat-stream", "async")
    ],
)
def test_taught_answer_comes(run_script, recording, engine, name):
    with recording(name, engine.url) as url:
        assert run_script(url, name, engine.model, QUESTION) == ANSWER


def test_job_is_cancelled(run, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(build_training_file())
    with serve_idle_engine(tmp_path / "engine") as client:
        url = {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{client.port}/v1",
            "OPENAI_API_KEY": KEY,
        }
        printed = run("python", "-c", HEAD + CANCEL, "recall", path, **url)
    assert json.loads(printed) == ["cancelled", ["cancelled"]]


@pytest.mark.shows("models")
def test_models_are_listed_and_retrieved(run_script, recording, engine):
    with recording("models", engine.url) as url:
        assert run_script(url, "models", engine.model, "")[:1] == ["recall"]


@pytest.mark.shows("fine-tuning")
def test_file_is_trained_and_everything_deleted(
    run_script, recording, engine, tmp_path
):
    path = tmp_path / "train.jsonl"
    path.write_bytes(build_training_file())
    with recording("fine-tuning", engine.url) as url:
        assert run_script(url, "fine-tuning", engine.model, str(path)) == [
            "succeeded",
            True,
        ]
