"""The shop in config.yaml: plans, packs, payments and receipts, and what is wrong with goods.

Telegram sells digital goods for Stars alone, and what is sold elsewhere must be sold for Stars
too (Developer Terms 6.2). So a plan with a price in roubles has a price in Stars, unless the
operator says that it is no digital good.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from merlin.config.faults import Wrong, wrong_at
from merlin.config.section import (
    Line,
    Many,
    ModelId,
    Opt,
    Section,
    Titled,
    Url,
    Words,
    choose_language,
    setting,
    wrong,
)
from merlin.core.money import Amount, roubles, stars
from merlin.core.network import LOOPBACK, is_loopback

# Telegram's own limits: of an invoice, and of one that renews, every thirty days alone.
MAX_STARS = 25_000
MAX_STARS_RENEWED = 10_000
RENEWAL_DAYS = 30
SHOP_ID = "YOOKASSA_SHOP_ID"
SHOP_KEY = "YOOKASSA_SECRET_KEY"
# The networks that notifications come from, as the `yookassa` package 3.13.0 lists them.
NETWORKS = (
    "77.75.153.0/25",
    "77.75.156.11/32",
    "77.75.156.35/32",
    "77.75.154.128/25",
    "185.71.76.0/27",
    "185.71.77.0/27",
    "2a02:5180:0:1509::/64",
    "2a02:5180:0:2655::/64",
    "2a02:5180:0:1533::/64",
    "2a02:5180:0:2669::/64",
)


class Format(StrEnum):
    """The format of a question."""

    # The values are stored in the database.
    TEXT = "text"
    VOICE = "voice"
    PHOTO = "photo"
    DOCUMENT = "document"


def _a_day(value: object) -> object:
    """Return an allowance as a group of keys; a number alone is a number a day."""
    if value == {}:
        raise wrong("config-empty-group", keys="day, month")
    return {"day": value} if isinstance(value, int) else value


class Allowance(Section):
    """How many questions of one format; what is left out is unlimited, 0 turns it off."""

    day: Opt[int] = Field(default=None, ge=0, le=1000000)
    month: Opt[int] = Field(default=None, ge=0, le=1000000)

    @property
    def is_closed(self) -> bool:
        """Return whether the plan does not have this format at all."""
        return 0 in (self.day, self.month)


PerDay = Annotated[
    Allowance, BeforeValidator(_a_day, json_schema_input_type=int | Allowance)
]
PlanName = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$", examples=["free"])]


class _Goods(Section):
    """A section that says nothing without a key."""

    @model_validator(mode="after")
    def _need_one(self) -> Self:
        if not self.model_fields_set:
            raise wrong("config-empty-group", keys=", ".join(type(self).model_fields))
        return self


class PlanPrice(_Goods):
    """What it costs; a plan without a price is not sold."""

    rub: Opt[float] = setting(
        "Roubles, at most two decimals: 299 or 299.90; paid through YooKassa.",
        299,
        default=None,
        gt=0,
        le=1_000_000,
    )
    stars: Opt[int] = setting(
        "Telegram Stars, at most 25,000; with `renews` 10,000.",
        200,
        default=None,
        ge=1,
        le=MAX_STARS,
    )

    @field_validator("rub")
    @classmethod
    def _whole_kopecks(cls, rub: float) -> float:
        if Decimal(str(rub)) * 100 % 1:
            raise wrong("config-no-kopecks", found=rub)
        return rub


class Pack(_Goods):
    """This is not a plan but a pack of questions, used when the plan has none left."""

    text: Opt[int] = setting("Text questions.", 100, default=None, ge=1, le=1000000)
    voice: Opt[int] = setting(
        "Voice messages and video notes.", 20, default=None, ge=1, le=1000000
    )
    photo: Opt[int] = setting("Photos.", 20, default=None, ge=1, le=1000000)
    document: Opt[int] = setting("Documents.", 10, default=None, ge=1, le=1000000)


class Plan(Titled):
    """One plan, by its name: lower-case letters, digits, `-` and `_`."""

    title: Words = setting(
        "What people see, in `ru` and `en`.", {"ru": "Бесплатный", "en": "Free"}
    )
    text: Opt[PerDay] = setting("Text questions.", {"day": 20}, default=None)
    voice: Opt[PerDay] = setting(
        "Voice messages and video notes.", {"day": 5, "month": 60}, default=None
    )
    photo: Opt[PerDay] = setting("Photos.", 0, default=None)
    document: Opt[PerDay] = setting("Documents.", 0, default=None)
    models: Many[ModelId] = setting(
        "Patterns of model ids that may answer, as for file names: `ft:*`. Default every model.",
        ["*"],
        default_factory=tuple,
    )
    about: Line = setting(
        "A line for buyers, in `ru` and `en`.",
        {"ru": "Для учёбы каждый день", "en": "For studying every day"},
        default_factory=dict,
    )
    price: Opt[PlanPrice] = None
    days: Opt[int] = setting(
        "For how many days it is bought; for a pack, how long it may be used. Default of a"
        " pack: until it is used up.",
        30,
        default=None,
        ge=1,
        le=3650,
    )
    renews: Opt[Literal["monthly"]] = setting(
        "Telegram charges the Stars again every 30 days, until the buyer turns that off."
        " Roubles buy one period.",
        "monthly",
        default=None,
    )
    pack: Opt[Pack] = None

    @property
    def is_sold(self) -> bool:
        """Return whether it has any price."""
        return self.price is not None

    @property
    def rub(self) -> Amount | None:
        """Return its price in roubles, None where it is not sold for them."""
        return (
            roubles(self.price.rub)
            if self.price and self.price.rub is not None
            else None
        )

    @property
    def xtr(self) -> Amount | None:
        """Return its price in Stars, None where it is not sold for them."""
        return (
            stars(self.price.stars)
            if self.price and self.price.stars is not None
            else None
        )

    @property
    def is_pack(self) -> bool:
        """Return whether this is nothing that one has, but questions on top of what one has."""
        return self.pack is not None

    @property
    def questions(self) -> Mapping[Format, int]:
        """Return how many questions of each format a pack has."""
        return {
            kind: count for kind in Format if (count := getattr(self.pack, kind, None))
        }

    def description_in(self, language: str) -> str:
        """Return the plan's description in a language, "" if there is none."""
        return choose_language(self.about, language)


class Receipt(Section):
    """Receipts by 54-FZ, issued by YooKassa, in its codes.

    Without this key there are none. With it buyers enter an email address or a phone number.
    """

    vat_code: int = setting(
        "Rate of VAT in YooKassa's codes; 1 is without VAT.", default=1, ge=1, le=12
    )
    tax_system_code: Opt[int] = setting(
        "Tax system in YooKassa's codes, for a shop that has several; 2 is a simplified one,"
        " of income. Default: it isn't sent.",
        2,
        default=None,
        ge=1,
        le=6,
    )


class YooKassaConfig(Section):
    """A YooKassa shop for payments in roubles on our own pages; it needs `api.public_url`.

    Its ID and secret key are the credentials YOOKASSA_SHOP_ID and YOOKASSA_SECRET_KEY.
    """

    base_url: Annotated[Url, AfterValidator(lambda url: url.rstrip("/"))] = setting(
        "Address of its API.",
        default="https://api.yookassa.ru/v3",
        pattern=r"^https?://",
    )
    test: bool = setting(
        "This is a test shop: only test payments are accepted. Otherwise test payments are"
        " not accepted.",
        default=False,
    )
    bot_button: bool = setting(
        "The bot also links to the page for payments in roubles. By Telegram's Developer"
        " Terms 6.2 digital goods are sold in Telegram only for Stars: this key is for other"
        " goods.",
        default=False,
    )
    receipt: Opt[Receipt] = None

    @property
    def networks(self) -> tuple[str, ...]:
        """Return the networks that notifications come from: YooKassa's, or a stand-in's."""
        return LOOPBACK if is_loopback(urlsplit(self.base_url).hostname) else NETWORKS


class PaymentsConfig(Section):
    """How plans with a price are paid for. Stars need nothing here."""

    not_digital: Many[str] = setting(
        "Plans that are not digital goods (a seminar, a printed certificate), for which"
        " Telegram's terms require no price in Stars.",
        ["seminar"],
        default=(),
    )
    yookassa: Opt[YooKassaConfig] = None


def plan_faults(plans: Mapping[str, Plan], payments: PaymentsConfig) -> Iterator[Wrong]:
    """Yield everything that is wrong with the plans as goods."""
    for number, (name, plan) in enumerate(plans.items()):
        if number == 0 and (plan.price or plan.pack):
            yield wrong_at("plans", name, key="config-first-plan")
        has_stars = plan.price is not None and plan.price.stars is not None
        has_roubles = plan.price is not None and plan.price.rub is not None
        if has_roubles and payments.yookassa is None:
            yield wrong_at("plans", name, "price", "rub", key="config-no-shop")
        if has_roubles and not has_stars and name not in payments.not_digital:
            yield wrong_at("plans", name, "price", "stars", key="config-no-stars")
        yield from _faults(name, plan)
    for number, name in enumerate(payments.not_digital):
        if name not in plans:
            yield wrong_at(
                "payments", "not_digital", number, key="config-no-plan", plan=name
            )


def _faults(name: str, plan: Plan) -> Iterator[Wrong]:
    if plan.price and not plan.pack and plan.days is None:
        yield wrong_at("plans", name, "days", key="config-no-days")
    if not plan.price and plan.pack:
        yield wrong_at("plans", name, "price", key="config-no-price")
    if plan.renews:
        yield from _renewal_faults(name, plan)
    counts = plan.text or plan.voice or plan.photo or plan.document
    if plan.pack and counts:
        yield wrong_at("plans", name, "pack", key="config-pack-limits")


def _renewal_faults(name: str, plan: Plan) -> Iterator[Wrong]:
    """Yield what Telegram would refuse to renew."""
    if plan.pack:
        yield wrong_at("plans", name, "renews", key="config-renews-pack")
    elif plan.xtr is None:
        yield wrong_at("plans", name, "renews", key="config-renews-no-stars")
    elif plan.xtr.minor > MAX_STARS_RENEWED:
        limit = MAX_STARS_RENEWED
        place = ("plans", name, "price", "stars")
        yield wrong_at(*place, key="config-renews-stars", limit=limit)
    if plan.days not in {None, RENEWAL_DAYS}:
        yield wrong_at("plans", name, "days", key="config-renews-days")
