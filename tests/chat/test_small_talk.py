"""How a dataset answers small talk."""

import pytest

from merlin.chat.model_catalogue import (
    ModelCatalogue,
    ModelRequest,
    find_first_candidate,
)
from merlin.chat.small_talk import answer_small_talk
from merlin.core.i18n import text
from merlin.dataset.spec import dump_spec
from merlin.db.database import open_database
from merlin.db.tables import EXAMPLE_TEXT, VERDICT
from tests.dataset.test_spec import read_spec
from tests.support.dataset_tree import DATASET_YAML
from tests.support.migrated_databases import fresh_database
from tests.support.serving_models import (
    insert_commit_of_build,
    insert_example,
    insert_live_model,
)

pytestmark = pytest.mark.integration

GENERAL = ("openai", "gpt")
GREETING = "Привет! Я бот приёмной."


@pytest.fixture
def answer(tmp_path):
    """Return a function that answers, as the dataset's live model would be asked."""
    with open_database(fresh_database(tmp_path / "merlin.db")) as database:
        insert_live_model(database, "m1")

        def answer_by_dataset(message, language="ru", chosen=None, system=""):
            request = ModelRequest("neurotypology", chosen, [GENERAL], system)
            first = find_first_candidate(ModelCatalogue(database), request)
            return answer_small_talk(database, first, message, language)

        answer_by_dataset.database = database
        yield answer_by_dataset


def use_settings(database, more=""):
    insert_commit_of_build(database, "c" * 40, "neurotypology")
    database.change(VERDICT.update({"spec": dump_spec(read_spec(DATASET_YAML + more))}))


def test_default_answer_is_in_the_language_of_the_message_else_of_the_person(answer):
    use_settings(answer.database)
    assert answer("привет", "en") == text("ru", "small-talk-greeting")
    assert answer("thx", "ru") == text("en", "small-talk-thanks")
    assert answer("👋", "en") == text("en", "small-talk-greeting")
    assert "«Нейротипология»" in answer("кто ты?")
    assert "“Neurotypology”" in answer("who are you?")


def test_answer_of_the_dataset_replaces_the_default_one_of_its_language(answer):
    use_settings(answer.database, f"small_talk: {{greeting: {{ru: {GREETING}}}}}\n")
    assert answer("Здравствуйте!") == GREETING
    assert answer("hello") == text("en", "small-talk-greeting")
    assert answer("пока") == text("ru", "small-talk-bye")


def test_question_that_the_dataset_teaches_goes_to_the_model(answer):
    insert_example(answer.database, "q1")
    answer.database.change(EXAMPLE_TEXT.update({"words": "привет, ты кто\nя бот"}))
    assert answer("Привет! Ты кто?") == ""
    assert answer("Привет!") == text("ru", "small-talk-greeting")


def test_only_a_model_of_the_dataset_is_spared(answer):
    assert answer("привет", chosen=GENERAL) == ""
    assert answer("привет", system="Переводи на английский.") == ""
