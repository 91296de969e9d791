"""A material's text in passages: paragraphs of a section under its headings."""

import pytest

from merlin.dataset.passages import MAX_CHARACTERS, page_mark, split_passages

pytestmark = pytest.mark.unit


def list_passages(markdown):
    """Return each passage's heading, the numbers of its paragraphs, and its text."""
    return [
        (each.heading, [paragraph.number for paragraph in each.paragraphs], each.text)
        for each in split_passages(markdown)
    ]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("", []),
        ("# Alone", []),
        ("One.\n\nTwo\nlines.", [("", [1, 2], "One.\n\nTwo\nlines.")]),
        (
            "Before.\n\n# Fees #\n\nYear.\n\n---\n\n- a\n- b\n",
            [
                ("", [1], "Before."),
                ("Fees", [2, 3], "# Fees #\n\nYear.\n\n- a\n- b"),
            ],
        ),
        (
            "# A\n\n## B\n\nOne.\n\n## C\n\nTwo.\n\nD\n=\n\nThree.",
            [
                ("B", [1], "# A\n\n## B\n\nOne."),
                ("C", [2], "# A\n\n## C\n\nTwo."),
                ("D", [3], "D\n=\n\nThree."),
            ],
        ),
    ],
)
def test_passage_has_the_headings_above_it(markdown, expected):
    assert list_passages(markdown) == expected


def test_long_section_is_split_between_paragraphs_and_a_long_paragraph_is_whole():
    half = "a" * (MAX_CHARACTERS // 2)
    long = "b" * (MAX_CHARACTERS + 1)
    found = list_passages(f"# A\n\n{half}\n\n{half}\n\n{long}")
    assert found == [
        ("A", [1], f"# A\n\n{half}"),
        ("A", [2], f"# A\n\n{half}"),
        ("A", [3], f"# A\n\n{long}"),
    ]


def test_paragraph_has_the_page_whose_mark_stands_before_it():
    markdown = f"A.\n\n{page_mark(3)}\n\n# B\n\nC.\n\nD\n{page_mark(12)}\nE.\n"
    found = [
        each for passage in split_passages(markdown) for each in passage.paragraphs
    ]
    assert [(each.number, each.page, each.text) for each in found] == [
        (1, 0, "A."),
        (2, 3, "C."),
        (3, 3, "D"),
        (4, 12, "E."),
    ]


def test_comment_that_is_no_mark_is_a_paragraph():
    (passage,) = split_passages("<!-- page x -->\n\nA.")
    assert [each.page for each in passage.paragraphs] == [0, 0]
