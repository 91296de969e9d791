"""Each command line of the pages, parsed by what would run it.

That is our own parser, the compose file, the units, the Makefile. The commands of the operators'
handbook run in tests/deploy/test_handbook.py.
"""

import fnmatch
import re
import shlex
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml

from docs.build.commands import find_commands
from tests.support.markdown_pages import ROOT, all_pages

pytestmark = pytest.mark.unit

# typer's own copy of click has no public name for it.
UsageError = typer.BadParameter.__base__
FAULTS = (AssertionError, UsageError, StopIteration, KeyError)

COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))["services"]
TARGETS = set(
    re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
)
UNITS = {path.name for path in (ROOT / "systemd").iterdir()}
# Programs of the machine, whose own arguments are theirs.
OTHERS = {
    *(
        "age",
        "apt",
        "apt-get",
        "base64",
        "cat",
        "cd",
        "chown",
        "cp",
        "curl",
        "dmesg",
        "dpkg",
        "echo",
    ),
    *(
        "editor",
        "export",
        "git",
        "head",
        "install",
        "litestream",
        "ln",
        "ls",
        "man",
        "mkdir",
        "openssl",
    ),
    *(
        "printf",
        "promptfoo",
        "promtool",
        "python3",
        "rclone",
        "rm",
        "sed",
        "tee",
        "touch",
    ),
    *(
        "tr",
        "umask",
        "userdel",
        "xargs",
        "set",
        "pip",
        "pg_restore",
        "python",
        "ssh-keyscan",
    ),
    # Programs of other makers, which tests/real runs.
    *("llm", "npm", "pipx", "promptfoo", "uvx"),
}
SEPARATORS = {"|", "||", "&&", ";", "&", "(", ")"}
PLACEHOLDER = re.compile("[A-Z]+")
ASSIGNMENT = re.compile(r"\w+=.*")
# A command in a sentence or in a comment of deploy/.
BEGINNINGS = ("sudo ", "docker ", "systemctl ", "journalctl ", "kubectl ")


def list_lines():
    """Yield (place, line) of each command of the pages, and of the comments of deploy/."""
    for page in all_pages():
        text = page.text.replace("\\\n", " ")
        blocks = re.findall(
            r"^ *```console\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL
        )
        lines = [line.strip() for block in blocks for line in block.splitlines()]
        yield from (
            (page.path.name, line[2:]) for line in lines if line.startswith("$ ")
        )
        yield from (
            (page.path.name, code) for code in page.codes if code.startswith(BEGINNINGS)
        )
    for path in sorted((ROOT / "deploy").rglob("*.yaml")):
        for line in re.findall(r"^ *#   (.*)$", path.read_text("utf-8"), re.MULTILINE):
            if line.startswith(BEGINNINGS):
                yield path.name, line


def split_line(line):
    """Return the simple commands of a line, without redirections and assignments."""
    lexer = shlex.shlex(
        line.replace(" 2>", " >"), posix=True, punctuation_chars="|&;<>()"
    )
    lexer.whitespace_split = True
    commands = [[]]
    is_file = False
    for token in lexer:
        if token in SEPARATORS:
            commands.append([])
        elif token[0] in "<>":
            is_file = True
        elif is_file:
            is_file = False
        elif commands[-1] or not ASSIGNMENT.fullmatch(token):
            commands[-1].append(token)
    return [words for words in commands if words]


def check_words(words):
    program, *arguments = words
    if program == "sudo":
        rest = re.sub(
            r"^(-u \S+|--user=\S+) ", "", " ".join(map(shlex.quote, arguments))
        )
        check_words(shlex.split(rest))
    elif program in ("env", "xargs"):
        check_words([each for each in arguments if not ASSIGNMENT.fullmatch(each)])
    elif Path(program).name == "merlin":
        check_ours(arguments)
    elif program in CHECKS:
        CHECKS[program](arguments)
    elif program == "sh":
        for command in split_line(arguments[-1]):
            check_words(command)
    else:
        assert Path(program).name in OTHERS or (ROOT / program).exists(), (
            f"unknown: {program}"
        )


# Building them takes as long as parsing a hundred lines.
find_our_commands = cache(find_commands)


def check_ours(arguments):
    """Parse the arguments as the command would."""
    if not arguments or arguments[0].startswith("-"):
        return
    commands = find_our_commands()
    words = next(
        joined
        for count in range(len(arguments), 0, -1)
        if (joined := " ".join(arguments[:count])) in commands
    )
    rest = arguments[len(words.split()) :]
    placed = ["1" if PLACEHOLDER.fullmatch(each) else each for each in rest]
    commands[words].make_context(words, placed).close()


def check_docker(arguments):
    if arguments[0] in ("build", "run"):
        files = [value for name, value in pairwise(arguments) if name == "-f"]
        assert all((ROOT / file).is_file() for file in files), files
        return
    assert arguments[0] == "compose", arguments
    rest = arguments[1:]
    while rest[0].startswith("-"):
        option, value, *rest = rest
        profiles = {
            name for service in COMPOSE.values() for name in service.get("profiles", ())
        }
        assert (ROOT / value).is_file() if option == "-f" else value in profiles, value
    verb, *rest = rest
    words = [each for each in rest if not each.startswith("-")]
    if verb in ("run", "exec"):
        service = words[0]
        inside = rest[rest.index(words[0]) + 1 :]
        assert service in COMPOSE, service
        started = (
            COMPOSE[service].get("entrypoint", ["merlin"]) if verb == "run" else []
        )
        if inside:
            check_words([*started, *inside] if started == ["merlin"] else inside)
    else:
        assert verb in ("build", "up", "stop", "ps", "restart", "logs"), verb
        assert set(words) <= set(COMPOSE), words


def check_systemctl(arguments):
    _, *units = (each for each in arguments if not each.startswith("-"))
    for unit in units:
        name = unit if "." in unit else f"{unit}.service"
        assert fnmatch.filter(UNITS, name), name


def check_journalctl(arguments):
    """What is searched for finds a task that fails, which is a warning, and no everyday line."""
    assert arguments[arguments.index("-u") + 1] + ".service" in UNITS
    if "-g" in arguments:
        wanted = arguments[arguments.index("-g") + 1]
        levels = [re.search(wanted, line) is not None for line in read_log_lines()]
        assert levels == [False, True, True], wanted


@cache
def read_log_lines():
    """Return what a process writes at each level."""
    calls = "".join(f"log.{level}('a task');" for level in ("info", "warning", "error"))
    program = f"from merlin.core.log import *; set_up_logging(''); log = get_logger(''); {calls}"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    return run.stderr.splitlines()


def check_kubectl(arguments):
    if arguments[0] == "apply" and len(arguments) > 2:
        assert (ROOT / arguments[-1] / "kustomization.yaml").is_file(), arguments


def check_make(arguments):
    assert {each for each in arguments if not ASSIGNMENT.fullmatch(each)} <= TARGETS, (
        arguments
    )


CHECKS = {
    "docker": check_docker,
    "systemctl": check_systemctl,
    "journalctl": check_journalctl,
    "kubectl": check_kubectl,
    "make": check_make,
}


def test_every_command_line_of_the_pages_can_be_run():
    problems = []
    for place, line in list_lines():
        for words in split_line(line):
            try:
                check_words(words)
            except FAULTS as error:
                problems.append(f"{place}: {line}: {type(error).__name__} {error}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    "line",
    [
        "docker compose -f deploy/compose.yaml run --rm bot merlin key rotate",
        "docker compose -f deploy/compose.yaml exec robot merlin status",
        "docker compose -f deploy/compose.yaml --profile watch up -d",
        "sudo systemctl restart merlin-robot",
        "journalctl -u merlin-daemon -g error",
        "merlin backup --keeps 7",
        "make instal",
        "kubectl apply -k deploy/cluster",
        "frobnicate",
    ],
)
def test_line_that_cannot_be_run_is_found(line):
    with pytest.raises(FAULTS):
        check_words(*split_line(line))
