"""The commands and the program of the documentation on the API run as printed."""

import io
import json
import os
import re
import subprocess
from functools import partial

import pytest

from merlin.account.api_keys import Scope
from merlin.core.permissions import Role
from tests.api.chat_api import run_chat_api
from tests.api.running_api import ANNA, BORIS, run_api
from tests.support.markdown_pages import read_page

pytestmark = pytest.mark.functional


def read_variables(site, user_id, *scopes):
    """Return the variables of a page's examples, with a key of this user."""
    secret = site.key_headers(user_id, *scopes)["Authorization"].removeprefix("Bearer ")
    return {"MERLIN": site.address, "MERLIN_KEY": secret}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Yield the variables with the key of the first course's teacher."""
    with run_api(tmp_path_factory.mktemp("curl")) as site:
        assert site.course_id("algorithms") == 1
        site.add_user(BORIS, Role.TEACHER, "algorithms")
        yield read_variables(site, BORIS)


@pytest.fixture(scope="module")
def asker(tmp_path_factory):
    """Yield the variables with the key of a student, who asks models."""
    with run_chat_api(
        tmp_path_factory.mktemp("openai"), default_dataset="algorithms"
    ) as (site, _):
        yield read_variables(site, ANNA, Scope.CHAT_WRITE, Scope.ACCOUNT_READ)


def code_block(language, name, kind="console"):
    """Return the page's only block of code of a kind."""
    text = read_page("docs", language, name).text
    (code,) = re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return code


def run_commands(language, name, variables):
    """Return the output of each command of the page."""
    commands = code_block(language, name).replace("\\\n", " ").splitlines()
    return [
        subprocess.run(
            ["bash", "-c", command.removeprefix("$ ")],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for command in commands
    ]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_commands_of_the_page_on_the_api_work(teacher, language):
    outputs = run_commands(language, "api.md", teacher)
    documents = [json.loads(output) if output else None for output in outputs]
    courses, grouped, found_courses, lectures, material, me, added_course = documents[
        :7
    ]
    favourites, removed, change, changes, ready = documents[7:]
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
    assert change["state"] == "waiting"
    assert [item["id"] for item in changes["changes"]] == [change["id"]]
    assert ready["ready"]


@pytest.mark.parametrize(("language", "graph"), [("en", "graph"), ("ru", "граф")])
def test_commands_of_the_page_on_models_work(asker, language, graph):
    models, answer, streamed, usage = run_commands(language, "openai-api.md", asker)
    assert json.loads(models)["data"][0]["id"] == "merlin"
    document = json.loads(answer)
    assert graph in document["choices"][0]["message"]["content"]
    assert document["merlin"]["build"] == "algorithms-1"
    assert streamed.endswith("data: [DONE]\n\n")
    assert json.loads(usage)["formats"]["text"]["limit"] is None


@pytest.mark.parametrize(("language", "graph"), [("en", "graph"), ("ru", "граф")])
def test_program_of_the_page_runs(asker, language, graph, monkeypatch):
    for name, value in asker.items():
        monkeypatch.setenv(name, value)
    output = io.StringIO()
    scope = {"print": partial(print, file=output)}
    exec(  # noqa: S102 - our own page
        compile(
            code_block(language, "openai-api.md", "python"), "openai-api.md", "exec"
        ),
        scope,
    )
    scope["client"].close()
    answer, learnt, streamed = output.getvalue().splitlines()
    assert graph in answer
    assert learnt.endswith("algorithms-1")
    assert streamed == answer
