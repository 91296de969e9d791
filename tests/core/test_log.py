"""Logs are JSON lines without secrets."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from merlin.core.log import hide_secrets, redact
from tests.support.full_config import CREDENTIALS

pytestmark = pytest.mark.unit

TOKEN = "123456789:AAabcdefghijklmnopqrstuvwxyz012345"


@pytest.mark.parametrize(
    "text",
    [
        f"POST https://api.telegram.org/bot{TOKEN}/getMe",
        "key sk-proj-abcdefghijklmnop",
        "mrl_abcdefghijklmnopqrst",
        "Authorization: Bearer abc.def",
        "https://anna:secret@git.example.com/x.git",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text):
    shown = redact(text)
    assert "[hidden]" in shown
    for secret in (TOKEN, "sk-proj", "mrl_abc", "abc.def", "anna:secret"):
        assert secret not in shown


def test_a_known_secret_of_any_shape_is_hidden():
    hide_secrets(["correct horse battery"])
    assert redact("it is correct horse battery") == "it is [hidden]"


PROGRAM = (
    "from merlin.core.log import set_up_logging, get_logger\n"
    "set_up_logging('bot')\n"
    f"get_logger('x').warning('sent', url='https://t/bot{TOKEN}/x', parts=['{TOKEN}', 3])\n"
    "import logging; logging.getLogger('lib').error('old way %s', 'sk-abcdefghijklmnop')\n"
    "try:\n    raise ValueError('sk-abcdefghijklmnop')\n"
    "except ValueError: get_logger('x').exception('failed', said='\x1b]0;title')\n"
)


def test_a_log_line_is_json_with_its_process_and_no_secret():
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=dict(os.environ)
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["sent", "old way [hidden]", "failed"]
    assert lines[0]["process"] == "bot"
    assert lines[0]["level"] == "warning"
    assert TOKEN not in ended.stderr
    assert "sk-abc" not in ended.stderr
    assert "ValueError" in lines[2]["exception"]


def test_at_a_terminal_log_lines_are_readable_without_secrets_and_without_control_characters():
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "NO_COLOR": "1"},
        check=True,
    )
    os.close(theirs)
    said = _all_of(ours)
    assert "{" not in said
    assert "[warning  ] sent" in said
    assert "process=bot" in said
    assert "ValueError: [hidden]" in said
    for secret in (TOKEN, "sk-abc", "\x1b"):
        assert secret not in said


def _all_of(terminal):
    said = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    os.close(terminal)
    return said.decode()


def test_a_test_that_logs_a_secret_fails(request):
    (ours,) = [
        hookimpl.function
        for hookimpl in request.config.hook.pytest_runtest_makereport.get_hookimpls()
        if hookimpl.plugin_name.endswith("tests/conftest.py")
    ]
    for said, outcome in (("a word", "passed"), (CREDENTIALS["MERLIN_FORGE_TOKEN"], "failed")):
        hook = ours()
        next(hook)
        sections = [("Captured stderr call", f"asked with {said}")]
        told = pytest.TestReport("a", ("a", 1, "a"), {}, "passed", None, "call", sections)
        with pytest.raises(StopIteration) as end:
            hook.send(told)
        assert end.value.value.outcome == outcome
