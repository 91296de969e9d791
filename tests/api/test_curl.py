"""The curl commands of the documentation run as printed."""

import json
import os
import re
import subprocess

import pytest

from merlin.core.permissions import Role
from tests.api.running_api import BORIS, run_api
from tests.support.markdown_pages import read_page

pytestmark = pytest.mark.functional

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Yield the environment of the page's commands: the key of the first course's teacher."""
    with run_api(tmp_path_factory.mktemp("curl")) as site:
        assert site.course_id("algorithms") == 1
        site.add_user(BORIS, Role.TEACHER, "algorithms")
        secret = site.key_headers(BORIS)["Authorization"].removeprefix("Bearer ")
        yield {"MERLIN": site.address, "MERLIN_KEY": secret}


def run_commands(language, environment):
    """Return the output of each command of the page, parsed as JSON; None for empty output."""
    (block,) = BLOCK.findall(read_page("docs", language, "api.md").text)
    documents = []
    for command in block.replace("\\\n", " ").splitlines():
        process = subprocess.run(
            ["bash", "-c", command.removeprefix("$ ")],
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
        )
        assert process.returncode == 0, command
        documents.append(json.loads(process.stdout) if process.stdout else None)
    return documents


@pytest.mark.parametrize("language", ["en", "ru"])
def test_curl_commands_of_the_page_work(environment, language):
    outputs_ = run_commands(language, environment)
    courses, grouped, found_courses, lectures, material, me, added_course, favourites, removed = (
        outputs_[:9]
    )
    assert [course["slug"] for course in courses] == ["algorithms", "networks"]
    assert [semester["number"] for semester in grouped["semesters"]] == [1, 2]
    assert grouped["semesters"][0]["courses"][0]["name"].startswith(
        "Al" if language == "en" else "Ал"
    )
    assert [item["id"] for item in found_courses] == [1]
    assert {item["type_code"] for item in lectures["materials"]} == {"lecture"}
    assert material["text"].startswith("#")
    assert (me["id"], me["role"], me["courses"]) == (BORIS, "teacher", [1])
    assert added_course["id"] == 1
    assert [item["id"] for item in favourites] == [1]
    assert removed is None
    change, changes, ready = outputs_[9:]
    assert change["state"] == "waiting"
    assert [item["id"] for item in changes["changes"]] == [change["id"]]
    assert ready["ready"]
