"""Datasets, builds and verdicts; and a teacher's edit that becomes a commit."""

import pytest

from merlin.account.users import Users
from merlin.app import builds, status
from merlin.app.actor import Actor
from merlin.core.errors import NotFound
from merlin.core.permissions import Role
from tests.api.running_api import BORIS
from tests.api.staff_api import run_daemon_api

pytestmark = pytest.mark.integration

COURSE = """\
# The card of the course.
semester: 1
name: {ru: Проба, en: Trial}
materials:
  - {lesson: 1, type: lecture, title: {ru: Начало}, text: materials/lecture-01.md}  # the first
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An API beside a daemon that has built trial twice."""
    with run_daemon_api(tmp_path_factory.mktemp("office")) as site:
        site.lab.until_serving("trial-1")
        folder = site.lab.repository.folder / "datasets" / "trial"
        site.lab.repository.example("trial", 1, answer="Другое слово.")
        site.lab.repository.example("trial", 20)
        (folder / "examples" / "q2.yaml").unlink()
        (folder / "examples" / "broken.yaml").write_text("messages: [\n", encoding="utf-8")
        (folder / "materials").mkdir()
        (folder / "materials" / "lecture-01.md").write_text("# Начало\n", encoding="utf-8")
        (folder / "course.yaml").write_text(COURSE, encoding="utf-8")
        site.lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
        site.lab.repository.commit("Change some")
        site.lab.until_serving("trial-2")
        yield site


def test_dataset_shows_its_serving_model_and_verdict(site):
    (dataset,) = status.list_datasets(site.services, Actor.operator())
    assert dataset.title == {"ru": "Проба", "en": "Trial"}
    assert dataset.serving.build == "trial-2"
    assert dataset.verdict.verdict == "serving"
    assert dataset.examples == 13
    with pytest.raises(NotFound):
        status.get_dataset(site.services, Actor.operator(), "none")


def test_builds_show_their_examples_and_can_be_compared(site):
    ctx, operator = site.services, Actor.operator()
    listed = builds.list_recent(ctx, operator)
    assert [build.version for build in listed] == ["trial-2", "trial-1"]
    build = builds.get(ctx, operator, "trial-2")
    assert len(build.examples) == build.train + build.test == 12
    assert build.system == "Отвечай коротко."
    assert builds.get(ctx, operator, build.digest[:12]).version == "trial-2"
    diff = builds.compare(ctx, operator, "trial-1", "trial-2")
    assert (diff.added, diff.removed, diff.changed) == (["q20"], ["q2"], ["q1"])
    with pytest.raises(NotFound):
        builds.get(ctx, operator, "trial-9")


def test_verdicts_are_filtered_by_dataset_and_commit(site):
    verdicts = site.verdicts("trial")
    assert [verdict.subject for verdict in verdicts][:2] == ["Change some", "Add examples"]
    commit = verdicts[0].commit
    (verdict,) = site.verdicts(commit=commit[:8])
    assert verdict.commit == commit
    assert "examples/broken.yaml" in [finding.path for finding in verdict.findings]


def test_teacher_edit_is_committed_under_their_name_and_updates_the_catalogue(site):
    site.add_user(BORIS, Role.TEACHER, "trial")
    Users(site.db).set_name(BORIS, "Борис Учитель")
    course = site.course_id("trial")
    body = {"title": {"ru": "Графы"}, "type": "seminar", "lesson": 2, "text": "Вершины и рёбра."}
    with site.key_client(BORIS) as teacher:
        answer = teacher.post(f"/api/courses/{course}/materials", json=body)
        assert answer.status_code == 202, answer.json()
        site.lab.tick("changes", "fetch")
        change = teacher.get(answer.headers["location"]).json()
        assert change["state"] == "committed"
        materials = teacher.get(f"/api/teacher/courses/{course}").json()["materials"]
        assert [material["title"]["ru"] for material in materials] == ["Начало", "Графы"]
        assert materials[1]["id"]
    git = site.lab.repository.git
    assert git("log", "-1", "--format=%an|%s", "main") == "Борис Учитель|Add seminar 2"
    stored = git("show", "main:datasets/trial/course.yaml")
    assert stored.startswith(COURSE.rstrip("\n"))
    assert git("show", "main:datasets/trial/materials/seminar-02.md") == "Вершины и рёбра."
