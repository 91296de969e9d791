"""Templates of bases in the forms that exist: adapted, or refused before the training."""

import json

import pytest

from merlin.core.errors import Refused
from merlin.core.messages import Message
from merlin.engine.chat_template import find_template_fault, write_adapted
from merlin.engine.tokenizer_loading import load_tokenizer
from merlin.engine.trainers.base import BaseFiles, Untrainable
from merlin.engine.training_file import render_chat
from tests.engine.base_library import Library, write_base
from tests.engine.hub_standin import make_base_files

pytestmark = [
    pytest.mark.functional,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
]

MARKS = ["<unk>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<|im_start|>"]
MARKS += ["<|im_end|>", "[INST]", "[/INST]", "<think>", "</think>"]
MARKS += ["<|turn>", "<turn|>", "<|channel>", "<channel|>"]
CHATML = (
    "{%- for m in messages -%}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor -%}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif -%}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/…') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} "
    "[/INST]{% elif m['role'] == 'assistant' %}{{ m['content'] }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)
DATED = (
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    "{%- set date_string = strftime_now('%d %b %Y') %}{% else %}{%- set date_string = 'none' %}"
    "{% endif %}{% endif -%}<|im_start|>system\nToday Date: {{ date_string }}<|im_end|>\n"
    + CHATML
)
ISO_DATED = "{{ strftime_now('%Y-%m-%d') }}\n" + CHATML
THINKING = CHATML.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
R1 = (
    "{% for m in messages %}{% if m.role == 'assistant' %}[/INST]"
    "{{ m.content.split('</think>')[-1] }}{{ eos_token }}{% else %}[INST]{{ m.content }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}[/INST]<think>\n{% endif %}"
)
QWEN3 = CHATML.replace(
    "{{ m.content }}",
    "{% if m.role == 'assistant' %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{{ m.content }}",
).replace(
    "assistant\n{% endif", "assistant\n{{ '<think>\\n\\n</think>\\n\\n' }}{% endif"
)
GEMMA4_SMALL = (
    "{{ bos_token }}{% for m in messages %}"
    "<|turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<turn|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn>model\n{% endif %}"
)
GEMMA4 = GEMMA4_SMALL.replace(
    "<|turn>model\n{% endif",
    "<|turn>model\n{% if not enable_thinking | default(false) %}"
    "{{ '<|channel>thought\\n<channel|>' }}{% endif %}{% endif",
)
MINISTRAL = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}[SYSTEM_PROMPT]{{ messages[0].content }}"
    "[/SYSTEM_PROMPT]{% set messages = messages[1:] %}{% else %}[SYSTEM_PROMPT]Its own."
    "[/SYSTEM_PROMPT]{% endif %}{% for m in messages %}{% if m.role == 'user' %}[INST]"
    "{{ m.content }}[/INST]{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
ENDLESS = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
PARTS = "{% for m in messages %}{{ m.content[0]['text'] }}<|im_end|>{% endfor %}"
SYSTEM = Message("system", "Be short.")
QUESTION = Message("user", "Hi")


def make_base(folder, template):
    """Write a base with a tokenizer of its own marks; return its folder."""
    vocabulary = {mark: n for n, mark in enumerate(MARKS)}
    added = [
        {
            "id": n,
            "content": mark,
            "special": True,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        for n, mark in enumerate(MARKS)
        if mark != "<unk>"
    ]
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"}
    tokenizer = {"version": "1.0", "added_tokens": added, "model": model}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>"}
    config |= {"eos_token": "<eos>", "chat_template": template}
    files = {"tokenizer.json": tokenizer, "tokenizer_config.json": config}
    content = {name: json.dumps(file).encode() for name, file in files.items()}
    return write_base(folder, make_base_files() | content)


GOOD = [
    CHATML,
    GEMMA,
    GEMMA4_SMALL,
    GEMMA4,
    MISTRAL,
    MINISTRAL,
    DATED,
    ISO_DATED,
    QWEN3,
]


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        *((template, None) for template in GOOD),
        (THINKING, ("engine-template-prompt", "assistant\n<think>\n")),
        (R1, ("engine-template-prompt", "[/INST]<think>\n")),
        (ENDLESS, ("engine-template-endless", "")),
        (PARTS, ("engine-template-broken", "")),
        (
            "{{ raise_exception('Only tools') }}",
            ("engine-template-broken", "Only tools"),
        ),
    ],
)
def test_template_that_cannot_be_trained_is_named(tmp_path, template, fault):
    """When the base is fetched, and before its training."""
    from merlin.engine.trainers.lora.worker.model import inspect_base

    folder = make_base(tmp_path / "base", template)
    found = find_template_fault(load_tokenizer(folder))
    library = Library.create(tmp_path / "engine", folder)
    if fault is None:
        assert (found, library.pull()) == (None, False)
        inspect_base(BaseFiles(folder))
        return
    assert found is not None
    assert (found[0], fault[1] in found[1]) == (fault[0], True)
    with pytest.raises(Refused) as refused:
        library.pull()
    with pytest.raises(Untrainable) as untrainable:
        inspect_base(BaseFiles(folder))
    assert (refused.value.key, untrainable.value.key) == (fault[0], fault[0])


@pytest.mark.parametrize(
    ("template", "asked"),
    [
        (
            GEMMA,
            "<bos><start_of_turn>user\nBe short.\n\nHi<end_of_turn>\n<start_of_turn>model\n",
        ),
        (MISTRAL, "<bos>[INST] Be short.\n\nHi [/INST]"),
        (CHATML, "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nHi"),
    ],
)
def test_system_text_goes_where_the_family_puts_it_in_training_and_asking(
    tmp_path, template, asked
):
    tokenizer = load_tokenizer(make_base(tmp_path / "base", template))
    talk = [SYSTEM, QUESTION, Message("assistant", "Yes."), QUESTION]
    prompt = render_chat(tokenizer, talk[:2], is_asked=True)
    assert prompt.startswith(asked)
    whole = render_chat(tokenizer, talk[:3], is_asked=False)
    assert whole.startswith(prompt)
    assert render_chat(tokenizer, talk, is_asked=True).startswith(whole)
    # Without a system text nothing is added.
    assert "Be short." not in render_chat(tokenizer, [QUESTION], is_asked=True)


def test_answer_is_trained_after_the_empty_thought_with_which_it_is_asked(tmp_path):
    """Each answer of a conversation, as the template leaves it out of those before."""
    from merlin.engine.trainers.base import SUPERVISED
    from merlin.engine.trainers.lora.worker.data import CONTEXT, ExampleTokenizer

    tokenizer = load_tokenizer(make_base(tmp_path / "base", GEMMA4))
    talk = [
        QUESTION,
        Message("assistant", "Yes."),
        QUESTION,
        Message("assistant", "No."),
    ]
    for count in (2, 4):
        prompt = render_chat(tokenizer, talk[: count - 1], is_asked=True)
        answer = f"{talk[count - 1].content}<turn|>\n"
        assert render_chat(tokenizer, talk[:count], is_asked=False) == prompt + answer
    assert prompt.endswith("<|turn>model\n<|channel>thought\n<channel|>")
    assert prompt.count("<|channel>") == 1
    path = tmp_path / "train.jsonl"
    path.write_text(
        json.dumps({"messages": [each.as_json() for each in talk]}) + "\n", "utf-8"
    )
    rows = ExampleTokenizer(tokenizer, 100).read_rows(SUPERVISED, path, "training_file")
    marks = tokenizer.convert_tokens_to_ids(["<channel|>", "<turn|>"])
    for row in rows:
        start = row["labels"].count(CONTEXT)
        assert (row["input_ids"][start - 1], row["labels"][-1]) == (
            marks[0],
            row["input_ids"][-1],
        )
        assert marks[0] not in row["labels"]
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("template", "day"), [(DATED, "Today Date: 26 Jul 2024"), (ISO_DATED, "2024-07-26")]
)
def test_day_in_a_template_is_the_same_in_training_and_asking(tmp_path, template, day):
    tokenizer = load_tokenizer(make_base(tmp_path / "base", template))
    assert day in render_chat(tokenizer, [QUESTION], is_asked=True)


def test_adapted_template_is_written_for_vllm(tmp_path):
    folder = make_base(tmp_path / "base", GEMMA)
    file = tmp_path / "adapted.jinja"
    assert write_adapted(folder, file)
    assert file.read_text("utf-8") == load_tokenizer(folder).chat_template
    assert not write_adapted(write_base(tmp_path / "other"), file)
