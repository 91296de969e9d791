"""Files and fine-tuning jobs of the provider's stand-in, with the faults of real providers."""

import pytest

pytestmark = pytest.mark.functional

LINE = (
    '{"messages":[{"role":"user","content":"Что за птица?"},'
    '{"role":"assistant","content":"Дербник."}]}\n'
)


def upload(client):
    return client.files.create(
        file=("train.jsonl", LINE.encode()), purpose="fine-tune"
    ).id


def launch(client, launch_key="k1", **options):
    return client.fine_tuning.jobs.create(
        model="stand-in-base",
        training_file=options.pop("file_id", None) or upload(client),
        metadata={"merlin_launch": launch_key},
        suffix="neuro",
        **options,
    )


def test_tuned_model_gives_its_trained_answer_and_is_marked_as_a_stand_in(
    provider, client
):
    provider.behave(states=())
    job = client.fine_tuning.jobs.retrieve(launch(client).id)
    messages = [{"role": "user", "content": "Что за птица?"}]
    completion = client.chat.completions.create(
        model=job.fine_tuned_model, messages=messages
    )
    assert completion.choices[0].message.content.startswith("Дербник.\n")
    assert "Демо-модель" in completion.choices[0].message.content
