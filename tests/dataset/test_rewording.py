"""Other words in an example's file: the rest stays as it was."""

from __future__ import annotations

import pytest

from merlin.core.errors import Refused
from merlin.dataset.example_yaml import first_words, parsed, reworded

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


def test_only_what_is_given_changes():
    assert reworded(FILE) == FILE
    changed = reworded(FILE, question="Сколько?", answer="Две\nпары.", tags=["no", "да"])
    example = parsed(changed)
    assert [each.content for each in example.messages] == [
        "Кратко.",
        "Сколько?",
        "Один.",
        "Два?",
        "Две\nпары.",
    ]
    assert (example.tags, example.split, example.source) == (("no", "да"), "test", "тетрадь")
    assert parsed(reworded(FILE, tags=[])).tags == ()


@pytest.mark.parametrize("text", [None, "", "messages: [", "messages:\n  - user: Раз?\n", "\0"])
def test_a_broken_file_keeps_its_words(text):
    with pytest.raises(Refused, match="broken"):
        reworded(text, answer="Один.")
    assert first_words(text) == ""


def test_first_words_are_one_short_line():
    long = FILE.replace("Раз?", '"Раз,\\n два,  три?"')
    assert first_words(long, 12) == "Раз, два, т…"
