"""Logs are JSON lines without secrets."""

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
        "redis://:secret@localhost/1",
    ],
)
def test_text_that_looks_like_a_secret_is_hidden(text):
    hidden = redact(text)
    assert "[hidden]" in hidden
    for secret in (TOKEN, "sk-proj", "mrl_abc", "abc.def", ":secret"):
        assert secret not in hidden


def test_known_secret_of_any_form_is_hidden():
    hide_secrets(["correct horse battery"])
    assert redact("it is correct horse battery") == "it is [hidden]"


PROGRAM = (
    "from merlin.core.log import set_up_logging, get_logger\n"
    "set_up_logging('bot')\n"
    f"get_logger('x').warning('sent', url='https://t/bot{TOKEN}/x', parts=['{TOKEN}\x9bm', 3])\n"
    "import logging; logging.getLogger('lib').error('old way %s', 'sk-abcdefghijklmnop')\n"
    "import asyncio; ended = asyncio.CancelledError('the process stops')\n"
    "logging.getLogger('uvicorn.error').error('an answer ended', exc_info=ended)\n"
    "try:\n    raise ValueError('sk-abcdefghijklmnop')\n"
    "except ValueError: get_logger('x').exception('failed', said='\x1b]0;title\x85\x7f')\n"
)


def test_log_line_is_json_with_its_process_and_no_secret():
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    lines = [json.loads(line) for line in process.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["sent", "old way [hidden]", "failed"]
    assert lines[0]["process"] == "bot"
    assert lines[0]["level"] == "warning"
    assert TOKEN not in process.stderr
    assert "sk-abc" not in process.stderr
    assert "ValueError" in lines[2]["exception"]
    assert lines[0]["parts"] == [r"[hidden]\x9bm", 3]
    assert lines[2]["said"] == r"\x1b]0;title\x85\x7f"


def test_secret_within_any_value_is_hidden():
    program = f"{PROGRAM}get_logger('x').error('no', why={{'by': OSError('{TOKEN}')}})"
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert json.loads(process.stderr.splitlines()[-1])["why"] == {"by": "[hidden]"}


def test_terminal_log_is_readable_without_secrets_or_control_characters():
    terminal, child_end = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.DEVNULL,
        stderr=child_end,
        env={**os.environ, "NO_COLOR": "1"},
        check=True,
    )
    os.close(child_end)
    output = _read_terminal(terminal)
    assert "{" not in output
    assert "[warning  ] sent" in output
    assert "process=bot" in output
    assert "ValueError: [hidden]" in output
    for secret in (TOKEN, "sk-abc", "\x1b", "\x85", "\x9b"):
        assert secret not in output


@pytest.mark.parametrize("end", ["sys.stderr = None", "sys.stderr.close()"])
def test_process_without_standard_error_works_on(end):
    program = f"import sys; {end}\n{PROGRAM}print('done')"
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert (process.returncode, process.stdout) == (0, "done\n")


def _read_terminal(terminal):
    content = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        content += part
    os.close(terminal)
    return content.decode()


def test_test_that_logs_a_secret_fails(request):
    (make_report,) = [
        hookimpl.function
        for hookimpl in request.config.hook.pytest_runtest_makereport.get_hookimpls()
        if hookimpl.plugin_name.endswith("tests/conftest.py")
    ]
    for word, outcome in (
        ("a word", "passed"),
        (CREDENTIALS["MERLIN_FORGE_TOKEN"], "failed"),
    ):
        hook = make_report()
        next(hook)
        sections = [("Captured stderr call", f"asked with {word}")]
        report = pytest.TestReport(
            "a", ("a", 1, "a"), {}, "passed", None, "call", sections
        )
        with pytest.raises(StopIteration) as result:
            hook.send(report)
        assert result.value.value.outcome == outcome
