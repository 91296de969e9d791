import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from merlin.__main__ import main as run_program
from merlin.cli import main, setup
from merlin.cli.commands import COMMANDS, load_command
from tests.support.pipeline_lab import Repository

pytestmark = pytest.mark.unit
MODULES = sorted({module for module, _ in COMMANDS.values()})


def test_module_has_the_commands_of_the_table():
    for name in MODULES:
        group = typer.main.get_group(import_module(f"merlin.cli.{name}").app)
        words = {word for word, (module, _) in COMMANDS.items() if module == name}
        assert {group.name or word for word in group.commands} == words


def test_help_line_equals_the_commands_help():
    for word in COMMANDS:
        command = load_command(word)
        assert COMMANDS[word][1] == ("" if command.hidden else command.help)


def run_into(output, *arguments):
    """Run a command with this file as standard output, buffered as Python does by itself."""
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    given = {"stdout": output, "stderr": subprocess.PIPE, "text": True, "check": False}
    given["env"] = environment
    return subprocess.run([sys.executable, "-m", "merlin", *arguments], **given)


def test_unwritable_output_is_not_reported_as_a_bug():
    with Path("/dev/full").open("w") as full:
        ended = run_into(full, "rules")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr


def test_help_read_in_part_is_a_success():
    """As of `merlin demo --help | grep -q port`."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        for arguments, code in (
            (("demo", "--help"), 0),
            (("--version",), 0),
            (("rules",), 1),
            (("rules", "near-duplicate"), 1),  # written by the last flush alone
        ):
            ended = run_into(closed, *arguments)
            assert (ended.returncode, ended.stderr) == (code, ""), arguments


def test_closed_output_or_one_without_cyrillic_is_not_reported_as_a_bug():
    command = f"{sys.executable} -m merlin rules"
    shell = {"shell": True, "capture_output": True, "check": False}
    closed = subprocess.run(f"{command} >&-", **shell)
    assert (closed.returncode, closed.stderr) == (0, b"")
    # Python's C locale without its UTF-8 mode writes ASCII by other rules.
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for ascii_only in ({"PYTHONIOENCODING": "ascii"}, plain):
        zone = {"TZ": ":/etc/timezone"}  # a common mistake: not a zone's file
        environment = {**os.environ, "MERLIN_LANGUAGE": "ru", **ascii_only, **zone}
        narrow = subprocess.run(command, env=environment, **shell)
        assert (narrow.returncode, b"\\u0424" in narrow.stdout) == (0, True)


def test_closed_input_is_read_as_an_empty_one(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("state_dir: state\n", "utf-8")
    shell = {"shell": True, "capture_output": True, "check": False}
    command = f"{sys.executable} -m merlin restore - --dry-run --config {config} <&-"
    ended = subprocess.run(command, **shell)
    assert (ended.returncode, b"isn't a complete backup" in ended.stderr) == (
        1,
        True,
    ), ended.stderr


def test_interrupt_while_modules_are_imported_leaves_no_traceback(monkeypatch):
    class Interrupted:
        @staticmethod
        def find_spec(name, *_):
            if name == "merlin.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "merlin.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupted, *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        run_program()
    assert ended.value.code == 130


# Ctrl-C at the first moment at which pydantic calls Python code while it builds a model.
INTERRUPT = """
import signal, sys
from merlin.__main__ import main

def interrupt(frame, event, _argument):
    caller = frame.f_back
    if event == "call" and caller and caller.f_code.co_name == "create_schema_validator":
        if frame.f_code.co_name == "hash_func":
            signal.raise_signal(signal.SIGINT)

sys.setprofile(interrupt)
main()
"""


def test_interrupt_that_pydantic_drops_ends_the_command():
    command = [sys.executable, "-c", INTERRUPT, "models", "promote", "neuro-1"]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, b"")


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_no_command(argument):
    code = (
        "import json, sys; from merlin.cli import main; main(sys.argv[1:]);"
        "json.dump([*sys.modules], sys.stderr)"
    )
    arguments = [sys.executable, "-c", code, argument]
    result = subprocess.run(arguments, capture_output=True, check=True)
    imported = {
        name for name in json.loads(result.stderr) if name.startswith("merlin.")
    }
    assert imported == {
        "merlin.cli",
        "merlin.cli.commands",
        "merlin.core",
        "merlin.core.probe",
    }


def test_misspelt_command_suggests_the_nearest_one(capsys):
    assert main(["chekc"]) == 2
    assert "'check'" in capsys.readouterr().err
    assert main(["chekc", "--help"]) == 2


def test_configuration_is_given_before_the_command_or_by_the_environment(
    tmp_path, monkeypatch, capsys
):
    path = str(tmp_path / "none.yaml")
    for arguments, environment in (
        (["--config", path, "config", "check"], ""),
        (["config", "check"], path),
        (["config", "check", "--config", path], "elsewhere.yaml"),
        (["engine", "pull"], path),
        (["engine", "--config", path, "pull"], ""),
        (["jobs", "--config", path, "list"], ""),
    ):
        monkeypatch.setenv("MERLIN_CONFIG", environment)
        assert main(arguments) == 2
        assert path in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MERLIN_CONFIG", path)
    assert main(["engine", "--config", "config.yaml", "status"]) == 2
    assert path not in capsys.readouterr().err


def test_results_are_in_the_language_of_the_configuration(
    tmp_path, monkeypatch, capsys
):
    sample = Path(setup.__file__).parent / "init" / "config.ru.yaml"
    config = tmp_path / "config.yaml"
    config.write_bytes(sample.read_bytes())
    repository = Repository(tmp_path)
    repository.dataset()
    repository.commit()
    monkeypatch.delenv("MERLIN_LANGUAGE")
    main(["config", "check", "--config", str(config)])
    assert "ошибок нет" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "place", "proposed"),
    [("merlin jo", "1", "jobs"), ("merlin jobs sh", "2", "show")],
)
def test_shell_completes_commands(typed, place, proposed):
    # As the script from --show-completion calls it.
    asked = {
        "_MERLIN_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": place,
    }
    environment = {**os.environ, **asked}
    command = [sys.executable, "-m", "merlin"]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stdout.split() == [proposed]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Moscow", "Europe/Moscow"),
        ("", ""),
        ("/proc", "UTC"),
        (":/proc/version", "UTC"),
    ],
)
def test_time_zone_that_is_none_is_utc(monkeypatch, zone, expected):
    monkeypatch.setenv("TZ", zone)
    monkeypatch.setattr(sys, "argv", ["merlin", "--version"])
    with pytest.raises(SystemExit) as ended:
        run_program()
    assert (ended.value.code, os.environ["TZ"]) == (0, expected)
