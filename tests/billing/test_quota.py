"""Quotas: when a day and a month begin, what is left; each question counts once within limits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given, strategies as st

from merlin.account.users import User, Users
from merlin.billing.quota import (
    UNLIMITED,
    Allowance,
    Format,
    Left,
    Period,
    QuestionPack,
    Quotas,
    compute_left,
    today,
)
from merlin.core.clock import zone_of
from merlin.db.database import open_database
from merlin.db.tables import PERSON, QUOTA_USE
from tests.billing.plan_shop import ANNA, BORIS, add_pack
from tests.support.plan_config import make_plan

unit = pytest.mark.unit
integration = pytest.mark.integration

MOSCOW = zone_of("Europe/Moscow")
DAY_S = 86_400
NEW_YORK = zone_of("America/New_York")
LATE = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
ZONES = ["UTC", "Europe/Moscow", "Pacific/Kiritimati", "Africa/Cairo", "America/Havana"]
BOT = 4242
TEXT = Format.TEXT
VOICE = Format.VOICE
FREE = make_plan(
    "free", allowances={TEXT: Allowance(day=2, month=3), VOICE: Allowance(day=0)}
)


@pytest.fixture
def quotas(database, clock):
    return Quotas(database, BOT, clock)


def reserve_question(quotas, update_id, kind=TEXT, user_id=ANNA, plan=FREE, zone=UTC):
    return quotas.reserve(user_id, update_id, kind, plan, zone)


def show_quota(quotas, kind=TEXT, plan=FREE, zone=UTC):
    return quotas.read_left(ANNA, plan, zone)[kind]


def give_pack(quotas, kind=TEXT, amount=1, **more):
    return add_pack(quotas.packs, ANNA, kind, amount, **more)


def list_uses(database, column):
    return [
        getattr(row, column)
        for row in database.rows(QUOTA_USE.select().order_by(QUOTA_USE.id))
    ]


@unit
def test_day_depends_on_the_users_time_zone():
    assert [today(LATE, zone).day for zone in (UTC, MOSCOW, NEW_YORK)] == [
        "2026-11-30",
        "2026-12-01",
        "2026-11-30",
    ]
    assert today(LATE, MOSCOW).month == "2026-12"


@unit
@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(ZONES),
)
def test_next_day_begins_where_a_day_ends(moment, name):
    zone = zone_of(name)
    now = today(moment.replace(tzinfo=UTC), zone)
    assert now.day_ends <= now.month_ends
    last = now.day_ends - timedelta(microseconds=1)
    assert today(last, zone).day == now.day < today(now.day_ends, zone).day
    last = now.month_ends - timedelta(microseconds=1)
    assert today(last, zone).month == now.month < today(now.month_ends, zone).month


@unit
@pytest.mark.parametrize(
    ("allowance", "used", "shown", "remaining"),
    [
        (Allowance(day=20, month=30), (3, 3), (3, 20, Period.DAY), 17),
        (Allowance(day=20, month=30), (3, 28), (28, 30, Period.MONTH), 2),
        (Allowance(day=20, month=30), (20, 30), (30, 30, Period.MONTH), 0),
        (Allowance(day=2, month=5), (0, 5), (5, 5, Period.MONTH), 0),
        (Allowance(month=30), (1, 4), (4, 30, Period.MONTH), 26),
        (Allowance(month=5), (4, 4), (4, 5, Period.MONTH), 1),
        (Allowance(day=2), (1, 50), (1, 2, Period.DAY), 1),
        (Allowance(day=2), (2, 2), (2, 2, Period.DAY), 0),
        (Allowance(day=0), (0, 0), (0, 0, Period.DAY), 0),
        (Allowance(), (99, 999), (99, None, Period.DAY), None),
    ],
)
def test_tighter_period_is_shown_with_what_is_left_of_it(
    allowance, used, shown, remaining
):
    left = compute_left(Format.TEXT, allowance, used, today(LATE, UTC))
    assert (left.used, left.limit, left.period) == shown
    assert left.remaining == remaining


@unit
@pytest.mark.parametrize(
    ("ends_in_s", "remaining"), [(None, 3), (1, 3), (0, 0), (-1, 0)]
)
def test_pack_has_its_unused_questions_until_it_ends(ends_in_s, remaining):
    ends = None if ends_in_s is None else LATE + timedelta(seconds=ends_in_s)
    pack = QuestionPack(1001, Format.VOICE, 5, "grant:1:voice", ends, used=2)
    assert pack.remaining(LATE) == remaining


@unit
def test_packs_add_to_the_remaining_quota_even_above_a_lowered_limit():
    left = Left(
        kind=Format.VOICE, used=9, limit=5, period=Period.DAY, resets_at=LATE, packs=2
    )
    assert left.remaining == 2


@integration
def test_questions_are_reserved_until_the_daily_limit(quotas, clock):
    assert [reserve_question(quotas, number) for number in (1, 2)] == [None, None]
    refusal = reserve_question(quotas, 3)
    assert isinstance(refusal, Left)
    assert (refusal.used, refusal.limit, refusal.period) == (2, 2, Period.DAY)
    assert refusal.resets_at == clock().replace(hour=0) + timedelta(days=1)


@integration
def test_update_is_reserved_once(quotas, database):
    first = reserve_question(quotas, 1)
    quotas.charge(1)
    assert [reserve_question(quotas, 1), reserve_question(quotas, 1, VOICE)] == [
        first,
        first,
    ]
    assert show_quota(quotas).used == 1
    assert list_uses(database, "state") == ["charged"]


@integration
def test_same_update_id_of_another_bot_is_another_question(quotas, database, clock):
    reserve_question(quotas, 1)
    reserve_question(Quotas(database, BOT + 1, clock), 1)
    assert show_quota(quotas).used == 2


@integration
def test_first_of_charge_and_return_is_final(quotas, database):
    for number in (1, 2):
        reserve_question(quotas, number)
    quotas.charge(1)
    quotas.give_back(1)
    quotas.give_back(2)
    quotas.charge(2)
    quotas.charge(99)
    quotas.give_back(99)
    assert list_uses(database, "state") == ["charged", "returned"]


@integration
def test_returned_question_is_checked_against_the_quota_again(quotas, database):
    reserve_question(quotas, 1)
    quotas.give_back(1)
    assert reserve_question(quotas, 1) is None
    assert (list_uses(database, "state"), show_quota(quotas).used) == (["reserved"], 1)
    quotas.give_back(1)
    for number in (2, 3):
        reserve_question(quotas, number)
    assert isinstance(reserve_question(quotas, 1), Left)
    assert list_uses(database, "state")[0] == "returned"


@integration
def test_next_day_begins_at_the_users_midnight(quotas, clock):
    clock.move(11.9 * 3600)  # 20:54 in London, 23:54 in Moscow
    for number in (1, 2):
        reserve_question(quotas, number, zone=MOSCOW)
    assert isinstance(reserve_question(quotas, 3, zone=MOSCOW), Left)
    clock.move(360)
    assert reserve_question(quotas, 3, zone=MOSCOW) is None
    assert show_quota(quotas, zone=MOSCOW).period is Period.MONTH


@integration
def test_without_plans_nothing_is_counted(quotas, database):
    assert reserve_question(quotas, 1, VOICE, plan=UNLIMITED) is None
    quotas.charge(1)
    assert list_uses(database, "state") == []
    assert show_quota(quotas, plan=UNLIMITED).remaining is None


@integration
def test_pack_is_used_after_the_plan(quotas, database):
    pack_id = give_pack(quotas, amount=2)
    results = [reserve_question(quotas, number) for number in range(5)]
    assert [result is None for result in results] == [True] * 4 + [False]
    assert list_uses(database, "pack_id") == [None, None, pack_id, pack_id]
    assert (show_quota(quotas).remaining, quotas.packs.list_all(ANNA)[0].used) == (0, 2)


@integration
def test_pack_that_expires_first_is_used_first(quotas, database, clock):
    forever = give_pack(quotas, VOICE)
    later = give_pack(quotas, VOICE, expires_at=clock() + timedelta(days=9))
    soon = give_pack(quotas, VOICE, expires_at=clock() + timedelta(days=1))
    for number in range(3):
        reserve_question(quotas, number, VOICE)
    assert list_uses(database, "pack_id") == [soon, later, forever]


@integration
def test_expired_pack_gives_nothing(quotas, clock):
    give_pack(quotas, VOICE, 5, expires_at=clock() + timedelta(hours=1))
    reserve_question(quotas, 1, VOICE)
    clock.move(3600)
    assert isinstance(reserve_question(quotas, 2, VOICE), Left)
    assert show_quota(quotas, VOICE).remaining == 0
    assert [pack.used for pack in quotas.packs.list_all(ANNA)] == [1]


@integration
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


@integration
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


@integration
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


@integration
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


@integration
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


@integration
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


@integration
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
