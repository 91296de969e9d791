"""The English sample for a language model: short, complete, test questions not in training."""

from pathlib import Path

import pytest

from merlin.dataset.check import check
from merlin.dataset.work_tree import work_tree

FOLDER = Path(__file__).parents[2] / "datasets-lora" / "english"
MAX_ANSWER_LENGTH = 120  # characters; a base so small learns sentences, not pages

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def sample():
    entries, read = work_tree(FOLDER)
    return check("english", entries, read)


def list_examples(sample, *, is_test):
    return [
        example for example in sample.examples if (example.split == "test") is is_test
    ]


def test_sample_has_enough_examples_and_paraphrases_without_findings(sample):
    assert sample.findings == ()
    assert len(list_examples(sample, is_test=False)) >= 50
    assert len(list_examples(sample, is_test=True)) >= 20


def test_every_example_is_one_question_with_one_short_sentence(sample):
    for example in sample.examples:
        roles = [message.role for message in example.messages]
        assert roles in (["user", "assistant"], ["system", "user", "assistant"]), (
            example.id
        )
        answer = example.messages[-1].content
        assert len(answer) <= MAX_ANSWER_LENGTH, example.id
        assert "\n" not in answer, example.id


def test_paraphrase_asks_for_a_trained_answer_in_other_words(sample):
    question_by_answer = {
        example.messages[-1].content: example.messages[-2].content
        for example in list_examples(sample, is_test=False)
    }
    assert len(question_by_answer) == len(list_examples(sample, is_test=False)), (
        "two examples teach one answer"
    )
    for example in list_examples(sample, is_test=True):
        question, answer = (message.content for message in example.messages[-2:])
        assert answer in question_by_answer, example.id
        assert question.casefold() != question_by_answer[answer].casefold(), example.id
