"""What answers may cost a day, and what they have cost.

Guard: how much answers may cost a day, all together and for one person.

What answers cost is added up under the day of the config's time zone, as they come. A question
that comes once a cap is reached is not asked; those under way then are still answered, so a cap
may be passed by what they cost.

A person stands there under a keyed hash: deleting everything does not open a cap again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from merlin.billing.quota import today
from merlin.config.section import in_micro
from merlin.config.settings import AnswerBudget
from merlin.core.clock import in_zone
from merlin.core.money import Cost, format_cost_plainly
from merlin.db.database import Database, transaction
from merlin.db.notices import ADMINS, Notices
from merlin.db.tables import ANSWER_COST


class Reach(StrEnum):
    """Whose cap is reached; the values are in Fluent keys."""

    DAY = "day"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Over:
    """A cap that is reached, until the day ends; the person is told `guard-<reach>`."""

    reach: Reach
    day: str
    spent: Cost
    cap_micro: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Guard:
    """The caps over the sums, in the time zone of the config."""

    caps: AnswerBudget
    costs: Costs
    zone: tzinfo

    def over(self, user_id: int, now: datetime) -> Over | None:
        """Return the cap that is reached for a person now, None while they may ask."""
        if not self.caps.is_set:
            return None
        here = today(now, self.zone)
        cap = in_micro(self.caps.per_day)
        spent = _reached(self.costs.of_day(here.day), cap) if cap is not None else None
        if cap is not None and spent is not None:
            return Over(Reach.DAY, here.day, spent, cap, here.day_ends)
        cap = in_micro(self.caps.per_person_per_day)
        spent = _reached(self.costs.of_person(here.day, user_id), cap) if cap is not None else None
        if cap is not None and spent is not None:
            return Over(Reach.PERSON, here.day, spent, cap, here.day_ends)
        return None

    def note(self, notices: Notices, user_id: int, cost: Cost, now: datetime) -> None:
        """Add up what an answer cost; tell admins of a cap that is reached, once a day."""
        if not self.caps.is_set or not cost.micro:
            return
        self.costs.add(today(now, self.zone).day, user_id, cost)
        found = self.over(user_id, now)
        if found is not None:
            self._tell(notices, found, user_id)

    def _tell(self, notices: Notices, found: Over, user_id: int) -> None:
        told: dict[str, object] = {
            "spent": format_cost_plainly(found.spent.micro, found.spent.currency),
            "cap": format_cost_plainly(found.cap_micro, found.spent.currency),
            "until": f"{in_zone(found.until, self.zone):%Y-%m-%d %H:%M}",
        }
        if found.reach is Reach.PERSON:
            told["user"] = str(user_id)
        reach = found.reach.value
        notices.tell(ADMINS, f"notice-answers-{reach}", told, f"answers-{reach}:{found.day}")


def _reached(sums: Iterable[Cost], cap_micro: int) -> Cost | None:
    """Return the first sum that is as much as the cap; a cap has every sum's currency."""
    return next((each for each in sums if each.micro >= cap_micro), None)


# Every answer passes these where a cap is set: as plain statements they take a tenth of the time.
_ADD = """
INSERT INTO answer_cost (day, mark, currency, micro) VALUES (?, ?, ?, ?)
ON CONFLICT (day, mark, currency) DO UPDATE SET micro = answer_cost.micro + excluded.micro
"""
_OF_DAY = """
SELECT SUM(micro), currency FROM answer_cost WHERE day = ? GROUP BY currency ORDER BY currency
"""
_OF_PERSON = "SELECT micro, currency FROM answer_cost WHERE day = ? AND mark = ?"
# A day may end later elsewhere, and clocks are set.
_KEPT = timedelta(days=2)


class Costs:
    """One row a day, person and currency."""

    def __init__(self, db: Database) -> None:
        self.db = db

    @transaction
    def add(self, day: str, user_id: int, cost: Cost) -> None:
        """Add what an answer to somebody cost, and forget the days before the last."""
        old = (date.fromisoformat(day) - _KEPT).isoformat()
        self.db.change(ANSWER_COST.delete().where(ANSWER_COST.day < old))
        self.db.sql(_ADD, day, self.db.cipher.marks(str(user_id))[0], cost.currency, cost.micro)

    def of_day(self, day: str) -> list[Cost]:
        """Return what a day's answers cost, one sum a currency."""
        return [Cost(int(micro), currency) for micro, currency in self.db.sql(_OF_DAY, day)]

    def of_person(self, day: str, user_id: int) -> list[Cost]:
        """Return what a day's answers to somebody cost, even if they left in between."""
        sums: dict[str, int] = {}
        for mark in self.db.cipher.marks(str(user_id)):
            for micro, currency in self.db.sql(_OF_PERSON, day, mark):
                sums[currency] = sums.get(currency, 0) + int(micro)
        return [Cost(micro, currency) for currency, micro in sorted(sums.items())]
