"""`merlin engine models`: base models are added, listed and removed, as text and as JSON."""

import json
import shutil
import sqlite3
import struct

import pytest
import yaml

from merlin.cli import main

pytestmark = pytest.mark.functional


@pytest.fixture
def base(tmp_path):
    """Return the folder of a complete but meaningless base model: 100 weights."""
    folder = tmp_path / "bases" / "small"
    folder.mkdir(parents=True)
    header = json.dumps({"a": {"dtype": "F32", "shape": [10, 10], "data_offsets": [0, 400]}})
    (folder / "model.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header.encode() + bytes(400)
    )
    (folder / "config.json").write_text('{"max_position_embeddings": 512}', encoding="utf-8")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    (folder / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    return folder


@pytest.fixture
def merlin(base, tmp_path, capsys):
    """Return a function that runs `merlin engine`: (exit code, stdout, stderr)."""
    models = {
        "small": {"path": "bases/small", "licence": "MIT"},
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


def test_bases_are_listed_with_their_licence_and_state(merlin, base):
    code, out, _ = merlin("models", "list", "--json")
    small, far = json.loads(out)["models"]
    assert code == 0
    assert (small["name"], small["state"], small["licence"]) == ("small", "ready", "MIT")
    assert (small["folder"], small["parameters"], small["context"]) == (str(base), 100, 512)
    assert (far["name"], far["state"], far["size_bytes"]) == ("far", "base_not_pulled", None)


def test_table_names_the_command_for_a_missing_base(merlin):
    code, out, err = merlin("models", "list")
    assert code == 0
    assert "small" in out
    assert "MIT" in out
    assert "merlin engine models pull far" in err


def test_pull_names_the_folder_and_whether_it_already_existed(merlin, base):
    assert merlin("models", "pull", "small")[0] == 0
    code, out, err = merlin("models", "pull", "small", "--json")
    (document,) = json.loads(out)["models"]
    assert (code, document["state"], document["folder"]) == (0, "ready", str(base))
    assert f"was already here: {base}" in err


@pytest.fixture
def pulled(base, tmp_path):
    """Return the folder of the base `far`, as if it had been downloaded."""
    folder = tmp_path / "state" / "engine" / "bases" / "far"
    shutil.copytree(base, folder)
    card = {"source": "anna/far", "revision": "main", "commit": "c0ffee", "licence": "MIT"}
    (folder / "merlin.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


def test_damaged_base_is_found_and_exits_with_1(merlin, pulled):
    assert merlin("models", "list")[0] == 0
    weights = pulled / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    code, _, err = merlin("models", "list")
    assert (code, "models pull far" in err) == (1, True)


def test_downloaded_base_is_removed_and_an_owners_folder_stays(merlin, base, pulled):
    code, out, _ = merlin("models", "rm", "far", "--json")
    assert (code, json.loads(out)["name"], pulled.exists()) == (0, "far", False)
    code, _, err = merlin("models", "rm", "small")
    assert (code, "Base model small not found here" in err) == (1, True)
    assert base.is_dir()


@pytest.mark.usefixtures("pulled")
def test_base_with_tuned_models_is_kept_unless_forced(merlin, tmp_path):
    with sqlite3.connect(tmp_path / "state" / "engine" / "engine.db") as rows:
        rows.execute("CREATE TABLE model (seq INTEGER, name TEXT, base TEXT, step INTEGER)")
        rows.execute("CREATE TABLE job (seq INTEGER, id TEXT, base TEXT, status TEXT)")
        rows.execute("INSERT INTO model VALUES (1, 'ft:far:a', 'far', NULL)")
    code, _, err = merlin("models", "rm", "far")
    assert (code, "ft:far:a" in err, "--force" in err) == (1, True, True)
    assert merlin("models", "rm", "far", "--force")[0] == 0


def test_unknown_base_is_refused_with_the_existing_ones(merlin):
    code, _, err = merlin("models", "pull", "large")
    assert (code, "small, far" in err) == (1, True)


def test_output_is_available_in_russian(merlin, monkeypatch):
    monkeypatch.setenv("MERLIN_LANGUAGE", "ru")
    assert "не получена" in merlin("models", "list")[1]


def test_configuration_before_a_subcommand_is_that_of_the_subcommand(capsys, tmp_path):
    code = main(["engine", "--config", str(tmp_path / "x.yaml"), "models", "list"])
    assert (code, "x.yaml" in capsys.readouterr().err) == (2, True)


def test_engine_command_alone_starts_the_server_and_needs_its_key(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MERLIN_ENGINE_KEY", raising=False)
    path = tmp_path / "config.yaml"
    path.write_text("state_dir: s", encoding="utf-8")
    assert main(["engine", "--config", str(path)]) == 2
    assert "MERLIN_ENGINE_KEY" in capsys.readouterr().err
