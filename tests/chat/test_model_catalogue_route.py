"""Which models may answer, best first, from rows of a real database."""

import asyncio
import json

import pytest

from merlin.chat.model_catalogue import (
    CandidateKind,
    ModelCatalogue,
    ModelRequest,
    candidates,
    find_first_candidate,
)
from merlin.core.clock import iso
from merlin.db.database import open_database
from merlin.db.tables import EXAMPLE_TEXT, MODEL, PROMOTION
from merlin.db.writer import Store
from tests.support.migrated_databases import fresh_database
from tests.support.serving_models import (
    AT,
    SYSTEM,
    insert_example,
    insert_live_model,
)

pytestmark = pytest.mark.integration

GENERAL = [("engine", None), ("openai", "gpt")]


@pytest.fixture
def rows(tmp_path):
    with open_database(fresh_database(tmp_path / "merlin.db")) as database:
        yield database


def serve(rows, number, dataset="face"):
    """Let the model of a new build serve."""
    insert_live_model(rows, f"ft:{dataset}-{number}", number=number, dataset=dataset)


def route(rows, dataset=None, chosen=None, general=GENERAL, **more):
    async def run():
        request = ModelRequest(dataset, chosen, general, **more)
        catalogue = ModelCatalogue(rows)
        first = find_first_candidate(catalogue, request)
        return [choice async for choice in candidates(catalogue, store, request, first)]

    store = Store(rows)
    try:
        return asyncio.run(run())
    finally:
        store.close()


def list_candidates(chain):
    return [(choice.kind.value, choice.provider, choice.model_id) for choice in chain]


def test_general_models_answer_if_no_model_serves(rows):
    assert list_candidates(route(rows)) == [
        ("alone", "engine", None),
        ("alone", "openai", "gpt"),
    ]
    assert route(rows, general=[]) == []


def test_serving_model_comes_first_with_the_prompt_it_was_trained_with(rows):
    serve(rows, 1)
    first = route(rows)[0]
    assert (first.kind, first.model_id) == (CandidateKind.SERVING, "ft:face-1")
    assert [(m.role, m.content) for m in first.before] == [("system", SYSTEM)]


def test_chain_leads_from_earlier_models_to_the_base_and_general_ones(rows):
    for number in (4, 1, 2):
        serve(rows, number)
    never_served = PROMOTION.to_model == "ft:face-4"
    rows.change(PROMOTION.delete().where(never_served))
    again = {"dataset": "face", "from_model": None, "to_model": "ft:face-1"}
    by = {"why": "newest", "by_whom": "merlin", "at": iso(AT)}
    rows.add(PROMOTION, {**again, **by})
    serve(rows, 3)
    assert list_candidates(route(rows)) == [
        ("serving", "chat", "ft:face-3"),
        ("earlier", "chat", "ft:face-1"),
        ("earlier", "chat", "ft:face-2"),
        ("base", "chat", "no-such-base"),
        ("general", "engine", None),
        ("general", "openai", "gpt"),
    ]


@pytest.mark.parametrize("state", ["new", "refused", "gone", "unapplied", "revoked"])
def test_model_that_may_not_serve_is_not_asked_even_if_chosen(rows, state):
    serve(rows, 1)
    serve(rows, 2)
    rows.update(MODEL, MODEL.model_id == "ft:face-1", state=state)
    assert "earlier" not in [kind for kind, _, _ in list_candidates(route(rows))]
    assert list_candidates(route(rows, chosen=("chat", "ft:face-1")))[0][0] == "serving"


def test_base_model_gets_a_few_training_examples(rows):
    serve(rows, 1)
    for name, split in (("b", "train"), ("a", "train"), ("c", "test")):
        turns = (f"Вопрос {name}", f"Ответ {name}")
        insert_example(rows, name, dataset="face", split=split, turns=turns)
    with_system = [
        {"role": "system", "content": "of the file"},
        {"role": "user", "content": "Вопрос b"},
        {"role": "assistant", "content": "Ответ b"},
    ]
    rows.update(
        EXAMPLE_TEXT, EXAMPLE_TEXT.digest == "b", messages=json.dumps(with_system)
    )
    (base,) = [choice for choice in route(rows) if choice.kind is CandidateKind.BASE]
    contents = [message.content for message in base.before]
    assert contents == [SYSTEM, "Вопрос a", "Ответ a", "Вопрос b", "Ответ b"]


def test_model_chosen_by_the_user_comes_before_the_serving_one(rows):
    serve(rows, 1)
    serve(rows, 2)
    assert list_candidates(route(rows, chosen=("chat", "ft:face-1")))[:2] == [
        ("chosen", "chat", "ft:face-1"),
        ("serving", "chat", "ft:face-2"),
    ]
    for chosen in ("ft:face-1", "ft:face-2"):
        chain = route(rows, chosen=("chat", chosen))
        asked = [choice.model_id for choice in chain]
        assert asked.count(chosen) == 1, "who could not answer is not asked again"
    general = route(rows, chosen=("openai", "gpt"))[0]
    assert (general.provider, general.model_id, general.before) == ("openai", "gpt", ())


def test_custom_system_prompt_is_answered_by_general_models_only(rows):
    serve(rows, 1)
    chain = route(rows, system="Переводи", assistant=("openai", "gpt"))
    assert list_candidates(chain) == [
        ("chosen", "openai", "gpt"),
        ("general", "engine", None),
    ]
    assert {message.content for choice in chain for message in choice.before} == {
        "Переводи"
    }


def test_first_serving_dataset_is_the_default(rows):
    serve(rows, 1, "python")
    serve(rows, 1, "algorithms")
    serve(rows, 2, "python")
    assert route(rows)[0].model_id == "ft:python-2"
    assert route(rows, "algorithms")[0].model_id == "ft:algorithms-1"
    assert list_candidates(route(rows, "face"))[0][0] == "alone"
