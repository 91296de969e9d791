"""`merlin import --from PROVIDER`: the files of an account become examples, each once."""

import json
from dataclasses import replace

import pytest
import yaml

from merlin.app.account_import import COMMIT_LINES
from merlin.sandbox.provider.account import PlantedAccount
from tests.support.faults import Fault, FaultKind
from tests.support.forked_processes import run_command, start_function, wait_for_exit
from tests.support.kill_points import POINTS
from tests.support.pipeline_lab import KEY, provider_entry
from tests.support.provider_account import (
    AzureStandIn,
    FaultyAccount,
    chat_line,
    plant_account,
)

pytestmark = pytest.mark.functional

TAKE = ("import", "--from", "openai", "--dataset", "trial")
ONE_FILE = PlantedAccount({"file-1": chat_line("Где выход?", "Прямо.").encode()})
OFF = {"mode": "off"}  # the account trains nobody


@pytest.fixture
def planted():
    return plant_account()


@pytest.fixture
def account(planted):
    with FaultyAccount(planted[0], key="stand-in") as stand_in:
        yield stand_in


@pytest.fixture
def make_lab(copy_lab, tmp_path):
    """Return a function that makes the lab of one provider."""
    return lambda provider: copy_lab(
        fetch_example, tmp_path, provider["base_url"], providers=[provider]
    )


@pytest.fixture
def lab(account, make_lab):
    return make_lab(provider_entry(account.base_url, "openai"))


def keep_files(account, *names):
    """Leave an account only these files."""
    files = {name: account.files[name] for name in names}
    return replace(account, files=files)


def fetch_example(lab):
    recipe = {"provider": "openai", "base_model": "gpt-4o-mini-2024-07-18"}
    lab.repository.dataset(count=1, tests=0, launch=OFF, recipe=recipe)
    lab.repository.commit("First words")
    lab.tick("fetch")


def read_examples(lab):
    """Return the imported examples of the repository, as `plant_account` names them."""
    found = []
    for path in sorted(
        (lab.repository.folder / "datasets/trial/examples").rglob("*.yaml")
    ):
        value = yaml.safe_load(path.read_text("utf-8"))
        asked, said = value["messages"]
        found.append(
            (
                asked["user"],
                said["assistant"],
                value.get("rejected"),
                value.get("split"),
            )
        )
    return [example for example in found if "слово номер 0" not in example[0]]


def run_to_end(lab, code, **environment):
    """Import in a process of its own, which ends with this code."""
    log = lab.folder / "import.log"
    arguments = [*TAKE, "--yes", "--config", str(lab.path)]
    settings = {KEY: "stand-in", **environment}
    process = start_function(run_command, arguments, log, settings)
    assert wait_for_exit(process) == code, log.read_text()


def count_commits(lab):
    return int(lab.repository.git("rev-list", "--count", "HEAD"))


def test_account_that_is_left_twice_comes_whole_and_once(
    lab, planted, run_json, tmp_path
):
    crash = {
        "MERLIN_CRASH_AT": "import.saved,import.committed",
        "MERLIN_CRASH_MARK": str(tmp_path / "crashed"),
    }
    for _ in range(2):
        run_to_end(lab, 137, **crash)
    keep = ("--keep", tmp_path / "kept")
    document = run_json(*TAKE, "--yes", *keep)
    found = read_examples(lab)
    (_, known) = planted
    lost = known - {*found}
    doubled = len(found) - len({*found})
    assert (len(lost), doubled, len({*found} - known)) == (0, 0, 0)
    broken = {file["file_id"]: file for file in document["files"] if file["rejected"]}
    assert {
        file: (each["lines"], each["rejected"]) for file, each in broken.items()
    } == {
        "file-5": (6, 2),
        "file-7": (1, 1),
    }
    assert [(line["path"], line["line"]) for line in broken["file-5"]["at_lines"]] == [
        ("file-5/file-5.jsonl", 2),
        ("file-5/file-5.jsonl", 3),
    ]
    before = count_commits(lab)
    again = run_json(*TAKE, "--yes", *keep)
    assert count_commits(lab) == before
    # Only the file that had nothing to take is read again.
    assert [file["file_id"] for file in again["files"] if not file["is_taken"]] == [
        "file-7"
    ]


def test_account_that_refuses_and_cuts_each_call_once_comes_in_one_run(
    lab, account, run_json
):
    account.account = keep_files(account.account, "file-1", "file-8")
    for file in ("file-1", "file-8"):
        only = {"file_id": file}
        account.faults.add(
            Fault("files.content", FaultKind.STATUS, status=429, only=only),
            Fault("files.content", FaultKind.CUT, only=only),
        )
    for name in ("files.list", "jobs.list", "models.list"):
        account.faults.add(Fault(name, FaultKind.STATUS, status=429, retry_after_s=1))
    document = run_json(*TAKE, "--yes")
    assert (len(document["jobs"]), document["refusal"]) == (5, None)
    assert len(read_examples(lab)) == 7
    assert not account.faults


def test_what_is_no_example_is_kept_as_it_was_downloaded(
    lab, account, run, run_json, tmp_path
):
    account.account = keep_files(account.account, "file-1", "file-5")
    code, captured = run(*TAKE, "--yes")
    assert (code, "--keep FOLDER" in captured.err) == (1, True)
    account.account = replace(
        account.account, files={"file.5": account.account.files["file-5"]}
    )
    folder = tmp_path / "new" / "kept"
    document = run_json(*TAKE, "--yes", "--keep", folder)
    assert document["files"][0]["rejected"] == 2
    assert {path.name for path in folder.iterdir()} == {
        "file_5.jsonl",
        "account.json",
    }
    kept = folder / "file_5.jsonl"
    assert kept.read_bytes() == account.account.files["file.5"]
    assert json.loads((folder / "account.json").read_text("utf-8")) == document
    account.faults.add(Fault("files.content", FaultKind.STATUS, times=None, status=404))
    assert run(*TAKE, "--dry-run", "--keep", folder)[0] == 0, "read from the folder"


def test_file_with_a_field_that_is_to_be_asked_about_is_not_taken(
    lab, account, run, run_json
):
    record = {"messages": [{"user": "Why?"}, {"assistant": "So."}], "ok": False}
    content = json.dumps(record).encode()
    account.account = replace(account.account, files={"file-1": content})
    for _ in range(2):
        code, captured = run(*TAKE, "--yes")
        assert (code, "--only 'ok=" in captured.err) == (1, True)
    document = run_json(*TAKE, "--yes", "--leave", "ok")
    assert document["files"][0]["taken"] == 1


def test_training_file_that_the_account_has_lost_is_named(lab, account, run):
    account.account = keep_files(account.account, "file-1")
    code, captured = run(*TAKE, "--dry-run")
    assert code == 0
    ends = [line.split()[-1] for line in captured.out.splitlines() if "ftjob-" in line]
    assert ends[:5] == [*["gone"] * 4, "file-1.jsonl"]


def test_file_that_is_killed_at_any_point_is_taken_once(lab, account, tmp_path):
    points = [point for point in POINTS if point.startswith("import.")]
    account.account = ONE_FILE
    crash = {
        "MERLIN_CRASH_AT": ",".join(points),
        "MERLIN_CRASH_MARK": str(tmp_path / "crashed"),
    }
    for code in (*[137] * len(points), 0):
        run_to_end(lab, code, **crash)
    assert points == [
        "import.intended",
        "import.saved",
        "import.committed",
        "import.recorded",
    ]
    assert read_examples(lab) == [("Где выход?", "Прямо.", None, None)]
    assert count_commits(lab) == 2


def test_example_that_was_edited_after_a_kill_does_not_come_again(
    lab, account, run_json
):
    account.account = ONE_FILE
    run_to_end(lab, 137, MERLIN_CRASH_AT="import.committed")
    path = lab.repository.folder / "datasets/trial/examples/где-выход.yaml"
    path.write_text(path.read_text("utf-8").replace("Прямо.", "Налево."), "utf-8")
    lab.repository.commit("Another answer")
    run_json(*TAKE, "--yes")
    assert read_examples(lab) == [("Где выход?", "Налево.", None, None)]


def test_dry_run_shows_what_each_file_brings_and_takes_nothing(lab, run_json, run):
    document = run_json(*TAKE, "--dry-run")
    counts = {
        file["file_id"]: (file["taken"], file["duplicates"], file["rejected"])
        for file in document["files"]
    }
    assert counts == {
        **{f"file-{number}": (4, 0, 0) for number in (1, 2, 3, 6)},
        "file-4": (2, 2, 0),
        "file-5": (4, 0, 2),
        "file-7": (0, 0, 1),
        **{f"file-{number}": (3, 0, 0) for number in (8, 9, 10)},
        "file-11": (0, 3, 0),
        "file-12": (0, 4, 0),
    }
    assert len(document["jobs"]) == 5
    assert {str(model["shutdown_date"]) for model in document["models"]} == {
        "2027-01-14"
    }
    code, captured = run(*TAKE, "--dry-run")
    assert (code, count_commits(lab)) == (0, 1)
    shown = yaml.safe_load(captured.out[captured.out.index("\nrecipe:") :])
    values = {"n_epochs": 5, "batch_size": 4, "learning_rate_multiplier": 1.8}
    assert shown == {"recipe": {"method": "dpo", "hyperparameters": values}}
    assert "job ftjob-5" in captured.out
    code, captured = run(*TAKE)
    assert (code, count_commits(lab), "add --yes" in captured.err) == (1, 1, True)


def test_account_that_may_not_list_its_jobs_gives_its_files(lab, account, run):
    account.account = keep_files(account.account, "file-1", "file-8")
    account.faults.add(Fault("jobs.list", FaultKind.STATUS, times=None, status=403))
    code, captured = run(*TAKE, "--yes", "--json")
    assert code == 0, captured.err
    document = json.loads(captured.out)
    assert document["refusal"].startswith("403 ")
    assert (len(document["models"]), document["recipe"]) == (5, None)
    assert len(read_examples(lab)) == 7
    assert "403 " in run(*TAKE, "--dry-run")[1].err


def test_file_that_is_not_given_out_does_not_stop_the_others(
    lab, account, run, run_json
):
    account.account = keep_files(account.account, "file-2", "file-3", "file-8")
    account.faults.add(
        Fault("files.content", FaultKind.STATUS, status=404, only={"file_id": "file-3"})
    )
    code, captured = run(*TAKE, "--yes", "--json")
    files = json.loads(captured.out)["files"]
    assert (code, [file["file_id"] for file in files if file["failure"]]) == (
        1,
        ["file-3"],
    )
    assert "1 file was not given out" in captured.err
    assert len(read_examples(lab)) == 7
    run_json(*TAKE, "--yes")
    assert len(read_examples(lab)) == 11
    assert run(*TAKE)[0] == 0, "nothing is left to say --yes to"


def test_long_file_becomes_several_commits(lab, account, run_json):
    rooms = [*[1] * (COMMIT_LINES - 1), 2, 1, 3]
    lines = [chat_line(f"Где комната {room}?", f"Этаж {room}.") for room in rooms]
    account.account = PlantedAccount({"file-1": "\n".join(lines).encode()})
    run_json(*TAKE, "--yes")
    assert (len(read_examples(lab)), count_commits(lab)) == (3, 3)


def test_fault_far_down_in_a_long_file_is_named_by_its_line(lab, account, run):
    lines = [*[chat_line("Где комната 1?", "Этаж 1.")] * COMMIT_LINES, '{"a"']
    account.account = PlantedAccount({"file-1": "\n".join(lines).encode()})
    _, captured = run(*TAKE)
    assert f":{COMMIT_LINES + 1}:5: " in captured.out + captured.err


def test_account_at_azure_is_read_by_its_version_and_key(planted, make_lab):
    with AzureStandIn(keep_files(planted[0], "file-1")) as azure:
        entry = provider_entry(azure.base_url, "openai") | {"api_version": "2024-10-21"}
        lab = make_lab(entry)
        run_to_end(lab, 0)
    assert len(read_examples(lab)) == 4
    assert {*read_examples(lab)} < planted[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "--dataset", "trial"),
        (*TAKE, "lines.jsonl"),
        ("import", "--dataset", "trial", "--keep", "kept", "lines.jsonl"),
    ],
)
def test_import_is_from_files_or_from_an_account(lab, run, arguments):
    code, captured = run(*arguments)
    assert (code, "--from PROVIDER" in captured.err) == (2, True)


def test_file_whose_edit_was_withdrawn_by_ctrl_c_comes_with_the_next_run(
    lab, account, interrupt_edit, run_json
):
    account.account = ONE_FILE
    code, output = interrupt_edit(*TAKE, "--yes", **{KEY: "stand-in"})
    assert code == 130, output
    assert "No file is finished. Run the command again" in output
    assert read_examples(lab) == []
    run_json(*TAKE, "--yes")
    assert read_examples(lab) == [("Где выход?", "Прямо.", None, None)]


def test_import_beside_a_daemon_waits_for_the_files_of_an_edit_just_committed(
    lab, account, run_json, beside_daemon, tmp_path
):
    account.account = ONE_FILE
    rows = tmp_path / "rows.csv"
    rows.write_text("question,answer\nГде выход?,Прямо.\n", "utf-8")
    lab.tick("fetch")
    beside_daemon(lambda: lab.tick("serve"))
    run_json("import", str(rows), "--dataset", "trial", "--no-wait")
    lab.tick("changes")
    beside_daemon(lambda: lab.tick("serve"), lambda: lab.tick("files"))
    (file,) = run_json(*TAKE, "--yes")["files"]
    assert (file["taken"], file["duplicates"], count_commits(lab)) == (0, 1, 2)
