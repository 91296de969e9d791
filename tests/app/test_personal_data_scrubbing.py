"""Scrubbing: a user id is removed where it stands for a person, and nothing else changes."""

import pytest

from merlin.app.personal_data import scrub_json, scrub_text

pytestmark = pytest.mark.unit

ANNA = 987654321


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("user:987654321", "user:erased"),
        ("987654321", "erased"),
        ("987654321@telegram.invalid", "erased@telegram.invalid"),
        ("by user:987654321, for 987654321.", "by user:erased, for erased."),
        ("9876543210 and 1987654321", "9876543210 and 1987654321"),
        ("", ""),
    ],
)
def test_user_id_standing_alone_is_replaced(before, after):
    assert scrub_text(before, ANNA) == after


def test_json_is_scrubbed_to_its_leaves():
    paper = {
        "user": ANNA,
        "of": [{"by": f"user:{ANNA}", f"{ANNA}": True}],
        "tokens": ANNA + 1,
    }
    assert scrub_json(paper, ANNA) == {
        "user": 0,
        "of": [{"by": "user:erased", "erased": True}],
        "tokens": ANNA + 1,
    }
    assert scrub_json(True, 1) is True
