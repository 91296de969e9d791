"""Plans of the configuration: formats, models, and which plan of a person counts."""

import pytest

from merlin.billing.quota import (
    NO_LIMIT,
    UNLIMITED,
    Allowance,
    Format,
    allowance_of,
    allowance_text,
    allows_model,
    plan_of,
    plan_title,
)
from merlin.config.reading import load
from merlin.core.errors import ConfigError
from tests.support.plan_config import make_plan, make_plans

pytestmark = pytest.mark.unit

TITLE = {"ru": "Бесплатный", "en": "Free"}
FREE = {
    "title": TITLE,
    "text": {"day": 20, "month": 300},
    "voice": 0,
    "photo": 3,
    "models": ["ft:*", "recall"],
}


def test_plan_is_parsed_from_the_config():
    (free,) = make_plans({"free": FREE})
    assert free.name == "free"
    assert allowance_of(free, Format.TEXT) == Allowance(day=20, month=300)
    assert allowance_of(free, Format.PHOTO) == Allowance(day=3)
    assert allowance_of(free, Format.VOICE).is_closed
    assert allowance_of(free, Format.DOCUMENT) == NO_LIMIT


@pytest.mark.parametrize(
    ("model", "is_allowed"), [("ft:neuro:1", True), ("recall", True), ("gpt-4o", False)]
)
def test_models_are_matched_by_patterns(model, is_allowed):
    (free,) = make_plans({"free": FREE})
    assert allows_model(free, model) is is_allowed
    assert allows_model(UNLIMITED, model)


@pytest.mark.parametrize(
    ("allowance", "shown"),
    [
        (Allowance(day=0), "not included"),
        (Allowance(), "unlimited"),
        (Allowance(day=20), "20 a day"),
        (Allowance(month=300), "300 a month"),
        (Allowance(day=20, month=300), "20 a day, up to 300 a month"),
    ],
)
def test_allowance_is_told_with_each_of_its_limits(allowance, shown):
    assert allowance_text(allowance, "en") == shown


def test_plan_that_is_gone_is_called_by_its_name():
    plans = make_plans({"free": FREE})
    assert [plan_title(plans, name, "en") for name in ("free", "gone")] == [
        "Free",
        "gone",
    ]


def test_first_plan_is_the_default():
    plans = (make_plan("free"), make_plan("full"))
    assert plan_of(plans, ()).name == "free"
    assert plan_of(plans, ["full"]).name == "full"
    assert plan_of(plans, ["gone"]).name == "free"
    assert plan_of((), ["full"]) is UNLIMITED


def load_config(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(f"state_dir: s\n{text}", encoding="utf-8")
    return load(path)


def test_plans_keep_the_order_of_the_file(tmp_path):
    text = (
        "plans: {zero: {title: {ru: а, en: a}}, all: {title: {ru: б, en: b}, text: 5}}"
    )
    assert [*load_config(tmp_path, text).plans] == ["zero", "all"]


@pytest.mark.parametrize(
    "text",
    [
        "plans: {}",
        "plans: {free: {}}",
        "plans: {free: {title: {ru: а}}}",
        "plans: {Free plan: {title: {ru: а, en: a}}}",
        "plans: {free: {title: {ru: а, en: a}, text: -1}}",
        "plans: {free: {title: {ru: а, en: a}, text: {week: 1}}}",
        "plans: {free: {title: {ru: а, en: a}, text: {day: 1.5}}}",
        "plans: {free: {title: {ru: а, en: a}, price: 5}}",
        "timezone: Europe/Atlantis",
        "timezone: ''",
    ],
)
def test_invalid_plan_or_zone_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"plans|timezone"):
        load_config(tmp_path, text)
