"""Text that YAML takes otherwise than meant: cut by a comment, or its lines joined."""

import pytest

from merlin.dataset.example_file import read_example
from merlin.dataset.finding import Severity
from merlin.dataset.spec import read_course, read_dataset
from tests.support.dataset_tree import DATASET_YAML

pytestmark = pytest.mark.unit
START = "messages:\n  - user: Where?\n"


def find_places(text):
    """Return rule, line and column of the findings about a file that stays an example."""
    example, findings = read_example(text.encode())
    assert example is not None
    assert {finding.severity for finding in findings} <= {Severity.WARNING}
    return [(finding.rule, finding.line, finding.column) for finding in findings]


@pytest.mark.parametrize(
    ("rest", "line", "column"),
    [
        ("  - assistant: In class #5\n", 3, 25),
        ("  - assistant: In\tclass\t#5\n", 3, 25),
        ("  - assistant: Ask, then open\n      the channel #jokes\n", 4, 19),
        ("  - assistant: On paper.\n\n      #28 is new.\n      #11 too.\n", 5, 7),
        ("  - assistant:\n      # A title\n      Text.\n", 4, 7),
        ("  - assistant: # A title\n      Text.\n", 3, 16),
        ("  - role: assistant\n    content: In class #5\n", 4, 23),
        ("  - assistant: |\n      Text.\n     # A title\n", 5, 6),
        ("  - assistant: There.\nrejected: In class #5\n", 4, 20),
        ("  - assistant: There.\nnote: Ask Ann #2\n", 4, 15),
        ("  - assistant: There.\nsource: page 1,\n  book #4\n", 5, 8),
        ("  - assistant: There.\ntags: [d, c #1\n  ]\n", 4, 13),
    ],
)
def test_comment_that_cuts_any_text_is_reported_where_it_starts(rest, line, column):
    assert find_places(START + rest) == [("comment-in-text", line, column)]


@pytest.mark.parametrize(
    "rest",
    [
        '  - assistant: "In class #5" # Anna\n',
        "  - assistant: |\n      # A title\n      in class #5\n  # Anna\n",
        "  # Anna\n  - role: assistant # Anna\n    # Anna\n    content: There.\n# Anna\n\n",
        "  - assistant: C#.\ntags:\n  - c\n  # - d\nsplit: test # Anna\n",
    ],
)
def test_comment_beside_a_whole_text_is_not_reported(rest):
    assert find_places(START + rest) == []


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("Do so.\n      1. Boil water.\n      2. Put the egg in.", 4),
        (">\n      Do so:\n      - boil water\n      - put the egg in", 5),
        ('"```python\n      for i in range(3):\n          print(i)\n      ```"', 4),
        (">\n      for i in range(3):\n      print(i)", 5),
        ("'def add(a, b):\n        return a + b'", 4),
        ('"x = 5\n      y = 6"', 4),
        (">\n      a) boil water\n      b) put the egg in", 5),
        ('"| a | b |\n      | 1 | 2 |"', 4),
        (">\n      ✅ паспорт\n      ✅ фото", 5),
        (">\n      x := 5\n      use(x)", 5),
    ],
)
def test_lost_line_break_of_code_lists_and_comments_is_reported_where_its_line_begins(
    answer, line
):
    text = f"{START}  - assistant: {answer}\n"
    assert find_places(text) == [
        ("folded-lines", line, 7 if "return" not in answer else 9)
    ]


@pytest.mark.parametrize(
    "answer",
    [
        "A sentence that goes on\n      in a second line, as\n      many others.",
        "|\n      1. Boil water.\n      2. Put the egg in.",
        ">\n      Code:\n\n          for i in a:\n              print(i)\n\n      That is all.",
        '"First.\\nSecond,\n      and its end."',
        ">\n      Москва\n      — столица России.",
        ">\n      Он ответил: «нет»\n      и ушёл: домой.",
    ],
)
def test_joined_lines_of_a_sentence_and_kept_line_breaks_are_not_reported(answer):
    assert find_places(f"{START}  - assistant: {answer}\n") == []


def test_texts_of_dataset_and_course_are_looked_at_too():
    dataset = DATASET_YAML.replace("service!", "service #1!").replace(
        "none", "none # for now"
    )
    spec, findings = read_dataset("first", dataset.encode())
    assert spec is not None
    assert [(each.rule, each.path, each.line) for each in findings] == [
        ("comment-in-text", "dataset.yaml", 2)
    ]
    course, findings = read_course(b"semester: 1\nname:\n  en: C #1\n", [])
    assert course is not None
    assert [(each.rule, each.line, each.column) for each in findings] == [
        ("comment-in-text", 3, 9)
    ]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("messages:\n  - user: Q?\n  - assistant:\u00a0 A.\n", 3, 15),
        ("messages:\n  - user:\u202fQ?\n  - assistant: A.\n", 2, 10),
        ("messages:\n  -\u00a0user: Q?\n  -\u00a0assistant: A.\n", 2, 4),
        ("messages:\n  - user: Q?\n\u00a0 - assistant: A.\n", 3, 1),
        ("messages:\n  - user: Q?\n  - assistant\u00a0: A.\n", 3, 14),
        ("messages:\n  - user: Q?\n  - assistant: |\u00a0\n      A.\n", 3, 17),
        ("messages:\n  - user: Q?\n  - assistant: A.\ntags:\n  -\u3000a\n", 5, 4),
        ("messages:\n  – user: Q?\n  – assistant: A.\n", 2, 3),
        ("messages:\n  - user: Q?\n  — assistant: A.\n", 3, 3),
    ],
)
def test_space_or_dash_that_yaml_takes_for_a_letter_is_named_at_its_place(
    text, line, column
):
    example, (finding, *_) = read_example(text.encode())
    assert example is None
    assert (finding.rule, finding.line, finding.column) == ("wrong-space", line, column)


def test_no_break_space_within_a_text_is_allowed():
    text = "messages:\n  - user: 5\u00a0km?\n  - assistant: |\n      Yes:\u00a05\u00a0km.\n"
    assert find_places(text) == []


@pytest.mark.parametrize(
    "answer",
    [
        "the keys\n      C #5 and D\n      together.",
        "Text.\n\n      # Title\n\n      More.",
    ],
)
def test_error_after_a_comment_within_a_text_names_the_comment(answer):
    example, (finding,) = read_example(f"{START}  - assistant: {answer}\n".encode())
    assert example is None
    assert finding.rule == "yaml-syntax"
    assert "“#”" in finding.text("en")
