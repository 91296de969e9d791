"""The length of a text as Telegram counts it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merlin.core.utf16 import units

pytestmark = pytest.mark.unit


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_length_is_that_of_the_text_in_utf_16(text):
    assert units(text) == len(text.encode("utf-16-le")) // 2
