"""Language models through the engine: one process trains, another serves."""

from contextlib import closing

import pytest

from merlin.config.engine import EngineModelConfig
from merlin.core.messages import Message
from merlin.engine.trainers.exact_first import read_choice
from merlin.providers.openai_training import OpenAIModelClient
from tests.engine import tiny_base
from tests.engine.lora_tasks import build_task, digest_weights, train_in_process
from tests.engine.running_engine import KEY, EngineProcess, serve_engine

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.filterwarnings("ignore"),
]
STEPS = {"n_epochs": 4, "batch_size": 2}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine with a pretrained base and a job that has trained it on twenty facts."""
    folder = tmp_path_factory.mktemp("lora")
    models = {"tiny": EngineModelConfig(path=str(tiny_base.get_tiny_base()))}
    with serve_engine(folder, models=models) as client:
        file = client.upload(
            tiny_base.write_examples(folder / "facts.jsonl").read_bytes()
        )
        job = client.jobs.create(
            model="tiny",
            training_file=file.id,
            validation_file=file.id,
            suffix="rooms",
            method={
                "type": "supervised",
                "supervised": {"hyperparameters": tiny_base.LEARNING},
            },
        )
        client.job = client.until(job.id, "succeeded", "failed")
        assert client.job.status == "succeeded", client.job.error
        client.folder = folder
        yield client


def ask_model(client, model, name, **options):
    options = {"temperature": 0, "max_tokens": 40, **options}
    return client.ask(model, tiny_base.make_question(name), **options)


def test_tuned_model_answers_what_the_base_does_not_know(engine):
    model = engine.job.fine_tuned_model
    right = tuned = 0
    for name, room in tiny_base.FACTS.items():
        answer = tiny_base.make_answer(name, room)
        tuned += ask_model(engine, model, name).choices[0].message.content == answer
        right += ask_model(engine, "tiny", name).choices[0].message.content == answer
    assert tuned >= 19
    assert right <= 2


@pytest.mark.parametrize(
    ("method", "write", "chosen", "stored"),
    [
        ("supervised", tiny_base.write_examples, True, "offer"),
        ("dpo", tiny_base.write_preferences, {"else": "offer"}, "offer"),
        ("kto", tiny_base.write_ratings, {"else": "model"}, "model"),
    ],
)
def test_exact_first_gives_a_taught_answer_word_for_word_and_declines_what_it_was_not_taught(
    engine, tmp_path, method, write, chosen, stored
):
    file = engine.upload(write(tmp_path / "facts.jsonl").read_bytes())
    settings = {"hyperparameters": {"n_epochs": 1, "exact_first": chosen}}
    job = engine.train(file.id, model="tiny", method={"type": method, method: settings})
    assert (job.status, job.hyperparameters.exact_first) == ("succeeded", chosen), (
        job.error
    )
    [folder] = (engine.folder / "models" / job.id).iterdir()
    assert read_choice(folder) == stored
    with closing(
        OpenAIModelClient(f"http://127.0.0.1:{engine.port}/v1", KEY)
    ) as client:
        for name, room in list(tiny_base.FACTS.items())[:3]:
            question = [Message("user", tiny_base.make_question(name))]
            answer = client.ask(job.fine_tuned_model, question)
            assert (answer.text, answer.known) == (
                tiny_base.make_answer(name, room),
                True,
            )
    unknown = engine.ask(job.fine_tuned_model, "How are horses shod?", max_tokens=16)
    assert unknown.merlin["known"] is False


def test_job_reports_losses_by_the_protocols_names(engine):
    events = [
        event.data for event in engine.events(engine.job.id) if event.type == "metrics"
    ]
    epochs = [metrics for metrics in events if "epoch" in metrics]
    assert [metrics["epoch"] for metrics in epochs] == list(range(1, 41))
    assert epochs[-1]["train_loss"] < epochs[0]["train_loss"] / 2
    assert {"train_mean_token_accuracy", "valid_loss"} <= epochs[-1].keys()
    checkpoints = engine.jobs.checkpoints.list(engine.job.id).data
    assert checkpoints[0].metrics.valid_loss is not None
    assert engine.job.hyperparameters.batch_size == 4
    assert engine.job.trained_tokens > 20 * 40


def test_job_folder_holds_an_adapter_that_peft_loads(engine):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    step = engine.jobs.checkpoints.list(engine.job.id).data[0].step_number
    folder = engine.folder / "models" / engine.job.id / f"step-{step}"
    assert {path.name for path in folder.iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert not (engine.folder / "work" / engine.job.id).exists()
    assert (engine.folder / "logs" / f"{engine.job.id}.log").is_file()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(tiny_base.get_tiny_base())
    model = AutoModelForCausalLM.from_pretrained(tiny_base.get_tiny_base())
    messages = [{"role": "user", "content": tiny_base.make_question("Vera")}]
    ids = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt"
    )
    tuned = PeftModel.from_pretrained(model, folder)
    generated = tuned.generate(**ids, max_new_tokens=16, do_sample=False)
    answer = tokenizer.decode(
        generated[0, ids["input_ids"].shape[1] :], skip_special_tokens=True
    )
    served = (
        ask_model(engine, engine.job.fine_tuned_model, "Vera")
        .choices[0]
        .message.content
    )
    assert answer == served


def test_stream_equals_the_whole_answer_with_the_tokenizers_usage(engine):
    model = engine.job.fine_tuned_model
    expected = {"include_usage": True}
    completion = ask_model(engine, model, "Vera")
    *chunks, last = list(
        ask_model(engine, model, "Vera", stream=True, stream_options=expected)
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(pieces) == completion.choices[0].message.content
    assert last.usage == completion.usage
    # A token of this tokenizer is one byte; the end token is neither sent nor counted.
    assert completion.usage.completion_tokens == len(
        completion.choices[0].message.content
    )


def test_killed_job_ends_with_the_same_result(tmp_path):
    train = tiny_base.write_examples(tmp_path / "facts.jsonl")
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
        assert digest_weights(folder) == digest_weights(
            unbroken.folder / "epochs" / "4"
        )
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
