"""Failures of one job end it with a reason; the engine and the queue continue."""

import errno
import hashlib
import socket

import openai
import pytest

from merlin.config.engine import EngineSettings
from merlin.engine.bases import Base, build_bases
from merlin.engine.serving.base import Finish
from merlin.engine.trainers.base import (
    Epoch,
    Hyperparameters,
    ResolvedHyperparameters,
    Step,
    TrainerNote,
    Untrainable,
)
from merlin.engine.training_file import BadFile
from tests.engine.holding_engine import serve_held_engine, start_held_job
from tests.engine.running_engine import KEY, serve_engine
from tests.support.small_disk import fill_disk, small_disk

pytestmark = pytest.mark.functional


class Parrot:
    """A trainer of two epochs, and a backend that repeats the question; `error` makes it fail."""

    def __init__(self, error=None):
        self.error = error
        self.requests = []
        self.hyperparameters = {"supervised": Hyperparameters}

    def train(self, task):
        assert len(task.train.read_text().splitlines()) == 12
        yield ResolvedHyperparameters({"n_epochs": 2})
        yield Epoch(1, 1, {"train_loss": 2.0}, self.save, 12)
        if self.error:
            raise self.error
        yield TrainerNote("engine-unknown")
        yield Step(2, {"train_loss": 1.1})
        yield Epoch(2, 2, {"train_loss": 1.0}, self.save, 24)

    def save(self, path):
        path.mkdir()
        (path / "adapter_model.safetensors").write_text("parrot")

    async def ask(self, adapter, asking):
        if adapter is None:
            raise RuntimeError("only a tuned parrot answers")
        self.requests.append((adapter.digest, asking))
        yield asking.messages[-1].content
        yield Finish("stop", 1, 2)

    def figures(self):
        return {}

    async def close(self):
        pass

    def base(self, name="parrot"):
        return {name: Base(name, self, lambda: self, 100)}


class EndlessParrot(Parrot):
    """A backend whose answer has no end."""

    async def ask(self, _adapter, asking):
        yield asking.messages[-1].content


def launch(engine, base):
    job = engine.jobs.create(model=base, training_file=engine.upload().id)
    return engine.until(job.id, "succeeded", "failed")


def test_trainer_and_backend_of_another_kind_make_one_base(tmp_path):
    parrot = Parrot()
    with serve_engine(tmp_path, bases=parrot.base()) as engine:
        job = launch(engine, "parrot")
        assert (job.status, job.trained_tokens) == ("succeeded", 24)
        answer = engine.ask(job.fine_tuned_model, "Эхо?", temperature=0, seed=7)
        assert answer.choices[0].message.content == "Эхо?"
        digest, asking = parrot.requests[0]
        assert digest == hashlib.sha256(b"parrot").hexdigest()
        assert (asking.temperature, asking.seed) == (0.0, 7)
        warned = [
            event.message for event in engine.events(job.id) if event.level == "warn"
        ]
        assert warned == [
            (
                "Этого я не знаю: такого нет в примерах, на которых меня учили. "
                "Попробуйте другими словами."
            )
        ]
        assert engine.losses(job.id) == [2.0, 1.1, 1.0]
        engine.openai.models.delete(job.fine_tuned_model)
        engine.openai.models.delete(f"{job.fine_tuned_model}:ckpt-step-2")
        folders = {path.name for path in (tmp_path / "models" / job.id).iterdir()}
        assert folders == {"step-1"}


def test_error_in_training_fails_the_job_without_revealing_details(tmp_path):
    parrot = Parrot()
    bases = {
        **build_bases(EngineSettings(tmp_path, "127.0.0.1", 0, KEY)),
        **parrot.base(),
    }
    with serve_engine(tmp_path, bases=bases, language="en") as engine:
        for parrot.error, code, message in (
            (
                RuntimeError("secret words"),
                "server_error",
                "A bug in the engine: RuntimeError",
            ),
            (MemoryError(), "out_of_memory", "fewer examples"),
            (
                OSError(errno.ENOSPC, "No space left on device"),
                "disk_full",
                "Free some space",
            ),
            (Untrainable("odd", "engine-unknown"), "odd", "I don't know"),
            (
                BadFile("engine-file-not-answered", line="7"),
                "invalid_training_file",
                "Line 7: ",
            ),
        ):
            job = launch(engine, "parrot")
            assert (job.status, job.error.code) == ("failed", code)
            assert message in job.error.message
            assert "secret words" not in job.error.message
        assert engine.train(hyperparameters={"n_epochs": 1}).status == "succeeded"


@pytest.mark.parametrize(
    ("parrot", "kind"), [(Parrot(), "RuntimeError"), (EndlessParrot(), "TypeError")]
)
def test_bug_is_answered_by_its_kind(tmp_path, parrot, kind):
    with serve_engine(tmp_path, bases=parrot.base()) as engine:
        with pytest.raises(openai.InternalServerError, match=kind) as failed:
            engine.ask("parrot")
        assert failed.value.code == "server_error"


def test_disk_error_on_saving_weights_fails_only_that_job(tmp_path):
    with serve_held_engine(tmp_path) as engine:
        start_held_job(engine)  # the next job stays queued
        job = engine.launch()
        (tmp_path / "models" / job.id).write_text("a file where a folder must be")
        engine.may_go_on.set()
        job = engine.until(job.id, "succeeded", "failed")
        assert job.error.code == "disk_error"
        assert engine.train(hyperparameters={"n_epochs": 1}).status == "succeeded"
    with serve_engine(tmp_path) as engine:
        assert not (tmp_path / "models" / job.id).exists()


def test_full_disk_returns_507_and_the_engine_recovers_with_space(tmp_path):
    with (
        small_disk(tmp_path / "engine", "4m"),
        serve_engine(tmp_path / "engine") as engine,
    ):
        file_id = engine.upload().id
        filler = fill_disk(tmp_path / "engine")
        with pytest.raises(openai.APIStatusError) as full:
            engine.launch(file_id)
        assert (full.value.status_code, full.value.code) == (507, "disk_full")
        filler.unlink()
        assert engine.jobs.list().data == []
        assert engine.train(file_id).status == "succeeded"


def test_interrupted_upload_leaves_nothing(tmp_path):
    with serve_engine(tmp_path) as engine:
        head = [
            "POST /v1/files HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {KEY}",
            "Content-Type: multipart/form-data; boundary=x",
            "Content-Length: 5000",
        ]
        with socket.create_connection(("127.0.0.1", engine.port)) as line:
            line.sendall("\r\n".join([*head, "", "--x\r\n"]).encode())
            line.shutdown(socket.SHUT_WR)
            assert line.recv(4096) == b""
        assert engine.openai.files.list().data == []
        assert list((tmp_path / "files").iterdir()) == []
