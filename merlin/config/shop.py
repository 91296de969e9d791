"""The shop in config.yaml: plans, packs, payments and receipts, and what is wrong with goods.

Telegram sells digital goods for Stars alone, and what is sold elsewhere must be sold for Stars
too (Developer Terms 6.2). So a plan with a price in roubles has a price in Stars, unless the
operator says that it is no digital good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from merlin.config.section import (
    Line,
    Many,
    Network,
    NotEmpty,
    Opt,
    Section,
    Titled,
    Words,
    in_language,
    setting,
)
from merlin.core.money import Amount, roubles, stars

# Telegram's own limits: of an invoice, of a subscription, and the one period it knows.
MAX_STARS = 25_000
MAX_STARS_RENEWED = 10_000
STARS_PERIOD_DAYS = 30
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
    """In what form a question comes; the values are what is stored and the keys of a plan."""

    TEXT = "text"
    VOICE = "voice"
    PHOTO = "photo"
    DOCUMENT = "document"


def _a_day(value: object) -> object:
    """Return an allowance as a group of keys; a number alone is a number a day."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise PydanticCustomError("config-too-little", "below", {"limit": "0", "found": value})
        return {"day": value}
    if not isinstance(value, Mapping | Section):
        arguments = {"expected": ["integer", "object"], "found": value}
        raise PydanticCustomError("config-wrong-type", "no allowance", arguments)
    return value


class Allowance(NotEmpty):
    """How many questions of one format; what is left out is not limited, 0 is not allowed."""

    day: Opt[int] = Field(default=None, ge=0)
    month: Opt[int] = Field(default=None, ge=0)

    @property
    def is_closed(self) -> bool:
        """Return whether the plan does not have this format at all."""
        return 0 in (self.day, self.month)


PerDay = Annotated[Allowance, BeforeValidator(_a_day, json_schema_input_type=int | Allowance)]
PlanName = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$", examples=["free"])]


class PlanPrice(NotEmpty):
    """What it costs; a plan without a price is not sold."""

    rub: Opt[float] = setting(
        "Roubles, two decimals at most: 299 or 299.90; paid at YooKassa.",
        299,
        default=None,
        gt=0,
        le=1_000_000,
    )
    stars: Opt[int] = setting(
        "Telegram's Stars, at most 25,000; renewed 10,000.", 200, default=None, ge=1, le=MAX_STARS
    )

    @field_validator("rub")
    @classmethod
    def _whole_kopecks(cls, rub: float) -> float:
        if Decimal(str(rub)) * 100 % 1:
            raise ValueError(f"{rub!r} is no whole number of kopecks")
        return rub


class Pack(NotEmpty):
    """This is no plan but a pack of questions, used when the plan has no room."""

    text: Opt[int] = setting("Text questions.", 100, default=None, ge=1, le=1000000)
    voice: Opt[int] = setting("Voice messages and video notes.", 20, default=None, ge=1, le=1000000)
    photo: Opt[int] = setting("Photos.", 20, default=None, ge=1, le=1000000)
    document: Opt[int] = setting("Documents.", 10, default=None, ge=1, le=1000000)


class Plan(Titled):
    """One plan, by its name: lower-case letters, digits, `-` and `_`."""

    title: Words = setting("What people see, in `ru` and `en`.", {"ru": "Бесплатный", "en": "Free"})
    text: Opt[PerDay] = setting("Text questions.", {"day": 20}, default=None)
    voice: Opt[PerDay] = setting(
        "Voice messages and video notes.", {"day": 5, "month": 60}, default=None
    )
    photo: Opt[PerDay] = setting("Photos.", 0, default=None)
    document: Opt[PerDay] = setting("Documents.", 0, default=None)
    window: Opt[int] = setting(
        "Most tokens of a session. Default as the model has.", 8192, default=None, ge=256
    )
    models: Many[str] = setting(
        "Patterns of model ids that may answer, as for file names: `ft:*`. Default every model.",
        ["*"],
        default_factory=tuple,
    )
    sessions: Opt[int] = setting(
        "How many sessions of a person are kept. Default all of them.", 20, default=None, ge=1
    )
    about: Line = setting(
        "A line that people read before they buy it, in `ru` and `en`.",
        {"ru": "Для учёбы каждый день", "en": "For studying every day"},
        default_factory=dict,
    )
    price: Opt[PlanPrice] = None
    days: Opt[int] = setting(
        "For how many days it is bought; of a pack, for how long it may be used. Default of a"
        " pack: until it is used up.",
        30,
        default=None,
        ge=1,
        le=3650,
    )
    pack: Opt[Pack] = None
    renewed: bool = setting(
        "It is paid again when it ends, until the person says no; in Stars every 30 days.",
        example=True,
        default=False,
    )
    trial_days: Opt[int] = setting(
        "Everybody may have it for so many days once for nothing.", 3, default=None, ge=1, le=365
    )
    courses: Many[str] = setting(
        "It counts for questions about these courses alone, with a count of its own. Default for"
        " all.",
        ["algorithms"],
        default_factory=tuple,
        min_length=1,
    )

    @property
    def is_sold(self) -> bool:
        """Return whether it has any price."""
        return self.price is not None

    @property
    def rub(self) -> Amount | None:
        """Return its price in roubles, None where it is not sold for them."""
        return roubles(self.price.rub) if self.price and self.price.rub is not None else None

    @property
    def xtr(self) -> Amount | None:
        """Return its price in Stars, None where it is not sold for them."""
        return stars(self.price.stars) if self.price and self.price.stars is not None else None

    @property
    def is_pack(self) -> bool:
        """Return whether this is nothing that one has, but questions on top of what one has."""
        return self.pack is not None

    @property
    def questions(self) -> Mapping[Format, int]:
        """Return how many questions of each format a pack has."""
        return {kind: count for kind in Format if (count := getattr(self.pack, kind, None))}

    def described(self, language: str) -> str:
        """Return what is said of the plan in a language, "" for nothing."""
        return in_language(self.about, language)


class Receipt(Section):
    """Receipts by 54-FZ, made by YooKassa, in its codes.

    Without this key none are asked for. With it people name an e-mail address or a telephone
    number.
    """

    vat_code: int = setting(
        "Rate of VAT in YooKassa's codes; 1 is without.", default=1, ge=1, le=12
    )
    subject: str = setting("What is sold, in YooKassa's words.", default="service", min_length=1)
    mode: str = setting(
        "How it is paid, in YooKassa's words.", default="full_payment", min_length=1
    )
    tax_system: Opt[int] = setting(
        "Tax system, where the shop has several.", 2, default=None, ge=1, le=6
    )


class YooKassaConfig(Section):
    """A shop at YooKassa, which takes roubles on our own pages; it needs `api.public_url`."""

    base_url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = setting(
        "Address of its API.", default="https://api.yookassa.ru/v3", pattern=r"^https?://"
    )
    shop_id: str = setting(
        "Name of the environment variable with the shop's id.",
        default="YOOKASSA_SHOP_ID",
        min_length=1,
    )
    secret_key: str = setting(
        "Name of the environment variable with the shop's secret key.",
        default="YOOKASSA_SECRET_KEY",
        min_length=1,
    )
    test: bool = setting(
        "This is a test shop. Only payments that are tests are believed then; and none that are"
        " tests otherwise.",
        default=False,
    )
    capture: Literal["auto", "manual"] = setting(
        "`manual`: money is held first, and taken when the order was looked at once more.",
        default="auto",
    )
    save_methods: bool = setting(
        "People may let a renewed plan be paid by the same card. YooKassa must allow it to the"
        " shop.",
        example=True,
        default=False,
    )
    bot_button: bool = setting(
        "The bot leads to the page that takes roubles too. Telegram's Developer Terms 6.2 sell"
        " digital goods in Telegram for Stars alone: this is for what is none.",
        default=False,
    )
    receipt: Opt[Receipt] = None
    networks: Many[Network] = setting(
        "Networks that notifications may come from, as a second wall. Default YooKassa's own.",
        ["185.71.76.0/27"],
        default_factory=lambda: NETWORKS,
    )


class PaymentsConfig(Section):
    """How plans with a price are paid for. Stars need nothing here."""

    order_hours: int = setting(
        "An order that nobody pays ends after so many hours.", default=24, ge=1, le=72
    )
    invitation: int = setting(
        "So many text questions beyond the plan for each new person that somebody brings by their"
        " link, twenty people at most; 0: none.",
        5,
        default=0,
        ge=0,
        le=1000,
    )
    not_digital: Many[str] = setting(
        "Plans that are no digital goods (a seminar, a printed certificate), so that Telegram's"
        " terms do not ask for a price in Stars.",
        ["seminar"],
        default=(),
    )
    yookassa: Opt[YooKassaConfig] = None


def plan_faults(plans: Mapping[str, Plan], payments: PaymentsConfig) -> Iterator[str]:
    """Yield a line for everything that is wrong with the plans as goods."""
    for number, (name, plan) in enumerate(plans.items()):
        place = f"plans.{name}"
        if number == 0 and (plan.price or plan.pack or plan.courses):
            yield f"{place}: the first plan is everybody's, so it has no price, pack or courses"
        has_stars = plan.price is not None and plan.price.stars is not None
        has_roubles = plan.price is not None and plan.price.rub is not None
        if has_roubles and payments.yookassa is None:
            yield f"{place}.price.rub: payments.yookassa is missing, which takes roubles"
        if has_roubles and not has_stars and name not in payments.not_digital:
            yield (
                f"{place}.price.stars: is missing; Telegram's terms ask that digital goods sold"
                " elsewhere are sold for Stars too (or name the plan in payments.not_digital)"
            )
        yield from (f"{place}{fault}" for fault in _faults(plan))


def _faults(plan: Plan) -> Iterator[str]:
    if plan.price and not plan.pack and plan.days is None:
        yield ".days: is missing; say for how long it is bought, or what pack it is"
    if not plan.price and (plan.pack or plan.renewed):
        yield ".price: is missing; a pack and a renewed plan are bought"
    yield from _renewal_faults(plan)
    counts = plan.text or plan.voice or plan.photo or plan.document
    if plan.pack and (counts or plan.trial_days or plan.courses):
        yield ".pack: a pack has no numbers a day, no trial and no courses of its own"


def _renewal_faults(plan: Plan) -> Iterator[str]:
    stars = plan.price.stars if plan.price else None
    most = MAX_STARS_RENEWED if plan.renewed else MAX_STARS
    if stars is not None and stars > most:
        yield f".price.stars: Telegram takes {most} Stars at most"
    if plan.renewed and plan.pack:
        yield ".renewed: a pack is not renewed"
    if plan.renewed and stars is not None and plan.days != STARS_PERIOD_DAYS:
        yield f".days: Telegram renews every {STARS_PERIOD_DAYS} days and no other number"
