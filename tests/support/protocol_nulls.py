"""Which fields of the protocol's responses may be null; other fields are left out when unknown.

Source: openai/openai-openapi, `openapi.yaml`: OpenAIFile, FineTuningJob and its events and
checkpoints, CreateChatCompletionResponse and its stream, Error.
"""

import json

import httpx

from tests.support.waiting import longest

NULLABLE = frozenset(
    {
        *(
            "error",
            "fine_tuned_model",
            "finished_at",
            "trained_tokens",
            "validation_file",
        ),
        *("estimated_finish", "integrations", "metadata", "shutdown_date"),
        *("content", "refusal", "logprobs", "finish_reason", "bytes", "usage"),
        *("code", "param"),
    }
)


def find_wrong_nulls(value, name=""):
    """Return the names of fields that must not be null but are; our extension is exempt."""
    if value is None:
        return set() if name in NULLABLE else {name}
    if isinstance(value, dict):
        wrong = [
            find_wrong_nulls(each, key)
            for key, each in value.items()
            if key != "merlin"
        ]
        return set().union(*wrong)
    if isinstance(value, list):
        return set().union(*(find_wrong_nulls(each, name) for each in value))
    return set()


def parse_events(body):
    """Return the objects of a stream of server-sent events."""
    lines = [line for line in body.splitlines() if line.startswith("data: ")]
    datas = (line.removeprefix("data: ") for line in lines)
    return [json.loads(data) for data in datas if data != "[DONE]"]


def fine_tune_responses(base_url, key, job, line):
    """Yield (name, response) of the calls a client makes around a job that succeeded."""
    headers = {"Authorization": f"Bearer {key}"}
    jobs = f"/fine_tuning/jobs/{job.id}"
    model = job.fine_tuned_model
    with httpx.Client(base_url=base_url, headers=headers, timeout=longest()) as client:
        file = {"file": ("train.jsonl", line)}
        uploaded = client.post(
            "/files", data={"purpose": "fine-tune"}, files=file
        ).json()
        yield "an upload", uploaded
        for name in (
            "/files",
            f"/files/{uploaded['id']}",
            "/models",
            f"/models/{model}",
        ):
            yield name, client.get(name).json()
        for name in (
            "/fine_tuning/jobs",
            jobs,
            f"{jobs}/events",
            f"{jobs}/checkpoints",
        ):
            yield name, client.get(name).json()
        request = {
            "model": model,
            "messages": [{"role": "user", "content": "Что за птица?"}],
        }
        yield "an answer", client.post("/chat/completions", json=request).json()
        streamed = {
            **request,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        yield (
            "a stream",
            parse_events(client.post("/chat/completions", json=streamed).text),
        )
        yield "an error", client.get("/files/file-no").json()
        yield "a deletion", client.delete(f"/files/{uploaded['id']}").json()
