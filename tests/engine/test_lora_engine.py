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
from tests.engine.running_engine import KEY, EngineProcess, find_weights

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.filterwarnings("ignore"),
]
STEPS = {"n_epochs": 3, "batch_size": 2}
SEED = 42


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


def check_exact_first(client, job, folder, choice):
    """Fail unless the model gives taught answers word for word, and declines what is not."""
    assert read_choice(find_weights(folder, client, job.id)) == choice
    with closing(OpenAIModelClient(f"http://127.0.0.1:{client.port}/v1", KEY)) as model:
        for name, room in list(TEN_FACTS.items())[:3]:
            question = [Message("user", tiny_base.make_question(name))]
            answer = model.ask(job.fine_tuned_model, question)
            assert (answer.text, answer.known) == (
                tiny_base.make_answer(name, room),
                True,
            )
    unknown = client.ask(job.fine_tuned_model, "How are horses shod?", max_tokens=16)
    assert unknown.merlin["known"] is False


@pytest.mark.weekly("torch")
@pytest.mark.parametrize(
    ("method", "write", "chosen"),
    [
        ("dpo", tiny_base.write_preferences, "offer"),
        ("kto", tiny_base.write_ratings, "model"),
    ],
)
def test_exact_first_answers_as_pairs_and_ratings_teach(
    taught, tmp_path, method, write, chosen
):
    file = taught.upload(write(tmp_path / "facts.jsonl", TEN_FACTS).read_bytes())
    settings = {"n_epochs": 1, "exact_first": {"else": chosen}}
    kind = {"type": method, method: {"hyperparameters": settings}}
    job = taught.train(file.id, model="tiny", method=kind)
    assert job.status == "succeeded", job.error
    assert job.hyperparameters.exact_first == {"else": chosen}
    check_exact_first(taught, job, taught.folder, chosen)


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


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """An engine that was killed while it trained `job`, and has trained it since."""
    folder = tmp_path_factory.mktemp("resumed")
    engine = EngineProcess(folder / "engine")
    models = {"tiny": EngineModelConfig(path=str(tiny_base.get_random_base()))}
    engine.settings = {"models": models}
    try:
        client = engine.start()
        facts = tiny_base.write_examples(folder / "facts.jsonl", TEN_FACTS)
        settings = {**STEPS, "exact_first": True}
        order = {"training_file": client.upload(facts.read_bytes()).id, "model": "tiny"}
        job = client.jobs.create(**order, hyperparameters=settings, seed=SEED)
        client.until(job.id, "running")
        engine.kill()
        client = engine.start()
        client.until(job.id, "running")
        client.passed = client.train(hyperparameters={"n_epochs": 1})
        client.job = client.until(job.id, "succeeded", "failed")
        client.order = order
        client.folder = engine.folder
        yield client
    finally:
        engine.close()


def test_killed_job_ends_with_the_same_result_and_others_pass_it(resumed, tmp_path):
    train = tiny_base.write_examples(tmp_path / "facts.jsonl", TEN_FACTS)
    unbroken = build_task(tmp_path / "unbroken", train, **STEPS)
    assert unbroken.seed == SEED
    messages = train_in_process(unbroken)
    assert resumed.passed.status == "succeeded"
    assert resumed.job.status == "succeeded", resumed.job.error
    weights = find_weights(resumed.folder, resumed, resumed.job.id)
    assert digest_weights(weights) == digest_weights(unbroken.folder / "epochs" / "3")
    events = [each for each in resumed.events(resumed.job.id) if each.type == "metrics"]
    told = [each.data for each in events if "epoch" in each.data]
    assert [(each["epoch"], each["train_loss"]) for each in told] == [
        (line["number"], line["metrics"]["train_loss"])
        for line in messages
        if line["tell"] == "epoch"
    ]


def test_exact_first_answers_as_examples_teach(resumed):
    assert resumed.job.hyperparameters.exact_first is True
    check_exact_first(resumed, resumed.job, resumed.folder, "offer")


def test_cancelled_training_leaves_its_place_to_the_next(resumed):
    cancelled = resumed.jobs.create(**resumed.order)
    resumed.until(cancelled.id, "running")
    assert resumed.jobs.cancel(cancelled.id).status == "cancelled"
    assert resumed.train(hyperparameters={"n_epochs": 1}).status == "succeeded"
