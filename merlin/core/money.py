"""Costs in millionths of a currency, and amounts in kopecks or Stars; never a float."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from pydantic import computed_field

from merlin.core.i18n import LANGUAGES, format_number, text
from merlin.core.messages import Usage

_KOPECKS = 100
# The codes of ISO 4217 in use, without those of metals, funds and tests.
_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF "
    "KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH "
    "UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES = frozenset(_CODES.split())
# Above any price in a shop, and within the integers of every database.
MAX_MINOR = 10**12


class Currency(StrEnum):
    """The currencies of payments: roubles or Telegram Stars."""

    # The values are stored in the database.
    RUB = "RUB"
    XTR = "XTR"


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money in kopecks or Telegram Stars."""

    minor: int = field(
        metadata={
            "description": "Amount in the smallest unit: kopecks, or whole Stars."
        }
    )
    currency: Currency

    @computed_field(  # type: ignore[prop-decorator]
        alias="value",
        description='Amount as a decimal number, such as "299.00"; Stars have no fraction.',
    )
    @property
    def decimal(self) -> str:
        """Return the number as YooKassa writes it: "299.00"; Stars have no fraction."""
        if self.currency is Currency.XTR:
            return str(self.minor)
        roubles, kopecks = divmod(self.minor, _KOPECKS)
        return f"{roubles}.{kopecks:02d}"

    def format(self, language: str) -> str:
        """Format the amount: "299 ₽", "1 299,90 ₽" (ru), "₽1,299.90" (en), "200 ⭐"."""
        if self.currency is Currency.XTR:
            return f"{self.minor} ⭐"
        digits = 2 if self.minor % _KOPECKS else 0
        number = format_number(language, self.minor / _KOPECKS, digits)
        return _place_sign(language, number, self.currency)


def roubles(value: float | str) -> Amount:
    """Convert roubles to an amount in kopecks: "299.90", 299.9 and 299 are exact.

    Raises ValueError if the value is not a finite number, has fractions of a kopeck, or is negative
    or above MAX_MINOR.
    """
    try:
        kopecks = Decimal(str(value)) * _KOPECKS
    except ArithmeticError:  # no number, or 1e999999
        raise ValueError(f"{value!r} is no amount") from None
    if not kopecks.is_finite() or kopecks != kopecks.to_integral_value():
        raise ValueError(f"{value!r} is no whole number of kopecks")
    if not 0 <= kopecks <= MAX_MINOR:
        raise ValueError(f"{value!r} is out of range")
    return Amount(int(kopecks), Currency.RUB)


def stars(count: int) -> Amount:
    """Return an amount of Stars."""
    return Amount(count, Currency.XTR)


def parse_amount(text: str, currency: str) -> Amount:
    """Return an amount as people write it: "1499.50", "1 499,50 ₽".

    Raises ValueError, also for no currency.
    """
    plain = "".join(text.split()).replace(",", ".").removesuffix("₽")
    return roubles(plain) if Currency(currency) is Currency.RUB else stars(int(plain))


def format_amounts(language: str, arguments: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments of a stored notice; its amount "299.00 RUB" becomes "299 ₽"."""
    number, _, currency = str(arguments.get("amount", "")).partition(" ")
    try:
        return {**arguments, "amount": parse_amount(number, currency).format(language)}
    except ValueError:
        return dict(arguments)


MICRO = 1_000_000
_CENT = MICRO // 100
_SIGNS = {"USD": "$", "RUB": "₽", "EUR": "€"}
_NBSP = "\u00a0"


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost in millionths of a currency."""

    micro: int
    currency: str


def sum_costs(costs: Iterable[Cost | None]) -> Cost | None:
    """Return the sum of the known costs in the currency of the first; None if none is known."""
    known = [cost for cost in costs if cost is not None]
    if not known:
        return None
    currency = known[0].currency
    return Cost(
        sum(cost.micro for cost in known if cost.currency == currency), currency
    )


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of one model in millionths of `currency` per million tokens."""

    currency: str
    input_micro: int
    cached_input_micro: int
    output_micro: int
    training_micro: int

    def training(self, tokens: int) -> int:
        """Return the cost of training on `tokens` tokens, in millionths, rounded up."""
        return -(-tokens * self.training_micro // MICRO)

    def answer(self, usage: Usage) -> int:
        """Return the cost of one answer, in millionths, rounded up."""
        total = (usage.input_tokens - usage.cached_tokens) * self.input_micro
        total += usage.cached_tokens * self.cached_input_micro
        total += usage.output_tokens * self.output_micro
        return -(-total // MICRO)


def _digits(micro: int) -> int:
    """Return the digits of the fraction: 2, for less than a cent 4, for hardly anything 6."""
    if not 0 < abs(micro) < _CENT:
        return 2
    return 4 if abs(micro) >= _CENT // 100 else 6


def format_cost(language: str, micro: int, currency: str) -> str:
    """Format a cost in millionths: "0,79 $", "0,0012 $", "0,000005 $"."""
    amount = format_number(language, micro / MICRO, _digits(micro))
    return _place_sign(language, amount, currency)


def _place_sign(language: str, number: str, currency: str) -> str:
    sign = _SIGNS.get(currency, currency)
    if language == "en" and len(sign) == 1:
        return f"{sign}{number}"
    return f"{number}{_NBSP}{sign}"


def format_price(language: str, micro: int, currency: str) -> str:
    """Format a price: "0,79 $", or "бесплатно" for 0."""
    return (
        format_cost(language, micro, currency)
        if micro
        else text(language, "price-free")
    )


def format_estimate(language: str, micro: int, currency: str) -> str:
    """Format an estimated cost: "около 0,79 $", "меньше 0,01 $", "бесплатно"."""
    if not micro:
        return text(language, "price-free")
    key = "price-about" if micro >= _CENT else "price-little"
    return text(language, key, cost=format_cost(language, max(micro, _CENT), currency))


def cost_argument(micro: int, currency: str) -> dict[str, object]:
    """Return a cost as an argument of a text, formatted in its language."""
    values = {
        language: format_cost(language, micro, currency) for language in LANGUAGES
    }
    return {"key": "price-told", "arguments": values}
