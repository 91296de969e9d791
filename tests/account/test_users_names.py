"""What is known of a person: the language of answers, and the time zone of their day."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from merlin.account.users import User
from merlin.core.clock import is_zone, zone_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("user", "language"),
    [
        (User(1, "en-GB"), "en"),
        (User(1, "en", language="ru"), "ru"),
        (User(1, "uk"), "ru"),
        (User(1), "ru"),
    ],
)
def test_chosen_language_beats_the_client_language(user, language):
    assert user.speaks("ru") == language


@pytest.mark.parametrize(
    ("user", "zone"),
    [(User(1, zone="Asia/Tokyo"), "Asia/Tokyo"), (User(1), "Europe/Moscow")],
)
def test_chosen_zone_beats_the_usual_one(user, zone):
    assert user.time_zone("Europe/Moscow") == ZoneInfo(zone)


def test_known_time_zone_is_found():
    assert zone_of("Europe/Moscow") == ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Moscow",
        "../etc/passwd",
        "/etc/passwd",
        "America",
        "a\0b",
        "Европа/Москва",
        "x" * 999,
    ],
)
def test_invalid_time_zone_falls_back_to_utc(name):
    assert not is_zone(name)
    assert zone_of(name) is UTC
