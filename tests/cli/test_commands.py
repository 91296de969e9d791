"""Commands on a recorded pipeline: output as a table and as JSON, and exit codes."""

import getpass
import json
import os
import signal
import tempfile
from datetime import timedelta

import pytest

from merlin.cli import app, main
from merlin.core.clock import utc_now
from merlin.core.errors import LeadTaken
from merlin.core.heartbeat import Heartbeat
from merlin.db.processes import Heartbeats, Lead
from merlin.db.requests import RequestKind, Requests, RequestState
from merlin.providers.base import Checkpoint
from merlin.training.jobs import Jobs
from merlin.wiring.context import open_migrated_database
from tests.support.forked_processes import run_command, start_function, wait_for_exit
from tests.support.pipeline_lab import KEY
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@pytest.mark.parametrize(
    ("command", "next_step"),
    [
        (["log"], "merlin build"),
        (["builds"], "merlin build"),
        (["jobs", "list"], "merlin jobs launch"),
        (["models", "list"], "merlin status"),
    ],
)
def test_list_without_rows_names_the_next_step(
    capsys, committed_lab, command, next_step
):
    config = ["--config", str(committed_lab.path)]
    assert main(["upgrade", *config]) == 0
    capsys.readouterr()
    assert main([*command, *config]) == 0
    captured = capsys.readouterr()
    assert (captured.out, next_step in captured.err) == ("", True), captured
    assert main([*command, "--json", *config]) == 0
    assert capsys.readouterr().out == "[]\n"


def test_interrupted_command_withdraws_its_request(lab):
    log = lab.folder / "launch.log"
    with Lead(
        lab.config.state_dir, lab.config.database
    ) as lead:  # a daemon that never looks
        assert lead.take()
        arguments = ["jobs", "launch", "trial", "--config", str(lab.path)]
        waiting = start_function(run_command, arguments, log, {})
        with open_migrated_database(lab.config) as database:
            requests = Requests(database)
            wait_until(lambda: log.read_text("utf-8").endswith("\n"))
            os.kill(waiting.pid, signal.SIGINT)
            exit_code = wait_for_exit(waiting)
            output = log.read_text("utf-8")
            assert (exit_code, "waiting" in output, output.count("\n")) == (
                130,
                True,
                1,
            ), output
            newest = requests.list_of_author(f"cli:{getpass.getuser()}", 1)[0]
            assert (newest.kind, newest.state) == (
                RequestKind.LAUNCH,
                RequestState.FAILED,
            )


def test_launch_refused_for_a_missing_credential_is_not_run_later(
    lab, run, run_json, monkeypatch
):
    with monkeypatch.context() as without:
        without.delenv(KEY)
        code, captured = run("jobs", "launch", "trial")
    assert (code, KEY in captured.err) == (2, True)
    lab.tick("serve")
    assert len(run_json("jobs", "list")) == 1


def test_status_shows_a_task_that_failed_unwatched_until_one_like_it_succeeds(
    lab, run, run_json
):
    with open_migrated_database(lab.config) as database:
        requests = Requests(database)
        arguments = {"dataset": "trial", "commit": None}

        def end(state, result):
            request = requests.ask(RequestKind.LAUNCH, arguments, "cli:ann")
            requests.claim([RequestKind.LAUNCH])
            requests.finish(request, state, result)
            return request

        requests.withdraw(requests.ask(RequestKind.LAUNCH, arguments, "cli:ann"))
        refusal = {
            "key": "held-no-provider",
            "arguments": {"provider": "far"},
            "message": "none",
        }
        failed = end(RequestState.FAILED, refusal)
        (task,) = run_json("status")["failed_requests"]
        assert (task["request"], task["kind"], task["arguments"]) == (
            failed,
            "launch",
            arguments,
        )
        assert "far" in task["reason"]
        _, captured = run("status")
        assert f"task {failed} (launch dataset=trial) of " in captured.err
        assert "run its command again" in captured.err
        end(RequestState.DONE, {"job": 1})
        assert run_json("status")["failed_requests"] == []
        later = {"key": "of-a-later-version", "arguments": {}, "message": "full moon"}
        end(RequestState.FAILED, later)
        (task,) = run_json("status")["failed_requests"]
        assert task["reason"] == "full moon", "as the other version said it in English"
        end(RequestState.DONE, {"job": 1})
    assert "nowhere" in run("models", "pin", "nowhere")[1].err
    assert run_json("status")["failed_requests"] == []


def test_unknown_question_names_those_that_may_have_been_meant(provider, run_json, run):
    unknown = {
        "known": False,
        "nearest": ["Что значит слово номер 3?", "Что значит слово?"],
    }
    provider.behave(fixed_answer="Не знаю.", extension=unknown)
    assert run_json("ask", "xyzzy plugh").items() >= unknown.items()
    message = "Did you mean: Что значит слово номер 3?; Что значит слово?"
    assert message in run("ask", "xyzzy plugh")[1].err


@pytest.mark.usefixtures("lab")
def test_question_without_a_word_is_not_asked(run, count_questions):
    code, captured = run("ask", " ")
    assert (code, captured.out, count_questions()) == (2, "", 0)
    assert "no question: write one in quotes" in captured.err


def test_checkpoints_with_equal_scores_are_one_line(lab, run):
    metrics = (
        {"valid_accuracy": accuracy, "valid_loss": 0.1} for accuracy in (0.5, 1, 1, 1)
    )
    checkpoints = [
        Checkpoint(f"step-{step}", step, each) for step, each in enumerate(metrics)
    ]
    with open_migrated_database(lab.config) as database:
        Jobs(database).add_events(1, [], checkpoints)
    shown = run("jobs", "show", "1")[1].out
    assert [line.split() for line in shown.splitlines() if " step-" in line] == [
        ["0", "step-0", "valid_accuracy=0.5", "valid_loss=0.1"],
        ["1–3", "step-3", "valid_accuracy=1", "valid_loss=0.1"],
    ]


def test_build_of_head_is_that_of_the_last_commit_which_changed_the_dataset(
    lab, run_json
):
    changed = lab.repository.commit_example("trial", 41)
    (lab.repository.folder / "README.md").write_text("Datasets\n", "utf-8")
    assert lab.repository.commit() != changed
    built = run_json("build", "trial", "--commit", "HEAD")
    assert (built["build"], built["commit"]) == ("trial-2", changed)


def test_rollback_and_promote_name_the_serving_build_and_the_next_command(
    lab, run, run_json
):
    lab.repository.commit_example("trial", 42)
    lab.until_serving("trial-2")
    rolled_back = run_json("models", "rollback", "trial")
    assert (rolled_back["build"], rolled_back["pinned"]) == ("trial-1", True)
    promoted = run("models", "promote", "trial-2")[1].err.splitlines()
    assert promoted[-2].startswith("trial: trial-2 is live now")
    assert promoted[-1] == 'Next: merlin ask --dataset trial "…"'
    assert run_json("models", "pin", "trial")["pinned"] is True
    assert run_json("models", "unpin", "trial")["pinned"] is False


def test_impossible_command_is_refused_in_a_sentence(run):
    for arguments, part in (
        (["show", "trial-9"], "trial-9"),
        (["jobs", "show", "99"], "99"),
        (["jobs", "launch", "trial"], "already"),
        (["jobs", "launch", "nothing"], "nothing"),
        (["jobs", "cancel", "1"], "finished"),
        (["models", "promote", "trial-9"], "trial-9"),
        (["models", "rollback", "trial"], "no earlier live model"),
        (["models", "pin", "nothing"], "nothing"),
        (["ask", "?", "--dataset", "nothing"], "nothing"),
    ):
        code, captured = run(*arguments)
        last = captured.err.strip().splitlines()[-1]
        assert (code, last.startswith("merlin: "), part in last) == (1, True, True), (
            captured.err
        )


def test_unknown_dataset_is_refused_with_the_nearest_one(run):
    for arguments in (
        ["log", "tria1"],
        ["build", "tria1"],
        ["jobs", "launch", "tria1"],
        ["models", "unpin", "tria1"],
        ["ask", "?", "--dataset", "tria1"],
        ["builds", "--dataset", "tria1"],
        ["jobs", "list", "--dataset", "tria1"],
        ["models", "list", "--dataset", "tria1"],
    ):
        code, captured = run(*arguments)
        assert (code, captured.out) == (1, "")
        assert captured.err.endswith(
            "merlin: dataset tria1 not found; did you mean trial?\n"
        )
        other = run(*arguments[:-1], "nothing")[1].err
        assert other.endswith("merlin: dataset nothing not found; there are: trial\n")
    code, captured = run("builds", "--dataset", "\udcff")
    assert (code, "This isn't UTF-8: \\udcff." in captured.err) == (2, True), (
        captured.err
    )


def test_status_shows_the_host_on_which_a_process_lives(lab, run):
    now = utc_now()
    with open_migrated_database(lab.config) as database:
        for host, at in (("new", now), ("replaced", now - timedelta(hours=1))):
            Heartbeats(database).beat(Heartbeat("bot", host, 1, at, at))
    _, captured = run("status", "--json")
    bot = json.loads(captured.out)["processes"]["bot"]
    assert (bot["host"], bot["alive"]) == ("new", True)


def test_all_missing_credentials_are_named_before_anything_starts(
    tmp_path, capfd, monkeypatch
):
    for name in ("TELEGRAM_BOT_TOKEN", "MERLIN_ENGINE_KEY", "ELSEWHERE_KEY"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "config.yaml"
    engine = "{name: engine, base_url: 'http://127.0.0.1:8702/v1'}"
    other = "{name: other, base_url: 'https://models.example.com/v1', credential: ELSEWHERE_KEY}"
    path.write_text(f"state_dir: s\nproviders: [{engine}, {other}]\n", encoding="utf-8")
    assert main(["run", "--config", str(path)]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert [line.removeprefix("merlin: ").split()[2] for line in lines] == [
        "MERLIN_ENGINE_KEY",
        "TELEGRAM_BOT_TOKEN",
        "ELSEWHERE_KEY",
    ]


@pytest.mark.parametrize("expected", [["nonsense"], ["jobs", "show", "x"], []])
def test_usage_error_exits_with_2(expected):
    assert main(expected) == 2


def test_bug_whose_report_has_no_place_is_printed(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MERLIN_REPORTS", "/dev/null/reports")
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null")

    @app.command("tumble", hidden=True)
    def tumble():
        raise ZeroDivisionError("sk-abcdefghijklmnop")

    assert main(["tumble"]) == 3
    errors = capsys.readouterr().err
    assert "ZeroDivisionError" in errors
    assert "sk-abc" not in errors
    assert "stderr" in errors.splitlines()[-1]


def test_bug_exits_with_3_and_writes_a_report(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MERLIN_REPORTS", str(tmp_path))

    @app.command("burst", hidden=True)
    def burst():
        raise ZeroDivisionError("sk-abcdefghijklmnop in \udcff")

    assert main(["burst"]) == 3
    (report,) = tmp_path.iterdir()
    assert str(report) in capsys.readouterr().err
    assert report.stat().st_mode & 0o777 == 0o600
    text = report.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in text
    assert "sk-abc" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["daemon"],
        ["api"],
        ["engine"],
        ["build", "trial"],
    ],
)
def test_unwritable_state_is_reported_with_its_path(
    tmp_path, capsys, monkeypatch, arguments
):
    monkeypatch.setenv("MERLIN_ENGINE_KEY", "long-random-word-of-this-machine")
    monkeypatch.delenv("MERLIN_REPORTS")
    (tmp_path / "state").write_text("restore your backup", "utf-8")
    path = tmp_path / "config.yaml"
    path.write_text("state_dir: state\nrepository: {url: .}\n", "utf-8")
    assert main([*arguments, "--config", str(path)]) == 2
    output = capsys.readouterr().err.splitlines()[-1]
    assert output.startswith(f"merlin: {tmp_path / 'state'}")
    assert "merlin doctor" in output


@pytest.mark.parametrize("options", [[], ["--check"], ["--fresh"]])
def test_demo_leaves_a_folder_of_somebody_else_alone(tmp_path, capsys, options):
    config = tmp_path / "config.yaml"
    config.write_text("state_dir: state\n", "utf-8")
    assert main(["demo", "--state", str(tmp_path), *options]) == 1
    captured = capsys.readouterr()
    assert str(tmp_path) in captured.err + captured.out
    assert [*tmp_path.iterdir()] == [config]


def test_taken_lead_exits_with_75():
    @app.command("led", hidden=True)
    def led():
        raise LeadTaken("another leads", "already-running", holder="1")

    assert main(["led"]) == 75


def test_question_without_a_serving_model_points_to_status(make_lab, tmp_path, capsys):
    def without_models(lab):
        lab.repository.commit_dataset()
        lab.tick("fetch")

    lab = make_lab(without_models, tmp_path / "early")
    for dataset in ([], ["--dataset", "trial"]):
        assert main(["ask", "?", *dataset, "--config", str(lab.path)]) == 1
        errors = capsys.readouterr().err
        assert "merlin status" in errors
        assert "serves no model" not in errors


def log_lines(run):
    """Return the line of each verdict, without its findings."""
    return [line for line in run("log")[1].out.splitlines() if not line.startswith(" ")]


def test_log_shows_only_the_commit_whose_model_serves_now_as_live(lab, run, run_json):
    lab.repository.commit_example("trial", 42, subject="Another word")
    lab.until_serving("trial-2")
    newest, oldest = run_json("log")
    assert [newest["verdict"], oldest["verdict"]] == ["serving", "serving"]  # as stored
    assert (newest["served_until"], oldest["served_until"] > newest["seen_at"]) == (
        None,
        True,
    )
    newest_note, oldest_note = (
        line for line in run("log")[1].out.splitlines() if line[0] == " "
    )
    assert (" few-examples: " in newest_note, oldest_note) == (
        True,
        "    and 1 more named above",
    )
    lines = log_lines(run)
    assert [" live " in line and "until" not in line for line in lines] == [True, False]
    assert " live until 20" in lines[1]
    run_json("models", "rollback", "trial")
    lines = log_lines(run)
    assert [" live " in line and "until" not in line for line in lines] == [False, True]
