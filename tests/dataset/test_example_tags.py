"""Tags as a person writes them into one field."""

import pytest

from merlin.dataset.example import join_tags, split_tags

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (" #a, b;c#\nd  e,a,, ", ["a", "b", "c#", "d e"]),
        ("#a  b #a", ["a", "b"]),
        (" ,;\n# ", []),
        ("", []),
    ],
)
def test_tags_are_separated_by_commas_and_lines_else_by_spaces(text, tags):
    assert split_tags(text) == tags


@pytest.mark.parametrize("tags", [["first aid"], ["first aid", "b"], ["a"], []])
def test_field_of_tags_is_read_as_the_same_tags(tags):
    assert split_tags(join_tags(tags)) == tags
