"""The newest openai package against the engine: the documented first example of each call."""

import json
import subprocess

import pytest

from tests.engine.running_engine import ANSWER, KEY, QUESTION, serve_engine
from tests.support.waiting import longest

pytestmark = [pytest.mark.integration, pytest.mark.real("openai")]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with serve_engine(tmp_path_factory.mktemp("engine")) as client:
        client.model = client.train().fine_tuned_model
        yield client


CHAT = """
import json, sys
from openai import OpenAI
client = OpenAI()
completion = client.chat.completions.create(
    model=sys.argv[1], messages=[{"role": "user", "content": sys.argv[2]}]
)
print(json.dumps(completion.choices[0].message.content))
"""


def run_script(program, url, script, *arguments):
    environment = {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY}
    done = subprocess.run(
        [program.command("python"), "-c", script, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=longest(60.0),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.shows("chat")
def test_chat(program, recording, engine):
    with recording("chat", f"http://127.0.0.1:{engine.port}") as url:
        answer = run_script(program, url, CHAT, engine.model, QUESTION)
    assert answer == ANSWER
