"""The Modelfile: Ollama's template gives what the base's own gives, or there is none."""

import pytest

from merlin.engine.ollama import TurnTexts, build_modelfile, read_turn_texts

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("needs_torch")]

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
FOLDED = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set start = messages[0]['content']"
    " + '\n\n' %}{% set messages = messages[1:] %}{% else %}{% set start = '' %}{% endif %}"
    "{% for m in messages %}<t>{{ m['role'] }}\n{{ start if loop.first else '' }}"
    "{{ m['content'] }}</t>\n{% endfor %}{% if add_generation_prompt %}<t>assistant\n{% endif %}"
)
COUNTING = "{% for m in messages %}{{ loop.length }}{{ m['content'] }}{% endfor %}"
SILENT = (
    "{% for m in messages %}{% if m['role'] == 'user' %}"
    "{{ m['content'] }}{% endif %}{% endfor %}"
)


@pytest.fixture
def tokenizer():
    from transformers import AutoTokenizer

    from tests.engine.tiny_base import get_random_base

    return AutoTokenizer.from_pretrained(get_random_base())


def test_thoughts_are_asked_for_after_the_last_question_alone(tokenizer):
    tokenizer.chat_template = CHATML
    turns = read_turn_texts(tokenizer)
    assert turns.asked == "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert turns.answer == "<|im_end|>\n<|im_start|>assistant\n"


def test_begin_of_text_is_left_to_ollama(tokenizer):
    tokenizer.chat_template = FOLDED
    tokenizer.bos_token = "<|start|>"
    opening = "<t>user\n"
    answer = "</t>\n<t>assistant\n"
    expected = TurnTexts(opening, opening, "\n\n", answer, "</t>\n<t>user\n", answer)
    assert read_turn_texts(tokenizer) == expected


@pytest.mark.parametrize(
    "template", [COUNTING, SILENT, CHATML.replace("<think>", "{{ '{{' }}")]
)
def test_template_that_ollama_cannot_follow_is_refused(tokenizer, template):
    tokenizer.chat_template = template
    with pytest.raises(ValueError, match="the template"):
        read_turn_texts(tokenizer)


def test_instructions_cannot_end_their_quotes(tokenizer):
    modelfile = build_modelfile(tokenizer, 'Say """ok""".')
    assert modelfile.count('"""') == 4
