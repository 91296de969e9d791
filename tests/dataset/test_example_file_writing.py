"""Written examples read back equal, in the short form that editors know."""

import pytest
import yaml
from hypothesis import example as case, given, settings, strategies as st

from merlin.core.formatted_text import is_blank
from merlin.core.messages import Message
from merlin.dataset.example import Example
from merlin.dataset.example_file import read_example, write_example

pytestmark = pytest.mark.unit


def make_example(*turns, **more):
    messages = tuple(Message(role, content) for role, content in turns)
    return Example(id="", path="", blob="", messages=messages, **more)


def make_pair(question, answer="Да, так.", **more):
    return make_example(("user", question), ("assistant", answer), **more)


def read_back(example):
    read, findings = read_example(write_example(example).encode())
    assert not findings, write_example(example)
    return read


def test_short_form_is_the_one_of_the_design():
    example = make_pair(
        "Какие черты лица отвечают за глубину фиксации?",
        "Черты лица, отвечающие за глубину фиксации, — это\n1. Форма лба.\n2. Форма профиля.",
        tags=("face", "fixation"),
        split="test",
    )
    assert write_example(example) == (
        "messages:\n"
        "  - user: Какие черты лица отвечают за глубину фиксации?\n"
        "  - assistant: |\n"
        "      Черты лица, отвечающие за глубину фиксации, — это\n"
        "      1. Форма лба.\n"
        "      2. Форма профиля.\n"
        "tags: [face, fixation]\n"
        "split: test\n"
    )


MISREAD = [
    *[
        "no",
        "yes",
        "12:30",
        "1_000",
        "2026-11-20",
        "0x1F",
        "null",
        "~",
        "=",
        "<<",
        "1e3",
        ".5",
    ],
    *[
        " leading",
        "trailing ",
        "a: b",
        "a #b",
        "#a",
        "- a",
        "? a",
        "[a",
        "{a}",
        "'a'",
        '"a"',
    ],
    *[
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "|",
        ">",
        "a:",
        "---",
        "...",
        "\\n",
        "tab\there",
    ],
    *[
        "nb\u00a0sp",
        "nel\u0085x",
        "ls\u2028x",
        "bom\ufeffx",
        "rtl\u202ex",
        "\U0001f600",
        "е\u0308",
    ],
    *[
        "\n\nfirst",
        "  deep\nless",
        "a\n\n\nb",
        "a\n   \nb",
        "\n  x",
        "a \nb ",
        "\ta\nb",
        "a\n\tb",
    ],
    *["- a\n- b", "# a\nb", "```py\nx = {}\n```", "a\n---\nb", "a\nb", "x" * 1500],
]


def test_words_that_yaml_could_misread_stay_text():
    for words in MISREAD:
        example = make_pair(
            words, f"{words}.", note=words, source=words, tags=(words[:60],)
        )
        assert read_back(example) == example
        document = yaml.safe_load(write_example(example))
        assert document["messages"][0]["user"].rstrip("\n") == words


def test_long_form_is_written_where_a_message_needs_it():
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a": "б"}'},
    }
    schema = {"type": "object", "properties": {"a": {"type": "integer", "maximum": 3}}}
    example = Example(
        id="",
        path="",
        blob="",
        messages=(
            Message("system", "Кратко."),
            Message("user", "Сколько?", {"name": "12"}),
            Message("assistant", "", {"tool_calls": [call]}),
            Message("tool", "3\n4", {"tool_call_id": "1"}),
            Message("assistant", "Три", {"weight": 0}),
        ),
        tools=({"type": "function", "function": {"name": "f", "parameters": schema}},),
    )
    assert read_back(example) == example


LETTERS = st.characters(
    blacklist_categories=["Cs", "Cc"],
    whitelist_characters="\n\t\u0085",
    blacklist_characters="\ufffe\uffff",
)
YAML_SIGNS = st.text(
    alphabet=" \n:#-?[]{}&*!|>'\"%@`,~0123abcдё", min_size=1, max_size=40
)
WORDS = (
    st.one_of(st.text(LETTERS, min_size=1, max_size=60), YAML_SIGNS)
    .map(lambda words: words.rstrip("\n"))
    .filter(lambda words: not is_blank(words))
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=3),
    st.lists(WORDS, max_size=2, unique=True),
    WORDS,
)
@case([("no", "12:30")], [" a"], "x")
def test_written_example_is_read_back_equal(turns, tags, note):
    messages = [
        message
        for question, answer in turns
        for message in (("user", question), ("assistant", answer))
    ]
    example = make_example(
        *messages, tags=tuple(tag[:64] for tag in tags), note=note, split="train"
    )
    read, findings = read_example(write_example(example).encode())
    if findings:  # a character that no file may contain
        assert {finding.rule for finding in findings} <= {
            "control-character",
            "same-items",
        }
        return
    assert read == example
