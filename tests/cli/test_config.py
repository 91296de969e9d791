"""`merlin config check`: all errors at once, with line numbers, in the user's language."""

import subprocess

import pytest

from merlin.cli import main
from merlin.config.reading import load, require_places
from tests.support.machine import become_another_user

pytestmark = pytest.mark.functional

GOOD = "state_dir: s\n"
COMMIT = "add -A && commit -q -m x"


@pytest.fixture
def judge(tmp_path, capsys):
    """Return a function that checks a configuration: (exit code, output without the file name)."""

    def call(said):
        path = tmp_path / "config.yaml"
        path.write_bytes(said if isinstance(said, bytes) else said.encode())
        code = main(["config", "check", "--config", str(path)])
        return code, capsys.readouterr().err.replace(str(path), "")

    return call


def test_all_errors_are_reported_at_once_one_per_line(judge):
    code, output = judge("language: fr\nrepositori: {}\ntelegram: {admins: [vera]}\n")
    lines = output.removeprefix("merlin: ").splitlines()
    assert (code, len(lines)) == (2, 4)
    assert any("the key state_dir is missing" in line for line in lines)


def test_missing_files_and_folders_are_named_at_their_keys(judge, tmp_path):
    (tmp_path / "k.pem").touch()
    code, output = judge(
        f"{GOOD}api: {{tls: {{certificate: c.pem, key: k.pem}}}}\n"
        "engine: {models: {m: {path: base}}}\nrepository: {url: nowhere}\n"
    )
    assert (code, output.removeprefix("merlin: ").splitlines()) == (
        2,
        [
            f":2:13: api.tls.certificate: no such file: {tmp_path}/c.pem",
            f":3:23: engine.models.m.path: no such folder: {tmp_path}/base",
            f":4:14: repository.url: no such folder: {tmp_path}/nowhere",
        ],
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("state_dir: /proc/1/x", ":1:1: state_dir: no folder can be made in /proc/1"),
        (
            "state_dir: config.yaml/x",
            ":1:1: state_dir: no folder can be made in :",
        ),
        (
            "state_dir: s\ndatasets: {default: ''}",
            ':2:12: datasets.default: "" isn\'t valid; for example: neurotypology',
        ),
        (
            "state_dir: s\nengine: {training: {device: 'cuda:99'}}",
            ":2:21: engine.training.device: there is no cuda:99 on this machine",
        ),
        (
            "state_dir: s\nengine: {answering: {device: 'cuda:99'}}",
            ":2:22: engine.answering.device: there is no cuda:99 on this machine",
        ),
    ],
)
def test_what_this_machine_cannot_have_is_named(judge, lines, said):
    code, output = judge(f"{lines}\n")
    assert (code, said in output) == (2, True), output


def test_folder_that_this_user_may_not_open_is_named_as_not_looked_at(judge, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    line = f"{GOOD}engine: {{models: {{m: {{path: {closed}/base}}}}}}\n"
    (tmp_path / "config.yaml").write_text(line, encoding="utf-8")
    config = load(tmp_path / "config.yaml")
    with become_another_user():
        assert require_places(tmp_path / "config.yaml", config, []) == [
            f"{closed}/base"
        ]


DEFAULT = "datasets: {default: frst}\n"


@pytest.mark.parametrize(
    ("commands", "code", "expected"),
    [
        ([], 2, ":2:14: repository.url: There is no git repository at {path}"),
        (
            ["init -q -b trunk", COMMIT],
            2,
            ":2:1: repository.branch: {path} has no branch main",
        ),
        (
            ["init -q -b main", COMMIT],
            2,
            ":3:12: datasets.default: dataset frst not found; did you mean first?",
        ),
        (
            ["init -q -b main", COMMIT, "mv datasets/first datasets/frst", COMMIT],
            0,
            ": no errors.",
        ),
    ],
)
def test_repository_on_this_machine_is_looked_at(
    judge, tmp_path, commands, code, expected
):
    path = tmp_path / "r"
    (path / "datasets" / "first").mkdir(parents=True)
    (path / "datasets" / "first" / "dataset.yaml").touch()
    for command in commands:
        for each in command.split(" && "):
            subprocess.run(["git", *each.split()], cwd=path, check=True)
    found, output = judge(f"{GOOD}repository: {{url: r}}\n{DEFAULT}")
    assert found == code
    assert expected.format(path=path) in output
    assert "nothing on this machine" not in output


def test_what_nothing_on_this_machine_tells_is_said(judge):
    code, output = judge(
        f"{GOOD}repository: {{url: 'https://git.example.com/x'}}\n{DEFAULT}"
    )
    assert code == 0
    assert "Providers, Telegram and servers of repositories weren't asked." in output
    assert (
        "Whether there is a dataset frst, nothing on this machine tells yet." in output
    )


@pytest.mark.parametrize("language", ["ru", "en"])
def test_sample_is_the_configuration_of_a_new_repository(
    tmp_path, capsys, monkeypatch, language
):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    assert main(["init", str(tmp_path / "fresh")]) == 0
    capsys.readouterr()
    assert main(["config", "sample"]) == 0
    sample = capsys.readouterr().out
    assert sample == (tmp_path / "fresh/config.yaml").read_text("utf-8")


def test_missing_configuration_is_reported_with_how_to_create_one(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["status"]) == 2
    errors = capsys.readouterr().err
    assert "config.yaml not found" in errors
    assert "merlin config sample > config.yaml" in errors
