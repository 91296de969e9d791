"""`merlin engine`: its own process, and the download of base models."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest
import yaml

from merlin.cli import main
from merlin.core.server import free_ports
from merlin.wiring.engine import build_lone_config, prepare_lone_key
from tests.engine.base_library import write_base, write_qwen35
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def base(tmp_path):
    """The files of a base in a folder, without any library."""
    return write_base(tmp_path / "bases" / "small")


@pytest.fixture
def merlin(base, tmp_path, capsys):
    """Return a function that runs `merlin engine`: (exit code, stdout, stderr)."""
    models = {
        "small": {"path": "bases/small"},
        "far": {"hub": "anna/far"},
    }
    path = tmp_path / "config.yaml"
    settings = {"state_dir": "state", "engine": {"models": models}}
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

    def run(*arguments):
        code = main(["engine", *arguments, "--config", str(path)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize(
    ("name", "expected", "words"),
    [("small", 0, "was already here: {base}"), ("large", 1, "small, far")],
)
def test_pull_names_the_folder_of_a_base_or_the_existing_ones(
    merlin, base, name, expected, words
):
    code, _, err = merlin("pull", name)
    assert (code, words.format(base=base) in err) == (expected, True)


def test_pull_tells_what_the_makers_of_a_base_advise_against(merlin, base, tmp_path):
    write_qwen35(base)
    settings = yaml.safe_load((tmp_path / "config.yaml").read_text("utf-8"))
    settings["engine"]["models"]["small"]["quantised"] = "4bit"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    _, _, err = merlin("pull", "small")
    assert (err.count("guide advises against it"), err.count("temperature 0")) == (1, 1)


def test_engine_command_alone_starts_the_server_and_needs_its_key(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.delenv("MERLIN_ENGINE_KEY", raising=False)
    path = tmp_path / "config.yaml"
    path.write_text("state_dir: s", encoding="utf-8")
    assert main(["engine", "--config", str(path)]) == 2
    assert "MERLIN_ENGINE_KEY" in capsys.readouterr().err


@pytest.fixture
def lone(base, tmp_path):
    """A running engine without a configuration: its process, and what it printed."""
    write_qwen35(base)
    port = free_ports(1)[0]
    printed = tmp_path / "printed"
    options = [
        "--model",
        str(base),
        "--port",
        str(port),
        "--state",
        str(tmp_path / "state"),
    ]
    command = [sys.executable, "-m", "merlin", "engine", *options]
    # Its extra isn't asked for here: the base is listed, not loaded.
    environment = {**os.environ, "MERLIN_LANGUAGE": "en"}
    environment.pop("MERLIN_CONFIG", None)
    with (
        printed.open("w") as out,
        subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, cwd=tmp_path, env=environment
        ) as process,
    ):
        try:
            wait_until(
                lambda: "print(answer" in printed.read_text("utf-8") or process.poll()
            )
            yield process, printed.read_text("utf-8")
        finally:
            process.kill()


UNKNOWN = "I don't know this one"


def test_engine_without_a_configuration_prints_calls_that_run_as_they_are(
    lone, tmp_path
):
    process, printed = lone
    assert process.poll() is None, printed
    assert "Models: small, recall" in printed
    assert printed.count("warn of answers without sampling") == 1
    calls = printed.replace('"model": "small"', '"model": "recall"')
    calls = calls.replace('model="small"', 'model="recall"')
    curl = re.search(r"^curl .*?\}'$", calls, re.MULTILINE | re.DOTALL)[0]
    python = re.search(r"^from openai.*?^print.*?$", calls, re.MULTILINE | re.DOTALL)[0]
    for command in (["bash", "-c", curl], [sys.executable, "-c", python]):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=longest()
        )
        assert UNKNOWN in done.stdout, done.stderr
    key = tmp_path / "state" / "engine.key"
    assert (key.stat().st_mode & 0o777, key.read_text("ascii").strip() in curl) == (
        0o600,
        True,
    )
    assert main(["engine", "--state", str(tmp_path / "state")]) == 75
    process.send_signal(signal.SIGINT)
    assert process.wait(longest()) == 0


def test_configuration_of_the_folder_comes_before_an_engine_without_one(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("state_dir: s", "utf-8")
    assert main(["engine"]) == 2
    assert "MERLIN_ENGINE_KEY" in capsys.readouterr().err


def test_key_of_an_engine_without_a_configuration_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv("MERLIN_ENGINE_KEY", raising=False)
    key = prepare_lone_key(tmp_path)
    assert os.environ.pop("MERLIN_ENGINE_KEY") == key
    assert prepare_lone_key(tmp_path) == key
    monkeypatch.setenv("MERLIN_ENGINE_KEY", "of-the-environment")
    assert prepare_lone_key(tmp_path) == "of-the-environment"
    monkeypatch.delenv("MERLIN_ENGINE_KEY")
    (tmp_path / "engine.key").write_text("\n")  # "Bearer " would be the key
    assert len(prepare_lone_key(tmp_path)) > 32
    monkeypatch.delenv("MERLIN_ENGINE_KEY")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("Qwen/Qwen3-0.6B", {"Qwen3-0.6B": "Qwen/Qwen3-0.6B"}),
        ("my model", {"my-model": "{here}/my model"}),
        ("recall", {"base": "{here}/recall"}),
        ("", {}),
    ],
)
def test_model_is_a_name_at_the_hub_or_a_folder_that_is_there(
    model, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("my model", "recall"):
        (tmp_path / name).mkdir()
    config = build_lone_config(tmp_path, "en", model, "127.0.0.1:1", "cuda:0")
    found = {name: base.source for name, base in config.engine.models.items()}
    assert found == {
        name: path.format(here=tmp_path) for name, path in expected.items()
    }
    assert config.engine.training.device == config.engine.answering.device == "cuda:0"


def test_model_that_is_always_there_can_be_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = build_lone_config(tmp_path, "en", "recall", "127.0.0.1:1", "cpu")
    assert config.engine.models == {}


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--model", "nowhere"], 1, "nowhere is neither a folder nor a name"),
        (["--model", "."], 1, "has no config.json"),
        (["--device", "gpu"], 2, "engine.training.device"),
        (["--port", "{port}"], 2, "set another --port"),
        (["--port", "1", "--config", "c.yaml"], 1, "but c.yaml is one"),
    ],
)
def test_what_an_engine_without_a_configuration_cannot_use_is_named(
    options, code, words, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for package in ("torch", "transformers", "peft", "accelerate", "trl"):
        monkeypatch.setitem(sys.modules, package, socket)  # as one that is there
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = [option.format(port=taken.getsockname()[1]) for option in options]
        assert main(["engine", "--state", "state", *arguments]) == code
    assert words in capsys.readouterr().err


def test_missing_extra_is_named_with_what_installs_it(
    base, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "torch", None)  # as one that is not there
    assert main(["engine", "--state", str(tmp_path), "--model", str(base)]) == 1
    error = capsys.readouterr().err
    assert "torch" in error
    assert "pip install 'merlin-gitops[engine]'" in error
