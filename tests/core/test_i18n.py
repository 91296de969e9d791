"""Languages that are told from texts, texts of commands and pages, numbers and times as texts."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from merlin.core.i18n import (
    choose_translation,
    command_text,
    cut,
    day_argument,
    detect_language,
    format_day_briefly,
    format_duration,
    format_moment,
    format_number,
    format_signed,
    format_time,
    page_text,
    render_stored_text,
    text,
    text_like,
)

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 20, 10, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sample", "language"),
    [
        ("Как обойти дерево?", "ru"),
        ("How to walk a tree?", "en"),
        ("Что делает `print(very_long_name_of_a_value)`?", "ru"),
        ("Class узел", ""),
        ("ok", ""),
    ],
)
def test_language_is_told_by_the_letters_outside_code(sample, language):
    assert detect_language(sample) == language
    told = text(language or "en", "price-free")
    assert text_like(sample, "en", "price-free") == told


def test_translation_is_in_the_language_else_in_another():
    assert choose_translation({"ru": "а", "en": "a"}, "en") == "a"
    assert choose_translation({"ru": "а", "en": ""}, "en") == "а"
    assert choose_translation({}, "en") == ""


def test_reader_of_a_command_is_told_the_next_one():
    plain = text("en", "build-not-found", name="a-1")
    told = command_text("en", "build-not-found", name="a-1")
    assert told == f"{plain} All builds: merlin builds"
    assert command_text("en", "price-free") == text("en", "price-free")


def test_page_has_its_own_text_else_the_one_that_pages_share():
    assert page_text("en", "price", "free") == text("en", "price-free")
    assert page_text("en", "price", "menu") == text("en", "page-menu")


@pytest.mark.parametrize(
    ("key", "arguments", "rendered"),
    [
        ("price-free", {}, "free"),
        ("build-not-found", {"name": "a-1"}, "Build a-1 not found."),
        ("build-not-found", {}, "build-not-found"),
        ("no-such-text", {}, "no-such-text"),
    ],
)
def test_stored_text_that_cannot_be_told_is_its_key(key, arguments, rendered):
    assert render_stored_text("en", key, arguments) == rendered


def test_list_within_a_text_has_a_line_for_each():
    name = [{"key": "price-free", "arguments": {}}, "b"]
    assert text("en", "build-not-found", name=name) == "Build free\nb not found."


def test_long_text_is_cut():
    assert [cut("abc", 3), cut("abcd", 3)] == ["abc", "ab…"]


def test_number_has_the_separators_of_the_language_and_its_sign():
    assert [format_number(name, 1299.5) for name in ("ru", "en")] == [
        "1\u00a0299,50",
        "1,299.50",
    ]
    assert [format_signed("en", value) for value in (-2, 0, 2)] == ["−2", "0", "+2"]


@pytest.mark.parametrize(
    ("zone", "name"), [("Europe/Moscow", "MSK"), ("Asia/Dubai", "UTC+04")]
)
def test_time_names_its_zone_for_who_did_not_choose_it(zone, name):
    told = format_moment(AT, ZoneInfo(zone), "en", is_named=True)
    assert told == f"{format_moment(AT, ZoneInfo(zone), 'en')} ({name})"


def test_text_within_a_text_is_told():
    named = text("en", "page-trained-tokens")
    assert text("en", "admin-job-tokens", tokens=5) == f"{named}: 5"


def test_time_of_this_machine_has_seconds_and_a_zone():
    assert re.fullmatch(r"2026-11-2\d \d\d:\d\d:05 \S+", format_time(AT))


def test_day_is_told_with_and_without_its_year():
    day = date(2027, 1, 14)
    argument = day_argument(day)
    assert text("ru", argument["key"], **argument["arguments"]) == "14 января 2027"
    assert format_day_briefly(day, "ru") == "14 янв"


@pytest.mark.parametrize(
    ("duration", "told"),
    [
        (timedelta(days=2, hours=5), "2\u00a0d"),
        (timedelta(hours=3), "3\u00a0h"),
        (timedelta(minutes=4, seconds=59), "4\u00a0min"),
        (timedelta(seconds=9), "9\u00a0s"),
        (timedelta(seconds=-9), "0\u00a0s"),
    ],
)
def test_duration_is_told_in_its_largest_unit(duration, told):
    assert format_duration("en", duration) == told
