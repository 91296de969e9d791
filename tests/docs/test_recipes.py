"""The change of docs/recipes.md is applied to a copy of the package, which has its command then."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.markdown_pages import ROOT
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

PROGRAM = """
from merlin.bot import commands
from merlin.bot.handlers import profile
from merlin.core.i18n import text
assert "hello" in commands.MENU and profile.say_hello
print(text("en", "hello", name="Anna"), text("ru", "bot-command-hello"))
"""
# The lines that go, which stand together in their file, then those that come.
HUNK = re.compile(r"((?:^-.*\n)*)((?:^\+.*\n)+)", re.MULTILINE)


def apply_diff(folder, diff):
    """Apply a diff without line numbers; what replaces nothing goes to the end of its file."""
    for path, hunks in re.findall(
        r"^--- (\S+)\n((?:^(?!--- ).*\n)+)", diff, re.MULTILINE
    ):
        file = folder / path
        text = file.read_text("utf-8")
        for hunk in HUNK.findall(hunks):
            old, new = (re.sub(r"(?m)^[+-]", "", lines) for lines in hunk)
            assert not old or text.count(old) == 1, f"{path} has no {old!r}"
            text = text.replace(old, new) if old else f"{text}\n{new}"
        file.write_text(text, "utf-8")


def test_command_of_the_recipe_is_added_by_its_diff(tmp_path):
    shutil.copytree(
        ROOT / "merlin", tmp_path / "merlin", ignore=shutil.ignore_patterns("*.pyc")
    )
    (tmp_path / "tests/bot").mkdir(parents=True)
    shutil.copy(ROOT / "tests/bot/test_everyday.py", tmp_path / "tests/bot")
    page = (ROOT / "docs/recipes.md").read_text("utf-8")
    (diff,) = re.findall(r"^```diff\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    apply_diff(tmp_path, diff)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=longest(),
        check=False,
    )
    assert ended.stdout.startswith("Hello, Anna! "), ended.stderr
    test = (tmp_path / "tests/bot/test_everyday.py").read_text("utf-8")
    assert "def test_hello" in test
    compile(test, "test_everyday.py", "exec")
