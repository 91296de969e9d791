"""Texts by key and language, prices and amounts, times."""

import pytest

from merlin.core.formatted_text import shorten_text
from merlin.core.i18n import language_of, text
from merlin.core.messages import Usage
from merlin.core.money import Price, format_cost

pytestmark = pytest.mark.unit

MINI = Price("USD", 300_000, 150_000, 1_200_000, 3_000_000)


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("ru", "ru"),
        ("en-GB", "en"),
        ("EN", "en"),
        ("de", "ru"),
        ("", "ru"),
        (None, "ru"),
    ],
)
def test_nearest_language_is_chosen(code, language):
    assert language_of(code) == language


def test_text_of_a_person_is_one_line_and_its_emoji_stay_whole():
    family = "👨\u200d👩\u200d👧"
    assert shorten_text(f" {family}\n\tи\u2028я ") == f"{family} и я"
    assert (
        shorten_text("\U0001fa77 new in Unicode 15") == "\U0001fa77 new in Unicode 15"
    )
    assert shorten_text("a\x1b[31m\u202e") == "a\\x1b[31m\\u202e"
    assert shorten_text("\udcff").encode("utf-8") == b"\\udcff"
    assert shorten_text("a " * 41) == "a " * 39 + "a…"


def test_long_argument_is_shortened():
    content = text("en", "error-provider", message="x" * 100_000)
    assert content.startswith("The provider refused: xxx")
    assert content.endswith("x…")
    assert len(content) < 3000


def test_missing_text_or_argument_is_an_error():
    with pytest.raises(LookupError):
        text("ru", "no-such-text")
    with pytest.raises(ValueError, match="error-provider"):
        text("ru", "error-provider")


@pytest.mark.parametrize(("tokens", "micro"), [(0, 0), (1, 3), (1_000_000, 3_000_000)])
def test_training_cost_is_rounded_up_to_whole_millionths(tokens, micro):
    assert MINI.training(tokens) == micro


def test_answer_cost_counts_input_and_output():
    assert MINI.answer(Usage(1_000, 1_000)) == 1_500


def test_cached_input_has_its_own_price():
    assert MINI.answer(Usage(1_000, 1_000, cached_tokens=1_000)) == 1_350
    assert MINI.answer(Usage(1_000, 0, cached_tokens=400)) == 240


def test_amount_is_shown_with_its_currency():
    assert [format_cost(name, 400_000, "USD") for name in ("ru", "en")] == [
        "0,40\u00a0$",
        "$0.40",
    ]
    assert format_cost("ru", 0, "USD") == "0,00\u00a0$"


def test_argument_can_be_a_text_itself():
    reason = {"key": "verdict-rejected", "arguments": {"errors": 2, "good": 1}}
    content = text(
        "ru",
        "notice-rejected",
        title="Проба",
        dataset="trial",
        commit="abc",
        reason=reason,
    )
    assert "2 ошибки, примеров без ошибок: 1" in content
    # A new dataset has no model that could answer.
    assert "Если модель уже есть, она продолжает отвечать." in content
