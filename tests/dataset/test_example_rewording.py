"""Other words in an example's file: the rest stays as it was."""

from dataclasses import replace

import pytest

from merlin.core.errors import Refused
from merlin.core.messages import Message
from merlin.dataset.example_file import parse_example, question_preview
from merlin.dataset.example_repair import mend_keys, recover_turn
from merlin.dataset.example_rewording import (
    cut_lines,
    reword_example,
    rewrite_example,
    set_lines,
)

pytestmark = pytest.mark.unit

FILE = """messages:
  - system: Кратко.
  - user: Раз?
  - assistant: Один.
  - user: Два?
  - assistant: Пара.
tags: [счёт]
split: test
source: тетрадь
note: проверено
"""


def test_only_given_fields_change():
    assert reword_example(FILE) == FILE
    changed = reword_example(
        FILE, question="Сколько?", answer="Две\nпары.", tags=["no", "да"]
    )
    example = parse_example(changed)
    assert [message.content for message in example.messages] == [
        "Кратко.",
        "Сколько?",
        "Один.",
        "Два?",
        "Две\nпары.",
    ]
    assert (example.tags, example.split, example.source) == (
        ("no", "да"),
        "test",
        "тетрадь",
    )
    assert parse_example(reword_example(FILE, tags=[])).tags == ()


@pytest.mark.parametrize(
    "text", [None, "", "messages: [", "messages:\n  - user: Раз?\n", "\0"]
)
def test_broken_file_cannot_be_reworded(text):
    with pytest.raises(Refused, match="broken"):
        reword_example(text, answer="Один.")
    assert question_preview(text) == ""


@pytest.mark.parametrize(
    ("user", "assistant", "question", "answer"),
    [
        ('"Сколько лет?', "Сорок.", "Сколько лет?", "Сорок."),
        ("'Сколько?'", '|\n      «Сорок»,\n      "да".', "Сколько?", '«Сорок»,\n"да".'),
        ('"Что "это"?', '"Так: \\"да', "", ""),
    ],
)
def test_broken_file_gives_back_only_sure_texts(user, assistant, question, answer):
    lines = [
        "messages:",
        "  - system: Кратко.",
        f"  - user: {user}",
        f"  - asistant: {assistant}",
    ]
    text = "\n".join([*lines, "tags: [счёт]", ""])
    assert parse_example(text) is None
    assert recover_turn(text) == (question, answer, ["счёт"])


def test_tags_in_the_list_of_messages_are_no_answer():
    text = "messages:\n- user: Раз?\n- assistant: Один.\n  - tags: ['счёт', ряд\n"
    assert parse_example(text) is None
    assert recover_turn(text) == ("Раз?", "Один.", ["счёт", "ряд"])


def test_question_preview_is_one_short_line():
    long = FILE.replace("Раз?", '"Раз,\\n два,  три?"')
    assert question_preview(long, 12) == "Раз, два, т…"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_change_of_tags_or_part_leaves_all_other_lines_of_the_file(end):
    texts = [
        "# how",
        "messages:",
        "- user: >",
        "    Раз",
        "    два?",
        "- assistant: 'Один.'",
    ]
    text = end.join(
        [*texts, "tags:", "  - счёт", "  - ряд", "", "# why", "note: да", ""]
    )
    lines = [*texts, "tags: [ряд, да]", "", "# why", "note: да", "split: test", ""]
    assert reword_example(text, tags=["ряд", "да"], split="test") == "\n".join(lines)
    assert reword_example(reword_example(text, tags=[]), tags=[]).startswith(
        "# how\nmessages:\n- u"
    )
    assert reword_example(text) == text


@pytest.mark.parametrize(
    ("part", "value", "line"),
    [
        ("rejected", Message("assistant", "Три."), "rejected: Три."),
        ("tags", ("ряд",), "tags: [ряд]"),
        ("split", "train", "split: train"),
        ("source", "доска", "source: доска"),
        ("note", "ещё раз", "note: ещё раз"),
        ("allow", (("personal", "наше"),), "allow:\n  personal: наше"),
        ("tools", ({"type": "function", "function": {"name": "f"}},), "tools: ["),
    ],
)
def test_each_key_is_written_beside_the_comments_of_others(part, value, line):
    text = f"# ours\n{FILE}# the end\n"
    wanted = replace(parse_example(text), **{part: value})
    edited = rewrite_example(text, wanted)
    assert parse_example(edited) == wanted
    assert edited.startswith("# ours\nmessages:\n")
    assert "# the end" in edited
    assert f"\n{line}" in edited


@pytest.mark.parametrize(
    ("text", "path", "lines", "expected"),
    [
        ("a: 1\n", ("b",), ["b: 2"], "a: 1\nb: 2\n"),
        ("a:\n    - x\n    # x\n\n# b\nb: 2\n", ("a", 0), ["- y", "  z"], None),
        ("a: |\n  x\n  # y\n# b\nb: 2\n", ("a",), ["a: 1"], "a: 1\n# b\nb: 2\n"),
        ("a: {b: 1}\n# c\n", ("a", "c"), ["c: 2"], "a: {b: 1}\nc: 2\n# c\n"),
    ],
)
def test_lines_of_a_value_are_replaced_up_to_the_comments_of_the_next(
    text, path, lines, expected
):
    if expected is None:
        expected = "a:\n    - y\n      z\n    # x\n\n# b\nb: 2\n"
    assert set_lines(text, path, lines) == expected
    assert cut_lines("a: [1]\nb:\n- 2\n", ("b",)) == ["b:", "- 2"]


def test_misspelt_keys_are_written_as_the_check_suggests():
    text = FILE.replace("tags", "tag").replace(
        "  - assistant: Один", "  - asistant: Один"
    )
    assert parse_example(text) is None
    assert mend_keys(text) == FILE
    assert mend_keys("messages: [") == "messages: ["
