"""Pages that list rows ask the database as often for fifty rows as for five, and not often."""

from collections import Counter
from functools import partial

import pytest

from merlin.account.users import Users
from merlin.core.clock import iso, utc_now
from merlin.dataset.proposals import Draft, Proposals
from merlin.db import tables as t
from tests.api.running_api import VERA
from tests.api.staff_api import run_full_api
from tests.billing.plan_shop import Shop
from tests.support.migrated_databases import only_sqlite

pytestmark = [pytest.mark.integration, only_sqlite]

ROWS = 50
# What a page asks for its rows, apart from what the frame of every page of the staff asks.
MOST, FRAME = 12, "/terms"
# A page may read the same of the person, or of the frame, again.
MOST_TIMES = 4
LISTS = (
    *("/orders", "/admin/users", "/admin/users?query=имя", "/admin/audit"),
    *("/admin/audit?target=user:50001", "/admin/jobs", "/admin/billing"),
    *("/datasets/trial/proposals", "/datasets/trial/unanswered", "/courses/{course}"),
)
PAGES = (
    *(*LISTS, FRAME, "/", "/me", "/teach", "/admin/board", "/admin/models"),
    *("/datasets/trial/examples", "/courses/{course}/board", "/courses/{course}/chat"),
)


def clone(db, table, numbers, **changes):
    """Add rows like the table's first one, each with these changes, by its number."""
    like = db.row(table.select())
    if "id" not in changes:
        like.pop("id", None)
    rows = ({**like, **{name: make(n) for name, make in changes.items()}} for n in numbers)
    db.add_many(table, rows)


def add_people(site, numbers):
    """Add a person with a role and names for each number."""
    ids, seal = partial(int.__add__, 50_000), site.db.cipher.seal
    clone(site.db, t.USER, numbers, user_id=ids, shown_name=lambda n: seal(f"Имя {n}"))
    clone(site.db, t.ROLE_GRANT, numbers, user_id=ids)
    clone(site.db, t.ACCOUNT, numbers, user_id=ids, name="person{}".format)


def add_rows(site, numbers):
    """Add a row of each kind for each number; the people differ."""
    db, ids, now = site.db, partial(int.__add__, 50_000), iso(utc_now())
    trial, person = {"dataset": lambda _: "trial"}, "user:5{:04}".format
    add_people(site, numbers)
    clone(db, t.AUDIT, numbers, target=person, by_whom=person)
    clone(db, t.BUILD, numbers, id=ids, number=ids, digest=str)
    clone(db, t.JOB, numbers, id=ids, launch_key=str, build_id=ids)
    clone(db, t.JOB_EVENT, numbers, job_id=ids)
    clone(db, t.MODEL, numbers, build_id=ids, job_id=ids, model_id="ft:{}".format)
    clone(db, t.PROMOTION, numbers, to_model="ft:{}".format)
    clone(db, t.COMMIT, numbers, sha="{:040}".format, position=ids)
    clone(db, t.VERDICT, numbers, commit_sha="{:040}".format, position=ids, job_id=ids)
    clone(db, t.SESSION, numbers, id=ids, user_id=lambda _: VERA, chat_id=ids)
    # Alike: each group of questions is searched for among the examples.
    asked = {"known": lambda _: 0, "asked_at": lambda _: now, "is_dismissed": lambda _: 0}
    clone(db, t.TURN, numbers, id=ids, session_id=ids, update_id=ids, **asked)
    clone(db, t.CHANGE, numbers, change_id=str, batch=str, state=lambda _: "waiting", **trial)
    clone(db, t.DATASET_FILE, numbers, path="examples/{}.yaml".format, **trial)
    clone(db, t.EXAMPLE_ENTRY, numbers, path="examples/{}.yaml".format, example_id=str, **trial)
    clone(db, t.PURCHASE, numbers, id="p{}".format, user_id=ids, outside_id=str)
    clone(db, t.LEDGER, numbers, key=str, purchase_id="p{}".format)
    for number in numbers:
        Proposals(db).add(VERA, Draft(f"Что такое {number * 7919}?", "Ответ.", "trial"))


@pytest.fixture
def site(recorded, tmp_path):
    with run_full_api(tmp_path) as site:
        Shop(site.db, utc_now).buy(VERA)
        site.recorded = recorded
        yield site


def open_page(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200, (address, answer.text)


def test_no_page_asks_a_query_a_row_and_lists_ask_few(site):
    with site.browser_client(VERA) as browser:
        add_rows(site, range(ROWS))
        ran = {
            page: Counter(site.recorded.record(partial(open_page, browser, address)))
            for page in PAGES
            for address in [page.format(course=site.course)]
        }
    repeated = {page: max(counts.values()) for page, counts in ran.items()}
    assert {page: times for page, times in repeated.items() if times > MOST_TIMES} == {}
    own = {page: (ran[page] - ran[FRAME]).total() for page in LISTS}
    assert {page: count for page, count in own.items() if count > MOST} == {}


def test_search_for_a_person_asks_as_often_however_many_there_are(site):
    add_people(site, range(2_000))
    ran = site.recorded.record(lambda: Users(site.db).find("имя 1999"))
    assert len(ran) <= 3
