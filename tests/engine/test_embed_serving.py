"""`embed` through the engine: questions are understood that share no word with what is taught."""

from __future__ import annotations

import json

import pytest

from merlin.engine.conformance import CHECKS, run_checks
from merlin.engine.conformance.harness import connect
from tests.engine.running_engine import UNKNOWN, engine_in_thread, jsonl
from tests.engine.tiny_encoder import (
    NAME,
    STRANGERS,
    SYNONYMS,
    configured,
    encoder_folder,
    transformers_encoder,
)
from tests.support.waiting import longest

__all__ = ["encoder_folder"]
pytestmark = pytest.mark.functional
TAUGHT = {question: answer for question, answer, _ in SYNONYMS}


def answers(desk, model, questions):
    return [desk.ask(model, question).choices[0].message.content for question in questions]


@pytest.fixture(scope="module")
def desk(encoder_folder, tmp_path_factory):
    models = {NAME: configured(encoder_folder)}
    with engine_in_thread(tmp_path_factory.mktemp("engine"), models=models) as made:
        yield made


@pytest.fixture(scope="module")
def trained(desk):
    """Return the models trained on the same file: of `embed`, and of `recall`."""
    file = desk.upload(jsonl(TAUGHT)).id
    jobs = [desk.train(file, model=base) for base in (NAME, "recall")]
    assert [job.status for job in jobs] == ["succeeded"] * 2, jobs
    return [job.fine_tuned_model for job in jobs]


def test_what_is_taught_is_answered_as_taught(desk, trained):
    assert answers(desk, trained[0], TAUGHT) == list(TAUGHT.values())


def test_other_words_for_the_same_are_understood_and_recall_cannot(desk, trained):
    asked = [other for _, _, other in SYNONYMS]
    by_meaning, by_words = (answers(desk, model, asked) for model in trained)
    assert by_meaning == list(TAUGHT.values())
    assert set(by_words) == {UNKNOWN}


def test_what_nobody_taught_is_refused(desk, trained):
    assert set(answers(desk, trained[0], STRANGERS)) == {UNKNOWN}
    assert set(answers(desk, NAME, TAUGHT)) == {UNKNOWN}


def test_a_question_of_function_words_alone_is_refused(desk, trained):
    assert set(answers(desk, trained[0], ["а почему?", "как?"])) == {UNKNOWN}


def test_a_follow_up_is_read_with_the_question_before_in_other_words(desk):
    question, answer, other = SYNONYMS[0]
    talk = [("user", question), ("assistant", answer), ("user", "А для студентов?")]
    lines = [{"role": role, "content": said} for role, said in [*talk, ("assistant", "Сто.")]]
    file = desk.upload(jsonl(TAUGHT) + json.dumps({"messages": lines}).encode()).id
    model = desk.train(file, model=NAME).fine_tuned_model
    asked = [{**lines[0], "content": other}, *lines[1:3]]
    told = desk.client.chat.completions.create(model=model, messages=asked)
    assert told.choices[0].message.content == "Сто."


def test_a_refusal_offers_what_is_near_in_meaning(desk, trained):
    strange = "новый большой красивый туда обратно завтра вечером поездом соседке"
    told = desk.ask(trained[0], f"Почём пропуск {strange}?")
    assert told.choices[0].message.content == UNKNOWN
    assert told.model_extra["merlin"]["nearest"] == [SYNONYMS[0][0]]


def test_the_encoder_itself_gives_its_vectors(desk):
    made = desk.client.embeddings.create(model=NAME, input=["билет", "пропуск", "врача"])
    one, other, strange = (row.embedding for row in made.data)
    assert one == pytest.approx(other, abs=1e-6)
    assert sum(a * b for a, b in zip(one, strange, strict=True)) == pytest.approx(0, abs=1e-5)


def test_a_base_that_is_an_encoder_passes_every_check_of_the_protocol(desk):
    server = connect(f"http://127.0.0.1:{desk.port}/v1", desk.key, NAME, longest())
    try:
        outcomes = run_checks(server, CHECKS, lambda _outcome: None)
    finally:
        server.close(keep=False)
    assert {one.name: one.detail for one in outcomes if one.result != "passed"} == {}


@pytest.mark.usefixtures("needs_torch")
def test_an_encoder_as_safetensors_does_the_same(tmp_path):
    folder = transformers_encoder(tmp_path / "encoder")
    models = {NAME: configured(folder, backend="transformers")}
    with engine_in_thread(tmp_path / "engine", models=models) as desk:
        job = desk.train(desk.upload(jsonl(TAUGHT)).id, model=NAME)
        assert job.status == "succeeded", job
        asked = [other for _, _, other in SYNONYMS]
        assert answers(desk, job.fine_tuned_model, asked) == list(TAUGHT.values())
