"""Language models through the engine: one process trains, another serves."""

import json
from contextlib import closing

import pytest

from merlin.config.engine import EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.serving.base import Adapter
from merlin.engine.trainers.exact_first import read_choice
from merlin.providers.openai_training import OpenAIModelClient
from tests.engine import tiny_base
from tests.engine.lora_tasks import (
    TEN_FACTS,
    TEN_LEARNING,
    build_task,
    digest_weights,
    train_in_process,
)
from tests.engine.running_engine import KEY, EngineProcess

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.filterwarnings("ignore"),
]
STEPS = {"n_epochs": 3, "batch_size": 2}


def ask_model(client, model, name="Vera", **options):
    options = {"temperature": 0, "max_tokens": 40, **options}
    return client.ask(model, tiny_base.make_question(name), **options)


def read_answer(completion):
    return completion.choices[0].message.content


def test_tuned_model_answers_what_the_base_does_not_know(taught):
    right = tuned = 0
    for name, room in TEN_FACTS.items():
        answer = tiny_base.make_answer(name, room)
        model = taught.job.fine_tuned_model
        tuned += read_answer(ask_model(taught, model, name)) == answer
        right += read_answer(ask_model(taught, "tiny", name)) == answer
    assert tuned >= 9
    assert right <= 1


WEEKLY = pytest.mark.weekly("torch")


@pytest.mark.parametrize(
    ("method", "write", "chosen", "stored"),
    [
        ("supervised", tiny_base.write_examples, True, "offer"),
        pytest.param(
            "dpo",
            tiny_base.write_preferences,
            {"else": "offer"},
            "offer",
            marks=WEEKLY,
        ),
        pytest.param(
            "kto", tiny_base.write_ratings, {"else": "model"}, "model", marks=WEEKLY
        ),
    ],
)
def test_exact_first_gives_a_taught_answer_word_for_word_and_declines_what_it_was_not_taught(
    taught, tmp_path, method, write, chosen, stored
):
    file = taught.upload(write(tmp_path / "facts.jsonl", TEN_FACTS).read_bytes())
    settings = {"hyperparameters": {"n_epochs": 1, "exact_first": chosen}}
    job = taught.train(file.id, model="tiny", method={"type": method, method: settings})
    assert (job.status, job.hyperparameters.exact_first) == ("succeeded", chosen), (
        job.error
    )
    [folder] = (taught.folder / "models" / job.id).iterdir()
    assert read_choice(folder) == stored
    with closing(
        OpenAIModelClient(f"http://127.0.0.1:{taught.port}/v1", KEY)
    ) as client:
        for name, room in list(TEN_FACTS.items())[:3]:
            question = [Message("user", tiny_base.make_question(name))]
            answer = client.ask(job.fine_tuned_model, question)
            assert (answer.text, answer.known) == (
                tiny_base.make_answer(name, room),
                True,
            )
    unknown = taught.ask(job.fine_tuned_model, "How are horses shod?", max_tokens=16)
    assert unknown.merlin["known"] is False


def test_job_reports_its_settings_and_losses_by_the_protocols_names(taught):
    settings = taught.job.hyperparameters.to_dict()
    assert settings.items() >= TEN_LEARNING.items()
    assert ("auto" in settings.values(), settings["rank"]) == (False, 16)
    events = taught.events(taught.job.id)
    metrics = [event.data for event in events if event.type == "metrics"]
    epochs = [told for told in metrics if "epoch" in told]
    assert [told["epoch"] for told in epochs] == list(range(1, 31))
    assert [told["step"] for told in epochs] == list(range(3, 91, 3))
    names = ("loss", "mean_token_accuracy")
    measured = {f"{side}_{name}" for side in ("train", "valid") for name in names}
    assert all({"step", "epoch", *measured} == told.keys() for told in epochs)
    first, last = epochs[0], epochs[-1]
    assert last["train_loss"] < first["train_loss"] / 2
    accuracies = (told["valid_mean_token_accuracy"] for told in (first, last))
    assert 0 < next(accuracies) < next(accuracies) <= 1
    steps = [told["step"] for told in metrics if "epoch" not in told]
    assert steps == sorted({*steps})
    assert steps[0] == 1
    checkpoints = taught.jobs.checkpoints.list(taught.job.id).data
    assert checkpoints[0].metrics.valid_loss is not None
    tokens, rest = divmod(taught.job.trained_tokens, 30)
    assert (tokens > 10, rest) == (True, 0)


def test_job_folder_holds_an_adapter_that_peft_loads(taught, reference):
    assert not (taught.folder / "work" / taught.job.id).exists()
    assert (taught.folder / "logs" / f"{taught.job.id}.log").is_file()
    model = taught.job.fine_tuned_model
    adapter = Adapter("taught", taught.adapter)
    answer = reference.text(tiny_base.make_question("Vera"), adapter)
    assert answer == read_answer(ask_model(taught, model))


def test_adapter_names_its_base_without_a_local_path(taught):
    config = json.loads((taught.adapter / "adapter_config.json").read_text("utf-8"))
    base = tiny_base.get_tiny_base()
    assert config["base_model_name_or_path"] == base.name
    assert (config["peft_type"], config["r"]) == ("LORA", 16)
    assert config["inference_mode"] is True
    held = b"".join(path.read_bytes() for path in taught.adapter.iterdir())
    assert str(taught.folder).encode() not in held
    assert str(base.parent).encode() not in held


def test_stream_equals_the_whole_answer_with_the_tokenizers_usage(taught):
    model = taught.job.fine_tuned_model
    expected = {"include_usage": True}
    completion = ask_model(taught, model)
    text = read_answer(completion)
    *chunks, last = ask_model(taught, model, stream=True, stream_options=expected)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(pieces) == text
    # A token of this tokenizer is one byte; the end token is neither sent nor counted.
    assert (last.usage, len(text)) == (
        completion.usage,
        completion.usage.completion_tokens,
    )


def test_killed_job_ends_with_the_same_result(tmp_path):
    train = tiny_base.write_examples(tmp_path / "facts.jsonl", TEN_FACTS)
    unbroken = build_task(tmp_path / "unbroken", train, **STEPS)
    messages = train_in_process(unbroken)
    engine = EngineProcess(tmp_path / "engine")
    models = {"tiny": EngineModelConfig(path=str(tiny_base.get_random_base()))}
    engine.settings = {"models": models}
    try:
        client = engine.start()
        file = client.upload(train.read_bytes())
        order = {"model": "tiny", "training_file": file.id, "hyperparameters": STEPS}
        broken = client.jobs.create(**order, seed=unbroken.seed)
        client.until(broken.id, "running")
        engine.kill()
        client = engine.start()
        client.until(broken.id, "running")
        assert client.train(hyperparameters={"n_epochs": 1}).status == "succeeded"
        ended = client.until(broken.id, "succeeded", "failed")
        assert ended.status == "succeeded", ended.error
        step = client.jobs.checkpoints.list(ended.id).data[0].step_number
        folder = engine.folder / "models" / ended.id / f"step-{step}"
        expected = digest_weights(unbroken.folder / "epochs" / "3")
        assert digest_weights(folder) == expected
        metrics = [
            event.data for event in client.events(ended.id) if event.type == "metrics"
        ]
        epochs = [
            (data["epoch"], data["train_loss"]) for data in metrics if "epoch" in data
        ]
        assert epochs == [
            (line["number"], line["metrics"]["train_loss"])
            for line in messages
            if line["tell"] == "epoch"
        ]
        cancelled = client.jobs.create(**order)
        client.until(cancelled.id, "running")
        assert client.jobs.cancel(cancelled.id).status == "cancelled"
        assert client.train(hyperparameters={"n_epochs": 1}).status == "succeeded"
    finally:
        engine.close()
