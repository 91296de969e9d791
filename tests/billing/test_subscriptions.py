"""Subscriptions: extended by payments, reported by Telegram, turned off once by whoever may."""

from datetime import timedelta

import pytest

from merlin.account.users import User
from merlin.app import subscriptions as acts, users
from merlin.app.accounts import prepare_erasure
from merlin.app.actor import Actor
from merlin.app.plans import ENDS_BEFORE, notify_expiry
from merlin.billing.subscriptions import SubscriptionState
from merlin.config.shop import PaymentsConfig, YooKassaConfig
from merlin.core.errors import NotFound, Refused
from merlin.core.money import roubles
from merlin.core.permissions import Authority
from merlin.db.audit import Audit
from merlin.db.notices import ADMINS
from merlin.db.tables import PURCHASE
from tests.billing.plan_shop import ANNA, BORIS, PLAN_SETTINGS, STARS, YOOKASSA, Shop
from tests.support.people import ADMIN, EDITOR, STUDENT
from tests.support.plan_config import make_plans
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration

ACTIVE, CANCELED, FAILED, ALLOWED = SubscriptionState
MONTH = timedelta(days=30)
DAY = timedelta(days=1)
RENEWED = {**PLAN_SETTINGS["plus"], "renews": "monthly"}
RENEWING = make_plans({**PLAN_SETTINGS, "plus": RENEWED})


@pytest.fixture
def shop(database, clock):
    payments = PaymentsConfig(yookassa=YooKassaConfig())
    shop = Shop(database, clock, (RENEWING, payments))
    shop.users.record([User(ANNA, "ru"), User(BORIS, "en")])
    yield shop
    assert shop.find_faults() == []


def pay_month(shop, purchase, until, **more):
    """Pay a month in Stars as Telegram reports it; return the outcome."""
    payment = shop.make_payment(purchase, more.pop("charge"), until=until, **more)
    return shop.apply_payment(purchase, payment).value


@pytest.fixture
def purchase(shop, clock):
    """The order of anna, who subscribed now."""
    purchase = shop.order(gateway=STARS)
    assert pay_month(shop, purchase, clock() + MONTH, charge="first") == "paid"
    return shop.billing.purchases.get(purchase.purchase_id)


def read(shop, purchase):
    return shop.billing.subscriptions.find(purchase.purchase_id)


def ends(shop):
    return [term.ends_at for term in shop.billing.terms.list_of_user(ANNA)][::-1]


def test_only_stars_renew(shop, purchase):
    assert purchase.order.promise.renews
    by_card = shop.order(BORIS, gateway=YOOKASSA)
    assert not by_card.order.promise.renews
    assert by_card.order.amount == roubles("299.9")
    assert shop.pay(by_card) is not None
    assert read(shop, by_card) is None


def test_first_payment_names_the_subscription_and_its_end_is_the_plans(shop, purchase):
    found = read(shop, purchase)
    assert (found.charge_id, found.user_id, found.state) == ("first", ANNA, ACTIVE)
    assert [found.ends_at] == ends(shop)
    assert shop.list_notices(ANNA) == ["notice-subscribed"]


def test_renewal_before_and_after_the_end_goes_on_to_what_telegram_says(
    shop, purchase, clock
):
    first, second, third = (clock() + number * MONTH for number in (1, 2, 3))
    clock.move((MONTH - DAY / 24).total_seconds())
    renewed = {"is_renewal": True}
    assert pay_month(shop, purchase, second, charge="2", **renewed) == "paid"
    # Telegram charged an hour late: the plan was away meanwhile, and ends at its day.
    clock.move((MONTH + DAY / 12).total_seconds())
    assert pay_month(shop, purchase, third, charge="3", **renewed) == "paid"
    assert pay_month(shop, purchase, third, charge="3", **renewed) == "nothing"
    assert ends(shop) == [first, second, third]
    assert read(shop, purchase).ends_at == third
    assert shop.list_notices(ANNA)[1:] == ["notice-renewed"] * 2
    assert shop.list_kinds() == ["payment", "grant"] * 3


def test_month_after_days_that_were_bought_loses_none_of_them(shop, clock):
    by_card = shop.order(gateway=YOOKASSA)
    shop.pay(by_card)
    bought = clock() + MONTH
    purchase = shop.order(gateway=STARS)
    pay_month(shop, purchase, clock() + MONTH, charge="first")
    assert ends(shop) == [bought, bought + MONTH]


def test_payment_that_comes_after_its_month_gives_no_time_of_the_past(shop, clock):
    purchase = shop.order(gateway=STARS)
    pay_month(shop, purchase, clock() - DAY, charge="first")
    ((starts, ends_at),) = [
        (term.starts_at, term.ends_at) for term in shop.billing.terms.list_of_user(ANNA)
    ]
    assert starts == ends_at == clock()


def test_payment_of_an_earlier_month_that_comes_late_changes_no_state(
    shop, purchase, clock
):
    subscriptions = shop.billing.subscriptions
    subscriptions.advance(purchase.purchase_id, CANCELED)
    pay_month(shop, purchase, clock() + DAY, charge="late", is_renewal=True)
    found = read(shop, purchase)
    assert (found.state, found.ends_at) == (CANCELED, clock() + MONTH)
    pay_month(shop, purchase, clock() + 2 * MONTH, charge="2", is_renewal=True)
    assert read(shop, purchase).state is ACTIVE


def test_state_is_stored_once_and_only_a_canceled_one_may_be_allowed(shop, purchase):
    advance = shop.billing.subscriptions.advance
    number = purchase.purchase_id
    assert not advance(number, ACTIVE)
    assert not advance(number, ALLOWED)
    assert advance(number, CANCELED)
    assert not advance(number, CANCELED)
    assert advance(number, ALLOWED)
    assert advance(number, FAILED)
    counts = shop.billing.subscriptions.count_states()
    assert counts == {ACTIVE: 0, CANCELED: 0, FAILED: 1, ALLOWED: 0}


def claim(shop, clock):
    is_due = shop.billing.subscriptions.is_due(clock())
    claimed = shop.billing.subscriptions.claim_due(clock())
    assert is_due is bool(claimed)
    return claimed


def test_wish_is_claimed_once_told_and_over(shop, purchase, clock):
    assert claim(shop, clock) == []
    shop.billing.subscriptions.want(purchase.purchase_id, CANCELED)
    (claimed,) = claim(shop, clock)
    assert (claimed.wanted, claimed.is_on) == (CANCELED, False)
    assert claim(shop, clock) == []
    clock.move(31)
    assert claim(shop, clock) == [claimed]
    assert shop.billing.subscriptions.mark_told(claimed)
    assert not shop.billing.subscriptions.mark_told(claimed)
    clock.move(DAY.total_seconds())
    assert claim(shop, clock) == []


def test_wish_of_a_process_that_was_killed_is_due_at_once(shop, purchase, clock):
    shop.billing.subscriptions.want(purchase.purchase_id, CANCELED)
    claim(shop, clock)
    shop.billing.subscriptions.make_due(clock())
    assert [each.purchase_id for each in claim(shop, clock)] == [purchase.purchase_id]
    shop.billing.subscriptions.make_due(clock() + 365 * DAY)
    assert claim(shop, clock) == []


def test_wish_that_changed_meanwhile_stays(shop, purchase, clock):
    subscriptions = shop.billing.subscriptions
    subscriptions.want(purchase.purchase_id, CANCELED)
    (claimed,) = claim(shop, clock)
    subscriptions.want(purchase.purchase_id, ALLOWED)
    assert not subscriptions.mark_told(claimed)
    assert read(shop, purchase).wanted is ALLOWED
    (newer,) = claim(shop, clock)
    assert subscriptions.mark_told(newer, "no such charge")
    assert read(shop, purchase).trouble == "no such charge"


def change(shop, purchase, actor=STUDENT, *, is_on=False):
    return shop.db.transact(
        lambda: acts.change_renewal(shop.ctx, actor, purchase.purchase_id, is_on=is_on)
    )


@pytest.mark.parametrize("actor", [Actor(), EDITOR, Actor.person(BORIS, Authority())])
def test_others_find_no_subscription(shop, purchase, actor):
    assert refusal_key(NotFound, change, shop, purchase, actor) == "billing-no-purchase"


def test_order_that_does_not_renew_has_no_subscription(shop):
    bought, _ = shop.buy(gateway=YOOKASSA)
    assert refusal_key(NotFound, change, shop, bought) == "billing-no-purchase"


def test_admin_turns_a_renewal_off_which_is_in_the_log(shop, purchase):
    assert change(shop, purchase, ADMIN).wanted is CANCELED
    (entry,) = Audit(shop.db).list_newest(9)
    assert (entry.action, entry.target) == ("renewal.stop", f"user:{ANNA}")
    shop.billing.subscriptions.advance(purchase.purchase_id, CANCELED)
    assert change(shop, purchase, ADMIN, is_on=True).wanted is ALLOWED
    assert Audit(shop.db).list_newest(9)[0].action == "renewal.allow"


def test_person_turns_it_off_once_and_on_only_while_it_lasts(shop, purchase, clock):
    assert change(shop, purchase, is_on=True).wanted is None
    assert change(shop, purchase).wanted is CANCELED
    assert Audit(shop.db).list_newest(9) == []
    shop.billing.subscriptions.advance(purchase.purchase_id, CANCELED)
    claimed = shop.billing.subscriptions.claim_due(clock())
    shop.billing.subscriptions.mark_told(*claimed)
    assert change(shop, purchase).wanted is None
    clock.move(MONTH.total_seconds())
    key = "billing-renewal-over"
    assert refusal_key(Refused, change, shop, purchase, is_on=True) == key
    assert change(shop, purchase).wanted is None


def test_failed_one_can_be_turned_off(shop, purchase):
    shop.billing.subscriptions.advance(purchase.purchase_id, FAILED)
    assert change(shop, purchase).wanted is CANCELED


def test_running_plan_is_not_ordered_in_stars_again(shop, purchase, clock):
    again = {"gateway": STARS}
    assert refusal_key(Refused, shop.order, **again) == "billing-renews-already"
    shop.order(gateway=YOOKASSA)
    shop.order(plan="algorithms", gateway=STARS)
    shop.order(BORIS, gateway=STARS)
    clock.move(MONTH.total_seconds())
    shop.order(gateway=STARS)


def test_end_is_announced_to_those_whose_plan_does_not_renew(shop, purchase, clock):
    clock.move((MONTH - ENDS_BEFORE).total_seconds())
    notify_expiry(shop.ctx, clock())
    assert "notice-plan-ends" not in shop.list_notices(ANNA)
    change(shop, purchase)
    notify_expiry(shop.ctx, clock())
    assert "notice-plan-ends" in shop.list_notices(ANNA)


def test_erasure_waits_until_telegram_has_ended_what_would_charge_again(
    shop, purchase, clock
):
    def prepare():
        return shop.db.transact(lambda: prepare_erasure(shop.ctx, STUDENT))

    assert prepare() == prepare() == "my-data-renewal"
    (claimed,) = claim(shop, clock)
    assert claimed.wanted is CANCELED
    shop.billing.subscriptions.mark_told(claimed)
    shop.billing.subscriptions.advance(purchase.purchase_id, CANCELED)
    assert prepare() == ""


def test_erasure_does_not_wait_for_what_telegram_refused_to_end(shop, purchase, clock):
    shop.db.transact(lambda: acts.stop_renewals(shop.ctx, ANNA))
    (claimed,) = claim(shop, clock)
    shop.billing.subscriptions.mark_told(claimed, "CHARGE_ID_INVALID")
    assert not shop.db.transact(lambda: acts.stop_renewals(shop.ctx, ANNA))


def test_blocked_person_is_charged_for_nothing_more(shop, purchase):
    shop.db.transact(lambda: users.block(shop.ctx, ADMIN, ANNA))
    assert read(shop, purchase).wanted is CANCELED
    assert shop.billing.subscriptions.list_of_user(BORIS) == []
    assert shop.billing.subscriptions.list_of_user(0) == []


def test_month_of_a_plan_that_is_gone_ends_the_subscription_and_is_told(
    shop, purchase, database, clock
):
    without_plus = tuple(plan for plan in RENEWING if plan.name != "plus")
    later = Shop(database, clock, (without_plus, PaymentsConfig()))
    until = clock() + 2 * MONTH
    pay_month(later, purchase, until, charge="2", is_renewal=True)
    assert shop.list_notices(ANNA)[-1] == "notice-renewal-nothing"
    assert shop.list_notices(ADMINS) == ["notice-renewal-gone"]
    assert read(shop, purchase).wanted is CANCELED


def test_subscription_of_somebody_who_left_is_nobodys_and_changes_no_more(
    shop, purchase
):
    shop.db.update(PURCHASE, PURCHASE.id == purchase.purchase_id, user_id=0)
    assert refusal_key(NotFound, change, shop, purchase, Actor()) == (
        "billing-no-purchase"
    )
    key = "billing-renewal-over"
    assert refusal_key(Refused, change, shop, purchase, ADMIN) == key
