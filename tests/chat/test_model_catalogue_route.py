"""Which models may answer, best first, from rows of a real database."""

import asyncio
import json
from datetime import UTC, datetime

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
from merlin.db.tables import (
    BUILD,
    COMMIT,
    EXAMPLE_TEXT,
    JOB,
    MODEL,
    PROMOTION,
    SERVING,
    TAUGHT_EXAMPLE,
)
from merlin.db.writer import Store
from tests.support.migrated_databases import fresh_database

pytestmark = pytest.mark.integration

AT = iso(datetime(2026, 11, 20, 8, 30, tzinfo=UTC))
GENERAL = [("engine", None), ("openai", "gpt")]


class ModelRows:
    """Builds and models of datasets in the database."""

    def __init__(self, database):
        self.db = database
        self.numbers = {}

    def add_model(self, dataset, state="good"):
        """Add the next build of a dataset with its model; return the model's row number."""
        number = self.numbers[dataset] = self.numbers.get(dataset, 0) + 1
        counts = {
            "folder": "",
            "train": 60,
            "test": 12,
            "train_tokens": 1,
            "test_tokens": 1,
        }
        name = f"{dataset}-{number}"
        build = {
            "dataset": dataset,
            "number": number,
            "digest": name,
            **counts,
            "created_at": AT,
        }
        build_id = self.db.add(
            BUILD, {**build, "system": f"S {name}", "manifest": "{}"}
        )
        job_id = self.db.add(JOB, self._job(dataset, build_id))
        model = {
            "provider": "engine",
            "model_id": f"ft:{name}",
            "dataset": dataset,
            "note": "",
        }
        state_of = {"state": state, "probes": 0, "not_before": None, "created_at": AT}
        return self.db.add(
            MODEL, {**model, **state_of, "build_id": build_id, "job_id": job_id}
        )

    def _job(self, dataset, build_id):
        identity = {
            "launch_key": f"{build_id}",
            "training_key": "",
            "dataset": dataset,
            "build_id": build_id,
        }
        recipe = json.dumps({"provider": "engine", "base_model": "recall"})
        states = {
            "state": "succeeded",
            "status": "succeeded",
            "recipe": recipe,
            "error": "",
        }
        counted = {
            "attempt": 1,
            "trained_tokens": 0,
            "estimate_micro": 0,
            "currency": "USD",
        }
        named = {"provider": "engine", "provider_job_id": "j", "model_id": None}
        times = {"not_before": None, "created_at": AT, "updated_at": AT}
        return {**identity, **states, **counted, **named, **times}

    def serve(self, model_row):
        """Let a model serve; return its id."""
        row = self.db.row(MODEL.select().where(MODEL.id == model_row))
        self.db.change(SERVING.delete().where(SERVING.dataset == row.dataset))
        serving = {
            "dataset": row.dataset,
            "model_row": model_row,
            "since": AT,
            "position": 1,
        }
        self.db.put(SERVING.insert({**serving, "is_pinned": 0}))
        promotion = {"from_model": None, "why": "newest", "by_whom": "merlin", "at": AT}
        self.db.add(
            PROMOTION,
            {"dataset": row.dataset, "to_model": row.model_id, **promotion},
        )
        return row.model_id

    def teach(self, *pairs):
        """Store examples of the first build."""
        person = {
            "author_name": "anna",
            "author_email": "a@example.com",
            "subject": "s",
        }
        times = {"committed_at": AT, "message": "", "position": 1}
        self.db.put(COMMIT.insert({"sha": "c", **person, **times}))
        for name, split, question in pairs:
            messages = [
                {"role": "system", "content": "S"},
                {"role": "user", "content": question},
                {"role": "assistant", "content": f"{question}!"},
            ]
            text = {"digest": name, "messages": json.dumps(messages), "words": ""}
            self.db.put(EXAMPLE_TEXT.insert(text))
            example = {
                "dataset": "face",
                "example_id": name,
                "blob": "b",
                "split": split,
            }
            by = {"commit_sha": "c", "author": "anna", "tokens": 1, "text_digest": name}
            builds = {"first_build": 1, "end_build": 2}
            self.db.put(TAUGHT_EXAMPLE.insert({**example, **by, **builds}))


@pytest.fixture
def rows(tmp_path):
    url = fresh_database(tmp_path / "merlin.db")
    with open_database(url) as database:
        yield ModelRows(database)


def route(rows, dataset=None, chosen=None, general=GENERAL, **more):
    async def run():
        request = ModelRequest(dataset, chosen, general, **more)
        catalogue = ModelCatalogue(rows.db)
        first = find_first_candidate(catalogue, request)
        return [choice async for choice in candidates(catalogue, store, request, first)]

    store = Store(rows.db)
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
    rows.serve(rows.add_model("face"))
    first = route(rows)[0]
    assert (first.kind, first.model_id) == (CandidateKind.SERVING, "ft:face-1")
    assert [(m.role, m.content) for m in first.before] == [("system", "S face-1")]


def test_chain_leads_from_earlier_models_to_the_base_and_general_ones(rows):
    first, second, third = (rows.add_model("face") for _ in range(3))
    for row in (first, second, first, third):
        rows.serve(row)
    rows.add_model("face")  # never served
    assert list_candidates(route(rows)) == [
        ("serving", "engine", "ft:face-3"),
        ("earlier", "engine", "ft:face-1"),
        ("earlier", "engine", "ft:face-2"),
        ("base", "engine", "recall"),
        ("general", "engine", None),
        ("general", "openai", "gpt"),
    ]


@pytest.mark.parametrize("state", ["new", "refused", "gone", "unapplied", "revoked"])
def test_model_that_may_not_serve_is_not_asked_even_if_chosen(rows, state):
    old = rows.add_model("face", state=state)
    new = rows.add_model("face")
    rows.serve(old)
    rows.serve(new)
    assert "earlier" not in [kind for kind, _, _ in list_candidates(route(rows))]
    assert (
        list_candidates(route(rows, chosen=("engine", "ft:face-1")))[0][0] == "serving"
    )


def test_base_model_gets_a_few_training_examples(rows):
    rows.serve(rows.add_model("face"))
    rows.teach(
        ("b", "train", "Второй"), ("a", "train", "Первый"), ("c", "test", "Проверка")
    )
    (base,) = [choice for choice in route(rows) if choice.kind is CandidateKind.BASE]
    contents = [message.content for message in base.before]
    assert contents == ["S face-1", "Первый", "Первый!", "Второй", "Второй!"]


def test_model_chosen_by_the_user_comes_before_the_serving_one(rows):
    old = rows.serve(rows.add_model("face"))
    rows.serve(rows.add_model("face"))
    assert list_candidates(route(rows, chosen=("engine", old)))[:2] == [
        ("chosen", "engine", "ft:face-1"),
        ("serving", "engine", "ft:face-2"),
    ]
    for chosen in ("ft:face-1", "ft:face-2"):
        asked = [
            model
            for _, _, model in list_candidates(route(rows, chosen=("engine", chosen)))
        ]
        assert asked.count(chosen) == 1, "who could not answer is not asked again"
    general = route(rows, chosen=("openai", "gpt"))[0]
    assert (general.provider, general.model_id, general.before) == ("openai", "gpt", ())


def test_custom_system_prompt_is_answered_by_general_models_only(rows):
    rows.serve(rows.add_model("face"))
    chain = route(rows, system="Переводи", assistant=("openai", "gpt"))
    assert list_candidates(chain) == [
        ("chosen", "openai", "gpt"),
        ("general", "engine", None),
    ]
    assert {message.content for choice in chain for message in choice.before} == {
        "Переводи"
    }


def test_first_serving_dataset_is_the_default(rows):
    rows.serve(rows.add_model("python"))
    rows.serve(rows.add_model("algorithms"))
    rows.serve(rows.add_model("python"))
    assert route(rows)[0].model_id == "ft:python-2"
    assert route(rows, "algorithms")[0].model_id == "ft:algorithms-1"
    assert list_candidates(route(rows, "face"))[0][0] == "alone"
