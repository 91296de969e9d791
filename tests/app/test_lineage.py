"""What an example went into, and where an answer is from, over real rows of both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merlin.app import lineage
from merlin.app.actor import Actor
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Authority, Role
from merlin.db.encryption import Cipher
from tests.db.pipeline_rows import FACE, OPERATOR, World, examples

pytestmark = pytest.mark.integration
ANNA, BORIS, BOT = 1001, 1002, 7
THIRD = "лицо/вопрос-003"


@pytest.fixture
def cipher():
    return Cipher({"k": b"k" * 32}, "k")


@pytest.fixture
def world(database, clock):
    return World(database, clock)


@pytest.fixture
def answered(database, clock):
    """Return what stores an answer of a model to anna, and gives its number."""
    rows, session = Turns(database, BOT, clock), Sessions(database, BOT, clock)
    opened, numbers = session.open(ChatPlace(ANNA, ANNA)), iter(range(1, 1000))

    def answer(model_id, question="Что значит черта 3?", said="Сама.", provider="engine"):
        update = next(numbers)
        turn = rows.ask(Question(opened.session_id, update, ANNA, question, update), update)
        if model_id is not None:
            rows.write(update, StoredAnswer(said, provider=provider, model_id=model_id))
        return turn.turn_id

    return answer


def impact(world, name=THIRD, dataset="", actor=OPERATOR):
    return lineage.find_impact(world.ctx, actor, name, dataset)


def why(world, turn, actor=OPERATOR):
    return lineage.find_source(world.ctx, actor, turn)


def person(user_id, role=Role.STUDENT, *scopes):
    return Actor.person(user_id, Authority(role, frozenset(scopes)))


def test_an_example_tells_builds_models_and_answers(world, answered):
    models = [world.serve(1, examples()), world.serve(2, examples(changed=(5,)))]
    without = tuple(example for example in examples() if example.id != THIRD)
    other = world.serve(3, without)
    turns = [answered(model) for model in (*models, models[0], other)]
    told = impact(world)
    assert (told.dataset, told.example) == (FACE, THIRD)
    assert (told.builds, told.newest_builds, told.tests) == (2, [f"{FACE}-2", f"{FACE}-1"], 0)
    assert [model.model for model in told.newest_models] == models[::-1]
    assert [model.serves for model in told.newest_models] == [False, False]
    assert (told.answers, told.is_cut) == (3, False)
    assert [answer.turn for answer in told.newest_answers] == [turns[2], turns[1], turns[0]]


def test_a_test_example_is_asked_and_teaches_nothing(world, answered):
    answered(world.serve(1, examples()))
    told = impact(world, "лицо/вопрос-000")
    assert (told.builds, told.tests, told.models, told.answers) == (0, 1, 0, 0)


def test_answers_of_another_provider_by_the_same_name_are_not_counted(world, answered):
    model = world.serve(1, examples())
    answered(model, provider="elsewhere")
    assert impact(world).answers == 0


def test_many_answers_are_counted_to_a_bound(world, answered, monkeypatch):
    monkeypatch.setattr(lineage, "MAX_COUNTED", 4)
    models = [world.serve(1, examples()), world.serve(2, examples(changed=(5,)))]
    turns = [answered(models[number % 2]) for number in range(7)]
    told = impact(world)
    assert (told.answers, told.is_cut) == (4, True)
    assert [answer.turn for answer in told.newest_answers] == turns[:1:-1]


@pytest.mark.parametrize(
    "name",
    [
        THIRD,
        f"{FACE}/{THIRD}",
        f"examples/{THIRD}.yaml",
        f"datasets/{FACE}/examples/{THIRD}.yaml",
        f"/home/anna/examples/school/{FACE}/examples/{THIRD}.yaml",
    ],
)
def test_an_example_is_named_in_any_way(world, name):
    world.serve(1, examples())
    assert impact(world, name).example == THIRD
    assert impact(world, name, FACE).dataset == FACE


@pytest.mark.parametrize("name", ["нос", f"{FACE}/нос", "", "examples/.yaml", "other/x.yaml", "%"])
def test_what_no_build_holds_is_told(world, name):
    world.serve(1, examples())
    with pytest.raises(NotFound) as missing:
        impact(world, name)
    assert missing.value.key == "impact-none"


def test_one_of_several_datasets_must_be_named(world):
    from tests.db.pipeline_rows import spec

    world.serve(1, examples())
    world.push(2, examples(), told=spec("other"), name="b")
    with pytest.raises(Refused) as several:
        impact(world)
    assert several.value.arguments["datasets"] == f"{FACE}, other"
    assert impact(world, dataset="other").builds == 1


def test_who_may_not_watch_a_dataset_learns_nothing_of_its_examples(world):
    world.serve(1, examples())
    assert impact(world, actor=person(BORIS, Role.TEACHER, FACE)).builds == 1
    for stranger in (person(BORIS), person(BORIS, Role.TEACHER, "other")):
        with pytest.raises(NotFound):
            impact(world, actor=stranger)


def test_an_answer_tells_model_build_commit_and_what_said_it(world, answered):
    model = world.serve(1, examples())
    told = why(world, answered(model, said="Черта 3 значит так. Ёлка 100%."))
    assert (told.model, told.provider) == (model, "engine")
    assert (told.origin.build, told.origin.commit[:4]) == (f"{FACE}-1", "a001")
    assert (told.said_by, told.nearest) == ([THIRD], [])


def test_a_composed_answer_tells_the_nearest_and_no_source(world, answered):
    model = world.serve(1, examples())
    told = why(world, answered(model, "Объясни, что значит черта 3", said="Своими словами."))
    assert (told.said_by, told.nearest[0], len(told.nearest)) == ([], THIRD, 3)
    assert "лицо/вопрос-000" not in told.nearest  # it tests the model and taught it nothing


def test_a_general_models_answer_has_no_origin(world, answered):
    told = why(world, answered("gpt-general"))
    assert (told.origin, told.said_by, told.nearest) == (None, [], [])


def test_what_no_model_said_and_what_is_not_there_are_told(world, answered):
    with pytest.raises(Refused) as own:
        why(world, answered(None))
    assert own.value.key == "why-no-model"
    with pytest.raises(NotFound) as missing:
        why(world, 999)
    assert missing.value.key == "why-no-turn"


def test_ones_own_answer_and_those_of_ones_dataset_are_told_and_no_others(world, answered):
    mine, general = answered(world.serve(1, examples())), answered("gpt-general")
    for actor, turns in {
        person(ANNA): (mine, general),
        person(BORIS, Role.TEACHER, FACE): (mine,),
        person(BORIS, Role.TEACHER, "other"): (),
        person(BORIS): (),
        replace(person(BORIS), user_id=0): (),
    }.items():
        for turn in (mine, general):
            if turn in turns:
                assert why(world, turn, actor).turn == turn
            else:
                with pytest.raises(NotFound):
                    why(world, turn, actor)
