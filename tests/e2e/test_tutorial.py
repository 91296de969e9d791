"""The commands of the tutorial's page, run one by one in a real shell."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from merlin.core.i18n import LANGUAGES, text
from merlin.core.server import free_ports
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.load

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Commands that only read are repeated until their output is that of the page.
READING_COMMANDS = ("merlin status", "merlin ask", "merlin diff")
# Commands whose output has nothing of the examples' texts, which are the page's language's.
SAME_IN_BOTH = ("merlin status", "merlin check")
# Names of commits and models, which differ in each run.
HASH = re.compile(r"\b[0-9a-f]{7,10}\b")


@dataclass
class Step:
    """A command of the page and its whole output there; a line "…" stands for any lines."""

    command: str
    expected: list[str] = field(default_factory=list)

    def matches(self, output):
        shown = "".join(f"{line}\n" for line in self.expected)
        pattern = re.sub(r"(?m)^…\\\n", r"(.*\n)*?", re.escape(HASH.sub("HASH", shown)))
        lines = (line.rstrip() for line in HASH.sub("HASH", output).splitlines())
        return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def parse_steps(page):
    steps = []
    for block in BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:]))
            elif line.startswith("> "):
                steps[-1].command += f"\n{line[2:]}"
            else:
                steps[-1].expected.append(line)
    return steps


class Shell:
    """A shell that runs all commands; its background processes end with it."""

    def __init__(self, folder, system_locale):
        programs = Path(sys.executable).parent
        path = f"{programs}:{os.environ['PATH']}"
        system = {
            name: os.environ[name] for name in os.environ.keys() - {"MERLIN_LANGUAGE"}
        }
        self._shell = subprocess.Popen(
            ["/bin/bash"],
            cwd=folder,
            env={**system, "PATH": path, "LC_ALL": system_locale, "COLUMNS": "200"},
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
        """Return the output of a command."""
        self._shell.stdin.write(f"{command}\necho ended\n")
        self._shell.stdin.flush()
        return "".join(iter(self._shell.stdout.readline, "ended\n"))

    def is_expected(self, step):
        return step.matches(self.run(step.command))


def is_begun(step, output, language):
    """Return whether the training that a command starts had begun by itself, as the page says."""
    begun = text(language, "launch-already", job="JOB").partition("JOB")[0]
    return step.command.startswith("merlin jobs launch") and begun in output


def read_page(language):
    return (ROOT / "docs" / language / "tutorial.md").read_text("utf-8")


def describe_step(step):
    """Return a step without its page's language: the command's first words, the lines shown."""
    words = step.command.replace("LANGUAGE=ru", "LANGUAGE=en").split()
    return words[:2], len(step.expected)


def test_pages_have_the_same_steps():
    russian, english = (parse_steps(read_page(language)) for language in LANGUAGES)
    assert [*map(describe_step, english)] == [*map(describe_step, russian)]


# The other page's walk is the same again; of its words the first walk has what it can show.
@pytest.mark.parametrize(
    ("language", "other"),
    [("en", "ru"), pytest.param("ru", "en", marks=pytest.mark.weekly("tutorial"))],
)
def test_each_command_prints_what_the_page_shows(language, other, tmp_path):
    steps = parse_steps(read_page(language))
    others = parse_steps(read_page(other))
    with Shell(tmp_path, "C.UTF-8" if language == "ru" else "ru_RU.UTF-8") as shell:
        shell.run("true")  # bash warns once of a locale that this machine lacks
        for step, translated in zip(steps, others, strict=True):
            if step.command.startswith(READING_COMMANDS):
                wait_until(
                    partial(shell.is_expected, step), describe=partial(repr, step)
                )
            else:
                output = shell.run(step.command)
                assert step.matches(output) or is_begun(step, output, language), (
                    step,
                    output,
                )
            if step.command.startswith(SAME_IN_BOTH):
                output = shell.run(f"MERLIN_LANGUAGE={other} {translated.command}")
                assert translated.matches(output), (translated, output)
            if step.command.startswith("merlin init"):
                # The default port may be in use on this machine.
                (port,) = free_ports(1)
                shell.run(f"sed -i s/8702/{port}/ config.yaml")
                shell.run(
                    f"printf 'engine: {{listen: 127.0.0.1:{port}}}\\n' >> config.yaml"
                )
