"""Pages of teachers and admins are hidden from all others; each form acts once."""

import re
import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.api.pages.site import STAFF, TOPICS
from merlin.app import verdicts
from merlin.app.actor import Actor
from merlin.core.clock import utc_now
from merlin.core.heartbeat import TELEGRAM_DOWN, Heartbeat
from merlin.core.permissions import Role
from merlin.course.catalogue import Catalogue
from merlin.dataset.changes import Changes
from merlin.dataset.proposals import Draft, Proposals
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.audit import Audit
from merlin.db.processes import Heartbeats
from merlin.db.requests import RequestKind, Requests
from tests.api.running_api import check_page
from tests.browser.staff_browser import (
    ANNA,
    BORIS,
    VERA,
    XSS,
    propose_change,
    run_staff_site,
)
from tests.db.pipeline_rows import make_commit, make_examples, make_finding, make_spec

pytestmark = pytest.mark.integration

# A teacher of another course, and an editor, who cannot manage users.
CLARA = 1005
EDITOR = 1006
KEEPING = ("/admin/users", "/admin/billing")


@pytest.fixture(scope="module")
def staff(tmp_path_factory):
    with run_staff_site(tmp_path_factory.mktemp("staff")) as site:
        site.add_user(CLARA, Role.TEACHER, "hci")
        site.add_user(EDITOR, Role.EDITOR)
        # Silent in all tests: not live in the first ten seconds alone, which changes the board.
        silent_since = utc_now() - timedelta(minutes=5)
        Heartbeats(site.db).beat(
            Heartbeat("daemon", "merlin-1", 7, silent_since, silent_since)
        )
        site.change = propose_change(site, "materials/rights.md", None, "# Право\n")
        yield site


@pytest.fixture
def vera(staff):
    with staff.browser_client(VERA) as client:
        yield client


def routes(topics=STAFF):
    """Return (method, path) of every page of these topics: those of teachers and admins."""
    return sorted(
        (method, route.path)
        for topic in topics
        for route in topic.router.routes
        for method in route.methods
    )


def fill_path(staff, path):
    """Return a path with existing records: the algorithms, the running job, boris's change."""
    named = {
        "course_id": staff.course_id("algorithms"),
        "dataset": "algorithms",
        "material_id": Catalogue(staff.db).materials("algorithms")[0].material_id,
        "change_id": staff.change,
        "job_id": staff.job_id,
        "model_id": 1,
        "name": "algorithms-2",
        "version": "algorithms-2",
        "user_id": ANNA,
        "form": "csv",
        "number": 1,
        "proposal": 1,
        "purchase_id": "0" * 32,
        "act": "promote" if "models" in path else "block",
    }
    query = "?example=graphs/bfs" if path.endswith("/one") else ""
    return path.format(**named) + query


FORM = {
    "place": "0",
    "revision": "x",
    "take": "mine",
    "dataset": "algorithms",
    "example": "graphs/bfs",
    "role": "admin",
    "scope": "algorithms",
    "kind": "text",
    "amount": "5",
    "question": "Что?",
    "answer": "То.",
    "title_ru": "Новое",
    "text": "Текст",
    "act": "save",
    "name_ru": "Имя",
}


def send(client, method, path):
    data = {**FORM, "once": secrets.token_hex(16)} if method == "POST" else None
    if data and path.endswith("/accept"):
        data["question"] = ""  # everything that the model is held for
    return client.request(method, path, data=data)


def read_state(staff):
    """Return everything that any of these forms could change."""
    request_ids = [
        record.request_id
        for record in Requests(staff.db).list_of_author(f"user:{VERA}")
    ]
    changes = [
        first.change_id for first, *_ in Changes(staff.db).list_batches(None, 100)
    ]
    audit = len(Audit(staff.db).list_newest(1000))
    return request_ids, changes, audit


@pytest.mark.parametrize(("method", "path"), routes())
def test_staff_page_returns_404_without_the_permission(staff, method, path):
    address = fill_path(staff, path)
    before = read_state(staff)
    strangers = [ANNA]
    if "{" in path:
        strangers.append(CLARA)
    if path.startswith(KEEPING):
        strangers += [BORIS, EDITOR, CLARA]
    if path.endswith(
        "/accept"
    ):  # editors of the dataset accept the regressions of a held model
        strangers.append(CLARA)
    elif path.startswith("/admin") and method == "POST":
        strangers += [BORIS, EDITOR, CLARA]
    for user_id in strangers:
        with staff.browser_client(user_id) as client:
            assert send(client, method, address).status_code == 404, user_id
    assert read_state(staff) == before


def test_staff_page_redirects_anonymous_users_to_sign_in(staff):
    for path in sorted({path for method, path in routes() if method == "GET"}):
        answer = staff.client.get(fill_path(staff, path))
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in?next="), path


def test_times_are_in_the_browsers_zone(staff, vera):
    def times(zone):
        vera.cookies.set("merlin_zone", zone)
        return re.findall(r"\d\d:\d\d", vera.get("/admin/jobs").text)

    in_utc = times("")
    in_tokyo = times("Asia/Tokyo")
    assert times("/x") == in_utc
    late = [f"{(int(at[:2]) + 9) % 24:02}{at[2:]}" for at in in_utc]
    assert in_tokyo == late != []


def test_api_key_cannot_open_staff_pages(staff):
    with staff.key_client(VERA) as client:
        assert client.get("/admin/users").status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another host of the same domain
        {},
    ],
)
def test_form_of_another_site_changes_nothing(staff, headers, vera):
    before = read_state(staff)
    forms = [path for method, path in routes((*TOPICS, *STAFF)) if method == "POST"]
    vera.headers.pop("Origin")
    vera.headers.update(headers)
    for path in forms:
        assert send(vera, "POST", re.sub("{.*?}", "1", path)).status_code == 403, path
    assert vera.get("/me").status_code == 200
    assert read_state(staff) == before


def test_form_submitted_twice_acts_once_and_redirects_to_the_same_page(staff, vera):
    data = {
        **FORM,
        "once": secrets.token_hex(16),
        "title_ru": "Дважды",
        "kind": "lecture",
    }
    path = f"/courses/{staff.course_id('algorithms')}/edit/materials"
    with staff.browser_client(BORIS) as client:
        (lesson,) = re.findall(
            'name="lesson".* value="(.*?)"', client.get(f"{path}/new").text
        )
        assert lesson == "5"
        places = {client.post(path, data=data).headers["location"] for _ in range(3)}
        other = client.post(path, data={**data, "once": secrets.token_hex(16)})
    assert len(places) == 1
    assert other.headers["location"] not in places
    form = {"once": secrets.token_hex(16)}
    cancel = f"/admin/jobs/{staff.job_id}/cancel"
    places = {vera.post(cancel, data=form).headers["location"] for _ in range(3)}
    made = Requests(staff.db).list_of_author(f"user:{VERA}")
    cancelled = [each for each in made if each.kind == RequestKind.CANCEL]
    assert len(places) == len(cancelled) == 1


def test_materials_of_a_course_are_read_again_when_an_edit_is_indexed(staff):
    path = f"/courses/{staff.course_id('algorithms')}/edit"
    with staff.browser_client(BORIS) as client:
        page = client.get(path).text
    assert f'id="listed" hx-get="{path}" hx-trigger="change-indexed from:body"' in page


def test_proposals_are_decided_in_bulk_by_leaders_of_the_course(staff):
    path = "/datasets/algorithms/proposals"
    fields = {"origin": "distil", "model_id": XSS, "note": XSS}
    questions = [f"Что такое {word}?" for word in ("дек", "бор", XSS)]
    rows = Proposals(staff.db)
    rows.add_drafts(
        [
            Draft(question, "Структура данных.", "algorithms", **fields)
            for question in questions
        ]
    )
    first, second, third = (each.proposal_id for each in rows.list_waiting())
    with staff.browser_client(BORIS) as client:
        page = client.get(path).text
        assert questions[0] in page
        assert XSS not in page
        check_page(
            client.post(path, data={"act": "approve"}), "хотя бы одно", status=409
        )
        unknown = client.post(path, data={"act": "decline", "proposal": [2**70]})
        assert unknown.status_code == 422
        form = {"act": "approve", "proposal": [first, second]}
        location = client.post(path, data=form).headers["location"]
        assert client.post(path, data=form).status_code == 409
        client.post(path, data={"decline": third})
        assert questions[0] not in client.get(path).text
    change = location.removeprefix(f"{path}?changed=")
    assert len(Changes(staff.db).list_of_batch(change)) == 2
    states = [rows.get(each).state for each in (first, second, third)]
    assert states == ["approved", "approved", "declined"]


def test_form_without_a_valid_once_mark_is_refused(staff, vera):
    for data in ({}, {"once": "x"}, {"once": "0" * 31 + "\n"}):
        assert (
            vera.post(f"/admin/jobs/{staff.job_id}/cancel", data=data).status_code
            == 422
        )
    for address in (
        "/admin/jobs/0",
        f"/admin/jobs/{2**60}",
        "/admin/jobs/x",
        "/changes/zz",
    ):
        assert vera.get(address).status_code == 404, address
    assert vera.get("/admin/jobs?cursor=%00").status_code == 422


def test_user_supplied_text_is_escaped(staff):
    roads = (
        (VERA, "/admin/board"),
        (VERA, f"/admin/board?commit={staff.rejected}"),
        (VERA, "/admin/jobs"),
        (VERA, f"/admin/jobs/{staff.job_id}"),
        (VERA, f"/admin/jobs/{staff.job_id - 1}"),
        (VERA, "/admin/users"),
        (VERA, f"/admin/users/{ANNA}"),
        (BORIS, "/datasets/algorithms/examples"),
    )
    for user_id, road in roads:
        with staff.browser_client(user_id) as client:
            page = client.get(road)
        assert page.status_code == 200
        assert XSS not in page.text, road
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.text, road
        assert not re.search(r"<img|<script>|style=|onerror=\w+\(1\)>", page.text), road


@pytest.mark.parametrize(
    "path", ["/admin/jobs/{job_id}", "/admin/board", "/courses/{course_id}/board"]
)
def test_poll_without_changes_returns_204(staff, path, vera):
    page = vera.get(fill_path(staff, path)).text
    live = re.search(r'hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
    assert vera.get(live).status_code == 204
    assert vera.get(live.partition("?")[0]).status_code == 200


def test_board_says_at_once_that_telegram_cannot_be_reached(staff, vera):
    page = vera.get("/admin/board").text
    assert "Telegram сейчас недоступен" not in page
    now = utc_now()
    staff.rows.db.transact(
        lambda: Heartbeats(staff.rows.db).beat(
            Heartbeat("bot", "here", 1, now, now, TELEGRAM_DOWN)
        )
    )
    live = re.search(r'hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
    assert "Telegram сейчас недоступен" in vera.get(live).text


# That it leads to its example, and what came after: tests/browser/test_clicks.py.
def test_commit_that_is_left_out_says_so_and_has_no_green_check(staff, vera):
    outcome = staff.rows.outcome(make_spec(), make_examples(12), [make_finding()])
    left_out = {
        "status": VerdictStatus.LEFT_OUT,
        "reason": "verdict-left-out",
        "arguments": {"count": 1, "place": "examples/x.yaml:3:1"},
    }
    commit = make_commit(9)
    staff.rows.record(commit, [replace(outcome, **left_out)], staff.rows.clock())
    shown = verdicts.list_mainline(staff.services, Actor.operator(), "neurotypology")
    assert shown[0].status == "left_out"
    assert shown[0].why("ru") == "1 пример не учтён: смотрите examples/x.yaml:3:1"
    check_page(
        vera.get("/admin/board", params={"commit": commit.sha}),
        "examples/x.yaml, строка 3",
        '#error"/></svg><b>Проверен</b>',
    )


def test_commit_that_waits_for_the_pin_is_unpinned_on_its_page(staff, vera):
    rows = staff.rows
    rows.serve(31, make_examples(31))
    rows.promotions.pin("neurotypology", is_pinned=True)
    job = rows.start(32, make_examples(32))
    rows.finish(job)
    rows.prove_and_promote()
    page = vera.get("/admin/board", params={"commit": make_commit(32).sha}).text
    action = re.search(r'action="(/admin/models/\d+/unpin)"', page)[1]
    fields = dict(re.findall(r'name="(once|back)" value="([^"]+)"', page))
    answer = vera.post(action, data=fields)
    story = rf"/admin/board\?commit={make_commit(32).sha}&asked=\d+#story-neurotypology"
    assert re.fullmatch(story, answer.headers["location"])
    rows.promotions.pin("neurotypology", is_pinned=False)
