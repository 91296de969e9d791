"""Reading a training file, and rejecting it with the line number."""

import json

import pytest

from merlin.core.i18n import text
from merlin.engine.training_file import (
    BadFile,
    count_messages,
    count_tokens,
    find_line,
    read_conversations,
    read_preferences,
    read_ratings,
    truncate,
)

pytestmark = pytest.mark.unit
GOOD = {
    "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    ]
}


def read(tmp_path, content, least=1):
    path = tmp_path / "train.jsonl"
    path.write_bytes(content)
    return list(read_conversations(path, least))


def line(*messages):
    return json.dumps({"messages": list(messages)}).encode() + b"\n"


def test_empty_lines_and_a_byte_order_mark_are_ignored(tmp_path):
    good = json.dumps(GOOD).encode()
    assert len(read(tmp_path, b"\xef\xbb\xbf" + good + b"\n\n  \n" + good)) == 2


def test_line_of_an_example_is_found_past_the_empty_ones(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\n" + line() + b"  \n\n" + line())
    assert [find_line(path, number) for number in range(2)] == [2, 5]


def test_file_of_too_few_examples_says_how_many_are_needed(tmp_path):
    with pytest.raises(BadFile, match="1 example, at least 2 are needed"):
        read(tmp_path, json.dumps(GOOD).encode(), least=2)


@pytest.mark.parametrize(
    ("most", "kept"), [(0, ""), (1, "One"), (2, "One two"), (3, "One two.")]
)
def test_text_is_cut_after_whole_tokens(most, kept):
    assert truncate("One two.", most) == kept
    assert count_tokens(kept) == most


def test_tokens_of_a_conversation_are_those_of_its_texts(tmp_path):
    [talk] = read(tmp_path, line(USER, {**SAID, "content": "One, two."}))
    assert count_messages(talk) == 5


def test_long_form_is_accepted(tmp_path):
    talk = read(
        tmp_path,
        line(
            {"role": "developer", "content": "s"},
            {"role": "user", "content": "q", "name": "anna"},
            {"role": "assistant", "content": "done", "weight": 0, "tool_calls": []},
        ),
    )[0]
    assert [message.role for message in talk] == ["system", "user", "assistant"]
    assert (talk[1].content, talk[1].extra) == ("q", {})
    assert talk[2].extra == {"weight": 0}


USER = {"role": "user", "content": "q"}
SAID = {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"{\n", "Invalid JSON"),
        (b'"\xff"\n', "Invalid JSON: invalid unicode"),
        (b"[" * 50_000 + b"\n", "Invalid JSON"),
        (
            line({"role": "user", "content": "\ud800"}, SAID),
            "Invalid JSON: unexpected end of hex escape",
        ),
        (b"[]\n", "should be an object"),
        (line("x", SAID), "messages[0]: Input should be an object"),
        (line(USER, {"role": "tool", "content": "r"}, SAID), "messages[1].role: "),
        (json.dumps({**GOOD, "tools": [{}]}).encode(), "tools: "),
        (line(USER, {**SAID, "tool_calls": [{}]}), "messages[1].tool_calls: "),
        (line(USER, {"role": "assistant", "content": "  "}), "messages[1].content: "),
        (
            line({"role": "user", "content": [{"type": "image_url"}]}, SAID),
            "messages[0].content: ",
        ),
        (line(USER, {**SAID, "weight": 2}), "messages[1].weight: "),
        (line(USER, SAID, USER), "last message"),
    ],
)
def test_bad_line_is_named_with_its_reason(tmp_path, bad, message):
    with pytest.raises(BadFile) as caught:
        read(tmp_path, json.dumps(GOOD).encode() + b"\n" + bad)
    assert str(caught.value).startswith("Line 2: ")
    assert message in str(caught.value)
    assert text("ru", caught.value.key, **caught.value.arguments).startswith(
        "Строка 2: "
    )


def pair(**changes):
    example = {"input": {"messages": [USER]}, "preferred_output": [SAID]}
    return (
        json.dumps({**example, "non_preferred_output": [SAID], **changes}).encode()
        + b"\n"
    )


def test_preference_pair_is_a_question_and_two_answers(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(pair() * 2)
    [(question, better, worse), _] = read_preferences(path, 2)
    assert [message.content for message in question] == ["q"]
    assert [message.content for message in (*better, *worse)] == ["a", "a"]


def test_label_of_a_rated_answer_is_true_or_false(tmp_path):
    path = tmp_path / "ratings.jsonl"
    good, bad = (
        json.dumps({"messages": [USER, SAID], "label": label}) for label in (True, "no")
    )
    path.write_bytes(line(USER, SAID) + f"{good}\n{bad}\n".encode())
    ratings = read_ratings(path, 1)
    assert [next(ratings)[1], next(ratings)[1]] == [None, True]
    with pytest.raises(BadFile, match="Line 3: label"):
        next(ratings)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line(USER, SAID), "input: Field required"),
        (pair(input={"messages": []}), "input.messages: "),
        (pair(preferred_output=[USER]), "preferred_output[0].role: "),
        (pair(input={"messages": [USER], "tools": [{}]}), "input.tools: "),
        (pair(non_preferred_output=None), "non_preferred_output: "),
    ],
)
def test_invalid_preference_pair_is_refused_with_its_line(tmp_path, bad, message):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(pair() + bad)
    with pytest.raises(BadFile) as refused:
        list(read_preferences(path, 1))
    assert str(refused.value).startswith("Line 2: ")
    assert message in str(refused.value)
