"""Pages that list rows ask the database as often for fifty rows as for five, and not often."""

import re
from functools import partial

import pytest

from merlin.account.users import Users
from merlin.api.pages.site import page_routes
from merlin.api.routers import api_routes
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, Turns
from merlin.core.clock import iso, utc_now
from merlin.dataset.files import mark_catalogue_changed
from merlin.dataset.proposals import Draft, Proposals
from merlin.db import tables as t
from tests.api.running_api import ANNA, BORIS, VERA
from tests.api.staff_api import run_full_api
from tests.billing.plan_shop import Shop
from tests.support.long_history import clone
from tests.support.migrated_databases import only_sqlite

pytestmark = [pytest.mark.integration, only_sqlite]

FEW = 5
MANY = 50
MOST = 12
# What people search and filter, beside each page as it is.
SEARCHES = (
    *(
        "/?query=граф",
        "/datasets/{dataset}/examples?query=что",
        "/admin/users?query=имя",
    ),
    *("/admin/audit?target=user:50001", "/api/courses/search?query=граф"),
    "/datasets/{dataset}/examples/one?example=q1",
)
# What {name} is in routes that begin like this.
NAMES = {"checkout": "plus", "admin": "trial-1", "v1": "merlin/trial"}
# Routes that cannot be opened alone, and why.
UNOPENED = {
    "/static/{digest}/{name}": "a file",
    "/datasets/{dataset}/export/{form}": "a file",
    "/sign-in": "only for who is not signed in",
    "/courses/{course_id}/chat": "leads to the newest talk",
    "/orders/{order_id}/pay": "leads to the gateway",
    "/admin": "leads to the board",
    "/api/courses/search": "opened with words",
    "/datasets/{dataset}/examples/one": "opened with an example",
}
OF_STUDENTS = (
    "/",
    "/courses/{course_id}",
    "/me",
    "/orders",
    "/plans",
    "/api/user/courses",
)
OF_TEACHERS = (
    "/teach",
    "/courses/{course_id}/board",
    "/datasets/{dataset}/proposals",
    "/api/changes",
)
# These show several kinds of rows at once, each read by a query of its own: still as many for any
# number of rows.
# Edits with their texts, commits with findings, jobs, models and how people come to them, titles,
# who is alive.
BOARD = 19
MORE = {
    **dict.fromkeys(("/admin/board", "/courses/{course_id}/board"), BOARD),
    "/teach": BOARD + 2,  # and what was asked about each course
    # What each changes, what it may be about, who is at it, what people meant, and the files to
    # compare with.
    "/datasets/{dataset}/proposals": 18,
    # Commits with findings, what undid, mended or replaced them, who made them.
    "/datasets/{dataset}/commits": 14,
    "/me": 15,  # account, sign-ins, keys, plans, packs, what is used of them, consent
    "/admin/users/{user_id}": 16,  # the same of a person, and what is noted of them
    # Models, what serves and for whom, the ways back, promotions, commits and what undid them,
    # ratings.
    "/admin/models": 20,
    # Both models with their answers, scores, losses, builds, commits and what is asked of them, and
    # what editors said of unsure answers.
    "/admin/models/{name}/evaluation": 29,
    "/datasets/{dataset}/over-time": 17,  # models, commits with what undid or mended them
    "/datasets/{dataset}/examples/one?example=q1": 13,  # its versions, builds and near questions
    # An edit, what was done to it, and where it is: its commit with job and model.
    **dict.fromkeys(("/changes/{change_id}", "/changes/{change_id}/live"), 13),
    "/changes/{change_id}/note": 15,
    "/courses/{course_id}/chat/{session_id}": 20,  # the talk, its answers' sources and corrections
    "/me/export": 36,  # one for each table of a person
    "/metrics": 19,  # one for each metric
}


def add_people(site, numbers):
    """Add a person with a role and names for each number."""
    ids = partial(int.__add__, 50_000)
    seal = site.db.cipher.seal
    clone(
        site.db, t.PERSON, numbers, user_id=ids, shown_name=lambda n: seal(f"Имя {n}")
    )
    clone(site.db, t.ROLE_GRANT, numbers, user_id=ids)
    clone(site.db, t.ACCOUNT, numbers, user_id=ids, name="person{}".format)


def add_rows(site, numbers):
    """Add a row of each kind for each number; the people differ."""
    db = site.db
    ids = partial(int.__add__, 50_000)
    now = iso(utc_now())
    trial = {"dataset": lambda _: "trial"}
    person = "user:5{:04}".format
    known = {row.id for row in db.rows(t.VERDICT.select())}
    of_vera = {"user_id": lambda _: VERA}
    others = partial(int.__add__, 60_000)
    # Alike: each group of questions is searched for among the examples.
    asked = {
        "known": lambda _: 0,
        "asked_at": lambda _: now,
        "is_dismissed": lambda _: 0,
    }
    talked = {"session_id": lambda _: site.talk, **of_vera}
    example = {"path": "examples/{}.yaml".format, **trial}
    found = {"kind": lambda _: "example", "name": str}
    add_people(site, numbers)
    for table, values in (
        (t.AUDIT, {"target": person, "by_whom": person}),
        (t.BUILD, {"id": ids, "number": ids, "digest": str}),
        (t.JOB, {"id": ids, "launch_key": str, "build_id": ids}),
        (t.JOB_EVENT, {"job_id": ids}),
        (t.MODEL, {"build_id": ids, "job_id": ids, "model_id": "ft:{}".format}),
        (t.PROMOTION, {"to_model": "ft:{}".format}),
        (t.COMMIT, {"sha": "{:040}".format, "position": ids}),
        (
            t.VERDICT,
            {"commit_sha": "{:040}".format, "position": ids, "job_id": ids},
        ),
        (t.SESSION, {"id": ids, "chat_id": ids, **of_vera}),
        (t.TURN, {"id": ids, "session_id": ids, "update_id": ids, **asked}),
        (t.TURN, {"id": others, "update_id": others, **talked}),
        (t.COURSE, {"id": ids, "slug": "course{}".format}),
        (t.FAVOURITE, {"user_id": lambda _: ANNA, "course_id": ids}),
        (t.FAVOURITE, {"course_id": ids, **of_vera}),
        (t.SIGN_IN, {"token_hash": str, "source": lambda _: None, **of_vera}),
        (
            t.CHANGE,
            {"change_id": str, "batch": str, "state": lambda _: "waiting", **trial},
        ),
        (t.DATASET_FILE, example),
        (t.SEARCH_ENTRY, {**found, **example}),
        (t.PURCHASE, {"id": "p{}".format, "user_id": ids, "outside_id": str}),
        (t.LEDGER, {"key": str, "purchase_id": "p{}".format}),
        (t.PURCHASE, {"id": "v{}".format, "outside_id": "v{}".format, **of_vera}),
        (t.JOB_EVENT, {"event_id": "more{}".format}),
    ):
        clone(db, table, numbers, **values)
    errors = {
        "line": 1,
        "col": 1,
        "rule": "no-answer",
        "severity": "error",
        "arguments": "{}",
        "path": "examples/0.yaml",
    }
    verdicts = [row.id for row in db.rows(t.VERDICT.select()) if row.id not in known]
    db.add_many(t.FINDING, ({**errors, "verdict_id": each} for each in verdicts))
    mark_catalogue_changed(db)
    for number in numbers:
        Proposals(db).add(VERA, Draft(f"Что такое {number * 7919}?", "Ответ.", "trial"))


@pytest.fixture
def site(recorded, tmp_path):
    with run_full_api(tmp_path) as site:
        purchase, _ = Shop(site.db, utc_now).buy(VERA)
        place = ChatPlace(VERA, VERA, site.course, "algorithms")
        site.talk = Sessions(site.db, site.bot_id).open(place).session_id
        Turns(site.db, site.bot_id).ask(Question(site.talk, 99, VERA, "Что это?"), None)
        site.path_values |= {
            "order_id": purchase.purchase_id,
            "purchase_id": purchase.purchase_id,
        }
        site.path_values |= {
            "session_id": site.talk,
            "number": site.path_values["request_id"],
        }
        site.path_values["user_id"] = ANNA
        site.sign_in(VERA)
        site.recorded = recorded
        yield site


def list_addresses(site):
    """Return every page and list of the API that can be opened: its route -> its address."""
    paths = {
        re.sub(":(int|path)}", "}", route.path)
        for route in [*api_routes(), *page_routes()]
        if "GET" in (route.methods or ())
    }
    assert paths >= UNOPENED.keys()
    return {
        path: path.format(**site.path_values | {"name": NAMES.get(path.split("/")[1])})
        for path in sorted(paths - UNOPENED.keys() | {*SEARCHES})
    }


def count_queries(site, user_id, addresses):
    """Return what each page asks for a person, all of it: who asks, the menu, the rows."""
    with site.browser_client(user_id) as browser, site.key_client(user_id) as program:
        opened = {
            path: partial(
                open_page,
                program if path.startswith(("/api", "/v1")) else browser,
                address,
            )
            for path, address in addresses.items()
        }
        # Three times: once a minute a page counts the unanswered questions and notes the visit too,
        # and after a change the processes read the catalogue anew.
        return {
            path: min(len(site.recorded.record(act)) for _ in range(3))
            for path, act in opened.items()
        }


def open_page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.text)


@pytest.mark.parametrize(
    ("user_id", "chosen"), [(VERA, None), (BORIS, OF_TEACHERS), (ANNA, OF_STUDENTS)]
)
def test_every_page_asks_few_queries_and_as_many_for_fifty_rows_as_for_five(
    site, user_id, chosen
):
    addresses = list_addresses(site)
    addresses = {path: addresses[path] for path in chosen or addresses}
    add_rows(site, range(FEW))
    few = count_queries(site, user_id, addresses)
    add_rows(site, range(FEW, MANY))
    many = count_queries(site, user_id, addresses)
    assert {
        page: (few[page], count) for page, count in many.items() if count > few[page]
    } == {}
    assert {
        page: count for page, count in many.items() if count > MORE.get(page, MOST)
    } == {}


def test_search_for_a_person_asks_as_often_however_many_there_are(site):
    add_people(site, range(2_000))
    ran = site.recorded.record(lambda: Users(site.db).find("имя 1999"))
    assert len(ran) <= 3
