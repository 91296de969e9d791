"""What an example was used for, and the origin of an answer, over real rows of both databases."""

from dataclasses import replace

import pytest

from merlin.app import lineage
from merlin.app.evaluation import PartFigures, read_evaluation
from merlin.chat.turns import StoredAnswer
from merlin.core.errors import NotFound, Refused
from merlin.core.messages import Message
from merlin.core.money import Cost
from merlin.dataset.example_file import write_example
from merlin.dataset.files import FileIndex
from merlin.git.source import blob_id
from merlin.training.models import find_origin, find_taught
from tests.db.pipeline_rows import FACE, OPERATOR, make_examples, make_spec
from tests.support.people import BORIS, STUDENT, make_teacher
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration
THIRD = "лицо/вопрос-003"


@pytest.fixture
def store_answer(store_question):
    """Return a function that stores a model's answer to anna and returns its number."""
    usual = {"answer": "Сама.", "provider": "engine", "model_role": "serving"}

    def store(model_id, question="Что значит черта 3?", **answer):
        stored = StoredAnswer(model_id=model_id, currency="USD", **(usual | answer))
        return store_question(question, stored).turn_id

    return store


def keep_files(database, examples):
    """Cache the files of these examples, by which their questions are found."""
    texts = {each.path: write_example(each) for each in examples}
    blobs = {path: blob_id(text) for path, text in texts.items()}
    files = FileIndex(database)
    files.add({blobs[path]: text for path, text in texts.items()})
    files.keep(FACE, "tree", blobs)


def read_impact(world, name=THIRD, dataset="", actor=OPERATOR):
    return lineage.find_impact(world.ctx, actor, name, dataset)


def read_origin(world, turn, actor=OPERATOR):
    return lineage.find_source(world.ctx, actor, turn)


@pytest.fixture
def model(world):
    """The id of a model that serves."""
    return world.serve(1, make_examples())


def test_example_shows_its_builds_models_and_answers(world, store_answer):
    models = [
        world.serve(1, make_examples()),
        world.serve(2, make_examples(changed=(5,))),
    ]
    without = tuple(example for example in make_examples() if example.id != THIRD)
    other_model = world.serve(3, without)
    turns = [store_answer(model) for model in (*models, models[0], other_model)]
    told = read_impact(world)
    assert (told.dataset, told.example) == (FACE, THIRD)
    assert (told.builds, told.newest_builds, told.tests) == (
        2,
        [f"{FACE}-2", f"{FACE}-1"],
        0,
    )
    assert [model.model for model in told.newest_models] == models[::-1]
    assert [model.serves for model in told.newest_models] == [False, False]
    assert [answer.turn for answer in told.newest_answers] == [
        turns[2],
        turns[1],
        turns[0],
    ]


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
def test_example_can_be_named_by_id_or_path(world, name, model):
    assert read_impact(world, name).example == THIRD
    assert read_impact(world, name, FACE).dataset == FACE


@pytest.mark.parametrize(
    "name", ["нос", f"{FACE}/нос", "", "examples/.yaml", "other/x.yaml", "%"]
)
def test_example_in_no_build_is_not_found(world, name, model):
    assert refusal_key(NotFound, read_impact, world, name) == "impact-not-found"


def test_ambiguous_example_requires_its_dataset(world, model):
    world.push(2, make_examples(), spec=make_spec("other"), name="b")
    with pytest.raises(Refused) as several:
        read_impact(world)
    assert several.value.arguments["datasets"] == f"{FACE}, other"
    assert read_impact(world, dataset="other").builds == 1


def test_user_who_cannot_watch_a_dataset_cannot_see_the_use_of_its_examples(
    world, model
):
    assert read_impact(world, actor=make_teacher(FACE)).builds == 1
    for outsider in (STUDENT, make_teacher("other")):
        with pytest.raises(NotFound):
            read_impact(world, actor=outsider)


def test_answer_shows_its_model_and_build_and_the_commit_of_its_example_apart(
    world, store_answer, model
):
    newer = world.serve(2, make_examples(changed=(5,)))
    origin = read_origin(
        world, store_answer(newer, answer="Черта 3 значит так. Ёлка 100%.")
    )
    assert (origin.model, origin.provider) == (newer, "engine")
    assert (origin.origin.build, origin.origin.commit[:4]) == (f"{FACE}-2", "a002")
    assert ([*origin.said_by], origin.nearest) == ([THIRD], [])
    assert origin.said_by[THIRD].startswith("a001")


def test_composed_answer_shows_nearest_examples_and_no_source(
    world, store_answer, model
):
    keep_files(world.db, make_examples())
    origin = read_origin(
        world,
        store_answer(model, "Объясни, что значит черта 3", answer="Своими словами."),
    )
    assert (origin.said_by, origin.nearest[0], len(origin.nearest)) == ({}, THIRD, 3)
    assert (
        "лицо/вопрос-000" not in origin.nearest
    )  # a test example: the model was not trained on it


def test_refusal_has_no_source_and_no_nearest_examples(world, store_answer):
    turn = store_answer(
        world.serve(1, make_examples()), answer="Этого я не знаю.", known=False
    )
    origin = read_origin(world, turn)
    assert origin.origin.build == f"{FACE}-1"
    assert (origin.part, origin.said_by, origin.nearest) == ("refused", {}, [])


@pytest.mark.parametrize(
    ("known", "role", "part"),
    [
        (True, "serving", "exact"),
        (None, "serving", "model"),
        (True, "composed", "composed"),
    ],
)
def test_part_of_the_chain_that_answered_is_named(
    world, store_answer, known, role, part, model
):
    assert (
        read_origin(world, store_answer(model, known=known, model_role=role)).part
        == part
    )


def test_evaluation_shows_delay_and_cost_of_each_part_of_a_model(
    world, store_answer, model
):
    for first_ms in (10, 30, 20):
        store_answer(model, known=True, first_ms=first_ms)
    for cost_micro in (600, 200):
        store_answer(model, first_ms=4000, cost_micro=cost_micro)
    store_answer(model, known=False, first_ms=90_000)
    assert read_evaluation(world.ctx, OPERATOR, model).parts == [
        PartFigures(part="exact", answers=3, first_s=0.02, cost=Cost(0, "USD")),
        PartFigures(part="model", answers=2, first_s=4, cost=Cost(400, "USD")),
    ]


def test_answer_of_a_general_model_has_no_origin(world, store_answer):
    origin = read_origin(world, store_answer("gpt-general"))
    assert (origin.origin, origin.said_by, origin.nearest) == (None, {}, [])


def test_origin_of_a_turn_without_a_model_or_of_a_missing_turn_is_refused(
    world, store_question
):
    assert (
        refusal_key(Refused, read_origin, world, store_question(answer=None).turn_id)
        == "why-no-model"
    )
    assert refusal_key(NotFound, read_origin, world, 999) == "why-no-turn"


def test_origin_is_visible_for_own_answers_and_own_datasets_only(world, store_answer):
    own_answer = store_answer(world.serve(1, make_examples()))
    general_answer = store_answer("gpt-general")
    for actor, turns in {
        STUDENT: (own_answer, general_answer),
        make_teacher(FACE): (own_answer,),
        make_teacher("other"): (),
        replace(STUDENT, user_id=BORIS): (),
        replace(STUDENT, user_id=0): (),
    }.items():
        for turn in (own_answer, general_answer):
            if turn in turns:
                assert read_origin(world, turn, actor).turn == turn
            else:
                with pytest.raises(NotFound):
                    read_origin(world, turn, actor)


def test_model_shows_its_build_commit_and_the_examples_behind_an_answer(
    world,
):
    old = world.serve(1, make_examples())
    new = world.serve(2, make_examples(changed=(3,)), author="boris")
    keep_files(world.db, make_examples())
    origin = find_origin(world.db, new)
    assert (origin.build, origin.examples, origin.editors) == (f"{FACE}-2", 11, 2)
    assert origin.commit.startswith("a002")
    assert origin.model_role == "serving"
    assert find_origin(world.db, old).model_role == "earlier"
    assert find_origin(world.db, "nobody") is None
    answer = "черта 3 значит ИНАЧЕ. Елка 100%"
    assert find_taught(world.db, new, "", answer) == (
        {"лицо/вопрос-003": origin.commit},
        [],
    )
    for model, text in ((old, answer), (new, "100_"), (new, "100%"), (new, "")):
        assert find_taught(world.db, model, "", text) == ({}, [])
    no_source, nearest = find_taught(
        world.db, new, "А что значит черта 7?", "Я сама придумала."
    )
    assert (no_source, nearest[0], len(nearest)) == ({}, "лицо/вопрос-007", 3)
    assert find_taught(world.db, "nobody", "Что?", answer) == ({}, [])


def test_long_question_is_nearest_to_itself(world):
    head = " ".join(f"голова{n}" for n in range(15))
    tail = " ".join(f"абв{n}" for n in range(24))
    examples = list(make_examples())
    for number, asked in ((1, f"{head} {tail}"), (2, tail)):
        messages = Message("user", asked), examples[number].messages[-1]
        examples[number] = replace(examples[number], messages=messages)
    model = world.serve(1, examples)
    keep_files(world.db, examples)
    nearest = find_taught(world.db, model, f"{head} {tail}", "Я сама придумала.")[1]
    assert nearest[0] == "лицо/вопрос-001"
