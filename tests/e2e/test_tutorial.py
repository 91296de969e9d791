"""The tutorial is run command by command, as it stands on its page, by a real shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from merlin.core.i18n import LANGUAGES
from merlin.core.server import free_ports
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.load

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What is only looked at may be looked at again until it says what the page says.
LOOKS = ("merlin status", "merlin ask", "merlin diff")


@dataclass
class Step:
    """A command of the page and the lines that it says there; "…" stands for any words."""

    command: str
    said: list[str] = field(default_factory=list)

    def is_said(self, told):
        patterns = (".*".join(map(re.escape, line.split("…"))) for line in self.said)
        return all(re.search(pattern, told) for pattern in patterns)


def steps_of(page):
    steps = []
    for block in BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:]))
            elif line.startswith("> "):
                steps[-1].command += f"\n{line[2:]}"
            else:
                steps[-1].said.append(re.sub(r" (?=…)", "", line))
    return steps


class Shell:
    """A shell that goes on between commands; what it starts in the background ends with it."""

    def __init__(self, folder, language):
        programs = Path(sys.executable).parent
        path = f"{programs}:{os.environ['PATH']}"
        self._shell = subprocess.Popen(
            ["/bin/bash"],
            cwd=folder,
            env={**os.environ, "PATH": path, "MERLIN_LANGUAGE": language, "COLUMNS": "200"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._shell.communicate("kill $(jobs -p)\nwait\n", timeout=longest())

    def run(self, command):
        """Return what a command said."""
        self._shell.stdin.write(f"{command}\necho ended\n")
        self._shell.stdin.flush()
        return "".join(iter(self._shell.stdout.readline, "ended\n"))

    def says(self, step):
        return step.is_said(self.run(step.command))


def page(language):
    return (ROOT / "docs" / language / "tutorial.md").read_text("utf-8")


def test_each_command_says_what_the_page_says(tmp_path):
    steps = steps_of(page("en"))
    with Shell(tmp_path, "en") as shell:
        for step in steps:
            if step.command.startswith(LOOKS):
                wait_until(partial(shell.says, step), describe=partial(repr, step))
            else:
                told = shell.run(step.command)
                assert step.is_said(told), (step, told)
            if step.command.endswith("> config.yaml"):
                # Another engine may run on this machine.
                (port,) = free_ports(1)
                shell.run(f"sed -i s/8702/{port}/ config.yaml")
                shell.run(f"echo 'engine: {{listen: 127.0.0.1:{port}}}' >> config.yaml")


def test_every_language_has_the_same_commands():
    """What stands in quotes is in the language of the page, and so is what goes into files."""
    pages = [
        [re.sub('".*?"', "", step.command.partition("\n")[0]) for step in steps_of(page(language))]
        for language in LANGUAGES
    ]
    assert len(pages[0]) > 20
    assert all(page == pages[0] for page in pages)
