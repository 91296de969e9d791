"""A bot that sells a plan which renews in Stars, and its subscribers."""

from contextlib import contextmanager

from merlin.core.clock import from_iso
from tests.bot.running_bot import RunningBot, select_rows
from tests.bot.stars_buyer import PLANS, Buyer, change_rows, selling_settings
from tests.support.plan_config import make_plans

PRICE = 100
RENEWED = {
    "title": {"ru": "Макс", "en": "Max"},
    "text": 500,
    "price": {"stars": PRICE},
    "days": 30,
    "renews": "monthly",
}


def renewing_settings(tmp_path, telegram, **options):
    """Return settings of a bot that sells a plan which renews."""
    plans = make_plans({**PLANS, "max": RENEWED})
    return selling_settings(tmp_path, telegram, plans=plans, **options)


@contextmanager
def run_subscriber(telegram, settings):
    """Run a bot; yield somebody who has subscribed."""
    with RunningBot(settings):
        subscriber = Subscriber(telegram, settings)
        subscriber.subscribe()
        yield subscriber


class Subscriber(Buyer):
    """A person who subscribes; in English, as new users are by default."""

    def open_link(self):
        """Order the plan; return the bot's message with the invoice's link."""
        self.open_plan("Max")
        return self.press(self.find_button("Subscribe for"))

    def subscribe(self):
        """Order the plan and pay the first month; return the bot's thanks."""
        message_id = self.open_link().message_id
        self.telegram.press(self.who, f"Subscribe for {PRICE} ⭐", message_id)
        return self.wait_for_text("Paid", 40)

    def renewal(self):
        """Return state, wish and end of the subscription as stored."""
        ((state, wanted, ends_at),) = select_rows(
            self.settings, "SELECT state, wanted, ends_at FROM subscription"
        )
        return state, wanted, from_iso(ends_at)

    def open_renewal(self):
        """Open the screen of the subscription; return the bot's message."""
        self.say("/plan")
        return self.press(self.find_button("Auto-renewal of"))

    def turn(self, label, told):
        """Press a button of the subscription's screen, and wait for the bot's message."""
        self.open_renewal()
        self.press(self.find_button(label))
        return self.wait_for_text(told)

    def terms(self):
        """Return begin and end of each term of the plan, oldest first."""
        of_user = (
            f"SELECT starts_at, ends_at FROM plan_term WHERE user_id = {self.user_id}"  # noqa: S608 - a number
        )
        rows = select_rows(self.settings, f"{of_user} ORDER BY id")
        return [(from_iso(starts), from_iso(ends)) for starts, ends in rows]

    def make_past(self, days):
        """Move the stored end of the subscription and of the plan back."""
        for table in ("subscription", "plan_term"):
            ((ends_at,),) = select_rows(
                self.settings,
                f"SELECT ends_at FROM {table}",  # noqa: S608 - our own words
            )
            earlier = from_iso(ends_at) - days
            sql = f"UPDATE {table} SET ends_at = ?"  # noqa: S608 - our own words
            change_rows(self.settings, sql, earlier.isoformat())
