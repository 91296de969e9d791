"""Records of other programs become OpenAI's by one normaliser, and what it leaves out is named."""

import json
from io import BufferedReader, BytesIO

import pytest

from merlin.dataset import import_lines

pytestmark = pytest.mark.unit

ASKED = {"role": "user", "content": "Где?"}
ANSWERED = {"role": "assistant", "content": "Тут."}
WORSE = {"role": "assistant", "content": "Не знаю."}
PAIR = [("user", "Где?"), ("assistant", "Тут.")]


def read(record):
    content = json.dumps(record).encode()
    (line,) = import_lines.read_import_lines(BufferedReader(BytesIO(content)), "a.jsonl")
    return line


def list_messages(line):
    return [(message.role, message.content) for message in line.example.messages]


def find_problem(record):
    """Return the rule of a record's only finding, its path inside the record, its English text."""
    (finding,) = read(record).findings
    return finding.rule, finding.arguments.get("inside", ""), finding.text("en")


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [ASKED, ANSWERED]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Где?"}]}, ANSWERED]},
        {"messages": [{"role": "user", "content": ["Где?"]}, {"assistant": "Тут."}]},
        {"conversations": [{"from": "Human", "value": "Где?"}, {"from": "GPT", "value": "Тут."}]},
        {"conversations": [{"from": "USER", "text": "Где?"}, {"role": "bot", "value": "Тут."}]},
        {"conversation": [{"human": "Где?", "assistant": "Тут."}]},
        [[ASKED, ANSWERED]],
        {"messages": [{"type": "human", "content": "Где?"}, {"type": "ai", "content": "Тут."}]},
        {"messages": [{"role": "customer", "content": "Где?"}, {"role": "agent", "text": "Тут."}]},
        {
            "contents": [
                {"role": "user", "parts": [{"text": "Где?"}]},
                {"role": "model", "parts": [{"text": "Тут."}]},
            ]
        },
        {"request": [{"role": "user", "text": "Где?"}], "response": "Тут."},
        {"prompt": [ASKED], "completion": [ANSWERED]},
        {"prompt": "Где?", "completion": [ANSWERED]},
        {"prompt": [ASKED], "completion": "Тут."},
        {"text": "### Human: Где?### Assistant: Тут."},
        {"text": "### Instruction:\nГде?\n\n### Response:\nТут.\n"},
        {"Question": "Где?", "Answer": "Тут."},
        {"q": "Где?", "a": "Тут."},
        {"input": "Где?", "output": "Тут."},
        {"text_input": "Где?", "output": "Тут."},
        {"input": "Где?", "expected_output": "Тут."},
        {"question": "Где?", "ground_truth": "Тут."},
        {"вопрос": "Где?", "ответ": "Тут."},
        {"user": "Где?", "assistant": "Тут."},
        {"question": "Где?", "answers": {"text": ["Тут."], "answer_start": [0]}},
    ],
)
def test_forms_of_other_programs_become_the_same_example(record):
    line = read(record)
    assert (list_messages(line), line.findings, line.left) == (PAIR, (), ())


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": [ASKED], "chosen": [ANSWERED], "rejected": [WORSE]},
        {"prompt": "Где?", "chosen": "Тут.", "rejected": "Не знаю."},
        {"chosen": [ASKED, ANSWERED], "rejected": [ASKED, WORSE]},
        {"prompt": "Где?", "chosen": [ASKED, ANSWERED], "rejected": [ASKED, WORSE]},
        {
            "chosen": "\n\nHuman: Где?\n\nAssistant: Тут.",
            "rejected": "\n\nHuman: Где?\n\nAssistant: Не знаю.",
        },
    ],
)
def test_preferred_and_rejected_conversations_become_a_pair(record):
    """Source: TRL, "Dataset formats and types"."""
    line = read(record)
    assert (list_messages(line), line.example.rejected.content) == (PAIR, "Не знаю.")
    assert (line.findings, line.left) == ((), ())


def test_rejected_text_with_speakers_in_it_stays_a_text():
    text = "Пример:\n\nHuman: Где?"
    line = read({"messages": [ASKED, ANSWERED], "rejected": text})
    assert line.example.rejected.content == text


def test_rejected_conversation_that_differs_before_its_last_answer_is_refused():
    other = {"role": "user", "content": "Кто?"}
    record = {"chosen": [ASKED, ANSWERED], "rejected": [other, WORSE]}
    assert find_problem(record)[:2] == ("import-rejected", "rejected")


def test_developer_message_and_instructions_beside_the_messages_are_system_messages():
    for record in (
        {"messages": [{"role": "developer", "content": "Кратко."}, ASKED, ANSWERED]},
        {"system": [{"text": "Кратко."}], "messages": [ASKED, ANSWERED]},
        {"system_prompt": "Кратко.", "question": "Где?", "response": "Тут."},
    ):
        assert list_messages(read(record)) == [("system", "Кратко."), *PAIR]


def test_keys_without_a_place_are_left_out_and_named():
    answer = {**ANSWERED, "refusal": None, "annotations": [], "tool_calls": [], "weight": 1.0}
    record = {
        "messages": [{**ASKED, "id": "a"}, answer],
        "parallel_tool_calls": False,
        "metadata": {"a": 1},
        "user_id": None,
    }
    line = read(record)
    assert list_messages(line) == PAIR
    assert line.example.messages[1].extra == {"weight": 1}
    inside = ("messages[].id", "messages[].annotations", "messages[].tool_calls")
    assert line.left == ("parallel_tool_calls", "metadata", *inside)


def test_other_answers_are_left_out_and_named():
    line = read({"question": "Где?", "answers": ["Тут.", "Там."]})
    assert (list_messages(line), line.left) == (PAIR, ("answers[1…]",))


def test_each_wording_of_a_question_becomes_an_example():
    record = {"questions": ["Где?", "Где же?"], "answer": "Тут."}
    content = BufferedReader(BytesIO(json.dumps(record).encode()))
    lines = [*import_lines.read_import_lines(content, "a.jsonl")]
    assert [list_messages(line)[0] for line in lines] == [("user", "Где?"), ("user", "Где же?")]
    assert [line.line for line in lines] == [1, 1]


CALL = {"function": {"name": "find", "arguments": {"city": "Тверь"}}, "index": 0}
TOOL = {"name": "find", "parameters": {"type": "object"}, "return": {"type": "string"}}


@pytest.mark.parametrize(
    ("calling", "result", "tools"),
    [
        ({"tool_calls": [CALL]}, {"role": "tool", "content": "+3"}, {"tools": [TOOL]}),
        (
            {"content": None, "function_call": CALL["function"]},
            {"role": "function", "content": "+3"},
            {"functions": [TOOL]},
        ),
    ],
)
def test_calls_of_tools_without_ids_and_with_arguments_as_an_object_are_read(
    calling, result, tools
):
    """Source: Hugging Face, "Chat templates: tool use"; OpenAI's `functions` before tools."""
    line = read({"messages": [ASKED, {"role": "assistant", **calling}, result, ANSWERED], **tools})
    _, called, answered, _ = line.example.messages
    (call,) = called.extra["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Тверь"}
    assert answered.extra["tool_call_id"] == call["id"]
    assert line.example.tools[0]["function"] == {key: TOOL[key] for key in ("name", "parameters")}
    assert "tools[].function.return" in line.left


@pytest.mark.parametrize(
    ("record", "inside"),
    [
        ({"conversations": [{"from": "human", "value": "Кто?"}], "images": ["a.jpg"]}, "images"),
        ({"question": "Кто?", "answer": "Я.", "image": {"path": "a.jpg"}}, "image"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}, ANSWERED]},
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}, ANSWERED]},
            "messages[0].content[0]",
        ),
        ({"messages": [ASKED, {**ANSWERED, "audio": {"id": "a"}}]}, "messages[1].audio"),
    ],
)
def test_question_about_a_picture_or_a_sound_is_an_error_at_its_path(record, inside):
    rule, place, words = find_problem(record)
    assert (rule, place) == ("import-part", inside)
    assert words.startswith(f"{inside}: This isn't text")


@pytest.mark.parametrize(
    ("record", "rule", "inside", "words"),
    [
        (
            {"messages": [ASKED, {**ANSWERED, "weight": "1"}]},
            "wrong-type",
            "messages[1].weight",
            "found: text",
        ),
        (
            {"messages": [ASKED, {"role": "assistant", "content": {"a": 1}}]},
            "wrong-type",
            "messages[1].content",
            "found: a map",
        ),
        (
            {"messages": [ASKED, {"role": "narrator", "content": "Я."}]},
            "not-one-of",
            "messages[1].role",
            "narrator",
        ),
        (
            {"messages": [ASKED, {"role": "assistant", "content": None}]},
            "empty-content",
            "messages[1]",
            "no text",
        ),
        ({"messages": [ASKED, {"content": "Я."}]}, "missing-key", "messages[1]", "role"),
        (
            {"messages": [ASKED, {**ANSWERED, "content": "a\ud83d"}]},
            "import-surrogate",
            "messages[1].content",
            "\\ud83d",
        ),
        (
            {"conversations": [{"from": "human", "value": [7]}]},
            "wrong-type",
            "conversations[0].value[0]",
            "found: a number",
        ),
        (
            {
                "system": "S",
                "conversations": [
                    {"from": "human", "value": "Кто?"},
                    {"from": "user", "value": "Я?"},
                ],
            },
            "wrong-turn",
            "conversations[1]",
            "",
        ),
        ({"question": "Где?", "answer": None}, "empty-content", "answer", "no text"),
        ({"question": "Где?", "answer": {"a": 1}}, "wrong-type", "answer", "found: a map"),
        (
            {"question": "Где?", "answer": "Тут.", "tags": 7},
            "wrong-type",
            "tags",
            "found: a number",
        ),
        ({"prompt": "Где?"}, "import-keys", "", "prompt"),
        ({"topic": "a", "body": "b"}, "import-keys", "", "topic, body"),
        ({"rasa_nlu_data": {}}, "import-kind", "", "Rasa"),
        (
            {"prompt": "Где?", "completion": "Нет.", "label": False},
            "import-bad-answer",
            "label",
            "bad",
        ),
    ],
)
def test_finding_of_a_record_names_its_path_and_says_what_stands_there(record, rule, inside, words):
    found = find_problem(record)
    assert found[:2] == (rule, inside)
    assert words in found[2]
    assert "did you mean" not in found[2]
