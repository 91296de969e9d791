"""A bot that sells: its plans, and what the tests of payments ask of its rows."""

from __future__ import annotations

import itertools
import json

from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from merlin.sandbox.telegram.world import VERA
from tests.billing.repositories import billing_rows
from tests.bot.conversation import Talk
from tests.bot.running_bot import RunningBot, rows, settings_of
from tests.support.plan_config import make_plans

SAID = {
    "free": {
        "title": {"ru": "Бесплатный", "en": "Free"},
        "text": 3,
        "voice": 0,
        "photo": 0,
        "document": 0,
    },
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "about": {"ru": "Для тех, кто спрашивает много.", "en": "For those who ask a lot."},
        "text": 100,
        "voice": {"day": 10, "month": 100},
        "photo": 5,
        "document": 0,
        "price": {"stars": 200},
        "days": 30,
        "trial_days": 7,
    },
    "always": {
        "title": {"ru": "Всегда", "en": "Always"},
        "voice": 50,
        "price": {"stars": 300},
        "days": 30,
        "renewed": True,
    },
    "voices": {
        "title": {"ru": "Двадцать голосовых", "en": "Twenty voices"},
        "price": {"stars": 50},
        "pack": {"voice": 20},
    },
}
_people = itertools.count(6001)


def selling(tmp_path, telegram, provider=None, **more):
    """Return the settings of a bot that sells these plans, vera its admin."""
    made = {"plans": make_plans(SAID), "admins": (VERA.person_id,), **more}
    return settings_of(tmp_path, telegram, provider, **made)


class Buyer(Talk):
    """Somebody new, who buys; English, as all strangers are."""

    def __init__(self, telegram, settings, who=0):
        super().__init__(telegram, settings, str(who or next(_people)))

    @property
    def user_id(self):
        """Return who this is."""
        return int(self.who)

    def _ended(self):
        mine = f"SELECT COUNT(*) FROM updates WHERE user_id = {self.user_id} AND state <> 'waiting'"  # noqa: S608 - a number
        return rows(self.settings, mine)[0][0]

    def plan(self, part):
        """Open /plan and there what says this; return the bot's newest message."""
        self.say("/plan")
        return self.press(self.behind(part))

    def order(self, part):
        """Order what says this, and return the purchase's id."""
        self.plan(part)
        self.press(self.behind("Buy for"))
        return self.purchases()[0].purchase_id

    def pay(self, what=0, **more):
        """Pay an invoice, the newest for none; wait until the bot has dealt with it."""
        before = self._ended()
        self.telegram.pay(self.who, what, **more)
        # Telegram's question, and then its word that it is paid.
        self.telegram.wait_for(lambda: self._ended() > before + 1, 40)
        return self.until("Paid")

    def until(self, part):
        """Wait until the newest message says this."""

        def said():
            newest = self.telegram.answers(self.who)[-1:]
            return newest and part in newest[0].text

        self.telegram.wait_for(said, 40)
        return self.last

    def refused(self, what=0, **more):
        """Try to pay; return why the bot would not let it happen."""
        self._done(lambda who: self.telegram.pay(who, what, **more))
        return self.telegram.calls("answerPreCheckoutQuery")[-1].arguments.get("error_message", "")

    def paid(self):
        """Return the payments of the ledger that are this person's."""
        return [
            entry
            for entry in ledger(self.settings)
            if entry[0] == self.user_id and entry[1] == "payment"
        ]

    def purchases(self):
        """Return this person's purchases, newest first."""
        return with_books(self.settings, lambda books: books.purchases.of(self.user_id))

    def terms(self):
        """Return the plans that this person has for a time."""
        return with_books(self.settings, lambda books: books.terms.of(self.user_id))

    def renewals(self):
        """Return what renews itself for this person."""
        return with_books(self.settings, lambda books: books.renewals.of(self.user_id))


def ledger(settings):
    """Return the ledger: whose, what, how much, the till's id; oldest first."""
    query = (
        "SELECT p.user_id, l.kind, l.amount, l.outside_id FROM ledger l"
        " JOIN purchase p ON p.id = l.purchase_id ORDER BY l.id"
    )
    return rows(settings, query)


def with_books(settings, work):
    """Return what `work` does with the books of the bot's database."""
    with open_database(settings.database) as database:
        migrate(database)
        database.cipher = load_or_make_key(settings.state_dir, settings.text_key)
        return database.transact(lambda: work(billing_rows(database)))


def change(settings, sql, *values):
    """Let the bot's rows be other than they are."""
    with open_database(settings.database) as database:
        database.transact(lambda: database.sql(sql, *values))


def compared(settings):
    """Return what the last comparison came to, None before the first one."""
    found = rows(settings, "SELECT value FROM setting WHERE name = 'stars.reconciled'")
    return json.loads(found[0][0]) if found else None


def buyer_with_invoice(telegram, settings, part="Twenty voices"):
    """Return somebody with an invoice before them."""
    with RunningBot(settings):
        buyer = Buyer(telegram, settings)
        buyer.order(part)
        telegram.wait_for(lambda: compared(settings))
    return buyer
