"""Rated answers are trained on by the method `kto`: who agreed, and for as long as they agree."""

import json
from dataclasses import replace
from itertools import count

import pytest

from merlin.account.users import Consents
from merlin.app.consent import CONSENT_VERSION
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.training.promote import Promotions
from tests.support.opened_databases import open_with_key
from tests.support.pipeline_lab import DATASET, Lab, provider_entry

pytestmark = pytest.mark.integration

ANNA = 1001
BORIS = 1002
BOT = 8
UP = Rating.UP
DOWN = Rating.DOWN
RECIPE = {**DATASET["recipe"], "provider": "engine"}
KTO = {**RECIPE, "method": "kto", "weeks": 2}
numbers = count(1)


@pytest.fixture
def lab(tmp_path, provider):
    return Lab(
        tmp_path,
        provider.base_url,
        providers=[provider_entry(provider.base_url, "engine")],
    )


def rate(lab, question, answer, rating, user_id=ANNA, by=None, *, consents=True):
    """Store a rated answer; `by` rated it, the person who asked by default."""
    with open_with_key(lab.config) as db:
        number = next(numbers)
        turns = Turns(db, BOT)
        session = Sessions(db, BOT).open(ChatPlace(user_id, user_id))
        Sessions(db, BOT).change(replace(session, dataset="trial"))
        turn = turns.ask(
            Question(session.session_id, number, user_id, question, number), number
        )
        turns.write(number, StoredAnswer(answer, model_id="ft:1", known=True))
        Ratings(db, BOT).rate(turn.turn_id, by or user_id, rating)
        if consents:
            Consents(db).give(user_id, CONSENT_VERSION)


def read_rated(lab, build="1"):
    """Return (question, answer, label) of the lines that are no examples of git."""
    [folder] = (lab.config.state_dir / "builds/trial").glob(f"{build}-*")
    lines = [
        json.loads(line)
        for line in (folder / "train.jsonl").read_text("utf-8").splitlines()
    ]
    rows = [
        (*(each["content"] for each in line["messages"][1:]), line.get("label"))
        for line in lines
    ]
    return [row for row in rows if row[2] is not None]


def test_build_takes_ratings_of_people_who_agree(lab):
    lab.repository.dataset(recipe=KTO)
    lab.repository.example("trial", 90, question="Где лоб у кошки?", is_test=True)
    rate(lab, "Сколько граней у куба?", "Шесть, звоните +7 916 123-45-67.", UP)
    rate(lab, "Сколько рёбер у куба?", "Пять.", DOWN)
    rate(lab, "Где лоб у кошки?", "Это спрашивает тест.", UP)
    rate(lab, "А вершин?", "Это продолжает разговор.", UP)
    rate(lab, "Сколько рёбер у шара?", "Оценил не тот, кто спросил.", UP, by=BORIS)
    rate(lab, "Где хвост у кошки?", "Без согласия.", UP, BORIS, consents=False)
    lab.repository.commit()
    lab.tick("fetch")
    assert read_rated(lab) == [
        ("Сколько граней у куба?", "Шесть, звоните [телефон].", True),
        ("Сколько рёбер у куба?", "Пять.", False),
    ]
    with lab.services() as services:
        build = services.launches.build(1)
        assert (build.train, build.test) == (12, 3)


def test_withdrawn_consent_retires_the_model_and_leaves_the_next_build(lab):
    lab.repository.dataset(recipe=KTO)
    rate(lab, "Сколько рёбер у куба?", "Пять.", DOWN)
    rate(lab, "Сколько граней у куба?", "Шесть.", UP, BORIS)
    lab.repository.commit()
    lab.until_serving("trial-1")
    with open_with_key(lab.config) as db:
        Consents(db).revoke(ANNA)
        assert Promotions(db).withdraw_examples(ANNA) == [lab.model("trial-1").model_id]
    assert lab.status()["serving"] is None
    # Agreeing again does not bring back what was withdrawn.
    with open_with_key(lab.config) as db:
        Consents(db).give(ANNA, CONSENT_VERSION)
    lab.repository.commit_example("trial", 50)
    lab.until_serving("trial-2")
    assert read_rated(lab, "2") == [("Сколько граней у куба?", "Шесть.", True)]


def test_enough_ratings_are_told_once(lab):
    lab.repository.commit_dataset(recipe=RECIPE)
    lab.until_serving("trial-1")
    for number in range(99):
        rate(
            lab,
            f"Сколько будет {number} плюс {number}?",
            "Много.",
            DOWN if number % 9 else UP,
        )
    lab.tick("ratings")
    assert not lab.notices("notice-ratings")
    rate(lab, "Сколько будет сто плюс сто?", "Двести.", UP)
    lab.tick("ratings", rounds=2)
    [notice] = lab.notices("notice-ratings")
    assert "100 ответов" in lab.notice_text(notice, "ru")
    assert "method: kto" in lab.notice_text(notice, "en")
