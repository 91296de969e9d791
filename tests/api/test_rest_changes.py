"""Edits: shown to their authors, conflicts resolved, withdrawn, undone; and edits of examples."""

import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from merlin.account.users import Consents
from merlin.app.examples import view_of
from merlin.core.clock import utc_now
from merlin.core.i18n import text
from merlin.core.permissions import Role
from merlin.dataset.changes import Changes, ChangeState, intent_key
from merlin.dataset.files import FileIndex
from merlin.db.intents import Intents
from merlin.db.notices import Notices
from tests.api.running_api import ANNA, BORIS, COURSES, check_page
from tests.api.staff_api import Committer
from tests.support.dataset_tree import make_good_files
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

FILES = {**COURSES, "algorithms": {**COURSES["algorithms"], **make_good_files(3)}}
ONE = "examples/face/q0001.yaml"
ADDED = {
    "question": "Что такое граф?",
    "answer": "Вершины и рёбра.",
    "tags": ["graphs"],
}


@pytest.fixture
def committer(site):
    committer = Committer(site, FILES)
    site.index_courses(committer.files)
    return committer


@pytest.fixture
def teacher(site, committer):
    site.add_user(BORIS, Role.TEACHER, "algorithms")
    with site.key_client(BORIS) as client:
        yield client


@pytest.fixture
def browser(site, teacher):
    with site.browser_client(BORIS) as client:
        yield client


EXAMPLES = "/api/datasets/algorithms/examples"
PAGE = "/datasets/algorithms/examples"


def files_in_git(site):
    return {
        file.path: file.text for file in FileIndex(site.db).list_files("algorithms")
    }


def save(browser, form, act=""):
    """Save an example, or with an act remove it; return the id of the change."""
    answer = browser.post(f"{PAGE}{act}", data={**form, "once": secrets.token_hex(16)})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("changed=")[2]


def edit(site, browser, answer, name="face/q0001"):
    """Edit an example on its page; return the id of the change."""
    example = view_of(FileIndex(site.db).get("algorithms", name))
    form = {"example": name, "revision": example.revision, "question": example.question}
    return save(browser, form | {"answer": answer, "tags": ", ".join(example.tags)})


def test_example_is_added_changed_and_removed_by_commits(
    site, teacher, browser, committer
):
    answer = teacher.post(EXAMPLES, json=ADDED)
    assert answer.status_code == 202, answer.json()
    path = answer.json()["files"][0]["path"]
    assert path == "examples/что-такое-граф.yaml"
    committer.commit()
    assert files_in_git(site)[path] == (
        "messages:\n  - user: Что такое граф?\n  - assistant: Вершины и рёбра.\ntags: [graphs]\n"
    )
    name = path.removeprefix("examples/").removesuffix(".yaml")
    change_id = edit(site, browser, "Вершины.\r\nИ рёбра между ними.", name)
    change = teacher.get(f"/api/changes/{change_id}").json()
    assert "+      И рёбра между ними.\n" in change["files"][0]["difference"]
    committer.commit()
    example = view_of(FileIndex(site.db).get("algorithms", name))
    assert example.answer == "Вершины.\nИ рёбра между ними."
    removal = {"example": name, "revision": example.revision}
    save(browser, removal, "/remove")
    committer.commit()
    assert path not in files_in_git(site)


def test_example_with_errors_is_refused_with_its_findings(site, teacher):
    phone = {"question": "Как позвонить?", "answer": "Звоните: +7 999 123-45-67."}
    answer = teacher.post(EXAMPLES, json=phone)
    assert answer.status_code == 422
    body = answer.json()
    assert body["findings"][0]["severity"] == "error"
    assert Changes(site.db).list_pending("algorithms") == []


def test_edit_refused_for_another_one_shows_its_text_until_it_is_withdrawn(
    site, teacher, browser, committer
):
    change_id = edit(site, browser, "Моё")
    others = committer.files["algorithms"][ONE].replace("Ответ 0", "Их")
    committer.files["algorithms"][ONE] = others
    committer.commit()
    address = f"/api/changes/{change_id}"
    assert "Моё" in teacher.get(address).json()["files"][0]["yours"]
    assert "Моё" in browser.get(f"/changes/{change_id}").text
    assert files_in_git(site)[ONE] == others
    assert browser.post(f"/changes/{change_id}/drop").status_code == 303
    assert teacher.get(address).json()["files"][0]["yours"] is None


def test_edit_that_the_repository_refused_is_tried_again(site, browser, committer):
    change_id = edit(site, browser, "Моё")
    address = f"/changes/{change_id}"
    assert browser.post(f"{address}/retry").status_code == 409
    changes = Changes(site.db)
    changes.put_aside(changes.claim(), ChangeState.PARKED, "change-push-refused", {})
    answer = browser.post(f"{address}/retry")
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    assert committer.commit().commit
    assert "Моё" in files_in_git(site)[ONE]


def test_state_of_an_edit_is_sent_only_when_it_has_changed(site, browser, committer):
    change_id = edit(site, browser, "Моё")
    pages = [f"/changes/{change_id}", f"{PAGE}?changed={change_id}"]
    polled = [
        re.search(r'hx-get="(/changes/[^"]+)"', browser.get(page).text)[1]
        for page in pages
    ]
    assert [browser.get(each).status_code for each in polled] == [204, 204]
    committer.commit()
    whole, line = (browser.get(each) for each in polled)
    assert "hx-get" not in whole.text
    # The list beside the line refreshes itself.
    assert line.headers["hx-trigger"] == "change-indexed"
    assert browser.get(f"/changes/{'0' * 32}/note").status_code == 404


def test_edit_whose_push_is_in_doubt_cannot_be_withdrawn_and_does_not_offer_it(
    site, browser
):
    change_id = edit(site, browser, "Моё")
    address = f"/changes/{change_id}"
    key = intent_key(change_id)
    for is_in_doubt in (False, True):
        if is_in_doubt:
            Intents(site.db).open(key, "change")
            Intents(site.db).mark_sending(key, utc_now())
        assert (
            f'action="{address}/drop"' in browser.get(address).text
        ) is not is_in_doubt
    assert browser.post(f"{address}/drop").status_code == 409


def undo(browser, change_id):
    return browser.post(
        f"/changes/{change_id}/undo", data={"once": secrets.token_hex(16)}
    )


# When a commit can be undone: tests/dataset/test_changes_pending.py.
def test_commit_is_undone_by_another_commit(site, teacher, browser, committer):
    before = files_in_git(site)[ONE]
    change_id = edit(site, browser, "Моё")
    address = f"/changes/{change_id}"
    committer.commit(is_seen=False)
    site.set_commit_wait(0.2)
    check_page(undo(browser, change_id), "последний коммит", status=409)
    site.set_commit_wait(longest())
    site.index_courses(committer.files)
    undone = undo(browser, change_id).headers["location"]
    document = teacher.get(f"/api{undone}").json()
    assert document["subject"].startswith("Отменено: ")
    for made in ("", "Коммит 0000000"):
        again = undo(browser, change_id)
        assert (again.status_code, again.headers["location"]) == (303, address)
        page = browser.get(address).text
        assert (text("ru", "page-undone") in page, made in page) == (True, True), page
        assert f'action="{address}/undo"' not in page
        committer.commit()
    assert files_in_git(site)[ONE] == before
    assert undo(browser, undone.rpartition("/")[2]).status_code == 303
    assert f'action="{address}/undo"' in browser.get(address).text


def test_edit_waits_until_the_previous_commit_is_indexed(site, browser, committer):
    edit(site, browser, "Моё")
    committer.commit(is_seen=False)
    site.set_commit_wait(longest())
    with ThreadPoolExecutor() as pool:
        change = pool.submit(edit, site, browser, "Ещё", "face/q0000")
        site.index_courses(committer.files)
        assert change.result()
    assert committer.commit().commit


# What is masked, kept and told to admins: tests/app/test_proposals.py.
def test_student_proposal_needs_consent_and_notifies_the_teachers_once(site, committer):
    for user_id, role in ((ANNA, Role.STUDENT), (BORIS, Role.TEACHER)):
        site.add_user(user_id, role, "algorithms")
    body = {"question": "Мой телефон +7 999 123-45-67?", "answer": "Так."}
    with site.key_client(ANNA) as student:
        assert student.post(EXAMPLES, json=body).status_code == 409
        Consents(site.db).give(ANNA, "2026-11-22")
        for _ in range(2):
            answer = student.post(EXAMPLES, json=body)
            assert answer.status_code == 202, answer.json()
            assert "999" not in answer.json()["question"]
        for dataset in ("closed", "none"):
            refused = student.post(f"/api/datasets/{dataset}/examples", json=body)
            assert refused.status_code == 404
        for wrong in ({}, {"question": "Кто?"}, {"question": " ", "answer": "Так."}):
            assert student.post(EXAMPLES, json=wrong).status_code == 422
    (told,) = Notices(site.db).list_newest(str(BORIS), 5)
    assert told.arguments["dataset"] == "algorithms"
    assert Changes(site.db).list_pending("algorithms") == []
