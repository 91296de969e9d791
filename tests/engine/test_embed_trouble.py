"""`embed` where something is wrong with its encoder: a clear state, and models that stay."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
from functools import partial

import numpy as np
import openai
import pytest

from merlin.config.engine import EngineAnsweringConfig
from merlin.engine.serving.base import Unavailable
from merlin.engine.serving.transformers import TransformersBackend
from merlin.engine.trainers.base import BaseFiles, ResolvedHyperparameters, Task
from merlin.engine.trainers.embed import (
    AT_ONCE,
    MAX_KEPT,
    EmbedTrainer,
    key_of,
    read_vectors,
    write_vectors,
)
from tests.engine.base_library import Library
from tests.engine.running_engine import engine_in_thread, jsonl, many
from tests.engine.tiny_encoder import NAME, SYNONYMS, configured, encoder_folder, onnx_encoder

__all__ = ["encoder_folder"]
pytestmark = pytest.mark.functional
TAUGHT = {question: answer for question, answer, _ in SYNONYMS}
_, RIGHT, OTHER_WORDS = SYNONYMS[0]


@pytest.fixture
def own(encoder_folder, tmp_path):
    """Return an encoder's folder that a test may spoil."""
    return shutil.copytree(encoder_folder, tmp_path / "own")


@pytest.fixture
def desk(own, tmp_path):
    with engine_in_thread(tmp_path / "engine", models={NAME: configured(own)}) as made:
        yield made


def failed(desk):
    """Return why a job on the encoder fails."""
    job = desk.train(desk.upload(jsonl(TAUGHT)).id, model=NAME)
    assert job.status == "failed", job
    return job.error


def spoil(path):
    """Change a byte in the middle, and nothing else of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content)


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("spoil_it", "words"),
    [
        (shutil.rmtree, "folder"),
        (remove("onnx/model.onnx"), "model.onnx"),
        (remove("tokenizer.json"), "tokenizer.json"),
        (write("onnx/model.onnx", b"<html>404</html>"), "broken or no encoder"),
        (write("tokenizer.json", b"{}"), "broken or no encoder"),
    ],
)
def test_an_encoder_that_cannot_be_used_fails_the_job_and_says_what_to_do(
    desk, own, spoil_it, words
):
    spoil_it(own)
    error = failed(desk)
    assert (error.code, error.param) == ("base_unusable", "model")
    assert words in error.message


def test_a_damaged_encoder_is_found_before_anything_is_trained_on_it(own, tmp_path):
    library = Library.of(tmp_path / "engine", own, backend="onnx", embeddings=True)
    library.pull()
    spoil(own / "onnx/model.onnx")
    with engine_in_thread(tmp_path / "engine", models={"tiny": library.model}) as desk:
        job = desk.train(desk.upload(jsonl(TAUGHT)).id, model="tiny")
        assert (job.status, job.error.code) == ("failed", "base_damaged")
        assert "onnx/model.onnx" in job.error.message


@pytest.mark.parametrize("columns", [24, 16], ids=["same size", "other dimension"])
def test_a_model_waits_for_its_own_encoder_and_then_answers_again(desk, own, tmp_path, columns):
    job = desk.train(desk.upload(jsonl(TAUGHT)).id, model=NAME)
    kept = shutil.copytree(own, tmp_path / "kept")
    onnx_encoder(own, columns)
    if columns == 24:
        spoil(own / "onnx/model.onnx")
    with pytest.raises(openai.BadRequestError, match="trained with") as refused:
        desk.ask(job.fine_tuned_model, OTHER_WORDS)
    assert refused.value.code == "base_changed"
    shutil.copytree(kept, own, dirs_exist_ok=True)
    assert desk.ask(job.fine_tuned_model, OTHER_WORDS).choices[0].message.content == RIGHT


def test_a_second_training_asks_the_encoder_for_new_texts_alone(desk, tmp_path):
    desk.train(desk.upload(jsonl(TAUGHT)).id, model=NAME)
    (path,) = (tmp_path / "engine/vectors" / NAME).iterdir()
    kept = read_vectors(path)
    assert len(kept) == 2 * len(TAUGHT)
    question = next(iter(TAUGHT))
    marked = kept | {key_of(question): np.full(24, 0.25, np.float16)}
    write_vectors(path, marked)
    more = TAUGHT | {"Кто поливает цветы?": "Их поливает вахтёр."}
    assert desk.train(desk.upload(jsonl(more)).id, model=NAME).status == "succeeded"
    now = read_vectors(path)
    assert len(now) == 2 * len(more)
    assert (now[key_of(question)] == 0.25).all()


def test_vectors_that_cannot_be_read_are_made_again(desk, tmp_path):
    first = desk.train(desk.upload(jsonl(TAUGHT)).id, model=NAME)
    (path,) = (tmp_path / "engine/vectors" / NAME).iterdir()
    path.write_bytes(b"half a fi")
    again = desk.train(desk.upload(jsonl(TAUGHT)).id, model=NAME)
    weights = [
        tmp_path
        / "engine/models"
        / job.id
        / f"step-{desk.jobs.checkpoints.list(job.id).data[0].step_number}"
        for job in (first, again)
    ]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_the_newest_vectors_of_the_encoder_that_is_here_are_kept(tmp_path):
    earlier, path = tmp_path / "earlier.npz", tmp_path / "now.npz"
    earlier.write_bytes(b"")
    vector = np.zeros(1, np.float16)
    write_vectors(path, {key_of(str(number)): vector for number in range(MAX_KEPT + 5)})
    assert list(tmp_path.iterdir()) == [path]
    kept = read_vectors(path)
    assert len(kept) == MAX_KEPT
    assert key_of("4") not in kept
    assert key_of("5") in kept


def test_a_training_that_was_paused_keeps_the_vectors_it_has(own, tmp_path):
    trainer = EmbedTrainer(NAME, onnx_backend(own, tmp_path), tmp_path / "vectors")
    (tmp_path / "train.jsonl").write_bytes(jsonl(many(2 * AT_ONCE)))
    wanted = trainer.hyperparameters("supervised", {})
    task = Task("supervised", tmp_path / "train.jsonl", None, wanted, 42, tmp_path, BaseFiles(own))
    training = trainer.train(task)
    assert isinstance(next(training), ResolvedHyperparameters)
    assert next(training) is None
    training.close()
    (path,) = (tmp_path / "vectors").iterdir()
    assert len(read_vectors(path)) == AT_ONCE


def onnx_backend(folder, tmp_path):
    answering = EngineAnsweringConfig()
    return partial(
        TransformersBackend, NAME, configured(folder), folder, answering, tmp_path / "log"
    )


def test_without_the_runtime_it_says_what_to_install(own, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name)
    )
    with pytest.raises(Unavailable, match="needs onnxruntime: run make engine"):
        asyncio.run(onnx_backend(own, tmp_path)().embed(["билет"]))
