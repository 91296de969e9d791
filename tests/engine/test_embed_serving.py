"""`embed` through the engine: it answers paraphrases that share no word with a trained question."""

import json

import pytest

from merlin.engine.conformance import CHECKS, run_checks
from merlin.engine.conformance.harness import connect
from tests.engine.running_engine import UNKNOWN, build_training_file, serve_engine
from tests.engine.tiny_encoder import (
    NAME,
    STRANGERS,
    SYNONYMS,
    build_config,
    encoder_folder,
)
from tests.support.waiting import longest

__all__ = ["encoder_folder"]
pytestmark = pytest.mark.functional
TAUGHT = {question: answer for question, answer, _ in SYNONYMS}


def ask_all(engine, model, questions):
    return [engine.ask(model, question).choices[0].message.content for question in questions]


@pytest.fixture(scope="module")
def engine(encoder_folder, tmp_path_factory):
    models = {NAME: build_config(encoder_folder)}
    with serve_engine(tmp_path_factory.mktemp("engine"), models=models) as client:
        yield client


@pytest.fixture(scope="module")
def trained(engine):
    """Return the models of `embed` and of `recall`, trained on the same file."""
    file = engine.upload(build_training_file(TAUGHT)).id
    jobs = [engine.train(file, model=base) for base in (NAME, "recall")]
    assert [job.status for job in jobs] == ["succeeded"] * 2, jobs
    return [job.fine_tuned_model for job in jobs]


def test_trained_questions_get_their_trained_answers(engine, trained):
    assert ask_all(engine, trained[0], TAUGHT) == list(TAUGHT.values())


def test_paraphrases_are_answered_by_meaning_where_recall_refuses(engine, trained):
    paraphrases = [other_question for _, _, other_question in SYNONYMS]
    by_meaning, by_words = (ask_all(engine, model, paraphrases) for model in trained)
    assert by_meaning == list(TAUGHT.values())
    assert by_words.count(UNKNOWN) >= len(paraphrases) / 2
    assert all(
        answer in {UNKNOWN, TAUGHT[question]}
        for question, answer in zip(TAUGHT, by_words, strict=True)
    )


def test_untrained_questions_are_refused(engine, trained):
    assert set(ask_all(engine, trained[0], STRANGERS)) == {UNKNOWN}
    assert set(ask_all(engine, NAME, TAUGHT)) == {UNKNOWN}


def test_question_of_function_words_alone_is_refused(engine, trained):
    assert set(ask_all(engine, trained[0], ["а почему?", "как?"])) == {UNKNOWN}


def test_follow_up_is_answered_after_a_paraphrased_question(engine):
    question, answer, other_question = SYNONYMS[0]
    talk = [("user", question), ("assistant", answer), ("user", "А для студентов?")]
    lines = [{"role": role, "content": content} for role, content in [*talk, ("assistant", "Сто.")]]
    file = engine.upload(build_training_file(TAUGHT) + json.dumps({"messages": lines}).encode()).id
    model = engine.train(file, model=NAME).fine_tuned_model
    messages = [{**lines[0], "content": other_question}, *lines[1:3]]
    completion = engine.openai.chat.completions.create(model=model, messages=messages)
    assert completion.choices[0].message.content == "Сто."


def test_refusal_suggests_the_question_nearest_in_meaning(engine, trained):
    strange = "новый большой красивый туда обратно завтра вечером поездом соседке"
    completion = engine.ask(trained[0], f"Почём пропуск {strange}?")
    assert completion.choices[0].message.content == UNKNOWN
    assert completion.model_extra["merlin"]["nearest"] == [SYNONYMS[0][0]]


def test_embeddings_route_returns_the_encoders_vectors(engine):
    response = engine.openai.embeddings.create(model=NAME, input=["билет", "пропуск", "врача"])
    vector_of_question, other_question, strange = (row.embedding for row in response.data)
    assert vector_of_question == pytest.approx(other_question, abs=1e-6)
    assert sum(a * b for a, b in zip(vector_of_question, strange, strict=True)) == pytest.approx(
        0, abs=1e-5
    )


def test_encoder_base_passes_every_protocol_check(engine):
    server = connect(f"http://127.0.0.1:{engine.port}/v1", engine.key, NAME, longest())
    try:
        outcomes = run_checks(server, CHECKS, lambda _outcome: None)
    finally:
        server.close(keep=False)
    assert {
        vector_of_question.name: vector_of_question.arguments
        for vector_of_question in outcomes
        if vector_of_question.result != "passed"
    } == {}
