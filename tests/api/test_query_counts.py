"""Pages that list rows ask the database as often for fifty rows as for five, and not often."""

from functools import partial

import pytest

from merlin.account.users import Users
from merlin.core.clock import iso, utc_now
from merlin.dataset.proposals import Draft, Proposals
from merlin.db import tables as t
from tests.api.running_api import ANNA, BORIS, VERA
from tests.api.staff_api import run_full_api
from tests.billing.plan_shop import Shop
from tests.support.migrated_databases import only_sqlite

pytestmark = [pytest.mark.integration, only_sqlite]

FEW, MANY = 5, 50
MOST = 12
PAGES = (
    *("/", "/?query=граф", "/plans", "/terms", "/orders", "/me", "/me/erase"),
    *("/courses/{course}", "/courses/{course}/chat", "/courses/{course}/edit"),
    *("/courses/{course}/edit/materials/new", "/courses/{course}/board", "/teach"),
    *("/datasets/trial/examples", "/datasets/trial/examples?query=что"),
    *("/datasets/trial/proposals", "/datasets/trial/unanswered", "/datasets/trial/commits"),
    "/datasets/trial/over-time",
)
PAGES_OF_ADMINS = (
    *("/admin/board", "/admin/jobs", "/admin/jobs/1", "/admin/models", "/admin/users"),
    *("/admin/users?query=имя", "/admin/users/1001", "/admin/billing"),
    *("/admin/audit", "/admin/audit?target=user:50001"),
)
# These show several kinds of rows at once, each read by a query of its own: still as many for any
# number of rows.
BOARD = 18  # edits with their texts, commits with findings, jobs, models, titles, who is alive
MORE = {
    **dict.fromkeys(("/admin/board", "/courses/{course}/board"), BOARD),
    "/teach": BOARD + 2,  # and what was asked about each course
    # What each changes, what it may be about, who is at it, and the files to compare with.
    "/datasets/trial/proposals": 17,
    # Commits with findings, what undid, mended or replaced them, who made them.
    "/datasets/trial/commits": 14,
    # Models, the commits as above, questions by day, and the heading.
    "/datasets/trial/over-time": 17,
    "/me": 15,  # account, sign-ins, keys, plans, packs, what is used of them, consent
    "/admin/users/1001": 16,  # the same of a person, and what is noted of them
    # Models, what serves, the ways back, promotions, commits and what undid them, ratings.
    "/admin/models": 18,
}


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
    known = {row["id"] for row in db.rows(t.VERDICT.select())}
    add_people(site, numbers)
    clone(db, t.AUDIT, numbers, target=person, by_whom=person)
    clone(db, t.BUILD, numbers, id=ids, number=ids, digest=str)
    clone(db, t.JOB, numbers, id=ids, launch_key=str, build_id=ids)
    clone(db, t.JOB_EVENT, numbers, job_id=ids)
    clone(db, t.MODEL, numbers, build_id=ids, job_id=ids, model_id="ft:{}".format)
    clone(db, t.PROMOTION, numbers, to_model="ft:{}".format)
    clone(db, t.COMMIT, numbers, sha="{:040}".format, position=ids)
    clone(db, t.VERDICT, numbers, commit_sha="{:040}".format, position=ids, job_id=ids)
    errors = {"line": 1, "col": 1, "rule": "no-answer", "severity": "error", "arguments": "{}"}
    verdicts = [row["id"] for row in db.rows(t.VERDICT.select()) if row["id"] not in known]
    db.add_many(
        t.FINDING,
        ({**errors, "verdict_id": each, "path": "examples/0.yaml"} for each in verdicts),
    )
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


def count_queries(site, user_id, pages):
    """Return what each page asks for a person, all of it: who asks, the menu, the rows."""
    with site.browser_client(user_id) as browser:
        opened = {
            page: partial(open_page, browser, page.format(course=site.course)) for page in pages
        }
        # Twice, as once a minute a page counts the unanswered questions and notes the visit too.
        return {
            page: min(len(site.recorded.record(act)) for _ in range(2))
            for page, act in opened.items()
        }


def open_page(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200, (address, answer.text)


@pytest.mark.parametrize(
    ("user_id", "pages"), [(VERA, (*PAGES, *PAGES_OF_ADMINS)), (BORIS, PAGES), (ANNA, PAGES[:8])]
)
def test_every_page_asks_few_queries_and_as_many_for_fifty_rows_as_for_five(site, user_id, pages):
    add_rows(site, range(FEW))
    few = count_queries(site, user_id, pages)
    add_rows(site, range(FEW, MANY))
    many = count_queries(site, user_id, pages)
    # Fewer where only the newest rows are shown: the first commit with errors is not among them.
    assert {page: count for page, count in many.items() if count > few[page]} == {}
    assert {page: count for page, count in many.items() if count > MORE.get(page, MOST)} == {}


def test_search_for_a_person_asks_as_often_however_many_there_are(site):
    add_people(site, range(2_000))
    ran = site.recorded.record(lambda: Users(site.db).find("имя 1999"))
    assert len(ran) <= 3
