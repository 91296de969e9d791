"""Files that went wrong in use: tools, control tokens, and a provider that thinks aloud."""

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from merlin.core.errors import ProviderBusy
from merlin.core.messages import Message
from merlin.core.server import free_ports
from merlin.dataset.finding import Severity
from merlin.dataset.import_lines import read_import_lines
from merlin.providers.openai_chat import OpenAIChat
from tests.engine.torch_here import needs_torch  # noqa: F401 - a fixture
from tests.support.dataset_tree import FileTree, make_good_files
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional
FILES = Path(__file__).parent / "files"


def test_example_with_a_tool_call_is_refused_before_the_engine_would_refuse_the_whole_file():
    tree = FileTree(make_good_files(60))
    tree.add("examples/tool-call.yaml", (FILES / "tool-call.yaml").read_bytes())
    checked = tree.check()
    [finding] = [each for each in checked.findings if each.severity is Severity.ERROR]
    assert (finding.path, finding.line) == ("examples/tool-call.yaml", 3)
    assert "our engine doesn't train them" in finding.text("en")
    assert checked.is_buildable


def test_odd_calls_and_names_are_named():
    records = read_import_lines((FILES / "tool-calls-odd.jsonl").open("rb"), "odd.jsonl")
    found = [(each.line, each.rule, each.text("en")) for line in records for each in line.findings]
    places = [(line, rule, text.partition(":")[0]) for line, rule, text in found]
    assert places == [
        (1, "undeclared-function", "messages[1]"),
        (2, "tool-arguments", "messages[1]"),
        (3, "wrong-name", "messages[0].name"),
        (4, "wrong-type", "messages[1].tool_calls[0].function.arguments"),
    ]


@contextmanager
def serve_thinker(tmp_path):
    """Run the file's server at a free port; yield its address."""
    (port,) = free_ports(1)
    script = tmp_path / "provider.py"
    script.write_text((FILES / "thinking-provider.py").read_text().replace("9190", str(port)))
    with subprocess.Popen([sys.executable, script]) as process:
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def test_provider_that_thinks_aloud_is_read_without_its_thoughts(tmp_path):
    async def ask(address):
        chat = OpenAIChat(address, "key")
        try:
            pieces = chat.stream("thinker", [Message("user", "How?")])
            return "".join([piece.text async for piece in pieces])
        except ProviderBusy:  # it has not started yet
            return None
        finally:
            await chat.aclose()

    with serve_thinker(tmp_path) as address:
        answer = wait_until(lambda: asyncio.run(ask(address)))
    assert answer == "Hold the button."


@pytest.mark.usefixtures("needs_torch")
def test_question_with_control_tokens_is_no_system_turn():
    script = [sys.executable, FILES / "special-tokens.py"]
    shown = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert "honest 3 attack 3" in shown
    assert "ids of a real second system turn: False" in shown
