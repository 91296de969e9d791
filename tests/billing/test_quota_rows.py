"""Quotas in the database: each question counts once, and the limits hold."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from itertools import chain

import pytest

from merlin.account.users import User, Users
from merlin.billing.quota import (
    UNLIMITED,
    Allowance,
    Format,
    Left,
    Period,
    Quotas,
)
from merlin.core.clock import zone_of
from merlin.db.database import open_database
from merlin.db.tables import PERSON, QUOTA_USE
from tests.billing.plan_shop import add_pack
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.integration

ANNA = 1001
BORIS = 1002
BOT = 4242
TEXT = Format.TEXT
VOICE = Format.VOICE
FREE = make_plan(
    "free", allowances={TEXT: Allowance(day=2, month=3), VOICE: Allowance(day=0)}
)
MOSCOW = zone_of("Europe/Moscow")
DAY_S = 86_400


@pytest.fixture
def quotas(database, clock):
    return Quotas(database, BOT, clock)


def reserve_question(quotas, update_id, kind=TEXT, user_id=ANNA, plan=FREE, zone=UTC):
    return quotas.reserve(user_id, update_id, kind, plan, zone)


def show_quota(quotas, kind=TEXT, plan=FREE, zone=UTC):
    return quotas.read_left(ANNA, plan, zone)[kind]


def test_new_zone_counts_from_the_next_border_of_a_day(quotas, database, clock):
    """A person whose day was used up chose a zone in which the next one had begun."""
    users = Users(database, clock)
    users.record([User(ANNA)])
    users.set_zone(ANNA, "Europe/Moscow", "UTC")
    clock.move(2 * DAY_S)
    for update_id in (1, 2):
        assert reserve_question(quotas, update_id, zone=MOSCOW) is None
    assert reserve_question(quotas, 3, zone=MOSCOW).remaining == 0
    ends = show_quota(quotas, zone=MOSCOW).resets_at
    for name in ("Pacific/Kiritimati", "Pacific/Niue", "Pacific/Kiritimati"):
        users.set_zone(ANNA, name, "UTC")
        counts = users.get(ANNA).counting_zone("UTC", clock())
        left = show_quota(quotas, zone=counts)
        assert (left.remaining, left.resets_at) == (0, ends)
    clock.move((ends - clock()).total_seconds())
    assert users.get(ANNA).counting_zone("UTC", clock()) == zone_of(name)


def give_pack(quotas, kind=TEXT, amount=1, **more):
    return add_pack(quotas.packs, ANNA, kind, amount, **more)


def list_used_packs(database):
    return [
        row.pack_id for row in database.rows(QUOTA_USE.select().order_by(QUOTA_USE.id))
    ]


def list_use_states(database):
    return [
        row.state for row in database.rows(QUOTA_USE.select().order_by(QUOTA_USE.id))
    ]


def test_questions_are_reserved_until_the_daily_limit(quotas, clock):
    assert [reserve_question(quotas, number) for number in (1, 2)] == [None, None]
    refusal = reserve_question(quotas, 3)
    assert isinstance(refusal, Left)
    assert (refusal.used, refusal.limit, refusal.period) == (2, 2, Period.DAY)
    assert refusal.resets_at == clock().replace(hour=0) + timedelta(days=1)


def test_update_is_reserved_once(quotas, database):
    first = reserve_question(quotas, 1)
    quotas.charge(1)
    assert [reserve_question(quotas, 1), reserve_question(quotas, 1, VOICE)] == [
        first,
        first,
    ]
    assert show_quota(quotas).used == 1
    assert list_use_states(database) == ["charged"]


def test_same_update_id_of_another_bot_is_another_question(quotas, database, clock):
    reserve_question(quotas, 1)
    reserve_question(Quotas(database, BOT + 1, clock), 1)
    assert show_quota(quotas).used == 2


def test_first_of_charge_and_return_is_final(quotas, database):
    for number in (1, 2):
        reserve_question(quotas, number)
    quotas.charge(1)
    quotas.give_back(1)
    quotas.give_back(2)
    quotas.charge(2)
    quotas.charge(99)
    quotas.give_back(99)
    assert list_use_states(database) == ["charged", "returned"]


def test_returned_question_is_checked_against_the_quota_again(quotas, database):
    reserve_question(quotas, 1)
    quotas.give_back(1)
    assert reserve_question(quotas, 1) is None
    assert (list_use_states(database), show_quota(quotas).used) == (["reserved"], 1)
    quotas.give_back(1)
    for number in (2, 3):
        reserve_question(quotas, number)
    assert isinstance(reserve_question(quotas, 1), Left)
    assert list_use_states(database)[0] == "returned"


def test_next_day_begins_at_the_users_midnight(quotas, clock):
    clock.move(11.9 * 3600)  # 20:54 in London, 23:54 in Moscow
    for number in (1, 2):
        reserve_question(quotas, number, zone=MOSCOW)
    assert isinstance(reserve_question(quotas, 3, zone=MOSCOW), Left)
    clock.move(360)
    assert reserve_question(quotas, 3, zone=MOSCOW) is None
    assert show_quota(quotas, zone=MOSCOW).period is Period.MONTH


def test_without_plans_nothing_is_counted(quotas, database):
    assert reserve_question(quotas, 1, VOICE, plan=UNLIMITED) is None
    quotas.charge(1)
    assert list_use_states(database) == []
    assert show_quota(quotas, plan=UNLIMITED).remaining is None


def test_pack_is_used_after_the_plan(quotas, database):
    pack_id = give_pack(quotas, amount=2)
    results = [reserve_question(quotas, number) for number in range(5)]
    assert [result is None for result in results] == [True] * 4 + [False]
    assert list_used_packs(database) == [None, None, pack_id, pack_id]
    assert (show_quota(quotas).remaining, quotas.packs.list_all(ANNA)[0].used) == (0, 2)


def test_pack_that_expires_first_is_used_first(quotas, database, clock):
    forever = give_pack(quotas, VOICE)
    later = give_pack(quotas, VOICE, expires_at=clock() + timedelta(days=9))
    soon = give_pack(quotas, VOICE, expires_at=clock() + timedelta(days=1))
    for number in range(3):
        reserve_question(quotas, number, VOICE)
    assert list_used_packs(database) == [soon, later, forever]


def test_expired_pack_gives_nothing(quotas, clock):
    give_pack(quotas, VOICE, 5, expires_at=clock() + timedelta(hours=1))
    reserve_question(quotas, 1, VOICE)
    clock.move(3600)
    assert isinstance(reserve_question(quotas, 2, VOICE), Left)
    assert show_quota(quotas, VOICE).remaining == 0
    assert [pack.used for pack in quotas.packs.list_all(ANNA)] == [1]


def test_pack_with_one_key_is_given_once(quotas):
    with ThreadPoolExecutor(8) as pool:
        ids = set(
            pool.map(
                lambda _: give_pack(quotas, VOICE, 5, key="grant:7:voice"), range(8)
            )
        )
    assert (len(ids), show_quota(quotas, VOICE).packs) == (1, 5)
    give_pack(quotas, VOICE)
    give_pack(quotas, VOICE)
    assert show_quota(quotas, VOICE).packs == 7


@pytest.mark.parametrize("is_known", [True, False])
def test_concurrent_processes_never_exceed_the_limit(url, is_known):
    """Each thread has its own Database, as each replica of the bot has."""
    plan = make_plan("free", allowances={TEXT: Allowance(day=10)})
    replicas = [open_database(url) for _ in range(4)]
    if is_known:
        Users(replicas[0]).record([User(ANNA, "ru")])
    add_pack(Quotas(replicas[0], BOT).packs, ANNA, TEXT, 3)

    def reserve_all(number):
        quotas = Quotas(replicas[number], BOT)
        return [
            update_id
            for update_id in range(number % 2 * 10, number % 2 * 10 + 10)
            if quotas.reserve(ANNA, update_id, TEXT, plan, UTC) is None
        ]

    with ThreadPoolExecutor(len(replicas)) as pool:
        results = list(pool.map(reserve_all, range(len(replicas))))
    counted = Quotas(replicas[0], BOT).read_left(ANNA, plan, UTC)[TEXT]
    reserved = {*chain(*results)}
    assert (len(reserved), counted.used, counted.packs) == (13, 10, 0)
    assert replicas[0].value(PERSON.select(PERSON.user_id)) in (ANNA, None)
    for replica in replicas:
        replica.close()


def test_question_reserved_again_is_not_returned_while_it_is_answered(quotas, clock):
    reserve_question(quotas, 1)
    clock.move(600)
    reserve_question(quotas, 1)
    assert quotas.give_back_before(clock()) == 0
    quotas.charge(1)
    clock.move(600)
    reserve_question(quotas, 1)
    assert quotas.give_back_before(clock()) == 0
    assert show_quota(quotas).used == 1


def test_unsettled_reservation_is_returned_after_a_while(quotas, database, clock):
    for update_id in (1, 2):
        reserve_question(quotas, update_id)
    quotas.charge(2)
    other = Quotas(database, BOT + 1, clock)
    reserve_question(other, 1, user_id=BORIS)
    assert quotas.give_back_before(clock()) == 0
    clock.move(600)
    assert quotas.give_back_before(clock()) == 1
    assert quotas.give_back_before(clock()) == 0
    assert show_quota(quotas).used == 1
    assert other.give_back_before(clock()) == 1


def test_questions_of_another_person_format_day_or_bot_do_not_count(
    quotas, database, clock
):
    for number, (user_id, kind) in enumerate(((BORIS, TEXT), (ANNA, Format.PHOTO)), 1):
        reserve_question(quotas, number, kind, user_id)
    assert show_quota(quotas).used == 0
    reserve_question(Quotas(database, BOT + 1, clock), 1)
    assert show_quota(quotas).used == 1, "all bots together"
    quotas.give_back(3)
    assert quotas.give_back_before(clock() + timedelta(hours=1)) == 2, "this bot's"
    assert show_quota(quotas).used == 1


def test_pack_is_its_persons_of_its_format_and_reduced_alone(quotas, database):
    boris = add_pack(quotas.packs, BORIS, TEXT, 3)
    voice = give_pack(quotas, VOICE, 3)
    text = give_pack(quotas, TEXT, 3, key="k")
    assert [quotas.packs.find_open(ANNA, kind) for kind in (VOICE, TEXT)] == [
        voice,
        text,
    ]
    for number in (1, 2, 3):
        reserve_question(quotas, number)
    quotas.give_back(3)
    assert quotas.packs.count_unused(ANNA) == {TEXT: 3, VOICE: 3}, "one was given back"
    quotas.packs.reduce(ANNA, "k", 0)
    assert quotas.packs.count_unused(ANNA) == {VOICE: 3}
    assert quotas.packs.count_unused(BORIS) == {TEXT: 3}
    assert quotas.packs.find_open(BORIS, TEXT) == boris
