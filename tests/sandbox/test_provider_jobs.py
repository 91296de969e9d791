"""Files and fine-tuning jobs of the provider's stand-in, with the faults of real providers."""

import pytest

from tests.support.protocol_nulls import find_wrong_nulls, fine_tune_responses

pytestmark = pytest.mark.functional

LINE = (
    '{"messages":[{"role":"user","content":"Что за птица?"},'
    '{"role":"assistant","content":"Дербник."}]}\n'
)


def upload(client):
    return client.files.create(file=("train.jsonl", LINE.encode()), purpose="fine-tune").id


def launch(client, launch_key="k1", **options):
    return client.fine_tuning.jobs.create(
        model="stand-in-base",
        training_file=options.pop("file_id", None) or upload(client),
        metadata={"merlin_launch": launch_key},
        suffix="neuro",
        **options,
    )


def read_statuses(client, job_id, polls):
    return [client.fine_tuning.jobs.retrieve(job_id).status for _ in range(polls)]


def test_tuned_model_gives_its_trained_answer_and_is_marked_as_a_stand_in(provider, client):
    provider.behave(states=())
    job = client.fine_tuning.jobs.retrieve(launch(client).id)
    messages = [{"role": "user", "content": "Что за птица?"}]
    completion = client.chat.completions.create(model=job.fine_tuned_model, messages=messages)
    assert completion.choices[0].message.content.startswith("Дербник.\n")
    assert "Демо-модель" in completion.choices[0].message.content


def test_responses_have_null_only_where_the_protocol_allows_it(client, provider):
    read_statuses(client, job_id := launch(client).id, 4)
    job = client.fine_tuning.jobs.retrieve(job_id)
    responses = fine_tune_responses(provider.base_url, "any", job, LINE.encode())
    assert {name: wrong for name, body in responses if (wrong := find_wrong_nulls(body))} == {}
