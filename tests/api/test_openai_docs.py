"""The examples of the documentation page on the OpenAI-compatible API run as printed."""

import io
import json
import os
import re
import subprocess
from functools import partial

import pytest

from merlin.account.api_keys import Scope
from tests.api.chat_api import run_chat_api
from tests.api.running_api import ANNA
from tests.support.markdown_pages import read_page

pytestmark = pytest.mark.functional

BLOCK = r"^```{kind}\n(.*?)^```$"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Yield the environment of the page's examples."""
    folder = tmp_path_factory.mktemp("openai")
    with run_chat_api(folder, default_dataset="algorithms") as (site, _):
        key = site.key_headers(ANNA, Scope.CHAT_WRITE, Scope.ACCOUNT_READ)["Authorization"]
        yield {"MERLIN": site.address, "MERLIN_KEY": key.removeprefix("Bearer ")}


def code_block(language, kind):
    text = read_page("docs", language, "openai-api.md").text
    (code,) = re.findall(BLOCK.format(kind=kind), text, re.MULTILINE | re.DOTALL)
    return code


def run_commands(language, environment):
    """Return the output of each command of the page."""
    commands = code_block(language, "console").replace("\\\n", " ").splitlines()
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
def test_commands_of_the_page_work(environment, language, graph):
    models, answer, streamed, usage = run_commands(language, environment)
    assert json.loads(models)["data"][0]["id"] == "merlin"
    document = json.loads(answer)
    assert graph in document["choices"][0]["message"]["content"]
    assert document["merlin"]["build"] == "algorithms-1"
    assert streamed.endswith("data: [DONE]\n\n")
    assert json.loads(usage)["formats"]["text"]["limit"] is None


@pytest.mark.parametrize(("language", "graph"), [("en", "graph"), ("ru", "граф")])
def test_program_of_the_page_runs(environment, language, graph, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    output = io.StringIO()
    scope = {"print": partial(print, file=output)}
    exec(compile(code_block(language, "python"), "openai-api.md", "exec"), scope)  # noqa: S102 - our own page
    scope["client"].close()
    answer, learnt, streamed = output.getvalue().splitlines()
    assert graph in answer
    assert learnt.endswith("algorithms-1")
    assert streamed == answer
