"""The examples of the page on calling Merlin from a program run as printed."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
from functools import partial

import pytest

from merlin.account.api_keys import Scope
from tests.api.chat_api import run_asking_site
from tests.api.running_api import ANNA
from tests.support.markdown_pages import read_page

pytestmark = pytest.mark.functional

BLOCK = r"^```{kind}\n(.*?)^```$"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Yield what the page's examples are run with."""
    folder = tmp_path_factory.mktemp("openai")
    with run_asking_site(folder, default_dataset="algorithms") as (site, _):
        said = site.key(ANNA, Scope.CHAT_WRITE, Scope.ACCOUNT_READ)["Authorization"]
        yield {"MERLIN": site.address, "MERLIN_KEY": said.removeprefix("Bearer ")}


def block(language, kind):
    text = read_page("docs", language, "openai-api.md").text
    (found,) = re.findall(BLOCK.format(kind=kind), text, re.MULTILINE | re.DOTALL)
    return found


def outputs(language, environment):
    """Return what each command of the page writes."""
    commands = block(language, "console").replace("\\\n", " ").splitlines()
    return [
        subprocess.run(
            ["bash", "-c", command.removeprefix("$ ")],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for command in commands
    ]


@pytest.mark.parametrize(("language", "graph"), [("en", "graph"), ("ru", "граф")])
def test_the_commands_of_the_page_answer(environment, language, graph):
    models, whole, streamed, usage = outputs(language, environment)
    assert json.loads(models)["data"][0]["id"] == "merlin"
    document = json.loads(whole)
    assert graph in document["choices"][0]["message"]["content"]
    assert document["merlin"]["build"] == "algorithms-1"
    assert streamed.endswith("data: [DONE]\n\n")
    assert json.loads(usage)["formats"]["text"]["limit"] is None


@pytest.mark.parametrize(("language", "graph"), [("en", "graph"), ("ru", "граф")])
def test_the_program_of_the_page_runs(environment, language, graph, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    said = io.StringIO()
    scope = {"print": partial(print, file=said)}
    exec(compile(block(language, "python"), "openai-api.md", "exec"), scope)  # noqa: S102 - our own page
    scope["client"].close()
    whole, learnt, streamed = said.getvalue().splitlines()
    assert graph in whole
    assert learnt.endswith("algorithms-1")
    assert streamed == whole
