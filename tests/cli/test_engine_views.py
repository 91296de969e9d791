"""`merlin engine jobs|status`: the state of a running engine on the command line."""

import json
import os
import signal

import pytest
import yaml

from merlin.cli import main
from merlin.cli.health import health_error
from merlin.config import load
from tests.engine.engine_with_jobs import BASE, SHOWN, STEPS, serve_with_jobs
from tests.engine.running_engine import KEY
from tests.support.forked_processes import run_command, start_function, wait_for_exit
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with serve_with_jobs(tmp_path_factory.mktemp("views")) as made:
        wait_until(lambda: len(made.client.losses(made.jobs["running"])) >= SHOWN)
        yield made


def write_config(folder, port):
    path = folder / "config.yaml"
    settings = {"state_dir": "state", "engine": {"listen": f"127.0.0.1:{port}"}}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


@pytest.fixture
def merlin(engine, tmp_path, capsys, monkeypatch):
    """Return a function that runs `merlin engine`: (exit code, stdout, stderr)."""
    monkeypatch.setenv("MERLIN_ENGINE_KEY", KEY)
    monkeypatch.setenv("MERLIN_LANGUAGE", "ru")

    def run(*arguments, port=engine.client.port):
        code = main(["engine", *arguments, "--config", str(write_config(tmp_path, port))])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_jobs_are_listed_with_progress_losses_and_failure_reason(merlin):
    code, out, err = merlin("jobs")
    running = next(line for line in out.splitlines() if "neurotypology-8" in line)
    assert code == 0
    for said in (BASE, "идёт", f"{SHOWN}/{STEPS} (66 %)", "0,688", "1\u00a0240"):
        assert said in running
    assert "не удалось" in out
    assert "python-3: Для этого обучения не хватает памяти." in err


def test_proxy_of_the_environment_gets_no_call_to_this_machine(merlin, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    code, out, _ = merlin("status")
    assert (code, BASE in out) == (0, True)
    assert health_error(load(tmp_path / "config.yaml"), "engine") is None


def test_jobs_are_listed_as_json(merlin, engine):
    code, out, _ = merlin("jobs", "--json")
    states = {job["id"]: job["state"] for job in json.loads(out)["jobs"]}
    assert (code, states[engine.jobs["queued"]]) == (0, "queued")


def test_status_shows_bases_queues_and_the_machine(merlin):
    code, out, err = merlin("status")
    assert code == 0
    assert "recall" in out
    assert BASE in out
    assert "идёт 1" in err
    assert "Обученных моделей: 1" in err
    assert "свободно" in err
    document = json.loads(merlin("status", "--json")[1])
    assert (document["counts"]["running"], len(document["models"])) == (1, 1)


def test_wrong_key_is_distinguished_from_a_silent_engine(merlin, monkeypatch):
    monkeypatch.setenv("MERLIN_ENGINE_KEY", "another")
    code, _, err = merlin("status")
    assert code == 2
    assert "не принял ключ" in err


def test_watch_continues_until_interrupted(engine, tmp_path):
    path, log = write_config(tmp_path, engine.client.port), tmp_path / "watch.log"
    arguments = ["engine", "jobs", "--watch", "--config", str(path)]
    environment = {"MERLIN_ENGINE_KEY": KEY, "MERLIN_LANGUAGE": "en"}
    watching = start_function(run_command, arguments, log, environment)
    wait_until(lambda: log.read_text("utf-8").count("\n") >= 3)
    os.kill(watching.pid, signal.SIGINT)
    exit_code, output = wait_for_exit(watching), log.read_text("utf-8")
    assert (exit_code, "cancelled" in output, "Traceback" in output) == (130, True, False), output
