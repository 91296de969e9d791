"""Teachers edit the courses they lead: every write is a change, nothing is lost or overwritten."""

import pytest

from merlin.account.accounts import Accounts
from merlin.account.users import Users
from merlin.core.i18n import text
from merlin.core.permissions import Role
from merlin.dataset.changes import Changes
from merlin.dataset.files import FileIndex
from tests.api.running_api import BORIS, COURSES, check_page
from tests.api.staff_api import Committer

pytestmark = pytest.mark.functional

NEW = {
    "title": {"ru": "Хеш-таблицы", "en": "Hash tables"},
    "type": "Лекция",
    "lesson": 3,
    "text": "# Хеш-таблицы\n\nКлюч ведёт к значению.",
}

WRONG = [
    {"file_url": "http://example.com/a.pdf", "text": None},
    {"file_url": "javascript:alert(1)", "text": None},
    {"file_url": "https://user:secret@example.com/a", "text": None},
    {"file_url": "https://", "text": None},
    {"text": None, "file_url": None},
    {"text": ""},
    {"text": "\u200b\n"},
    {"title": {"ru": None}},
    {"title": {"ru": "\u200b", "en": " "}},
    {"text": "a\0b"},
    {"title": {}},
    {"title": {"ru": "a\nb"}},
    {"title": {"de": "a"}},
    {"type": "видео"},
    {"lesson": 0},
    {"lesson": 2**70},
    {"lesson": "1"},
    {"place": False},
    {"place": -1},
    {"extra": 1},
]


@pytest.fixture
def committer(site):
    return Committer(site, COURSES)


@pytest.fixture
def teacher(site):
    """A client of boris, who leads the algorithms, with all scopes."""
    site.add_user(BORIS, Role.TEACHER, "algorithms")
    Users(site.db).set_name(BORIS, "Борис Учитель")
    with site.key_client(BORIS) as client:
        yield client


def get_course(client, site):
    return client.get(f"/api/teacher/courses/{site.course_id('algorithms')}").json()


def materials(site):
    return f"/api/courses/{site.course_id('algorithms')}/materials"


def test_teacher_sees_only_their_own_courses(site, teacher):
    answer = teacher.get("/api/teacher/courses")
    assert [course["slug"] for course in answer.json()["courses"]] == ["algorithms"]


def test_new_material_becomes_one_commit_with_its_text(site, teacher, committer):
    answer = teacher.post(materials(site), json=NEW)
    assert answer.status_code == 202
    change = answer.json()
    assert answer.headers["location"] == f"/api/changes/{change['id']}"
    assert [file["path"] for file in change["files"]] == [
        "course.yaml",
        "materials/lecture-03.md",
    ]
    assert change["state"] == "waiting"
    assert committer.commit().commit
    files = {
        file.path: file.text for file in FileIndex(site.db).list_files("algorithms")
    }
    assert files["materials/lecture-03.md"] == NEW["text"] + "\n"
    body = teacher.get(f"/api/changes/{change['id']}").json()
    assert body["state"] == "committed"
    assert Changes(site.db).get(change["id"]).editor.name == "Борис Учитель"


def test_consecutive_edits_build_on_each_other(site, teacher, committer):
    bodies = NEW, {**NEW, "lesson": 4}, NEW
    edits = [teacher.post(materials(site), json=body).json() for body in bodies]
    assert edits[2]["files"][1]["path"] == "materials/lecture-03-2.md"
    assert committer.commit().commit
    assert {Changes(site.db).get(each["id"]).state for each in edits} == {"committed"}
    shown = get_course(teacher, site)["materials"]
    assert [material["lesson"] for material in shown][-3:] == [3, 4, 3]


def test_stale_or_missing_revision_is_refused_with_both_texts(site, teacher, committer):
    material = get_course(teacher, site)["materials"][0]
    address = f"{materials(site)}/{material['id']}"
    body = {"title": {"ru": "Моё"}, "type": "lecture", "lesson": 1, "text": "моё"}
    assert teacher.put(address, json=body).status_code == 409
    assert teacher.delete(address).status_code == 409
    body["revision"] = material["revision"]
    committer.files["algorithms"]["materials/lecture-01.md"] = "их\n"
    committer.commit()
    answer = teacher.put(address, json=body)
    assert answer.status_code == 409
    document = answer.json()
    assert (document["type"], document["yours"], document["theirs"]) == (
        "urn:merlin:problem:stale",
        "моё",
        "их\n",
    )
    body["revision"] = document["revision"]
    assert teacher.put(address, json=body).status_code == 202


def test_material_of_a_removed_course_is_not_saved_and_not_lost(site, teacher):
    del teacher  # grants the role
    address = f"/courses/{site.course_id('algorithms')}/edit/materials"
    form = {
        "title_ru": "Новый",
        "text": "Жалко потерять.",
        "act": "save",
        "once": "0" * 32,
    }
    index = FileIndex(site.database)
    index.keep("algorithms", "0", dict.fromkeys(index.read_blobs("algorithms")))
    with site.browser_client(BORIS) as browser:
        page = browser.post(address, data=form)
    check_page(page, "этот курс удалили из репозитория", "Жалко потерять.", status=422)


def test_card_form_names_the_teachers_that_nobody_is(site, teacher):
    address = f"/courses/{site.course_id('algorithms')}/edit"
    Accounts(site.db).set_name(BORIS, "boris", "cli:vera")
    with site.browser_client(BORIS) as browser:
        assert "нет ни у одного преподавателя" not in browser.get(address).text
        card = {
            "name_ru": "А",
            "teachers": "boris, borsi",
            "once": "0" * 32,
            "revision": "old",
        }
        page = browser.post(address, data=card).text
    assert "Логина borsi нет ни у одного преподавателя." in page


def test_invalid_values_are_refused_and_store_no_change(site, teacher):
    for wrong in WRONG:
        answer = teacher.post(materials(site), json={**NEW, **wrong})
        assert answer.status_code == 422, wrong
        assert answer.headers["content-type"] == "application/problem+json"
    bare = {
        name: value for name, value in NEW.items() if name not in ("text", "file_url")
    }
    (error,) = teacher.post(materials(site), json=bare).json()["errors"]
    assert error["detail"] == text("ru", "api-wrong-material-source")
    (error,) = teacher.patch(
        f"/api/courses/{site.course_id('algorithms')}",
        json={"teachers": ["boris", "boris"]},
    ).json()["errors"]
    assert error["detail"] == text("ru", "api-wrong-repeated")
    assert Changes(site.db).list_pending("algorithms") == []
    seen = teacher.post(
        materials(site), json={**NEW, "title": {"ru": "\u200b", "en": "Heaps"}}
    )
    assert "title: {en: Heaps}" in seen.json()["files"][0]["difference"]
