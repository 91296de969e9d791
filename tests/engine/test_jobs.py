"""Jobs over HTTP, through the openai package."""

import openai
import pytest

from tests.engine.running_engine import (
    QUESTION,
    build_training_file,
    serve_engine,
    serve_idle_engine,
)
from tests.support.protocol_nulls import find_wrong_nulls, fine_tune_responses

pytestmark = pytest.mark.functional


def test_succeeded_job_has_every_field_of_the_protocol(tuned):
    document = tuned.to_dict()
    assert document["object"] == "fine_tuning.job"
    assert document["fine_tuned_model"] == f"ft:recall:merlin:neuro:{tuned.id[-8:]}"
    assert document["finished_at"] >= document["created_at"]
    assert document["trained_tokens"] > 0
    assert (document["error"], document["metadata"], document["seed"]) == (
        None,
        {"of": "tuned"},
        42,
    )
    assert document["method"]["type"] == "supervised"
    assert isinstance(document["hyperparameters"]["n_epochs"], int)


def test_every_epoch_has_one_metrics_event(engine, tuned):
    metrics = [
        event.data for event in engine.events(tuned.id) if event.type == "metrics"
    ]
    assert [told["epoch"] for told in metrics] == list(range(1, len(metrics) + 1))
    assert len(metrics) == tuned.hyperparameters.n_epochs
    assert metrics[-1]["train_loss"] < metrics[0]["train_loss"]
    assert {"step", "train_accuracy", "valid_loss", "valid_accuracy"} <= metrics[
        -1
    ].keys()


def test_last_three_checkpoints_are_kept_newest_first(engine, tuned):
    checkpoints = list(engine.jobs.checkpoints.list(tuned.id, limit=2))
    steps = [checkpoint.step_number for checkpoint in checkpoints]
    assert len(steps) == 3
    assert steps == sorted(steps, reverse=True)
    first = checkpoints[0]
    assert (
        first.fine_tuned_model_checkpoint
        == f"{tuned.fine_tuned_model}:ckpt-step-{steps[0]}"
    )
    assert first.fine_tuning_job_id == tuned.id
    assert first.metrics.train_loss is not None


@pytest.mark.parametrize("form", ["method", "deprecated"])
def test_hyperparameters_are_accepted_in_both_forms(engine, form):
    metadata = {"n_epochs": 2, "batch_size": 4}
    method = {"type": "supervised", "supervised": {"hyperparameters": metadata}}
    job = engine.train(
        **({"method": method} if form == "method" else {"hyperparameters": metadata})
    )
    assert (job.hyperparameters.n_epochs, job.hyperparameters.batch_size) == (2, 4)
    assert len(engine.jobs.checkpoints.list(job.id).data) == 2


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "gpt-4o-mini-2024-07-18"}, "model"),
        ({"training_file": "file-none"}, "training_file"),
        ({"validation_file": "file-none"}, "validation_file"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"suffix": "a:b"}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k": 7}}, "metadata.k"),
        ({"method": {"type": "dpo"}}, "method"),
        ({"integrations": [{"type": "wandb"}]}, "integrations"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"lora_r": 8}}, "hyperparameters.lora_r"),
        ({"hyperparameters": [1]}, "hyperparameters"),
    ],
)
def test_invalid_launch_names_its_field(engine, tuned, fields, param):
    asked = {"model": "recall", "training_file": tuned.training_file, **fields}
    with pytest.raises(openai.BadRequestError) as refused:
        engine.openai.post("/fine_tuning/jobs", body=asked, cast_to=object)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("param", "query"),
    [
        *(("limit", {"limit": item}) for item in ("0", f"{1:09d}{10**30}")),
        ("after", {"after": "ftjob-none"}),
        ("metadata", {f"metadata[{number}]": "x" for number in range(1000)}),
    ],
)
def test_invalid_page_parameter_is_refused(engine, param, query):
    with pytest.raises(openai.BadRequestError) as refused:
        engine.jobs.list(extra_query=query)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no json\n", "Строка 1: Invalid JSON"),
        (
            build_training_file()
            + b'{"messages": [{"role": "boss", "content": "x"}]}\n',
            "Строка 13: messages[0].role: ",
        ),
        (build_training_file({QUESTION: "a"}), "1 пример, а нужно не меньше 10"),
    ],
)
def test_bad_training_file_fails_the_job_and_the_queue_continues(
    engine, content, message
):
    job = engine.train(engine.upload(content).id)
    assert (job.status, job.error.param) == ("failed", "training_file")
    assert job.error.code == "invalid_training_file"
    assert message in job.error.message
    assert job.fine_tuned_model is None
    assert engine.jobs.list_events(job.id).data[0].level == "error"


def test_bad_validation_file_is_named(engine, tuned):
    job = engine.train(tuned.training_file, validation_file=engine.upload(b"[]\n").id)
    assert (job.status, job.error.param) == ("failed", "validation_file")
    assert job.error.code == "invalid_validation_file"


def test_file_deleted_before_its_job_runs_fails_that_job(tmp_path):
    with serve_idle_engine(tmp_path) as engine:
        job = engine.launch()
        engine.openai.files.delete(job.training_file)
    with serve_engine(tmp_path) as engine:
        job = engine.until(job.id, "failed", "succeeded")
        assert job.error.code == "file_not_found"
        assert engine.train().status == "succeeded"


def test_responses_have_null_only_where_the_protocol_allows_it(engine, tuned):
    told = fine_tune_responses(
        str(engine.openai.base_url), engine.openai.api_key, tuned, build_training_file()
    )
    assert {
        name: wrong for name, answer in told if (wrong := find_wrong_nulls(answer))
    } == {}
