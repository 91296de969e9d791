"""Rows through which processes communicate: intents, requests, notices, heartbeats, counter."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from merlin.core.clock import utc_now
from merlin.core.errors import NotFound
from merlin.core.heartbeat import Heartbeat, health_problem
from merlin.db.intents import Intents, IntentState
from merlin.db.notices import ADMINS, Notices
from merlin.db.processes import CALL_LIMIT, Heartbeats, read_change_counter
from merlin.db.requests import KEY_ARGUMENT, Requests, RequestState

pytestmark = pytest.mark.integration


@pytest.fixture
def requests(database, clock):
    return Requests(database, clock)


@pytest.fixture
def notices(database, clock):
    return Notices(database, clock)


@pytest.fixture
def intents(database):
    return Intents(database)


@pytest.fixture
def heartbeats(database):
    return Heartbeats(database)


def test_intent_passes_its_states(intents, clock):
    intent = intents.open("k", "upload")
    assert (intent.state, intent.outside_id, intent.sent_at) == (
        IntentState.READY,
        "",
        None,
    )
    intents.mark_sending("k", clock())
    assert [intents.count_empty_find("k"), intents.count_empty_find("k")] == [1, 2]
    reopened = intents.open("k", "upload")
    assert (reopened.state, reopened.sent_at, reopened.empty_finds) == (
        IntentState.SENDING,
        clock(),
        2,
    )
    intents.mark_sending("k", clock())
    assert intents.open("k", "upload").empty_finds == 0
    intents.mark_ready("k")
    assert intents.open("k", "upload").state is IntentState.READY
    intents.mark_failed("k")
    assert intents.open("k", "upload").state is IntentState.FAILED
    intents.mark_done("k", "file-1")
    assert intents.open("k", "upload").outside_id == "file-1"
    with pytest.raises(NotFound):
        intents.mark_done("gone", "file-1")


@pytest.mark.parametrize(
    ("host", "pid", "ago_s", "key"),
    [
        ("", "own", 30, "unhealthy-silent-for"),
        ("", "own", -30, "unhealthy-sign-ahead"),
        ("", 2**22 + 1, 30, "unhealthy-no-signal"),
        ("another", "own", 30, "unhealthy-no-signal"),
    ],
)
def test_silent_process_that_lives_here_is_not_told_to_be_started(
    clock, host, pid, ago_s, key
):
    at = clock() - timedelta(seconds=ago_s)
    pid = os.getpid() if pid == "own" else pid
    beat = Heartbeat("daemon", host or socket.gethostname(), pid, at, at)
    problem = health_problem([beat], clock())
    assert problem.key == key
    assert problem.arguments.get("seconds", 30) == 30


@pytest.mark.parametrize(
    ("ahead_s", "is_alive"),
    [(-11, False), (-9, True), (9, True), (11, False), (3600, False)],
)
def test_heartbeat_of_a_time_to_come_is_no_sign_of_life(
    heartbeats, clock, ahead_s, is_alive
):
    at = clock() + timedelta(seconds=ahead_s)
    heartbeats.beat(Heartbeat("daemon", "gone", 1, at, at))
    (beat,) = heartbeats.list_all()
    assert beat.is_alive(clock()) is is_alive
    assert (health_problem([beat], clock()) is None) is is_alive
    here = Heartbeat("daemon", "here", 2, clock(), clock())
    assert health_problem([beat, here], clock()) is None, "another one lives"


def test_call_that_was_begun_before_the_clock_was_set_back_goes_on(heartbeats, clock):
    hour = timedelta(hours=1)
    heartbeats.beat(Heartbeat("api", "here", 1, clock() + hour, clock()))
    assert heartbeats.find_oldest_start("api", clock()) == clock() - CALL_LIMIT


def test_request_is_claimed_answered_and_read(requests, clock):
    request_id = requests.ask("launch", {"dataset": "нейро"}, "vera")
    assert requests.get(request_id).state is RequestState.WAITING
    assert requests.claim(["other"]) is None
    claimed = requests.claim(["launch", "other"])
    assert (claimed.request_id, claimed.state) == (request_id, RequestState.WORKING)
    assert (claimed.by, claimed.arguments) == ("vera", {"dataset": "нейро"})
    assert claimed.created_at == clock()
    requests.finish(request_id, RequestState.DONE, {"job": 3})
    assert requests.get(request_id).result == {"job": 3}
    assert requests.get(request_id).once == ""
    other_id = requests.ask("launch", {KEY_ARGUMENT: "k"}, "vera")
    requests.ask("launch", {}, "boris")
    assert [
        (each.request_id, each.once) for each in requests.list_of_author("vera")
    ] == [
        (other_id, "k"),
        (request_id, ""),
    ]


def test_requests_are_claimed_oldest_first(requests):
    request_ids = [requests.ask("launch", {}, "vera") for _ in range(5)]
    assert [requests.claim(["launch"]).request_id for _ in request_ids] == request_ids
    assert requests.claim(["launch"]) is None


def test_finished_request_stays_unchanged(requests):
    request_id = requests.ask("launch", {}, "vera")
    requests.claim(["launch"])
    failure = {
        "key": "no",
        "message": "no job",
        "arguments": {"job": 3, "message": "x"},
    }
    requests.finish(request_id, RequestState.FAILED, failure)
    requests.finish(request_id, RequestState.DONE, {})
    assert requests.get(request_id).state is RequestState.FAILED
    error = requests.get(request_id).error
    assert (str(error), error.key, error.arguments["job"]) == ("no job", "no", 3)


def test_request_of_a_dead_owner_is_claimed_again(requests):
    first, second = (requests.ask("launch", {}, "vera") for _ in range(2))
    requests.claim(["launch"])
    requests.finish(first, RequestState.DONE, {})
    requests.claim(["launch"])
    assert requests.release() == 1
    assert requests.claim(["launch"]).request_id == second


@pytest.mark.parametrize(
    ("ended", "is_withdrawn", "state"),
    [
        ("unclaimed", True, RequestState.FAILED),
        ("claimed", False, RequestState.WORKING),
        (RequestState.DONE, False, RequestState.DONE),
        (RequestState.FAILED, True, RequestState.FAILED),
    ],
)
def test_request_is_withdrawn_before_it_is_claimed_or_after_it_failed(
    requests, ended, is_withdrawn, state
):
    request_id, other = (
        requests.ask(kind, {}, "vera") for kind in ("launch", "cancel")
    )
    requests.finish(
        request_id, RequestState.DONE, {}
    )  # of no effect: nobody works at it
    if ended != "unclaimed":
        requests.claim(["launch"])
        requests.claim(["cancel"])
    if ended in tuple(RequestState):
        requests.finish(request_id, ended, {"key": "x"})
    assert requests.withdraw(request_id) is is_withdrawn
    assert requests.get(request_id).state is state
    assert requests.get(other).state in (RequestState.WAITING, RequestState.WORKING)


DONE = RequestState.DONE
FAILED = RequestState.FAILED
ONE = {"dataset": "one"}
OTHER = {}


@pytest.mark.parametrize(
    ("later", "is_listed"),
    [
        (("launch", ONE, DONE), False),
        (("launch", ONE, FAILED), True),
        (("launch", OTHER, DONE), True),
        (("cancel", ONE, DONE), True),
    ],
)
def test_failed_request_is_listed_until_it_is_repeated_with_success(
    requests, clock, later, is_listed
):

    def end(kind, arguments, state):
        request_id = requests.ask(kind, arguments, "vera")
        requests.claim([kind])
        requests.finish(request_id, state, {"key": "x"})
        return request_id

    end("launch", ONE, DONE)
    old = end("launch", ONE, FAILED)
    clock.move(60)
    failed = end("launch", ONE, FAILED)
    withdrawn = end("pin", ONE, FAILED)
    requests.withdraw(withdrawn)
    end(*later)
    listed = {request.request_id for request in requests.list_failed(clock(), 10)}
    assert (failed in listed) is is_listed
    assert not listed & {old, withdrawn}


@pytest.mark.parametrize("changed", ["ready", "sent again", ""])
def test_call_starts_only_where_its_intent_is_as_it_was_read(intents, clock, changed):
    at = clock() + timedelta(hours=1)
    for key in ("k", "other"):
        intents.open(key, "upload")
        intents.mark_sending(key, clock())
    known = intents.open("k", "upload")
    if changed == "ready":
        intents.mark_ready("k")
    elif changed:
        intents.mark_sending("k", clock() + timedelta(seconds=1))
    assert intents.start_sending(known, at) is not bool(changed)
    sent = {
        key: intent.sent_at for key, intent in intents.list_of_kind("upload").items()
    }
    assert (sent["k"] == at, sent["other"]) == (not changed, clock())


def test_one_of_ten_concurrent_claims_wins(requests):
    for _ in range(10):
        request_id = requests.ask("launch", {}, "vera")
        with ThreadPoolExecutor(10) as pool:
            claims = list(pool.map(lambda _: requests.claim(["launch"]), range(10)))
        assert [claim.request_id for claim in claims if claim] == [request_id]


def test_repeated_notice_is_stored_once_and_handed_over_once(notices, clock):
    for _ in range(3):
        notices.notify(ADMINS, "notice-serving", {"build": "нейро-1"}, once="serving:1")
    notices.notify("77", "notice-failed", {})
    notices.notify("77", "notice-failed", {})
    first, second, third = notices.list_waiting()
    assert (first.to, first.key, first.arguments) == (
        ADMINS,
        "notice-serving",
        {"build": "нейро-1"},
    )
    assert (second.to, third.to, second.created_at) == ("77", "77", clock())
    with ThreadPoolExecutor(10) as pool:
        marks = pool.map(lambda _: notices.mark_handed_over(first.notice_id), range(10))
        assert sorted(marks) == [False] * 9 + [True]
    assert [notice.notice_id for notice in notices.list_waiting(1)] == [
        second.notice_id
    ]


def test_step_that_fails_is_told_to_admins_once_a_day(notices):
    for reason in ("disk", "disk again"):
        notices.notify_failing_steps("daemon", {"backup": reason})
    (notice,) = notices.list_waiting()
    expected = {"process": "daemon", "step": "backup", "reason": "disk"}
    assert (notice.to, notice.arguments) == (ADMINS, expected)
    assert notices.notify_hourly("notice-failing", {}, "daemon")
    assert not notices.notify_hourly("notice-failing", {}, "daemon")


def test_notice_waits_while_another_of_its_kind_was_sent_lately(notices, clock):
    lately = timedelta(minutes=5)
    for number in range(2):
        notices.notify(ADMINS, "notice-failed", {}, once=str(number))
    first, second = notices.list_waiting(told_since=clock() - lately)
    assert notices.mark_handed_over(first.notice_id)
    assert notices.list_waiting(told_since=clock() - lately) == []
    clock.move(301)
    assert notices.list_waiting(told_since=clock() - lately) == [second]


def test_notice_waits_for_one_to_admins_of_its_cause_that_is_no_news(notices, clock):
    since = clock()
    for to, key in [(ADMINS, "status"), (ADMINS, "serving"), ("77", "no-branch")]:
        notices.notify(to, f"notice-{key}", {})
    for notice in notices.list_waiting():
        notices.mark_handed_over(notice.notice_id)
    told = [(ADMINS, key) for key in ("status", "gone", "serving", "no-branch")]
    for to, key in [*told, ("77", "status")]:
        notices.notify(to, f"notice-{key}", {})
    waiting = [notice.key for notice in notices.list_waiting(told_since=since)]
    assert waiting == ["notice-serving", "notice-no-branch", "notice-status"]
    assert (
        len(notices.list_waiting(told_since=since + timedelta(seconds=1)))
        == len(told) + 1
    )
    assert len(notices.list_newest("77", 9)) == 2


def test_process_that_ends_takes_its_heartbeats_back_and_no_other(database):
    ended, goes_on = Heartbeats(database), Heartbeats(database)
    now = utc_now()
    for name in ("daemon", "engine", "bot"):
        ended.beat(Heartbeat(name, "here", 1, now, now))
    goes_on.beat(Heartbeat("bot", "here", 2, now, now))
    ended.withdraw()
    live = [beat.process for beat in ended.list_all() if beat.is_alive(utc_now())]
    assert live == ["bot"]


def test_heartbeat_replaces_the_earlier_one(heartbeats, clock):
    beat = Heartbeat("daemon", "a", 7, clock(), clock(), "poll", {"poll_noop": 1})
    heartbeats.beat(beat)
    later = Heartbeat("daemon", "a", 8, clock(), clock() + timedelta(seconds=1), "", {})
    heartbeats.beat(later)
    other = Heartbeat("bot", "b", 9, clock(), clock())
    heartbeats.beat(other)
    assert heartbeats.list_all() == [other, later]


def test_new_process_deletes_the_heartbeats_of_hosts_that_were_replaced(
    database, heartbeats, clock
):
    old = Heartbeat("bot", "old", 1, clock(), clock() - timedelta(days=8))
    recent = Heartbeat("bot", "recent", 1, clock(), clock() - timedelta(days=6))
    for beat in (old, recent):
        heartbeats.beat(beat)
    new = Heartbeat("bot", "new", 1, clock(), clock())
    Heartbeats(database).beat(new)
    assert heartbeats.list_all() == [new, recent]


def test_changes_that_others_wait_for_increment_the_wake_counter(
    requests, notices, database
):
    wake = partial(read_change_counter, database)
    counts = [wake()]

    def has_changed():
        counts.append(wake())
        return counts[-1] > counts[-2]

    database.announce_change()
    assert has_changed()
    request_id = requests.ask("launch", {}, "vera")
    assert has_changed()
    requests.claim(["launch"])
    requests.finish(request_id, RequestState.DONE, {})
    assert has_changed()
    notices.notify(ADMINS, "notice-serving", {}, once="a")
    assert has_changed()
    notices.notify(ADMINS, "notice-serving", {}, once="a")
    assert not has_changed()
    assert requests.release() == 0
    assert not has_changed()
