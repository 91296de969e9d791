"""Logs are JSON lines without secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from merlin.core.log import hide, redact

pytestmark = pytest.mark.unit

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


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
    hide(["correct horse battery"])
    assert redact("it is correct horse battery") == "it is [hidden]"


def test_a_log_line_is_json_with_its_process_and_no_secret():
    program = (
        "from merlin.core.log import setup, get_logger\n"
        "setup('bot')\n"
        f"get_logger('x').warning('sent', url='https://t/bot{TOKEN}/x', parts=['{TOKEN}', 3])\n"
        "import logging; logging.getLogger('lib').error('old way %s', 'sk-abcdefghijklmnop')\n"
        "try:\n    raise ValueError('sk-abcdefghijklmnop')\n"
        "except ValueError: get_logger('x').exception('failed')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=dict(os.environ)
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["sent", "old way [hidden]", "failed"]
    assert lines[0]["process"] == "bot"
    assert lines[0]["level"] == "warning"
    assert TOKEN not in ended.stderr
    assert "sk-abc" not in ended.stderr
    assert "ValueError" in lines[2]["exception"]
