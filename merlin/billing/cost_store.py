"""Rows of what answers have cost, by day and by person (under a keyed hash)."""

from __future__ import annotations

from datetime import date, timedelta

from merlin.core.money import Cost
from merlin.db.database import Database, transaction
from merlin.db.encryption import Cipher
from merlin.db.tables import ANSWER_COST


class AnswerCostRows:
    """One row a day, person and currency."""

    def __init__(self, db: Database, cipher: Cipher) -> None:
        self.db = db
        self._cipher = cipher

    @transaction
    def add(self, day: str, user_id: int, cost: Cost) -> None:
        """Add what an answer to somebody cost, and forget the days before the last."""
        old = (date.fromisoformat(day) - _KEPT).isoformat()
        self.db.change(ANSWER_COST.delete().where(ANSWER_COST.day < old))
        self.db.sql(_ADD, day, self._cipher.marks(str(user_id))[0], cost.currency, cost.micro)

    def of_day(self, day: str) -> list[Cost]:
        """Return what a day's answers cost, one sum a currency."""
        return [Cost(int(micro), currency) for micro, currency in self.db.sql(_OF_DAY, day)]

    def of_person(self, day: str, user_id: int) -> list[Cost]:
        """Return what a day's answers to somebody cost, even if they left in between."""
        sums: dict[str, int] = {}
        for mark in self._cipher.marks(str(user_id)):
            for micro, currency in self.db.sql(_OF_PERSON, day, mark):
                sums[currency] = sums.get(currency, 0) + int(micro)
        return [Cost(micro, currency) for currency, micro in sorted(sums.items())]


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
