"""A bot that sells plans for Telegram Stars, buyers, and queries of its billing tables."""

import itertools
from contextlib import contextmanager

from structlog.testing import capture_logs

from merlin.config.shop import PaymentsConfig, YooKassaConfig
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from merlin.sandbox.telegram.world import VERA
from tests.billing.repositories import open_billing
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    TRANSCRIPTION,
    RunningBot,
    add_live_model,
    answer_texts,
    bot_settings,
    select_rows,
)
from tests.support.plan_config import make_plans
from tests.support.stand_ins import ProviderStandIn, TelegramStandIn

PLANS = {
    "free": {
        "title": {"ru": "Бесплатный", "en": "Free"},
        "text": 3,
        "voice": 0,
        "photo": 0,
        "document": 0,
    },
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "about": {
            "ru": "Для тех, кто спрашивает много.",
            "en": "For those who ask a lot.",
        },
        "text": 100,
        "voice": {"day": 10, "month": 100},
        "photo": 5,
        "document": 0,
        "price": {"stars": 200},
        "days": 30,
    },
    "voices": {
        "title": {"ru": "Двадцать голосовых", "en": "Twenty voices"},
        "price": {"stars": 50},
        "pack": {"voice": 20},
    },
}
# What the site sells too, or alone.
COURSE = {
    "title": {"ru": "Курс", "en": "Course"},
    "text": 9,
    "voice": 0,
    "price": {"stars": 10, "rub": 99},
    "days": 30,
}
SITE_ONLY = {"title": {"en": "Site", "ru": "Сайт"}, "price": {"rub": 5}, "days": 30}
_user_ids = itertools.count(6001)


def selling_settings(tmp_path, telegram, provider=None, **options):
    """Return settings of a bot that sells these plans, with vera as admin."""
    settings = {"plans": make_plans(PLANS), "admins": (VERA.person_id,), **options}
    return bot_settings(tmp_path, telegram, provider, **settings)


@contextmanager
def run_selling_bot(folder):
    """Run a bot that sells in the chat and on its site; yield it and its stand-ins."""
    with capture_logs(), TelegramStandIn() as telegram, ProviderStandIn() as provider:
        settings = selling_settings(
            folder,
            telegram,
            provider,
            plans=make_plans({**PLANS, "site": SITE_ONLY, "course": COURSE}),
            transcription=TRANSCRIPTION,
            selling=PaymentsConfig(yookassa=YooKassaConfig(bot_button=True)),
            public_url="https://merlin.example",
        )
        add_live_model(settings, "stand-in-base")
        with RunningBot(settings):
            yield telegram, settings, provider


class Buyer(ChatUser):
    """A new user who buys; in English, as new users are by default."""

    def __init__(self, telegram, settings, who=0):
        super().__init__(telegram, settings, str(who or next(_user_ids)))

    def open_plan(self, part):
        """Open /plan and press the button with this text; return the bot's newest message."""
        self.say("/plan")
        return self.press(self.find_button(part))

    def order(self, part):
        """Order the plan whose button has this text; return the purchase's id."""
        self.open_plan(part)
        self.press(self.find_button("Buy for"))
        return self.purchases()[0].purchase_id

    def pay(self, message_id=0, **options):
        """Pay an invoice, by default the newest; wait until the bot has processed it."""
        before = self._count_ended()
        self.telegram.pay(self.who, message_id, **options)
        # The pre-checkout query, then the message of the successful payment.
        self.telegram.wait_for(lambda: self._count_ended() > before + 1, 40)
        return self.wait_for_text("Paid", 40)

    def buy(self, part):
        """Order the plan whose button has this text, and pay; return the bot's thanks."""
        self.order(part)
        return self.pay()

    def try_to_pay(self, message_id=0, **options):
        """Try to pay; return the bot's reason for the refusal."""
        self._act(lambda who: self.telegram.pay(who, message_id, **options))
        return self.telegram.calls("answerPreCheckoutQuery")[-1].body.get(
            "error_message", ""
        )

    def count_messages(self, part):
        """Return how many messages of the bot contain this text."""
        return sum(part in text for text in answer_texts(self.telegram, self.who))

    def payments(self):
        """Return this user's payments in the ledger."""
        return [
            entry
            for entry in ledger(self.settings)
            if entry[0] == self.user_id and entry[1] == "payment"
        ]

    def purchases(self):
        """Return this user's purchases, newest first."""
        return query_billing(
            self.settings, lambda billing: billing.purchases.list_of_user(self.user_id)
        )


def entry_kinds(buyer):
    """Return kind and amount of each entry of a buyer in the ledger, oldest first."""
    return [entry[1:3] for entry in ledger(buyer.settings) if entry[0] == buyer.user_id]


def ledger(settings):
    """Return the ledger: user, kind, amount, the gateway's id; oldest first."""
    query = (
        "SELECT p.user_id, l.kind, l.amount, l.outside_id FROM ledger l"
        " JOIN purchase p ON p.id = l.purchase_id ORDER BY l.id"
    )
    return select_rows(settings, query)


def query_billing(settings, query):
    """Return the result of `query` with the billing repositories of the bot's database."""
    with open_database(settings.database) as database:
        migrate(database)
        database.cipher = load_or_make_key(settings.state_dir, settings.text_key)
        return database.transact(lambda: query(open_billing(database)))


def change_rows(settings, sql, *values):
    """Change rows of the bot's database."""
    with open_database(settings.database) as database:
        database.transact(lambda: database.sql(sql, *values))


def change_purchase(settings, purchase_id, change):
    """Change a purchase's columns, as an UPDATE names them."""
    query = f"UPDATE purchase SET {change} WHERE id = ?"  # noqa: S608 - our own words
    change_rows(settings, query, purchase_id)


def request_refund(settings, purchase_id, reason="x"):
    """Request a refund of all of a purchase, as an admin does on the page."""

    def work(books):
        grant = books.ledger.entries(purchase_id)[1]
        books.refunds.request(grant.entry_id, grant.amount, reason, "user:1003")

    query_billing(settings, work)


def buyer_with_invoice(telegram, settings, part="Twenty voices"):
    """Return a buyer with an open invoice."""
    with Buyer.of_running_bot(telegram, settings) as buyer:
        buyer.order(part)
    return buyer
