"""Plans of the configuration: formats, models, prices and gateways; errors name their place."""

import pytest
import yaml

from merlin.billing.quota import (
    NO_LIMIT,
    UNLIMITED,
    Allowance,
    Format,
    allowance_of,
    allowance_text,
    allows_model,
    plan_named,
    plan_of,
    plan_title,
    plans_for_sale,
)
from merlin.config.reading import load
from merlin.config.shop import NETWORKS, PaymentsConfig, YooKassaConfig
from merlin.core.errors import ConfigError
from merlin.core.money import roubles, stars
from merlin.core.network import LOOPBACK
from tests.billing.plan_shop import PLAN_SETTINGS
from tests.support.plan_config import make_plan, make_plans

pytestmark = pytest.mark.unit

TITLE = {"ru": "Тариф", "en": "Plan"}
FREE = {"title": TITLE, "text": 20}
LIMITED = {
    "title": TITLE,
    "text": {"day": 20, "month": 300},
    "voice": 0,
    "photo": 3,
    "models": ["ft:*", "recall"],
}
PLUS = {"title": TITLE, "text": 200, "price": {"rub": 299, "stars": 200}, "days": 30}
RENEWED = {"title": TITLE, "price": {"stars": 10_000}, "days": 30, "renews": "monthly"}
PACK = {"title": TITLE, "pack": {"voice": 10}, "price": {"rub": 99, "stars": 70}}
YOOKASSA = {"yookassa": {}}
URL = "https://merlin.example.com"


def test_plan_is_parsed_from_the_config():
    (free,) = make_plans({"free": LIMITED})
    assert free.name == "free"
    assert allowance_of(free, Format.TEXT) == Allowance(day=20, month=300)
    assert allowance_of(free, Format.PHOTO) == Allowance(day=3)
    assert allowance_of(free, Format.VOICE).is_closed
    assert allowance_of(free, Format.DOCUMENT) == NO_LIMIT


@pytest.mark.parametrize(
    ("model", "is_allowed"), [("ft:neuro:1", True), ("recall", True), ("gpt-4o", False)]
)
def test_models_are_matched_by_patterns(model, is_allowed):
    (free,) = make_plans({"free": LIMITED})
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
    plans = make_plans({"free": {**FREE, "title": {"ru": "Даром", "en": "Free"}}})
    assert [plan_title(plans, name, "en") for name in ("free", "gone")] == [
        "Free",
        "gone",
    ]


BOTH = (make_plan("free"), make_plan("full"))


@pytest.mark.parametrize(
    ("plans", "names", "plan"),
    [
        (BOTH, (), BOTH[0]),
        (BOTH, ["full"], BOTH[1]),
        (BOTH, ["gone"], BOTH[0]),
        ((), ["full"], UNLIMITED),
    ],
)
def test_first_plan_is_the_default(plans, names, plan):
    assert plan_of(plans, names) is plan


def load_config(tmp_path, plans, payments=None):
    path = tmp_path / "config.yaml"
    settings = {
        "state_dir": "s",
        "api": {"public_url": URL},
        "plans": plans,
        "payments": YOOKASSA if payments is None else payments,
    }
    path.write_text(
        yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    return load(path)


def error_text(tmp_path, plan, payments=None):
    with pytest.raises(ConfigError) as wrong:
        load_config(tmp_path, {"free": FREE, "sold": plan}, payments)
    return str(wrong.value)


def test_plans_are_parsed_with_their_prices(tmp_path):
    config = load_config(tmp_path, PLAN_SETTINGS)
    assert [*config.plans] == [*PLAN_SETTINGS]
    plans = config.plans.values()
    plus = plan_named(plans, "plus")
    assert (plus.rub, plus.xtr) == (roubles("299.90"), stars(200))
    assert plus.days == 30
    pack = plan_named(plans, "voices")
    assert pack.is_pack
    assert pack.questions == {Format.VOICE: 10, Format.PHOTO: 5}
    assert [plan.name for plan in plans_for_sale(plans)] == [
        "plus",
        "voices",
        "algorithms",
    ]


def price(rub=None, **more):
    roubles_ = {} if rub is None else {"rub": rub}
    return {**PLUS, "price": {**roubles_, **more}}


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (price(0, stars=1), "plans.sold.price.rub"),
        (price(299.999, stars=1), "a whole number of kopecks"),
        (price("much", stars=1), "plans.sold.price.rub"),
        (price(1_000_001, stars=1), "plans.sold.price.rub"),
        (price(299, stars=-1), "plans.sold.price.stars"),
        (price(299, stars=1.5), "plans.sold.price.stars"),
        (price(299, stars=25_001), "plans.sold.price.stars"),
        (price(299, eur=3), "price.eur: unknown key"),
        (price(), "plans.sold.price"),
        (price(299), "plans.sold.price.stars: needs a price in Stars"),
        ({**PLUS, "days": 0}, "plans.sold.days"),
        ({key: PLUS[key] for key in ("title", "price")}, "plans.sold.days: needs days"),
        (
            {"title": TITLE, "pack": {"voice": 1}},
            "plans.sold.price: a pack needs a price",
        ),
        ({**RENEWED, "days": 31}, "plans.sold.days: must be 30"),
        ({**RENEWED, "renews": "yearly"}, "plans.sold.renews"),
        ({**RENEWED, "price": {"stars": 10_001}}, "10,000 Stars at most"),
        ({**RENEWED, "price": {"rub": 5}}, "plans.sold.renews: only Stars renew"),
        ({"title": TITLE, "days": 30, "renews": "monthly"}, "only Stars renew"),
        ({**PACK, "renews": "monthly"}, "plans.sold.renews: a pack can't renew"),
        ({**PACK, "text": 5}, "plans.sold.pack"),
        ({**PACK, "pack": {"voice": 0}}, "plans.sold.pack.voice"),
        ({**PACK, "pack": {"voice": 1_000_001}}, "plans.sold.pack.voice"),
        ({**PACK, "pack": {}}, "plans.sold.pack"),
    ],
)
def test_invalid_sale_setting_is_reported_with_its_place(tmp_path, plan, message):
    assert message in error_text(tmp_path, plan)


def test_plan_of_the_most_stars_that_renew_needs_no_shop(tmp_path):
    config = load_config(tmp_path, {"free": FREE, "sold": RENEWED}, {})
    sold = plan_named(config.plans.values(), "sold")
    assert (sold.renews, sold.xtr.minor, sold.days) == ("monthly", 10_000, 30)


def test_price_in_roubles_requires_a_shop(tmp_path):
    assert "needs payments.yookassa" in error_text(tmp_path, PLUS, {})
    config = load_config(tmp_path, {"free": FREE, "sold": price(stars=5)}, {})
    assert config.payments.yookassa is None


@pytest.mark.parametrize("first", [PLUS, PACK])
def test_first_plan_must_be_free(tmp_path, first):
    with pytest.raises(ConfigError, match=r"plans\.mine: everyone has the first plan"):
        load_config(tmp_path, {"mine": first, "other": FREE})


def test_non_digital_plan_needs_no_stars_price(tmp_path):
    seminar = {"free": FREE, "seminar": price(5_000)}
    config = load_config(tmp_path, seminar, {"not_digital": ["seminar"], **YOOKASSA})
    assert config.payments.not_digital == ("seminar",)


def test_shop_settings_are_parsed():
    receipt = {"vat_code": 4, "tax_system_code": 6}
    settings = {"test": True, "receipt": receipt}
    shop = PaymentsConfig.model_validate(
        {"yookassa": {**settings, "base_url": "http://x/v3/"}}
    )
    yookassa = shop.yookassa
    assert yookassa.test
    assert (yookassa.receipt.vat_code, yookassa.receipt.tax_system_code) == (4, 6)
    assert yookassa.base_url == "http://x/v3"
    assert YooKassaConfig().networks == NETWORKS
    assert YooKassaConfig(base_url="http://127.0.0.1:1/v3").networks == LOOPBACK
