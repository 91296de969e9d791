"""Pages of teachers and admins are hidden from all others; each form acts once."""

import re
import secrets
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from merlin.account.users import Users
from merlin.api.pages.site import STAFF, TOPICS
from merlin.core.heartbeat import Heartbeat
from merlin.core.permissions import Role
from merlin.course.catalogue import Catalogue
from merlin.dataset.changes import Changes
from merlin.dataset.proposals import Draft, Proposals
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.audit import Audit
from merlin.db.notices import ADMINS, Notices
from merlin.db.processes import Heartbeats
from merlin.db.requests import RequestKind, Requests
from merlin.db.tables import COMMIT
from merlin.training.gather import CommitOutcome
from merlin.training.promote import promote_by_hand
from tests.api.sign_in_data import set_password
from tests.browser.staff_browser import ANNA, BORIS, VERA, XSS, propose_change, run_staff_site
from tests.db.pipeline_rows import make_commit, make_examples, make_finding, make_spec

pytestmark = pytest.mark.integration

# A teacher of another course, and an editor, who cannot manage users.
CLARA, EDITOR = 1005, 1006
# A teacher of another course whose account name is in the course.yaml of the algorithms.
NAMED = 1007
KEEPING = ("/admin/users", "/admin/health", "/admin/billing")


@pytest.fixture(scope="module")
def staff(tmp_path_factory):
    with run_staff_site(tmp_path_factory.mktemp("staff")) as site:
        site.add_user(CLARA, Role.TEACHER, "hci")
        site.add_user(EDITOR, Role.EDITOR)
        site.change = propose_change(site, "materials/rights.md", None, "# Право\n")
        yield site


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
        "number": 1,
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
        record.request_id for record in Requests(staff.db).list_of_author(f"user:{VERA}")
    ]
    changes = [record.change_id for record in Changes(staff.db).list_batches(None, 100)]
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
    if path.endswith("/accept"):  # editors of the dataset accept the regressions of a held model
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


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_commit_dated_9999_breaks_no_page_in_any_time_zone(staff, zone):
    committed = COMMIT.select(COMMIT.sha, COMMIT.committed_at)
    before = staff.database.rows(committed)
    with staff.database.atomic():
        staff.database.change(COMMIT.update({"committed_at": "9999-12-31T23:59:59.000000+00:00"}))
    Users(staff.db).set_zone(VERA, zone)
    try:
        with staff.browser_client(VERA) as client:
            paths = sorted({path for method, path in routes() if method == "GET"})
            statuses = {path: client.get(fill_path(staff, path)).status_code for path in paths}
            assert "31" in client.get("/admin/verdicts").text
        assert {path: status for path, status in statuses.items() if status >= 500} == {}
    finally:
        Users(staff.db).set_zone(VERA, None)
        with staff.database.atomic():
            for row in before:
                back = COMMIT.update({"committed_at": row["committed_at"]})
                staff.database.change(back.where(COMMIT.sha == row["sha"]))


@pytest.mark.parametrize(
    ("cookie_zone", "zone", "is_named"),
    [("", "UTC", True), ("Asia/Tokyo", "JST", False), ("/x", "UTC", True)],
)
def test_times_are_in_the_browsers_zone_and_another_zone_is_named(
    staff, cookie_zone, zone, is_named
):
    with staff.browser_client(VERA) as client:
        client.cookies.set("merlin_zone", cookie_zone)
        text = client.get("/admin/health").text
    assert re.search(rf", \d\d:\d\d {zone}<", text)
    assert ('class="zone meta"' in text) == is_named


def test_engine_is_unknown_and_not_silent_while_the_daemon_that_asks_it_is_down(staff):
    now = staff.services.clock()
    heartbeats, hour = Heartbeats(staff.db), timedelta(hours=1)
    with staff.browser_client(VERA) as client:
        for at, row in ((now, "запустите: merlin engine"), (now - hour, "Его опрашивает демон")):
            heartbeats.beat(Heartbeat("daemon", "merlin-1", 1, now - hour, at))
            assert row in client.get("/admin/health").text
            for part in ("", "/note"):
                edit = client.get(f"/changes/{staff.change}{part}").text
                assert ("Служба, которая сохраняет правки, сейчас не запущена" in edit) == (
                    at != now
                )
    for process in ("daemon", "engine"):
        heartbeats.beat(Heartbeat(process, "merlin-1", 1, now - hour, now - hour))
    with staff.browser_client(VERA) as client:
        health, board = (client.get(f"/admin/{name}").text for name in ("health", "board"))
        heartbeats.beat(Heartbeat("daemon", "merlin-1", 1, now, now))
        later = client.get("/admin/board").text
    assert "неизвестно</span>" in health
    assert "Его опрашивает демон, а он не запущен" in health
    # A board that updates itself has a link for browsers without JavaScript.
    link = "Обновить</a></noscript>"
    assert (link in board, link in later) == (False, True)
    for page, unknown, silent in ((board, 1, 0), (later, 0, 1)):
        assert page.count("Движок: состояние неизвестно") == unknown
        assert page.count("Движок: нет сигнала") == silent


def test_notice_about_money_has_the_amount_as_people_write_it(staff):
    values = {"purchase": "90cf36d4", "amount": "299.00 RUB"}
    Notices(staff.db).tell(ADMINS, "notice-paid-nobody", values)
    with staff.browser_client(VERA) as client:
        assert "оплачен (299\N{NO-BREAK SPACE}₽)" in client.get("/admin/health").text


def test_api_key_cannot_open_staff_pages(staff):
    with staff.key_client(VERA) as client:
        assert client.get("/admin/users").status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_form_of_another_site_changes_nothing(staff, headers):
    before = read_state(staff)
    forms = [path for method, path in routes((*TOPICS, *STAFF)) if method == "POST"]
    with staff.browser_client(VERA) as client:
        client.headers.pop("Origin")
        client.headers.update(headers)
        for path in forms:
            assert send(client, "POST", re.sub("{.*?}", "1", path)).status_code == 403, path
        assert client.get("/me").status_code == 200
    assert read_state(staff) == before


def test_form_submitted_twice_acts_once_and_redirects_to_the_same_page(staff):
    data = {**FORM, "once": secrets.token_hex(16), "title_ru": "Дважды", "kind": "lecture"}
    path = f"/courses/{staff.course_id('algorithms')}/edit/materials"
    with staff.browser_client(BORIS) as client:
        (lesson,) = re.findall('name="lesson".* value="(.*?)"', client.get(f"{path}/new").text)
        assert lesson == "5"
        places = {client.post(path, data=data).headers["location"] for _ in range(3)}
        other = client.post(path, data={**data, "once": secrets.token_hex(16)})
    assert len(places) == 1
    assert other.headers["location"] not in places
    with staff.browser_client(VERA) as client:
        form = {"once": secrets.token_hex(16)}
        path = f"/admin/jobs/{staff.job_id}/cancel"
        places = {client.post(path, data=form).headers["location"] for _ in range(3)}
    requests = [
        request
        for request in Requests(staff.db).list_of_author(f"user:{VERA}")
        if request.kind == RequestKind.CANCEL
    ]
    assert len(places) == len(requests) == 1


def test_proposals_are_decided_in_bulk_by_leaders_of_the_course(staff):
    path = "/datasets/algorithms/proposals"
    fields = {"origin": "distil", "model_id": XSS, "note": XSS}
    questions = [f"Что такое {word}?" for word in ("дек", "бор", XSS)]
    drafts = [
        Draft(question, "Структура данных.", "algorithms", **fields) for question in questions
    ]
    Proposals(staff.db).add_drafts(drafts)
    first, second, third = (proposal.proposal_id for proposal in Proposals(staff.db).list_waiting())
    with staff.browser_client(BORIS) as client:
        page = client.get(path).text
        assert questions[0] in page
        assert XSS not in page
        none = client.post(path, data={"act": "approve"})
        assert (none.status_code, "хотя бы одно" in none.text) == (409, True)
        response = client.post(path, data={"act": "approve", "proposal": [first, second]})
        assert response.headers["location"].startswith("/changes/")
        again = client.post(path, data={"act": "approve", "proposal": [first, second]})
        assert again.status_code == 409
        assert client.post(path, data={"act": "decline", "proposal": [2**70]}).status_code == 422
        client.post(path, data={"act": "decline", "proposal": [third]})
        assert questions[0] not in client.get(path).text
    batch = Changes(staff.db).list_of_batch(response.headers["location"].removeprefix("/changes/"))
    assert len(batch) == 2
    states = [Proposals(staff.db).get(number).state for number in (first, second, third)]
    assert states == ["approved", "approved", "declined"]


def test_form_without_a_valid_once_mark_is_refused(staff):
    with staff.browser_client(VERA) as client:
        for data in ({}, {"once": "x"}, {"once": "0" * 31 + "\n"}):
            assert client.post(f"/admin/jobs/{staff.job_id}/cancel", data=data).status_code == 422
        for address in ("/admin/jobs/0", f"/admin/jobs/{2**60}", "/admin/jobs/x", "/changes/zz"):
            assert client.get(address).status_code == 404, address
        assert client.get("/admin/jobs?cursor=%00").status_code == 422


def test_user_supplied_text_is_escaped(staff):
    roads = (
        (VERA, "/admin/board"),
        (VERA, f"/admin/board?commit={staff.rejected}"),
        (VERA, "/admin/jobs"),
        (VERA, f"/admin/jobs/{staff.job_id}"),
        (VERA, f"/admin/jobs/{staff.job_id - 1}"),
        (VERA, "/admin/verdicts"),
        (VERA, f"/admin/verdicts?commit={staff.rejected}"),
        (VERA, "/admin/users"),
        (VERA, f"/admin/users/{ANNA}"),
        (BORIS, f"/courses/{staff.course_id('algorithms')}/questions"),
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
def test_poll_without_changes_returns_204(staff, path):
    with staff.browser_client(VERA) as client:
        page = client.get(fill_path(staff, path)).text
        live = re.search(r'hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
        assert client.get(live).status_code == 204
        assert client.get(live.partition("?")[0]).status_code == 200


def test_poll_of_a_finished_job_removes_its_stop_button(staff):
    with staff.browser_client(VERA) as client:
        running, finished = (
            client.get(f"/admin/jobs/{job_id}/live").text
            for job_id in (staff.job_id, staff.job_id - 1)
        )
    assert "job-stop" not in running
    assert '<div id="job-stop" hx-swap-oob="true"></div>' in finished


def test_course_form_takes_descriptions_as_long_as_course_yaml_allows(staff):
    with staff.browser_client(VERA) as client:
        page = client.get(fill_path(staff, "/courses/{course_id}/edit")).text
    limits = re.findall(r'<textarea name="about_[a-z]+"[^>]* maxlength="(\d+)"', page)
    assert limits == ["5000", "5000"]


def test_course_card_without_a_name_says_what_is_needed(staff):
    with staff.browser_client(VERA) as client:
        path = fill_path(staff, "/courses/{course_id}/edit")
        form = {"once": secrets.token_hex(16), "revision": "x", "about_ru": "Курс"}
        answer = client.post(path, data=form)
    assert (answer.status_code, "Название нужно хотя бы на одном языке" in answer.text) == (
        422,
        True,
    )


def test_live_model_can_be_pinned_however_many_newer_models_are_listed(staff):
    promotions = staff.rows.promotions
    promote_by_hand(promotions, "algorithms-1", "vera")
    with staff.browser_client(VERA) as client:
        page = client.get("/admin/models?limit=1").text
    promote_by_hand(promotions, "algorithms-2", "vera")
    of_first = promotions.model("algorithms-1")
    assert f'action="/admin/models/{of_first.model_row}/pin"' in page
    assert page.count("3 из 5") == 2  # in its card and in the list of models


def test_failed_training_can_be_tried_again_until_its_dataset_is_removed(staff):
    with staff.browser_client(VERA) as client:
        verdicts = client.get("/api/verdicts").json()["verdicts"]
        failed = next(each for each in verdicts if each["verdict"] == "failed" and each["build"])
        page = client.get("/admin/board", params={"commit": failed["commit"]}).text
        launch = f'/admin/jobs?launch={failed["dataset"]}#launch"'
        assert re.search(re.escape(launch) + "[^<]*(<[^>]*>)*Повторить</a>", page)
        job = f"/admin/jobs/{staff.job_id - 1}"
        assert "Обучить ещё раз" in client.get(job).text
        removed = CommitOutcome(failed["dataset"], VerdictStatus.REMOVED)
        staff.rows.record(make_commit(6), [removed], staff.rows.clock())
        assert "Обучить ещё раз" not in client.get(job).text
        page = client.get("/admin/board", params={"commit": failed["commit"]}).text
        assert launch not in page


def test_list_of_commits_names_what_the_check_found(staff):
    """Also of a commit that goes on: what is wrong with it is left out of the training."""
    staff.rows.push(8, make_examples(12), findings=(make_finding(), make_finding(5)))
    with staff.browser_client(VERA) as client:
        row = client.get("/admin/verdicts?dataset=neurotypology").text.partition("<tbody>")[2]
    assert "2 ошибки" in row


def test_commit_that_is_left_out_says_so_and_leads_to_its_example(staff):
    """No green check and no "unchanged"; board and page lead to the example that needs fixing."""
    outcome = staff.rows.outcome(make_spec(), make_examples(12), [make_finding()])
    values = {"count": 1, "place": "examples/x.yaml:3:1"}
    words = "1 пример не учтён: смотрите examples/x.yaml:3:1"
    left_out = {"status": VerdictStatus.LEFT_OUT, "reason": "verdict-left-out", "arguments": values}
    commit = make_commit(9)
    staff.rows.record(commit, [replace(outcome, **left_out)], staff.rows.clock())
    with staff.browser_client(VERA) as client:
        verdicts = client.get("/api/verdicts?dataset=neurotypology").json()["verdicts"]
        assert (verdicts[0]["verdict"], verdicts[0]["reason"]) == ("left_out", words)
        for road in ("/admin/verdicts", "/admin/board"):
            page = client.get(road, params={"commit": commit.sha}).text
            assert "не учтён" in page
            assert words in page
            assert "/datasets/neurotypology/examples/one?example=x#open" in page
            assert '#error"/></svg><b>Проверен</b>' in page


def test_board_lists_its_datasets_in_parts(staff):
    """Each once, also in a filter; the part updates itself, and a commit opens in any part."""

    def names(text):
        return re.findall(r'class="line" aria-labelledby="of-(\S+) ', text)

    with staff.browser_client(VERA) as client:
        for show in ("all", "care"):
            address, parts = f"/admin/board?show={show}&limit=1", []
            while address:
                text = client.get(address).text
                parts.append(names(text))
                poll = unescape(re.search('hx-get="([^"]*)', text)[1])
                assert names(client.get(re.sub("seen=.*", "seen=", poll)).text) == parts[-1]
                more = re.search('href="([^"]*)">Показать ещё наборы', text)
                address = more and unescape(more[1])
            assert [len(part) for part in parts] == [1] * len(parts)
            assert [name for part in parts for name in part] == names(
                client.get(f"/admin/board?show={show}").text
            )
            assert len(parts) > 1
        query = {"limit": 1, "show": "moving", "commit": staff.rejected}
        assert 'id="story-hci"' in client.get("/admin/board", params=query).text


def test_datasets_of_the_api_are_listed_in_parts(staff):
    """Each dataset once, in the order of the whole list."""
    path = "/api/datasets"
    with staff.browser_client(VERA) as client:
        whole, address, names = client.get(path), f"{path}?limit=2", []
        while address:
            answer = client.get(address)
            part = [row["name"] for row in answer.json()["datasets"]]
            assert 1 <= len(part) <= 2
            names += part
            more = re.search('<([^>]*)>; rel="next"', answer.headers["link"])
            address = more and more[1]
    assert "next" not in whole.headers["link"]
    assert names == [row["name"] for row in whole.json()["datasets"]]


def test_board_of_a_teacher_named_in_course_yaml_has_no_dead_links(staff):
    """They lead the course, but may not watch its jobs and models."""
    set_password(staff, staff.add_user(NAMED, Role.TEACHER, "hci"), "boris")
    with staff.browser_client(VERA) as client:
        verdicts = client.get("/api/verdicts", params={"dataset": "algorithms"}).json()["verdicts"]
    commit = next(each["commit"] for each in verdicts if each["verdict"] == "serving")
    with staff.browser_client(NAMED) as client:
        path = fill_path(staff, "/courses/{course_id}/board")
        page = client.get(path, params={"commit": commit}).text
        assert re.search(r"Обучение \d", page)
        for address in set(re.findall(r'href="(/admin/[^"#]*)', page)):
            assert client.get(unescape(address)).status_code == 200, address
