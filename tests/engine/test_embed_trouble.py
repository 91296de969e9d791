"""`embed` with a broken or changed encoder: a clear error, and models that stay."""

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
from merlin.engine.trainers.base import (
    BaseFiles,
    Hyperparameters,
    ResolvedHyperparameters,
    Task,
    check_hyperparameters,
)
from merlin.engine.trainers.recall import TEXTS_AT_ONCE, EmbedTrainer
from merlin.engine.trainers.recall.encoder import (
    MAX_CACHED,
    digest_text,
    read_vectors,
    write_vectors,
)
from tests.engine.base_library import Library
from tests.engine.running_engine import (
    build_examples,
    build_training_file,
    read_weights,
    serve_engine,
)
from tests.engine.tiny_encoder import NAME, SYNONYMS, build_config, encoder_folder, onnx_encoder

__all__ = ["encoder_folder"]
pytestmark = pytest.mark.functional
TAUGHT = {question: answer for question, answer, _ in SYNONYMS}
_, RIGHT, OTHER_WORDS = SYNONYMS[0]


@pytest.fixture
def damageable_encoder(encoder_folder, tmp_path):
    """Return an encoder's folder that a test may damage."""
    return shutil.copytree(encoder_folder, tmp_path / "own")


@pytest.fixture
def engine(damageable_encoder, tmp_path):
    with serve_engine(
        tmp_path / "engine", models={NAME: build_config(damageable_encoder)}
    ) as client:
        yield client


def fail_job(engine):
    """Return the error of a job on the encoder."""
    job = engine.train(engine.upload(build_training_file(TAUGHT)).id, model=NAME)
    assert job.status == "failed", job
    return job.error


def change_byte(path):
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content)


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("spoil_it", "message"),
    [
        (shutil.rmtree, "folder"),
        (remove("onnx/model.onnx"), "model.onnx"),
        (remove("tokenizer.json"), "tokenizer.json"),
        (write("onnx/model.onnx", b"<html>404</html>"), "broken or no encoder"),
        (write("tokenizer.json", b"{}"), "broken or no encoder"),
    ],
)
def test_unusable_encoder_fails_the_job_with_advice(engine, damageable_encoder, spoil_it, message):
    spoil_it(damageable_encoder)
    error = fail_job(engine)
    assert (error.code, error.param) == ("base_unusable", "model")
    assert message in error.message


def test_damaged_encoder_fails_the_job_before_training(damageable_encoder, tmp_path):
    library = Library.create(
        tmp_path / "engine", damageable_encoder, backend="onnx", embeddings=True
    )
    library.pull()
    change_byte(damageable_encoder / "onnx/model.onnx")
    with serve_engine(tmp_path / "engine", models={"tiny": library.model}) as engine:
        job = engine.train(engine.upload(build_training_file(TAUGHT)).id, model="tiny")
        assert (job.status, job.error.code) == ("failed", "base_damaged")
        assert "onnx/model.onnx" in job.error.message


def test_model_is_refused_with_a_changed_encoder_and_answers_when_it_is_restored(
    engine, damageable_encoder, tmp_path
):
    job = engine.train(engine.upload(build_training_file(TAUGHT)).id, model=NAME)
    copy = shutil.copytree(damageable_encoder, tmp_path / "kept")
    for columns in (24, 16):
        onnx_encoder(damageable_encoder, columns)
        if columns == 24:
            change_byte(damageable_encoder / "onnx/model.onnx")
        with pytest.raises(openai.BadRequestError, match="trained with") as refused:
            engine.ask(job.fine_tuned_model, OTHER_WORDS)
        assert refused.value.code == "base_changed"
        shutil.copytree(copy, damageable_encoder, dirs_exist_ok=True)
        assert engine.ask(job.fine_tuned_model, OTHER_WORDS).choices[0].message.content == RIGHT


def test_unreadable_vectors_are_computed_again_and_later_only_those_of_new_texts(engine, tmp_path):
    first = engine.train(engine.upload(build_training_file(TAUGHT)).id, model=NAME)
    (path,) = (tmp_path / "engine/vectors" / NAME).iterdir()
    path.write_bytes(b"half a fi")
    second = engine.train(engine.upload(build_training_file(TAUGHT)).id, model=NAME)
    weights = [read_weights(tmp_path / "engine", engine, job.id) for job in (first, second)]
    assert weights[0] == weights[1]
    vectors = read_vectors(path)
    assert len(vectors) == 2 * len(TAUGHT)
    question = next(iter(TAUGHT))
    marked = vectors | {digest_text(question): np.full(24, 0.25, np.float16)}
    write_vectors(path, marked)
    extended = TAUGHT | {"Кто поливает цветы?": "Их поливает вахтёр."}
    assert (
        engine.train(engine.upload(build_training_file(extended)).id, model=NAME).status
        == "succeeded"
    )
    now = read_vectors(path)
    assert len(now) == 2 * len(extended)
    assert (now[digest_text(question)] == 0.25).all()


def test_cache_keeps_only_the_newest_vectors_of_the_present_encoder(tmp_path):
    earlier, path = tmp_path / "earlier.npz", tmp_path / "now.npz"
    earlier.write_bytes(b"")
    assert read_vectors(earlier) == {}
    vector = np.zeros(1, np.float16)
    write_vectors(path, {digest_text(str(number)): vector for number in range(MAX_CACHED + 5)})
    assert list(tmp_path.iterdir()) == [path]
    vectors = read_vectors(path)
    assert len(vectors) == MAX_CACHED
    assert digest_text("4") not in vectors
    assert digest_text("5") in vectors


def test_paused_training_keeps_the_vectors_computed_so_far(damageable_encoder, tmp_path):
    trainer = EmbedTrainer(
        NAME, build_onnx_backend(damageable_encoder, tmp_path), tmp_path / "vectors"
    )
    (tmp_path / "train.jsonl").write_bytes(build_training_file(build_examples(2 * TEXTS_AT_ONCE)))
    settings = check_hyperparameters("supervised", Hyperparameters, {})
    task = Task(
        "supervised",
        tmp_path / "train.jsonl",
        None,
        settings,
        42,
        tmp_path,
        BaseFiles(damageable_encoder),
    )
    training = trainer.train(task)
    assert isinstance(next(training), ResolvedHyperparameters)
    assert next(training) is None
    training.close()
    (path,) = (tmp_path / "vectors").iterdir()
    assert len(read_vectors(path)) == TEXTS_AT_ONCE


def build_onnx_backend(folder, tmp_path):
    answering = EngineAnsweringConfig()
    return partial(
        TransformersBackend, NAME, build_config(folder), folder, answering, tmp_path / "log"
    )


def test_missing_runtime_is_reported_with_install_advice(damageable_encoder, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name)
    )
    with pytest.raises(Unavailable, match="needs onnxruntime: run make engine"):
        asyncio.run(build_onnx_backend(damageable_encoder, tmp_path)().embed(["билет"]))
