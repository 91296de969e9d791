"""What goes wrong with one job ends that job with a reason; the engine and the queue go on."""

from __future__ import annotations

import errno
import socket

import pytest
from engine_world import KEY, engine_in_thread
from waiting import wait_until

from merlin.core.message import Message
from merlin.engine import trainers
from merlin.engine.failure import failure_of
from merlin.engine.trainers import Answer, Epoch, Remark, Untrainable
from merlin.engine.training_file import BadFile

pytestmark = pytest.mark.functional


class Parrot:
    """A trainer of two epochs that answers with the question; told so, it fails."""

    def __init__(self, error=None):
        self.error = error

    def hyperparameters(self, given):
        return dict(given)

    def train(self, task):
        assert len(task.train) == 12
        yield Epoch(1, 1, {"train_loss": 2.0}, self.save)
        if self.error:
            raise self.error
        yield Remark("engine-unknown")
        yield Epoch(2, 2, {"train_loss": 1.0}, self.save)

    def save(self, path):
        path.mkdir()
        (path / "weights").write_text("parrot")

    def load(self, path):
        assert (path / "weights").read_text() == "parrot"
        return self

    def untrained(self):
        return self

    def answer(self, messages):
        return Answer(messages[-1].content, 1.0, known=True)


def launch(desk, base):
    job = desk.jobs.create(model=base, training_file=desk.upload().id)
    return desk.until(job.id, "succeeded", "failed")


def test_a_trainer_of_another_kind_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(trainers.TRAINERS, "parrot", Parrot)
    with engine_in_thread(tmp_path) as desk:
        job = launch(desk, "parrot")
        assert job.status == "succeeded"
        assert desk.ask(job.fine_tuned_model, "Эхо?").choices[0].message.content == "Эхо?"
        warned = [event.message for event in desk.events(job.id) if event.level == "warn"]
        assert warned == ["Я не знаю ответа на этот вопрос."]
        desk.client.models.delete(job.fine_tuned_model)
        desk.client.models.delete(f"{job.fine_tuned_model}:ckpt-step-2")
        kept = {path.name for path in (tmp_path / "models" / job.id).iterdir()}
        assert kept == {"step-1"}


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RuntimeError("secret words"), "server_error", "A bug in the engine: RuntimeError"),
        (MemoryError(), "out_of_memory", "fewer examples"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full", "make room"),
        (Untrainable("odd", "engine-unknown"), "odd", "Я не знаю ответа"),
    ],
)
def test_a_training_that_breaks_is_a_failed_job(tmp_path, monkeypatch, error, code, words):
    base = f"parrot-{code}"
    monkeypatch.setitem(trainers.TRAINERS, base, lambda: Parrot(error))
    with engine_in_thread(tmp_path) as desk:
        job = launch(desk, base)
        assert (job.status, job.error.code) == ("failed", code)
        assert words in job.error.message
        assert "secret words" not in job.error.message
        assert desk.train(hyperparameters={"n_epochs": 1}).status == "succeeded"


def test_a_disk_that_refuses_the_weights_fails_the_job_alone(tmp_path):
    with engine_in_thread(tmp_path, pace_s=0.3) as desk:
        job = desk.launch()
        (tmp_path / "models" / job.id).write_text("a file where a folder must be")
        job = desk.until(job.id, "succeeded", "failed")
        assert job.error.code == "disk_error"
        assert desk.train(hyperparameters={"n_epochs": 1}).status == "succeeded"
    with engine_in_thread(tmp_path) as desk:
        assert not (tmp_path / "models" / job.id).exists()


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path):
    with engine_in_thread(tmp_path) as desk:
        head = [
            "POST /v1/files HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {KEY}",
            "Content-Type: multipart/form-data; boundary=x",
            "Content-Length: 5000",
        ]
        with socket.create_connection(("127.0.0.1", desk.port)) as line:
            line.sendall("\r\n".join([*head, "", "--x\r\n"]).encode())
        url = f"http://127.0.0.1:{desk.port}/metrics"
        wait_until(lambda: 'method="POST",code="400"' in desk.client._client.get(url).text)
        assert desk.client.files.list().data == []
        assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "param"),
    [
        (BadFile("Line 3: not JSON."), "invalid_training_file", "training_file"),
        (FileNotFoundError(2, "no"), "file_not_found", "training_file"),
        (OSError(errno.EDQUOT, "quota"), "disk_full", None),
        (OSError(errno.EIO, "Input/output error"), "disk_error", None),
        (ZeroDivisionError(), "server_error", None),
    ],
)
def test_every_reason_has_a_code_and_says_where(error, code, param):
    failure = failure_of(error, "en")
    assert (failure.code, failure.param) == (code, param)
    assert failure.is_bug is (code == "server_error")


def test_a_parrot_is_what_the_protocol_of_trainers_asks_for():
    said = Parrot().answer([Message("user", "Эхо?")])
    assert (said.text, said.known) == ("Эхо?", True)
