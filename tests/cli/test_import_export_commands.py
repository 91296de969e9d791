"""`merlin import` and `export`: one commit, all or nothing, with clear output."""

import getpass
import json
import os
import shutil
import signal
from datetime import UTC, datetime

import pytest
import yaml
from jsonschema import Draft202012Validator

from merlin.cli import main
from merlin.dataset.changes import Changes, ChangeState
from merlin.wiring.context import open_migrated_database
from tests.support.forked_processes import run_command, start_function, wait_for_exit
from tests.support.pipeline_lab import KEY
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def lab(fetched_lab):
    return fetched_lab


def example(lab, name):
    return lab.repository.folder / f"datasets/trial/examples/{name}.yaml"


def count(lab):
    return lab.repository.git("rev-list", "--count", "HEAD")


def lines(lab, *objects):
    path = lab.folder / "lines.jsonl"
    path.write_text(
        "\n".join(json.dumps(each, ensure_ascii=False) for each in objects), "utf-8"
    )
    return str(path)


def chat(question, answer):
    said = [("system", "Отвечай коротко."), ("user", question), ("assistant", answer)]
    return {"messages": [{"role": role, "content": words} for role, words in said]}


def exit_of(lab, question="Где выход?"):
    """Return the arguments of an import of one example."""
    return [
        "import",
        lines(lab, chat(question, "Прямо и налево.")),
        "--dataset",
        "trial",
    ]


def test_import_is_committed_under_the_editors_own_name(lab, run_json):
    document = run_json(*exit_of(lab))
    assert document["paths"] == ["examples/где-выход.yaml"]
    assert document["commit"] == lab.repository.git("rev-parse", "HEAD")
    said = lab.repository.git("log", "-1", "--format=%an <%ae> %s")
    assert said == "boris <boris@example.com> 1 новый пример в trial"


def test_interrupted_edit_whose_commit_has_begun_is_said_to_be_committed_later(
    lab, run, tmp_path
):
    before = int(count(lab))
    git = tmp_path / "bin/git"
    is_pushing = tmp_path / "pushing"
    os.mkfifo(tmp_path / "silent")
    git.parent.mkdir()
    git.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *" push "*) touch {is_pushing}; read line < {tmp_path / "silent"};; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    git.chmod(0o755)
    arguments = [*exit_of(lab), "--config", str(lab.path)]
    log = tmp_path / "add.log"
    path = {"PATH": f"{git.parent}:{os.environ['PATH']}"}
    adding = start_function(run_command, arguments, log, path)
    wait_until(is_pushing.exists)
    os.kill(adding.pid, signal.SIGINT)
    exit_code = wait_for_exit(adding)
    output = log.read_text("utf-8")
    assert (exit_code, "next command that edits, will commit" in output) == (
        130,
        True,
    ), output
    code, captured = run(*exit_of(lab, "Где вход?"))
    assert (code, int(count(lab))) == (0, before + 2), captured


def test_interrupted_edit_that_waits_for_the_daemon_is_withdrawn(lab, interrupt_edit):
    before = count(lab)
    exit_code, output = interrupt_edit(*exit_of(lab))
    assert (exit_code, "will commit" in output) == (130, False), output
    with open_migrated_database(lab.config) as database:
        assert lab.changes(database).claim() is None
    assert count(lab) == before


def test_examples_can_be_imported_without_a_providers_key(
    lab, run, run_json, tmp_path, monkeypatch
):
    monkeypatch.delenv(KEY)
    code, captured = run(*exit_of(lab))
    assert code == 0, captured.err
    assert f"{KEY} is missing" in captured.err
    assert lab.status()["verdict"] == "built"
    rows = tmp_path / "rows.csv"
    rows.write_text("question,answer\nГде вход?,Сзади.\n", "utf-8")
    code, captured = run("import", str(rows), "--dataset", "trial", "--dry-run")
    assert (code, KEY in captured.err) == (0, False), captured.err
    assert run_json("build", "trial")["verdict"] == "built"
    code, captured = run("jobs", "launch", "trial")
    assert (code, KEY in captured.err) == (2, True)


def test_edit_is_kept_when_the_repository_refuses_the_push(lab, run):
    lab.repository.git("config", "receive.denyCurrentBranch", "refuse")
    code, captured = run(*exit_of(lab))
    assert (code, "updateInstead" in captured.err) == (1, True)
    lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
    lab.tick("changes")
    assert example(lab, "где-выход").exists()


def test_edit_can_be_left_to_the_daemon(lab, run):
    code, captured = run(*exit_of(lab), "--no-wait", "--json")
    assert (code, example(lab, "где-выход").exists()) == (0, False), captured.err
    document = json.loads(captured.out)
    assert (document["state"], document["commit"]) == ("waiting", None)
    assert document["change"] in captured.err
    lab.tick("changes")
    assert example(lab, "где-выход").exists()


def test_one_bad_line_stops_the_import_and_is_reported(lab, run):
    path = lines(
        lab, chat("Где вход?", "Тут."), {"messages": []}, chat("Где выход?", " ")
    )
    code, captured = run("import", path, "--dataset", "trial", "--dry-run", "--json")
    assert (code, count(lab)) == (1, "1")
    document = json.loads(captured.out)
    assert {(line["line"], line["rule"]) for line in document["at_lines"]} >= {
        (3, "empty-content")
    }
    code, captured = run("import", path, "--dataset", "trial")
    assert (code, count(lab), captured.out) == (1, "1", "")
    assert f"{path}:2:1: error too-few-items" in captured.err
    assert f"{path}:3:1: error empty-content" in captured.err
    assert "2 of 3" in captured.err


def test_good_lines_of_several_files_become_one_commit(lab, run, run_json):
    path = lines(
        lab, chat("Где вход?", "Тут."), {"messages": []}, chat("Где выход?", " ")
    )
    other = lab.folder / "other.json"
    turns = [{"user": "Куда идти?"}, {"assistant": "Прямо."}]
    records = [
        {"messages": turns},
        {"instruction": "Where to?", "output": "On.", "tags": ["a"]},
    ]
    other.write_text(json.dumps(records, ensure_ascii=False), "utf-8")
    command = ("import", path, str(other), "--dataset", "trial")
    assert run(*command)[0] == 1
    code, captured = run(*command, "--skip-bad", "--dry-run")
    assert (code, count(lab)) == (0, "1"), captured.err
    assert captured.out.splitlines() == [
        "examples/где-вход.yaml",
        "examples/куда-идти.yaml",
        "examples/where-to.yaml",
    ]
    assert "5 lines: 3 to import" in captured.err
    captured = run_json(*command, "--skip-bad")
    assert (captured["taken"], captured["rejected"], count(lab)) == (3, 2, "2")
    assert captured["subject"] == "3 новых примера в trial"
    bad = [(line["path"], line["line"], line["rule"]) for line in captured["at_lines"]]
    assert bad == [(path, 2, "too-few-items"), (path, 3, "empty-content")]
    again = run_json(*command, "--skip-bad")
    assert (again["taken"], again["duplicates"], count(lab)) == (0, 3, "2")
    code, captured = run(*command, "--skip-bad")
    assert (code, "2 lines were left out" in captured.err) == (0, True), captured.err


@pytest.mark.parametrize(
    ("command", "point"),
    [
        ("import", "change.claimed"),
        ("build", "change.written"),
        ("import", "change.pushed"),
    ],
)
def test_killed_import_is_settled_by_the_next_command(
    lab, run_json, run, command, point
):
    path = lines(lab, chat("Где вход?", "Тут."), chat("Где выход?", "Там."))
    words = ["import", path, "--dataset", "trial"]
    log = lab.folder / "import.log"
    arguments = [*words, "--config", str(lab.path)]
    killed = start_function(run_command, arguments, log, {"MERLIN_CRASH_AT": point})
    assert wait_for_exit(killed) == 137, log.read_text("utf-8")
    if command == "import":
        again = run_json(*words)
        assert (again["taken"], again["duplicates"]) == (0, 2)
    else:
        run("build", "trial")
    with open_migrated_database(lab.config) as database:
        changes = Changes(database).list_committed(
            "trial", datetime(2000, 1, 1, tzinfo=UTC)
        )
        assert Changes(database).list_pending("trial") == []
    assert [change.state for change in changes] == [ChangeState.COMMITTED] * 2
    assert {change.commit for change in changes} == {
        lab.repository.git("rev-parse", "HEAD")
    }
    assert count(lab) == "2"


def test_columns_are_named_and_a_dataset_that_is_missing_is_explained(
    lab, run, run_json
):
    path = lab.folder / "faq.csv"
    path.write_text("Name,Text\nWhere,Right.\n", "utf-8")
    code, captured = run("import", str(path), "--dataset", "trial")
    assert (code, "--columns QUESTION ANSWER" in captured.err) == (1, True)
    path.write_text("Name,Text\nГде вход?,Справа от лестницы.\n", "utf-8")
    code, captured = run("import", str(path), "--dataset", "trial")
    assert (code, "--columns Name Text" in captured.err) == (1, True)
    assert "Name, Text" in captured.out + captured.err
    named = ["import", str(path), "--dataset", "trial", "--columns", "Name", "Text"]
    assert run_json(*named, "--dry-run")["paths"] == [
        "examples/где-вход.yaml",
        "imports.yaml",
    ]
    code, captured = run("import", str(path), "--dataset", "trail")
    assert code == 1
    assert "trial" in captured.err
    assert "recipe: {provider: engine, base_model: recall}" in captured.err


CHECKED = [
    chat("Где вход?", "Справа.") | {"Проверено": "да"},
    chat("Где вход?", "Не знаю.") | {"Проверено": "нет"},
]


def test_field_that_may_mean_something_is_asked_with_the_options_that_say_it(
    lab, run, run_json
):
    command = ["import", lines(lab, *CHECKED), "--dataset", "trial"]
    code, captured = run(*command)
    assert code == 1
    assert "да (1), нет (1)" in captured.err
    assert "--only 'Проверено=да'" in captured.err
    code, captured = run(*command, "--json")
    (question,) = json.loads(captured.out)["questions"]
    assert (question["name"], question["proposed"]) == ("Проверено", ["да"])
    assert count(lab) == "1"
    document = run_json(*command, "--only", "Проверено=да")
    assert (document["taken"], document["excluded"]) == (1, 1)
    assert "Справа." in example(lab, "где-вход").read_text("utf-8")


@pytest.mark.parametrize(
    "options", [["--map", "note=Проверено"], ["--leave", "Проверено"]]
)
def test_field_can_be_a_part_or_nothing(lab, run_json, options):
    command = ["import", lines(lab, *CHECKED), "--dataset", "trial", "--dry-run"]
    assert run_json(*command, *options)["taken"] == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--map", "reply=b"], "question, answer, context"),
        (["--map", "note"], "--map"),
        (["--only", "a"], "--only"),
        (["--only", "=b"], "--only"),
    ],
)
def test_option_of_a_field_that_cannot_be_is_explained(lab, run, options, told):
    code, captured = run(*exit_of(lab), *options)
    assert code != 0
    assert told in captured.err
    assert count(lab) == "1"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("trial.xlsx", ()),
        ("trial.CSV", ()),
        ("trial.txt", ()),
        ("trial.txt", ("--format", "csv")),
    ],
)
def test_exported_file_is_known_to_an_import(lab, run, run_json, name, options):
    file = str(lab.folder / name)
    code, said = run("export", "trial", "--output", file, *options)
    assert (code, said.out, said.err) == (0, "", "")
    document = run_json("import", file, "--dataset", "trial")
    assert (document["lines"], document["duplicates"]) == (12, 12)


def test_export_says_what_is_not_in_it_and_where_it_cannot_be_written(lab, run):
    example(lab, "broken").write_text("messages: []\n", "utf-8")
    lab.repository.commit("Break one")
    assert run("build", "trial")[0] == 0
    code, said = run("export", "trial", "--format", "csv")
    assert (code, len(said.out.splitlines()) > 12) == (0, True)
    assert "1 example isn't in the file" in said.err
    code, said = run("export", "trial", "--output", str(lab.folder))
    assert (code, f"{lab.folder} can't be written" in said.err) == (2, True)


def faq(lab, name, *rows):
    """Write a table of questions, each with its id and what its state is; return its path."""
    path = lab.folder / name
    path.write_text("\n".join(["id,question,answer,Состояние", *rows]), "utf-8")
    return str(path)


def test_what_fields_mean_is_asked_once_and_changes_are_shown(lab, run, run_json):
    old = ["1,Где вход?,Справа.,готово", "2,Где выход?,Слева.,черновик"]
    command = ["import", faq(lab, "faq.csv", *old), "--dataset", "trial"]
    document = run_json(*command, "--only", "Состояние=готово", "--as", "site")
    assert document["paths"] == ["examples/где-вход.yaml", "imports.yaml"]
    assert (document["remembered"], document["new"]) == (None, 1)
    assert "(imports.yaml: site)" in lab.repository.git("log", "-1", "--format=%s")
    new = ["1,Где вход?,Сзади.,готово", "3,Где дверь?,Вот.,готово"]
    command = ["import", faq(lab, "next.csv", *new), "--dataset", "trial"]
    code, captured = run(*command, "--dry-run")
    assert (code, "as site of imports.yaml" in captured.err) == (0, True), captured.err
    assert "\n-  - assistant: Справа.\n" in captured.out
    assert "\n+  - assistant: Сзади.\n" in captured.out
    assert "1 to import, 1 changed, 0 already known" in captured.err
    document = run_json(*command)
    assert (document["remembered"], document["changed"], document["new"]) == (
        "site",
        1,
        1,
    )
    assert "Сзади." in example(lab, "где-вход").read_text("utf-8")
    other = faq(lab, "other.csv", "4,Где окно?,Там.,скоро")
    code, captured = run("import", other, "--dataset", "trial")
    assert (code, "--only 'Состояние=готово'" in captured.err) == (1, True)
    assert "as site of imports.yaml" in captured.err
    code, captured = run(*command, "--as", "a b")
    assert (code, "a-b" in captured.err) == (1, True)


def test_gone_records_are_named_and_removed_only_if_asked(lab, run, run_json):
    rows = ["1,Где вход?,Справа.,", "2,Где выход?,Слева.,"]
    run_json("import", faq(lab, "faq.csv", *rows), "--dataset", "trial")
    command = ["import", faq(lab, "faq.csv", rows[0]), "--dataset", "trial"]
    code, captured = run(*command)
    assert (code, "examples/где-выход.yaml. Kept." in captured.err) == (0, True)
    code, captured = run(*command, "--remove-gone", "--dry-run")
    assert captured.out == "examples/где-выход.yaml\n"
    assert "To be removed." in captured.err
    document = run_json(*command, "--remove-gone")
    assert (document["gone"], document["removals"]) == (1, document["paths"])
    assert not example(lab, "где-выход").exists()
    code, captured = run("import", "--from", "a", "--dataset", "trial", "--remove-gone")
    assert (code, "--remove-gone" in captured.err) == (2, True)


@pytest.mark.parametrize("name", ["example", "dataset", "course", "imports", "config"])
def test_schema_is_one_that_validators_take(capsys, name):
    assert main(["schema", name]) == 0
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(document)
    assert document["type"] == "object"


def test_author_of_a_person_without_a_name_in_git_is_the_login(
    lab, run_json, tmp_path, monkeypatch
):
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\n\tuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    for name in ("AUTHOR_NAME", "AUTHOR_EMAIL"):
        monkeypatch.delenv(f"GIT_{name}")
    run_json(*exit_of(lab))
    assert lab.repository.git("log", "-1", "--format=%an") == getpass.getuser()


def test_new_dataset_is_made_with_its_course_in_the_same_commit(lab, run_json, run):
    config = yaml.safe_load(lab.path.read_text("utf-8"))
    engine = {**config["providers"][0], "name": "engine"}
    config["providers"].append(engine)
    lab.path.write_text(yaml.safe_dump(config), "utf-8")
    given = lines(lab, chat("Где выход?", "Прямо."))
    made = [given, "--dataset", "школа", "--create"]
    assert run_json("import", *made, "--dry-run")["commit"] is None
    before = int(count(lab))
    document = run_json("import", *made)
    assert document["paths"] == [
        "dataset.yaml",
        "course.yaml",
        "examples/где-выход.yaml",
    ]
    assert int(count(lab)) == before + 1
    text = lab.repository.git("show", "HEAD:datasets/школа/course.yaml")
    assert text == "semester: 1\nname: {ru: школа}"
    code, said = run("import", given, "--dataset", "Школа", "--create")
    assert (code, "школа-2" in said.err) == (1, True)
    code, said = run("import", "--from", "engine", "--dataset", "b", "--create")
    assert (code, "--create" in said.err) == (2, True)


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", ["faq", "on", "2025", "Вопросы"])
def test_dataset_that_an_import_proposes_takes_the_import(
    lab, run_json, capsys, monkeypatch, language, name
):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    command = exit_of(lab)
    command[command.index("trial")] = name
    assert main([*command, "--config", str(lab.path)]) == 1
    said = capsys.readouterr().err.splitlines()
    begin = next(at for at, line in enumerate(said) if line.startswith("title:"))
    folder = lab.repository.folder / "datasets" / name
    folder.mkdir()
    (folder / "dataset.yaml").write_text("\n".join(said[begin : begin + 3]), "utf-8")
    lab.repository.commit("As it says")
    assert main(["check", str(lab.repository.folder)]) == 0, capsys.readouterr()
    assert run_json(*command)["taken"] == 1
