"""Rows of combining marks: bounded before a normal form is computed, in every text from outside."""

import unicodedata

import pytest

from merlin.account.accounts import fold_name, normalise_password
from merlin.core.combining_marks import MAX_MARKS, limit_marks, normalise_unicode
from merlin.core.names import suggest_name
from merlin.core.vocabulary import fold
from merlin.dataset.commit_message import local_editor
from merlin.dataset.example import normalise
from merlin.providers.document_child import clean_text

pytestmark = pytest.mark.unit

# Of two classes by turns, so that their order has to be computed; 0F73 decomposes into two.
ROW = "\u0316\u0301\u0f73" * 20_000


def count_marks(text):
    return sum(unicodedata.category(sign)[0] == "M" for sign in text)


def test_a_letter_keeps_its_first_marks():
    assert limit_marks(f"x{ROW}y{ROW}") == f"x{ROW[:MAX_MARKS]}y{ROW[:MAX_MARKS]}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ёж — е\u0308ж",
        "─" * 500,
        "⠀" * 40,
        "नमस्ते " * 40,
        "👍🏽" * 40,
        f"x{ROW[:30]}",
    ],
)
def test_other_texts_stay_as_they_are(text):
    assert limit_marks(text) == text
    assert normalise_unicode("NFC", text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "use",
    [
        normalise,
        fold,
        fold_name,
        normalise_password,
        clean_text,
        suggest_name,
        lambda text: local_editor("anna", text).name,
    ],
)
def test_a_text_from_outside_is_bounded_before_it_is_normalised(use):
    assert count_marks(use(f"x{ROW}")) <= 2 * MAX_MARKS
