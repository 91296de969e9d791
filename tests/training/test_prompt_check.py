"""Comparing prompts with a tuned model: right answers, nearest examples, the verdict."""

from datetime import UTC, datetime

import pytest
import yaml

from merlin.config import reading
from merlin.core.errors import NotFound, Refused
from merlin.core.messages import Message, Usage
from merlin.core.money import MICRO, Price
from merlin.dataset.builds import Build
from merlin.dataset.spec import Recipe
from merlin.providers.base import Answer
from merlin.training.ask_many import ModelQuery
from merlin.training.prompt_check import (
    PromptCheck,
    VariantQueries,
    choose_base,
    compare_variants,
    prepend_nearest,
)
from merlin.training.scores import EvaluationQuestion

pytestmark = pytest.mark.unit
RECIPE = Recipe("engine", "smollm2")
PRICE = Price("USD", MICRO, MICRO, MICRO, 0)
WORDS = [
    "стек",
    "очередь",
    "граф",
    "дерево",
    "куча",
    "список",
    "множество",
    "ключ",
    "хеш",
    "поиск",
]
RIGHT = {
    word: f"{word.capitalize()} — это то, о чём говорила лекция номер {place}."
    for place, word in enumerate(WORDS)
}
WRONG = "Не знаю."


def make_conversation(question, answer="Ответ."):
    return (
        Message("system", "Кратко."),
        Message("user", question),
        Message("assistant", answer),
    )


def test_nearest_example_is_last_and_the_system_text_first():
    taught = {
        "как работает стек": make_conversation("Как работает стек?", "Стопкой."),
        "что такое граф": make_conversation("Что такое граф?", "Вершины и рёбра."),
        "зачем нужны кавычки": make_conversation("Зачем нужны кавычки?", "Для строк."),
    }
    messages = prepend_nearest(taught, make_conversation("Граф — что такое?")[:2])
    assert [message.role for message in messages] == [
        "system",
        *["user", "assistant"] * 3,
        "user",
    ]
    assert messages[-2].content == "Вершины и рёбра."
    assert messages[-1].content == "Граф — что такое?"


def test_without_trained_examples_the_question_stands_alone():
    question = make_conversation("Что такое граф?")[:2]
    assert prepend_nearest({}, question) == question


def compare(prompt, examples, tuned=None, words=WORDS):
    """Return the report on the answers of each variant: word -> answer."""
    questions = [
        EvaluationQuestion(word, (Message("user", f"Что такое {word}?"),), RIGHT[word])
        for word in words
    ]
    at = datetime(2026, 11, 22, tzinfo=UTC)
    build = Build(1, "trial", 1, "d", "f", "", 20, len(words), 1, 1, at)
    answers_by_variant = [("prompt", prompt), ("examples", examples)]
    answers_by_variant += [("tuned", tuned)] if tuned is not None else []
    queries = [
        ModelQuery(question.example_id, question.messages, Usage(10, 10))
        for question in questions
    ]
    variants = [
        VariantQueries(variant, "engine", str(variant), PRICE, queries)
        for variant, _ in answers_by_variant
    ]
    answers = [
        {word: Answer(text, Usage(5, 2)) for word, text in variant_answers.items()}
        for _, variant_answers in answers_by_variant
    ]
    return compare_variants(PromptCheck(build, "smollm2", questions, variants), answers)


def make_answers(right, words=WORDS):
    """Return word -> answer, of which the first `right` are the trained ones."""
    return {
        word: RIGHT[word] if place < right else WRONG
        for place, word in enumerate(words)
    }


@pytest.mark.parametrize(
    ("prompt", "examples", "tuned", "verdict"),
    [
        (0, 2, 10, "pays"),
        (0, 10, 2, "worse"),
        (0, 8, 9, "same"),
        (0, 9, 9, "same"),
        (0, 9, None, "enough"),
        (10, 9, None, "enough"),
        (0, 8, None, "try"),
    ],
)
def test_verdict_says_whether_tuning_pays(prompt, examples, tuned, verdict):
    report = compare(
        make_answers(prompt),
        make_answers(examples),
        None if tuned is None else make_answers(tuned),
    )
    assert report.verdict == verdict
    assert [variant.right for variant in report.variants[:2]] == [prompt, examples]


def test_figures_are_per_question_and_per_thousand_answers():
    report = compare(make_answers(0), make_answers(10))
    alone, with_examples = report.variants
    assert (alone.input_tokens, alone.cost_micro) == (5, 7 * 1000)
    assert (alone.chrf < 20, with_examples.chrf) == (True, 100.0)
    assert report.ahead is None


def test_only_questions_answered_by_all_variants_are_compared():
    incomplete = make_answers(10)
    del incomplete[WORDS[0]]
    report = compare(incomplete, make_answers(10), make_answers(10))
    assert (report.questions, report.left_out, report.verdict) == (9, 1, "few")
    with pytest.raises(Refused):
        compare({}, make_answers(10))


@pytest.fixture
def load(tmp_path):
    """Return a function that loads a configuration with two providers and these keys."""

    def load_config(**keys):
        providers = [
            {"name": name, "base_url": "http://127.0.0.1:1/v1"}
            for name in ("engine", "big")
        ]
        settings = {"state_dir": "s", "providers": providers, **keys}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings), "utf-8")
        return reading.load(tmp_path / "config.yaml")

    return load_config


def test_base_is_the_recipes_or_the_named_one(load):
    assert choose_base(load(), RECIPE) == ("engine", "smollm2")
    assert choose_base(load(), RECIPE, "big/org/chat") == ("big", "org/chat")
    with pytest.raises(NotFound):
        choose_base(load(), Recipe("other", "smollm2"))


def test_general_model_is_asked_instead_of_recall(load):
    recall = Recipe("engine", "recall")
    chat = {"assistant": "big/chat"}
    assert choose_base(load(chat=chat), recall) == ("big", "chat")
    with pytest.raises(Refused):
        choose_base(load(), recall)
