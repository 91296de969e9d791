"""The curl commands of the api's page are run as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from merlin.core.permissions import Role
from tests.api.running_api import BORIS, running
from tests.support.markdown_pages import read_page

pytestmark = pytest.mark.functional

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Yield what the page's commands are run with: the key of the first course's teacher."""
    with running(tmp_path_factory.mktemp("curl")) as site:
        assert site.course_id("algorithms") == 1
        site.person(BORIS, Role.TEACHER, "algorithms")
        secret = site.key(BORIS)["Authorization"].removeprefix("Bearer ")
        yield {"MERLIN": site.address, "MERLIN_KEY": secret}


def outputs(language, environment):
    """Return what each command of the page writes, as JSON; None: nothing."""
    (block,) = BLOCK.findall(read_page("docs", language, "api.md").text)
    said = []
    for command in block.replace("\\\n", " ").splitlines():
        done = subprocess.run(
            ["bash", "-c", command.removeprefix("$ ")],
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, command
        said.append(json.loads(done.stdout) if done.stdout else None)
    return said


@pytest.mark.parametrize(("language", "name"), [("en", "Graphs"), ("ru", "Графы")])
def test_the_commands_of_the_page_answer(environment, language, name):
    said = outputs(language, environment)
    courses, grouped, found, lectures, material, me, added, kept, gone = said[:9]
    assert [course["slug"] for course in courses] == ["algorithms", "networks"]
    assert [semester["number"] for semester in grouped["semesters"]] == [1, 2]
    assert grouped["semesters"][0]["courses"][0]["name"].startswith(
        "Al" if language == "en" else "Ал"
    )
    assert [each["id"] for each in found] == [1]
    assert {each["type_code"] for each in lectures["materials"]} == {"lecture"}
    assert material["text"].startswith("#")
    assert (me["id"], me["role"], me["courses"]) == (BORIS, "teacher", [1])
    assert added["id"] == 1
    assert [each["id"] for each in kept] == [1]
    assert gone is None
    preview, change, changes, ready = said[9:]
    assert preview["findings"] == []
    assert name in json.dumps(preview, ensure_ascii=False)
    assert change["state"] == "waiting"
    assert [each["id"] for each in changes["changes"]] == [change["id"]]
    assert ready["ready"]
