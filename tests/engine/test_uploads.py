"""Uploads in parts, through the openai package."""

import base64
import csv
import hashlib
import io

import openai
import pytest

from merlin.engine.api import uploads as upload_routes
from merlin.engine.uploads import LIFE_S, MAX_BYTES
from tests.engine.running_engine import build_training_file, serve_engine

pytestmark = pytest.mark.functional
OPTIONS = {"filename": "a.jsonl", "mime_type": "text/jsonl", "purpose": "fine-tune"}


def begin(engine, size, **options):
    return engine.openai.uploads.create(bytes=size, **{**OPTIONS, **options})


def add(engine, upload, content):
    return engine.openai.uploads.parts.create(upload.id, data=content).id


def test_file_in_chunks_trains_as_one_in_a_piece(engine, tmp_path):
    path = tmp_path / "train.jsonl"
    content = build_training_file()
    path.write_bytes(content)
    upload = engine.openai.uploads.upload_file_chunked(
        file=path,
        mime_type="text/jsonl",
        purpose="fine-tune",
        part_size=len(content) // 3,
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
    )
    assert (upload.status, upload.file.filename) == ("completed", "train.jsonl")
    assert engine.openai.files.content(upload.file.id).read() == content
    assert engine.train(upload.file.id).status == "succeeded"


def test_parts_are_joined_in_the_given_order_once(engine):
    upload = begin(engine, 6)
    assert (upload.status, upload.expires_at - upload.created_at) == ("pending", 3600)
    second, _, first = (
        add(engine, upload, part) for part in (b"def", b"unused", b"abc")
    )
    complete = engine.openai.uploads.complete
    done, again = (complete(upload.id, part_ids=[first, second]) for _ in range(2))
    assert done == again  # the package repeats a call whose connection broke
    assert engine.openai.files.content(done.file.id).read() == b"abcdef"
    engine.openai.files.delete(done.file.id)
    assert complete(upload.id, part_ids=[first]).file is None


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"purpose": "batch"}, "purpose"),
        ({"filename": "a.csv"}, "filename"),
        ({"bytes": 0}, "bytes"),
        ({"bytes": MAX_BYTES + 1}, "bytes"),
        ({"expires_after": {"anchor": "created_at", "seconds": 3600}}, "expires_after"),
    ],
)
def test_upload_that_could_not_be_a_training_file_is_refused(engine, changes, param):
    with pytest.raises(openai.BadRequestError) as refused:
        engine.openai.uploads.create(**{**OPTIONS, "bytes": 5, **changes})
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"part_ids": ["{part}"]}, "part_ids"),  # three bytes of six
        ({"part_ids": ["{part}", "{part}"], "md5": "0" * 32}, "md5"),
        ({"part_ids": []}, "part_ids"),
    ],
)
def test_completion_with_other_bytes_is_refused_and_can_be_repeated(
    engine, options, param
):
    upload = begin(engine, 6)
    part = add(engine, upload, b"abc")
    given = {
        **options,
        "part_ids": [name.format(part=part) for name in options["part_ids"]],
    }
    with pytest.raises(openai.BadRequestError) as refused:
        engine.openai.uploads.complete(upload.id, **given)
    assert refused.value.param == param
    done = engine.openai.uploads.complete(upload.id, part_ids=[part, part])
    assert done.status == "completed"


def test_part_of_another_upload_is_not_found(engine):
    one = begin(engine, 3)
    other = begin(engine, 3)
    foreign = add(engine, other, b"abc")
    for name in (foreign, "../" + other.id + "/" + foreign, "part_" + "0" * 24):
        with pytest.raises(openai.NotFoundError):
            engine.openai.uploads.complete(one.id, part_ids=[name])
    with pytest.raises(openai.NotFoundError):
        add(engine, one.model_copy(update={"id": "upload_none"}), b"abc")


def assert_nothing_can_be_added(engine, upload, part, status):
    calls = {
        "add": lambda: add(engine, upload, b"abc"),
        "complete": lambda: engine.openai.uploads.complete(upload.id, part_ids=[part]),
        "cancel": lambda: engine.openai.uploads.cancel(upload.id),
    }
    for call in calls.values():
        with pytest.raises(openai.BadRequestError, match=f"The upload is {status}"):
            call()


def test_cancelled_upload_takes_nothing_and_keeps_nothing(tmp_path):
    with serve_engine(tmp_path) as engine:
        upload = begin(engine, 3)
        part = add(engine, upload, b"abc")
        assert engine.openai.uploads.cancel(upload.id).status == "cancelled"
        assert_nothing_can_be_added(engine, upload, part, "cancelled")
        assert [*(tmp_path / "uploads").iterdir()] == []


def test_expired_upload_is_removed_when_another_begins(tmp_path):
    with serve_engine(tmp_path) as engine:
        upload = begin(engine, 3)
        part = add(engine, upload, b"abc")
        database = engine.app.state.engine.repositories.database
        database.change("UPDATE upload SET created_at = created_at - ?", LIFE_S)
        assert_nothing_can_be_added(engine, upload, part, "expired")
        begin(engine, 3)
        assert [*(tmp_path / "uploads").iterdir()] == []


def test_part_over_the_limit_is_refused(tmp_path):
    with serve_engine(tmp_path, max_part_bytes=1000) as engine:
        upload = begin(engine, 1_000_000)
        with pytest.raises(openai.APIStatusError) as refused:
            add(engine, upload, b"a" * (2000 + upload_routes._FORM_BYTES))
        assert refused.value.status_code == 413
        assert [*(tmp_path / "uploads").iterdir()] == []


def test_results_are_a_table_of_steps_as_openai_sends_it(engine, tuned):
    (result_file,) = tuned.result_files
    file = engine.openai.files.retrieve(result_file)
    assert (file.purpose, file.filename) == ("fine-tune-results", "step_metrics.csv")
    assert result_file not in {
        each.id for each in engine.openai.files.list(purpose="fine-tune")
    }
    content = base64.b64decode(
        engine.openai.files.content(result_file).text.encode("utf-8")
    )
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    names = [
        "step",
        "train_loss",
        "train_accuracy",
        "valid_loss",
        "valid_mean_token_accuracy",
    ]
    assert list(rows[0]) == names
    metrics = [
        event.data for event in engine.events(tuned.id) if event.type == "metrics"
    ]
    assert [int(row["step"]) for row in rows] == [each["step"] for each in metrics]
    last = {**metrics[-1], "valid_mean_token_accuracy": metrics[-1]["valid_accuracy"]}
    assert rows[-1] == {name: str(last[name]) for name in names}


def test_results_go_with_the_model_and_stay_with_a_checkpoint(engine):
    job = engine.train()
    checkpoint = (
        engine.jobs.checkpoints.list(job.id).data[0].fine_tuned_model_checkpoint
    )
    engine.openai.models.delete(checkpoint)
    assert engine.openai.files.retrieve(job.result_files[0]).bytes
    engine.openai.models.delete(job.fine_tuned_model)
    with pytest.raises(openai.NotFoundError):
        engine.openai.files.retrieve(job.result_files[0])


def test_job_without_success_has_no_results(engine):
    job = engine.train(engine.upload(b"{}\n").id)
    assert (job.status, job.result_files) == ("failed", [])
