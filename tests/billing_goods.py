"""What histories with the shop are made of: goods, codes, and what should have come of each buy."""

from __future__ import annotations

from dataclasses import dataclass, field

from config_plans import plans_of

from merlin.billing.plan import Format
from merlin.billing.promo_codes import Promo
from merlin.config.shop import PaymentsConfig, YooKassaConfig

BOT = 4242
ZONES = ("UTC", "Europe/Moscow", "America/New_York", "Pacific/Chatham", "Asia/Kathmandu")
PLANS = plans_of(
    {
        "free": {"title": {"ru": "Б", "en": "F"}, "text": 2, "voice": 0},
        "plus": {
            "title": {"ru": "П", "en": "P"},
            "text": {"day": 3, "month": 7},
            "voice": 1,
            "price": {"rub": 299.9, "stars": 200},
            "days": 30,
            "renewed": True,
            "trial_days": 3,
        },
        "pack": {
            "title": {"ru": "Г", "en": "V"},
            "pack": {"voice": 3, "text": 2},
            "price": {"rub": 99.01, "stars": 70},
            "days": 20,
        },
        "course": {
            "title": {"ru": "К", "en": "C"},
            "text": 2,
            "price": {"rub": 150, "stars": 100},
            "days": 7,
            "courses": ["algorithms"],
        },
    }
)
SHOP = (PLANS, PaymentsConfig(yookassa=YooKassaConfig()))
DAYS = {"plus": 30, "course": 7}
PACK = {Format.VOICE: 3, Format.TEXT: 2}
JUMPS = (60, 3 * 3600, 26 * 3600, 9 * 86_400, 33 * 86_400, -3600)
# The last is for a few people of all, so that they stand in each other's way.
FEW = 3
CODES = (
    Promo("DAYS", "plus", days=5),
    Promo("LESS", "plus", percent=33),
    Promo("FEW", "plus", percent=90, most_uses=FEW),
)


@dataclass
class Bought:
    """What should have become of one payment."""

    purchase: object
    outside_id: str
    paid: int
    grant: object
    back: int = 0
    refunds: list[tuple[str, int]] = field(default_factory=list)

    @property
    def code(self):
        """Return the code that this payment used up, "" for none."""
        return "" if self.grant.is_empty else self.purchase.order.promo


@dataclass
class Use:
    """One question that was let in."""

    kind: Format
    scope: str
    day: str
    month: str
    gift_id: int | None
    state: str = "reserved"
