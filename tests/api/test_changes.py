"""Edits: shown to their authors, conflicts resolved, withdrawn, undone; and edits of examples."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from merlin.account.api_keys import Scope
from merlin.account.users import Consents
from merlin.core.clock import utc_now
from merlin.core.i18n import text
from merlin.core.permissions import Role
from merlin.dataset.changes import Changes, ChangeState, intent_key
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Proposals
from merlin.db.intents import Intents
from merlin.db.notices import ADMINS, Notices
from tests.api.running_api import ANNA, BORIS, COURSES, VERA
from tests.api.staff_api import Committer
from tests.support.dataset_tree import make_good_files
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

FILES = {**COURSES, "algorithms": {**COURSES["algorithms"], **make_good_files(3)}}
ONE = "examples/face/q0001.yaml"
ADDED = {"question": "Что такое граф?", "answer": "Вершины и рёбра.", "tags": ["graphs"]}


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


def examples(name=""):
    return f"/api/datasets/algorithms/examples{f'/{name}' if name else ''}"


def files_in_git(site):
    return {file.path: file.text for file in FileIndex(site.db).list_files("algorithms")}


def edit(client, text, name="face/q0001"):
    """Edit an example; return the change."""
    example = client.get(examples(name)).json()
    answer = client.put(examples(name), json={"answer": text, "revision": example["revision"]})
    assert answer.status_code == 202, answer.json()
    return answer.json()


def test_examples_are_paginated_and_found_by_words(teacher):
    first = teacher.get(examples(), params={"limit": 2})
    assert [example["id"] for example in first.json()["examples"]] == ["face/q0000", "face/q0001"]
    address = first.links["next"]["url"]
    rest = teacher.get(address)
    assert [example["id"] for example in rest.json()["examples"]] == ["face/q0002"]
    assert "next" not in rest.links
    examples_found = teacher.get(examples(), params={"query": "вопрос 2"}).json()["examples"]
    assert [example["id"] for example in examples_found] == ["face/q0002"]


def test_example_is_added_changed_and_removed_by_commits(site, teacher, committer):
    answer = teacher.post(examples(), json=ADDED)
    assert answer.status_code == 202, answer.json()
    path = answer.json()["files"][0]["path"]
    assert path == "examples/что-такое-граф.yaml"
    committer.commit()
    assert files_in_git(site)[path] == (
        "messages:\n  - user: Что такое граф?\n  - assistant: Вершины и рёбра.\ntags: [graphs]\n"
    )
    name = path.removeprefix("examples/").removesuffix(".yaml")
    change = edit(teacher, "Вершины.\r\nИ рёбра между ними.", name)
    assert "+      И рёбра между ними.\n" in change["files"][0]["difference"]
    committer.commit()
    example = teacher.get(examples(name)).json()
    assert example["answer"] == "Вершины.\nИ рёбра между ними."
    response = teacher.delete(examples(name), params={"revision": example["revision"]})
    assert response.status_code == 202
    committer.commit()
    assert teacher.get(examples(name)).status_code == 404


def test_example_with_errors_is_refused_with_its_findings(site, teacher):
    answer = teacher.post(examples(), json={"text": "messages: [\n"})
    assert answer.status_code == 422
    body = answer.json()
    assert body["findings"][0]["rule"] == "yaml-syntax"
    assert Changes(site.db).list_pending("algorithms") == []


def test_stale_example_edit_is_refused_with_both_texts(teacher, committer):
    example = teacher.get(examples("face/q0001")).json()
    committer.files["algorithms"][ONE] = committer.files["algorithms"][ONE].replace("Ответ", "Их")
    committer.commit()
    body = {"answer": "Мой", "revision": example["revision"]}
    answer = teacher.put(examples("face/q0001"), json=body)
    assert answer.status_code == 409
    assert "Их" in answer.json()["theirs"]


def test_conflict_shows_both_texts_and_can_be_resolved(site, teacher, committer):
    for take, expected in (("mine", "Моё"), ("theirs", "Их"), ("text", "Общее")):
        change = edit(teacher, "Моё")
        their_text = committer.files["algorithms"]["examples/face/q0000.yaml"].replace(
            "Ответ 0", "Их"
        )
        their_text = their_text.replace("Вопрос 0", f"Вопрос {take}")
        committer.files["algorithms"][ONE] = their_text
        committer.commit()
        shown_change = teacher.get(f"/api/changes/{change['id']}").json()
        assert shown_change["state"] == "conflict"
        assert shown_change["files"][0]["is_conflict"]
        assert shown_change["files"][0]["theirs"] == their_text
        body = {"take": take}
        if take == "text":
            body["text"] = their_text.replace("Их", "Общее")
        answer = teacher.post(f"/api/changes/{change['id']}/again", json=body)
        assert answer.status_code == 202, answer.json()
        committer.commit()
        assert expected in files_in_git(site)[ONE]
        again = teacher.post(f"/api/changes/{change['id']}/again", json=body)
        assert again.status_code == 409


def test_conflict_is_not_resolved_by_a_text_with_errors(teacher, committer):
    change = edit(teacher, "Моё")
    committer.files["algorithms"][ONE] += "note: их\n"
    committer.commit()
    body = {"take": "text", "text": "messages: ["}
    answer = teacher.post(f"/api/changes/{change['id']}/again", json=body)
    assert answer.status_code == 422
    assert teacher.get(f"/api/changes/{change['id']}").json()["state"] == "conflict"


def test_waiting_edit_can_be_withdrawn(site, teacher, committer):
    change = edit(teacher, "Моё")
    address = f"/api/changes/{change['id']}"
    assert teacher.delete(address).status_code == 204
    assert teacher.delete(address).status_code == 204
    assert teacher.get(address).json()["state"] == "refused"
    assert committer.commit() is None
    change = edit(teacher, "Другое")
    committer.commit()
    assert teacher.delete(f"/api/changes/{change['id']}").status_code == 409


def test_edit_whose_push_is_in_doubt_cannot_be_withdrawn_and_does_not_offer_it(site, teacher):
    change = edit(teacher, "Моё")
    address, key = f"/changes/{change['id']}", intent_key(change["id"])
    with site.browser_client(BORIS) as browser:
        for is_in_doubt in (False, True):
            if is_in_doubt:
                Intents(site.db).open(key, "change")
                Intents(site.db).mark_sending(key, utc_now())
            shown = teacher.get(f"/api{address}").json()
            assert shown["can_withdraw"] is not is_in_doubt
            assert (f'action="{address}/drop"' in browser.get(address).text) is not is_in_doubt
    assert change["can_withdraw"]
    assert teacher.delete(f"/api{address}").status_code == 409


def reject_push(site):
    batch = Changes(site.db).claim()
    reason = {"reason": "a token lies there"}
    Changes(site.db).put_aside(batch, ChangeState.PARKED, "change-push-refused", reason)


def test_edit_refused_by_the_repository_can_be_retried_or_withdrawn(site, teacher, committer):
    change = edit(teacher, "Моё")
    address = f"/api/changes/{change['id']}"
    assert teacher.post(f"{address}/retry").status_code == 409
    reject_push(site)
    body = teacher.get(address).json()
    assert (body["state"], "a token lies there" in body["reason"]) == ("parked", True)
    answer = teacher.post(f"{address}/retry")
    assert (answer.status_code, answer.headers["Location"]) == (202, address)
    assert (answer.json()["state"], answer.json()["reason"]) == ("waiting", "")
    committer.commit()
    assert "Моё" in files_in_git(site)[ONE]
    other = edit(teacher, "Другое")
    reject_push(site)
    assert teacher.delete(f"/api/changes/{other['id']}").status_code == 204


def test_page_of_a_parked_edit_offers_retry(site, teacher, committer):
    change = edit(teacher, "Моё")
    reject_push(site)
    address = f"/changes/{change['id']}"
    with site.browser_client(BORIS) as browser:
        page = browser.get(address).text
        assert "a token lies there" in page
        assert f'action="{address}/drop"' in page
        answer = browser.post(f"{address}/retry")
        assert answer.status_code in (200, 303)
        assert f'action="{address}/retry"' not in browser.get(address).text
    committer.commit()
    assert "Моё" in files_in_git(site)[ONE]


def test_commit_is_undone_by_another_commit(site, teacher, committer):
    before = files_in_git(site)[ONE]
    change = edit(teacher, "Моё")
    address = f"/api/changes/{change['id']}/undo"
    assert teacher.post(address).status_code == 409
    committer.commit(is_seen=False)
    site.set_commit_wait(0.2)
    assert teacher.post(address).json()["type"] == "urn:merlin:problem:unseen-commit"
    site.set_commit_wait(longest())
    site.index_courses(committer.files)
    answer = teacher.post(address)
    assert answer.status_code == 202, answer.json()
    assert answer.json()["subject"].startswith("Revert: ")
    committer.commit()
    assert files_in_git(site)[ONE] == before


def test_edit_waits_until_the_previous_commit_is_indexed(site, teacher, committer):
    edit(teacher, "Моё")
    committer.commit(is_seen=False)
    site.set_commit_wait(longest())
    fields = {"answer": "Ещё", "revision": teacher.get(examples("face/q0000")).json()["revision"]}
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(teacher.put, examples("face/q0000"), json=fields)
        site.index_courses(committer.files)
        assert answer.result().status_code == 202
    assert committer.commit().commit


def test_accepted_concurrent_edits_are_all_committed(site, teacher, committer):
    address = f"/api/courses/{site.course_id('algorithms')}/materials"
    body = {"title": {"ru": "Новое"}, "type": "lab", "lesson": 7, "text": "текст"}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: teacher.post(address, json=body), range(6)))
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert accepted
    committer.commit()
    for answer in accepted:
        assert Changes(site.db).get(answer.json()["id"]).state == "committed"
    texts = [path for path in files_in_git(site) if path.startswith("materials/lab-07")]
    assert len(texts) == len(accepted)


def test_undo_of_a_new_material_removes_its_text_too(site, teacher, committer):
    before = files_in_git(site)
    body = {"title": {"ru": "Новое"}, "type": "lab", "lesson": 7, "text": "текст"}
    address = f"/api/courses/{site.course_id('algorithms')}/materials"
    change = teacher.post(address, json=body).json()
    committer.commit()
    assert teacher.post(f"/api/changes/{change['id']}/undo").status_code == 202
    committer.commit()
    assert files_in_git(site) == before


def test_undo_leaves_the_files_edited_since_that_the_person_was_shown(site, teacher, committer):
    address = f"/api/courses/{site.course_id('algorithms')}/materials"
    body = {"title": {"ru": "Новое"}, "type": "lab", "lesson": 7, "text": "текст"}
    change = teacher.post(address, json=body).json()
    committer.commit()
    (path,) = (file["path"] for file in change["files"] if file["path"].endswith(".md"))
    committer.files["algorithms"][path] = "Правлено позже.\n"
    site.index_courses(committer.files)
    undo = f"/api/changes/{change['id']}/undo"
    refused = teacher.post(undo)
    assert (refused.status_code, path in refused.json()["detail"]) == (409, True)
    with site.browser_client(BORIS) as browser:
        once = re.search(r'name="once" value="([^"]+)"', browser.get(undo[4:-5]).text)[1]
        page = browser.post(undo[4:], data={"once": once})
        assert (page.status_code, path in page.text) == (409, True)
        assert 'name="edited_since" value="1"' in page.text
        once = re.search(r'name="once" value="([^"]+)"', page.text)[1]
        assert browser.post(undo[4:], data={"once": once, "edited_since": 1}).status_code == 303
    committer.commit()
    assert files_in_git(site)[path] == "Правлено позже.\n"
    assert "Новое" not in files_in_git(site)["course.yaml"]


def test_changes_are_visible_only_to_their_author_and_admins(site, teacher):
    ids = [edit(teacher, "Моё", f"face/q000{number}")["id"] for number in range(3)]
    site.add_user(VERA, Role.ADMIN)
    site.add_user(ANNA, Role.EDITOR)
    first = teacher.get("/api/changes", params={"limit": 2})
    assert [change["id"] for change in first.json()["changes"]] == ids[:0:-1]
    rest = teacher.get(first.links["next"]["url"]).json()["changes"]
    assert [change["id"] for change in rest] == ids[:1]
    with site.key_client(VERA) as admin, site.key_client(ANNA) as other:
        assert len(admin.get("/api/changes").json()["changes"]) == 3
        assert other.get("/api/changes").json() == {"changes": []}


def test_teacher_who_lost_the_course_can_no_longer_edit_it(site, teacher, committer):
    change = edit(teacher, "Моё")
    site.roles.revoke(BORIS, "cli:vera")
    assert teacher.get(f"/api/changes/{change['id']}").status_code == 200
    committer.commit()
    assert teacher.post(f"/api/changes/{change['id']}/undo").status_code == 403
    assert teacher.get(examples()).status_code == 404


def test_student_proposal_needs_consent_and_notifies_editors(site, committer):
    site.add_user(ANNA)
    body = {"question": "Мой телефон +7 999 123-45-67?", "answer": "Так."}
    with site.key_client(ANNA) as student:
        assert student.post(examples(), json=body).status_code == 409
        assert student.post(examples(), json=body, params={"dry_run": True}).status_code == 409
        Consents(site.db).give(ANNA, "2026-11-22")
        response = student.post(examples(), json=body, params={"dry_run": True})
        assert (response.status_code, response.json()["proposal"]) == (200, None)
        answer = student.post(examples(), json=body)
        assert answer.status_code == 202, answer.json()
        assert "999" not in answer.json()["question"]
        elsewhere = student.post("/api/datasets/closed/examples", json=body)
        nowhere = student.post("/api/datasets/none/examples", json=body)
        assert (elsewhere.status_code, nowhere.status_code) == (404, 404)
        for wrong in ({"text": "messages: []"}, {"question": " ", "answer": "Так."}):
            assert student.post(examples(), json=wrong).status_code == 422
        for unclear in ({}, {"text": "messages: []", "question": "Кто?"}):
            (error,) = student.post(examples(), json=unclear).json()["errors"]
            assert error["detail"] == text("ru", "api-wrong-example-parts")
    with site.key_client(ANNA, Scope.COURSES_READ) as poor:
        assert poor.post(examples(), json=body).status_code == 403
    (waiting,) = Proposals(site.db).list_waiting()
    assert "999" not in waiting.draft.question
    assert [notice.key for notice in Notices(site.db).list_newest(ADMINS, 5)] == ["notice-proposal"]
    assert Changes(site.db).list_pending("algorithms") == []


def test_student_proposals_are_limited(site, committer):
    site.add_user(ANNA)
    Consents(site.db).give(ANNA, "2026-11-22")
    with site.key_client(ANNA) as student:
        answers = [
            student.post(examples(), json={"question": f"Вопрос {number}?", "answer": "Да."})
            for number in range(21)
        ]
    assert [answer.status_code for answer in answers] == [202] * 20 + [409]
