"""An ordinary FAQ, one question an answer, with the defaults of dataset.yaml, at a real engine."""

import csv
from pathlib import Path

import pytest
import yaml

from merlin.app import evaluation
from merlin.app.actor import Actor
from merlin.wiring.context import open_reading_context
from tests.engine.running_engine import KEY, build_examples, serve_engine
from tests.support import pipeline_lab
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.integration
CLINIC = Path(__file__).parents[1] / "inputs/files/faq-clinic.csv"
SPEC = {
    "title": {"ru": "Поликлиника"},
    "system": "Отвечай вежливо.",
    "recipe": {"provider": "engine", "base_model": "recall"},
}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    with serve_engine(tmp_path / "engine") as client:
        url = f"http://127.0.0.1:{client.port}/v1"
        entry = {
            "name": "engine",
            "base_url": url,
            "credential": pipeline_lab.KEY,
            "settle_s": 0,
        }
        lab = Lab(tmp_path, url, providers=[entry], daemon={"quiet_s": 0})
        monkeypatch.setenv(pipeline_lab.KEY, KEY)
        lab.engine = client
        yield lab


def write_faq(lab, pairs):
    folder = lab.repository.folder / "datasets" / "trial"
    (folder / "examples").mkdir(parents=True)
    (folder / "dataset.yaml").write_text(
        yaml.safe_dump(SPEC, allow_unicode=True), "utf-8"
    )
    for number, (question, answer) in enumerate(pairs.items()):
        messages = {"messages": [{"user": question}, {"assistant": answer}]}
        text = yaml.safe_dump(messages, allow_unicode=True, sort_keys=False)
        (folder / "examples" / f"q{number:03d}.yaml").write_text(text, "utf-8")
    lab.repository.commit("Our questions")


def read_clinic():
    with CLINIC.open(encoding="utf-8", newline="") as file:
        return dict(list(csv.reader(file, delimiter=";"))[1:])


@pytest.mark.parametrize(
    ("pairs", "disguised"),
    [
        (dict(list(read_clinic().items())[:10]), 10),
        (read_clinic(), 65),
        (build_examples(300), 200),
    ],
    ids=["10", "65", "300"],
)
def test_faq_is_live_after_its_first_commit_and_answers_each_question(
    lab, pairs, disguised
):
    write_faq(lab, pairs)
    status = lab.until_serving("trial-1")
    model = status["serving"]["model"]
    lost = [
        each
        for each in pairs
        if lab.engine.ask(model, each).choices[0].message.content != pairs[each]
    ]
    assert lost == []
    with open_reading_context(lab.config) as ctx:
        scores = evaluation.read_evaluation(
            ctx, Actor.operator(), "trial-1"
        ).report.scores
    assert (scores.questions, scores.disguised, scores.unrelated) == (
        disguised,
        disguised,
        10,
    )
